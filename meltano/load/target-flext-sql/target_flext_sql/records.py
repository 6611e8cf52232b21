"""RECORD messages, gathered column by column.

Values wait as Python lists for at most :data:`CHUNK_ROWS` rows, then become an Arrow chunk, so that memory stays
flat whatever the batch size is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from target_flext_sql.columns import ColumnType, StreamSchema
from target_flext_sql.conform import Chunk, assemble
from target_flext_sql.forbidden import ForbiddenText
from target_flext_sql.values import build, json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

CHUNK_ROWS = 5_000
CHUNK_BYTES = 16_000_000
_ABSENT: Any = object()


class RecordBuffer:
    """The rows of one stream that wait for their batch.

    Args:
        schema: The stream's columns.
        carriers: Carrier type of each source column.
        forbidden: Texts that the database cannot hold.
        validate: Checks a record against the keywords that columns do not cover; returns a reason or None.
    """

    def __init__(
        self,
        schema: StreamSchema,
        carriers: Mapping[str, ColumnType],
        forbidden: Sequence[ForbiddenText] = (),
        validate: Callable[[dict[str, Any]], str | None] | None = None,
    ) -> None:
        self._schema = schema
        self._carriers = carriers
        self._forbidden = forbidden
        self._validate = validate
        self._known = frozenset(column.source for column in schema.columns)
        self._defaults = [(c.source, None if c.nullable or c.key else _ABSENT) for c in schema.columns]
        self._values: list[list[Any]] = [[] for _ in schema.columns]
        self._faults: dict[int, tuple[str, str | None]] = {}
        self._pending_bytes = 0
        self._chunks: list[Chunk] = []
        self._built = 0
        self.bytes = 0
        self.since = 0.0
        self.unknown: set[str] = set()

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._built + (len(self._values[0]) if self._values else 0)

    def add(self, record: dict[str, Any], size: int) -> None:
        """Take one record.

        Args:
            record: The record's properties.
            size: Bytes of the message it came in.
        """
        if not self.since:
            self.since = time.monotonic()
        row = len(self._values[0])
        if not record.keys() <= self._known:
            self._unknown(record, row)
        if self._validate is not None and (reason := self._validate(record)):
            self._faults[row] = (reason, None)
        for (source, default), values in zip(self._defaults, self._values, strict=True):
            values.append(record.get(source, default))
        self.bytes += size
        self._pending_bytes += size
        if row + 1 >= CHUNK_ROWS or self._pending_bytes >= CHUNK_BYTES:
            self._build()

    def _unknown(self, record: dict[str, Any], row: int) -> None:
        extra = record.keys() - self._known
        if self._schema.closed:
            name = min(extra)
            self._faults[row] = (f"the schema forbids the additional property '{name}'", name)
        self.unknown |= {name for name in extra if record[name] is not None}

    def _check_presence(self, source: str, values: list[Any], required: bool) -> None:
        """A property that may not be null may still be absent, unless it is required."""
        for row, value in enumerate(values):
            if value is _ABSENT:
                values[row] = None
                if required:
                    self._faults.setdefault(row, ("a required value is missing", source))
            elif value is None:
                self._faults.setdefault(row, ("null is not allowed", source))

    def _build(self) -> None:
        if not self._values or not self._values[0]:
            return
        values, faults = self._values, self._faults
        arrays: dict[str, tuple[pa.Array, Mapping[int, str]]] = {}
        for column, column_values in zip(self._schema.columns, values, strict=True):
            if not column.nullable and not column.key:
                self._check_presence(column.source, column_values, column.required)
            arrays[column.source] = build(column_values, column.type)

        def row_json(row: int) -> str:
            names = (column.source for column in self._schema.columns)
            return json_text({name: column[row] for name, column in zip(names, values, strict=True)})

        chunk = assemble(
            self._schema, self._carriers, arrays, self._built, row_json, faults=faults, forbidden=self._forbidden
        )
        self._chunks.append(chunk)
        self._built += chunk.received
        self._values = [[] for _ in self._schema.columns]
        self._faults = {}
        self._pending_bytes = 0

    def built(self) -> list[Chunk]:
        """Return the chunks that are complete and keep the rest (rows count on)."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def drain(self) -> list[Chunk]:
        """Return all waiting rows as chunks and start afresh."""
        self._build()
        chunks = self._chunks
        self._chunks, self._built, self.bytes, self.since = [], 0, 0, 0.0
        return chunks
