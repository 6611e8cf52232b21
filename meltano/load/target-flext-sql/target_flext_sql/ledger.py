"""The bookkeeping table ``_flext_loads``: what was committed, in the same transaction as the rows.

One row for each event of a load of a table (``started``, ``batch``, ``activated``, ``published``, ``finished``).
A batch's number, ``load id * 1,000,000 + place``, is stamped on its rows, so a load's rows can be found again.
README, "Load algebra", says which rows a rerun removes, and why.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from target_flext_sql.columns import ColumnType
from target_flext_sql.warehouse import Table, Warehouse

LEDGER = "_flext_loads"
BATCHES_PER_LOAD = 1_000_000


def new_load_id() -> int:
    """Return a load id: milliseconds since 1970, so that later loads have higher stamps."""
    return time.time_ns() // 1_000_000


def bookmark_text(state: Mapping[str, Any] | None, stream: str) -> str | None:
    """Return a stream's bookmark in a state as canonical text, None when no state is known.

    The SDK's notes of a run in progress (``starting_replication_value``, ``replication_key_signpost``) are left out:
    they say where a run began, not where the next one will.
    """
    if state is None:
        return None
    bookmarks = state.get("bookmarks")
    found = bookmarks.get(stream) if isinstance(bookmarks, Mapping) else state.get(stream)
    if isinstance(found, Mapping):
        notes = {"starting_replication_value", "replication_key_signpost", "progress_markers"}
        found = {key: value for key, value in found.items() if key not in notes}
    return json.dumps(found or {}, sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class PastBatch:
    """A committed event of an earlier load."""

    batch_id: int
    event: str
    load_key: str | None
    bookmark: str | None


class Ledger:
    """The bookkeeping of one schema.

    Args:
        warehouse: Where it lives.
        schema: Its schema: that of the tables.
    """

    def __init__(self, warehouse: Warehouse, schema: str | None) -> None:
        self._warehouse = warehouse
        dialect = warehouse.dialect
        text, number = ColumnType("text", length=500), ColumnType("integer")
        self._columns = warehouse.plain_columns(
            batch_id=number,
            load_id=number,
            event=text,
            stream=text,
            table_name=text,
            load_method=text,
            load_key=text,
            version=number,
            rows_received=number,
            rows_loaded=number,
            rows_rejected=number,
            rows_deduplicated=number,
            bookmark=ColumnType("text"),
            at=ColumnType("timestamptz", 6),
        )
        self._table = Table(schema, dialect.own(LEDGER), dialect.ref(schema, dialect.own(LEDGER)))

    def prepare(self) -> None:
        """Make the table if it is missing."""
        made = self._warehouse.make_table(LEDGER, self._table.schema, self._table.name, self._columns, with_key=False)
        self._table.types = made.types

    def _where(self, table: str) -> str:
        dialect = self._warehouse.dialect
        return f"{dialect.q_own('table_name')} = {dialect.literal(table)}"

    def write(
        self,
        *,
        batch_id: int,
        event: str,
        stream: str,
        table: str,
        load_method: str,
        load_key: str | None,
        version: int | None,
        counts: tuple[int, int, int, int] = (0, 0, 0, 0),
        bookmark: str | None = None,
    ) -> None:
        """Write one event, in the open transaction."""
        row: Sequence[Any] = (
            batch_id,
            batch_id // BATCHES_PER_LOAD,
            event,
            stream,
            table,
            load_method,
            load_key,
            version,
            *counts,
            bookmark,
            dt.datetime.now(tz=dt.UTC),
        )
        self._warehouse.ingest_rows(self._table, self._columns, [row])

    def loads(self, table: str, before: int) -> dict[int, list[PastBatch]]:
        """Return the events of earlier loads of a table, by load id, oldest first."""
        q = self._warehouse.dialect.q_own
        rows = self._warehouse.driver.query(
            f"SELECT {q('batch_id')}, {q('event')}, {q('load_key')}, {q('bookmark')} FROM {self._table.ref} "
            f"WHERE {self._where(table)} AND {q('batch_id')} < {before} AND {q('load_method')} = 'append' "
            f"ORDER BY {q('batch_id')}"
        )
        found: dict[int, list[PastBatch]] = {}
        for batch_id, event, load_key, bookmark in rows:
            past = PastBatch(int(batch_id), str(event), load_key, bookmark)
            found.setdefault(past.batch_id // BATCHES_PER_LOAD, []).append(past)
        return found

    def last_stamp(self, table: str) -> int:
        """Return the highest batch number of a table, 0 when it was never loaded."""
        q = self._warehouse.dialect.q_own
        found = self._warehouse.value(f"SELECT MAX({q('batch_id')}) FROM {self._table.ref} WHERE {self._where(table)}")
        return int(found or 0)

    def first_stamp_of_version(self, table: str, version: int) -> int | None:
        """Return the first batch number of a table's version, None when nothing of it was loaded."""
        q = self._warehouse.dialect.q_own
        found = self._warehouse.value(
            f"SELECT MIN({q('batch_id')}) FROM {self._table.ref} "
            f"WHERE {self._where(table)} AND {q('version')} = {version}"
        )
        return None if found is None else int(found)

    def forget(self, table: str, low: int, high: int) -> None:
        """Remove the events of a load whose rows were removed."""
        q = self._warehouse.dialect.q_own
        self._warehouse.driver.execute(
            f"DELETE FROM {self._table.ref} WHERE {self._where(table)} "
            f"AND {q('batch_id')} >= {low} AND {q('batch_id')} < {high}"
        )

    def trim(self, table: str, days: int, before: int) -> None:
        """Remove events of finished loads older than `days`, never those of the load at `before`."""
        horizon = (time.time_ns() // 1_000_000 - days * 86_400_000) * BATCHES_PER_LOAD
        if horizon < before:
            self.forget(table, 0, horizon)
