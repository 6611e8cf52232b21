"""Writing the Parquet parts of one version: same rows in, same bytes out.

Small batches are gathered into row groups of a fixed number of rows, so that the bytes do not depend on how
the rows arrived. Files are written through Python's own file objects, whose errors say when a disk is full.

What belongs here: Parquet. What does not: where the folder lies and when it counts as whole (``landing``).
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, BinaryIO

from flext_pipelines.data.dataset import Column, Part
from flext_pipelines.data.storage import sha256_of, sync_file

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    import pyarrow.parquet as pq

ROWS_PER_GROUP = 122_880
"""DuckDB scans row groups in parallel, and its own size is this."""
ROWS_PER_PART = 10 * ROWS_PER_GROUP
BYTES_PER_GROUP = 64 * 1024 * 1024
"""Of fat rows a row group holds fewer, so that memory stays flat."""


class PartWriter:
    """The parts of one version, in a folder of their own.

    Args:
        folder: An existing folder that nobody else writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = 0
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._file: BinaryIO | None = None
        self._schema: pa.Schema | None = None
        self._part_rows = 0
        self._done: list[tuple[Path, int]] = []
        self._columns: dict[str, str] = {}

    def append(self, batch: pa.RecordBatch) -> None:
        """Add rows. A batch of another schema begins a new part."""
        if self._schema is not None and not batch.schema.equals(self._schema):
            self._end_part()
        if self._schema is None:
            self._begin(batch.schema)
        if batch.num_rows == 0:
            return
        self._waiting.append(batch)
        self._waiting_rows += batch.num_rows
        self._waiting_bytes += batch.nbytes
        self.rows += batch.num_rows
        while self._waiting_rows >= ROWS_PER_GROUP:
            self._write_group(ROWS_PER_GROUP)
        if self._waiting_bytes >= BYTES_PER_GROUP:
            self._write_group(self._waiting_rows)

    def adopt(self, path: Path) -> int:
        """Take a Parquet file as it is, without reading its rows; the number of rows comes back.

        The file is moved by a hard link where the file system allows it, copied where not.
        """
        import pyarrow.parquet as pq

        footer = pq.read_metadata(path)
        self._end_part()
        self._remember(footer.schema.to_arrow_schema())
        target = self._next_path()
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
        self._done.append((target, footer.num_rows))
        self.rows += footer.num_rows
        return footer.num_rows

    def finish(self, schema: pa.Schema | None = None) -> tuple[Part, ...]:
        """Flush everything to the disk.

        Args:
            schema: Of the rows that never came; a version without rows still has one part with its columns.
        """
        if self._schema is None and not self._done and schema is not None:
            self._begin(schema)
        self._end_part()
        parts = []
        for path, rows in self._done:
            sync_file(path)
            parts.append(Part(name=path.name, rows=rows, bytes=path.stat().st_size, sha256=sha256_of(path)))
        return tuple(parts)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Columns of all parts so far; a column that changed its type has the newest."""
        return tuple(Column(name=name, type=kind) for name, kind in self._columns.items())

    def abandon(self) -> None:
        """Let go of open files; what is in the folder is of no use."""
        self._writer = None
        self._waiting.clear()
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self, schema: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._remember(schema)
        self._schema = schema
        path = self._next_path()
        self._file = path.open("wb", buffering=0)
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd", write_page_checksum=True)
        self._done.append((path, 0))
        self._part_rows = 0

    def _remember(self, schema: pa.Schema) -> None:
        for field in schema:
            self._columns[field.name] = str(field.type)

    def _next_path(self) -> Path:
        return self.folder / f"part-{len(self._done):05d}.parquet"

    def _write_group(self, rows: int) -> None:
        import pyarrow as pa

        assert self._schema is not None
        table = pa.Table.from_batches(self._waiting, schema=self._schema)
        rest = table.slice(rows)
        if self._writer is None:
            self._begin(self._schema)
        assert self._writer is not None
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=max(rows, 1))
        self._waiting = rest.to_batches()
        self._waiting_rows -= rows
        self._waiting_bytes = sum(batch.nbytes for batch in self._waiting)
        self._part_rows += rows
        self._done[-1] = (self._done[-1][0], self._part_rows)
        if self._part_rows >= ROWS_PER_PART:
            self._close()

    def _end_part(self) -> None:
        if self._waiting_rows:
            self._write_group(self._waiting_rows)
        self._close()
        self._schema = None

    def _close(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        writer.close()
        assert self._file is not None
        self._file.close()
        self._file = None
