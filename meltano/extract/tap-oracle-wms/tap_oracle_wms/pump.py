"""Reading in the background: several windows at a time, their chunks given in the order of the windows.

The main thread never waits for the server; it waits for the queue, where a signal reaches it at once.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from tap_oracle_wms.stopping import StopRequested, StopSignal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from tap_oracle_wms.windows import Window

QUEUE_CHUNKS: Final = 6
_WAKE_SECONDS: Final = 0.1
_JOIN_SECONDS: Final = 2.0

T = TypeVar("T")


class _Part(Generic[T]):
    """One window read by one thread."""

    def __init__(self, read: Callable[[Window], Iterator[T]], window: Window) -> None:
        self._read = read
        self._window = window
        self._queue: queue.Queue[T | BaseException | None] = queue.Queue(maxsize=QUEUE_CHUNKS)
        self._abandoned = threading.Event()
        self.thread = threading.Thread(target=self._run, name="read-window", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            for item in self._read(self._window):
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
        """What the window gave; raises what its reading raised, and StopRequested when a stop is asked for."""
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
        """Stop reading; the thread ends when the request at hand does."""
        self._abandoned.set()


class Pump(Generic[T]):
    """Several windows, read at most so many at a time, what they give in the order of the windows.

    Args:
        read: Reads one window.
        windows: What to read, in the order in which it is to be given.
        stop: Ends the reading.
        parallel: How many windows are read at the same time.
    """

    def __init__(
        self, read: Callable[[Window], Iterator[T]], windows: Sequence[Window], stop: StopSignal, parallel: int
    ) -> None:
        self._read = read
        self._waiting = deque(windows)
        self._stop = stop
        self._parallel = max(1, parallel)
        self._running: deque[_Part[T]] = deque()

    def __enter__(self) -> Pump[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in self._running:
            part.abandon()
        for part in self._running:
            part.thread.join(_JOIN_SECONDS)

    def __iter__(self) -> Iterator[T]:
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._parallel:
                self._running.append(_Part(self._read, self._waiting.popleft()))
            yield from self._running[0].items(self._stop)
            self._running.popleft().thread.join(_JOIN_SECONDS)
