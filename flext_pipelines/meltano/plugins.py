"""The port that plugin messages are handled with: the plugins of one project, listed, configured, installed.

What belongs here: the listing, and joining the modules that do the work. What does not: that work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue, SecretStr

from flext_pipelines.errors import NotFoundError
from flext_pipelines.meltano import venvs
from flext_pipelines.meltano.catalogue import Plugin, PluginType
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.introspection import read_catalogue
from flext_pipelines.meltano.plugin_values import PluginStatus
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.meltano.redaction import dotenv_values
from flext_pipelines.settings import environment as process_environment
from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Stream
    from flext_pipelines.meltano.plugin_values import (
        ConfiguredPlugin,
        InstallReport,
        PluginConfig,
        Uninstalled,
        ValidationReport,
    )
    from flext_pipelines.settings import Settings


class ProjectPlugins:
    """The plugins of one project.

    Args:
        project: The project.
        places: Variables that its files refer to and that are ours to give: ``FLEXT_WAREHOUSE_URL``.
    """

    def __init__(self, project: MeltanoProject, places: Mapping[str, str | SecretStr] | None = None) -> None:
        self.project = project
        self._places = dict(places or {})

    @classmethod
    def from_settings(cls, settings: Settings, places: Mapping[str, str | SecretStr] | None = None) -> ProjectPlugins:
        """The plugins of the project that the settings name."""
        return cls(MeltanoProject.from_settings(settings), places)

    def status(self, kind: PluginType | None = None) -> tuple[PluginStatus, ...]:
        """Every plugin, or those of a type, in the project's order."""
        catalogue = read_catalogue(self.project)
        variables = child_environment(self.project, process_environment()) | dotenv_values(self.project.root / ".env")
        users: dict[str, list[str]] = {}
        for pipeline in catalogue.pipelines:
            named = {b for block in pipeline.blocks for b in (block.tap, block.target, block.plugin, *block.mappers)}
            for name in named:
                users.setdefault(name or "", []).append(pipeline.name)
        return tuple(
            self._status(plugin, variables, users) for plugin in catalogue.plugins if kind in {None, plugin.type}
        )

    def _status(self, plugin: Plugin, variables: Mapping[str, str], users: Mapping[str, Sequence[str]]) -> PluginStatus:
        venv = venvs.venv_of(self.project, plugin)
        record = venvs.read_record(venv) if venv else None
        used_by = dict.fromkeys(user for name in (plugin.name, *plugin.mappings) for user in users.get(name, ()))
        return PluginStatus(
            name=plugin.name,
            type=plugin.type,
            variant=plugin.variant,
            pip_url=plugin.pip_url,
            inherit_from=plugin.inherit_from,
            installed=plugin.installed and plugin.problem is None,
            package=record.package if record else None,
            version=record.version if record else None,
            installed_at=record.installed_at if record else None,
            stale=venvs.is_stale(self.project, plugin, variables),
            problem=plugin.problem,
            capabilities=plugin.capabilities,
            used_by=tuple(used_by),
        )

    def config(self, name: str, *, environment: str | None = None) -> PluginConfig:
        """The effective settings of a plugin, and where each comes from."""
        from flext_pipelines.meltano.config import get_config

        return get_config(self.project.in_environment(environment), name, extra=self._places)

    def configure(
        self,
        name: str,
        *,
        values: Mapping[str, JsonValue],
        secrets: Mapping[str, SecretStr],
        from_env: Mapping[str, str],
        environment: str | None,
    ) -> ConfiguredPlugin:
        """Change settings; those ``from_env`` take the value that a variable of this process has now.

        Raises:
            NotFoundError: A variable is not set.
        """
        from flext_pipelines.meltano.configure import configure

        seen = process_environment()
        taken = dict(secrets)
        for setting, variable in from_env.items():
            if variable not in seen:
                raise NotFoundError(
                    f"Variable {variable}, for setting {setting!r} of {name}, is not set",
                    "Export it in the shell, or set it where the Dagster code location runs",
                    {"variable": variable, "setting": setting},
                )
            taken[setting] = SecretStr(seen[variable])
        return configure(self.project, name, values=values, secrets=taken, environment=environment)

    def validate(self, environment: str | None = None) -> ValidationReport:
        """Everything that is wrong with the project's configuration."""
        from flext_pipelines.meltano.validation import validate

        return validate(self.project, environment, extra=self._places)

    def discover(self, tap: str, *, environment: str | None = None) -> tuple[Stream, ...]:
        """Ask a tap for its streams, and keep what it says."""
        from flext_pipelines.meltano.discovery import discover

        return discover(self.project.in_environment(environment), tap, extra=self._places)

    def install(
        self,
        name: str,
        *,
        kind: PluginType | None = None,
        variant: str | None = None,
        pip_url: str | None = None,
        force: bool = False,
        wait_seconds: float = 0,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> InstallReport:
        """Install a plugin, adding it first when it is new and says what it is; ``all`` installs every one."""
        from flext_pipelines.meltano.install import Installer

        installer = Installer(self.project, on_progress, wait_seconds=wait_seconds)
        if name == "all":
            return installer.install(kind=kind, force=force)
        known = read_catalogue(self.project).plugin(name, kind)
        if known is None and (variant or pip_url):
            return installer.add(name, kind, variant=variant, pip_url=pip_url)
        if known is not None and (variant or pip_url):
            return installer.upgrade(name, variant=variant, pip_url=pip_url)
        return installer.install((name,), kind=kind, force=force)

    def upgrade(
        self,
        name: str,
        *,
        version: str | None,
        pip_url: str | None,
        variant: str | None,
        wait_seconds: float = 0,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> InstallReport:
        """Install another version of a plugin, or leave all as it was."""
        from flext_pipelines.meltano.install import Installer

        installer = Installer(self.project, on_progress, wait_seconds=wait_seconds)
        return installer.upgrade(name, version=version, pip_url=pip_url, variant=variant)

    def uninstall(
        self,
        name: str,
        *,
        force: bool,
        wait_seconds: float = 0,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> Uninstalled:
        """Remove a plugin from the project."""
        from flext_pipelines.meltano.install import Installer

        return Installer(self.project, on_progress, wait_seconds=wait_seconds).uninstall(name, force=force)
