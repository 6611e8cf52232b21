"""The sync of Oracle WMS Cloud: launch it, see how it stands, check its configuration, try whether it can work."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from flext_pipelines.commands.message import Command, Query
from flext_pipelines.commands.runs import ExecutePipelineCommand, execute_pipeline
from flext_pipelines.errors import ConfigError, FlextError, NotFoundError, RunCancelledError, RunFailedError, UsageError
from flext_pipelines.meltano.plugin_values import ConfigProblem, ValidationReport
from flext_pipelines.wms.syncing import (
    PIPELINES,
    EntityStatus,
    Health,
    Probe,
    Reading,
    RunStatus,
    SyncedPart,
    SyncHealth,
    SyncMode,
    SyncReport,
    SyncStatus,
    is_stale,
    limits,
    read_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flext_pipelines.commands.launching import Project
    from flext_pipelines.commands.message import Context
    from flext_pipelines.data.warehouse.connect import Warehouse
    from flext_pipelines.data.warehouse.target import Target
    from flext_pipelines.meltano.catalogue import Pipeline, ProjectCatalogue, Stream
    from flext_pipelines.meltano.plugin_values import PluginConfig
    from flext_pipelines.runs.gateway import Runs

_LOADED_AT = "_sdc_batched_at"
_CHANGED_AT = "mod_ts"
_RUNS_SHOWN = 50
_RUNS_READ = 500
"""Completed runs of a pipeline among which the last of every facility is looked for: a day of forty facilities."""


class Plugins(Protocol):
    """What these handlers need of the Meltano plugins."""

    def config(self, name: str, *, environment: str | None = None) -> PluginConfig:
        """The effective settings of a plugin, secrets masked."""
        ...

    def discover(self, tap: str, *, environment: str | None = None) -> tuple[Stream, ...]:
        """Ask a tap for its streams."""
        ...

    def validate(self, environment: str | None = None) -> ValidationReport:
        """Everything that is wrong with the project's configuration."""
        ...


class SyncWmsCommand(Command[SyncReport]):
    """Load what changed in Oracle WMS Cloud, or all of it, into the warehouse.

    What changed is read facility by facility, each a run with a bookmark of its own; all of it in one run that replaces
    every table when its last row has come. Facilities that fail are named when all have been tried.
    """

    mode: SyncMode = Field(default="incremental", description="What changed since the last run, or everything anew.")
    facilities: tuple[str, ...] = Field(
        default=(), description="Only these facilities, by code; none means all. Not with mode `full`."
    )
    entities: tuple[str, ...] = Field(default=(), description="Only these entities; none means all.")
    environment: str | None = Field(default=None, min_length=1, description="Meltano environment, if not the set one.")
    full_refresh: bool = Field(default=False, description="Ignore bookmarks: read every change from the first on.")
    max_retries: int | None = Field(
        default=None,
        ge=0,
        le=20,
        description="How often a run that failed is tried again; by default as meltano.yml says.",
    )
    dry_run: bool = Field(default=False, description="Say what would run, and launch nothing.")
    attached: bool = Field(default=False, description="Perform the runs in this process, one after the other.")
    wait: bool = Field(default=False, description="Answer only when the runs have ended.")


class GetSyncStatusQuery(Query[SyncStatus]):
    """How the sync of Oracle WMS Cloud stands: rows and age of every entity, and the last run of every facility."""

    environment: str | None = Field(default=None, min_length=1, description="Meltano environment, if not the set one.")


class ValidateSyncQuery(Query[ValidationReport]):
    """What is wrong with the configuration of the sync of Oracle WMS Cloud; nothing is asked of a server."""

    environment: str | None = Field(default=None, min_length=1, description="Meltano environment, if not the set one.")


class GetSyncHealthQuery(Query[SyncHealth]):
    """Try whether the sync of Oracle WMS Cloud can work: configuration, server, credentials, warehouse, freshness."""

    environment: str | None = Field(default=None, min_length=1, description="Meltano environment, if not the set one.")


def sync_wms(command: SyncWmsCommand, *, runs: Runs, meltano: Project, context: Context) -> SyncReport:
    """Launch a run per facility, or one for all.

    Raises:
        UsageError: A facility is named that the project does not know, or with mode ``full``.
        RunCancelledError: A run was cancelled, as by Ctrl-C; those that would have followed were not launched.
        RunFailedError: Some runs failed; all were tried.
    """
    name = PIPELINES[command.mode]
    pipeline = _pipeline(meltano.catalogue(command.environment), name)
    parts: list[SyncedPart] = []
    blocks: tuple[str, ...] = ()
    partitions = _partitions(command, pipeline)
    for partition in partitions:
        launch = ExecutePipelineCommand(
            pipeline_name=name,
            environment=command.environment,
            streams=command.entities,
            partition=partition,
            full_refresh=command.full_refresh,
            max_retries=command.max_retries,
            dry_run=command.dry_run,
            attached=command.attached,
            wait=command.wait,
        )
        try:
            made = execute_pipeline(launch, runs=runs, meltano=meltano, context=context)
        except RunCancelledError as error:
            raise _cancelled(error, parts, partitions[len(parts) :]) from error
        except FlextError as error:
            run = error.details.get("execution_id")
            parts.append(SyncedPart(partition=partition, execution_id=run if isinstance(run, str) else None,
                                    status="failed", problem=str(error)))  # fmt: skip
            continue
        blocks = made.plan.blocks if command.dry_run else ()
        parts.append(SyncedPart(partition=partition, execution_id=made.execution_id, status=made.status))
    failed = [part for part in parts if part.problem]
    if failed:
        raise RunFailedError(
            f"{len(failed)} of {len(parts)} runs of {name} failed"
            f" ({', '.join(part.partition or 'all facilities' for part in failed)}): {failed[0].problem}",
            "Mend it and sync again: what was loaded stays, and bookmarks go on from there",
            {"pipeline": name, "parts": [part.model_dump(mode="json") for part in parts]},
        )
    return SyncReport(mode=command.mode, pipeline=name, parts=tuple(parts), blocks=blocks)


def _cancelled(error: RunCancelledError, done: Sequence[SyncedPart], left: Sequence[str | None]) -> RunCancelledError:
    """The end of the whole sync: whoever stops a run does not want the next one."""
    waiting = [facility for facility in left[1:] if facility]
    rest = f"; not begun: {', '.join(waiting)}" if waiting else ""
    parts = [part.model_dump(mode="json") for part in done]
    return RunCancelledError(f"{error.reason}{rest}", error.instruction, {**error.details, "parts": parts})


def _pipeline(catalogue: ProjectCatalogue, name: str) -> Pipeline:
    found = catalogue.pipeline(name)
    if found is None:
        raise NotFoundError(
            f"The Meltano project has no pipeline {name!r}, which syncs Oracle WMS Cloud",
            "Copy oracle-wms.meltano.yml of the default project beside meltano.yml and name it in include_paths",
            {"pipeline": name},
        )
    return found


def _partitions(command: SyncWmsCommand, pipeline: Pipeline) -> Sequence[str | None]:
    keys = pipeline.partitions.keys if pipeline.partitions else ()
    if not keys:
        if command.facilities:
            raise UsageError(
                f"{pipeline.name} reads all facilities at once", "Leave facilities out, or use mode `incremental`"
            )
        return [None]
    unknown = sorted(set(command.facilities) - set(keys))
    if unknown:
        raise UsageError(
            f"{pipeline.name} knows no facility {', '.join(unknown)}",
            f"It has {', '.join(keys)}; add others under `partitions` in meltano.yml",
            {"unknown": unknown, "facilities": list(keys)},
        )
    return command.facilities or keys


def get_sync_status(
    query: GetSyncStatusQuery, *, runs: Runs, meltano: Project, plugins: Plugins, warehouse: Warehouse
) -> SyncStatus:
    """Tables from the warehouse, runs from Dagster."""
    pipeline = _pipeline(meltano.catalogue(query.environment), PIPELINES["incremental"])
    config = plugins.config(_block(pipeline)[1], environment=query.environment)
    entities = [stream.name for stream in meltano.catalogue(query.environment).selected_streams(_block(pipeline)[0])]
    allowed = limits(pipeline.annotations.get("freshness"), entities)
    readings = list(_readings(runs))
    facilities = pipeline.partitions.keys if pipeline.partitions else ()
    read = {entity: read_at(entity, readings, facilities) for entity in entities}
    try:
        warehouse.check_exists()
        with closing(warehouse.connect()) as target:
            shown = [
                _entity(target, one, _table(config, one), allowed[one], read[one], recorded=bool(readings))
                for one in entities
            ]
    except NotFoundError:
        shown = [EntityStatus(entity=entity, table=_table(config, entity)) for entity in entities]
    return SyncStatus(environment=config.environment, entities=tuple(shown), runs=tuple(_last_runs(runs)))


def _block(pipeline: Pipeline) -> tuple[str, str]:
    """Tap and target.

    Raises:
        ConfigError: It does not extract and load.
    """
    block = next((block for block in pipeline.blocks if block.tap and block.target), None)
    if block is None:
        raise ConfigError(f"The pipeline {pipeline.name} extracts and loads nothing", "Give it a tap and a target")
    return str(block.tap), str(block.target)


def _table(config: PluginConfig, entity: str) -> str:
    values = {setting.name: setting.value for setting in config.settings}
    name = f"{values.get('table_prefix') or ''}{entity}"
    schema = values.get("default_target_schema")
    return f"{schema}.{name}" if schema else name


def _readings(runs: Runs) -> Iterator[Reading]:
    for name in PIPELINES.values():
        for run in runs.list_runs(pipeline=name, status="completed", limit=_RUNS_READ).runs:
            if run.started_at is not None:
                yield Reading(run.partition, run.streams, run.started_at)


def _entity(
    target: Target, entity: str, table: str, limit: dt.timedelta, last_read: dt.datetime | None, *, recorded: bool
) -> EntityStatus:
    from flext_pipelines.data.engine import identifier
    from flext_pipelines.data.warehouse.table_name import TableName

    parsed = TableName.parse(table.upper() if target.dialect.name == "oracle" else table)
    columns = {name.lower(): name for name in target.columns(parsed)}
    hours = limit.total_seconds() / 3600
    if not columns:
        return EntityStatus(entity=entity, table=table, limit_hours=hours)
    place = ".".join(identifier(part) for part in (parsed.schema, parsed.name) if part)
    newest = [f"max({identifier(columns[name])})" if name in columns else "NULL" for name in (_CHANGED_AT, _LOADED_AT)]
    ((rows, changed, loaded),) = target.fetch(f"SELECT count(*), {', '.join(newest)} FROM {place}")  # noqa: S608  quoted names only
    loaded_at = _instant(loaded)
    return EntityStatus(
        entity=entity, table=table, rows=int(str(rows)), changed_at=_instant(changed), loaded_at=loaded_at,
        read_at=last_read, limit_hours=hours,
        stale=is_stale(dt.datetime.now(dt.UTC), limit, loaded_at=loaded_at, last_read=last_read, recorded=recorded),
    )  # fmt: skip


def _instant(value: object) -> dt.datetime | None:
    if not isinstance(value, dt.datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def _last_runs(runs: Runs) -> Iterator[RunStatus]:
    for name in PIPELINES.values():
        known: set[str | None] = set()
        for run in runs.list_runs(pipeline=name, limit=_RUNS_SHOWN).runs:
            if run.partition not in known:
                known.add(run.partition)
                yield RunStatus(
                    pipeline=name, partition=run.partition, execution_id=run.execution_id, status=run.status,
                    started_at=run.started_at,
                )  # fmt: skip


def validate_sync(query: ValidateSyncQuery, *, meltano: Project, plugins: Plugins) -> ValidationReport:
    """The project's problems that are about the sync's plugins, and settings without which nothing can be read."""
    catalogue = meltano.catalogue(query.environment)
    blocks = [_block(_pipeline(catalogue, name)) for name in PIPELINES.values()]
    parents = {plugin.name: plugin.inherit_from for plugin in catalogue.plugins}
    report = plugins.validate(query.environment)
    problems = concerning(report.problems, [plugin for block in blocks for plugin in block], parents)
    for tap, _ in blocks:
        problems += _missing(plugins.config(tap, environment=query.environment))
    return ValidationReport(
        ok=not any(one.severity == "error" for one in problems),
        environments=report.environments,
        problems=tuple(problems),
    )


def concerning(
    problems: Sequence[ConfigProblem], plugins: Sequence[str], parents: Mapping[str, str | None]
) -> list[ConfigProblem]:
    """The problems that are about some plugins or what they inherit from, and errors of the project as a whole."""
    ours: set[str] = set()
    for plugin in plugins:
        name: str | None = plugin
        while name is not None and name not in ours:
            ours.add(name)
            name = parents.get(name)
    return [one for one in problems if one.plugin in ours or (one.plugin is None and one.severity == "error")]


def _missing(config: PluginConfig) -> Iterator[ConfigProblem]:
    values = {setting.name: setting.value for setting in config.settings}
    oauth = values.get("auth_method") == "oauth2"
    who = ("oauth_token_url", "oauth_client_id", "oauth_client_secret") if oauth else ("username", "password")
    for name in ("base_url", *who):
        if not values.get(name):
            yield ConfigProblem(
                severity="error",
                code="missing_setting",
                message=f"{config.plugin} has no {name}",
                instruction=f"Set TAP_ORACLE_WMS_{name.upper()} in the environment or in .env of the Meltano project",
                plugin=config.plugin,
                environment=config.environment,
            )


def get_sync_health(
    query: GetSyncHealthQuery, *, runs: Runs, meltano: Project, plugins: Plugins, warehouse: Warehouse
) -> SyncHealth:
    """Real probes, each whatever the one before said; a probe that cannot be made is unhealthy with its reason."""

    def configured() -> tuple[Health, str]:
        report = validate_sync(ValidateSyncQuery(environment=query.environment), meltano=meltano, plugins=plugins)
        errors = [one for one in report.problems if one.severity == "error"]
        return ("unhealthy", f"{errors[0].message}. {errors[0].instruction}") if errors else ("healthy", "complete")

    def answers() -> tuple[Health, str]:
        tap, _ = _block(_pipeline(meltano.catalogue(query.environment), PIPELINES["incremental"]))
        streams = plugins.discover(tap, environment=query.environment)
        return "healthy", f"{tap} reads {len(streams)} entities with these credentials"

    def opens() -> tuple[Health, str]:
        try:
            warehouse.check_exists()
        except NotFoundError as error:
            return "degraded", str(error)
        with closing(warehouse.connect()) as target:
            target.fetch("SELECT 1 FROM dual" if target.dialect.name == "oracle" else "SELECT 1")
            return "healthy", f"{target.dialect.name} answers"

    def fresh() -> tuple[Health, str]:
        asked = GetSyncStatusQuery(environment=query.environment)
        status = get_sync_status(asked, runs=runs, meltano=meltano, plugins=plugins, warehouse=warehouse)
        failed = [one for one in status.runs if one.status == "failed"]
        if failed:
            return "degraded", f"the last run of {failed[0].pipeline} {failed[0].partition or ''} failed".rstrip()
        if status.stale:
            return "degraded", f"older than allowed, or never loaded: {', '.join(status.stale)}"
        return "healthy", "every entity is as young as its freshness policy asks"

    probes = (("configuration", configured), ("server", answers), ("warehouse", opens), ("freshness", fresh))
    return SyncHealth.of(_probe(name, attempt) for name, attempt in probes)


def _probe(name: str, attempt: Callable[[], tuple[Health, str]]) -> Probe:
    began = time.monotonic()
    try:
        health, detail = attempt()
    except FlextError as error:
        health, detail = "unhealthy", str(error)
    return Probe(name=name, health=health, detail=detail, seconds=round(time.monotonic() - began, 3))


HANDLERS: Mapping[type, Callable[..., object]] = {
    SyncWmsCommand: sync_wms,
    GetSyncStatusQuery: get_sync_status,
    ValidateSyncQuery: validate_sync,
    GetSyncHealthQuery: get_sync_health,
}
