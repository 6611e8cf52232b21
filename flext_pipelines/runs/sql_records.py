"""Reading the run storage by SQL, without dagster.

What belongs here: SQL on Dagster's tables, read-only. What does not: connections (``database``), decoding what was
read (``record``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flext_pipelines.runs.database import Database, Parameters, PostgresDatabase, Row, SqliteFiles, check_revision
from flext_pipelines.runs.decoding import (
    decode_asset,
    decode_capture,
    decode_check,
    decode_event,
    decode_materialization,
    decode_output,
    decode_run,
    decode_worker,
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
    from flext_pipelines.settings import Settings

_LEVEL = re.compile(r'"level": (\d+), "message": ')
"""Where the level stands in a stored event; lets us pass by an event without decoding it."""


_CHECK = f'"event_type_value": "{CHECK_EVENT}"'


class SqlRecords:
    """The run storage by SQL. Needs no dagster."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, settings: Settings) -> SqlRecords:
        """The reader for these settings; its schema is checked.

        Raises:
            UnknownSchemaError: The storage is of another version of Dagster.
            UnavailableError: The database does not answer.
        """
        if settings.dagster_postgres_url is None:
            files = SqliteFiles(settings.dagster_home)
            files.check_revisions()
            return cls(files)
        database = PostgresDatabase(settings.dagster_postgres_url.get_secret_value())
        try:
            check_revision(database.runs("SELECT version_num FROM alembic_version", {}), "the database")
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Give connections back."""
        self._database.close()

    def run(self, run_id: str) -> RunRecord | None:
        """The run of that id."""
        rows = self._database.runs(f"{_SELECT_RUNS} WHERE run_id = :run_id", {"run_id": run_id})
        return _run_record(rows[0]) if rows else None

    def runs(self, wanted: RunFilter, limit: int, before: str | None = None) -> tuple[RunRecord, ...]:
        """Runs from the newest down, after the one whose id is ``before``."""
        where, parameters = _where(wanted, before)
        sql = f"{_SELECT_RUNS} {where} ORDER BY runs.id DESC LIMIT :limit"
        return tuple(_run_record(row) for row in self._database.runs(sql, {**parameters, "limit": limit}))

    def latest_by_tag(self, key: str) -> tuple[RunRecord, ...]:
        """For each value of a tag, its newest run; newest first."""
        newest = (
            "SELECT max(runs.id) FROM runs JOIN run_tags ON runs.run_id = run_tags.run_id "
            "WHERE run_tags.key = :key GROUP BY run_tags.value"
        )
        rows = self._database.runs(f"{_SELECT_RUNS} WHERE id IN ({newest}) ORDER BY id DESC", {"key": key})
        return tuple(_run_record(row) for row in rows)

    def count(self, wanted: RunFilter) -> int:
        """How many runs there are."""
        where, parameters = _where(wanted, None)
        rows = self._database.runs(f"SELECT count(*) FROM runs {where}", parameters)  # noqa: S608  names of ours only
        return int(rows[0][0]) if rows else 0

    def events(
        self, run_id: str, after: int, limit: int, kinds: Collection[str] | None = None, level: int = 0
    ) -> EventPage:
        """The first ``limit`` events after a cursor; of those, the ones at the level or above."""
        rows = self._rows(run_id, "id > :after", {"after": after}, kinds, "ASC", limit)
        found = (decode_event(number, text) for number, text in rows if not _is_below(text, level))
        events = tuple(event for event in found if LEVELS[event.level] >= level)
        return EventPage(events=events, cursor=int(rows[-1][0]) if rows else after, more=len(rows) == limit)

    def counts(self, run_id: str, kinds: Sequence[str]) -> dict[str, int]:
        """How many events of each kind the run has; an index holds the kinds."""
        names, parameters = _names("kind", [stored_type(kind) for kind in kinds])
        rows = self._database.events(
            run_id,
            "SELECT dagster_event_type, count(*) FROM event_logs WHERE run_id = :run_id "  # noqa: S608  names of ours
            f"AND dagster_event_type IN ({names}) GROUP BY dagster_event_type",
            {**parameters, "run_id": run_id},
        )
        found = {str(kind): int(number) for kind, number in rows}
        return {kind: found.get(stored_type(kind), 0) for kind in kinds}

    def last_events(self, run_id: str, limit: int, kinds: Collection[str] | None = None) -> tuple[Event, ...]:
        """The latest events, of those kinds if any are given, oldest first."""
        rows = self._rows(run_id, "1 = 1", {}, kinds, "DESC", limit)
        return tuple(decode_event(number, text) for number, text in reversed(rows))

    def materializations(self, run_id: str) -> tuple[Materialization, ...]:
        """Every materialization of the run, oldest first."""
        rows = self._rows(run_id, "1 = 1", {}, ["ASSET_MATERIALIZATION"], "ASC", None)
        return tuple(decode_materialization(number, text) for number, text in rows)

    def checks(self, run_id: str) -> tuple[CheckResult, ...]:
        """Every asset check that the run evaluated, oldest first."""
        return tuple(decode_check(text) for _, text in self._rows(run_id, "1 = 1", {}, [CHECK_EVENT], "ASC", None))

    def outputs(self, run_id: str) -> tuple[dict[str, object], ...]:
        """Metadata of every step output of the run, oldest first."""
        rows = self._rows(run_id, "1 = 1", {}, ["STEP_OUTPUT"], "ASC", None)
        return tuple(decode_output(text) for _, text in rows)

    def captures(self, run_id: str) -> tuple[Capture, ...]:
        """The run's compute logs in the order in which they were begun."""
        rows = self._rows(run_id, "1 = 1", {}, ["LOGS_CAPTURED"], "ASC", None)
        return tuple(decode_capture(text) for _, text in rows)

    def worker(self, run_id: str) -> WorkerProcess | None:
        """The process that performs the run, if it is recorded."""
        run = self.run(run_id)
        if run is None:
            return None
        if (worker := worker_of_tags(run.tags)) is not None:
            return worker
        rows = self._rows(run_id, "1 = 1", {}, ["ENGINE_EVENT"], "ASC", 20)
        found = (decode_worker(text, run.tags.get(Tag.HOST)) for _, text in rows)
        return next((worker for worker in found if worker is not None), None)

    def assets(self) -> tuple[AssetRecord, ...]:
        """Assets that were ever materialized, by key."""
        rows = self._database.assets(
            "SELECT asset_key, last_materialization FROM asset_keys "
            "WHERE last_materialization IS NOT NULL AND last_materialization != '' ORDER BY asset_key",
            {},
        )
        return tuple(sorted((decode_asset(*row) for row in rows), key=lambda one: one.asset))

    def instigators(self) -> tuple[Instigator, ...]:
        """Schedules and sensors that were ever switched."""
        rows = self._database.schedules(
            "SELECT instigator_type, status, instigator_body FROM instigators "
            "WHERE instigator_type IN ('SCHEDULE', 'SENSOR') ORDER BY id DESC",
            {},
        )
        return tuple(_instigator(*row) for row in rows)

    def heartbeats(self) -> dict[str, float]:
        """When each kind of Dagster daemon was last heard of, seconds since the epoch."""
        rows = self._database.runs("SELECT daemon_type, body FROM daemon_heartbeats", {})
        return {str(kind): float(json.loads(body)["timestamp"]) for kind, body in rows}

    def _rows(
        self,
        run_id: str,
        condition: str,
        parameters: Parameters,
        kinds: Collection[str] | None,
        order: str,
        limit: int | None,
    ) -> Sequence[Row]:
        """Number and text of events. ``condition`` and ``order`` are constants of this module."""
        names, named = _names("kind", [stored_type(kind) for kind in kinds or ()])
        of_kind = f"AND dagster_event_type IN ({names})" if kinds else ""
        up_to = "LIMIT :limit" if limit is not None else ""
        sql = (
            f"SELECT id, event FROM event_logs WHERE run_id = :run_id AND {condition} "  # noqa: S608  see above
            f"{of_kind} ORDER BY id {order} {up_to}"
        )
        return self._database.events(run_id, sql, {**parameters, **named, "run_id": run_id, "limit": limit})


_SELECT_RUNS = "SELECT run_body, status, create_timestamp, start_time, end_time FROM runs"


def _where(wanted: RunFilter, before: str | None) -> tuple[str, dict[str, object]]:
    """The condition for a filter, every value as a parameter."""
    parts: list[str] = []
    parameters: dict[str, object] = {}
    if wanted.job is not None:
        parts.append("pipeline_name = :job")
        parameters["job"] = wanted.job
    if wanted.statuses:
        names, named = _names("status", wanted.statuses)
        parts.append(f"status IN ({names})")
        parameters |= named
    for number, (key, value) in enumerate(wanted.tags.items()):
        parts.append(
            f"run_id IN (SELECT run_id FROM run_tags "  # noqa: S608  only numbers of ours go into the text
            f"WHERE key = :key{number} AND value = :value{number})"
        )
        parameters |= {f"key{number}": key, f"value{number}": value}
    if wanted.created_after is not None:
        parts.append("create_timestamp > :created_after")
        parameters["created_after"] = _timestamp(wanted.created_after)
    if wanted.created_before is not None:
        parts.append("create_timestamp < :created_before")
        parameters["created_before"] = _timestamp(wanted.created_before)
    if before is not None:
        parts.append("id < (SELECT id FROM runs WHERE run_id = :before)")
        parameters["before"] = before
    return ("WHERE " + " AND ".join(parts) if parts else ""), parameters


def _names(prefix: str, values: Sequence[str]) -> tuple[str, dict[str, object]]:
    """Parameter names for an IN list, and their values."""
    named: dict[str, object] = {f"{prefix}{number}": value for number, value in enumerate(values)}
    return ", ".join(f":{name}" for name in named), named


def _timestamp(time: datetime) -> str:
    """A time as SQLAlchemy writes it into SQLite, which PostgreSQL reads too: UTC without a zone."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _is_below(text: str, level: int) -> bool:
    """Whether the event is surely below the level: a check is decoded, since its level depends on its result."""
    if not level or _CHECK in text:
        return False
    found = _LEVEL.search(text)
    return found is not None and int(found.group(1)) < level


def _run_record(row: Row) -> RunRecord:
    body, status, created, started, ended = row
    time = datetime.fromisoformat(created) if isinstance(created, str) else created
    return decode_run(body, status=status, created=time.replace(tzinfo=UTC).timestamp(), started=started, ended=ended)


def _instigator(kind: str, status: str, body: str) -> Instigator:
    origin = json.loads(body)["origin"]
    name = origin.get("instigator_name") or origin.get("job_name") or ""
    return Instigator(name=name, kind="schedule" if kind == "SCHEDULE" else "sensor", status=status)
