"""A Singer stream whose rows come as Arrow and leave as BATCH files or RECORD lines."""

from __future__ import annotations

import abc
import logging
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.helpers.conform import TypeConformanceLevel
from singer_sdk.mapper import SameRecordTransform
from singer_sdk.singerlib import MetadataMapping
from singer_sdk.streams import Stream

from singer_columnar.errors import ValueMisfitError
from singer_columnar.settings import DEFAULT_BATCH_ROWS, FULL_TABLE, INCREMENTAL
from singer_columnar.stopping import StopRequested

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig, SDKBatchMessage
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter

    from singer_columnar.chunk import Chunk, Misfit
    from singer_columnar.columns import Column
    from singer_columnar.outlets import MappedOutlet, Outlet, RecordOutlet
    from singer_columnar.reading import CatalogDict, Progress, Read, StreamPlan
    from singer_columnar.tap import ColumnarTap

_SHOWN_MISFITS: Final = 10
_SHOWN_KEY: Final = 200


class ColumnarStream(Stream):
    """Rows read as Arrow, sent as BATCH files or RECORD lines, with a STATE after each part that is out.

    Args:
        tap: The tap.
        entry: The stream's catalog entry.
        plan: What the entry asks for.
    """

    TYPE_CONFORMANCE_LEVEL = TypeConformanceLevel.NONE
    """Values leave Arrow in the types of the contract; conforming them again would only cost time."""

    def __init__(self, tap: ColumnarTap, entry: CatalogDict, plan: StreamPlan) -> None:
        self._entry = entry
        self._plan = plan
        self._columnar_tap = tap
        super().__init__(tap=tap, schema=entry["schema"], name=plan.name)
        self._metadata = MetadataMapping.from_iterable(entry.get("metadata", []))
        if not tap.has_catalog:
            # As in the SDK: without a catalog everything is selected.
            self._metadata.root.selected = True
        self.primary_keys = plan.key_properties
        self.replication_key = plan.replication_key
        self.forced_replication_method = plan.replication_method
        self._misfits_seen = 0
        self._rows_read = 0

    @abc.abstractmethod
    def open_read(self) -> Read:
        """One read of ``columns``, and of ``ABORT_AT_RECORD_COUNT`` rows at most; ``run`` begins it."""

    def log(self, message: str, *args: Any, level: int = logging.INFO, **kwargs: Any) -> None:
        """Log, except that something went wrong: the command says what, once."""
        if not message.startswith("An unhandled error occurred"):
            super().log(message, *args, level=level, **kwargs)

    @property
    def emit_activate_version_messages(self) -> bool:
        """The SDK's own ACTIVATE_VERSION comes before the first row; ours comes after the last one, see ``_finish``."""
        return False

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """The SDK's signpost is this machine's clock; a tap's ``Progress`` takes the source's."""
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
        """The columns to read: the selected ones, the key columns and the replication key, in the entry's order."""
        mask, always = self.mask, self._plan.always_read
        return tuple(
            column
            for name, column in self._plan.columns.items()
            if name in always or mask.get(("properties", name), mask.get((), True))
        )

    @property
    def selected_schema(self) -> dict[str, Any]:
        """The schema of the SCHEMA message: that of the columns to read."""
        properties = self.schema["properties"]
        return {**self.schema, "properties": {column.name: properties[column.name] for column in self.columns}}

    # Sending

    def get_batch_config(self, config: Mapping[str, Any]) -> BatchConfig | None:
        """The batch configuration; files land in the folder of the run where it names none."""
        from singer_columnar.landing import with_storage

        return super().get_batch_config(with_storage(config))

    def _sync_batches(self, batch_config: BatchConfig, context: Context | None = None) -> None:
        """Send the rows as the batch configuration says; the SDK calls this when there is one."""
        if batch_config.encoding.format != "parquet":
            super()._sync_batches(batch_config, context)
            return
        from singer_columnar.outlets import BatchOutlet

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

    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, Any, Any]:
        """Send the rows as RECORD lines; only without ``write_messages`` are records yielded (SDK batch encoders)."""
        if write_messages:
            self._run(self._record_outlet() if self._is_plain else self._mapped_outlet())
            return
        for chunk in self._counted_chunks():
            from singer_columnar.record_lines import plain_records

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

    def _record_outlet(self) -> RecordOutlet:
        from singer_columnar.outlets import RecordOutlet
        from singer_columnar.record_lines import RecordLines

        lines = RecordLines(self.name, self.columns, self._stream_version)
        return RecordOutlet(lines, self._columnar_tap.write_lines)

    def _mapped_outlet(self) -> MappedOutlet:
        from singer_columnar.outlets import MappedOutlet

        return MappedOutlet(self.columns, self._write_record_message)

    def _write_schema_message(self) -> None:
        """Set the version of a full read before its first message."""
        wanted = self.config.get("emit_activate_version_messages", True)
        if self.replication_method == FULL_TABLE and wanted and self.reads_all:
            # Seconds, as the SDK does: targets keep versions in 32-bit columns.
            self._stream_version = self._initialized_at // 1000
        super()._write_schema_message()

    @property
    def reads_all(self) -> bool:
        """Whether a full read begins at its first row: one that goes on after a stop sends only the rest.

        It must then not tell the target, by a version, to remove what it did not send.
        """
        return True

    def _run(self, outlet: Outlet) -> None:
        """Read everything and send it, with a STATE after each part that is out."""
        self._check_stop()
        with self.get_record_counter() as counter, self.get_sync_timer():
            read = self.open_read()
            progress = self.begin(read)
            try:
                with read.pump() as pump:
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
            read = self.open_read()
            progress = self.begin(read)
            with read.pump() as pump:
                for chunk in pump:
                    counter.increment(chunk.batch.num_rows + len(chunk.misfits))
                    yield chunk
                    if chunk.batch.num_rows:
                        progress.note(chunk.batch, in_order=chunk.in_order)
            self._finish(progress)

    def begin(self, read: Read) -> Progress:
        """Find where to start; a full read is complete only at its end, and until then its state says so."""
        progress = read.begin(self.stream_state)
        if self.replication_method == FULL_TABLE:
            progress.save(self.stream_state, complete=False)
        return progress

    def _send(self, chunk: Chunk, outlet: Outlet, progress: Progress, counter: Counter) -> None:
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
            self.state_manager.is_flushed = False
            progress.note(part, in_order=chunk.in_order)
            if is_out:
                self._save(progress, complete=False)
            if rows.num_rows:
                self._check_stop()
        self._rows_read += chunk.batch.num_rows + len(chunk.misfits)

    def _report(self, misfit: Misfit) -> None:
        self._misfits_seen += 1
        row = f"number {self._rows_read + misfit.position + 1}"
        place = f"Stream '{self.name}', row {self.row_name(misfit) or row}, column '{misfit.column}': {misfit.reason}"
        if self.config.get("on_misfit") == "fail":
            raise ValueMisfitError(place, "Correct the row, change the column's type, or set on_misfit to record.")
        if self._misfits_seen <= _SHOWN_MISFITS:
            self.log("%s; it is sent as a RECORD with its raw value", place, level=logging.WARNING)

    def row_name(self, misfit: Misfit) -> str | None:
        """The key by which a user finds the row, or None."""
        keys = {name: misfit.record.get(name) for name in self._plan.key_properties}
        return str(keys)[:_SHOWN_KEY] if keys else None

    def _check_stop(self) -> None:
        if self._columnar_tap.stop.requested:
            raise StopRequested

    # State

    def _save(self, progress: Progress, *, complete: bool) -> None:
        """Write what is safe now into the state, and the state to the output."""
        progress.save(self.stream_state, complete=complete)
        self.state_manager.is_flushed = False
        self._write_state_message()

    def _finish(self, progress: Progress) -> None:
        """All rows are out: say so."""
        if self._misfits_seen > _SHOWN_MISFITS:
            self.log(
                "Stream '%s': %d rows in all do not fit their declared types",
                self.name,
                self._misfits_seen,
                level=logging.WARNING,
            )
        remark = progress.remark()
        if remark is not None:
            self.log("Stream '%s': %s", self.name, remark, level=logging.WARNING)
        if self.ABORT_AT_RECORD_COUNT is not None:
            return
        if self._stream_version is not None:
            self._write_activate_version_message(self._stream_version)
        self._save(progress, complete=True)

    def finalize_state_progress_markers(self, state: dict[str, Any] | None = None) -> None:
        """The SDK's last step of a stream; ``_finish`` did it."""

    def _generate_batch_messages(
        self, encoding: BaseBatchFileEncoding, manifest: list[str]
    ) -> Generator[SDKBatchMessage, None, None]:
        """BATCH messages with the version of a full read."""
        for message in super()._generate_batch_messages(encoding, manifest):
            message.version = self._stream_version
            yield message
