"""A stop that was asked for, and waiting that hears it."""

from __future__ import annotations

import time
from typing import Final

_WAKE_SECONDS: Final = 0.1


class StopRequested(BaseException):
    """SIGTERM or SIGINT arrived and the rows at hand are out; not an error, hence no ``Exception``."""


class StopSignal:
    """Whether somebody asked us to stop.

    A plain flag: a signal handler sets it, and runs in a thread that may hold the lock of any ``threading.Event``.
    """

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        """Ask for a stop at the next chunk."""
        self.requested = True

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a stop is asked for.

        Raises:
            StopRequested: If it was.
        """
        end = time.monotonic() + seconds
        while not self.requested and (rest := end - time.monotonic()) > 0:
            time.sleep(min(rest, _WAKE_SECONDS))
        if self.requested:
            raise StopRequested
