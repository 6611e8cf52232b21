"""The way from an op to the terminal that waits for it, when both are one process.

``flext run`` performs a Dagster run in its own process. Row counts are worth showing while they grow, but not worth
a Dagster event each (3.4 ms and 580 bytes): they go straight to whoever listens.

What belongs here: the listener of this process. What does not: anything that must be kept (Dagster's events).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Listener = Callable[[Progress], None]

_listener: Listener = ignore_progress


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """While this lasts, what ops of this process report goes to the listener, possibly from other threads."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def report(progress: Progress) -> None:
    """Tell the listener, if there is one. To be called by ops beside what they log to Dagster."""
    _listener(progress)
