"""Runs: launch a pipeline, stop it, and ask how it goes.

Whatever a run does is performed inside a Dagster run; these messages launch one or read what Dagster recorded.

What belongs here: these messages and their handlers. What does not: performing a pipeline (``pipelines``), Dagster's
storage (``flext_pipelines.runs``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue, model_validator

from flext_pipelines.commands.launching import (
    ExecutionPlan,
    Project,
    pipeline_to_run,
    plan_of,
    raise_unless_completed,
    tell,
)
from flext_pipelines.commands.message import Command, Context, Query, names_only
from flext_pipelines.runs.location import RunStatus, dagster_name, job_names
from flext_pipelines.runs.logs import MAX_PAGE, ExecutionLogs
from flext_pipelines.runs.metrics import RunMetrics
from flext_pipelines.runs.progress import listening
from flext_pipelines.runs.record import CheckResult, Level
from flext_pipelines.runs.resources import Resource, ResourceKind
from flext_pipelines.runs.status import Overview, PipelineStatus, RunPage
from flext_pipelines.runs.stop import StopResult
from flext_pipelines.values import Progress, Value

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import ProjectCatalogue, Schedule
    from flext_pipelines.meltano.plan import RunRequest
    from flext_pipelines.runs.gateway import Runs

_ID = r"^[0-9A-Fa-f-]{4,36}$"
_ID_TEXT = "Execution id (Dagster's run id), or its first characters."


class Execution(Value):
    """A launched run.

    Attributes:
        execution_id: Dagster's run id; None for a dry run.
        status: Its state when the answer was given; None for a dry run.
        started_at: When it began (UTC), if it has.
        plan: What it does.
        note: What a waiting person should know.
        checks_failed: Asset checks that had not passed by then.
    """

    execution_id: str | None
    status: RunStatus | None
    started_at: datetime | None = None
    plan: ExecutionPlan
    note: str = ""
    checks_failed: tuple[CheckResult, ...] = ()


def _check_one_of(execution_id: str | None, pipeline_name: str | None) -> None:
    """Raise what pydantic expects unless exactly one is given."""
    if (execution_id is None) is (pipeline_name is None):
        message = "name either execution_id or pipeline_name"
        raise ValueError(message)


class ExecutePipelineCommand(Command[Execution]):
    """Launch a pipeline as a Dagster run.

    ``attached`` performs it in this process and answers when it has ended: a failed run is then an error with the first
    failure's reason, a cancelled one likewise. Otherwise the run outlives this process; ``wait`` waits for it all the
    same.
    """

    pipeline_name: str = Field(min_length=1, description="A job or schedule of meltano.yml.")
    environment: str | None = Field(
        default=None, min_length=1, description="Meltano environment instead of the set one."
    )
    dry_run: bool = Field(default=False, description="Answer with the plan and launch nothing.")
    streams: tuple[str, ...] = Field(
        default=(), description="Only these streams, as `stream` or `tap.stream`; none means all."
    )
    partition: str | None = Field(default=None, min_length=1, description="Partition key, for a partitioned pipeline.")
    full_refresh: bool = Field(default=False, description="Ignore bookmarks and extract everything again.")
    parameters: dict[str, dict[str, JsonValue]] = Field(
        default_factory=dict,
        description="Plugin to setting to value, for this run only. Never a secret: run config is stored as text.",
    )
    max_retries: int | None = Field(
        default=None,
        ge=0,
        le=20,
        description="How often a step that failed for a passing reason is tried again; by default as meltano.yml says.",
    )
    timeout_minutes: float | None = Field(
        default=None,
        gt=0,
        description="Stop it after so long, bookmarks kept; by default FLEXT_MELTANO_TIMEOUT_SECONDS.",
    )
    attached: bool = Field(default=False, description="Perform the run in this process.")
    wait: bool = Field(default=False, description="Answer only when the run has ended.")

    def for_audit(self) -> str:
        """Which settings are given, without their values: only the plugin's definition says which are secret."""
        given = names_only(self.parameters)
        return self.model_copy(update={"parameters": given}).model_dump_json(exclude_none=True)


class StopMeltanoPipelineCommand(Command[StopResult]):
    """Stop a run: tap first, so that the bookmark is saved; then see that no process of it is left.

    A finished run is answered as such.
    """

    execution_id: str = Field(pattern=_ID, description=_ID_TEXT)
    force: bool = Field(default=False, description="Kill it at once; its last bookmark may be lost.")
    timeout_seconds: float | None = Field(
        default=None, ge=0, description="How long it may take before it is killed; by default the two stop graces."
    )


class GetPipelineStatusQuery(Query[PipelineStatus]):
    """What has become of a run: state, progress, error with reason and instruction."""

    execution_id: str | None = Field(default=None, pattern=_ID, description=_ID_TEXT)
    pipeline_name: str | None = Field(default=None, min_length=1, description="The last run of this pipeline.")
    include_logs: bool = Field(default=False, description="With its last lines.")
    previous: int = Field(default=0, ge=0, le=100, description="With so many earlier runs of the same pipeline.")

    @model_validator(mode="after")
    def _names_one_run(self) -> GetPipelineStatusQuery:
        """Either of the two names."""
        _check_one_of(self.execution_id, self.pipeline_name)
        return self


class GetExecutionLogsQuery(Query[ExecutionLogs]):
    """The lines of a run, a page at a time: Dagster's events, or the raw output of its processes."""

    execution_id: str = Field(pattern=_ID, description=_ID_TEXT)
    source: Literal["events", "raw"] = Field(default="events", description="Which lines.")
    cursor: str | None = Field(default=None, max_length=100, description="Cursor of the page before.")
    limit: int = Field(default=100, ge=1, le=MAX_PAGE, description="Most events of a page.")
    level: Level = Field(default="debug", description="Only events of this level or above.")
    since: datetime | None = Field(default=None, description="Only events from this time on.")
    step: str | None = Field(default=None, description="Only raw output of the process that performs this step.")
    wait_seconds: float = Field(
        default=0, ge=0, le=60, description="How long to wait for the next line of a run that goes on: to follow it."
    )


class GetMetricsQuery(Query[RunMetrics]):
    """What a run moved: rows extracted, loaded, rejected, bytes, seconds and rates, per stream and in all."""

    execution_id: str | None = Field(default=None, pattern=_ID, description=_ID_TEXT)
    pipeline_name: str | None = Field(default=None, min_length=1, description="The last run of this pipeline.")

    @model_validator(mode="after")
    def _names_one_run(self) -> GetMetricsQuery:
        """Either of the two names."""
        _check_one_of(self.execution_id, self.pipeline_name)
        return self


class GetStatusQuery(Query[Overview]):
    """How things stand: the last run of each pipeline, what runs, what waits, what failed."""


class ListRunsQuery(Query[RunPage]):
    """Runs, newest first, a page at a time."""

    pipeline_name: str | None = Field(default=None, min_length=1, description="Only runs of this pipeline.")
    status: RunStatus | None = Field(default=None, description="Only runs in this state.")
    created_after: datetime | None = Field(default=None, description="Only runs created later than this.")
    created_before: datetime | None = Field(default=None, description="Only runs created earlier than this.")
    limit: int = Field(default=25, ge=1, le=500, description="Most runs of a page.")
    cursor: str | None = Field(default=None, max_length=100, description="Cursor of the page before.")


class ListResourcesQuery(Query[tuple[Resource, ...]]):
    """What there is of a kind, and its state."""

    kind: ResourceKind = Field(description="jobs, assets, schedules, sensors, plugins or daemons.")
    environment: str | None = Field(
        default=None, min_length=1, description="Meltano environment instead of the set one."
    )


def execute_pipeline(command: ExecutePipelineCommand, *, runs: Runs, meltano: Project, context: Context) -> Execution:
    """Plan it, launch it, and say how it went if it was waited for."""
    catalogue = meltano.catalogue(command.environment)
    pipeline = pipeline_to_run(catalogue, command.pipeline_name)
    request = _request(command)
    plan = plan_of(request, catalogue, pipeline, context, max_retries=command.max_retries)
    meltano.check(request)  # refused here: a secret among the parameters would be stored before the run refuses it
    if command.dry_run:
        return Execution(execution_id=None, status=None, plan=plan, note="Nothing was launched")
    with listening(context.on_progress):
        execution_id = runs.launch(
            plan.job,
            run_config=plan.run_config,
            tags=plan.tags,
            streams=command.streams,
            partition=command.partition,
            attached=command.attached,
            on_created=lambda run_id: context.on_progress(Progress(text=f"Run {run_id} of {plan.pipeline}")),
        )
    if command.wait and not command.attached:
        for event in runs.follow(execution_id, level="info"):
            tell(context, event)
    status = runs.status(execution_id)
    if command.attached or command.wait:
        raise_unless_completed(status)
    return Execution(
        execution_id=execution_id,
        status=status.status,
        started_at=status.started_at,
        plan=plan,
        note=status.note,
        checks_failed=status.checks_failed,
    )


def _request(command: ExecutePipelineCommand) -> RunRequest:
    """What the run will ask of Meltano."""
    from flext_pipelines.meltano.plan import RunRequest

    return RunRequest(
        pipeline=command.pipeline_name,
        environment=command.environment,
        streams=command.streams,
        full_refresh=command.full_refresh,
        partition=command.partition,
        config_overrides=command.parameters,
        timeout_seconds=command.timeout_minutes * 60 if command.timeout_minutes else None,
    )


def stop_meltano_pipeline(command: StopMeltanoPipelineCommand, *, runs: Runs) -> StopResult:
    """Ask, wait, verify."""
    return runs.stop(command.execution_id, force=command.force, timeout_seconds=command.timeout_seconds)


def get_pipeline_status(query: GetPipelineStatusQuery, *, runs: Runs) -> PipelineStatus:
    """From the run record, a few counts and the last events."""
    return runs.status(
        query.execution_id, query.pipeline_name, include_logs=query.include_logs, previous=query.previous
    )


def get_execution_logs(query: GetExecutionLogsQuery, *, runs: Runs) -> ExecutionLogs:
    """A page of the event log, or of the compute logs."""
    if query.source == "raw":
        return runs.raw(query.execution_id, cursor=query.cursor, step=query.step, wait_seconds=query.wait_seconds)
    return runs.events(
        query.execution_id,
        cursor=query.cursor,
        limit=query.limit,
        level=query.level,
        since=query.since,
        wait_seconds=query.wait_seconds,
    )


def get_metrics(query: GetMetricsQuery, *, runs: Runs) -> RunMetrics:
    """From the metadata of the run's materializations."""
    return runs.metrics(query.execution_id, query.pipeline_name)


def get_status(_: GetStatusQuery, *, runs: Runs) -> Overview:
    """A handful of small reads."""
    return runs.overview()


def list_runs(query: ListRunsQuery, *, runs: Runs) -> RunPage:
    """A page by keyset."""
    return runs.list_runs(
        pipeline=query.pipeline_name,
        status=query.status,
        created_after=query.created_after,
        created_before=query.created_before,
        limit=query.limit,
        cursor=query.cursor,
    )


def list_resources(query: ListResourcesQuery, *, runs: Runs, meltano: Project) -> tuple[Resource, ...]:
    """What exists says the Meltano project, what became of it says Dagster."""
    if query.kind == "daemons":
        return tuple(runs.daemons())
    if query.kind == "sensors":
        return tuple(runs.sensors())
    if query.kind == "assets":
        return tuple(runs.assets())
    catalogue = meltano.catalogue(query.environment)
    if query.kind == "plugins":
        return tuple(
            Resource(
                kind="plugins",
                name=plugin.name,
                state="installed" if plugin.installed else "not installed",
                detail=" ".join(part for part in (plugin.type, plugin.variant) if part),
            )
            for plugin in catalogue.plugins
        )
    if query.kind == "schedules":
        return tuple(
            runs.schedules(
                {
                    dagster_name(one.name): f"{one.cron or 'never'} {one.timezone}: {one.pipeline}"
                    for one in catalogue.schedules
                },
                {dagster_name(one.name): one.enabled and _can_tick(catalogue, one) for one in catalogue.schedules},
            )
        )
    last = {run.pipeline: run for run in runs.overview().pipelines}
    return tuple(
        Resource(
            kind="jobs",
            name=job,
            state=last[name].status if name in last else "never run",
            detail=name,
        )
        for name, job in job_names(one.name for one in catalogue.pipelines).items()
    )


def _can_tick(catalogue: ProjectCatalogue, schedule: Schedule) -> bool:
    """Whether Dagster has it at all."""
    pipeline = catalogue.pipeline(schedule.pipeline)
    return schedule.cron is not None and pipeline is not None and not pipeline.problem and bool(pipeline.blocks)


HANDLERS: Mapping[type, Callable[..., object]] = {
    ExecutePipelineCommand: execute_pipeline,
    StopMeltanoPipelineCommand: stop_meltano_pipeline,
    GetPipelineStatusQuery: get_pipeline_status,
    GetExecutionLogsQuery: get_execution_logs,
    GetMetricsQuery: get_metrics,
    GetStatusQuery: get_status,
    ListRunsQuery: list_runs,
    ListResourcesQuery: list_resources,
}
