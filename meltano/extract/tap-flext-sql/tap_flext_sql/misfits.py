"""Values one by one: what fits its column is kept exactly, what does not is named.

This is the slow path. It runs for sources without an Arrow driver, and for the one chunk in which the fast path met
a value that does not keep to its declared type (a text in an INTEGER column of SQLite, an infinite timestamp of
PostgreSQL). A row with such a value leaves the chunk as a :class:`Misfit`.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
import uuid
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from singer_columnar.chunk import Chunk, Misfit
from singer_columnar.columns import Column, Kind, arrow_schema
from singer_columnar.record_lines import json_values
from singer_columnar.texts import float_name, iso_duration, parse_iso, plain_decimal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FLOAT_EXACT_INTEGER = 2**53
_WIDE_CONTEXT = decimal.Context(prec=200, Emin=-9999, Emax=9999)


class _NotFittingError(ValueError):
    """Inside this module only: the reason why a value does not fit."""


def chunk_from_rows(rows: Sequence[Sequence[Any]], columns: Sequence[Column]) -> Chunk:
    """Convert rows of Python values.

    Args:
        rows: Rows of values in the order of ``columns``, as a driver gave them.
        columns: The columns wanted.

    Returns:
        The rows that fit, and the misfits.
    """
    schema = arrow_schema(columns)
    converters = [(_CONVERTERS[column.kind], column) for column in columns]
    good: list[list[Any]] = []
    misfits: list[Misfit] = []
    for position, row in enumerate(rows):
        values: list[Any] = []
        for (convert, column), value in zip(converters, row, strict=True):
            try:
                values.append(None if value is None else convert(value, column))
            except _NotFittingError as problem:
                reason = f"{_describe(value)} does not fit {column.declared or column.kind}: {problem}"
                misfits.append(Misfit(_misfit_record(row, columns), column.name, reason, position))
                break
        else:
            good.append(values)
    by_column = zip(*good, strict=True) if good else [()] * len(columns)
    arrays = [pa.array(values, field.type) for values, field in zip(by_column, schema, strict=True)]
    return Chunk(pa.RecordBatch.from_arrays(arrays, schema=schema), misfits)


def _describe(value: object) -> str:
    return {str: "a text", bytes: "a blob", float: "a real number", int: "an integer"}.get(
        type(value), f"a {type(value).__name__}"
    )


def _misfit_record(row: Sequence[Any], columns: Sequence[Column]) -> dict[str, Any]:
    """The row as a RECORD: values that fit as everywhere, only those that do not as they are."""
    return {column.name: _json_or_raw(value, column) for column, value in zip(columns, row, strict=True)}


def _json_or_raw(value: Any, column: Column) -> Any:
    if value is None:
        return None
    try:
        fitting = _CONVERTERS[column.kind](value, column)
    except _NotFittingError:
        return raw_json(value)
    return json_values(pa.array([fitting], column.arrow_type()), column)[0]


def raw_json(value: Any) -> Any:
    """A value as JSON can carry it without changing it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else float_name(value)
        case bytes() | bytearray() | memoryview():
            return {"base64": base64.b64encode(bytes(value)).decode()}
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case list() | dict():
            return value
        case _:
            return str(value)


def _integer(value: Any, column: Column) -> Any:
    if isinstance(value, str | bytes):
        raise _NotFittingError("not an integer")
    if isinstance(value, float) and (not value.is_integer() or abs(value) >= _FLOAT_EXACT_INTEGER):
        raise _NotFittingError("it has a fraction or more digits than a real number keeps")
    number = int(value)
    if number != value:
        raise _NotFittingError("it has a fraction")
    if not column.minimum <= number <= column.maximum:
        raise _NotFittingError(f"outside {column.minimum} to {column.maximum}")
    return number if column.fits_int64 else decimal.Decimal(number)


def _decimal(value: Any, column: Column) -> decimal.Decimal:
    number = _as_decimal(value)
    if not number.is_finite():
        raise _NotFittingError("not a finite number")
    quantum = decimal.Decimal(1).scaleb(-column.scale)
    fitted = number.quantize(quantum, context=_WIDE_CONTEXT)
    if fitted != number:
        raise _NotFittingError(f"more than {column.scale} digits after the point")
    if abs(fitted) >= decimal.Decimal(1).scaleb(column.precision - column.scale):
        raise _NotFittingError(f"more than {column.precision} digits")
    return fitted


def _as_decimal(value: Any) -> decimal.Decimal:
    if isinstance(value, bytes):
        raise _NotFittingError("not a number")
    try:
        return decimal.Decimal(repr(value)) if isinstance(value, float) else decimal.Decimal(value)
    except decimal.InvalidOperation:
        raise _NotFittingError("not a number") from None


def _exact_number(value: Any, _: Column) -> str:
    return plain_decimal(_as_decimal(value))


def _float(value: Any, _: Column) -> float:
    if isinstance(value, str | bytes):
        raise _NotFittingError("not a number")
    number = float(value)
    if isinstance(value, int) and int(number) != value:
        raise _NotFittingError("more digits than a floating point number keeps")
    return number


def _boolean(value: Any, _: Column) -> bool:
    if isinstance(value, bool | int) and value in (0, 1):
        return bool(value)
    raise _NotFittingError("neither 0 nor 1")


def _date(value: Any, column: Column) -> Any:
    if isinstance(value, dt.datetime):
        if value.time() != dt.time.min:
            raise _NotFittingError("it has a time of day")
        return value.date()
    return value if isinstance(value, dt.date) else _parsed(value, column)


def _timestamp(value: Any, column: Column) -> Any:
    zoned = column.kind is Kind.TIMESTAMP_TZ
    if isinstance(value, dt.datetime):
        if (value.tzinfo is not None) != zoned:
            raise _NotFittingError("it has no time zone" if zoned else "it has a time zone")
        return value
    if isinstance(value, dt.date) and not zoned:
        return dt.datetime.combine(value, dt.time.min)
    return _parsed(value, column)


def _time(value: Any, column: Column) -> Any:
    if isinstance(value, dt.timedelta):
        if not dt.timedelta(0) <= value < dt.timedelta(days=1):
            raise _NotFittingError("longer than a day")
        return (dt.datetime.min + value).time()
    return value if isinstance(value, dt.time) else _parsed(value, column)


def _parsed(value: Any, column: Column) -> Any:
    """A date or time from its ISO text, by the same parser that the fast path uses for whole columns."""
    if not isinstance(value, str):
        raise _NotFittingError("not an ISO date or time")
    try:
        return parse_iso(pa.array([value]), column.arrow_type())[0]
    except pa.ArrowInvalid:
        raise _NotFittingError("not an ISO text of that type") from None


def _text(value: Any, _: Column) -> str:
    match value:
        case str():
            return value
        case bytes() | bytearray() | memoryview():
            raise _NotFittingError("not a text")
        case float():
            return repr(value)
        case decimal.Decimal():
            return plain_decimal(value)
        case dt.timedelta():
            return iso_duration(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case uuid.UUID() | int():
            return str(value)
        case list() | dict() | tuple() | set():
            return msgspec.json.encode(value).decode()
        case _:
            return str(value)


def _binary(value: Any, _: Column) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise _NotFittingError("not bytes")


def _json(value: Any, _: Column) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        raise _NotFittingError("not JSON text")
    if not isinstance(value, str):
        return msgspec.json.encode(value).decode()
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError):
        raise _NotFittingError("not JSON text") from None
    return value


_CONVERTERS: dict[Kind, Callable[[Any, Column], Any]] = {
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.EXACT_NUMBER: _exact_number,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMP_TZ: _timestamp,
    Kind.TIME: _time,
    Kind.TEXT: _text,
    Kind.BINARY: _binary,
    Kind.JSON: _json,
}
