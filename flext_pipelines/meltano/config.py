"""The effective settings of a plugin, and where each comes from.

What belongs here: reading. What does not: changing (``configure``), types (``setting_types``), ``.env`` (``dotenv``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, cast

from pydantic import SecretStr

from flext_pipelines.meltano.catalogue import PluginType
from flext_pipelines.meltano.dotenv import read_dotenv
from flext_pipelines.meltano.opening import opened_project, resolved_plugin
from flext_pipelines.meltano.plugin_values import Origin, PluginConfig, SettingValue
from flext_pipelines.meltano.project_files import Keys, ProjectFiles, YamlFile
from flext_pipelines.meltano.setting_types import is_secret, shown
from flext_pipelines.secrets import MASK
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from meltano.core.plugin.project_plugin import ProjectPlugin
    from meltano.core.setting_definition import SettingDefinition

    from flext_pipelines.meltano.library import OpenedProject, PluginSettings
    from flext_pipelines.meltano.project import MeltanoProject


def get_config(
    project: MeltanoProject, name: str, *, extra: Mapping[str, str | SecretStr] | None = None
) -> PluginConfig:
    """The effective settings of a plugin.

    The system database, where Meltano 1 kept settings, is not asked.

    Args:
        project: The project, in the environment to look at.
        name: The plugin.
        extra: Variables that runs are given by us.

    Raises:
        PluginMissingError: The project defines no such plugin, or its definition cannot be resolved.
        ConfigError: A file of the project is wrong.
    """
    with opened_project(project, extra=extra) as (opened, files):
        plugin = resolved_plugin(opened, name)
        reader = _Reader(project, opened, files)
        settings = opened.settings(plugin)
        definitions = list(settings.definitions())
        required = required_settings(plugin)
        found = [reader.effective(settings, definition, required) for definition in definitions]
        return PluginConfig(
            plugin=name,
            type=plugin_type(plugin),
            environment=project.environment,
            settings=tuple(sorted(found, key=lambda item: item.name.startswith("_"))),
        )


def required_settings(plugin: ProjectPlugin) -> frozenset[str]:
    """The settings that every group of ``settings_group_validation`` names."""
    groups = [frozenset(group) for group in plugin.settings_group_validation or []]
    return frozenset.intersection(*groups) if groups else frozenset()


def plugin_type(plugin: ProjectPlugin) -> PluginType:
    """The type of a plugin of the library, as the catalogue spells it."""
    return cast("PluginType", plugin.type.value)


def config_path(file: YamlFile, section: Keys, setting: str) -> Keys | None:
    """Where a setting stands in a plugin's entry, flat (``a.b: 1``) or nested (``a: {b: 1}``); None when nowhere."""
    start = (setting[1:],) if setting.startswith("_") else ("config", setting)
    top: Keys = (*section, *start[:-1])
    name = str(start[-1])
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        key = ".".join(parts[:cut])
        here = file.value(top)
        if isinstance(here, Mapping) and key in here:
            if cut == len(parts):
                return (*top, key)
            return _nested_path(file, (*top, key), parts[cut:])
    return None


def _nested_path(file: YamlFile, top: Keys, parts: list[str]) -> Keys | None:
    for cut in range(len(parts), 0, -1):
        key = ".".join(parts[:cut])
        here = file.value(top)
        if isinstance(here, Mapping) and key in here:
            return (*top, key) if cut == len(parts) else _nested_path(file, (*top, key), parts[cut:])
    return None


class _Reader:
    """Tells where effective values come from."""

    def __init__(self, project: MeltanoProject, opened: OpenedProject, files: ProjectFiles) -> None:
        self._opened = opened
        self._files = files
        self._environment = project.environment
        self._dotenv = read_dotenv(project.root)
        self._process = process_environment()

    def effective(
        self, settings: PluginSettings, definition: SettingDefinition, required: frozenset[str]
    ) -> SettingValue:
        """One setting with its origin."""
        from flext_pipelines.meltano.library import SETTING_ERRORS

        problem = None
        value: object = None
        origin: Origin = "unset"
        where = ""
        try:
            value, metadata = settings.get_with_metadata(definition.name, setting_def=definition)
            origin, where = self._origin(settings, definition, metadata, value)
        except SETTING_ERRORS:
            problem = (
                "its value cannot be used: it is not of the setting's type, or two variables contradict each other"
            )
        secret = is_secret(definition, definition.name, value)
        return SettingValue(
            name=definition.name,
            value=None if value is None else MASK if secret else shown(value),
            origin=origin,
            where=where,
            secret=secret,
            kind=str(definition.kind.value) if definition.kind else "",
            required=definition.name in required,
            description=definition.description or definition.label or "",
            problem=problem,
        )

    def _origin(
        self, settings: PluginSettings, definition: SettingDefinition, metadata: Mapping[str, object], value: object
    ) -> tuple[Origin, str]:
        source = str(metadata["source"])
        found = self._SOURCES.get(source)
        if value is None and source in {"default", "auto", "inherited"}:
            return "unset", ""
        return found(self, settings, definition, metadata) if found else ("default", "")

    def _variable(self, _: PluginSettings, __: SettingDefinition, metadata: Mapping[str, object]) -> tuple[Origin, str]:
        name = str(metadata.get("env_var", ""))
        if name in self._process:
            return "variable", name
        for file in self._files.files:  # else it is set under an `env:` of the project
            for keys in _env_sections(file):
                section = file.value(keys)
                if isinstance(section, Mapping) and name in section:
                    return "variable", f"{name} at {file.place((*keys, name))}"
        return "variable", name

    def _in_dotenv(
        self, _: PluginSettings, __: SettingDefinition, metadata: Mapping[str, object]
    ) -> tuple[Origin, str]:
        name = str(metadata.get("env_var", ""))
        found = self._dotenv.get(name)
        return "dotenv", f".env:{found.line}" if found else name

    def _in_environment(
        self, settings: PluginSettings, definition: SettingDefinition, metadata: Mapping[str, object]
    ) -> tuple[Origin, str]:
        plugin = settings.plugin
        entry = self._files.environment_entry(self._environment, plugin.type.value, plugin.name)
        return "environment", self._place(entry, str(metadata.get("key", definition.name)))

    def _in_project(
        self, settings: PluginSettings, definition: SettingDefinition, metadata: Mapping[str, object]
    ) -> tuple[Origin, str]:
        entry = self._files.definition(settings.plugin.name, plugin_type(settings.plugin))
        place = (entry.file, entry.keys) if entry else None
        return "project", self._place(place, str(metadata.get("key", definition.name)))

    def _inherited(
        self, settings: PluginSettings, definition: SettingDefinition, _: Mapping[str, object]
    ) -> tuple[Origin, str]:
        parent = settings.inherited_settings_service
        if parent is None:
            return "inherited", ""
        value, metadata = parent.get_with_metadata(definition.name)
        origin, where = self._origin(cast("PluginSettings", parent), definition, metadata, value)
        return ("default", "") if origin == "default" else ("inherited", f"{parent.plugin.name}: {where}")

    def _place(self, entry: tuple[YamlFile, Keys] | None, key: str) -> str:
        if entry is None:
            return ""
        file, keys = entry
        return str(file.place(config_path(file, keys, key) or keys))

    _SOURCES: Mapping[str, Callable[..., tuple[Origin, str]]] = {
        "env": _variable,
        "dotenv": _in_dotenv,
        "meltano_environment": _in_environment,
        "meltano_yml": _in_project,
        "inherited": _inherited,
    }


def _env_sections(file: YamlFile) -> Iterator[Keys]:
    """Every place of a file where ``env:`` may stand."""
    yield ("env",)
    environments = file.value(("environments",))
    for index in range(len(environments) if isinstance(environments, list) else 0):
        yield ("environments", index, "env")
    for section in ("plugins",):
        kinds = file.value((section,))
        for kind in kinds if isinstance(kinds, Mapping) else ():
            listed = file.value((section, kind))
            for index in range(len(listed) if isinstance(listed, list) else 0):
                yield (section, kind, index, "env")
