"""What a Singer state says: where each stream stands.

What belongs here: reading a state's content. What does not: where states are kept (``state``), and under which id.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

State = Mapping[str, object]
"""What a tap is given and a target gives back: ``{"bookmarks": {stream: {...}}}``."""


@dataclass(frozen=True, slots=True)
class Bookmark:
    """Where a stream stands.

    Attributes:
        replication_key: The column, where the state names it.
        value: Its value as text; JSON where the state holds more than one plain value.
    """

    replication_key: str | None
    value: str | None


def bookmarks(state: State) -> dict[str, Bookmark]:
    """Where each stream stands, from any tap's state.

    Taps of the Singer SDK write ``replication_key`` and ``replication_key_value``; older ones
    write ``{"updated_at": "2026-01-01"}``, and some a bare value.
    """
    found = state.get("bookmarks")
    if not isinstance(found, Mapping):
        return {}
    return {str(stream): _bookmark(value) for stream, value in found.items()}


def _bookmark(value: object) -> Bookmark:
    if not isinstance(value, Mapping):
        return Bookmark(None, None if value is None else _as_text(value))
    if "replication_key_value" in value:
        key = value.get("replication_key")
        return Bookmark(key if isinstance(key, str) else None, _as_text(value["replication_key_value"]))
    if len(value) == 1:
        ((key, only),) = value.items()
        if not isinstance(only, (Mapping, list)):
            return Bookmark(str(key), _as_text(only))
    return Bookmark(None, _as_text(value) if value else None)


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
