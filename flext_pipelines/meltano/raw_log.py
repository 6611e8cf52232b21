"""Raw lines on their way to whoever keeps them, in a thread of their own.

A disk or a reader that stands still must not stop the run: while Meltano's pipe is not read, Meltano stands still too,
and lines that say how the run ended would never be judged. So lines wait here, and some are left out where that takes
too long; that is told in their place.

What belongs here: passing lines on. What does not: what they mean (``tally``), who keeps them.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 5.0
"""How long lines may wait for room, taken together, until all that wait are written; then they are left out."""
_NO_WAIT = 0.001
_WAITING_LINES = 256
"""A line has at most 1 MB, so that they never take more memory than 256 MB."""


class RawLog:
    """Passes lines on in their order.

    Args:
        write: Takes each line with its line end. One that raises ``OSError`` or ``ValueError`` (no room, or nobody
            there) gets no more lines.
        patience_seconds: How long whoever adds lines may be held up, taken together, until all of them are written;
            by default ``PATIENCE_SECONDS``.
    """

    def __init__(self, write: Callable[[str], object], patience_seconds: float | None = None) -> None:
        self._write = write
        self._patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
        self._lines: queue.Queue[str | None] = queue.Queue(_WAITING_LINES)
        self._left_out = 0
        self._spent = 0.0
        self._written = 0
        self._thread = threading.Thread(target=self._pass_on, name="raw-log", daemon=True)
        self._thread.start()

    def add(self, line: str) -> None:
        """One more line; left out where there is no room for it and patience is spent."""
        if not self._thread.is_alive():
            return
        if self._spent and self._lines.empty():
            self._spent = 0.0
        began = time.monotonic()
        try:
            self._lines.put(self._gap() + line, timeout=max(self._patience - self._spent, 0.0))
        except queue.Full:
            self._left_out += 1
        else:
            self._left_out = 0
        if (waited := time.monotonic() - began) > _NO_WAIT:
            self._spent += waited

    def close(self) -> None:
        """Wait for the last line, as long as lines get on their way."""
        written, since = self._written, time.monotonic()
        last = [self._gap(), None]
        while self._thread.is_alive() and time.monotonic() - since < self._patience:
            if last:
                with contextlib.suppress(queue.Full):
                    self._lines.put(last[0], timeout=0.05)
                    del last[0]
            else:
                self._thread.join(0.05)
            if self._written != written:
                written, since = self._written, time.monotonic()

    def _gap(self) -> str:
        """What stands in the place of lines that were left out, if any were."""
        return f"... ({self._left_out:,} lines left out: they could not be written in time)\n" if self._left_out else ""

    def _pass_on(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                if line:
                    self._write(line)
            except (OSError, ValueError):
                return
            self._written += 1
