"""RECORD lines straight from Arrow columns: one JSON value per cell, no conversion per record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from tap_oracle_wms.columns import Column, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENCODER: Final = msgspec.json.Encoder()


def json_columns(batch: pa.RecordBatch, columns: Sequence[Column]) -> list[list[Any]]:
    """The batch's columns as lists of values that JSON encodes as the contract wants.

    Args:
        batch: Rows with the schema of ``arrow_schema(columns)``.
        columns: The columns.

    Returns:
        One list per column.
    """
    return [json_values(batch.column(index), column) for index, column in enumerate(columns)]


def plain_records(batch: pa.RecordBatch, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The rows as dictionaries of plain JSON values, for stream maps and other Python code."""
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*json_columns(batch, columns), strict=True)]


def json_values(array: pa.Array, column: Column) -> list[Any]:
    """One column's values as ``json_columns`` gives them."""
    match column.kind:
        case Kind.DECIMAL:
            # Arrow writes a small number with many zeros after the point with an exponent; Python does not.
            return [None if value is None else format(value, "f") for value in array.to_pylist()]
        case Kind.TIMESTAMP:
            return _iso_timestamps(array)
        case Kind.TIMESTAMP_TZ:
            naive = pc.cast(array, pa.timestamp(array.type.unit))
            return [None if text is None else f"{text}+00:00" for text in _iso_timestamps(naive)]
        case Kind.DATE | Kind.TIME:
            return _as_list(pc.cast(array, pa.string()))
        case _:
            return _as_list(array)


def _as_list(array: pa.Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    return values


def _iso_timestamps(array: pa.Array) -> list[Any]:
    return _as_list(pc.replace_substring(pc.cast(array, pa.string()), " ", "T", max_replacements=1))


class RecordLines:
    """Encodes the RECORD messages of one stream."""

    def __init__(self, stream: str, columns: Sequence[Column], version: int | None) -> None:
        self._columns = columns
        self._names = [column.name for column in columns]
        self._head = b'{"type":"RECORD","stream":' + _ENCODER.encode(stream) + b',"record":'
        self._version = b"" if version is None else b',"version":%d' % version

    def encode(self, batch: pa.RecordBatch, time_extracted: str) -> bytes:
        """The lines of a batch's rows.

        Args:
            batch: The rows.
            time_extracted: When they were read, ISO 8601.

        Returns:
            JSON lines, each with its line feed.
        """
        tail = self._tail(time_extracted)
        names = self._names
        head = self._head
        encode = _ENCODER.encode
        parts: list[bytes] = []
        for row in zip(*json_columns(batch, self._columns), strict=True):
            parts += (head, encode(dict(zip(names, row, strict=True))), tail)
        return b"".join(parts)

    def encode_one(self, record: dict[str, Any], time_extracted: str) -> bytes:
        """The line of one record of plain JSON values."""
        return self._head + _ENCODER.encode(record) + self._tail(time_extracted)

    def _tail(self, time_extracted: str) -> bytes:
        return self._version + b',"time_extracted":"' + time_extracted.encode() + b'"}\n'
