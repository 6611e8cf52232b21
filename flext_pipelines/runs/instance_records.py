"""Reading the run storage through Dagster's API: what ``records`` does by SQL, for a storage it does not know.

Events are serialized again and decoded by the same functions (``record``), so that both readers give equal values.

What belongs here: the reader on a ``DagsterInstance``. What does not: writing, launching, stopping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import DagsterEventType, DagsterRunStatus, RunsFilter
from dagster._core.event_api import EventLogCursor
from dagster._core.scheduler.instigation import InstigatorType
from dagster._serdes import serialize_value

from flext_pipelines.runs.decoding import (
    decode_capture,
    decode_check,
    decode_event,
    decode_materialization,
    decode_output,
    decode_run,
    decode_worker,
    moment,
    stored_type,
)
from flext_pipelines.runs.location import Tag
from flext_pipelines.runs.record import (
    CHECK_EVENT,
    LEVELS,
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
from flext_pipelines.runs.records import RunFilter, worker_of_tags

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from dagster import DagsterInstance, DagsterRun, EventLogRecord
    from dagster import RunRecord as DagsterRunRecord


class InstanceRecords:
    """The run storage by Dagster's API. Costs ``import dagster``; knows every storage that Dagster knows."""

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance

    def close(self) -> None:
        """Give the instance's connections back."""
        self._instance.dispose()

    def run(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        records = self._instance.get_run_records(RunsFilter(run_ids=[run_id]), limit=1)
        return _run_record(records[0]) if records else None

    def runs(self, wanted: RunFilter, limit: int, before: str | None = None) -> tuple[RunRecord, ...]:
        """Runs from the newest down, after the one whose id is ``before``."""
        records = self._instance.get_run_records(_runs_filter(wanted), limit=limit, cursor=before)
        return tuple(_run_record(record) for record in records)

    def latest_by_tag(self, key: str) -> tuple[RunRecord, ...]:
        """For each value of a tag, its newest run; newest first."""
        newest = [
            self._instance.get_run_records(RunsFilter(tags={key: value}), limit=1)[0]
            for _, values in self._instance.get_run_tags([key])
            for value in values
        ]
        return tuple(_run_record(record) for record in sorted(newest, key=lambda one: one.storage_id, reverse=True))

    def count(self, wanted: RunFilter) -> int:
        """How many runs there are."""
        return self._instance.get_runs_count(_runs_filter(wanted))

    def events(
        self, run_id: str, after: int, limit: int, kinds: Collection[str] | None = None, level: int = 0
    ) -> EventPage:
        """The first ``limit`` events after a cursor; of those, the ones at the level or above."""
        of_type = {DagsterEventType(stored_type(kind)) for kind in kinds} if kinds else None
        page = self._instance.get_records_for_run(
            run_id, cursor=EventLogCursor.from_storage_id(after).to_string(), of_type=of_type, limit=limit
        )
        decoded = (
            decode_event(record.storage_id, _text(record))
            for record in page.records
            if int(record.event_log_entry.level) >= level or _is_check(record)
        )
        found = [event for event in decoded if LEVELS[event.level] >= level]
        last = page.records[-1].storage_id if page.records else after
        return EventPage(events=tuple(found), cursor=last, more=page.has_more)

    def counts(self, run_id: str, kinds: Sequence[str]) -> dict[str, int]:
        """How many events of each kind the run has."""
        return {kind: len(self._all_of_type(run_id, kind)) for kind in kinds}

    def last_events(self, run_id: str, limit: int, kinds: Collection[str] | None = None) -> tuple[Event, ...]:
        """The latest events, of those kinds if any are given, oldest first."""
        of_type = {DagsterEventType(stored_type(kind)) for kind in kinds} if kinds else None
        page = self._instance.get_records_for_run(run_id, of_type=of_type, limit=limit, ascending=False)
        return tuple(decode_event(record.storage_id, _text(record)) for record in reversed(page.records))

    def materializations(self, run_id: str) -> tuple[Materialization, ...]:
        """Every materialization of the run."""
        records = self._all_of_type(run_id, "ASSET_MATERIALIZATION")
        return tuple(decode_materialization(record.storage_id, _text(record)) for record in records)

    def checks(self, run_id: str) -> tuple[CheckResult, ...]:
        """Every asset check that the run evaluated, oldest first."""
        return tuple(decode_check(_text(record)) for record in self._all_of_type(run_id, CHECK_EVENT))

    def outputs(self, run_id: str) -> tuple[dict[str, object], ...]:
        """Metadata of every step output of the run, oldest first."""
        return tuple(decode_output(_text(record)) for record in self._all_of_type(run_id, "STEP_OUTPUT"))

    def captures(self, run_id: str) -> tuple[Capture, ...]:
        """The run's compute logs in the order in which they were begun."""
        return tuple(decode_capture(_text(record)) for record in self._all_of_type(run_id, "LOGS_CAPTURED"))

    def worker(self, run_id: str) -> WorkerProcess | None:
        """The process that performs the run, if it is recorded."""
        run = self._instance.get_run_by_id(run_id)
        return worker_of_run(self._instance, run) if run else None

    def assets(self) -> tuple[AssetRecord, ...]:
        """Assets that were ever materialized, by key."""
        found = []
        for record in self._instance.get_asset_records():
            entry = record.asset_entry
            made = entry.last_materialization_record
            if made is not None:
                found.append(
                    AssetRecord(
                        asset="/".join(entry.asset_key.path),
                        run_id=made.run_id,
                        materialized_at=moment(made.timestamp),
                    )
                )
        return tuple(sorted(found, key=lambda one: one.asset))

    def instigators(self) -> tuple[Instigator, ...]:
        """Schedules and sensors that were ever switched."""
        kinds = {InstigatorType.SCHEDULE: "schedule", InstigatorType.SENSOR: "sensor"}
        return tuple(
            Instigator.model_validate(
                {"name": state.name, "kind": kinds[state.instigator_type], "status": state.status.value}
            )
            for state in self._instance.all_instigator_state()
            if state.instigator_type in kinds
        )

    def heartbeats(self) -> dict[str, float]:
        """When each kind of Dagster daemon was last heard of, seconds since the epoch."""
        return {kind: beat.timestamp for kind, beat in self._instance.get_daemon_heartbeats().items()}

    def _all_of_type(self, run_id: str, kind: str) -> list[EventLogRecord]:
        records: list[EventLogRecord] = []
        cursor = None
        while True:
            page = self._instance.get_records_for_run(
                run_id, cursor=cursor, of_type=DagsterEventType(stored_type(kind)), limit=1000
            )
            records += page.records
            cursor = page.cursor
            if not page.has_more:
                return records


def worker_of_run(instance: DagsterInstance, run: DagsterRun) -> WorkerProcess | None:
    """The process that performs a run: from its tags when a shell does, else from the event it began with."""
    if (worker := worker_of_tags(run.tags)) is not None:
        return worker
    page = instance.get_records_for_run(run.run_id, of_type=DagsterEventType.ENGINE_EVENT, limit=20)
    for record in page.records:
        worker = decode_worker(_text(record), run.tags.get(Tag.HOST))
        if worker is not None:
            return worker
    return None


def _is_check(record: EventLogRecord) -> bool:
    event = record.event_log_entry.dagster_event
    return event is not None and event.event_type_value == CHECK_EVENT


def _text(record: EventLogRecord) -> str:
    return serialize_value(record.event_log_entry)


def _run_record(record: DagsterRunRecord) -> RunRecord:
    return decode_run(
        serialize_value(record.dagster_run),
        status=record.dagster_run.status.value,
        created=record.create_timestamp.timestamp(),
        started=record.start_time,
        ended=record.end_time,
    )


def _runs_filter(wanted: RunFilter) -> RunsFilter:
    return RunsFilter(
        job_name=wanted.job,
        statuses=[DagsterRunStatus(status) for status in wanted.statuses],
        tags=dict(wanted.tags),
        created_after=wanted.created_after,
        created_before=wanted.created_before,
    )
