"""A stop that was asked for, and waiting that hears it."""

from __future__ import annotations

import threading


class StopRequested(BaseException):
    """SIGTERM or SIGINT arrived and the page at hand is done; not an error, hence no ``Exception``."""


class StopSignal:
    """Whether somebody asked us to stop."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for."""
        return self._asked.is_set()

    def request(self) -> None:
        """Ask for a stop."""
        self._asked.set()

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a stop is asked for.

        Raises:
            StopRequested: If it was.
        """
        if self._asked.wait(seconds):
            raise StopRequested
