"""Plugins of the Meltano project: install, upgrade, uninstall, configure, discover, list, validate.

What belongs here: these messages and their handlers. What does not: the work (``flext_pipelines.meltano``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, JsonValue, SecretStr, field_validator, model_validator

from flext_pipelines.commands.message import Command, Context, Query, names_only
from flext_pipelines.meltano.catalogue import PluginType, Stream
from flext_pipelines.meltano.plugin_values import (
    ConfiguredPlugin,
    InstallReport,
    PluginConfig,
    PluginStatus,
    Uninstalled,
    ValidationReport,
)
from flext_pipelines.meltano.setting_types import looks_secret
from flext_pipelines.secrets import without_users

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.meltano.plugins import ProjectPlugins

_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"
_VARIABLE = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_WAIT = "How long to wait for running pipelines and other installations to end; 0 refuses at once."


def _without_credentials(value: str | None) -> str | None:
    """A pip_url goes into meltano.yml, audit and run config, so that it may not carry a token."""
    if value is not None and without_users(value) != value:
        message = "holds credentials: refer to a variable instead, https://$TOKEN@host/..."
        raise ValueError(message)
    if value is not None and value.startswith("-") and not value.startswith(("-e ", "--editable ")):
        message = "begins with an option other than -e"
        raise ValueError(message)
    return value


class InstallPluginCommand(Command[InstallReport]):
    """Install a plugin of the project, or ``all``; with a pip_url or variant also add one that it does not define yet.

    What is installed and right stays untouched, so that sending it again does nothing. A package from a folder is
    installed again when its files have changed. The executable is started once before the plugin counts as installed,
    and its modules are compiled. When anything fails, files and venv are as before.
    """

    performed_in_run: ClassVar[bool] = True

    name: str = Field(pattern=_NAME, description="Name of the plugin, or all.")
    plugin_type: PluginType | None = Field(
        default=None, description="Its type; of a new tap-x or target-x it is known."
    )
    variant: str | None = Field(default=None, pattern=_NAME, description="Variant, for plugins of Meltano Hub.")
    pip_url: str | None = Field(default=None, min_length=1, description="What pip installs: tap-x==1.2, or a folder.")
    force: bool = Field(default=False, description="Install again what is right too.")
    wait_seconds: float = Field(default=0, ge=0, le=86400, description=_WAIT)

    _no_credentials = field_validator("pip_url")(_without_credentials)

    @model_validator(mode="after")
    def _all_has_no_source(self) -> InstallPluginCommand:
        if self.name == "all" and (self.pip_url or self.variant):
            message = "pip_url and variant belong to one plugin, not to all"
            raise ValueError(message)
        return self


class UpgradePluginCommand(Command[InstallReport]):
    """Install another version of a plugin; when that fails, everything is as it was before, byte for byte."""

    performed_in_run: ClassVar[bool] = True

    name: str = Field(pattern=_NAME, description="Name of the plugin.")
    version: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+!/-]*$",
        description="A version, a git reference, or latest; none for packages from a folder.",
    )
    pip_url: str | None = Field(default=None, min_length=1, description="Where to install from, instead of a version.")
    variant: str | None = Field(default=None, pattern=_NAME, description="Another variant.")
    wait_seconds: float = Field(default=0, ge=0, le=86400, description=_WAIT)

    _no_credentials = field_validator("pip_url")(_without_credentials)


class UninstallPluginCommand(Command[Uninstalled]):
    """Remove a plugin: definition, lock file and venv. Refused while a pipeline or another plugin needs it."""

    name: str = Field(pattern=_NAME, description="Name of the plugin.")
    force: bool = Field(default=False, description="Also when pipelines or other plugins need it.")
    wait_seconds: float = Field(default=0, ge=0, le=86400, description=_WAIT)


class ConfigurePluginCommand(Command[ConfiguredPlugin]):
    """Change settings of a plugin; each is checked against its definition before any is written.

    Plain values go into the project's YAML, comments kept; null removes one. Secrets go into the project's ``.env``,
    which only its owner can read, and nowhere else: not into YAML, logs, audit or run config. Since a message in JSON
    shows them masked, a program that sends JSON names variables in ``settings_from_env`` instead.
    """

    never_in_run_config: ClassVar[frozenset[str]] = frozenset({"settings"})

    name: str = Field(pattern=_NAME, description="Name of the plugin.")
    settings: dict[str, JsonValue] = Field(default_factory=dict, description="Setting to value; null removes it.")
    secrets: dict[str, SecretStr] = Field(default_factory=dict, description="Setting to secret value.")
    settings_from_env: dict[str, str] = Field(
        default_factory=dict, description="Setting to the name of a variable whose value becomes a secret in .env."
    )
    environment: str | None = Field(
        default=None, min_length=1, description="Environment whose section is changed; none for the plugin's entry."
    )

    @field_validator("settings")
    @classmethod
    def _no_plain_secret(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """What can be told by its looks is refused before a run config can see it; the handler knows the rest."""
        for name, item in value.items():
            if item is not None and looks_secret(name, item):
                message = f"{name} looks like a secret: give it in `secrets` or `settings_from_env`"
                raise ValueError(message)
        return value

    @field_validator("settings_from_env")
    @classmethod
    def _names_of_variables(cls, value: dict[str, str]) -> dict[str, str]:
        for name, variable in value.items():
            if not _VARIABLE.match(variable):
                message = f"{name}: the name of a variable is wanted, not its value"
                raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _each_once(self) -> ConfigurePluginCommand:
        given = [*self.settings, *self.secrets, *self.settings_from_env]
        if not given:
            message = "give at least one setting"
            raise ValueError(message)
        twice = sorted({name for name in given if given.count(name) > 1})
        if twice:
            message = f"given more than once: {', '.join(twice)}"
            raise ValueError(message)
        return self

    def for_audit(self) -> str:
        """Which settings, without their values: a harmless name and value may be a secret by its definition."""
        return self.model_copy(update={"settings": names_only(self.settings)}).model_dump_json(exclude_none=True)


class DiscoverStreamsCommand(Command[tuple[Stream, ...]]):
    """Ask a tap for its streams and keep the answer for look-ups; select rules are applied as Meltano does."""

    tap: str = Field(pattern=_NAME, description="Name of the tap.")
    environment: str | None = Field(
        default=None, min_length=1, description="Meltano environment instead of the set one."
    )


class ListPluginsQuery(Query[tuple[PluginStatus, ...]]):
    """The plugins of the project: version, whether installed, whether that is still right, and who uses them."""

    plugin_type: PluginType | None = Field(default=None, description="Only plugins of that type.")


class GetPluginConfigQuery(Query[PluginConfig]):
    """The effective settings of a plugin with the place that each comes from; secrets are masked."""

    name: str = Field(pattern=_NAME, description="Name of the plugin.")
    environment: str | None = Field(
        default=None, min_length=1, description="Meltano environment instead of the set one."
    )


class ValidateConfigQuery(Query[ValidationReport]):
    """Everything that is wrong with the project's configuration, each with file, line and what to do."""

    environment: str | None = Field(default=None, min_length=1, description="Only this environment; all when absent.")


def install_plugin(command: InstallPluginCommand, *, plugins: ProjectPlugins, context: Context) -> InstallReport:
    """Install, and add what is new."""
    return plugins.install(
        command.name,
        kind=command.plugin_type,
        variant=command.variant,
        pip_url=command.pip_url,
        force=command.force,
        wait_seconds=command.wait_seconds,
        on_progress=context.on_progress,
    )


def upgrade_plugin(command: UpgradePluginCommand, *, plugins: ProjectPlugins, context: Context) -> InstallReport:
    """Another version, or all as before."""
    return plugins.upgrade(
        command.name,
        version=command.version,
        pip_url=command.pip_url,
        variant=command.variant,
        wait_seconds=command.wait_seconds,
        on_progress=context.on_progress,
    )


def uninstall_plugin(command: UninstallPluginCommand, *, plugins: ProjectPlugins, context: Context) -> Uninstalled:
    """Remove a plugin."""
    return plugins.uninstall(
        command.name, force=command.force, wait_seconds=command.wait_seconds, on_progress=context.on_progress
    )


def configure_plugin(command: ConfigurePluginCommand, *, plugins: ProjectPlugins) -> ConfiguredPlugin:
    """Check and write settings."""
    return plugins.configure(
        command.name,
        values=command.settings,
        secrets=command.secrets,
        from_env=command.settings_from_env,
        environment=command.environment,
    )


def discover_streams(command: DiscoverStreamsCommand, *, plugins: ProjectPlugins) -> tuple[Stream, ...]:
    """Ask a tap."""
    return plugins.discover(command.tap, environment=command.environment)


def list_plugins(query: ListPluginsQuery, *, plugins: ProjectPlugins) -> tuple[PluginStatus, ...]:
    """From the project's files and our records in the venvs."""
    return plugins.status(query.plugin_type)


def get_plugin_config(query: GetPluginConfigQuery, *, plugins: ProjectPlugins) -> PluginConfig:
    """Effective settings."""
    return plugins.config(query.name, environment=query.environment)


def validate_config(query: ValidateConfigQuery, *, plugins: ProjectPlugins) -> ValidationReport:
    """All checks at once."""
    return plugins.validate(query.environment)


HANDLERS: Mapping[type, Callable[..., object]] = {
    InstallPluginCommand: install_plugin,
    UpgradePluginCommand: upgrade_plugin,
    UninstallPluginCommand: uninstall_plugin,
    ConfigurePluginCommand: configure_plugin,
    DiscoverStreamsCommand: discover_streams,
    ListPluginsQuery: list_plugins,
    GetPluginConfigQuery: get_plugin_config,
    ValidateConfigQuery: validate_config,
}
