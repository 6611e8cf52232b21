"""One stream's load: its table, its batches, and how it ends.

The algebra (README, "Load algebra") in short: an upsert is idempotent by key; an append with a replication key
replaces rows that are delivered again; an append without one removes what an unfinished load left; an overwrite
fills a shadow table and publishes it only when the stream is known to be whole.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from target_flext_sql.columns import ColumnType, StreamSchema
from target_flext_sql.completeness import Completeness
from target_flext_sql.conform import Chunk
from target_flext_sql.dialects.base import TableColumn
from target_flext_sql.direct import DirectBatch
from target_flext_sql.errors import (
    CountMismatchError,
    IncompleteStreamError,
    SchemaChangeError,
    SettingsError,
    TargetError,
)
from target_flext_sql.ledger import BATCHES_PER_LOAD, Ledger, bookmark_text
from target_flext_sql.merging import LoadMethod, expect, merge
from target_flext_sql.metadata import DELETED_AT
from target_flext_sql.naming import SHADOW_SUFFIX
from target_flext_sql.recovery import rows_to_remove
from target_flext_sql.rejects import RejectLimit, RejectsTable
from target_flext_sql.staging import Counts, stage_rows
from target_flext_sql.warehouse import Table, Warehouse

logger = logging.getLogger("target-flext-sql")


class StreamLoad:
    """The load of one stream in one run of the target.

    Args:
        warehouse: Where the table lives.
        ledger: The bookkeeping of its schema.
        schema: The stream's columns.
        place: Schema and name of the table.
        method: How to load; None chooses upsert with keys and append without.
        load_id: The run.
        load_key: The `load_key` setting.
        limit: The `max_rejects` setting.
        tap_stream: The stream's name in the tap's state.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        ledger: Ledger,
        schema: StreamSchema,
        place: tuple[str | None, str],
        *,
        method: LoadMethod | None,
        load_id: int,
        load_key: str | None,
        limit: RejectLimit,
        tap_stream: str,
    ) -> None:
        self.warehouse = warehouse
        self.ledger = ledger
        self.schema = schema
        self.place = place
        self.method: LoadMethod = method or ("upsert" if schema.keys else "append")
        self.tap_stream = tap_stream
        self._load_id = load_id
        self._load_key = load_key
        self._limit = limit
        self._rejects = RejectsTable(warehouse, schema.stream, *place)
        self._sequence = 0
        self._table: Table | None = None
        self._shadow: Table | None = None
        self.started = False
        self.signs = Completeness()
        self.activated = False
        self.ended_well = False
        self.received = 0
        self.rejected = 0
        self._check_method()

    @property
    def table_name(self) -> str:
        """Schema and table, as people write them."""
        return ".".join(part for part in self.place if part)

    def _check_method(self) -> None:
        if self.method == "upsert" and not self.schema.keys:
            raise SettingsError(
                f"Stream '{self.name}' cannot be loaded by upsert",
                "it has no key properties",
                "set its keys in the tap's catalog (table-key-properties), or its load_method to append or overwrite",
            )

    @property
    def name(self) -> str:
        """Name of the stream."""
        return self.schema.stream

    @property
    def unpublished(self) -> bool:
        """True while an overwrite's rows wait in the shadow table."""
        return self.method == "overwrite" and self.started and not self.activated

    @property
    def first_stamp(self) -> int:
        """The lowest batch number of this load."""
        return self._load_id * BATCHES_PER_LOAD

    @property
    def carriers(self) -> dict[str, ColumnType]:
        """Carrier type of each source column."""
        return {
            column.source: self.warehouse.storage(column.type, key=column.key).carrier for column in self.schema.columns
        }

    @property
    def _columns(self) -> list[TableColumn]:
        return self.warehouse.table_columns(self.schema.columns)

    def change_schema(self, schema: StreamSchema) -> None:
        """Take a new SCHEMA message; the table is brought up to it before the next batch."""
        self.schema = schema
        self._check_method()
        self._table = None
        if self._shadow is not None:
            self._shadow = self._make(self._shadow.name)

    def _make(self, name: str) -> Table:
        columns = [*self._columns, self.warehouse.stamp_column()]
        return self.warehouse.make_table(self.name, self.place[0], name, columns, with_key=self.method != "append")

    def prepare(self) -> Table:
        """Make or widen the table that the next batch goes to, in a transaction of its own.

        Returns:
            The table, or the shadow table of an overwrite.
        """
        if self._table is None:
            with self.warehouse.transaction():
                self.warehouse.make_schema(self.place[0])
                self.warehouse.driver.lock(self.warehouse.dialect.ref(*self.place))
                self.ledger.prepare()
                self._number_load()
                if self.method == "overwrite":
                    self._table = self._prepare_shadow()
                else:
                    self._table = self._make(self.place[1])
                if not self.warehouse.dialect.transactional_ddl:
                    self._rejects.prepare()
        return self._table

    def _number_load(self) -> None:
        """Keep stamps rising even when the clock was set back or two loads start in one millisecond."""
        if not self.started:
            last = self.ledger.last_stamp(self.place[1]) // BATCHES_PER_LOAD
            self._load_id = max(self._load_id, last + 1)

    def _prepare_shadow(self) -> Table:
        """Start the shadow table afresh: what an earlier, unpublished load left in it is worth nothing."""
        if self._shadow is None:
            dialect = self.warehouse.dialect
            name = self.place[1] + dialect.own(SHADOW_SUFFIX)
            self.warehouse.driver.execute(dialect.drop_table(dialect.ref(self.place[0], name)))
            self._shadow = self._make(name)
        return self._shadow

    def load(
        self,
        batch: Iterable[Chunk] | DirectBatch,
        state: Mapping[str, Any] | None,
        start: Mapping[str, Any] | None,
        promised: int | None = None,
    ) -> Counts:
        """Load one batch in one transaction: rows, rejects, bookkeeping.

        Args:
            batch: The rows, in order of arrival.
            state: The state that follows the batch's last row, None when it is not known yet.
            start: The state that the tap started from, None when it did not say.
            promised: Rows that the batch's files say they have.

        Returns:
            The verified counts.

        Raises:
            TargetError: Something failed; the batch is rolled back.
        """
        table = self.prepare()
        self._refuse_partial_overwrite(start)
        started, sequence = self.started, self._sequence
        self._sequence += 1
        stamp = self.first_stamp + self._sequence
        try:
            with self.warehouse.transaction():
                if not self.started:
                    self._begin(table, start)
                counts = self._load_batch(table, batch, stamp)
                if promised is not None and promised != counts.received:
                    raise CountMismatchError(
                        f"Stream '{self.name}': the batch files promise {promised} rows, {counts.received} were read",
                        next_step="the batch was rolled back; run again, the files may be damaged",
                    )
                bookmark = bookmark_text(state, self.tap_stream)
                self._note(stamp, "batch", counts, bookmark)
        except BaseException:
            self.started, self._sequence = started, sequence
            self._rejects.forget_made()
            raise
        self.received += counts.received
        self.rejected += counts.rejected
        return counts

    def _note(self, stamp: int, event: str, counts: Counts | None = None, bookmark: str | None = None) -> None:
        self.ledger.write(
            batch_id=stamp,
            event=event,
            stream=self.name,
            table=self.place[1],
            load_method=self.method,
            load_key=self._load_key,
            version=self.signs.version,
            counts=counts.row if counts else (0, 0, 0, 0),
            bookmark=bookmark,
        )

    def _refuse_partial_overwrite(self, start: Mapping[str, Any] | None) -> None:
        """An overwrite by the changes since a bookmark would throw the rest of the table away."""
        if self.method != "overwrite" or start is None:
            return
        bookmark = (start.get("bookmarks") or {}).get(self.tap_stream)
        if isinstance(bookmark, Mapping) and bookmark.get("replication_key_value") is not None:
            raise SettingsError(
                f"Stream '{self.name}' cannot be overwritten by an incremental run",
                "the tap starts from a bookmark, so it sends only a part of the table",
                "use load_method upsert, or replicate the stream FULL_TABLE, or run with --full-refresh",
            )

    def _begin(self, table: Table, start: Mapping[str, Any] | None) -> None:
        """Note the load's start, and remove what an unfinished load left where this one delivers it again."""
        self.started = True
        bookmark = bookmark_text(start, self.tap_stream)
        if self.method == "append" and self.schema.replication_key is None:
            loads = self.ledger.loads(self.place[1], self.first_stamp)
            for low, high, why in rows_to_remove(loads, bookmark, self._load_key, self.name):
                removed = self.warehouse.driver.execute(self.warehouse.dialect.delete_stamps(table.ref, low, high))
                self._rejects.forget(low, high)
                self.ledger.forget(self.place[1], low, high)
                logger.info("Stream '%s': removed %d rows of %s", self.name, removed, why)
        self._note(self.first_stamp, "started", None, bookmark)

    def _load_batch(self, table: Table, batch: Iterable[Chunk] | DirectBatch, stamp: int) -> Counts:
        """Load a file that the database reads by itself, if every row of it is good; otherwise look at each."""
        if not isinstance(batch, DirectBatch):
            return self._load_chunks(table, batch, stamp)
        if batch.faulty is not None and self.warehouse.value(batch.faulty):
            return self._load_chunks(table, batch.chunks(), stamp)
        loaded = self._merge(table, batch.source, batch.rows, stamp)
        return Counts(batch.rows, loaded, 0, batch.rows - loaded)

    def _load_chunks(self, table: Table, chunks: Iterable[Chunk], stamp: int) -> Counts:
        """Stage the good rows, keep the bad ones, apply, and count."""
        staged = stage_rows(self.warehouse, self._columns, self._rejects, chunks, stamp)
        self._limit.check(self.name, self.rejected + staged.rejected, self.received + staged.received, staged.sample)
        if staged.sample is not None:
            logger.warning(
                "Stream '%s': %d rows break the schema and went to %s; for example column '%s': %s",
                self.name,
                staged.rejected,
                self._rejects.name,
                staged.sample.column,
                staged.sample.reason,
            )
        loaded = self._merge(table, staged.source, staged.rows, stamp)
        if staged.received != staged.rows + staged.rejected:
            raise CountMismatchError(
                f"Stream '{self.name}': {staged.received} rows came, but {staged.rows} were staged and "
                f"{staged.rejected} rejected",
                next_step="the batch was rolled back; please report this with the batch file",
            )
        return Counts(staged.received, loaded, staged.rejected, staged.rows - loaded)

    def _merge(self, table: Table, source: str, rows: int, stamp: int) -> int:
        return merge(self.warehouse, self.schema, self.method, table, source, rows, stamp, self.first_stamp)

    def activate(self, version: int, *, soft: bool = False) -> None:
        """Take an ACTIVATE_VERSION message.

        Args:
            version: The version that is complete, or announced.
            soft: Mark rows that are gone as deleted instead of removing them.
        """
        if self.signs.saw_version(version):
            self._finish_whole(soft=soft)

    def _finish_whole(self, *, soft: bool = False) -> None:
        """The stream is whole: publish an overwrite, remove from an upsert what the source no longer has."""
        if self.activated:
            return
        table = self.prepare()
        with self.warehouse.transaction():
            if not self.started:
                self._begin(table, None)
            self._sequence += 1
            stamp = self.first_stamp + self._sequence
            if self.method == "overwrite":
                self._publish(table)
                self._note(stamp, "published")
            elif self.method == "upsert" and self.signs.version is not None:
                self._remove_gone(table, soft=soft)
                self._note(stamp, "activated")
        self.activated = True

    def _publish(self, shadow: Table) -> None:
        """Put the shadow's rows in the table's place, in the open transaction."""
        dialect, driver = self.warehouse.dialect, self.warehouse.driver
        rows = self.warehouse.count(shadow.ref)
        live = self.warehouse.look(*self.place)
        if live.types and self._takes_our_shape(live):
            names = [*(column.name for column in self._columns), self.warehouse.stamp_column().name]
            for statement in dialect.replace_rows(live.ref, shadow.ref, names):
                driver.execute(statement)
            driver.execute(dialect.drop_table(shadow.ref))
        else:
            driver.execute(dialect.drop_table(live.ref))
            driver.execute(dialect.rename_table(shadow.ref, self.place[1]))
        expect(self.name, rows, self.warehouse.count(live.ref), "published")
        self._table = live
        logger.info("Stream '%s': published %d rows", self.name, rows)

    def _takes_our_shape(self, live: Table) -> bool:
        """Widen the live table so that it keeps its grants and views, or say that it must be replaced."""
        if self.warehouse.dialect.replaces_by_rename:
            return False
        try:
            self._make(live.name)
        except SchemaChangeError as error:
            logger.warning("Stream '%s': the table is replaced by a new one. %s", self.name, error)
            return False
        return True

    def _remove_gone(self, table: Table, *, soft: bool) -> None:
        dialect, driver = self.warehouse.dialect, self.warehouse.driver
        version = self.signs.version if self.signs.version is not None else -1
        stamp = self.ledger.first_stamp_of_version(self.place[1], version) or self.first_stamp
        deleted_at = self.schema.column(DELETED_AT)
        if soft and deleted_at is not None:
            removed = driver.execute(dialect.mark_deleted(table.ref, deleted_at.name, stamp))
        else:
            removed = driver.execute(dialect.delete_older(table.ref, stamp))
        if removed > 0:
            logger.info("Stream '%s': removed %d rows that the source no longer has", self.name, removed)

    def end(self, *, trusted: bool, soft: bool = False) -> TargetError | None:
        """The input has ended by itself: finish, or say why the stream cannot be.

        Args:
            trusted: Take the end of the input for the end of the stream.
            soft: Mark rows that are gone as deleted instead of removing them.

        Returns:
            The error to raise after everything else is safe, or None.
        """
        if self.signs.known_empty and not self.activated:
            self._finish_whole(soft=soft)
        whole = trusted or self.signs.whole_by_state
        if self.method == "overwrite" and not self.activated and (self.started or self.signs.expected):
            if not whole:
                return IncompleteStreamError(
                    f"Stream '{self.name}' was not published; its table is as before",
                    "nothing says that the stream is whole: no ACTIVATE_VERSION came after its last row",
                    "run again if the tap was stopped; otherwise have the tap send ACTIVATE_VERSION "
                    "(emit_activate_version_messages), or set publish_on to end_of_input if you trust its exit",
                )
            self._finish_whole()
        self.ended_well = self.activated or not self.signs.known_partial
        return None

    def mark_finished(self, retention_days: int) -> None:
        """Note that the load ended well, in the open transaction."""
        if self.started:
            self._sequence += 1
            self._note(self.first_stamp + self._sequence, "finished")
            self.ledger.trim(self.place[1], retention_days, self.first_stamp)
