"""What has become of runs: one in full, the last of each pipeline, and lists.

What belongs here: answers on the state of runs, from run records, a few counts and the last events. What does not:
their lines (``logs``), their rows (``metrics``), finding the run that is meant (``find``).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flext_pipelines.runs.find import as_lost, find_run, runs_of_pipeline
from flext_pipelines.runs.location import RUN_STATUS, RunStatus, Tag
from flext_pipelines.runs.record import CheckResult, Event, EventError, RunRecord
from flext_pipelines.runs.records import RunFilter, last_event
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.runs.records import RunRecords

_DAEMON_SILENCE_SECONDS = 60.0
"""A daemon writes its heartbeat every 30 s."""
_LOG_LINES = 50
_ENDS = ("RUN_FAILURE", "RUN_CANCELED")


class RunSummary(Value):
    """A run in one line.

    Attributes:
        execution_id: Dagster's run id.
        pipeline: The pipeline, or the Dagster job when the run is of none.
        job: The Dagster job.
        status: pending, running, completed, failed or cancelled.
        dagster_status: Dagster's own word, which also knows queued, starting and canceling.
        environment: Meltano environment, where the launch named one.
        actor: Who launched it.
        source: The door it came through: cli, api, schedule, sensor, dagster (its UI), ...
        partition: The partition key.
        streams: Assets that it was limited to; empty for the whole job.
        created_at: When it was created (UTC).
        started_at: When it began (UTC).
        ended_at: When it ended (UTC).
        seconds: From begin to end, or until now.
    """

    execution_id: str
    pipeline: str
    job: str
    status: RunStatus
    dagster_status: str
    environment: str | None = None
    actor: str | None = None
    source: str | None = None
    partition: str | None = None
    streams: tuple[str, ...] = ()
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    seconds: float | None = None


class PipelineStatus(RunSummary):
    """A run in full.

    Attributes:
        progress: Done part of the assets that it intends to make, 0 to 1; None when that cannot be told.
        assets_done: Assets made so far.
        assets_planned: Assets that it intends to make.
        steps_done: Steps that ended well.
        steps_failed: Steps that failed.
        checks_failed: Asset checks that did not pass: a broken contract, rows that did not arrive. A run completes all
            the same, unless such a check blocks.
        error: Why it failed or was cancelled.
        note: What else a waiting person should know, for instance that nobody empties the queue.
        logs: Its last lines, when asked for.
        previous: Earlier runs of the same pipeline, newest first.
    """

    progress: float | None = None
    assets_done: int = 0
    assets_planned: int = 0
    steps_done: int = 0
    steps_failed: int = 0
    checks_failed: tuple[CheckResult, ...] = ()
    error: EventError | None = None
    note: str = ""
    logs: tuple[Event, ...] = ()
    previous: tuple[RunSummary, ...] = ()


class RunPage(Value):
    """A page of runs, newest first.

    Attributes:
        runs: The runs.
        cursor: Give it back to have those below; None when there are no more.
    """

    runs: tuple[RunSummary, ...]
    cursor: str | None = None


class Overview(Value):
    """How things stand.

    Attributes:
        pipelines: The last run of each pipeline, newest first.
        running: Runs at work now.
        queued: Runs that wait.
        failures: The latest failed runs, newest first.
        counts: Runs by status, all of them.
        daemon_alive: Whether Dagster's daemon was heard of in the last minute: without it, schedules and sensors do not
            tick and queued runs do not start.
    """

    pipelines: tuple[RunSummary, ...]
    running: tuple[RunSummary, ...]
    queued: tuple[RunSummary, ...]
    failures: tuple[RunSummary, ...]
    counts: dict[RunStatus, int]
    daemon_alive: bool


def pipeline_status(
    records: RunRecords,
    execution_id: str | None = None,
    pipeline: str | None = None,
    *,
    include_logs: bool = False,
    previous: int = 0,
) -> PipelineStatus:
    """The state of one run, by id or as the last one of a pipeline.

    Raises:
        UsageError: Neither or both are given, or the id is ambiguous.
        NotFoundError: There is no such run.
    """
    run, lost = as_lost(records, find_run(records, execution_id, pipeline))
    kinds = ("ASSET_MATERIALIZATION_PLANNED", "ASSET_MATERIALIZATION", "STEP_SUCCESS", "STEP_FAILURE")
    planned, made, succeeded, failed = records.counts(run.run_id, kinds).values()
    earlier = runs_of_pipeline(records, run.pipeline or run.job, previous, run.run_id) if previous else ()
    return PipelineStatus(
        **summary(run).model_dump(),
        progress=_progress(run, made, planned),
        assets_done=made,
        assets_planned=planned,
        steps_done=succeeded,
        steps_failed=failed,
        checks_failed=failed_checks(records, run.run_id),
        error=lost or error_of(records, run),
        note=_note(records, run),
        logs=records.last_events(run.run_id, _LOG_LINES) if include_logs else (),
        previous=tuple(summary(as_lost(records, one)[0]) for one in earlier),
    )


def list_runs(
    records: RunRecords,
    *,
    pipeline: str | None = None,
    status: RunStatus | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    limit: int = 25,
    cursor: str | None = None,
) -> RunPage:
    """Runs that fit, newest first, a page at a time.

    The cursor is the id of the last run that was seen, so that runs that come meanwhile shift nothing. Runs whose
    process is gone count as running here until they are marked, because the storage does the filtering; what is said
    about each is right.
    """
    wanted = RunFilter(
        tags={Tag.PIPELINE: pipeline} if pipeline else {},
        statuses=tuple(name for name, ours in RUN_STATUS.items() if ours == status) if status else (),
        created_after=created_after,
        created_before=created_before,
    )
    found = records.runs(wanted, limit + 1, cursor)
    page = found[:limit]
    return RunPage(
        runs=tuple(summary(as_lost(records, run)[0]) for run in page),
        cursor=page[-1].run_id if len(found) > limit else None,
    )


def overview(records: RunRecords, failures: int = 5) -> Overview:
    """How things stand: a handful of small reads, whatever the number of runs."""

    def newest(*statuses: str, limit: int) -> list[RunRecord]:
        return [as_lost(records, run)[0] for run in records.runs(RunFilter(statuses=statuses), limit)]

    active = newest("STARTING", "STARTED", "SUSPENDED", "CANCELING", limit=100)
    waiting = newest("QUEUED", "NOT_STARTED", limit=100)
    lost = [run for run in (*active, *waiting) if run.status in {"failed", "cancelled"}]
    failed = sorted([*lost, *newest("FAILURE", limit=failures)], key=lambda run: run.created_at, reverse=True)
    counts: dict[RunStatus, int] = dict.fromkeys(RUN_STATUS.values(), 0)
    for name, status in RUN_STATUS.items():
        counts[status] += records.count(RunFilter(statuses=(name,)))
    for run in lost:
        counts[RUN_STATUS[run.dagster_status]] -= 1
        counts[run.status] += 1
    return Overview(
        pipelines=tuple(summary(as_lost(records, run)[0]) for run in records.latest_by_tag(Tag.PIPELINE)),
        running=tuple(summary(run) for run in active if run not in lost),
        queued=tuple(summary(run) for run in waiting if run not in lost),
        failures=tuple(summary(run) for run in failed if run.status == "failed")[:failures],
        counts=counts,
        daemon_alive=daemon_alive(records),
    )


def summary(run: RunRecord) -> RunSummary:
    """A run in one line."""
    end = run.ended_at or (datetime.now(UTC) if run.status == "running" else None)
    return RunSummary(
        execution_id=run.run_id,
        pipeline=run.pipeline or run.job,
        job=run.job,
        status=run.status,
        dagster_status=run.dagster_status,
        environment=run.tags.get(Tag.ENVIRONMENT),
        actor=run.tags.get(Tag.ACTOR) or run.tags.get(Tag.USER),
        source=_source(run),
        partition=run.partition,
        streams=tuple(asset.rpartition("/")[2] for asset in run.assets),
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        seconds=(end - run.started_at).total_seconds() if end and run.started_at else None,
    )


def error_of(records: RunRecords, run: RunRecord) -> EventError | None:
    """Why a run failed or was cancelled, from its last events."""
    if run.status not in {"failed", "cancelled"}:
        return None
    last = last_event(records, run.run_id, _ENDS)
    if last is not None and last.error is not None and run.status == "failed":
        return last.error
    if run.status == "failed" and (step := last_event(records, run.run_id, ("STEP_FAILURE",))) is not None:
        return step.error or EventError(reason=step.message, step=step.step)
    reason = last.message.rstrip(".") if last else f"The run ended as {run.dagster_status}"
    instruction = "Run it again: it goes on from the last bookmark" if run.status == "cancelled" else ""
    return EventError(reason=reason, instruction=instruction, code=f"run_{run.status}")


def failed_checks(records: RunRecords, run_id: str) -> tuple[CheckResult, ...]:
    """The asset checks that a run failed; of one that was evaluated again, the last word counts."""
    last = {(found.asset, found.check): found for found in records.checks(run_id)}
    return tuple(found for found in last.values() if not found.passed)


def daemon_alive(records: RunRecords) -> bool:
    """Whether Dagster's daemon was heard of lately."""
    return any(time.time() - beat < _DAEMON_SILENCE_SECONDS for beat in records.heartbeats().values())


def _progress(run: RunRecord, made: int, planned: int) -> float | None:
    if run.status == "completed":
        return 1.0
    if run.status == "pending":
        return 0.0
    return min(made / planned, 1.0) if planned else None


def _source(run: RunRecord) -> str:
    for tag, source in ((Tag.SOURCE, None), (Tag.SCHEDULE, "schedule"), (Tag.SENSOR, "sensor")):
        if tag in run.tags:
            return source or run.tags[tag]
    return "dagster"


def _note(records: RunRecords, run: RunRecord) -> str:
    if run.dagster_status == "QUEUED" and not daemon_alive(records):
        return "It waits in the queue, and no Dagster daemon is running to start it: start one with `flext dagster dev`"
    return ""
