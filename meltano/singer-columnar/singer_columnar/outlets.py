"""Where a stream's rows go: RECORD lines, records through stream maps, or Parquet files named by BATCH messages."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, Protocol

from singer_columnar.columns import arrow_schema
from singer_columnar.landing import ParquetLanding
from singer_columnar.record_lines import RecordLines, plain_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig

    from singer_columnar.chunk import Misfit
    from singer_columnar.columns import Column

RECORD_SLICE_ROWS: Final = 10_000
"""Rows of RECORD lines between two STATE messages, and most rows still sent after a stop was asked for."""


class Outlet(Protocol):
    """Takes a stream's rows in their order."""

    def room(self) -> int:
        """Most rows to give at once: up to the next STATE, or the next look for a stop request."""
        ...

    def send(self, batch: pa.RecordBatch) -> bool:
        """Send rows.

        Returns:
            Whether all rows given so far are out, so that a STATE may follow.
        """
        ...

    def send_misfit(self, misfit: Misfit) -> None:
        """Send one row as a RECORD with its raw values."""
        ...

    def flush(self) -> None:
        """Send what is still held back."""
        ...

    def discard(self) -> None:
        """Throw away what is still held back; after an error."""
        ...


class RecordOutlet:
    """RECORD lines, written in blocks."""

    def __init__(self, lines: RecordLines, write: Callable[[bytes], None]) -> None:
        self._lines = lines
        self._write = write

    def room(self) -> int:
        """The rows between two STATE messages."""
        return RECORD_SLICE_ROWS

    def send(self, batch: pa.RecordBatch) -> bool:
        """Write the rows' lines."""
        self._write(self._lines.encode(batch, _now()))
        return True

    def send_misfit(self, misfit: Misfit) -> None:
        """Write the row's line."""
        self._write(self._lines.encode_one(misfit.record, _now()))

    def flush(self) -> None:
        """Nothing is held back."""

    def discard(self) -> None:
        """Nothing is held back."""


class MappedOutlet:
    """Records one by one through the SDK's stream maps."""

    def __init__(self, columns: Sequence[Column], write_record: Callable[[dict[str, Any]], None]) -> None:
        self._columns = columns
        self._write_record = write_record

    def room(self) -> int:
        """The rows between two STATE messages."""
        return RECORD_SLICE_ROWS

    def send(self, batch: pa.RecordBatch) -> bool:
        """Map and write the rows."""
        for record in plain_records(batch, self._columns):
            self._write_record(record)
        return True

    def send_misfit(self, misfit: Misfit) -> None:
        """Map and write the row."""
        self._write_record(dict(misfit.record))

    def flush(self) -> None:
        """Nothing is held back."""

    def discard(self) -> None:
        """Nothing is held back."""


class BatchOutlet:
    """Parquet files; a BATCH message as soon as a file is full."""

    def __init__(
        self,
        stream: str,
        columns: Sequence[Column],
        batch_config: BatchConfig,
        max_rows: int,
        write_batch_message: Callable[[BaseBatchFileEncoding, list[str]], None],
        misfits: RecordOutlet,
    ) -> None:
        self._landing = ParquetLanding(stream, arrow_schema(columns), batch_config, max_rows)
        self._encoding = batch_config.encoding
        self._write_batch_message = write_batch_message
        self._misfits = misfits

    def room(self) -> int:
        """The rows that the open file still takes."""
        return self._landing.room()

    def send(self, batch: pa.RecordBatch) -> bool:
        """Append the rows, ``room`` at most, to the open file; name it in a BATCH message when it is full."""
        self._landing.write(batch)
        if not self._landing.is_full:
            return False
        self.flush()
        return True

    def send_misfit(self, misfit: Misfit) -> None:
        """A row that no Parquet column can hold goes as a RECORD between the batches."""
        self._misfits.send_misfit(misfit)

    def flush(self) -> None:
        """Close the open file, if there is one, and name it in a BATCH message."""
        if self._landing.has_rows:
            uri = self._landing.finish()
            self._write_batch_message(self._encoding, [uri])

    def discard(self) -> None:
        """Remove the open file, if there is one."""
        self._landing.discard()


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()
