"""An Arrow batch of a driver as rows of Python values, for the chunk in which something does not fit."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from singer_columnar.chunk import Chunk

from tap_flext_sql.conform import FIRST_DAY, LAST_DAY, conform
from tap_flext_sql.misfits import chunk_from_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_columnar.columns import Column

_DAY_SECONDS: Final = 86_400
_ERA_DAYS: Final = 146_097
_EPOCH_DAYS: Final = 10_957
"""2000-01-01, PostgreSQL's day zero, in days after 1970-01-01."""

_EPOCH_MICROS: Final = _EPOCH_DAYS * _DAY_SECONDS * 10**6
_FIRST_MICRO: Final = -210_866_803_200_000_000
"""4714-11-24 BC, PostgreSQL's first day."""

_INFINITIES: Final = {
    -(2**31) + _EPOCH_DAYS - 1: "infinity",
    -(2**31) + _EPOCH_DAYS: "-infinity",
    -(2**63) + _EPOCH_MICROS - 1: "infinity",
    -(2**63) + _EPOCH_MICROS: "-infinity",
}
"""PostgreSQL's infinities are the ends of its integers; the driver moves them by the epoch, which wraps around."""


def chunk_from_batch(batch: pa.RecordBatch, columns: Sequence[Column]) -> Chunk:
    """Conform a driver's batch as a whole, or row by row when a value in it does not fit.

    Args:
        batch: The driver's columns in the order of ``columns``.
        columns: The columns wanted.

    Returns:
        The rows that fit, and the misfits.
    """
    try:
        return Chunk(conform(batch, columns))
    except pa.ArrowInvalid:
        return chunk_from_rows(rows_of(batch), columns)


def rows_of(batch: pa.RecordBatch) -> list[list[Any]]:
    """The rows of a batch as Python values; dates beyond the years 1 to 9999 as texts."""
    return [list(row) for row in zip(*[_values(array) for array in batch.columns], strict=True)]


def _values(array: pa.Array) -> list[Any]:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    kind = array.type
    if pa.types.is_date32(kind):
        raw = array.view(pa.int32()).to_pylist()
        return [_moment(ticks, 1, scalar) for ticks, scalar in zip(raw, array, strict=True)]
    if pa.types.is_timestamp(kind):
        if kind.unit == "ns":
            # Python's datetime has no nanoseconds: texts keep them.
            texts: list[Any] = pc.cast(array, pa.string()).to_pylist()
            return texts
        per_day = _DAY_SECONDS * {"s": 1, "ms": 10**3, "us": 10**6}[kind.unit]
        raw = array.view(pa.int64()).to_pylist()
        return [_moment(ticks, per_day, scalar) for ticks, scalar in zip(raw, array, strict=True)]
    values: list[Any] = array.to_pylist()
    return values


def _moment(ticks: int | None, per_day: int, scalar: pa.Scalar) -> Any:
    """The Python value, or a text for a day that Python's calendar does not have."""
    if ticks is None:
        return None
    day, rest = divmod(ticks, per_day)
    if FIRST_DAY <= day <= LAST_DAY:
        return scalar.as_py()
    if ticks in _INFINITIES:
        return _INFINITIES[ticks]
    if ticks < _FIRST_MICRO:
        # The last years of PostgreSQL's calendar wrap around too.
        day, rest = divmod(ticks + 2**64, per_day)
    date = _iso_day(day)
    if per_day == 1:
        return date
    seconds, fraction = divmod(rest * 1_000_000 * _DAY_SECONDS // per_day, 1_000_000)
    return f"{date}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{fraction:06d}"


def _iso_day(day: int) -> str:
    """A day as ISO 8601 with a signed year, for example ``-0043-03-15`` or ``+12000-01-01``.

    The Gregorian calendar repeats every 400 years, which are 146,097 days; Python's calendar serves one such era.
    """
    eras, inside = divmod(day - FIRST_DAY, _ERA_DAYS)
    date = dt.date(1, 1, 1) + dt.timedelta(days=inside)
    year = date.year + 400 * eras
    return f"{year:+05d}-{date.month:02d}-{date.day:02d}"
