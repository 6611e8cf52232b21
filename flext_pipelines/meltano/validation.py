"""Everything that is wrong with a project's configuration, each with file, line and what to do.

A run finds one fault after another, hours apart; this finds all of them at once and starts nothing.

What belongs here: the checks on a whole project. What does not: those on the settings of one plugin
(``setting_checks``), and what makes a project unreadable (``project_reader``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import SecretStr

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.meltano.cron import cron_problem
from flext_pipelines.meltano.introspection import nothing_configured, read_catalogue
from flext_pipelines.meltano.plugin_values import ConfigProblem, Severity, ValidationReport
from flext_pipelines.meltano.project_files import Keys, Place, ProjectFiles, YamlFile, read_project_files

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Pipeline, ProjectCatalogue
    from flext_pipelines.meltano.project import MeltanoProject

_ALIASES = frozenset(
    f"@{word}"
    for word in ("once", "manual", "none", "hourly", "daily", "weekly", "monthly", "yearly", "annually", "midnight")
)
"""What Meltano takes instead of five fields (CRON_INTERVALS of core/schedule.py, 4.4.1)."""


def validate(
    project: MeltanoProject, environment: str | None = None, *, extra: Mapping[str, str | SecretStr] | None = None
) -> ValidationReport:
    """Check a project.

    Args:
        project: The project.
        environment: Only this environment; all when None.
        extra: Variables that runs are given by us.

    Raises:
        NotFoundError: There is no project, or it has no such environment.
    """
    try:
        files = read_project_files(project.root)
        names = [str(data.get("name")) for _, _, data in files.entries("environments")]
        chosen = tuple(dict.fromkeys(names)) if environment is None else (environment,)
        found: list[ConfigProblem] = list(_of_files(files))
        for name in chosen or (project.environment,):
            found += _in_environment(project.in_environment(name), files, extra or {})
    except NotFoundError:
        raise
    except ConfigError as error:  # nothing else can be checked before this is mended
        found, chosen = [_unreadable(error)], ()
    problems = _merged(found, len(chosen))
    return ValidationReport(
        ok=all(item.severity != "error" for item in problems), environments=chosen, problems=problems
    )


def _unreadable(error: ConfigError) -> ConfigProblem:
    file, line, column = (error.details.get(key) for key in ("file", "line", "column"))
    place = ":".join(str(part) for part in (file, line, column) if part)
    return ConfigProblem(
        severity="error",
        code="unreadable",
        message=error.reason.removeprefix(f"{place}: "),  # it has fields of its own
        instruction=error.instruction,
        file=str(file or ""),
        line=line if isinstance(line, int) else None,
        column=column if isinstance(column, int) else None,
    )


def _of_files(files: ProjectFiles) -> Iterator[ConfigProblem]:
    """What can be seen in the files alone."""
    with nothing_configured():
        from flext_pipelines.meltano.project_schema import violations

    for violation in violations(files):
        if violation.keys[:1] == ("schedules",) and violation.keys[-1:] == ("interval",):
            continue  # Meltano's pattern refuses `0 8-18 * * 1-5`; ours is checked below
        yield ConfigProblem.at(violation.place, "warning", "schema", violation.problem)
    for section in ("jobs", "schedules", "environments"):
        entries = [(file, keys, str(data.get("name"))) for file, keys, data in files.entries(section)]
        yield from _duplicates(section.removesuffix("s"), entries)
    kinds: dict[str, list[tuple[YamlFile, Keys, str]]] = {}
    for definition in files.definitions():
        kinds.setdefault(definition.type, []).append((definition.file, definition.keys, definition.name))
    for kind, entries in kinds.items():
        yield from _duplicates(f"plugin of type {kind}", entries)
    for file, keys, data in files.entries("schedules"):
        interval = data.get("interval")
        wrong = _cron(str(interval)) if interval is not None else "it has no interval"
        if wrong:
            place = file.place((*keys, "interval"))
            yield ConfigProblem.at(
                place, "error", "invalid_cron", f"schedule {data.get('name')!r}: {wrong}", "Correct the cron"
            )


def _cron(interval: str) -> str | None:
    return None if interval.strip().lower() in _ALIASES else cron_problem(interval)


def _duplicates(what: str, entries: list[tuple[YamlFile, Keys, str]]) -> Iterator[ConfigProblem]:
    counts = Counter(name for _, _, name in entries)
    seen: dict[str, Place] = {}
    for file, keys, name in entries:
        place = file.place((*keys, "name"))
        if counts[name] > 1 and name in seen:
            yield ConfigProblem.at(
                place,
                "error",
                "duplicate_name",
                f"a second {what} is named {name!r}; the first stands at {seen[name]}",
                "Rename or remove one",
            )
        seen.setdefault(name, place)


def _in_environment(
    project: MeltanoProject, files: ProjectFiles, extra: Mapping[str, str | SecretStr]
) -> Iterator[ConfigProblem]:
    """What depends on the environment."""
    with nothing_configured():
        from flext_pipelines.meltano.setting_checks import check_settings

    catalogue = read_catalogue(project)
    used = {name for pipeline in catalogue.pipelines for name in _plugins_of(catalogue, pipeline)}
    yield from _of_plugins(project, files, catalogue, used)
    yield from _of_pipelines(files, catalogue)
    yield from check_settings(project, files, used, extra, _given_by_partitions(catalogue))


def _plugins_of(catalogue: ProjectCatalogue, pipeline: Pipeline) -> set[str]:
    named = {name for block in pipeline.blocks for name in (block.tap, block.target, block.plugin) if name}
    return named | set(_mappers(catalogue, pipeline))


def _given_by_partitions(catalogue: ProjectCatalogue) -> dict[str, set[str]]:
    """Variables that every run of a partitioned pipeline sets, by plugin; heirs take settings of their parents."""
    given: dict[str, set[str]] = {}
    parents = {plugin.name: plugin.inherit_from for plugin in catalogue.plugins}
    for pipeline in catalogue.pipelines:
        if pipeline.partitions is None:
            continue
        for heir in _plugins_of(catalogue, pipeline):
            name: str | None = heir
            while name is not None:
                given.setdefault(name, set()).update(pipeline.partitions.variables)
                name = parents.get(name)
    return given


def _mappers(catalogue: ProjectCatalogue, pipeline: Pipeline) -> tuple[str, ...]:
    wanted = {name for block in pipeline.blocks for name in block.mappers}
    return tuple(plugin.name for plugin in catalogue.plugins if wanted & set(plugin.mappings))


def _of_plugins(
    project: MeltanoProject, files: ProjectFiles, catalogue: ProjectCatalogue, used: set[str]
) -> Iterator[ConfigProblem]:
    for plugin in catalogue.plugins:
        definition = files.definition(plugin.name, plugin.type)
        place = definition.place() if definition else files.main.place()
        severity: Severity = "error" if plugin.name in used else "warning"
        if plugin.problem:
            message = f"plugin {plugin.name!r}: {plugin.problem}"
            yield ConfigProblem.at(
                place, "error", "no_definition", message, "Define it, or lock it", plugin=plugin.name
            )
        elif not plugin.installed:
            yield ConfigProblem.at(
                place,
                severity,
                "not_installed",
                f"plugin {plugin.name!r} is not installed",
                f"`flext plugins install {plugin.name}`",
                plugin=plugin.name,
            )
        elif plugin.venv is None and plugin.executable and "/" in plugin.executable:
            program = project.root / plugin.executable
            if not program.exists():
                yield ConfigProblem.at(
                    definition.place("executable") if definition else place,
                    severity,
                    "no_executable",
                    f"plugin {plugin.name!r} has an executable that is not there: {plugin.executable}",
                    "Correct the path, which is relative to the project",
                    plugin=plugin.name,
                )


def _of_pipelines(files: ProjectFiles, catalogue: ProjectCatalogue) -> Iterator[ConfigProblem]:
    jobs = {str(data.get("name")): (file, keys) for file, keys, data in files.entries("jobs")}
    schedules = {str(data.get("name")): (file, keys) for file, keys, data in files.entries("schedules")}
    for pipeline in catalogue.pipelines:
        if pipeline.problem:
            entries = jobs if pipeline.source == "job" else schedules
            file, keys = entries.get(pipeline.state_id or pipeline.name, (files.main, ()))
            inside = "annotations" if pipeline.problem.startswith("annotation") else "tasks"
            yield ConfigProblem.at(
                file.place((*keys, inside)),
                "error",
                "invalid_pipeline",
                f"{pipeline.source} {pipeline.name!r}: {pipeline.problem}",
                "Name plugins of the project; every tap needs a target after it",
            )
    for schedule in catalogue.schedules:
        file, keys = schedules.get(schedule.name, (files.main, ()))
        if schedule.problem:
            place = file.place((*keys, "job"))
            message = f"schedule {schedule.name!r}: {schedule.problem}"
            yield ConfigProblem.at(place, "error", "unknown_job", message, "Name a job of the project")
        if not _is_zone(schedule.timezone):
            place = file.place((*keys, "annotations"))
            message = f"schedule {schedule.name!r}: {schedule.timezone!r} is no time zone"
            yield ConfigProblem.at(place, "error", "unknown_timezone", message, "Use an IANA name: Europe/Berlin")


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _merged(found: list[ConfigProblem], environments: int) -> tuple[ConfigProblem, ...]:
    """The same problem in all environments is told once, without naming one; in the order of the files."""
    count = Counter(item.model_copy(update={"environment": None}).model_dump_json() for item in found)
    told: dict[str, ConfigProblem] = {}
    for item in found:
        bare = item.model_copy(update={"environment": None})
        key = bare.model_dump_json()
        everywhere = count[key] >= max(environments, 1) or item.environment is None
        told.setdefault(key if everywhere else item.model_dump_json(), bare if everywhere else item)
    return tuple(sorted(told.values(), key=lambda item: (item.file, item.line or 0, item.column or 0, item.message)))
