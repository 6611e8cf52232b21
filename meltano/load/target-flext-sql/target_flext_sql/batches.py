"""Files of a BATCH message: Parquet, or the SDK's JSON lines (plain or gzip)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from target_flext_sql.columns import ColumnType, StreamSchema
from target_flext_sql.conform import Chunk, conform
from target_flext_sql.errors import BatchFileError
from target_flext_sql.forbidden import ForbiddenText

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow.parquet as pq

    from target_flext_sql.records import RecordBuffer

ROWS_AT_ONCE = 20_000


def local_path(uri: str) -> Path | None:
    """Return the path of a local batch file, or None for a remote one.

    Args:
        uri: An entry of the manifest: a `file://` URI or a plain path.
    """
    parsed = urlparse(uri)
    if parsed.scheme == "file":
        return Path(unquote(parsed.path))
    return Path(uri) if not parsed.scheme else None


@contextlib.contextmanager
def opened(uri: str, storage: Mapping[str, Any] | None = None) -> Iterator[IO[bytes]]:
    """Open a batch file for reading.

    Args:
        uri: An entry of the manifest.
        storage: The `batch_config.storage` setting; its `params` are used for remote files.

    Raises:
        BatchFileError: The file is missing or unreadable.
    """
    path = local_path(uri)
    try:
        if path is not None:
            with path.open("rb") as file:
                yield file
        else:
            from upath import UPath

            params = dict((storage or {}).get("params") or {})
            with UPath(uri, **params).open("rb") as file:
                yield file
    except (OSError, ImportError) as error:
        raise BatchFileError(
            f"Batch file {uri} cannot be read",
            str(error),
            "check that tap and target see the same folder and that nothing cleans it up during a run, then run again",
        ) from error


@contextlib.contextmanager
def _parquet(uri: str, stream: str, storage: Mapping[str, Any] | None) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file; whatever is wrong with it is named."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(uri, storage) as file:
        try:
            yield pq.ParquetFile(file)
        except pa.ArrowException as error:
            raise BatchFileError(
                f"Batch file {uri} of stream '{stream}' is no readable Parquet file",
                str(error),
                "the writer may have been stopped midway; run again",
            ) from error


def parquet_rows(
    uris: Sequence[str],
    schema: StreamSchema,
    carriers: Mapping[str, ColumnType],
    forbidden: Sequence[ForbiddenText],
    storage: Mapping[str, Any] | None,
    constants: Mapping[str, Any] | None = None,
) -> Iterator[Chunk]:
    """Read Parquet files piece by piece.

    Args:
        uris: The manifest.
        schema: The stream's columns.
        carriers: Carrier type of each source column.
        forbidden: Texts that the database cannot hold.
        storage: The `batch_config.storage` setting.
        constants: Values of columns that are not in the file.

    Yields:
        Chunks of at most :data:`ROWS_AT_ONCE` rows, in file order.
    """
    row = 0
    for uri in uris:
        with _parquet(uri, schema.stream, storage) as reader:
            wanted = [name for name in reader.schema_arrow.names if schema.column(name) is not None]
            _need_keys(uri, schema, wanted)
            for batch in reader.iter_batches(batch_size=ROWS_AT_ONCE, columns=wanted, use_threads=False):
                yield conform(batch, schema, carriers, row, forbidden, constants)
                row += batch.num_rows


def _need_keys(uri: str, schema: StreamSchema, present: Sequence[str]) -> None:
    missing = [key for key in schema.keys if key not in present]
    if missing:
        raise BatchFileError(
            f"Batch file {uri} of stream '{schema.stream}' lacks the key column {', '.join(missing)}",
            next_step="select the key columns in the tap's catalog",
        )


def json_rows(
    uris: Sequence[str],
    buffer: RecordBuffer,
    decode: Callable[[bytes], Any],
    compression: str | None,
    storage: Mapping[str, Any] | None,
) -> Iterator[Chunk]:
    """Read JSON lines files through a record buffer.

    Args:
        uris: The manifest.
        buffer: An empty buffer of the stream.
        decode: Reads one line.
        compression: `gzip` or None.
        storage: The `batch_config.storage` setting.

    Yields:
        Chunks, in file order.
    """
    import gzip

    for uri in uris:
        with opened(uri, storage) as raw, gzip.open(raw) if compression == "gzip" else raw as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = decode(line)
                except ValueError as error:
                    raise BatchFileError(
                        f"Batch file {uri}, line {number}, is no JSON",
                        str(error),
                        "run again; if it stays, see the tap",
                    ) from error
                buffer.add(record, len(line))
                yield from buffer.built()
    yield from buffer.drain()


def parquet_row_count(uris: Sequence[str], stream: str, storage: Mapping[str, Any] | None) -> int:
    """Return the rows that the files' own footers promise."""
    total = 0
    for uri in uris:
        with _parquet(uri, stream, storage) as reader:
            total += reader.metadata.num_rows
    return total


def remove_local(uris: Sequence[str]) -> list[str]:
    """Delete local batch files and return those that could not be deleted."""
    kept = []
    for uri in uris:
        path = local_path(uri)
        if path is None:
            kept.append(uri)
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError:
            kept.append(uri)
    return kept
