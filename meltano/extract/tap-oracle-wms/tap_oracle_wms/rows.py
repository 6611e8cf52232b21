"""From rows of JSON to Arrow columns: whole columns at once, and one by one where a value does not fit.

A row with a value that does not fit its column leaves the chunk as a :class:`Misfit`.
"""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from singer_columnar.chunk import Chunk, Misfit
from singer_columnar.columns import INT64_MAX, INT64_MIN, Kind, arrow_schema
from singer_columnar.record_lines import json_values
from singer_columnar.texts import parse_iso

from tap_oracle_wms.columns import DECIMAL_DIGITS, EntityColumn, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Json = Any
"""A value of JSON, as the server sent it."""
Row = dict[str, Json]

_TRUE: Final = frozenset({"true", "1", "yes", "y", "t"})
_FALSE: Final = frozenset({"false", "0", "no", "n", "f"})
_DAY_TEXT: Final = 10
_JSON: Final = msgspec.json.Encoder(decimal_format="number")
_CONTEXT: Final = decimal.Context(prec=DECIMAL_DIGITS + 20)


class _NotFittingError(ValueError):
    """Inside this module only: the reason why a value does not fit."""


class Converter:
    """Turns pages into chunks for one stream.

    Args:
        columns: The columns wanted.
        timezone: IANA name of the zone of date-times without one.
    """

    def __init__(self, columns: Sequence[EntityColumn], timezone: str = "UTC") -> None:
        self.columns = tuple(columns)
        self._schema = arrow_schema(self.columns)
        self._zone = ZoneInfo(timezone)
        self._is_utc = timezone.upper() in {"UTC", "ETC/UTC", "Z"}
        self._read = [_reader(column) for column in self.columns]
        self.unknown: set[str] = set()

    def chunk(self, rows: Sequence[Row]) -> Chunk:
        """The rows of one page."""
        try:
            arrays = [
                self._array([read(row) for row in rows], column)
                for read, column in zip(self._read, self.columns, strict=True)
            ]
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, _NotFittingError):
            return self._one_by_one(rows)
        return Chunk(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def _array(self, values: list[Json], column: EntityColumn) -> pa.Array:
        """A column of values that all fit.

        Raises:
            pa.ArrowInvalid: One does not.
        """
        target = column.arrow_type()
        match column.kind:
            case Kind.TEXT:
                array = pa.array([v if v is None or type(v) is str else _text(v) for v in values], pa.string())
                if column.max_length and (pc.max(pc.utf8_length(array)).as_py() or 0) > column.max_length:
                    raise pa.ArrowInvalid("a text that is too long")
                return array
            case Kind.INTEGER:
                return pa.array([v if v is None or type(v) is int else _integer(v) for v in values], target)
            case Kind.DECIMAL:
                texts = pa.array([v if v is None or type(v) is str else str(v) for v in values], pa.string())
                return pc.cast(texts, target)
            case Kind.BOOLEAN:
                return pa.array([v if v is None or type(v) is bool else _boolean(v) for v in values], target)
            case Kind.TIMESTAMP_TZ:
                return self._instants([v or None for v in values])
            case _:
                return parse_iso(pa.array([v or None for v in values], pa.string()), target)

    def _instants(self, texts: list[str | None]) -> pa.Array:
        array = pa.array(texts, pa.string())
        zoned = pa.timestamp("us", tz="UTC")
        first = next((text for text in texts if text), "")
        if first.endswith("Z") or "+" in first[_DAY_TEXT:] or "-" in first[_DAY_TEXT:]:
            return pc.cast(array, zoned)
        naive = pc.cast(array, pa.timestamp("us"))
        if self._is_utc:
            return pc.cast(naive, zoned)
        # An hour that comes twice in autumn is taken for the first, one that spring leaves out for the one after.
        local = pc.assume_timezone(naive, self._zone.key, ambiguous="earliest", nonexistent="latest")
        return pc.cast(local, zoned)

    # One by one

    def _one_by_one(self, rows: Sequence[Row]) -> Chunk:
        good: list[list[Any]] = []
        misfits: list[Misfit] = []
        for position, row in enumerate(rows):
            values: list[Any] = []
            for read, column in zip(self._read, self.columns, strict=True):
                raw: Json = None
                try:
                    raw = read(row)
                    values.append(None if raw is None else self._fitted(raw, column))
                except _NotFittingError as problem:
                    reason = f"{_described(raw)} does not fit {column.declared or column.kind}: {problem}"
                    misfits.append(Misfit(self._raw_record(row), column.name, reason, position))
                    break
            else:
                good.append(values)
        by_column = zip(*good, strict=True) if good else [()] * len(self.columns)
        arrays = [pa.array(values, one.type) for values, one in zip(by_column, self._schema, strict=True)]
        return Chunk(pa.RecordBatch.from_arrays(arrays, schema=self._schema), misfits)

    def _fitted(self, value: Json, column: EntityColumn) -> Any:
        match column.kind:
            case Kind.TEXT:
                text = value if isinstance(value, str) else _text(value)
                if column.max_length and len(text) > column.max_length:
                    raise _NotFittingError(f"{len(text)} characters, {column.max_length} allowed")
                return text
            case Kind.INTEGER:
                return _integer(value)
            case Kind.DECIMAL:
                return _decimal(value, column.scale)
            case Kind.BOOLEAN:
                return _boolean(value)
            case Kind.TIMESTAMP_TZ:
                return self._instant(value)
            case _:
                if value == "":
                    return None
                try:
                    return parse_iso(pa.array([value], pa.string()), column.arrow_type())[0].as_py()
                except (pa.ArrowInvalid, pa.ArrowTypeError):
                    raise _NotFittingError("not an ISO 8601 text of that type") from None

    def _instant(self, value: Json) -> dt.datetime | None:
        if value == "":
            return None
        try:
            moment = dt.datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise _NotFittingError("not an ISO 8601 date and time") from None
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(dt.UTC)
        except OverflowError:
            raise _NotFittingError("before the year 1 or after 9999 in UTC") from None

    def _raw_record(self, row: Row) -> Row:
        """The row as a RECORD: values that fit as everywhere, only those that do not as they are."""
        record: Row = {}
        for read, column in zip(self._read, self.columns, strict=True):
            try:
                raw = read(row)
            except _NotFittingError:
                record[column.name] = _plain(row.get(column.path[0]))
                continue
            try:
                fitted = None if raw is None else self._fitted(raw, column)
                record[column.name] = json_values(pa.array([fitted], column.arrow_type()), column)[0]
            except _NotFittingError:
                record[column.name] = _plain(raw)
        return record


def _reader(column: EntityColumn) -> Callable[[Row], Json]:
    """What takes a column's value out of a row."""
    first, *rest = column.path
    match column.part:
        case Part.REFERENCE_ID:
            return lambda row: _of_reference(row.get(first), "id")
        case Part.REFERENCE_KEY:
            return lambda row: _of_reference(row.get(first), "key")
        case Part.SET_COUNT:
            return lambda row: _of_set(row.get(first), "result_count", "count")
        case Part.SET_TOTAL:
            return lambda row: _of_set(row.get(first), "total", "total_count")
        case Part.JSON_TEXT:
            return lambda row: _json_text(_inside(row.get(first), rest), whole=not first.endswith("_set"))
        case Part.VALUE if rest:
            return lambda row: _inside(row.get(first), rest)
        case _:
            return lambda row: row.get(first)


def _inside(value: Json, names: Sequence[str]) -> Json:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _of_reference(value: Json, part: str) -> Json:
    """A part of a link; a bare value is the id."""
    if isinstance(value, dict):
        return value.get(part)
    return value if part == "id" else None


def _of_set(value: Json, *names: str) -> Json:
    if isinstance(value, list):
        return len(value) if "count" in names else None
    if isinstance(value, dict):
        return next((value[name] for name in names if name in value), None)
    return None


def _json_text(value: Json, *, whole: bool) -> str | None:
    """Lists and objects as JSON text; of a set the object that only counts it is none."""
    if value is None or (isinstance(value, dict) and not whole):
        return None
    return value if isinstance(value, str) else _text(value)


def _text(value: Json) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return _JSON.encode(value).decode()
        case decimal.Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _integer(value: Json) -> int | None:
    if value == "":
        return None
    try:
        number = decimal.Decimal(str(value)) if not isinstance(value, bool) else decimal.Decimal(int(value))
    except decimal.InvalidOperation:
        raise _NotFittingError("not a number") from None
    if not number.is_finite() or number != number.to_integral_value():
        raise _NotFittingError("not a whole number")
    if not INT64_MIN <= number <= INT64_MAX:
        raise _NotFittingError("more than 64 bits")
    return int(number)


def _decimal(value: Json, scale: int) -> decimal.Decimal | None:
    if value == "":
        return None
    if isinstance(value, (bool, dict, list)):
        raise _NotFittingError("not a number")
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise _NotFittingError("not a number") from None
    if not number.is_finite():
        raise _NotFittingError("not a finite number")
    fitted = number.quantize(decimal.Decimal(1).scaleb(-scale), context=_CONTEXT)
    if fitted != number:
        raise _NotFittingError(f"more than {scale} digits after the point")
    if abs(fitted) >= decimal.Decimal(1).scaleb(DECIMAL_DIGITS - scale):
        raise _NotFittingError(f"more than {DECIMAL_DIGITS} digits")
    return fitted


def _boolean(value: Json) -> bool | None:
    if value == "":
        return None
    text = str(value).lower()
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise _NotFittingError("neither true nor false")


def _plain(value: Json) -> Json:
    return format(value, "f") if isinstance(value, decimal.Decimal) else value


def _described(value: Json) -> str:
    return {str: "a text", bool: "a truth value", int: "a number", dict: "an object", list: "a list"}.get(
        type(value), "a number"
    )
