"""Windows: ranges of the key that are read each on its own, several at a time.

A cursor can only be followed page by page. Ranges of the key can be read side by side, in either page mode, and what
happens to rows meanwhile shifts nothing between them: a range is a set of keys, not of places.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tap_oracle_wms.dates import for_request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_oracle_wms.client import Params

Key = int | dt.datetime
"""A value of the key: an id, or a time in UTC."""

PAGES_PER_WINDOW: Final = 4
MOST_WINDOWS: Final = 10_000
_TICK: Final = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Window:
    """Rows whose key lies in a range.

    Attributes:
        field: The key's field.
        low: Smallest key; None for no limit.
        high: Largest key, itself in the window; None for no limit.
        falling: Whether rows come from the largest key to the smallest.
    """

    field: str
    low: Key | None
    high: Key | None
    falling: bool = False

    def params(self) -> Params:
        """The window as filters and order of a request."""
        found = {"ordering": f"-{self.field}" if self.falling else self.field}
        if self.low is not None:
            found[f"{self.field}__gte"] = _text(self.low)
        if self.high is not None:
            found[f"{self.field}__lte"] = _text(self.high)
        return found

    def after(self, key: Key) -> Window:
        """What is left of the window after the rows up to a key; of times, that key's own rows come again."""
        if self.falling:
            return Window(self.field, self.low, key - 1 if isinstance(key, int) else key, falling=True)
        return Window(self.field, key + 1 if isinstance(key, int) else key, self.high)


def _text(key: Key) -> str:
    return str(key) if isinstance(key, int) else for_request(key)


def split(window: Window, low: Key, rows: int, page_size: int) -> Sequence[Window]:
    """Cut a window into as many as its rows are worth, in the order in which they are to be sent.

    Args:
        window: What to cut; its ``high`` is known.
        low: Its smallest key.
        rows: How many rows it has, about.
        page_size: Rows of a page.

    Returns:
        Windows that together are the given one; only that when it is small.
    """
    high = window.high
    count = min(-(-rows // (page_size * PAGES_PER_WINDOW)), MOST_WINDOWS)
    edges: list[Key] = []
    if isinstance(high, int) and isinstance(low, int):
        edges = [low + (high - low + 1) * place // count for place in range(1, count)] if count > 1 else []
    elif isinstance(high, dt.datetime) and isinstance(low, dt.datetime):
        edges = [low + (high - low) * (place / count) for place in range(1, count)] if count > 1 else []
    inner = sorted(set(edges))
    starts: list[Key | None] = [window.low, *inner]
    ends: list[Key | None] = [*(_before(start) for start in inner), high]
    cut = [Window(window.field, start, end, window.falling) for start, end in zip(starts, ends, strict=True)]
    return cut[::-1] if window.falling else cut


def _before(key: Key) -> Key:
    return key - 1 if isinstance(key, int) else key - _TICK
