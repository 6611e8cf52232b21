"""Raw lines on their way to whoever keeps them, in a thread of their own.

A disk or a reader that stands still must not stop the run: while Meltano's pipe is not read, Meltano stands still too,
and lines that say how the run ended would never be judged. So lines wait here, and some are left out where that takes
too long; that is told in their place.

What belongs here: passing lines on. What does not: what they mean (``tally``), who keeps them.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

PATIENCE_SECONDS = 5.0
"""How long lines may wait for room, taken together, until all that wait are written; then they are left out."""
ROOM_CHARACTERS = 64 * 1024 * 1024
"""How much may wait: what a tap writes of log in hours, so that nobody is held up but by a reader that stands still."""
_NO_WAIT = 0.001


class RawLog:
    """Passes lines on in their order.

    Args:
        write: Takes each line with its line end. One that raises ``OSError`` or ``ValueError`` (no room, or nobody
            there) gets no more lines.
        patience_seconds: How long whoever adds lines may be held up, taken together, until all of them are written;
            by default ``PATIENCE_SECONDS``. As long, too, the end waits while no line gets on its way.
        holds_up: Whether anybody is held up at all; otherwise what has no room is left out at once.
    """

    def __init__(
        self, write: Callable[[str], object], patience_seconds: float | None = None, *, holds_up: bool = True
    ) -> None:
        self._write = write
        self._patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._holds_up = holds_up
        self._lines: deque[str] = deque()
        self._waiting = 0
        self._left_out = 0
        self._spent = 0.0
        self._written = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._pass_on, name="raw-log", daemon=True)
        self._thread.start()

    def add(self, line: str) -> None:
        """One more line; left out where there is no room for it and patience is spent."""
        with self._changed:
            if not self._lines:
                self._spent = 0.0
            if self._holds_up and not self._has_room(line):
                began = time.monotonic()
                self._changed.wait_for(lambda: self._has_room(line), max(self._patience - self._spent, 0.0))
                if (waited := time.monotonic() - began) > _NO_WAIT:
                    self._spent += waited
            if not self._thread.is_alive():
                return
            if not self._has_room(line):
                self._left_out += 1
                return
            self._put(self._gap() + line)

    def close(self) -> None:
        """Wait for the last line, as long as lines get on their way."""
        with self._changed:
            if gap := self._gap():
                self._put(gap)
            self._closing = True
            self._changed.notify_all()
        written, since = self._written, time.monotonic()
        while self._thread.is_alive() and time.monotonic() - since < self._patience:
            self._thread.join(0.05)
            if self._written != written:
                written, since = self._written, time.monotonic()

    def _has_room(self, line: str) -> bool:
        """Whether a line may wait: a long one does alone. Who is not read any more needs none."""
        return not self._lines or self._waiting + len(line) <= ROOM_CHARACTERS or not self._thread.is_alive()

    def _put(self, text: str) -> None:
        self._left_out = 0
        self._waiting += len(text)
        self._lines.append(text)
        self._changed.notify_all()

    def _gap(self) -> str:
        """What stands in the place of lines that were left out, if any were."""
        return f"... ({self._left_out:,} lines left out: they could not be written in time)\n" if self._left_out else ""

    def _pass_on(self) -> None:
        while (line := self._next()) is not None:
            try:
                self._write(line)
            except (OSError, ValueError):
                break
            self._written += 1
        with self._changed:
            self._lines.clear()
            self._waiting = 0
            self._changed.notify_all()

    def _next(self) -> str | None:
        """The next line, None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._closing)
            if not self._lines:
                return None
            line = self._lines.popleft()
            self._waiting -= len(line)
            self._changed.notify_all()
            return line
