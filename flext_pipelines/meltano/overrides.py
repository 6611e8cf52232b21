"""Settings that are given with one run: as variables, and never a secret among them.

What a run is given is stored as Dagster's run config and shown in its UI, so a secret is refused here, before
anything is stored. What counts as one is judged as for ``configure``: by Meltano's own reading of the plugin, with
all that it inherits, and by its looks where no definition speaks.

What belongs here: these settings. What does not: settings that stay (``configure``), what else a run means (``plan``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import JsonValue

from flext_pipelines.errors import ForbiddenError
from flext_pipelines.meltano.environment import variable

if TYPE_CHECKING:
    from meltano.core.setting_definition import SettingDefinition

    from flext_pipelines.meltano.library import OpenedProject
    from flext_pipelines.meltano.project import MeltanoProject


def override_variables(project: MeltanoProject, overrides: Mapping[str, Mapping[str, JsonValue]]) -> dict[str, str]:
    """Settings of plugins for one run: variables of the environment, Meltano's highest level but for flags.

    Costs an import of Meltano's library (0.3 s, once) where anything is overridden, and nothing otherwise.

    Args:
        project: The project, in the environment of the run.
        overrides: Plugin to setting to value.

    Raises:
        ForbiddenError: A setting is a secret, or its value holds one.
        PluginConfigError: The plugin has no such setting, so that Meltano would pass over it without a word; or the
            value is of another type.
        PluginMissingError: The project defines no such plugin.
        ConfigError: A file of the project is wrong.
    """
    if not any(overrides.values()):
        return {}
    from flext_pipelines.meltano.opening import opened_project

    with opened_project(project) as (opened, _):
        return {
            variable(plugin, setting): _allowed(plugin, setting, value, definitions)
            for plugin, settings in overrides.items()
            for definitions in (_definitions(opened, plugin),)
            for setting, value in settings.items()
        }


def _definitions(opened: OpenedProject, plugin: str) -> dict[str, SettingDefinition]:
    """A plugin's settings, inherited ones included, by name and by every variable that Meltano reads them from.

    By variable too, because that is how an override reaches Meltano: ``sqlalchemy-url`` would set ``sqlalchemy_url``.
    """
    from flext_pipelines.meltano.opening import resolved_plugin

    settings = opened.settings(resolved_plugin(opened, plugin))
    found = {}
    for definition in settings.definitions():
        found[definition.name] = definition
        for known in settings.setting_env_vars(definition):
            found.setdefault(known.key, definition)
    return found


def _allowed(plugin: str, setting: str, value: JsonValue, definitions: Mapping[str, SettingDefinition]) -> str:
    """The value as a variable holds it."""
    from flext_pipelines.meltano.setting_types import checked, find_definition, is_secret, shown, unknown_setting

    definition = find_definition(definitions, setting) or definitions.get(variable(plugin, setting))
    if is_secret(definition, setting, value) or shown(value) != value:
        raise ForbiddenError(
            f"Setting {setting} of {plugin} is a secret and cannot be given with a run",
            f"Set it once with `flext plugins configure {plugin}`, which keeps it in .env",
            {"plugin": plugin, "setting": setting},
        )
    if definition is None:
        raise unknown_setting(plugin, setting, {one.name for one in definitions.values()})
    if definition.name == setting:  # of ``object.part`` the definition speaks of the whole
        checked(plugin, definition, value)
    return value if isinstance(value, str) else json.dumps(value)
