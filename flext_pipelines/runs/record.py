"""What the run storage holds, as plain values: runs, events, materializations, processes.

What belongs here: values. What does not: reading them out of Dagster's JSON (``decoding``), any access to a storage,
and answers to queries (``status``, ``logs``, ``metrics``).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flext_pipelines.runs.location import FINISHED, RunStatus
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

Level = Literal["debug", "info", "warning", "error", "critical"]
LEVELS: Mapping[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

CHECK_EVENT = "ASSET_CHECK_EVALUATION"
"""Dagster's event type of an asset check that was evaluated."""


class RunRecord(Value):
    """One Dagster run.

    Attributes:
        run_id: Dagster's run id, a UUID.
        job: The Dagster job.
        pipeline: The pipeline it runs, from our tag; else None.
        status: pending, running, completed, failed or cancelled.
        dagster_status: Dagster's own word for it.
        tags: All run tags, Dagster's hidden ones included.
        assets: Keys of the selected assets, parts joined by ``/``; empty when the run has its whole job.
        partition: The partition key, if the run has one.
        created_at: When it was created (UTC).
        started_at: When its first step could start (UTC).
        ended_at: When it ended (UTC).
        root_run_id: The first run of a chain of re-executions, else None.
    """

    run_id: str
    job: str
    pipeline: str | None = None
    status: RunStatus
    dagster_status: str
    tags: dict[str, str]
    assets: tuple[str, ...] = ()
    partition: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    root_run_id: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the storage says that it ended."""
        return self.dagster_status in FINISHED


class EventError(Value):
    """What an event says went wrong.

    Attributes:
        reason: What happened, without a stack.
        instruction: What to do next, when the step gave it.
        code: Our error's code, when the step gave it; else the exception's class.
        step: The step that failed.
        details: What else the step recorded about it.
    """

    reason: str
    instruction: str = ""
    code: str = ""
    step: str | None = None
    details: dict[str, object] = Field(default_factory=dict)


class Event(Value):
    """One line of a run's event log.

    Attributes:
        cursor: Its number; later events have higher ones.
        time: When it happened (UTC).
        level: Of the line.
        kind: Dagster's event type, or ``LOG`` for a line that a step wrote to its log.
        message: The line.
        step: The step it belongs to.
        error: The failure it reports.
    """

    cursor: int
    time: datetime
    level: Level
    kind: str
    message: str
    step: str | None = None
    error: EventError | None = None


class EventPage(Value):
    """A page of a run's events, oldest first.

    Attributes:
        events: The events.
        cursor: Give it back to have the events after these; a page without events returns the cursor it was asked with.
        more: Whether there are more already.
    """

    events: tuple[Event, ...]
    cursor: int
    more: bool


class Materialization(Value):
    """What a step recorded of one asset.

    Attributes:
        cursor: Number of its event.
        asset: The asset key, parts joined by ``/``.
        partition: The partition key, if any.
        time: When it was recorded (UTC).
        metadata: By label, as plain JSON values; a table schema is a mapping from column to type.
    """

    cursor: int
    asset: str
    partition: str | None
    time: datetime
    metadata: dict[str, object]


class CheckResult(Value):
    """What an asset check found.

    Attributes:
        asset: The asset key, parts joined by ``/``.
        check: Name of the check.
        passed: Whether the asset passed.
        severity: How bad it is if it did not.
        blocking: Whether what lies downstream is not made then.
        description: What was found, in the check's words.
    """

    asset: str
    check: str
    passed: bool
    severity: Literal["warning", "error"]
    blocking: bool = False
    description: str = ""


class WorkerProcess(Value):
    """The process that performs a run.

    Attributes:
        pid: Its number on ``host``.
        host: Name of the machine; None when the storage does not say, which means this one.
        started: Its start time in seconds since the epoch, or a moment when it was known to live.
        exact: Whether ``started`` is the start time itself.
    """

    pid: int
    host: str | None
    started: float
    exact: bool


class Capture(Value):
    """Where the raw output of a step's process is kept.

    Attributes:
        key: Name of the compute log within the run.
        steps: The steps whose output it holds.
    """

    key: str
    steps: tuple[str, ...]


class AssetRecord(Value):
    """An asset that was materialized at least once.

    Attributes:
        asset: The asset key, parts joined by ``/``.
        run_id: The run that made it last.
        materialized_at: When that was (UTC).
    """

    asset: str
    run_id: str | None
    materialized_at: datetime | None


class Instigator(Value):
    """A schedule or sensor that was ever switched on or off.

    Attributes:
        name: Of the schedule or sensor.
        kind: Which of the two.
        status: Dagster's word: ``RUNNING``, ``STOPPED`` or ``DECLARED_IN_CODE``.
    """

    name: str
    kind: Literal["schedule", "sensor"]
    status: str
