"""Bookmarks: the values of replication keys, as states hold them and as reads start from them."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from singer_columnar.columns import Column, Kind
from singer_columnar.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY_KINDS: Final = frozenset(
    {Kind.INTEGER, Kind.DECIMAL, Kind.EXACT_NUMBER, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.TEXT}
)
"""Kinds whose order in the database is the order of their values, so that they can be a replication key."""

KeyValue = Any
"""A key's Python value: int, Decimal, str, date or datetime. All values of one key are of one type."""


def check_key(column: Column | None, key: str, table: str) -> Column:
    """Make sure that a column can be a replication key.

    Args:
        column: The column, or None when the table has none of that name.
        key: The wanted name.
        table: The table's name, for the error.

    Returns:
        The column.

    Raises:
        SettingsError: If there is no such column, or its values have no order to rely on.
    """
    if column is None:
        raise SettingsError(
            f"Replication key '{key}' is not a column of table '{table}'",
            "Set replication_key to one of its columns, or replication_method to FULL_TABLE.",
        )
    if column.kind not in _KEY_KINDS:
        raise SettingsError(
            f"Column '{key}' of table '{table}' ({column.declared or column.kind}) cannot be a replication key",
            "Use an integer, exact number, date, timestamp or text column.",
        )
    return column


def parse_value(column: Column, value: object, origin: str) -> KeyValue:
    """Read a bookmark or a start value.

    Args:
        column: The replication key.
        value: What the state or a setting holds: a JSON number or text.
        origin: Where it stood, for the error.

    Returns:
        The value as Python sees it.

    Raises:
        SettingsError: If it is not a value of that key.
    """
    text = str(value)
    try:
        match column.kind:
            case Kind.INTEGER:
                return int(decimal.Decimal(text))
            case Kind.DECIMAL | Kind.EXACT_NUMBER:
                return decimal.Decimal(text)
            case Kind.DATE:
                return dt.datetime.fromisoformat(text).date()
            case Kind.TIMESTAMP:
                return dt.datetime.fromisoformat(text).replace(tzinfo=None)
            case Kind.TIMESTAMP_TZ:
                instant = dt.datetime.fromisoformat(text)
                return (instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
            case _:
                return text
    except (ValueError, decimal.InvalidOperation) as error:
        raise SettingsError(
            f"{origin} {text!r} is not a value of replication key '{column.name}' ({column.kind})",
            "Correct it, or run a full refresh.",
        ) from error


def render_value(column: Column, value: KeyValue) -> str | int:
    """A bookmark as it stands in a STATE message."""
    match value:
        case int():
            return value
        case dt.datetime() if column.kind is Kind.TIMESTAMP_TZ:
            return value.astimezone(dt.UTC).isoformat()
        case dt.datetime() | dt.date():
            return value.isoformat()
        case _:
            return str(value)


def step_back(column: Column, value: KeyValue, seconds: float, count: float) -> KeyValue:
    """The bookmark less the overlap: timestamps and dates by seconds, integers by count, others not at all."""
    try:
        match column.kind:
            case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ:
                return value - dt.timedelta(seconds=seconds)
            case Kind.DATE:
                return value - dt.timedelta(days=-(-seconds // 86_400))
            case Kind.INTEGER:
                return value - int(count)
            case _:
                return value
    except OverflowError:
        return value


def signpost(column: Column, clock: dt.datetime, zone: str) -> KeyValue | None:
    """The source's own time as a value of the key; None for a key that is not a date or timestamp.

    Args:
        column: The replication key.
        clock: The database's time, aware.
        zone: IANA name of the zone that naive keys are written in.

    Returns:
        The highest bookmark to store: a key beyond it (a clock that was wrong) must not make later rows be skipped.
    """
    match column.kind:
        case Kind.TIMESTAMP_TZ:
            return clock.astimezone(dt.UTC)
        case Kind.TIMESTAMP:
            return clock.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        case Kind.DATE:
            return clock.astimezone(ZoneInfo(zone)).date()
        case _:
            return None


def stored_bookmark(state: Mapping[str, Any], column: Column) -> KeyValue | None:
    """The bookmark in a stream's state; None when there is none, or it belongs to another key."""
    value = state.get("replication_key_value")
    if value is None or state.get("replication_key") != column.name:
        return None
    return parse_value(column, value, "The bookmark")
