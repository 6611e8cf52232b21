"""Rows of JSON values to Arrow batches; a row that does not fit its schema is set apart with the reason.

Whole columns are converted at once. Only when one does not convert is each of its values tried alone, to find
the rows that are to blame.

What belongs here: values. What does not: types (``arrow_types``), messages (``singer``).
"""

from __future__ import annotations

import binascii
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, cast

from flext_pipelines.data.arrow_types import arrow_schema, exact_decimal
from flext_pipelines.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from flext_pipelines.data.arrow_types import StreamColumn

    Values = pa.Array[pa.Scalar[pa.DataType]] | list[object]

_FRACTION = re.compile(r"(?<=\d)[.,](\d+)")
_DIGITS = {"us": 6, "ns": 9}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  a naive epoch, for timestamps without a zone
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_JSON_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "number"),
    (float, "number"),
    (Decimal, "number"),
    (str, "text"),
    (list, "array"),
    (dict, "object"),
)
_WHOLE = re.compile(r"[+-]?\d+")


class RecordBuffer:
    """Gathers rows of one stream.

    Args:
        columns: The stream's columns.
        keys: Key properties; a row without them is refused.
        strict: Values must have the declared JSON type; otherwise ``"12"`` will do for an integer.
        reject: Told each row that does not fit, and why.
    """

    def __init__(
        self,
        columns: Sequence[StreamColumn],
        keys: Sequence[str],
        *,
        strict: bool,
        reject: Callable[[Mapping[str, object], RecordError], None],
    ) -> None:
        self.schema = arrow_schema(columns)
        self._columns = tuple(columns)
        self._keys = frozenset(keys)
        self._strict = strict
        self._reject = reject
        self._rows: list[Mapping[str, object]] = []
        self.rejected = 0

    def __len__(self) -> int:
        """Rows that wait."""
        return len(self._rows)

    def add(self, row: Mapping[str, object]) -> None:
        """One more row."""
        self._rows.append(row)

    def take(self) -> pa.RecordBatch:
        """The rows that fit, in order; the buffer is empty afterwards."""
        import pyarrow as pa

        rows, self._rows = self._rows, []
        reasons: dict[int, str] = {}
        unknown = self._unknown(rows) if self._strict else {}
        reasons.update(unknown)
        arrays: list[Values] = []
        for column in self._columns:
            values = [row.get(column.name) for row in rows]
            array = None if reasons else _whole_column(column, values)
            if array is None or (array.null_count and column.name in self._keys):
                arrays.append(self._one_by_one(column, values, reasons))
            else:
                arrays.append(array)
        for index in sorted(reasons):
            self.rejected += 1
            self._reject(rows[index], RecordError(reasons[index], "Correct it in the source, or its schema in the tap"))
        kept = [index for index in range(len(rows)) if index not in reasons]
        finished = [_kept_array(array, column, kept) for array, column in zip(arrays, self._columns, strict=True)]
        return pa.RecordBatch.from_arrays(finished, schema=self.schema)

    def _unknown(self, rows: Sequence[Mapping[str, object]]) -> dict[int, str]:
        declared = {column.name for column in self._columns}
        return {
            index: f"column {min(set(row) - declared)!r} is not in the schema"
            for index, row in enumerate(rows)
            if not row.keys() <= declared
        }

    def _one_by_one(self, column: StreamColumn, values: list[object], reasons: dict[int, str]) -> list[object]:
        converted: list[object] = []
        for index, value in enumerate(values):
            try:
                if value is None and column.name in self._keys:
                    message = "is null, and it is a key"
                    raise ValueError(message)  # noqa: TRY301  one place writes the reason
                converted.append(None if value is None else checked_value(column, value, strict=self._strict))
            except (ValueError, OverflowError) as error:
                reasons.setdefault(index, f"column {column.name!r}: {error}")
                converted.append(None)
        return converted


def _kept_array(array: Values, column: StreamColumn, kept: list[int]) -> pa.Array[pa.Scalar[pa.DataType]]:
    import pyarrow as pa

    if isinstance(array, list):
        return pa.array([array[index] for index in kept], type=column.type)
    return array if len(kept) == len(array) else array.take(pa.array(kept, pa.int64()))


def _whole_column(column: StreamColumn, values: list[object]) -> pa.Array[pa.Scalar[pa.DataType]] | None:
    """The column in one go; None when some value needs a closer look."""
    import pyarrow as pa

    if column.kind in {"json", "binary"}:
        return None
    try:
        found: pa.Array[pa.Scalar[pa.DataType]] = pa.array(cast("list[str]", values))
        if found.type == column.type:
            return found
        if pa.types.is_null(found.type):
            return found.cast(column.type)
        if column.kind == "number" and pa.types.is_integer(found.type):
            return found.cast(column.type)
        if column.kind in {"date", "time", "timestamp", "naive_timestamp", "decimal"} and pa.types.is_string(
            found.type
        ):
            return found.cast(column.type)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return None
    return None


def checked_value(column: StreamColumn, value: object, *, strict: bool) -> object:
    """One value as Arrow wants it for the column.

    Raises:
        ValueError: It does not fit; says why.
    """
    import pyarrow as pa

    convert = _CONVERTERS[column.kind]
    converted = convert(value, column.type, strict)
    try:
        pa.scalar(converted, type=column.type)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        raise ValueError(_no(value, str(column.type))) from None
    return converted


def _no(value: object, wanted: str) -> str:
    kind = next((name for python, name in _JSON_NAMES if isinstance(value, python)), type(value).__name__)
    shown = str(value) if isinstance(value, Decimal) else json.dumps(value, default=plain, ensure_ascii=False)
    return f"{kind} {shown[:60]} is no {wanted}"


def _integer(value: object, _: pa.DataType, strict: bool) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, (float, Decimal)) and value == int(value):
        return int(value)
    if not strict:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            return int(value)
    raise ValueError(_no(value, "integer"))


def _number(value: object, _: pa.DataType, strict: bool) -> object:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    if not strict and isinstance(value, str):
        return float(value)
    raise ValueError(_no(value, "number"))


def _decimal(value: object, kind: pa.DataType, _: bool) -> object:
    number = exact_decimal(value)
    scale, precision = cast("pa.Decimal128Type", kind).scale, cast("pa.Decimal128Type", kind).precision
    exponent = number.normalize().as_tuple().exponent
    if (isinstance(exponent, int) and -exponent > scale) or number.adjusted() >= precision - scale:
        raise ValueError(_no(value, str(kind)))
    return number


def _boolean(value: object, _: pa.DataType, strict: bool) -> object:
    if isinstance(value, bool):
        return value
    if not strict and str(value).lower() in {"true", "false", "1", "0"}:
        return str(value).lower() in {"true", "1"}
    raise ValueError(_no(value, "boolean"))


def _text(value: object, _: pa.DataType, strict: bool) -> object:
    if isinstance(value, str):
        return value
    if not strict:
        return str(value) if isinstance(value, (int, float, Decimal)) else _as_json(value)
    raise ValueError(_no(value, "text"))


def _date(value: object, _: pa.DataType, strict: bool) -> object:
    text = _textual(value, "date")
    whole = datetime.fromisoformat(text)
    if strict and (whole.hour, whole.minute, whole.second, whole.microsecond) != (0, 0, 0, 0):
        raise ValueError(_no(value, "date, it has a time of day"))
    return date(whole.year, whole.month, whole.day)


def _timestamp(value: object, kind: pa.DataType, strict: bool) -> object:
    unit = cast("pa.TimestampType[Literal['us', 'ns'], str]", kind).unit
    moment, fraction = _moment(_textual(value, "date-time"), unit, value, strict=strict)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH_UTC) // _SECOND * 10 ** _DIGITS[unit] + fraction


def _naive_timestamp(value: object, kind: pa.DataType, strict: bool) -> object:
    unit = cast("pa.TimestampType[Literal['us', 'ns'], str]", kind).unit
    moment, fraction = _moment(_textual(value, "date-time"), unit, value, strict=strict)
    if moment.tzinfo is not None and strict:
        raise ValueError(_no(value, "date-time without a zone"))
    return (moment.replace(tzinfo=None) - _EPOCH) // _SECOND * 10 ** _DIGITS[unit] + fraction


def _time(value: object, kind: pa.DataType, strict: bool) -> object:
    unit = cast("pa.Time64Type[Literal['us', 'ns']]", kind).unit
    moment, fraction = _moment("1970-01-01T" + _textual(value, "time"), unit, value, strict=strict)
    return (moment.replace(tzinfo=None) - _EPOCH) // _SECOND * 10 ** _DIGITS[unit] + fraction


def _moment(text: str, unit: str, value: object, *, strict: bool) -> tuple[datetime, int]:
    """The whole second and its fraction in units: Python's own parser forgets what is below a microsecond."""
    found = _FRACTION.search(text)
    digits = found.group(1) if found else ""
    wanted = _DIGITS[unit]
    if strict and digits[wanted:].strip("0"):
        raise ValueError(_no(value, f"time in {unit}: it has more digits"))
    whole = text if found is None else text[: found.start()] + text[found.end() :]
    return datetime.fromisoformat(whole), int(digits[:wanted].ljust(wanted, "0") or 0)


def _textual(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise ValueError(_no(value, wanted))  # noqa: TRY004  callers count ValueError
    return value.strip()


def _binary(value: object, _: pa.DataType, __: bool) -> object:
    try:
        return binascii.a2b_base64(_textual(value, "base64"), strict_mode=True)
    except binascii.Error:
        raise ValueError(_no(value, "base64")) from None


def _as_json(value: object, _: pa.DataType | None = None, __: bool = True) -> object:
    return json.dumps(value, ensure_ascii=False, default=plain)


def plain(value: object) -> object:
    """Decimals stand where exact columns made the reader exact; JSON has floats, and texts for what those lose."""
    assert isinstance(value, Decimal)
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


_CONVERTERS: Mapping[str, Callable[[object, pa.DataType, bool], object]] = {
    "integer": _integer,
    "number": _number,
    "decimal": _decimal,
    "boolean": _boolean,
    "text": _text,
    "date": _date,
    "timestamp": _timestamp,
    "naive_timestamp": _naive_timestamp,
    "time": _time,
    "binary": _binary,
    "json": _as_json,
}
