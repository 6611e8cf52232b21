"""Reading in the background: what is read comes through a short queue, so that reading and sending overlap.

A call that waits for a server cannot be interrupted by a signal handler of Python; the main thread therefore never
makes one while it sends. It waits for the queue, where a signal reaches it at once.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from singer_columnar.stopping import StopRequested

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from types import TracebackType

    from singer_columnar.stopping import StopSignal

QUEUE_ITEMS: Final = 4
_WAKE_SECONDS: Final = 0.1
_JOIN_SECONDS: Final = 2.0

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Part(Protocol[T_co]):
    """A piece of what is to be read, by one thread."""

    def items(self) -> Generator[T_co]:
        """Read; called once, in the thread. It is closed when nobody wants the rest."""
        ...

    def cancel(self) -> None:
        """Cut short what ``items`` waits for, where the source can do that; called from another thread."""
        ...


class _Reading(Generic[T]):
    """One part read by one thread."""

    def __init__(self, part: Part[T], depth: int) -> None:
        self._part = part
        self._queue: queue.Queue[T | BaseException | None] = queue.Queue(maxsize=depth)
        self._abandoned = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"read-{part}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            with contextlib.closing(self._part.items()) as items:
                for item in items:
                    if not self._put(item):
                        break
        except BaseException as error:  # handed to the main thread, which raises it
            end = error
        self._put(end)

    def _put(self, item: T | BaseException | None) -> bool:
        while not self._abandoned.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_WAKE_SECONDS)
                return True
        return False

    def items(self, stop: StopSignal) -> Iterator[T]:
        """What the part gave; raises what its reading raised, and StopRequested when a stop is asked for."""
        while True:
            if stop.requested:
                raise StopRequested
            try:
                item = self._queue.get(timeout=_WAKE_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def abandon(self) -> None:
        """Stop reading; the thread ends by itself, at once where the source can cancel."""
        self._abandoned.set()
        if self.thread.is_alive():
            self._part.cancel()


class Pump(Generic[T]):
    """Several parts, read at most so many at a time, what they give in the order of the parts.

    Args:
        parts: What to read, in the order in which it is to be given.
        stop: Ends the reading.
        parallel: How many parts are read at the same time.
        depth: How many items of a part may wait to be taken.
    """

    def __init__(self, parts: Iterable[Part[T]], stop: StopSignal, parallel: int = 1, depth: int = QUEUE_ITEMS) -> None:
        self._waiting = deque(parts)
        self._stop = stop
        self._parallel = max(1, parallel)
        self._depth = depth
        self._running: deque[_Reading[T]] = deque()

    def __enter__(self) -> Pump[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reading in self._running:
            reading.abandon()
        for reading in self._running:
            reading.thread.join(_JOIN_SECONDS)

    def __iter__(self) -> Iterator[T]:
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._parallel:
                self._running.append(_Reading(self._waiting.popleft(), self._depth))
            yield from self._running[0].items(self._stop)
            self._running.popleft().thread.join(_JOIN_SECONDS)
