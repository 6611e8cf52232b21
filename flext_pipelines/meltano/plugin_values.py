"""What plugin messages answer with, as plain values.

What belongs here: these values, so that a message module needs nothing heavier. What does not: making them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, JsonValue

from flext_pipelines.meltano.catalogue import PluginType
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.meltano.project_files import Place


class PluginStatus(Value):
    """One plugin, and how its installation stands.

    Attributes:
        name: Name in ``meltano.yml``.
        type: Meltano's plugin type.
        variant: Variant, where one is set.
        pip_url: What pip installs; credentials inside it are masked.
        inherit_from: The plugin it inherits from.
        installed: False when its venv is missing; True for plugins that need none.
        package: The distribution that brought its executable, where we installed it.
        version: Its version, where we installed it.
        installed_at: When we did; ISO 8601, UTC.
        stale: Why it should be installed again; None when all is as it should be.
        problem: Why Meltano cannot use its definition.
        capabilities: Singer capabilities.
        used_by: Pipelines that need it.
    """

    name: str
    type: PluginType
    variant: str | None = None
    pip_url: str | None = None
    inherit_from: str | None = None
    installed: bool = False
    package: str | None = None
    version: str | None = None
    installed_at: str | None = None
    stale: str | None = None
    problem: str | None = None
    capabilities: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()


class Installed(Value):
    """What became of one plugin.

    Attributes:
        name: The plugin.
        type: Its type.
        action: ``unchanged`` when nothing had to be done, ``not_needed`` for plugins without a package.
        package: The distribution that brought its executable.
        version: Its version now.
        before: Its version before, if it was installed.
        reason: Why it was installed.
        seconds: How long it took.
    """

    name: str
    type: PluginType
    action: Literal["installed", "upgraded", "unchanged", "not_needed"]
    package: str | None = None
    version: str | None = None
    before: str | None = None
    reason: str = ""
    seconds: float = 0


class InstallReport(Value):
    """What an installation came to.

    Attributes:
        plugins: One by one, in the project's order.
        repaired: What an interrupted change before had left half done and was put back first.
        seconds: In all.
    """

    plugins: tuple[Installed, ...]
    repaired: tuple[str, ...] = ()
    seconds: float = 0


class Uninstalled(Value):
    """What was removed with a plugin.

    Attributes:
        name: The plugin.
        type: Its type.
        files: Files of the project that changed or are gone.
        venv: Whether its venv was removed; False when it had none or another plugin uses it.
        left: What is left for the user to decide on: variables in ``.env``.
    """

    name: str
    type: PluginType
    files: tuple[str, ...] = Field(default=())
    venv: bool = False
    left: tuple[str, ...] = ()


Origin = Literal["variable", "dotenv", "environment", "project", "inherited", "default", "unset"]


class SettingValue(Value):
    """One effective setting.

    Attributes:
        name: Name of the setting; extras begin with an underscore (``_select``).
        value: What a run would use, placeholders expanded; masked for secrets, null when unset.
        origin: What kind of place it comes from, by Meltano's precedence: ``variable`` of the process, ``dotenv``,
            ``environment`` section of the project, ``project`` file, ``inherited`` plugin, ``default``, ``unset``.
        where: The place: a variable's name, or file, line and column.
        secret: Whether the value is masked.
        kind: Meltano's kind of setting.
        required: Whether every group of required settings names it.
        description: From the definition.
        problem: Why the value cannot be used, in a sentence.
    """

    name: str
    value: JsonValue = None
    origin: Origin = "unset"
    where: str = ""
    secret: bool = False
    kind: str = ""
    required: bool = False
    description: str = ""
    problem: str | None = None


class PluginConfig(Value):
    """The effective settings of a plugin in one environment.

    Attributes:
        plugin: The plugin.
        type: Its type.
        environment: The Meltano environment.
        settings: Settings, then extras, in the definition's order.
    """

    plugin: str
    type: PluginType
    environment: str
    settings: tuple[SettingValue, ...]


class StoredSetting(Value):
    """Where a setting was put.

    Attributes:
        name: The setting.
        stored: ``file:line:column`` in the project, or the variable in ``.env``; empty when it was removed.
        shadowed_by: What has precedence and hides the new value from runs; empty when nothing does.
    """

    name: str
    stored: str = ""
    shadowed_by: str = ""


class ConfiguredPlugin(Value):
    """What a change of settings came to.

    Attributes:
        plugin: The plugin.
        environment: The environment whose section was changed; None for the plugin's own entry.
        settings: One by one.
    """

    plugin: str
    environment: str | None = None
    settings: tuple[StoredSetting, ...] = Field(default=())


Severity = Literal["error", "warning"]


class ConfigProblem(Value):
    """One thing that is wrong.

    Attributes:
        severity: ``error`` when a run would fail or do something else than was meant.
        code: What kind of thing, stable, for programs: ``unknown_setting``, ``missing_setting``, ...
        message: What is wrong, in a sentence.
        instruction: What to do.
        file: File of the project.
        line: Line from 1.
        column: Column from 1.
        plugin: The plugin it is about.
        environment: The Meltano environment in which it is wrong; None when in all.
    """

    severity: Severity
    code: str
    message: str
    instruction: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    plugin: str | None = None
    environment: str | None = None

    @classmethod
    def at(
        cls,
        place: Place,
        severity: Severity,
        code: str,
        message: str,
        instruction: str = "",
        *,
        plugin: str | None = None,
        environment: str | None = None,
    ) -> Self:
        """A problem at a place of the project's files."""
        return cls(
            severity=severity,
            code=code,
            message=message,
            instruction=instruction,
            file=place.file,
            line=place.line,
            column=place.column,
            plugin=plugin,
            environment=environment,
        )


class ValidationReport(Value):
    """What a validation found.

    Attributes:
        ok: True when there is no error; warnings may be there.
        environments: The environments that were checked.
        problems: In the order of the files.
    """

    ok: bool
    environments: tuple[str, ...]
    problems: tuple[ConfigProblem, ...] = ()
