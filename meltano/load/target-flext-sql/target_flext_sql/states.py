"""STATE messages: which one may be written when, and what they say about a stream.

A state is written to stdout only after the commit of everything that came before it, and only once. While an
overwrite waits to be published no state is written at all: its rows are not in the table yet.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from target_flext_sql.errors import StateNotWrittenError


def has_progress_markers(state: Mapping[str, Any], stream: str) -> bool | None:
    """Say whether a state calls a stream unfinished; None when it does not mention the stream."""
    bookmarks = state.get("bookmarks")
    if not isinstance(bookmarks, Mapping) or stream not in bookmarks:
        return None
    bookmark = bookmarks[stream]
    if not isinstance(bookmark, Mapping):
        return False
    parts = bookmark.get("partitions") or ()
    return any("progress_markers" in part for part in (bookmark, *parts) if isinstance(part, Mapping))


class StateGate:
    """The states of one run, in order of arrival."""

    def __init__(self) -> None:
        self.start: Mapping[str, Any] | None = None
        self.latest: Mapping[str, Any] | None = None
        self._written: str | None = None
        self._rows_seen = False

    def saw_rows(self) -> None:
        """Note that rows have come: a state from now on is no starting point."""
        self._rows_seen = True

    def receive(self, value: Mapping[str, Any]) -> None:
        """Take a state message."""
        if not self._rows_seen and self.start is None:
            self.start = value
        self.latest = value

    def write(self) -> None:
        """Write the latest state to stdout, unless it is the one already written.

        Raises:
            StateNotWrittenError: Nobody reads stdout any more.
        """
        if self.latest is None:
            return
        text = json.dumps(self.latest, default=str)
        if text == self._written:
            return
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise StateNotWrittenError(
                "The state could not be handed on",
                "whoever read our output has closed it",
                "run again: rows delivered twice are recognised, nothing is doubled",
            ) from error
        self._written = text
