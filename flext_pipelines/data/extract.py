"""A tap's output into one version of a dataset.

The bookmark lives in the manifest. It moves when the version appears, and only then: whatever dies before has
moved nothing, and the same call reads the same rows again.

What belongs here: which bookmark a run starts from, what is kept of what the tap sends, the four modes.
What does not: running the tap; whoever calls gives its output lines (``TapLines``).
"""

from __future__ import annotations

import gzip
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import JsonValue

from flext_pipelines.data.conditions import Condition, keep
from flext_pipelines.data.dataset import DataReference, Draft, Manifest, Mode
from flext_pipelines.data.delta import write_changes
from flext_pipelines.data.formats import OutputFormat, exporter
from flext_pipelines.data.parts import PartWriter
from flext_pipelines.data.records import RecordBuffer
from flext_pipelines.data.singer import Activation, Batch, Record, Schema, SingerReader, State
from flext_pipelines.errors import ExtractFailedError, NotFoundError
from flext_pipelines.values import Progress, Value, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa

    from flext_pipelines.data.landing import DatasetWriter, LandingZone
    from flext_pipelines.errors import RecordError

ExtractMode = Literal["full", "incremental", "delta", "snapshot"]
_BUFFER_BYTES = 32 * 1024 * 1024
_ROWS_AT_ONCE = 122_880
_FROM_BOOKMARK = {"incremental", "delta"}


class TapLines(Protocol):
    """Runs a tap and gives what it writes on stdout, line by line."""

    def __call__(self, *, state: Mapping[str, JsonValue] | None, batches: Path) -> Generator[bytes, None, None]:
        """Start the tap.

        Args:
            state: Singer state to start from; None reads everything.
            batches: Folder below which the tap may write BATCH files.

        Returns:
            Its lines. When the tap fails, the generator raises; closing it early stops the tap.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExtractRequest:
    """What to extract; see ``ExtractDataCommand`` for the meaning of each field."""

    dataset: str
    tap: str
    stream: str
    mode: ExtractMode
    conditions: tuple[Condition, ...] = ()
    replication_key: str | None = None
    watermark: str | None = None
    end: str | None = None
    scope: str | None = None
    output_format: OutputFormat = "parquet"
    batch_size: int = 10_000
    max_records: int | None = None
    validate_schema: bool = True
    idempotency_key: str | None = None
    fingerprint: str = ""


class Extraction(Value):
    """What an extraction brought.

    Attributes:
        reference: The new version, for the next command.
        mode: How it was extracted.
        stream: The Singer stream.
        rows: Rows in it.
        rejected: Records that do not fit their schema; kept in ``rejects_file`` with reasons.
        filtered: Rows that do not meet the conditions.
        unchanged: Rows that a delta left out, because the dataset has them already.
        limited: True when ``max_records`` ended it; the bookmark covers only what is kept.
        bytes: Size of the Parquet parts.
        watermark_before: Replication key value that it started from.
        watermark: The new one.
        bookmark: The whole new Singer state.
        replication_key: The column it is about.
        checksum: Of the version.
        folder: Where its files lie.
        files: Its files in the format asked for.
        rejects_file: The rejected records, if any.
        columns: Arrow type by column.
        already_done: True when an earlier call with the same key made it.
    """

    reference: DataReference
    mode: ExtractMode
    stream: str
    rows: int
    rejected: int
    filtered: int = 0
    unchanged: int = 0
    limited: bool = False
    bytes: int
    watermark_before: str | None = None
    watermark: str | None = None
    bookmark: dict[str, JsonValue] | None = None
    replication_key: str | None = None
    checksum: str
    folder: str
    files: tuple[str, ...]
    rejects_file: str | None = None
    columns: dict[str, str]
    already_done: bool = False


def extract(
    landing: LandingZone,
    request: ExtractRequest,
    tap: TapLines,
    on_progress: Callable[[Progress], None] = ignore_progress,
) -> Extraction:
    """Run the tap and keep what it sends as a new version.

    Raises:
        AlreadyRunningError: The dataset is being written.
        ExtractFailedError: The tap sent something that is not Singer, or failed.
        NotFoundError: The tap has no such stream.
        StorageFullError: No room is left.
        UsageError: A condition does not fit the stream.
    """
    with landing.writer(request.dataset) as writer:
        done = landing.with_key(request.dataset, request.idempotency_key, request.fingerprint)
        if done is not None:
            return _extraction(landing, done, {}, already_done=True)
        before = starting_bookmark(landing, request)
        intake = Intake(request, writer, landing, on_progress)
        batches = writer.scratch() / "batches"
        batches.mkdir()
        with closing(tap(state=before, batches=batches)) as lines:
            intake.take(lines)
        counts = intake.finish()
        # The tap's last word when it said one; a tap that stays silent on state has moved nothing.
        after = intake.state if intake.state is not None else before
        key = request.replication_key or intake.replication_key
        after = not_beyond(after, request.stream, key, request.end)
        draft = Draft(
            mode=request.mode,
            stream=request.stream,
            source=request.tap,
            keys=intake.keys,
            unchanged=intake.unchanged,
            bookmark_before=before,
            bookmark_after=after,
            watermark=watermark_of(after, request.stream, key),
            replication_key=replication_key_of(after, request.stream) or key,
            scope=request.scope,
            idempotency_key=request.idempotency_key,
            request=request.fingerprint,
            result={**counts},
        )
        manifest = writer.commit(draft, schema=intake.schema, export=exporter(request.output_format))
    return _extraction(landing, manifest, counts, already_done=False)


def starting_bookmark(landing: LandingZone, request: ExtractRequest) -> dict[str, JsonValue] | None:
    """The Singer state to start from: none, the caller's watermark, or the dataset's last bookmark."""
    if request.watermark is not None:
        return watermark_state(request.stream, request.replication_key, request.watermark)
    if request.mode not in _FROM_BOOKMARK:
        return None
    for manifest in landing.manifests(request.dataset):
        same = manifest.stream == request.stream and manifest.scope == request.scope
        if same and watermark_of(
            manifest.bookmark_after, request.stream, request.replication_key or manifest.replication_key
        ):
            return manifest.bookmark_after
    return None


def watermark_state(stream: str, replication_key: str | None, value: str) -> dict[str, JsonValue]:
    """A Singer state of that watermark, in the form of the SDK and in the older one that singer-python taps read."""
    bookmark: dict[str, JsonValue] = {"replication_key_value": value}
    if replication_key is not None:
        bookmark |= {"replication_key": replication_key, replication_key: value}
    return {"bookmarks": {stream: bookmark}}


def not_beyond(
    state: dict[str, JsonValue] | None, stream: str, replication_key: str | None, end: str | None
) -> dict[str, JsonValue] | None:
    """The state, but not past an end: the rows after it were left out, and are to be read another time."""
    reached = watermark_of(state, stream, replication_key)
    if end is None or reached is None or _before(reached, end):
        return state
    return watermark_state(stream, replication_key_of(state, stream) or replication_key, end)


def _before(one: str, other: str) -> bool:
    """Order of two replication key values: as instants, as numbers, or as texts."""
    for read in (_instant, Decimal):
        with suppress(ValueError, InvalidOperation):
            return read(one) < read(other)
    return one < other


def _instant(text: str) -> Decimal:
    moment = datetime.fromisoformat(text)
    return Decimal((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def watermark_of(state: Mapping[str, JsonValue] | None, stream: str, replication_key: str | None) -> str | None:
    """The replication key value of a stream in a Singer state, in either form."""
    bookmark = _bookmark(state, stream)
    value = bookmark.get("replication_key_value")
    if value is None and replication_key is not None:
        value = bookmark.get(replication_key)
    return None if value is None else str(value)


def replication_key_of(state: Mapping[str, JsonValue] | None, stream: str) -> str | None:
    """The replication key that a Singer state names for a stream."""
    key = _bookmark(state, stream).get("replication_key")
    return key if isinstance(key, str) else None


def _bookmark(state: Mapping[str, JsonValue] | None, stream: str) -> Mapping[str, JsonValue]:
    bookmarks = (state or {}).get("bookmarks")
    found = bookmarks.get(stream) if isinstance(bookmarks, dict) else None
    return found if isinstance(found, dict) else {}


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
                "Name one of the tap's streams, and see that it is selected",
                {"tap": self._request.tap, "stream": self._request.stream, "streams": sorted(self._reader.streams)},
            )
        if isinstance(self._sink, PartWriter):
            parts = self._sink.finish(self.schema)
            files = [self._sink.folder / part.name for part in parts]
            self.unchanged = write_changes(self._landing, self._request, self.keys, files, self._writer)
        return {"filtered": self.filtered, "limited": self.limited}

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


def _extraction(
    landing: LandingZone, manifest: Manifest, counts: Mapping[str, object], *, already_done: bool
) -> Extraction:
    folder = landing.folder(manifest)
    known = {**(manifest.result or {}), **counts}
    modes: dict[Mode, ExtractMode] = {
        "full": "full",
        "incremental": "incremental",
        "delta": "delta",
        "snapshot": "snapshot",
    }
    return Extraction(
        reference=manifest.reference,
        mode=modes[manifest.mode],
        stream=manifest.stream or "",
        rows=manifest.rows,
        rejected=manifest.rejects.rows if manifest.rejects else 0,
        filtered=int(str(known.get("filtered", 0))),
        unchanged=manifest.unchanged,
        limited=known.get("limited") is True,
        bytes=manifest.bytes,
        watermark_before=watermark_of(manifest.bookmark_before, manifest.stream or "", manifest.replication_key),
        watermark=manifest.watermark,
        bookmark=manifest.bookmark_after,
        replication_key=manifest.replication_key,
        checksum=manifest.checksum,
        folder=str(folder),
        files=tuple(str(folder / part.name) for part in manifest.exports or manifest.parts),
        rejects_file=str(folder / manifest.rejects.name) if manifest.rejects else None,
        columns={column.name: column.type for column in manifest.columns},
        already_done=already_done,
    )
