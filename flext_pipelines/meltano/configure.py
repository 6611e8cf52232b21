"""Changes of a plugin's settings, each put where it belongs: plain ones in the project's files, secrets in ``.env``.

What belongs here: checking and writing. What does not: types (``setting_types``), the ``.env`` file (``dotenv``),
effective values (``config``).
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING

from pydantic import JsonValue, SecretStr

from flext_pipelines.errors import PluginConfigError, PluginMissingError
from flext_pipelines.meltano.config import config_path, plugin_type
from flext_pipelines.meltano.dotenv import read_dotenv, set_variables
from flext_pipelines.meltano.locks import hold_files
from flext_pipelines.meltano.opening import opened_project, resolved_plugin
from flext_pipelines.meltano.plugin_values import ConfiguredPlugin, StoredSetting
from flext_pipelines.meltano.project_files import Definition, Keys, ProjectFiles, YamlFile, read_project_files, save
from flext_pipelines.meltano.setting_types import (
    PLACEHOLDER,
    checked,
    find_definition,
    is_secret,
    unknown_setting,
)
from flext_pipelines.secrets import MASK
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from meltano.core.setting_definition import SettingDefinition

    from flext_pipelines.meltano.library import PluginSettings
    from flext_pipelines.meltano.project import MeltanoProject


def configure(
    project: MeltanoProject,
    name: str,
    *,
    values: Mapping[str, JsonValue],
    secrets: Mapping[str, SecretStr],
    environment: str | None = None,
) -> ConfiguredPlugin:
    """Change settings of a plugin: plain ones in the project's files, secret ones in its ``.env``.

    Everything is checked before anything is written. A null removes a setting from where it would be put. A secret
    that stood in a file in plain text is removed from there.

    Args:
        project: The project.
        name: The plugin.
        values: Plain values by setting.
        secrets: Secret values by setting; also settings that are not secret may be given so.
        environment: The environment whose section is changed; None for the plugin's own entry. ``.env`` has no
            sections: a secret is the same in all environments.

    Raises:
        PluginMissingError: The project defines no such plugin.
        PluginConfigError: A setting is unknown, of the wrong type, or secret but not given as one.
        AlreadyRunningError: Somebody else changes the files right now.
    """
    with hold_files(project, "change settings"), opened_project(project, environment) as (opened, files):
        plugin = resolved_plugin(opened, name)
        settings = opened.settings(plugin)
        definition = files.definition(name, plugin_type(plugin))
        if definition is None:
            raise PluginMissingError(f"No file of the project defines {name!r}", "Add it to meltano.yml")
        known = {found.name: found for found in settings.definitions()}
        plan = _Plan(name, known)
        for setting, value in values.items():
            plan.plain(setting, value)
        for setting, secret in secrets.items():
            plan.secret(setting, secret)
        stored = _write(project, files, definition, settings, plan, environment)
        return ConfiguredPlugin(plugin=name, environment=environment, settings=tuple(stored))


class _Plan:
    """What goes where, checked."""

    def __init__(self, plugin: str, known: Mapping[str, SettingDefinition]) -> None:
        self._plugin = plugin
        self._known = known
        self.to_files: dict[str, JsonValue] = {}
        self.to_dotenv: dict[str, SecretStr | None] = {}

    def definition(self, setting: str) -> SettingDefinition | None:
        found = find_definition(self._known, setting)
        defined = [d for d in self._known.values() if not d.is_extra and not d.is_custom]
        if found is None and (defined or setting.startswith("_")):
            names = [definition.name for definition in self._known.values()]
            raise unknown_setting(self._plugin, setting, [n for n in names if setting.startswith("_") or n[0] != "_"])
        return found  # a plugin whose definition lists no settings takes any

    def plain(self, setting: str, value: JsonValue) -> None:
        definition = self.definition(setting)
        name = definition.name if definition and setting in (definition.aliases or []) else setting
        reference = isinstance(value, str) and PLACEHOLDER.fullmatch(value)
        if not reference and is_secret(definition, setting, value):
            if value is not None:
                raise PluginConfigError(
                    f"Setting {setting!r} of {self._plugin} is a secret and was given as plain text",
                    "Give it as a secret or by the name of a variable, and change it where it is in use",
                    {"plugin": self._plugin, "setting": setting},
                )
            self.to_dotenv[name] = None
        elif definition is None or definition.name != name:
            self.to_files[name] = value
        else:
            self.to_files[name] = checked(self._plugin, definition, value)

    def secret(self, setting: str, value: SecretStr) -> None:
        definition = self.definition(setting)
        plain = value.get_secret_value()
        if plain == MASK:
            raise PluginConfigError(
                f"Setting {setting!r} of {self._plugin} was given as a mask, not as a value",
                "A message that went through JSON has lost its secrets: name a variable instead",
                {"plugin": self._plugin, "setting": setting},
            )
        whole = definition is not None and (definition.name == setting or setting in (definition.aliases or []))
        if definition is None or not whole:
            raise PluginConfigError(
                f"{self._plugin} does not define {setting!r}, and Meltano reads only defined settings from .env",
                "List it under `settings:` of the plugin, with `sensitive: true`",
                {"plugin": self._plugin, "setting": setting},
            )
        checked(self._plugin, definition, plain)
        self.to_dotenv[definition.name] = value

    def variables(self, settings: PluginSettings, setting: str) -> list[str]:
        """The variables that Meltano reads a setting from; it writes the first."""
        known = find_definition(self._known, setting)
        if known is None or known.name != setting:
            return []
        return [found.key for found in settings.setting_env_vars(known)]


def _write(
    project: MeltanoProject,
    files: ProjectFiles,
    definition: Definition,
    settings: PluginSettings,
    plan: _Plan,
    environment: str | None,
) -> list[StoredSetting]:
    """First secrets, then files: a crash in between leaves a plain secret where it was, never nowhere."""
    _write_secrets(project, settings, plan)
    changed: dict[str, YamlFile] = {}
    for setting in plan.to_dotenv:
        for file, section in _sections(files, definition, environment):
            if _remove(file, section, setting):
                changed[file.name] = file
    written: dict[str, tuple[str, Keys]] = {}
    for setting, value in plan.to_files.items():
        file, section = _section(files, definition, environment)
        if value is None:
            _remove(file, section, setting)
        else:
            written[setting] = (file.name, _put(file, section, setting, value))
        changed[file.name] = file
    for file in changed.values():
        save(file)
    found = _stored(project, settings, plan, written)
    return [_with_section_shadow(item, files, definition, project, environment) for item in found]


def _write_secrets(project: MeltanoProject, settings: PluginSettings, plan: _Plan) -> None:
    """Into ``.env``; other variables that Meltano would read the same setting from are removed, as it does itself."""
    values: dict[str, SecretStr] = {}
    others: set[str] = set()
    for setting, secret in plan.to_dotenv.items():
        names = plan.variables(settings, setting)
        others.update(names)
        if secret is not None:
            values[names[0]] = secret
    if others:
        set_variables(project.root, values, remove=others)


def _stored(
    project: MeltanoProject, settings: PluginSettings, plan: _Plan, written: Mapping[str, tuple[str, Keys]]
) -> list[StoredSetting]:
    """Where each setting is now, and what hides it."""
    files = {file.name: file for file in read_project_files(project.root).files}
    found = []
    for setting in (*plan.to_files, *plan.to_dotenv):
        stored = ""
        if setting in written:
            name, keys = written[setting]
            stored = str(files[name].place(keys))
        elif plan.to_dotenv.get(setting) is not None:
            stored = f"{plan.variables(settings, setting)[0]} in .env"
        shadow = _shadow(setting, settings, plan, project)
        found.append(StoredSetting(name=setting, stored=stored, shadowed_by=shadow))
    return found


def _shadow(setting: str, settings: PluginSettings, plan: _Plan, project: MeltanoProject) -> str:
    """What has precedence over the place where a setting was put."""
    names = plan.variables(settings, setting)
    seen = process_environment()
    shadows = [f"variable {name}" for name in names if name in seen]
    if setting in plan.to_files:
        kept = read_dotenv(project.root)
        shadows += [f"{name} in .env" for name in names if name in kept]
    return shadows[0] if shadows else ""


def _with_section_shadow(
    item: StoredSetting, files: ProjectFiles, definition: Definition, project: MeltanoProject, environment: str | None
) -> StoredSetting:
    """A plugin's own entry is hidden by the section of the environment that we run in."""
    there = files.environment_entry(project.environment, definition.type, definition.name)
    if environment is not None or item.shadowed_by or not item.stored or there is None or " in .env" in item.stored:
        return item
    file, keys = there
    path = config_path(file, keys, item.name)
    if path is None:
        return item
    return item.model_copy(update={"shadowed_by": f"environment {project.environment} at {file.place(path)}"})


def _section(files: ProjectFiles, definition: Definition, environment: str | None) -> tuple[YamlFile, Keys]:
    """Where plain values go; made when it is not there yet. Extras stand beside ``config``, not in it."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    if environment is None:
        return definition.file, definition.keys
    found = files.environment_entry(environment, definition.type, definition.name)
    if found is not None:
        return found
    file, keys, entry = next(e for e in files.entries("environments") if e[2].get("name") == environment)
    here: MutableMapping[str, object] = entry
    for key in ("config", "plugins"):
        below = here.get(key)
        if not isinstance(below, MutableMapping):
            below = here[key] = CommentedMap()
        here = below
    listed = here.get(definition.type)
    if not isinstance(listed, list):
        listed = here[definition.type] = CommentedSeq()
    listed.append(CommentedMap(name=definition.name))
    return file, (*keys, "config", "plugins", definition.type, len(listed) - 1)


def _sections(files: ProjectFiles, definition: Definition, environment: str | None) -> list[tuple[YamlFile, Keys]]:
    """Every section in which a setting of the plugin may stand."""
    found = [(definition.file, definition.keys)]
    if environment is not None:
        there = files.environment_entry(environment, definition.type, definition.name)
        found += [there] if there else []
    return found


def _put(file: YamlFile, section: Keys, setting: str, value: JsonValue) -> Keys:
    """Set a value where it stands already, else flat in ``config``."""
    from ruamel.yaml.comments import CommentedMap

    path = config_path(file, section, setting)
    if path is None:
        path = (*section, setting[1:]) if setting.startswith("_") else (*section, "config", setting)
    entry = file.value(section)
    if (
        not setting.startswith("_")
        and isinstance(entry, MutableMapping)
        and not isinstance(entry.get("config"), Mapping)
    ):
        entry["config"] = CommentedMap()
    holder = file.value(path[:-1])
    if isinstance(holder, MutableMapping):
        holder[str(path[-1])] = value
    return path


def _remove(file: YamlFile, section: Keys, setting: str) -> bool:
    path = config_path(file, section, setting)
    holder = file.value(path[:-1]) if path else None
    if path is None or not isinstance(holder, MutableMapping):
        return False
    del holder[str(path[-1])]
    return True
