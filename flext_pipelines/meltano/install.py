"""Plugins installed, upgraded and uninstalled: wholly, or not at all.

Meltano's own ``install`` makes the venv. Around it stands what it leaves to its users: no run meanwhile
(``locks``), the old venv back in place when the new one fails (``journal``), the executable really started, bytecode
compiled (uv compiles nothing, and every start is then 2.4 to 3 times slower), and nothing done when all is right.

What belongs here: these steps. What does not: what a venv holds (``venvs``), what an entry says (``definitions``).
"""

from __future__ import annotations

import difflib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from flext_pipelines.errors import (
    ConflictError,
    PluginInstallError,
    PluginMissingError,
    UsageError,
)
from flext_pipelines.meltano import venvs
from flext_pipelines.meltano.catalogue import Plugin, PluginType, ProjectCatalogue
from flext_pipelines.meltano.definitions import (
    add_definition,
    change_definition,
    guess_type,
    remove_definition,
    with_version,
)
from flext_pipelines.meltano.introspection import read_catalogue
from flext_pipelines.meltano.journal import Change, all_or_nothing, repair
from flext_pipelines.meltano.locks import hold_files, hold_for_install
from flext_pipelines.meltano.plugin_values import Installed, InstallReport, Uninstalled
from flext_pipelines.meltano.project_files import Definition, read_project_files, render
from flext_pipelines.meltano.redaction import dotenv_values
from flext_pipelines.meltano.venv_maker import VenvMaker
from flext_pipelines.values import Progress

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject

Listener = Callable[[Progress], None]


class Installer:
    """Installs, upgrades and uninstalls the plugins of one project.

    Args:
        project: The project.
        on_progress: Hears of each step.
        wait_seconds: How long to wait for runs and other installations to end.
    """

    def __init__(self, project: MeltanoProject, on_progress: Listener, *, wait_seconds: float = 0) -> None:
        self._project = project
        self._on_progress = on_progress
        self._wait = wait_seconds
        self._maker = VenvMaker(project)

    def _say(self, text: str, kind: Literal["milestone", "warning"] = "milestone") -> None:
        self._on_progress(Progress(kind=kind, text=text))

    def install(
        self, names: Sequence[str] = (), *, kind: PluginType | None = None, force: bool = False
    ) -> InstallReport:
        """Install what the project defines and is not there as it should be.

        Args:
            names: Plugins; all when empty.
            kind: Only plugins of that type.
            force: Install again what is right too.

        Raises:
            PluginMissingError: The project defines no such plugin.
            PluginInstallError: An installation failed; what was there before is back in place.
            InstallInProgressError: A pipeline runs, or another installation.
        """
        with self._alone(f"install {' '.join(names) or 'all plugins'}") as repaired:
            begun = time.monotonic()
            catalogue = read_catalogue(self._project)
            done: dict[str, Installed] = {}
            results = []
            for plugin in _chosen(catalogue, names, kind):
                result = done.get(plugin.venv or "") or self._install_where_needed(plugin, force=force)
                done[plugin.venv or plugin.name] = result
                results.append(result.model_copy(update={"name": plugin.name, "type": plugin.type}))
            return InstallReport(plugins=tuple(results), repaired=repaired, seconds=round(time.monotonic() - begun, 3))

    def add(self, name: str, kind: PluginType | None, *, variant: str | None, pip_url: str | None) -> InstallReport:
        """Add a new plugin to the project and install it.

        Raises:
            ConflictError: The project defines it already.
            PluginInstallError: It cannot be installed; the project is as it was.
            InstallInProgressError: A pipeline runs, or another installation.
        """
        kind = kind or guess_type(name)
        with self._alone(f"install {name}") as repaired:
            begun = time.monotonic()
            files = read_project_files(self._project.root)
            known = files.definition(name, kind)
            if known is not None:
                raise ConflictError(
                    f"{known.place()} defines {name!r} already",
                    "Install it without a variant and pip_url, or upgrade it",
                    known.place().details,
                )
            definition = add_definition(files, name, kind, variant=variant, pip_url=pip_url)
            result = self._change_and_install(definition, "it is new")
            return InstallReport(plugins=(result,), repaired=repaired, seconds=round(time.monotonic() - begun, 3))

    def upgrade(
        self, name: str, *, version: str | None = None, pip_url: str | None = None, variant: str | None = None
    ) -> InstallReport:
        """Install another version; when it fails, files and venv are as before, byte for byte.

        Args:
            name: The plugin.
            version: A version, a git reference, or ``latest``; the folder's own for local packages when absent.
            pip_url: Where to install from, instead of a version.
            variant: Another variant.

        Raises:
            PluginMissingError: The project defines no such plugin.
            UsageError: The version cannot be chosen for where the package comes from.
            PluginInstallError: The new version cannot be installed or started.
            InstallInProgressError: A pipeline runs, or another installation.
        """
        with self._alone(f"upgrade {name}") as repaired:
            begun = time.monotonic()
            plugin = _chosen(read_catalogue(self._project), (name,), None)[0]
            files = read_project_files(self._project.root)
            definition = files.definition(name, plugin.type)
            if plugin.inherit_from and definition is not None and "pip_url" not in definition.data:
                raise UsageError(
                    f"{name!r} shares the installation of {plugin.inherit_from!r}",
                    f"Upgrade {plugin.inherit_from}, or give {name} a pip_url of its own",
                )
            if plugin.venv is None or definition is None:
                raise UsageError(f"{name!r} has no package that could be upgraded", "Give it a pip_url first")
            if version and not pip_url:
                pip_url = with_version(self._pip_url_of(plugin, definition), version)
            change_definition(definition, {"pip_url": pip_url, "variant": variant})
            wanted = version if version and version[0].isdigit() else None
            result = self._change_and_install(definition, "upgrade", wanted=wanted)
            return InstallReport(plugins=(result,), repaired=repaired, seconds=round(time.monotonic() - begun, 3))

    def uninstall(self, name: str, *, force: bool = False) -> Uninstalled:
        """Remove a plugin: its definition, lock file and venv.

        Args:
            name: The plugin.
            force: Also when pipelines or other plugins need it.

        Raises:
            PluginMissingError: The project defines no such plugin.
            ConflictError: A pipeline or another plugin needs it.
            InstallInProgressError: A pipeline runs, or an installation.
        """
        with self._alone(f"uninstall {name}"):
            catalogue = read_catalogue(self._project)
            plugin = _chosen(catalogue, (name,), None)[0]
            users = _users(catalogue, plugin)
            if users and not force:
                raise ConflictError(
                    f"{name!r} is needed by {', '.join(users)}", "Change those first, or force it", {"users": users}
                )
            files = read_project_files(self._project.root)
            definition = files.definition(name, plugin.type)
            if definition is None:
                raise PluginMissingError(f"No file of the project defines {name!r}", "`flext plugins list` lists them")
            shared = any(other.venv == plugin.venv for other in catalogue.plugins if other.name != name)
            venv = None if shared else venvs.venv_of(self._project, plugin)
            had_venv = bool(venv and venv.exists())
            changed = remove_definition(files, definition)
            locks = sorted(self._project.root.glob(f"plugins/{plugin.type}/{name}--*.lock"))
            with all_or_nothing(self._project, f"{plugin.type}-{name}", venv=venv) as change:
                for file in changed:
                    change.write(file.path, render(file))
                for lock in locks:
                    change.write(lock, None)
            if venv is not None and venv.parent.is_dir() and not any(venv.parent.iterdir()):
                venv.parent.rmdir()
            self._say(f"Uninstalled {name}")
            return Uninstalled(
                name=name,
                type=plugin.type,
                files=tuple(file.name for file in changed)
                + tuple(lock.relative_to(self._project.root).as_posix() for lock in locks),
                venv=had_venv,
                left=tuple(self._own_variables(name)),
            )

    @contextmanager
    def _alone(self, what: str) -> Iterator[tuple[str, ...]]:
        """With no run, no other installation and no change of settings, and nothing half done by an earlier one."""
        with hold_for_install(self._project, what, wait_seconds=self._wait), hold_files(self._project, what):
            repaired = tuple(repair(self._project))
            for sentence in repaired:
                self._say(sentence, "warning")
            yield repaired

    def _own_variables(self, name: str) -> Iterator[str]:
        prefix = re.sub(r"\W", "_", name).upper() + "_"
        return (f"{key} in .env" for key in dotenv_values(self._project.root / ".env") if key.startswith(prefix))

    def _install_where_needed(self, plugin: Plugin, *, force: bool) -> Installed:
        if plugin.problem is not None and plugin.venv is None:
            raise PluginMissingError(
                f"Plugin {plugin.name!r} cannot be installed: {plugin.problem}",
                "Give it a namespace and a pip_url, or run `meltano lock` for plugins of the Hub",
                {"plugin": plugin.name},
            )
        if plugin.venv is None:
            return Installed(name=plugin.name, type=plugin.type, action="not_needed")
        reason = "forced" if force else venvs.is_stale(self._project, plugin, self._maker.variables())
        if reason is None:
            record = venvs.read_record(self._project.system_folder / plugin.venv)
            return Installed(
                name=plugin.name,
                type=plugin.type,
                action="unchanged",
                package=record.package if record else None,
                version=record.version if record else None,
            )
        with self._changing(plugin) as change:
            return self._make_venv(plugin, reason, change)

    def _change_and_install(self, definition: Definition, reason: str, *, wanted: str | None = None) -> Installed:
        """Write an edited definition and install what it says; both or neither."""
        name, kind = definition.name, definition.type
        before = read_catalogue(self._project).plugin(name, kind)
        with self._changing(before or Plugin(name=name, type=kind, venv=f"{kind}/{name}/venv")) as change:
            variant = definition.data.get("variant")
            if "namespace" not in definition.data and variant:
                change.expect(self._project.root / "plugins" / kind / f"{name}--{variant}.lock")
            change.write(definition.file.path, render(definition.file))
            plugin = read_catalogue(self._project).plugin(name, kind)
            hub = plugin is None or (plugin.problem is not None and "namespace" not in definition.data)
            result = self._make_venv(plugin if plugin and not hub else None, reason, change, name=name, kind=kind)
            if wanted and result.version != wanted:
                raise PluginInstallError(
                    f"{name} {wanted} was asked for, and {result.version} was installed",
                    "Check the version; what was there before is back in place",
                    {"plugin": name, "wanted": wanted, "installed": result.version},
                )
            return result

    @contextmanager
    def _changing(self, plugin: Plugin) -> Iterator[Change]:
        venv = venvs.venv_of(self._project, plugin)
        with all_or_nothing(self._project, f"{plugin.type}-{plugin.name}", venv=venv) as change:
            yield change

    def _make_venv(
        self, plugin: Plugin | None, reason: str, change: Change, *, name: str = "", kind: PluginType = "extractors"
    ) -> Installed:
        """Install, start, compile, record. The venv is not there yet, so the old version comes from the one aside."""
        begun = time.monotonic()
        name, kind = (plugin.name, plugin.type) if plugin else (name, kind)
        self._say(f"Installing {name}: {reason}")
        self._maker.install(name, kind)
        plugin = read_catalogue(self._project).plugin(name, kind) or plugin
        if plugin is None or plugin.venv is None:
            return Installed(name=name, type=kind, action="not_needed", reason=reason)
        venv = self._project.system_folder / plugin.venv
        self._maker.start_once(plugin)
        self._maker.compile(venv)
        found = venvs.distribution_of(venv, plugin.executable or name)
        venvs.write_record(
            venv,
            venvs.InstallRecord(
                recipe=venvs.recipe_of(self._project, plugin),
                source=venvs.source_hash(self._project, plugin, self._maker.variables()),
                package=found.name if found else None,
                version=found.version if found else None,
                installed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                described=venvs.source_hash(self._project, plugin, self._maker.variables(), only_description=True),
            ),
        )
        old = change.version_before(plugin.executable or name)
        seconds = round(time.monotonic() - begun, 3)
        self._say(f"Installed {name} {found.version if found else ''} in {seconds:.1f} s".replace("  ", " "))
        return Installed(
            name=name,
            type=kind,
            action="upgraded" if old else "installed",
            package=found.name if found else None,
            version=found.version if found else None,
            before=old,
            reason=reason,
            seconds=seconds,
        )

    def _pip_url_of(self, plugin: Plugin, definition: Definition) -> str:
        """The pip_url as it is written, credentials and all; from the lock file when the project names none."""
        own = definition.data.get("pip_url")
        if own:
            return str(own)
        for lock in sorted(self._project.root.glob(f"plugins/{plugin.type}/{plugin.name}--*.lock")):
            found = json.loads(lock.read_bytes()).get("pip_url")
            if found:
                return str(found)
        return plugin.pip_url or plugin.name


def _chosen(catalogue: ProjectCatalogue, names: Sequence[str], kind: PluginType | None) -> list[Plugin]:
    """The plugins of those names, or all.

    Raises:
        PluginMissingError: One is not in the project; with the nearest names.
    """
    known = [plugin for plugin in catalogue.plugins if kind in {None, plugin.type}]
    for name in names:
        if all(plugin.name != name for plugin in known):
            near = difflib.get_close_matches(name, [plugin.name for plugin in known], 3)
            raise PluginMissingError(
                f"The project defines no plugin {name!r}" + (f" among its {kind}" if kind else ""),
                f"Did you mean {', '.join(near)}?" if near else "`flext plugins list` shows all; --pip-url adds one",
                {"plugin": name, "candidates": near},
            )
    return [plugin for plugin in known if not names or plugin.name in names]


def _users(catalogue: ProjectCatalogue, plugin: Plugin) -> list[str]:
    """Who needs a plugin: pipelines, and plugins that inherit from it."""
    names = {plugin.name, *plugin.mappings}
    pipelines = [
        f"pipeline {pipeline.name}"
        for pipeline in catalogue.pipelines
        if any(names & {block.tap, block.target, block.plugin, *block.mappers} for block in pipeline.blocks)
    ]
    heirs = [f"plugin {other.name}" for other in catalogue.plugins if other.inherit_from == plugin.name]
    return pipelines + heirs
