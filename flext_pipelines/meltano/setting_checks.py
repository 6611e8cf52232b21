"""Checks on the settings of plugins: unknown, of the wrong type, missing, with placeholders that nothing fills.

What belongs here: these checks, for one environment. What does not: the report (``validation``).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from meltano.core.utils import flatten
from pydantic import SecretStr

from flext_pipelines.errors import PluginConfigError
from flext_pipelines.meltano.config import config_path
from flext_pipelines.meltano.dotenv import read_dotenv
from flext_pipelines.meltano.library import SETTING_ERRORS
from flext_pipelines.meltano.opening import opened_project
from flext_pipelines.meltano.plugin_values import ConfigProblem, Severity
from flext_pipelines.meltano.project_files import Definition, Keys, Place, ProjectFiles, YamlFile
from flext_pipelines.meltano.setting_types import PLACEHOLDER, checked, find_definition, is_secret

if TYPE_CHECKING:
    from meltano.core.plugin.project_plugin import ProjectPlugin
    from meltano.core.setting_definition import SettingDefinition

    from flext_pipelines.meltano.library import PluginSettings
    from flext_pipelines.meltano.project import MeltanoProject


_GIVEN_BY_MELTANO = ("MELTANO_",)
"""``$MELTANO_EXTRACT__LOAD_SCHEMA`` and the like, which a run fills from the block that the plugin stands in."""


def check_settings(
    project: MeltanoProject,
    files: ProjectFiles,
    used: set[str],
    extra: Mapping[str, str | SecretStr],
    given: Mapping[str, Collection[str]],
) -> Iterator[ConfigProblem]:
    """The settings of every plugin in the project's environment.

    Args:
        project: The project, in the environment to check.
        files: Its files.
        used: Plugins that a pipeline needs; what is missing for others is a warning.
        extra: Variables that runs are given by us.
        given: Variables that only the runs of some plugins are given, by plugin: their partition.
    """
    with opened_project(project, extra=extra) as (opened, _):
        variables = set(read_dotenv(project.root))
        for definition in files.definitions():
            plugin = opened.find(definition.name, definition.type)
            if plugin is None or opened.resolve(plugin) is not None:
                continue
            filled = variables | set(given.get(plugin.name, ()))
            check = _PluginCheck(project.environment, files, definition, opened.settings(plugin), filled)
            yield from check.unknown_and_mistyped()
            severity: Severity = "error" if plugin.name in used else "warning"
            yield from check.unfilled(severity)
            yield from check.missing(plugin, severity)
        yield from _unknown_plugins(project.environment, files)


def _unknown_plugins(environment: str, files: ProjectFiles) -> Iterator[ConfigProblem]:
    """Plugins that only an environment speaks of."""
    known = {(definition.type, definition.name) for definition in files.definitions()}
    for file, keys, data in files.entries("environments"):
        if data.get("name") != environment:
            continue
        kinds = file.value((*keys, "config", "plugins"))
        for kind in kinds if isinstance(kinds, Mapping) else ():
            listed = file.value((*keys, "config", "plugins", kind))
            for index, item in enumerate(listed if isinstance(listed, list) else []):
                name = item.get("name") if isinstance(item, Mapping) else None
                if (kind, name) not in known:
                    place = file.place((*keys, "config", "plugins", kind, index, "name"))
                    message = f"environment {environment!r} configures {name!r}, which is no plugin of type {kind}"
                    yield ConfigProblem.at(place, "warning", "unknown_plugin", message, "Rename or remove it")


class _PluginCheck:
    """The settings of one plugin in one environment."""

    def __init__(
        self,
        environment: str,
        files: ProjectFiles,
        definition: Definition,
        settings: PluginSettings,
        filled: set[str],
    ) -> None:
        self._environment = environment
        self._definition = definition
        self._settings = settings
        self._name = definition.name
        self._sections: list[tuple[YamlFile, Keys]] = [(definition.file, definition.keys)]
        there = files.environment_entry(environment, definition.type, definition.name)
        if there is not None:
            self._sections.append(there)
        self._defined = {d.name: d for d in settings.definitions(extras=False) if not d.is_custom}
        self._filled = filled | set(settings.env)

    def _values(self) -> Iterator[tuple[YamlFile, Keys, str, object]]:
        """Every value under ``config``, by flat name."""
        for file, section in self._sections:
            config = file.value((*section, "config"))
            if not isinstance(config, Mapping):
                continue
            for name, value in flatten(dict(config), "dot").items():
                yield file, section, str(name), value

    def unknown_and_mistyped(self) -> Iterator[ConfigProblem]:
        """Names that the definition does not have, values that do not fit, secrets in plain text."""
        for file, section, name, value in self._values():
            place = file.place(config_path(file, section, name) or section)
            definition = find_definition(self._defined, name)
            if definition is None:
                if self._defined and not self._parent_is_known(name):
                    yield self._problem(place, "warning", "unknown_setting", *self._unknown(name))
                continue
            if definition.name == name and isinstance(value, (str, int, float, bool, list)):
                yield from self._mistyped(definition, value, place)
            plain = isinstance(value, str) and value and not PLACEHOLDER.search(value)
            if plain and is_secret(definition, name, value):
                yield self._problem(
                    place,
                    "warning",
                    "secret_in_file",
                    f"secret setting {name!r} of {self._name} stands in the file in plain text",
                    f"Put it into .env: `flext plugins configure {self._name}`",
                )

    def _parent_is_known(self, name: str) -> bool:
        return any(known.startswith(f"{name.partition('.')[0]}.") for known in self._defined)

    def _unknown(self, name: str) -> tuple[str, str]:
        near = difflib.get_close_matches(name, list(self._defined), 1)
        message = f"{self._name} has no setting {name!r}"
        return message, f"Did you mean {near[0]}?" if near else "Remove it, or list it under `settings:` of the plugin"

    def _mistyped(
        self, definition: SettingDefinition, value: str | float | bool | list[object], place: Place
    ) -> Iterator[ConfigProblem]:
        try:
            checked(self._name, definition, list(map(str, value)) if isinstance(value, list) else value)
        except PluginConfigError as error:
            yield self._problem(place, "error", "wrong_type", error.reason, error.instruction)

    def unfilled(self, severity: Severity) -> Iterator[ConfigProblem]:
        """Placeholders that no variable fills; Meltano would put nothing there, without a word."""
        for file, section, name, value in self._values():
            for text in value if isinstance(value, list) else [value]:
                found = PLACEHOLDER.finditer(text) if isinstance(text, str) else ()
                names = [m[1] or m[2] for m in found]
                missing = [n for n in names if n not in self._filled and not n.startswith(_GIVEN_BY_MELTANO)]
                if missing:
                    place = file.place(config_path(file, section, name) or section)
                    named = ", ".join(f"${name}" for name in missing)
                    message = f"setting {name!r} of {self._name} refers to {named}, which nothing sets"
                    yield self._problem(place, severity, "unresolved_placeholder", message, "Set it in .env")

    def missing(self, plugin: ProjectPlugin, severity: Severity) -> Iterator[ConfigProblem]:
        """Required settings without a value: of several groups, the one that lacks the least."""
        groups = [tuple(group) for group in plugin.settings_group_validation or []]
        lacking = [[name for name in group if not self._has_value(name)] for group in groups]
        if not lacking or any(not names for names in lacking):
            return
        fewest = min(lacking, key=len)
        named = ", ".join(repr(name) for name in fewest)
        other = f" (or another of its {len(groups)} sets of settings)" if len(groups) > 1 else ""
        yield self._problem(
            self._definition.place(),
            severity,
            "missing_setting",
            f"{self._name} needs {named}{other}",
            f"`flext plugins configure {self._name}` sets it",
        )

    def _has_value(self, name: str) -> bool:
        try:
            value, _ = self._settings.get_with_metadata(name)
        except SETTING_ERRORS:
            return True  # it has one, which does not fit; told elsewhere
        return value is not None and value != ""

    def _problem(self, place: Place, severity: Severity, code: str, message: str, instruction: str) -> ConfigProblem:
        return ConfigProblem.at(
            place, severity, code, message, instruction, plugin=self._name, environment=self._environment
        )
