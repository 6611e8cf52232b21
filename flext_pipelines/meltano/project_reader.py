"""A project read in full, through the Meltano library: the slow look-up behind ``introspection``.

What belongs here: Meltano's objects turned into the catalogue's values, and its complaints into ours, with places.
What does not: the cache (``introspection``), how the library is kept from leaving traces (``library``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from meltano.core.schedule import ELTSchedule, JobSchedule
from pydantic import ValidationError

from flext_pipelines.errors import ConfigError, FlextError, NotFoundError
from flext_pipelines.meltano.blocks import BlockSequenceError, parse_blocks, task_words
from flext_pipelines.meltano.catalogue import (
    PLUGIN_TYPES,
    Block,
    Partitions,
    Pipeline,
    Plugin,
    PluginType,
    ProjectCatalogue,
    Schedule,
)
from flext_pipelines.meltano.library import (
    LIBRARY_ERRORS,
    SETTING_ERRORS,
    OpenedProject,
    annotations_of,
    quiet,
)
from flext_pipelines.meltano.project_files import Place, ProjectFiles, config_error
from flext_pipelines.meltano.streams import streams_of
from flext_pipelines.secrets import without_users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meltano.core.plugin.project_plugin import ProjectPlugin
    from meltano.core.schedule import Schedule as LibrarySchedule
    from meltano.core.task_sets import TaskSets

    from flext_pipelines.meltano.catalogue import Stream


def read_in_full(
    root: Path, environment: str, files: ProjectFiles, seen: Mapping[str, str], snapshots: Path
) -> ProjectCatalogue:
    """The catalogue of a project in one environment, without a fingerprint.

    Args:
        root: Folder of ``meltano.yml``.
        environment: Meltano environment.
        files: Its YAML files, for places.
        seen: The variables that a run would see.
        snapshots: Folder of the taps' discovered catalogs in this environment.

    Raises:
        ConfigError: Meltano cannot use the project; with file, line, column and what is wrong.
        NotFoundError: The project has no such environment.
    """
    require_environment(files, environment)
    refuse_colons(files)
    refuse_cycles(files)
    with quiet(), complaints_placed(files):
        opened = OpenedProject(root, environment, seen)
        return _catalogue(opened, environment, snapshots)


def _catalogue(opened: OpenedProject, environment: str, snapshots: Path) -> ProjectCatalogue:
    """Everything that an opened project holds."""
    mappings = _mappings(opened)
    found = [_plugin(opened, plugin, mappings) for plugin in opened.plugins if not plugin.is_mapping()]
    plugins = tuple(sorted(found, key=lambda plugin: PLUGIN_TYPES.index(plugin.type)))
    jobs = tuple(_from_job(job, plugins) for job in opened.jobs)
    taken = {job.name for job in jobs}
    lone = tuple(_from_schedule(each, plugins, taken) for each in opened.schedules if isinstance(each, ELTSchedule))
    return ProjectCatalogue(
        environment=environment,
        environments=opened.environments,
        plugins=plugins,
        pipelines=jobs + lone,
        schedules=tuple(_schedule(each, jobs + lone) for each in opened.schedules),
        streams={p.name: _streams(opened, p, snapshots) for p in plugins if p.type == "extractors"},
    )


def require_environment(files: ProjectFiles, environment: str) -> None:
    """Refuse an environment that the project does not have.

    Raises:
        ConfigError: The project has no environment at all.
        NotFoundError: It has others.
    """
    names = [str(data.get("name")) for _, _, data in files.entries("environments")]
    if not names:
        raise config_error(
            "the project defines no environment, and without one Meltano keeps no bookmarks",
            files.main.place(),
            f"Add `environments: [{{name: {environment}}}]` to meltano.yml",
        )
    if environment not in names:
        raise NotFoundError(
            f"The project has no environment {environment!r}; it has {', '.join(names)}",
            "Set FLEXT_MELTANO_ENVIRONMENT, or name one of them",
            {"environment": environment, "known": names, "file": files.main.name},
        )


def refuse_colons(files: ProjectFiles) -> None:
    """Refuse names with a colon, which separates the parts of a state id.

    Raises:
        ConfigError: With the place of the name.
    """
    named = [(d.file, d.keys, d.name, "plugin") for d in files.definitions()]
    named += [(file, keys, str(data.get("name")), "environment") for file, keys, data in files.entries("environments")]
    for file, keys, name, what in named:
        if ":" in name:
            raise config_error(f"the name of {what} {name!r} may not contain a colon", file.place((*keys, "name")))


def refuse_cycles(files: ProjectFiles) -> None:
    """Refuse plugins that inherit from themselves, on which Meltano 4.4.1 ends in a RecursionError.

    Raises:
        ConfigError: With the place of the ``inherit_from`` that closes the circle.
    """
    parents = {(d.type, d.name): d for d in files.definitions()}
    for start in parents.values():
        seen: list[str] = []
        here = start
        while (parent := here.data.get("inherit_from")) and parent != here.name:
            seen.append(here.name)
            if parent in seen:
                chain = " -> ".join([*seen[seen.index(str(parent)) :], str(parent)])
                raise config_error(f"plugins inherit from each other in a circle: {chain}", here.place("inherit_from"))
            following = parents.get((here.type, str(parent)))
            if following is None:
                break
            here = following


@contextmanager
def complaints_placed(files: ProjectFiles) -> Iterator[None]:
    """Meltano's complaints about a project as ours, with places."""
    try:
        yield
    except FlextError:
        raise
    except (*LIBRARY_ERRORS, AttributeError) as error:  # AttributeError: a list or text where it wants a mapping
        raise _located(error, files) from error


def _located(error: BaseException, files: ProjectFiles) -> ConfigError:
    """Meltano's complaint, with the place that its JSON schema finds for it."""
    from flext_pipelines.meltano.project_schema import first_violation

    found = first_violation(files)
    if found is not None:
        return config_error(found.problem, found.place)
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return config_error(f"Meltano cannot use the project: {said}", Place(files.main.name, 1, 1))


def _plugin(opened: OpenedProject, found: ProjectPlugin, mappings: Mapping[str, tuple[str, ...]]) -> Plugin:
    """One plugin, as far as its definition is known."""
    problem = opened.resolve(found)
    kind = cast("PluginType", found.type.value)
    known = found if problem is None else None
    pip_url = known.pip_url if known else None
    venv = f"{kind}/{found.plugin_dir_name}/venv" if pip_url and known else None
    load_schema = None
    if known and kind == "extractors":
        load_schema = _extras(opened, known).get("_load_schema")
    return Plugin(
        name=found.name,
        type=kind,
        variant=_variant(known.variant) if known else None,
        pip_url=without_users(pip_url) if pip_url else None,
        python=(known.python or opened.python) if known else None,
        executable=known.executable if known else None,
        namespace=(known.namespace or "") if known else "",
        capabilities=tuple(sorted(str(item) for item in known.capabilities or [])) if known else (),
        inherit_from=found.inherit_from,
        commands=tuple(known.all_commands) if known else (),
        mappings=mappings.get(found.name, ()),
        load_schema=str(load_schema) if load_schema else None,
        variables=opened.variables(known) if known and kind == "loaders" else (),
        installed=venv is None or is_installed(opened.project.sys_dir_root / venv),
        venv=venv,
        problem=problem,
        annotations=annotations_of(found),
    )


def _variant(name: str | None) -> str | None:
    return None if name in {None, "default"} else name


def is_installed(venv: Path) -> bool:
    """Whether Meltano finished installing into a venv: the fingerprint is the last thing that it writes."""
    return (venv / "bin" / "python").exists() and (venv / ".meltano_plugin_fingerprint").exists()


def _mappings(opened: OpenedProject) -> dict[str, tuple[str, ...]]:
    """Names of mappings by mapper."""
    found: dict[str, tuple[str, ...]] = {}
    for plugin in opened.plugins:
        if plugin.is_mapping():
            name = plugin.extra_config.get("_mapping_name")
            found[plugin.name] = (*found.get(plugin.name, ()), str(name))
    return found


def _extras(opened: OpenedProject, plugin: ProjectPlugin) -> dict[str, object]:
    try:
        return opened.extras(plugin)
    except SETTING_ERRORS:  # a value that cannot be cast; ValidateConfig says which
        return {}


def _streams(opened: OpenedProject, plugin: Plugin, snapshots: Path) -> tuple[Stream, ...]:
    """What is known of a tap's streams without starting it."""
    found = opened.find(plugin.name, "extractors")
    extras = _extras(opened, found) if found is not None and plugin.problem is None else {}
    own = extras.get("_catalog")
    catalog = opened.project.root / str(own) if own else snapshots / f"{plugin.name}.json"
    return streams_of(plugin.name, catalog if catalog.is_file() else None, extras, plugin.capabilities)


def _from_job(job: TaskSets, plugins: Sequence[Plugin]) -> Pipeline:
    notes = annotations_of(job)
    blocks, problem = _blocks(task_words(job.tasks), plugins)
    if any(plugin.name == job.name for plugin in plugins):
        problem = f"a plugin has the name {job.name!r} too, so Meltano cannot tell which one is meant"
    return _pipeline(Pipeline(name=job.name, blocks=blocks, problem=problem, annotations=notes), plugins)


def _from_schedule(found: ELTSchedule, plugins: Sequence[Plugin], taken: set[str]) -> Pipeline:
    words = [] if found.transform == "only" else [found.extractor, found.loader]
    if found.transform in {"run", "only"}:
        words += [f"{plugin.name}:run" for plugin in plugins if plugin.type == "transformers"][:1]
    blocks, problem = _blocks(words, plugins)
    name = found.name if found.name not in taken else f"{found.name}-schedule"
    pipeline = Pipeline(
        name=name,
        blocks=blocks,
        source="schedule",
        state_id=found.name,
        problem=problem,
        annotations=annotations_of(found),
    )
    return _pipeline(pipeline, plugins)


def _blocks(words: Sequence[str], plugins: Sequence[Plugin]) -> tuple[tuple[Block, ...], str | None]:
    try:
        return parse_blocks(words, plugins), None if words else "it has no tasks"
    except BlockSequenceError as fault:
        return (), str(fault)


def _pipeline(bare: Pipeline, plugins: Sequence[Plugin]) -> Pipeline:
    """With what annotations say; those of its taps apply where its own say nothing."""
    own = bare.annotations.get("partitions")
    of_taps = [p.annotations.get("partitions") for p in plugins if p.type == "extractors" and p.name in bare.taps]
    declared = own or next((found for found in of_taps if found), None)
    problem = bare.problem
    partitions = None
    if declared is not None:
        try:
            partitions = parse_partitions(declared)
        except ConfigError as error:
            problem = problem or error.reason
    about = bare.annotations.get("description")
    return bare.model_copy(
        update={"partitions": partitions, "problem": problem, "description": str(about) if about else ""}
    )


def parse_partitions(declared: object) -> Partitions:
    """Partitions as an annotation declares them.

    Raises:
        ConfigError: A key is unknown, a value is wrong, a start is missing.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        found = Partitions.model_validate(declared)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in ("partitions", *first["loc"]))
        raise ConfigError(f"annotation {where}: {first['msg']}", "Correct the annotation in meltano.yml") from None
    if found.kind == "static" and not found.keys:
        raise ConfigError("annotation partitions.keys: a static kind lists its keys", "List them")
    if found.kind != "static" and not found.start:
        raise ConfigError(f"annotation partitions.start: a {found.kind} kind has a first day", "Add `start`")
    try:
        ZoneInfo(found.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"annotation partitions.timezone: {found.timezone!r} is no time zone", "Use an IANA name: Europe/Berlin"
        ) from None
    return found


def _schedule(found: LibrarySchedule, pipelines: Sequence[Pipeline]) -> Schedule:
    notes = annotations_of(found)
    problem = None
    if isinstance(found, JobSchedule):
        pipeline = found.job
        if all(known.name != pipeline for known in pipelines):
            problem = f"job {pipeline!r} does not exist"
    else:
        pipeline = next(known.name for known in pipelines if known.state_id == found.name)
    zone = notes.get("timezone") or getattr(found, "timezone", None) or "UTC"
    return Schedule(
        name=found.name,
        pipeline=pipeline,
        cron=str(found.cron_interval) if found.cron_interval is not None else None,
        timezone=str(zone),
        env={str(key): str(value) for key, value in (found.env or {}).items()},
        problem=problem,
        annotations=notes,
    )
