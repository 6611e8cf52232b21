"""Singer bookmarks of one stream: reading, making and limiting them.

What belongs here: the forms that a bookmark has in the SDK's and in older taps. What does not: which bookmark a run
starts from, and when it moves (``extract``).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


def watermark_state(stream: str, replication_key: str | None, value: str) -> dict[str, JsonValue]:
    """A Singer state of that watermark, in the form of the SDK and in the older one that singer-python taps read."""
    bookmark: dict[str, JsonValue] = {"replication_key_value": value}
    if replication_key is not None:
        bookmark |= {"replication_key": replication_key, replication_key: value}
    return {"bookmarks": {stream: bookmark}}


def not_beyond(
    state: dict[str, JsonValue] | None, stream: str, replication_key: str | None, end: str | None
) -> dict[str, JsonValue] | None:
    """The state, but not past an end: the rows after it were left out, and are to be read another time."""
    reached = watermark_of(state, stream, replication_key)
    if end is None or reached is None or _before(reached, end):
        return state
    return watermark_state(stream, replication_key_of(state, stream) or replication_key, end)


def _before(one: str, other: str) -> bool:
    """Order of two replication key values: as instants, as numbers, or as texts."""
    for read in (_instant, Decimal):
        with suppress(ValueError, InvalidOperation):
            return read(one) < read(other)
    return one < other


def _instant(text: str) -> Decimal:
    moment = datetime.fromisoformat(text)
    return Decimal((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def watermark_of(state: Mapping[str, JsonValue] | None, stream: str, replication_key: str | None) -> str | None:
    """The replication key value of a stream in a Singer state, in either form."""
    bookmark = _bookmark(state, stream)
    value = bookmark.get("replication_key_value")
    if value is None and replication_key is not None:
        value = bookmark.get(replication_key)
    return None if value is None else str(value)


def replication_key_of(state: Mapping[str, JsonValue] | None, stream: str) -> str | None:
    """The replication key that a Singer state names for a stream."""
    key = _bookmark(state, stream).get("replication_key")
    return key if isinstance(key, str) else None


def _bookmark(state: Mapping[str, JsonValue] | None, stream: str) -> Mapping[str, JsonValue]:
    bookmarks = (state or {}).get("bookmarks")
    found = bookmarks.get(stream) if isinstance(bookmarks, dict) else None
    return found if isinstance(found, dict) else {}
