"""A project opened through the library for one look at its plugins' settings.

What belongs here: opening with faults placed, finding one plugin. What does not: what is looked at (``config``,
``configure``, ``validation``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

from flext_pipelines.errors import PluginMissingError
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.introspection import nothing_configured
from flext_pipelines.meltano.project_files import ProjectFiles, read_project_files
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from meltano.core.plugin.project_plugin import ProjectPlugin

    from flext_pipelines.meltano.library import OpenedProject
    from flext_pipelines.meltano.project import MeltanoProject


@contextmanager
def opened_project(
    project: MeltanoProject,
    environment: str | None = None,
    *,
    extra: Mapping[str, str | SecretStr] | None = None,
) -> Iterator[tuple[OpenedProject, ProjectFiles]]:
    """The project through the library, faults with places.

    Args:
        project: The project.
        environment: An environment instead of the project's.
        extra: Variables that runs are given by us.

    Raises:
        NotFoundError: There is no project, or it has no such environment.
        ConfigError: A file of the project is wrong.
    """
    with nothing_configured():
        from flext_pipelines.meltano.library import OpenedProject, quiet
        from flext_pipelines.meltano.project_reader import (
            complaints_placed,
            refuse_colons,
            refuse_cycles,
            require_environment,
        )

    files = read_project_files(project.root)
    name = environment or project.environment
    require_environment(files, name)
    refuse_colons(files)
    refuse_cycles(files)
    with quiet():
        with complaints_placed(files):
            seen = child_environment(project.in_environment(name), process_environment(), extra=extra)
            opened = OpenedProject(project.root, name, seen)
        yield opened, files


def resolved_plugin(opened: OpenedProject, name: str) -> ProjectPlugin:
    """A plugin whose definition is known.

    Raises:
        PluginMissingError: There is none.
    """
    plugin = opened.find(name)
    if plugin is None:
        near = difflib.get_close_matches(name, [found.name for found in opened.plugins], 3)
        raise PluginMissingError(
            f"The project defines no plugin {name!r}",
            f"Did you mean {', '.join(near)}?" if near else "`flext plugins list` lists them",
            {"plugin": name, "candidates": near},
        )
    problem = opened.resolve(plugin)
    if problem is not None:
        raise PluginMissingError(
            f"Plugin {name!r} cannot be used: {problem}",
            "Give it a namespace and its settings in meltano.yml, or run `meltano lock`",
            {"plugin": name},
        )
    return plugin
