"""One run: buffers rows, decides when a batch is complete, and lets states out only after their rows.

Knows Singer's messages, not the SDK's classes; ``target.py`` feeds it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from target_flext_sql.batches import json_rows, parquet_row_count, parquet_rows, remove_local
from target_flext_sql.columns import StreamSchema, stream_schema
from target_flext_sql.conform import Chunk
from target_flext_sql.direct import DirectBatch, direct_batch
from target_flext_sql.errors import BatchFileError, IdentifierError, TargetError
from target_flext_sql.ledger import Ledger, new_load_id
from target_flext_sql.metadata import metadata_values, with_metadata
from target_flext_sql.meters import count_rows
from target_flext_sql.records import RecordBuffer
from target_flext_sql.rejects import RejectLimit
from target_flext_sql.settings import load_method
from target_flext_sql.staging import Counts
from target_flext_sql.states import StateGate, has_progress_markers
from target_flext_sql.stream import StreamLoad
from target_flext_sql.warehouse import Warehouse

logger = logging.getLogger("target-flext-sql")


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """A BATCH message that waits for the state behind it.

    Attributes:
        stream: Stream name.
        message: The message.
    """

    stream: str
    message: Mapping[str, Any]

    @property
    def files(self) -> Sequence[str]:
        """The manifest."""
        return self.message["manifest"]  # type: ignore[no-any-return]


class Session:
    """The loads of all streams of one run.

    Args:
        config: The configuration.
        warehouse: Where to load.
        decode: Reads one line of JSON.
        validator: Makes a check for a residual schema (see `StreamSchema.residual`).
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        warehouse: Warehouse,
        decode: Callable[[Any], Any],
        validator: Callable[[dict[str, Any]], Callable[[dict[str, Any]], str | None]],
    ) -> None:
        self.config = config
        self.warehouse = warehouse
        self.gate = StateGate()
        self.streams: dict[str, StreamLoad] = {}
        self._buffers: dict[str, RecordBuffer] = {}
        self._ledgers: dict[str | None, Ledger] = {}
        self._decode = decode
        self._validator = validator
        self._pending: PendingBatch | None = None
        self._load_id = new_load_id()
        self._limit = RejectLimit(config.get("max_rejects"))
        self._rows, self._bytes, self._since = 0, 0, 0.0
        self._max_rows = int(config.get("batch_size_rows") or 50_000)
        self._max_bytes = int(config.get("batch_size_bytes") or 64_000_000)
        self._max_wait = float(config.get("batch_wait_seconds") or 60)
        self._storage = (config.get("batch_config") or {}).get("storage")
        self._metadata = bool(config.get("add_record_metadata"))
        self._soft = not config.get("hard_delete", True)

    # Messages, in the order of a stream's life

    def schema(
        self, stream: str, schema: Mapping[str, Any], keys: Sequence[str], bookmarks: Sequence[str], tap_stream: str
    ) -> StreamSchema:
        """Take a SCHEMA message: a new stream, or a new shape of a known one."""
        if self._metadata or self._soft:
            schema = with_metadata(schema, everything=self._metadata)
        dialect = self.warehouse.dialect
        names = dialect.naming.columns(stream, schema["properties"])
        typed = stream_schema(stream, schema, keys, bookmarks, names)
        known = self.streams.get(stream)
        if known is None:
            self.streams[stream] = self._new_stream(typed, tap_stream)
        elif known.schema != typed:
            self.settle()
            self._flush_stream(stream, None)
            known.change_schema(typed)
        else:
            return typed
        self._buffers[stream] = self._new_buffer(self.streams[stream])
        return typed

    def _new_stream(self, typed: StreamSchema, tap_stream: str) -> StreamLoad:
        place = self.warehouse.dialect.naming.table(typed.stream, self.config.get("default_target_schema"))
        for other in self.streams.values():
            if other.place == place:
                raise IdentifierError(
                    f"Streams '{other.name}' and '{typed.stream}' would both be loaded into "
                    f"{self.warehouse.dialect.ref(*place)}",
                    next_step="leave default_target_schema empty, or rename one of them with a stream map",
                )
        ledger = self._ledgers.setdefault(place[0], Ledger(self.warehouse, place[0]))
        return StreamLoad(
            self.warehouse,
            ledger,
            typed,
            place,
            method=load_method(self.config, typed.stream),
            load_id=self._load_id,
            load_key=self.config.get("load_key"),
            limit=self._limit,
            tap_stream=tap_stream,
        )

    def _new_buffer(self, load: StreamLoad) -> RecordBuffer:
        residual = load.schema.residual if self.config.get("validate_records", True) else None
        validate = self._validator(residual) if residual else None
        return RecordBuffer(load.schema, load.carriers, self.warehouse.dialect.forbidden, validate)

    def record(self, stream: str, record: dict[str, Any], message: Mapping[str, Any], size: int) -> None:
        """Take a RECORD message of a known stream."""
        if self._pending is not None:
            self.settle()
        self.gate.saw_rows()
        load = self.streams[stream]
        load.signs.saw_rows(message.get("version"))
        if self._metadata:
            now = time.time_ns() // 1_000_000
            record = {**record, **metadata_values(message, self._load_id, now)}
        if not self._rows:
            self._since = time.monotonic()
        self._buffers[stream].add(record, size)
        self._rows += 1
        self._bytes += size
        # A batch should end at a state; one without states is cut at twice its size.
        if self._rows >= 2 * self._max_rows or self._bytes >= 2 * self._max_bytes:
            self.flush(None)
            self._write_state()

    def batch(self, stream: str, message: Mapping[str, Any]) -> None:
        """Take a BATCH message; it is loaded when the next message comes, together with its state."""
        self.settle()
        self.gate.saw_rows()
        self.streams[stream].signs.saw_rows(message.get("version"))
        self._flush_stream(stream, None)
        self._pending = PendingBatch(stream, message)

    def state(self, value: Mapping[str, Any]) -> None:
        """Take a STATE message: commit what it covers, then write it, unless a batch is still filling."""
        self.gate.receive(value)
        for load in self.streams.values():
            load.signs.saw_state(has_progress_markers(value, load.tap_stream))
        self.settle(value)
        waited = time.monotonic() - self._since if self._rows else 0.0
        if self._rows >= self._max_rows or self._bytes >= self._max_bytes or waited >= self._max_wait:
            self.flush(value)
        if not self._rows:
            self._write_state()

    def activate_version(self, stream: str, version: int) -> None:
        """Take an ACTIVATE_VERSION message."""
        self.settle()
        self._flush_stream(stream, None)
        self.streams[stream].activate(version, soft=self._soft)

    # Loading

    def settle(self, state: Mapping[str, Any] | None = None) -> None:
        """Load the BATCH message that waits, if one does.

        Args:
            state: The state that came right behind it.
        """
        pending, self._pending = self._pending, None
        if pending is None:
            return
        load = self.streams[pending.stream]
        chunks, promised = self._batch_chunks(load, pending)
        self._load(load, chunks, state, promised)
        if self.config.get("remove_loaded_batches"):
            for kept in remove_local(pending.files):
                logger.warning("Batch file %s is loaded but could not be removed", kept)

    def _batch_chunks(
        self, load: StreamLoad, pending: PendingBatch
    ) -> tuple[Iterable[Chunk] | DirectBatch, int | None]:
        encoding = pending.message["encoding"]
        form, compression = encoding.get("format"), encoding.get("compression")
        constants = metadata_values(pending.message, self._load_id, time.time_ns() // 1_000_000)
        if form == "parquet":
            promised = parquet_row_count(pending.files, load.name, self._storage)
            load.prepare()

            def rows() -> Iterable[Chunk]:
                return parquet_rows(
                    pending.files,
                    load.schema,
                    load.carriers,
                    self.warehouse.dialect.forbidden,
                    self._storage,
                    constants if self._metadata else None,
                )

            direct = direct_batch(self.warehouse.dialect, load.schema, pending.files, rows)
            return (direct or rows()), promised
        if form == "jsonl" and compression in {None, "none", "gzip"}:
            buffer = self._new_buffer(load)
            return json_rows(pending.files, buffer, self._decode, compression, self._storage), None
        raise BatchFileError(
            f"Stream '{load.name}': batch files of format {form}, compression {compression}, cannot be read",
            next_step="have the tap write parquet, or jsonl with gzip",
        )

    def _load(
        self,
        load: StreamLoad,
        batch: Iterable[Chunk] | DirectBatch,
        state: Mapping[str, Any] | None,
        promised: int | None = None,
    ) -> Counts:
        counts = load.load(batch, state, self.gate.start, promised)
        count_rows(load.name, load.table_name, counts.loaded, counts.rejected, counts.deduplicated)
        return counts

    def _flush_stream(self, stream: str, state: Mapping[str, Any] | None) -> None:
        buffer = self._buffers.get(stream)
        if buffer is None or not buffer.rows:
            return
        rows, size = buffer.rows, buffer.bytes
        for name in sorted(buffer.unknown):
            logger.warning("Stream '%s': property '%s' is not in the schema and is not loaded", stream, name)
        buffer.unknown.clear()
        self._load(self.streams[stream], buffer.drain(), state)
        self._rows -= rows
        self._bytes -= size

    def flush(self, state: Mapping[str, Any] | None) -> None:
        """Load every waiting record.

        Args:
            state: The state that came right behind the last of them, None if it did not.
        """
        for stream in self._buffers:
            self._flush_stream(stream, state)

    def _write_state(self) -> None:
        if not any(load.unpublished for load in self.streams.values()):
            self.gate.write()

    # The end

    def drain(self, *, at_state: bool = False) -> None:
        """Load everything that was received and write the last state.

        Args:
            at_state: The last message was that state.
        """
        self.settle()
        self.flush(self.gate.latest if at_state else None)
        self._write_state()

    def end(self, *, trusted: bool) -> None:
        """The input has ended by itself: finish every stream.

        Args:
            trusted: The setting `publish_on` is `end_of_input`.

        Raises:
            IncompleteStreamError: An overwrite could not be published; everything else is safe.
        """
        problems: list[TargetError] = []
        for load in self.streams.values():
            problem = load.end(trusted=trusted, soft=self._soft)
            if problem is not None:
                problems.append(problem)
        self._write_state()
        for load in self.streams.values():
            if not load.started:
                count_rows(load.name, load.table_name, 0)
        # A run that fails is run again and sends its full tables again: none of them is finished.
        finished = [load for load in self.streams.values() if load.started and load.ended_well and not problems]
        if finished:
            with self.warehouse.transaction():
                for load in finished:
                    load.mark_finished(int(self.config.get("loads_retention_days") or 30))
        if problems:
            raise problems[0]
