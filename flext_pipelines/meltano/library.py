"""The Meltano library in this process, read-only: the one module that imports it to look at a project.

It is no public API of Meltano (checked with 4.4.1), so everything of it that we use stands here and in
``discovery``. Import this module only where a look-up is needed: it costs 0.3 s, once.

Looking must leave no trace, and Meltano leaves many; each is switched off here:

- ``Project.find`` makes itself the process's default project and writes a symlink: the constructor is used.
- ``ProjectDirsService`` makes every folder whose path is asked for: ``_Folders``.
- a plugin without a lock file is looked up on the Hub and its lock is written: ``_LocalLocks``.
- settings see all of ``os.environ``, including ``MELTANO_*`` of the caller: ``_ProjectSettings``, ``PluginSettings``.
- included files are merged into its cache of parsed YAML, so that the next look sees their entries twice.
- structlog, when nobody configured it, prints debug lines to stdout: ``_quiet``.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import cast

import structlog
from meltano.core import yaml as library_yaml
from meltano.core.environment import Environment, EnvironmentNameContainsStateIdDelimiterError
from meltano.core.error import Error as LibraryError
from meltano.core.plugin.base import PluginRefNameContainsStateIdDelimiterError
from meltano.core.plugin.base import PluginType as LibraryPluginType
from meltano.core.plugin.error import InvalidPluginDefinitionError, PluginNotFoundError
from meltano.core.plugin.project_plugin import CyclicInheritanceError, ProjectPlugin
from meltano.core.plugin.settings_service import PluginSettingsService
from meltano.core.plugin_lock_service import PluginLockService, VariantMetadata
from meltano.core.project import Project
from meltano.core.project_dirs_service import ProjectDirsService
from meltano.core.project_files import InvalidIncludePathError
from meltano.core.project_plugins_service import ProjectPluginsService
from meltano.core.project_settings_service import ProjectSettingsService
from meltano.core.schedule import Schedule
from meltano.core.settings_store import (
    ConflictingSettingValueException,
    MultipleEnvVarsSetException,
    SettingValueStore,
)
from meltano.core.task_sets import TaskSets

from flext_pipelines.meltano.setting_types import PLACEHOLDER

LIBRARY_ERRORS = (
    LibraryError,
    CyclicInheritanceError,
    EnvironmentNameContainsStateIdDelimiterError,
    InvalidIncludePathError,
    InvalidPluginDefinitionError,
    LookupError,
    PluginRefNameContainsStateIdDelimiterError,
    TypeError,
    ValueError,
)
"""What Meltano raises on a project it cannot use: its own errors, and plain ones from constructors given wrong keys."""

SETTING_ERRORS = (*LIBRARY_ERRORS, ConflictingSettingValueException, MultipleEnvVarsSetException)
"""What it raises on a setting's value."""

_LOOKING = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Neither log lines nor deprecation warnings of the library reach our user; one look-up at a time."""
    with _LOOKING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = structlog.get_config() if structlog.is_configured() else None
        placeholder = logging.NullHandler()  # without one, a plain `logging.debug()` gives the root logger a handler
        logging.root.addHandler(placeholder)
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
            logger_factory=structlog.ReturnLoggerFactory(),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            logging.root.removeHandler(placeholder)
            structlog.reset_defaults()
            if before is not None:
                structlog.configure(**before)


_MAKERS = frozenset(
    {"meltano", "venvs", "run", "logs", "job", "job_logs", "plugin", "root_plugins", "plugin_lock_path"}
)


class _Folders(ProjectDirsService):
    """Paths of a project; asking for one makes no folder."""

    def __getattribute__(self, name: str) -> object:
        value = super().__getattribute__(name)
        if name not in _MAKERS:
            return value
        path_of = cast("Callable[..., Path]", value)
        return lambda *parts, **named: path_of(*parts, **(named | {"make_dirs": False}))


class _LocalLocks(PluginLockService):
    """Lock files that are there; none is fetched from the Hub."""

    def load_content(
        self, *, plugin_type: LibraryPluginType, plugin_name: str, variant_name: str | None = None
    ) -> tuple[dict[str, object], VariantMetadata]:
        path = self.lock_path(plugin_type=plugin_type, plugin_name=plugin_name, variant_name=variant_name)
        if not path.exists():
            raise PluginNotFoundError(plugin_name)
        return super().load_content(plugin_type=plugin_type, plugin_name=plugin_name, variant_name=variant_name)


class _ProjectSettings(ProjectSettingsService):
    """Settings of a project, seen with the environment that a run would have."""

    def __init__(self, project: Project, seen: Mapping[str, str]) -> None:
        self.seen = dict(seen)
        super().__init__(project)

    @property
    def env(self) -> dict[str, str]:
        return {**self.seen, **self.env_override}

    def ensure_project_id(self) -> None:
        """Nothing: looking writes nothing."""


class PluginSettings(PluginSettingsService):
    """Settings of a plugin, seen with the environment that a run would have."""

    @property
    def env(self) -> dict[str, str]:
        """What a run would see, and what the project's ``env:`` sections set."""
        return {**cast("_ProjectSettings", self.project.settings).seen, **self.env_override}


class OpenedProject:
    """A project as the library sees it, within one Meltano environment.

    Args:
        root: Folder of ``meltano.yml``.
        environment: Name of the Meltano environment; it must exist.
        seen: The variables that a run of this project would see, without ``.env``.
    """

    def __init__(self, root: Path, environment: str | None, seen: Mapping[str, str]) -> None:
        library_yaml.cache.clear()  # merging included files extends lists of the cached one (deep_merge of 4.4.1)
        project = Project(root, readonly=True)
        if environment is not None:
            project.environment = Environment.find(project.meltano.environments, environment)
        project.sys_dir_root = project.root / ".meltano"
        project.__dict__["dirs"] = _Folders(root=project.root, sys_dir=project.sys_dir_root)
        project.__dict__["settings"] = _ProjectSettings(project, seen)
        plugins = ProjectPluginsService(project)
        plugins.lock_service = plugins.locked_definition_service.lock_service = _LocalLocks(project)
        project.__dict__["plugins"] = plugins
        self.project = project
        self._plugins = plugins

    @cached_property
    def plugins(self) -> tuple[ProjectPlugin, ...]:
        """Every plugin, mappings among them, definitions not yet resolved."""
        return tuple(self._plugins.plugins(ensure_parent=False))

    @property
    def jobs(self) -> tuple[TaskSets, ...]:
        """Meltano's jobs."""
        return tuple(self.project.config_service.current_meltano_yml.jobs)

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """Meltano's schedules."""
        return tuple(self.project.config_service.current_meltano_yml.schedules)

    @property
    def python(self) -> str | None:
        """The Python of plugins that name none."""
        found = self.project.settings.get("python")
        return str(found) if found else None

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the project's environments."""
        return tuple(env.name for env in self.project.config_service.current_meltano_yml.environments)

    def resolve(self, plugin: ProjectPlugin) -> str | None:
        """Join a plugin with the definition it builds on; the reason when Meltano cannot."""
        try:
            self._plugins.ensure_parent(plugin)
        except LIBRARY_ERRORS as error:
            return _reason(error, plugin)
        return None

    def find(self, name: str, kind: str | None = None) -> ProjectPlugin | None:
        """A plugin by name, definition resolved where it can be."""
        for plugin in self.plugins:
            if plugin.name == name and kind in {None, plugin.type.value} and not plugin.is_mapping():
                self.resolve(plugin)
                return plugin
        return None

    def settings(self, plugin: ProjectPlugin) -> PluginSettings:
        """The settings of a resolved plugin."""
        return PluginSettings(self.project, plugin)

    def extras(self, plugin: ProjectPlugin) -> dict[str, object]:
        """Effective extras of a resolved plugin: ``_select``, ``_metadata``, ``_load_schema``, ...

        The system database is not asked: extras in it are a relic that ``meltano config`` no longer writes.
        """
        return self.settings(plugin).as_dict(extras=True, source=SettingValueStore.AUTO)

    def variables(self, plugin: ProjectPlugin) -> tuple[str, ...]:
        """The variables that the effective settings of a resolved plugin refer to, sorted."""
        settings = self.settings(plugin)
        found: set[str] = set()
        for definition in settings.definitions(extras=False):
            try:
                value, _ = settings.get_with_metadata(
                    definition.name, source=SettingValueStore.AUTO, expand_env_vars=False
                )
            except SETTING_ERRORS:  # a value that cannot be cast; ValidateConfig says which
                continue
            found |= {match[1] or match[2] for match in PLACEHOLDER.finditer(str(value))}
        return tuple(sorted(found))


def annotations_of(thing: object) -> dict[str, object]:
    """What stands under ``annotations: {flext: ...}`` of a job, schedule or plugin."""
    kept = getattr(thing, "_annotations", None)
    found = kept.data.get("flext") if kept is not None and isinstance(kept.data, Mapping) else None
    return {str(key): _plain(value) for key, value in found.items()} if isinstance(found, Mapping) else {}


def _plain(value: object) -> object:
    """YAML values as JSON has them: dates as ISO text, ruamel's lists and maps as plain ones."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _reason(error: BaseException, plugin: ProjectPlugin) -> str:
    if isinstance(error, CyclicInheritanceError):
        return str(error)
    if plugin.inherit_from:
        return f"it inherits from {plugin.inherit_from!r}, which the project does not define"
    return "it has no definition: neither a namespace in meltano.yml nor a lock file below plugins/"
