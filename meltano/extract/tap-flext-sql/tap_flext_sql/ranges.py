"""Splitting a table by its key into ranges that together are the whole table, each row in exactly one."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from singer_columnar.columns import Column, Kind

if TYPE_CHECKING:
    from tap_flext_sql.query import TableQuery

SPLIT_KINDS: Final = frozenset({Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})


def split(query: TableQuery, key: Column, low: Any, high: Any, ranges: int) -> list[TableQuery]:
    """Split a full-table query.

    Args:
        query: The rows to read.
        key: An integer, date or timestamp column.
        low: Smallest key in the table, or None when there is none (an empty table, or only NULL keys).
        high: Largest key.
        ranges: How many ranges are wanted; fewer come back when there are not so many keys.

    Returns:
        Queries in the order of the key. Keys below ``low`` or above ``high``, inserted meanwhile, belong to the first
        and the last; rows with a NULL key to one query of their own, the first.
    """
    nulls = [replace(query, key=key, null_keys=True)] if key.nullable else []
    if low is None:
        return [*nulls, replace(query, key=key, null_keys=False)]
    edges = _edges(low, high, ranges)
    if not edges:
        return [*nulls, replace(query, key=key, null_keys=False)]
    parts = []
    for index in range(len(edges) + 1):
        lower = edges[index - 1] if index else None
        upper = edges[index] if index < len(edges) else None
        parts.append(query.within(key, lower, upper))
    return [*nulls, *parts]


def _edges(low: Any, high: Any, ranges: int) -> list[Any]:
    """The keys at which a new range begins, strictly between low and high, ascending."""
    width = high - low
    unit: Any = 1
    if isinstance(low, dt.datetime):
        unit = dt.timedelta(microseconds=1)
    elif isinstance(low, dt.date):
        unit = dt.timedelta(days=1)
    steps = width // unit
    offsets = sorted({steps * number // ranges for number in range(1, ranges)} - {0})
    return [low + offset * unit for offset in offsets]
