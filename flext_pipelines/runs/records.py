"""Reading the run storage: the interface that both readers have, and what they share.

What belongs here: the interface and filters. What does not: the readers (``sql_records``, ``instance_records``), which
of them a home has (``storage``), answers to queries.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from pydantic import Field

from flext_pipelines.runs.location import Tag
from flext_pipelines.runs.record import (
    AssetRecord,
    Capture,
    CheckResult,
    Event,
    EventPage,
    Instigator,
    Materialization,
    RunRecord,
    WorkerProcess,
)
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class RunFilter(Value):
    """Which runs.

    Attributes:
        job: Only those of this Dagster job.
        statuses: Dagster's statuses; empty means any.
        tags: Tags that a run must have, all of them.
        created_after: Only those created later than this.
        created_before: Only those created earlier than this.
    """

    job: str | None = None
    statuses: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    created_after: datetime | None = None
    created_before: datetime | None = None


class RunRecords(Protocol):
    """The run storage, to be read. Every method reads what it returns and no more."""

    def close(self) -> None:
        """Give connections back."""
        ...

    def run(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        ...

    def runs(self, wanted: RunFilter, limit: int, before: str | None = None) -> tuple[RunRecord, ...]:
        """Runs from the newest down, beginning below the run whose id is ``before``."""
        ...

    def latest_by_tag(self, key: str) -> tuple[RunRecord, ...]:
        """For each value of a tag, its newest run; newest first."""
        ...

    def count(self, wanted: RunFilter) -> int:
        """How many runs there are."""
        ...

    def events(
        self, run_id: str, after: int, limit: int, kinds: Collection[str] | None = None, level: int = 0
    ) -> EventPage:
        """The first ``limit`` events after a cursor; of those, the ones at the level (Python's numbers) or above."""
        ...

    def counts(self, run_id: str, kinds: Sequence[str]) -> dict[str, int]:
        """How many events of each kind the run has."""
        ...

    def last_events(self, run_id: str, limit: int, kinds: Collection[str] | None = None) -> tuple[Event, ...]:
        """The latest events, of those kinds if any are given, oldest first."""
        ...

    def materializations(self, run_id: str) -> tuple[Materialization, ...]:
        """Every materialization of the run, oldest first."""
        ...

    def checks(self, run_id: str) -> tuple[CheckResult, ...]:
        """Every asset check that the run evaluated, oldest first."""
        ...

    def outputs(self, run_id: str) -> tuple[dict[str, object], ...]:
        """Metadata of every step output of the run, oldest first."""
        ...

    def captures(self, run_id: str) -> tuple[Capture, ...]:
        """The run's compute logs in the order in which they were begun."""
        ...

    def worker(self, run_id: str) -> WorkerProcess | None:
        """The process that performs the run, if it is recorded."""
        ...

    def assets(self) -> tuple[AssetRecord, ...]:
        """Assets that were ever materialized, by key."""
        ...

    def instigators(self) -> tuple[Instigator, ...]:
        """Schedules and sensors that were ever switched."""
        ...

    def heartbeats(self) -> dict[str, float]:
        """When each kind of Dagster daemon was last heard of, seconds since the epoch."""
        ...


def last_event(records: RunRecords, run_id: str, kinds: Collection[str] | None = None) -> Event | None:
    """The latest event, of those kinds if any are given."""
    found = records.last_events(run_id, 1, kinds)
    return found[0] if found else None


def worker_of_tags(tags: Mapping[str, str]) -> WorkerProcess | None:
    """The shell's process that performs a run, from the tags that an attached launch leaves."""
    pid, host, started = (tags.get(name, "") for name in (Tag.PID, Tag.HOST, Tag.PROCESS_STARTED))
    if not pid.isdigit() or not host:
        return None
    try:
        return WorkerProcess(pid=int(pid), host=host, started=float(started), exact=True)
    except ValueError:
        return None
