"""Taking in what a tap sends: rows to parts, batches to parts, states to the bookmark.

What belongs here: what is kept of each message. What does not: reading lines (``singer``),
converting rows (``records``), making the version (``extract``).
"""

from __future__ import annotations

import gzip
from contextlib import ExitStack
from typing import TYPE_CHECKING

from flext_pipelines.data.conditions import keep
from flext_pipelines.data.delta import write_changes
from flext_pipelines.data.parts import PartWriter
from flext_pipelines.data.records import RecordBuffer
from flext_pipelines.data.singer import Activation, Batch, Record, Schema, SingerReader, State
from flext_pipelines.errors import ExtractFailedError, NotFoundError
from flext_pipelines.values import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    from pydantic import JsonValue

    from flext_pipelines.data.dataset_writer import DatasetWriter
    from flext_pipelines.data.extract_request import ExtractRequest
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.errors import RecordError

_BUFFER_BYTES = 32 * 1024 * 1024
_ROWS_AT_ONCE = 122_880


class Intake:
    """Takes a tap's messages and writes the rows of one stream.

    Attributes:
        state: The last state whose rows are all kept.
        filtered: Rows that met not every condition.
        unchanged: Rows that a delta left out.
        limited: Whether ``max_records`` was reached.
    """

    def __init__(
        self,
        request: ExtractRequest,
        writer: DatasetWriter,
        landing: LandingZone,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.state: dict[str, JsonValue] | None = None
        self.keys: tuple[str, ...] = ()
        self.replication_key: str | None = None
        self.schema: pa.Schema | None = None
        self.filtered = 0
        self.rejected = 0
        self.unchanged = 0
        self.limited = False
        self._request = request
        self._writer = writer
        self._landing = landing
        self._progress = on_progress
        self._reader = SingerReader()
        self._buffer: RecordBuffer | None = None
        self._kept = 0
        # A delta compares all of its rows at once, so they wait beside the version.
        self._sink: DatasetWriter | PartWriter = writer
        if request.mode == "delta":
            folder = writer.scratch() / "candidates"
            folder.mkdir()
            self._sink = PartWriter(folder)

    def take(self, lines: Iterator[bytes]) -> None:
        """Read to the end, or until enough rows are kept."""
        waiting_bytes = 0
        for message in self._reader.messages(_measured(lines, measured := [0])):
            match message:
                case Record() if message.stream == self._request.stream:
                    assert self._buffer is not None
                    self._buffer.add(message.values)
                    waiting_bytes += measured[0]
                    if len(self._buffer) >= self._request.batch_size or waiting_bytes >= _BUFFER_BYTES:
                        self._flush()
                        waiting_bytes = 0
                case Schema() if message.stream == self._request.stream:
                    self._flush()
                    self._declare(message)
                case Batch() if message.stream == self._request.stream:
                    self._flush()
                    self._batch(message)
                case State():
                    self._flush()
                    if not self.limited:
                        self.state = message.value
                case Activation() | Record() | Schema() | Batch():
                    pass  # another stream, such as a parent that the tap must read; or a sign for loaders
            if self.limited:
                return

    def finish(self) -> dict[str, int | bool]:
        """Write what waits; counts by name."""
        self._flush()
        if self.schema is None:
            raise NotFoundError(
                f"{self._request.tap} sent nothing about stream {self._request.stream!r}",
                f"`flext plugins discover {self._request.tap}` lists its streams",
                {"tap": self._request.tap, "stream": self._request.stream, "streams": sorted(self._reader.streams)},
            )
        if isinstance(self._sink, PartWriter):
            parts = self._sink.finish(self.schema)
            files = [self._sink.folder / part.name for part in parts]
            self.unchanged = write_changes(self._landing, self._request, self.keys, files, self._writer)
        return {"filtered": self.filtered, "limited": self.limited}

    def abandon(self) -> None:
        """Let go of open files."""
        if isinstance(self._sink, PartWriter):
            self._sink.abandon()

    def _declare(self, schema: Schema) -> None:
        self.keys = schema.keys
        self.replication_key = schema.bookmark_properties[0] if schema.bookmark_properties else None
        self._buffer = RecordBuffer(
            schema.columns, schema.keys, strict=self._request.validate_schema, reject=self._reject
        )
        self.schema = self._buffer.schema

    def _reject(self, record: Mapping[str, object], error: RecordError) -> None:
        self.rejected += 1
        self._writer.reject(record, error.reason)
        self._progress(Progress(kind="count", stream=self._request.stream, side="rejected", rows=self.rejected))

    def _flush(self) -> None:
        if self._buffer is not None and len(self._buffer):
            self._keep(self._buffer.take())

    def _keep(self, batch: pa.RecordBatch) -> None:
        kept = keep(batch, self._request.conditions)
        self.filtered += batch.num_rows - kept.num_rows
        most = self._request.max_records
        if most is not None and self._kept + kept.num_rows >= most:
            # Reaching the limit exactly may leave rows unread; the bookmark must not pass them.
            kept = kept.slice(0, most - self._kept)
            self.limited = True
        self._kept += kept.num_rows
        self._sink.append(kept)
        self._report()

    def _report(self) -> None:
        self._progress(Progress(kind="count", stream=self._request.stream, side="extracted", rows=self._kept))

    def _batch(self, batch: Batch) -> None:
        for path in batch.files:
            allowed = (self._writer.folder / ".scratch" / "batches").resolve()
            if not path.resolve().is_relative_to(allowed):
                raise ExtractFailedError(
                    f"{self._request.tap} names a batch file outside the folder it was given: {path}",
                    "Let it write its batches where its batch_config says",
                    {"file": str(path), "line": self._reader.line},
                )
            if self.limited:
                return
            self._batch_file(path, batch)
            path.unlink()

    def _batch_file(self, path: Path, batch: Batch) -> None:
        import pyarrow as pa

        if not path.is_file():
            raise ExtractFailedError(
                f"Batch file {path.name} does not exist", "Run it again", {"file": str(path), "line": self._reader.line}
            )
        try:
            if batch.format == "jsonl":
                self._json_lines(path, batch)
            elif batch.format == "parquet":
                self._parquet(path)
            else:
                raise ExtractFailedError(
                    f"{self._request.tap} writes batches as {batch.format!r}",
                    "Set its batch_config.encoding.format to parquet or jsonl",
                    {"format": batch.format},
                )
        except (pa.ArrowInvalid, EOFError, gzip.BadGzipFile) as error:
            raise ExtractFailedError(
                f"Batch file {path.name} cannot be read as {batch.format}: {error}", "Run it again", {"file": str(path)}
            ) from error

    def _parquet(self, path: Path) -> None:
        import pyarrow.parquet as pq

        self._check_columns(path)
        if not self._request.conditions and self._request.max_records is None:
            self._kept += self._sink.adopt(path)
            self._report()
            return
        with pq.ParquetFile(path) as file:
            for rows in file.iter_batches(_ROWS_AT_ONCE):
                self._keep(rows)
                if self.limited:
                    return

    def _check_columns(self, path: Path) -> None:
        import pyarrow.parquet as pq

        names = set(pq.read_schema(path).names)
        declared = set(self.schema.names) if self.schema is not None else set()
        if self._request.validate_schema and names != declared:
            raise ExtractFailedError(
                f"Batch file {path.name} has other columns than its stream declares",
                "Update the tap, or extract with validate_schema off",
                {"missing": sorted(declared - names), "unknown": sorted(names - declared), "file": path.name},
            )

    def _json_lines(self, path: Path, batch: Batch) -> None:
        assert self._buffer is not None
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            lines = stack.enter_context(gzip.open(raw)) if batch.compression == "gzip" else raw
            for row in self._reader.rows(lines, path.name):
                self._buffer.add(row)
                if len(self._buffer) >= self._request.batch_size:
                    self._flush()
                if self.limited:
                    return
            self._flush()


def _measured(lines: Iterator[bytes], size: list[int]) -> Iterator[bytes]:
    """The lines; ``size[0]`` is the length of the last one, by which fat rows are written sooner."""
    for line in lines:
        size[0] = len(line)
        yield line
