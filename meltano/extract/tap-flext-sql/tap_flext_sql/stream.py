"""One table as a Singer stream."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import MetadataMapping
from singer_sdk.streams import Stream

from tap_flext_sql.bookmarks import (
    Progress,
    check_key,
    parse_value,
    render_value,
    signpost,
    step_back,
    stored_bookmark,
)
from tap_flext_sql.catalog import plan_from_entry
from tap_flext_sql.columns import KEY_KINDS, Column, Kind
from tap_flext_sql.errors import ColumnMissing, SettingsError, ValueMisfit
from tap_flext_sql.pump import Pump, StopRequested
from tap_flext_sql.query import Bound, TableQuery
from tap_flext_sql.settings import DEFAULT_BATCH_ROWS, FULL_TABLE, INCREMENTAL, TableOptions, options_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter

    from tap_flext_sql.catalog import CatalogDict
    from tap_flext_sql.misfits import Chunk, Misfit
    from tap_flext_sql.outlets import Outlet
    from tap_flext_sql.readers.protocol import Reader
    from tap_flext_sql.tap import TapFlextSQL

_SHOWN_MISFITS: Final = 10
_PROGRESS_MARKERS: Final = "progress_markers"


class TableStream(Stream):
    """A table or view, read as Arrow and sent as BATCH files or RECORD lines."""

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    """Values leave Arrow in the types of the contract; conforming them again would only cost time."""

    def __init__(self, tap: TapFlextSQL, entry: CatalogDict) -> None:
        self._entry = entry
        self.plan = plan_from_entry(entry)
        self._sql_tap = tap
        super().__init__(tap=tap, schema=entry["schema"], name=self.plan.name)
        self._metadata = MetadataMapping.from_iterable(entry.get("metadata", []))
        if not tap.has_catalog:
            # As in the SDK: without a catalog everything is selected.
            self._metadata.root.selected = True
        self.primary_keys = self.plan.key_properties
        self.replication_key = self.plan.replication_key
        self.forced_replication_method = self.plan.replication_method
        self._misfits_seen = 0
        self._rows_sent = 0

    @property
    def emit_activate_version_messages(self) -> bool:
        """The SDK's own ACTIVATE_VERSION comes before the first row; ours comes after the last one, see ``_finish``."""
        return False

    def get_replication_key_signpost(self, context: Context | None = None) -> None:  # noqa: ARG002 - as in the SDK
        """The SDK's signpost is this machine's clock; ours is the database's, see ``bookmarks.signpost``."""
        return

    @property
    def is_sorted(self) -> bool:
        """Incremental streams come in the order of their key."""
        return self.replication_method == INCREMENTAL

    def apply_catalog(self, catalog: object) -> None:
        """The stream was made from its entry of the input catalog; there is nothing left to apply."""

    @property
    def catalog_dict(self) -> CatalogDict:
        """The stream's catalog entry with the metadata as it is now."""
        return {**self._entry, "metadata": self.metadata.to_list()}

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns to read: the selected ones, the key columns and the replication key, in the table's order."""
        mask, always = self.mask, self.plan.always_read
        return tuple(
            column
            for name, column in self.plan.columns.items()
            if name in always or mask.get(("properties", name), mask.get((), True))
        )

    @property
    def selected_schema(self) -> dict[str, Any]:
        """The schema of the SCHEMA message: that of the columns to read."""
        properties = self.schema["properties"]
        return {**self.schema, "properties": {column.name: properties[column.name] for column in self.columns}}

    @property
    def _options(self) -> TableOptions:
        return options_for(self.plan.table, list(self.plan.columns), self.config)

    # Reading

    def _open_reader(self) -> Reader:
        from tap_flext_sql.readers.opening import open_reader

        return open_reader(self._sql_tap.source, self.config, self._sql_tap.snapshot)

    def _base_query(self) -> TableQuery:
        missing = self.plan.always_read - set(self.plan.columns)
        if missing:
            raise ColumnMissing(
                f"Stream '{self.name}' names column '{sorted(missing)[0]}' as a key, which table '{self.plan.table}' "
                "does not have",
                "Correct the key in the catalog, or run discovery again.",
            )
        if not self.columns:
            raise SettingsError(f"No column of stream '{self.name}' is selected", "Select one, or deselect the stream.")
        return TableQuery(self.plan.table, self.columns, limit=self.ABORT_AT_RECORD_COUNT)

    def _queries(self, progress: Progress | None) -> list[TableQuery]:
        """What to read, in the order in which it is to be sent."""
        base = self._base_query()
        if progress is None:
            return self._split(base)
        key = progress.column
        keyed = dataclasses.replace(base, key=key, null_keys=False)
        start = self._start_of(progress)
        if start is not None:
            self._warn_of_null_keys(key)
            return [dataclasses.replace(keyed, bounds=(Bound(key, ">=", start),))]
        if key.nullable:
            return [dataclasses.replace(keyed, null_keys=True), keyed]
        return [keyed]

    def _start_of(self, progress: Progress) -> Any:  # noqa: ANN401 - a key's value
        options = self._options
        if progress.start is not None:
            overlap = options.overlap
            seconds = overlap if overlap is not None else self.config.get("overlap_seconds") or 0
            count = overlap if overlap is not None else self.config.get("overlap_count") or 0
            return step_back(progress.column, progress.start, float(seconds), float(count))
        if options.start_value is not None:
            return parse_value(progress.column, options.start_value, "start_value")
        if progress.column.kind in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ} and self.config.get("start_date"):
            return parse_value(progress.column, self.config["start_date"], "start_date")
        return None

    def _warn_of_null_keys(self, key: Column) -> None:
        if not key.nullable or not self.config.get("count_null_keys", True):
            return
        with contextlib.closing(self._open_reader()) as reader:
            count = reader.count_null_keys(self.plan.table, key)
        if count:
            self.log(
                "Stream '%s': %d rows have no value in replication key '%s' and are left out; a full refresh reads "
                "them too",
                self.name,
                count,
                key.name,
                level=logging.WARNING,
            )

    def _split(self, base: TableQuery) -> list[TableQuery]:
        options = self._options
        ranges = options.split_ranges or int(self.config.get("split_ranges") or 1)
        if ranges == 1 or base.limit is not None:
            return [base]
        from tap_flext_sql.ranges import SPLIT_KINDS, split

        key = self._split_key(options)
        if key is None or key.kind not in SPLIT_KINDS:
            if options.split_key or options.split_ranges:
                raise SettingsError(
                    f"Table '{self.plan.table}' cannot be split"
                    + (f" by '{options.split_key}'" if options.split_key else ""),
                    "Set split_key in table_options to an integer, date or timestamp column.",
                )
            return [base]
        with contextlib.closing(self._open_reader()) as reader:
            low, high = reader.key_range(base, key)
        return split(base, key, low, high, ranges)

    def _split_key(self, options: TableOptions) -> Column | None:
        if options.split_key:
            return self.plan.columns.get(options.split_key)
        keys = self.plan.key_properties
        return self.plan.columns.get(keys[0]) if len(keys) == 1 else None

    # Sending

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        """Send the rows as the batch configuration says; the SDK calls this when there is one."""
        if batch_config.encoding.format != "parquet":
            super()._sync_batches(batch_config, context)
            return
        from tap_flext_sql.outlets import BatchOutlet

        outlet = self._record_outlet()
        if self._is_plain:
            with self.get_batch_counter() as batches:

                def write(encoding: BaseBatchFileEncoding, manifest: list[str]) -> None:
                    batches.increment()
                    self._write_batch_message(encoding, manifest)

                rows = self._batch_rows()
                self._run(BatchOutlet(self.name, self.columns, batch_config, rows, write, outlet))
        else:
            self.log("Stream '%s' has stream maps, which work on records: sending RECORD, not BATCH", self.name)
            self._run(self._mapped_outlet())

    def _sync_records(self, context: Context | None = None, *, write_messages: bool = True) -> Iterator[Record]:
        """Send the rows as RECORD lines; only without ``write_messages`` are records yielded (SDK batch encoders)."""
        if write_messages:
            self._run(self._record_outlet() if self._is_plain else self._mapped_outlet())
            return
        for chunk in self._counted_chunks():
            from tap_flext_sql.record_lines import plain_records

            yield from plain_records(chunk.batch, self.columns)
            yield from (misfit.record for misfit in chunk.misfits)

    def get_records(self, context: Context | None) -> Iterator[Record]:
        """The rows as plain records."""
        return self._sync_records(context, write_messages=False)

    @property
    def _is_plain(self) -> bool:
        """Whether rows leave as they are: one stream map that changes nothing."""
        maps = self.stream_maps
        return len(maps) == 1 and type(maps[0]) is SameRecordTransform and not maps[0].flattening_enabled

    def _batch_rows(self) -> int:
        raw: Mapping[str, Any] = self.config.get("batch_config") or {}
        return int(raw.get("batch_size") or self.config.get("batch_rows") or DEFAULT_BATCH_ROWS)

    def _record_outlet(self) -> Any:  # noqa: ANN401 - RecordOutlet, imported lazily
        from tap_flext_sql.outlets import RecordOutlet
        from tap_flext_sql.record_lines import RecordLines

        lines = RecordLines(self.name, self.columns, self._stream_version)
        return RecordOutlet(lines, self._sql_tap.write_lines)

    def _mapped_outlet(self) -> Any:  # noqa: ANN401 - MappedOutlet, imported lazily
        from tap_flext_sql.outlets import MappedOutlet

        return MappedOutlet(self.columns, self._write_record_message)

    def _write_schema_message(self) -> None:
        """Set the version of a full table before its first message."""
        if self.replication_method == FULL_TABLE and self.config.get("emit_activate_version_messages", True):
            # Seconds, as the SDK does: targets keep versions in 32-bit columns.
            self._stream_version = self._initialized_at // 1000
        super()._write_schema_message()

    def _run(self, outlet: Outlet) -> None:
        """Read everything and send it, with a STATE after each part that is out."""
        self._check_stop()
        with self.get_record_counter() as counter, self.get_sync_timer():
            progress = self._begin()
            try:
                with self._pump(progress) as pump:
                    for chunk in pump:
                        self._send(chunk, outlet, progress, counter)
            except StopRequested:
                outlet.flush()
                self._save(progress, complete=False)
                raise
            except BaseException:
                outlet.discard()
                raise
            outlet.flush()
            self._finish(progress)

    def _counted_chunks(self) -> Iterator[Chunk]:
        """Chunks for the SDK's own batch encoders, which write the STATE themselves after each batch."""
        with self.get_record_counter() as counter, self.get_sync_timer():
            progress = self._begin()
            with self._pump(progress) as pump:
                for chunk in pump:
                    counter.increment(chunk.batch.num_rows + len(chunk.misfits))
                    yield chunk
                    _note(progress, chunk.batch, chunk.in_order)
            self._finish(progress)

    def _pump(self, progress: Progress | None) -> Pump:
        queries = self._queries(progress)
        parallel = 1 if progress is not None else int(self.config.get("split_parallel") or 2)
        return Pump(self._open_reader, queries, self._sql_tap.stop, parallel)

    def _begin(self) -> Progress | None:
        """Find where to start; mark a full table's state as unfinished."""
        if self.replication_method not in {FULL_TABLE, INCREMENTAL}:
            raise SettingsError(
                f"Stream '{self.name}' asks for replication method {self.replication_method}",
                "This tap knows FULL_TABLE and INCREMENTAL.",
            )
        if self.replication_key is None or self.replication_method == FULL_TABLE:
            if self.replication_method == INCREMENTAL:
                raise SettingsError(
                    f"Stream '{self.name}' is to be read incrementally, but has no replication key",
                    "Set replication-key in its metadata, or replication_method to FULL_TABLE.",
                )
            self._mark_unfinished()
            return None
        key = check_key(self.plan.columns.get(self.replication_key), self.replication_key, str(self.plan.table))
        start = stored_bookmark(self.stream_state, key)
        self.log("Stream '%s' starts at %s = %s", self.name, key.name, start)
        progress = Progress(key, start)
        if key.kind in KEY_KINDS - {Kind.INTEGER, Kind.DECIMAL, Kind.EXACT_NUMBER, Kind.TEXT}:
            with contextlib.closing(self._open_reader()) as reader:
                progress.limit = signpost(key, reader.clock(), self.config.get("timezone") or "UTC")
        return progress

    def _send(self, chunk: Chunk, outlet: Outlet, progress: Progress | None, counter: Counter) -> None:
        for misfit in chunk.misfits:
            self._report(misfit)
            outlet.send_misfit(misfit)
            counter.increment()
        rows = chunk.batch
        while rows.num_rows:
            part = rows.slice(0, outlet.room())
            rows = rows.slice(part.num_rows)
            is_out = outlet.send(part)
            counter.increment(part.num_rows)
            self._rows_sent += part.num_rows
            self.state_manager.is_flushed = False
            _note(progress, part, chunk.in_order)
            if is_out:
                self._save(progress, complete=False)
            if rows.num_rows:
                self._check_stop()

    def _report(self, misfit: Misfit) -> None:
        self._misfits_seen += 1
        keys = {name: misfit.record.get(name) for name in self.plan.key_properties}
        place = f"Stream '{self.name}', row {keys or misfit.record}, column '{misfit.column}': {misfit.reason}"
        if self.config.get("on_misfit") == "fail":
            raise ValueMisfit(place, "Correct the row, change the column's type, or set on_misfit to record.")
        if self._misfits_seen <= _SHOWN_MISFITS:
            self.log("%s; it is sent as a RECORD with its raw value", place, level=logging.WARNING)

    def _check_stop(self) -> None:
        if self._sql_tap.stop.requested:
            raise StopRequested

    # State

    def _save(self, progress: Progress | None, *, complete: bool) -> None:
        """Write the bookmark that is safe now into the state, and the state to the output."""
        state = self.stream_state
        if progress is None:
            if complete:
                state.pop(_PROGRESS_MARKERS, None)
            else:
                self._mark_unfinished()
        else:
            value = progress.bookmark(complete=complete)
            if value is not None:
                state["replication_key"] = progress.column.name
                state["replication_key_value"] = render_value(progress.column, value)
            if complete or progress.ordered:
                state.pop(_PROGRESS_MARKERS, None)
            else:
                state[_PROGRESS_MARKERS] = {"Note": "Keys are not in order: progress counts at the end only."}
        self.state_manager.is_flushed = False
        self._write_state_message()

    def _mark_unfinished(self) -> None:
        """A full table is complete only at its end; until then the state says so, and how far it came."""
        self.stream_state[_PROGRESS_MARKERS] = {"Note": "The full table is not complete.", "rows": self._rows_sent}

    def _finish(self, progress: Progress | None) -> None:
        """All rows are out: say so."""
        if self._misfits_seen > _SHOWN_MISFITS:
            self.log(
                "Stream '%s': %d rows in all do not fit their declared types",
                self.name,
                self._misfits_seen,
                level=logging.WARNING,
            )
        if progress is not None and progress.beyond:
            self.log(
                "Stream '%s': keys of '%s' are later than the database's clock (%s); the bookmark stays at the clock, "
                "and these rows come again until it has passed them",
                self.name,
                progress.column.name,
                progress.limit,
                level=logging.WARNING,
            )
        if self.ABORT_AT_RECORD_COUNT is not None:
            return
        if self._stream_version is not None:
            self._write_activate_version_message(self._stream_version)
        self._save(progress, complete=True)

    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """The SDK's last step of a stream; ``_finish`` did it."""

    def _generate_batch_messages(self, encoding: BaseBatchFileEncoding, manifest: list[str]) -> Iterator[Any]:
        """BATCH messages with the version of a full table."""
        for message in super()._generate_batch_messages(encoding, manifest):
            message.version = self._stream_version
            yield message


def _note(progress: Progress | None, batch: pa.RecordBatch, in_order: bool) -> None:
    """Tell the progress which keys were sent."""
    if progress is None or not batch.num_rows:
        return
    from tap_flext_sql.keys import first_and_last

    progress.ordered = progress.ordered and in_order
    ends = first_and_last(batch.column(progress.column.name), progress.column, in_order=in_order)
    if ends is not None:
        progress.note(*ends)
