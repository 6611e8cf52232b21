"""RECORD lines straight from Arrow columns: one JSON value per cell, no conversion per record."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from singer_columnar.columns import Column, Kind
from singer_columnar.texts import float_name, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN_SCALE: Final = 6
"""Arrow writes decimals of at most so many digits after the point without an exponent."""

_ENCODER: Final = msgspec.json.Encoder()


def json_columns(batch: pa.RecordBatch, columns: Sequence[Column]) -> list[list[Any]]:
    """The batch's columns as lists of values that JSON encodes as the contract wants.

    Args:
        batch: Rows with the schema of ``arrow_schema(columns)``.
        columns: The columns.

    Returns:
        One list per column. JSON columns and integers beyond 64 bits hold ``msgspec.Raw`` texts.
    """
    return [json_values(batch.column(index), column) for index, column in enumerate(columns)]


def plain_records(batch: pa.RecordBatch, columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The rows as dictionaries of plain JSON values, for stream maps and other Python code."""
    lists = json_columns(batch, columns)
    for index, column in enumerate(columns):
        if column.kind is Kind.JSON:
            lists[index] = [None if text is None else msgspec.json.decode(text) for text in lists[index]]
        elif column.kind is Kind.INTEGER and not column.fits_int64:
            lists[index] = [None if digits is None else int(bytes(digits)) for digits in lists[index]]
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]


def json_values(array: pa.Array, column: Column) -> list[Any]:
    """One column's values as ``json_columns`` gives them."""
    match column.kind:
        case Kind.INTEGER if not column.fits_int64:
            # msgspec encodes integers of 64 bits only; longer ones go as the text of their digits.
            return [None if value is None else msgspec.Raw(b"%d" % int(value)) for value in array.to_pylist()]
        case Kind.DECIMAL:
            return _decimal_texts(array, column)
        case Kind.FLOAT:
            return _finite(array)
        case Kind.TIMESTAMP:
            return _iso_timestamps(array)
        case Kind.TIMESTAMP_TZ:
            naive = pc.cast(array, pa.timestamp(array.type.unit))
            return [None if text is None else f"{text}+00:00" for text in _iso_timestamps(naive)]
        case Kind.DATE | Kind.TIME:
            return _as_list(pc.cast(array, pa.string()))
        case Kind.BINARY:
            return [None if value is None else base64.b64encode(value).decode() for value in array.to_pylist()]
        case Kind.JSON:
            # Line feeds in JSON text are only white space, and would end the message.
            one_line = pc.replace_substring_regex(array, "[\r\n]", " ")
            return [None if text is None else msgspec.Raw(text.encode()) for text in one_line.to_pylist()]
        case _:
            return _as_list(array)


def _as_list(array: pa.Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    return values


def _iso_timestamps(array: pa.Array) -> list[Any]:
    return _as_list(pc.replace_substring(pc.cast(array, pa.string()), " ", "T", max_replacements=1))


def _decimal_texts(array: pa.Array, column: Column) -> list[Any]:
    if column.scale <= _PLAIN_SCALE:
        return _as_list(pc.cast(array, pa.string()))
    return [None if value is None else plain_decimal(value) for value in array.to_pylist()]


def _finite(array: pa.Array) -> list[Any]:
    """JSON has no number for NaN and the infinities: they go as the texts NaN, Infinity and -Infinity."""
    values = _as_list(array)
    if pc.all(pc.is_finite(array), min_count=0).as_py():
        return values
    return [value if value is None or math.isfinite(value) else float_name(value) for value in values]


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
