"""Reading fields of the cloud's rows: references, decimals, dates and times as it writes them.

Times without a zone are UTC (wms.md 3.2); one with a zone is turned into UTC. A reference is ``{id, key, url}``.
"""

from __future__ import annotations

import datetime as dt
import decimal
from decimal import Decimal
from typing import TYPE_CHECKING

from flext_pipelines.errors import DataDamagedError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from flext_pipelines.wms.cloud.calls import Row

_STEP = Decimal("0.001")


def text(row: Row, name: str) -> str | None:
    """A text; None when it is empty, as Oracle has it."""
    value = row.get(name)
    return None if value is None or value == "" else str(value)


def required_text(row: Row, name: str) -> str:
    """A text that every row has.

    Raises:
        DataDamagedError: This one has none.
    """
    value = text(row, name)
    if value is None:
        raise _unreadable(row, name, "a text")
    return value


def whole(row: Row, name: str) -> int:
    """A whole number.

    Raises:
        DataDamagedError: It is none.
    """
    value = row.get(name)
    try:
        return int(str(value))
    except ValueError:
        raise _unreadable(row, name, "a whole number") from None


def quantity(row: Row, name: str) -> Decimal:
    """A quantity with three places; 0 when there is none.

    Raises:
        DataDamagedError: It is no number.
    """
    value = row.get(name)
    if value is None or value == "":
        return Decimal(0)
    try:
        number = Decimal(str(value)).quantize(_STEP)
    except decimal.InvalidOperation:
        raise _unreadable(row, name, "a number") from None
    if not number.is_finite():
        raise _unreadable(row, name, "a number")
    return number


def day(row: Row, name: str) -> dt.date | None:
    """A date, also from a time.

    Raises:
        DataDamagedError: It is none.
    """
    value = text(row, name)
    if value is None:
        return None
    try:
        return dt.datetime.fromisoformat(value).date()
    except ValueError:
        raise _unreadable(row, name, "a date") from None


def moment(row: Row, name: str) -> dt.datetime | None:
    """A time in UTC, without a zone.

    Raises:
        DataDamagedError: It is none.
    """
    value = text(row, name)
    if value is None:
        return None
    try:
        found = dt.datetime.fromisoformat(value)
    except ValueError:
        raise _unreadable(row, name, "a time") from None
    return found.astimezone(dt.UTC).replace(tzinfo=None) if found.tzinfo else found


def reference_id(row: Row, name: str) -> int | None:
    """The id of the row that a reference leads to; None when it leads nowhere.

    Raises:
        DataDamagedError: It is no number.
    """
    value = row.get(name)
    inner = value.get("id") if isinstance(value, dict) else value
    if inner is None or inner == "":
        return None
    try:
        return int(str(inner))
    except ValueError:
        raise _unreadable(row, name, "an id") from None


def reference_key(row: Row, name: str) -> str | None:
    """What people call the row that a reference leads to: its code, number or barcode."""
    value = row.get(name)
    key: JsonValue = value.get("key") if isinstance(value, dict) else value
    return None if key is None or key == "" else str(key)


def _unreadable(row: Row, name: str, wanted: str) -> DataDamagedError:
    kind = wanted.partition(" ")[2]
    return DataDamagedError(
        f"A row of Oracle WMS Cloud holds no {kind} in {name}: {str(row.get(name))[:60]!r}",
        "Ask Oracle's support: its documentation says that the field is one",
        {"id": row.get("id"), "field": name},
    )
