"""Replication keys as they stand in Arrow batches."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from singer_columnar.columns import Column, Kind

if TYPE_CHECKING:
    from tap_flext_sql.bookmarks import KeyValue


def first_and_last(keys: pa.Array, column: Column, *, in_order: bool) -> tuple[KeyValue, KeyValue] | None:
    """The first and the last key of rows that were sent.

    Args:
        keys: The key column.
        column: What it holds.
        in_order: Whether the keys ascend; otherwise the smallest and the highest are looked for.

    Returns:
        Both as Python values, or None when all keys are NULL.
    """
    known = keys.drop_null()
    if not len(known):
        return None
    if in_order:
        return _python_value(known[0], column), _python_value(known[-1], column)
    if column.kind is Kind.EXACT_NUMBER:
        values = [decimal.Decimal(text) for text in known.to_pylist()]
        return min(values), max(values)
    ends = pc.min_max(known)
    return _python_value(ends["min"], column), _python_value(ends["max"], column)


def _python_value(scalar: pa.Scalar, column: Column) -> Any:
    """Timestamps are cut to microseconds: a bookmark that is a little early only reads a row again."""
    if column.is_instant:
        zone = scalar.type.tz
        micros = pc.floor_temporal(scalar, unit="microsecond").cast(pa.timestamp("us", tz=zone), safe=False)
        value: dt.datetime = micros.as_py()
        return value.astimezone(dt.UTC) if zone else value
    if column.kind is Kind.EXACT_NUMBER:
        return decimal.Decimal(scalar.as_py())
    if column.kind is Kind.INTEGER:
        return int(scalar.as_py())
    return scalar.as_py()
