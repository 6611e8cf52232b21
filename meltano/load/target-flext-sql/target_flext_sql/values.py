"""From plain Python values (JSON, or values taken out of Parquet) to exact Arrow arrays.

Every column is first tried as a whole, at Arrow's speed. Only a column that Arrow refuses is read value by value,
with the same meaning, to find the rows that break the schema and say why.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import decimal
import json
import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from target_flext_sql.columns import INT64_MAX, INT64_MIN, ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_FRACTION = re.compile(r"^(.*?:\d\d)[.,](\d+)(.*)$")
_EXACT = decimal.Context(prec=200_000, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN)
_SHOWN = 60
# JSON has no numbers for these; taps that do not want to lose them write the names.
_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
# PostgreSQL's numeric has at most 131072 digits before the point and 16383 behind it, the widest of all databases.
_MOST_DIGITS, _MOST_FRACTION = 131_072, 16_383


def _plain(item: object) -> object:
    return item.isoformat() if isinstance(item, dt.date | dt.time) else str(item)


_ENCODER = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")


class ValueReasonError(ValueError):
    """One value breaks its column's type; the text is the reason given in the rejects table."""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _refuse(value: object, wanted: str) -> ValueReasonError:
    return ValueReasonError(f"{_shown(value)} ({type(value).__name__}) is not {wanted}")


def json_text(value: object) -> str:
    """Return `value` as compact JSON text; decimals keep their digits, bytes become base64.

    Args:
        value: Anything JSON can hold, and dates, decimals and bytes.

    Returns:
        The text.
    """
    try:
        return _ENCODER.encode(value).decode()
    except (UnicodeEncodeError, OverflowError, msgspec.MsgspecError):
        return json.dumps(value, default=str, separators=(",", ":"))


def _boolean(value: object, _: ColumnType) -> bool:
    if isinstance(value, bool):
        return value
    raise _refuse(value, "a boolean")


def _integer(value: object, _: ColumnType) -> int:
    if isinstance(value, bool):
        raise _refuse(value, "an integer")
    if isinstance(value, decimal.Decimal | float) and value == value and abs(value) != math.inf and value % 1 == 0:
        value = int(value)
    if not isinstance(value, int):
        raise _refuse(value, "an integer")
    if not INT64_MIN <= value <= INT64_MAX:
        raise ValueReasonError(f"{value} does not fit into a 64-bit integer")
    return value


def _decimal_number(value: object) -> decimal.Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float | decimal.Decimal):
        raise _refuse(value, "a decimal number")
    text = repr(value) if isinstance(value, float) else str(value)
    if text != text.strip() or "_" in text:
        raise _refuse(value, "a decimal number")
    try:
        return decimal.Decimal(text, _EXACT)
    except decimal.InvalidOperation:
        raise _refuse(value, "a decimal number") from None


def _decimal(value: object, column_type: ColumnType) -> decimal.Decimal | str:
    number = _decimal_number(value)
    if column_type.precision is None:
        if not number.is_finite():
            if str(value) not in _NOT_FINITE:
                raise _refuse(value, "a decimal number")
        elif number.adjusted() >= _MOST_DIGITS or int(number.as_tuple().exponent) < -_MOST_FRACTION:
            raise ValueReasonError(f"{_shown(value)} has more digits than a database keeps")
        return value if isinstance(value, str) else str(number)
    if not number.is_finite():
        raise ValueReasonError(f"{value} cannot be held by {column_type}")
    scale = column_type.scale or 0
    try:
        exact = number.quantize(decimal.Decimal(1).scaleb(-scale), context=_EXACT)
    except decimal.InvalidOperation:
        raise ValueReasonError(f"{_shown(value)} does not fit into {column_type}") from None
    if exact != number:
        raise ValueReasonError(f"{_shown(value)} has more than {scale} fractional digits, as {column_type} allows")
    if exact and exact.adjusted() >= column_type.precision - scale:
        raise ValueReasonError(f"{_shown(value)} does not fit into {column_type}")
    return exact if column_type.precision <= 76 else str(exact)


def _float(value: object, _: ColumnType) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
        raise _refuse(value, "a number")
    try:
        return float(value)
    except OverflowError:
        raise ValueReasonError(f"{_shown(value)} does not fit into a double") from None


def _text(value: object, column_type: ColumnType) -> str:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueReasonError("the text holds half of a surrogate pair, which is not Unicode") from None
        return value
    if column_type.loose:
        return json_text(value)
    raise _refuse(value, "a text")


def _date(value: object, _: ColumnType) -> dt.date:
    if isinstance(value, dt.datetime):
        value = value.isoformat()
    if isinstance(value, dt.date):
        return value
    if not isinstance(value, str):
        raise _refuse(value, "a date")
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        pass
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        raise _refuse(value, "a date (YYYY-MM-DD)") from None
    if moment.time() != dt.time(0):
        raise ValueReasonError(f"{_shown(value)} has a time of day, but the column is a date")
    return moment.date()


def _split_fraction(text: str) -> tuple[str, int]:
    """Return an ISO text without its fraction, and the fraction in nanoseconds (further digits are cut)."""
    found = _FRACTION.match(text)
    if found is None:
        return text, 0
    return found[1] + found[3], int(found[2][:9].ljust(9, "0"))


def _time(value: object, column_type: ColumnType) -> int:
    """Return microseconds (or nanoseconds) since midnight."""
    text = value.isoformat() if isinstance(value, dt.time) else value
    if not isinstance(text, str):
        raise _refuse(value, "a time of day")
    whole, nanoseconds = _split_fraction(text)
    try:
        moment = dt.time.fromisoformat(whole)
    except ValueError:
        raise _refuse(value, "a time of day (HH:MM:SS)") from None
    if moment.tzinfo is not None:
        raise ValueReasonError(f"{_shown(value)} has a time zone, which a time of day cannot keep")
    seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    total = seconds * 1_000_000_000 + nanoseconds
    return total if column_type.precision == 9 else total // 1000


def _timestamp(value: object, column_type: ColumnType) -> int:
    """Return microseconds (or nanoseconds) since 1970, in UTC or in the source's own clock."""
    text = value.isoformat() if isinstance(value, dt.date) else value
    if not isinstance(text, str):
        raise _refuse(value, "a timestamp")
    whole, nanoseconds = _split_fraction(text)
    try:
        moment = dt.datetime.fromisoformat(whole)
    except ValueError:
        raise _refuse(value, "a timestamp (ISO 8601)") from None
    if column_type.kind == "timestamp" and moment.tzinfo is not None:
        raise ValueReasonError(f"{_shown(value)} has a time zone, but the column has none")
    microseconds = 0
    try:
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)
        microseconds = (aware - _EPOCH) // _MICROSECOND
    except OverflowError:
        raise ValueReasonError(f"{_shown(value)} is outside of the years 1 to 9999 in UTC") from None
    if column_type.precision != 9:
        return microseconds + nanoseconds // 1000
    total = microseconds * 1000 + nanoseconds
    if not INT64_MIN < total <= INT64_MAX:
        raise ValueReasonError(f"{_shown(value)} is outside of the years that nanoseconds can hold (1678 to 2261)")
    return total


def _binary(value: object, _: ColumnType) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise _refuse(value, "binary data (base64)")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _refuse(value, "binary data (base64)") from None


def _json(value: object, _: ColumnType) -> str:
    return json_text(value)


_READERS: dict[str, Callable[[Any, ColumnType], Any]] = {
    "boolean": _boolean,
    "integer": _integer,
    "decimal": _decimal,
    "float": _float,
    "text": _text,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "binary": _binary,
    "json": _json,
}


def arrow_type(column_type: ColumnType) -> pa.DataType:
    """Return the Arrow type that holds every value of `column_type` exactly.

    Args:
        column_type: A source or carrier type.

    Returns:
        For decimals up to 38 digits decimal128, up to 76 decimal256, beyond or unconstrained text.
    """
    import pyarrow as pa

    if column_type.kind == "decimal":
        if column_type.precision is None or column_type.precision > 76:
            return pa.string()
        width = pa.decimal128 if column_type.precision <= 38 else pa.decimal256
        return width(column_type.precision, column_type.scale or 0)
    unit = "ns" if column_type.precision == 9 else "us"
    return {
        "boolean": pa.bool_(),
        "integer": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "date": pa.date32(),
        "time": pa.time64(unit),
        "timestamp": pa.timestamp(unit),
        "timestamptz": pa.timestamp(unit, tz="UTC"),
        "binary": pa.binary(),
        "json": pa.string(),
    }[column_type.kind]


def _whole_column(values: Sequence[Any], column_type: ColumnType) -> pa.Array | None:
    """Convert a column at once, or return None where that could change the meaning of a value."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = arrow_type(column_type)
    kind = column_type.kind
    if kind in {"boolean", "integer", "float"}:
        array = pa.array(values)
        if array.type == wanted or pa.types.is_null(array.type):
            return array.cast(wanted)
        return array.cast(wanted) if kind == "float" and pa.types.is_int64(array.type) else None
    if kind in {"text", "date", "timestamp", "timestamptz"} or (kind == "decimal" and column_type.precision):
        array = pa.array(values, type=pa.string())
        if kind == "timestamp" or (kind == "decimal" and pa.types.is_string(wanted)):
            return None if kind == "decimal" else pc.cast(array, wanted)
        return array if kind == "text" else pc.cast(array, wanted)
    return None


def build(values: Sequence[Any], column_type: ColumnType) -> tuple[pa.Array, dict[int, str]]:
    """Turn the values of one column into an Arrow array.

    Args:
        values: JSON values (or Python values from Parquet); None is null.
        column_type: What the column holds.

    Returns:
        The array, in `arrow_type(column_type)`, and the reason for each row whose value breaks the type (such a
        value is null in the array).
    """
    import pyarrow as pa

    try:
        whole = _whole_column(values, column_type)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError):
        whole = None
    if whole is not None:
        return (whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole), {}
    reader = _READERS[column_type.kind]
    read: list[Any] = [None] * len(values)
    reasons: dict[int, str] = {}
    for row, value in enumerate(values):
        if value is None:
            continue
        try:
            read[row] = reader(value, column_type)
        except ValueReasonError as reason:
            reasons[row] = str(reason)
    return pa.array(read, type=arrow_type(column_type)), reasons
