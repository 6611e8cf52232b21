"""Reading in the background: chunks come through a short queue, so that reading and sending overlap.

A driver's call cannot be interrupted by a signal handler of Python while it waits for the database; the main thread
therefore never calls a driver during a sync. It waits for the queue, where a signal reaches it at once.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from tap_flext_sql.misfits import Chunk
    from tap_flext_sql.query import TableQuery
    from tap_flext_sql.readers.protocol import Reader

T = TypeVar("T")

QUEUE_CHUNKS: Final = 4
_WAKE_SECONDS: Final = 0.1
_JOIN_SECONDS: Final = 2.0


class StopRequested(BaseException):
    """SIGTERM or SIGINT arrived and the chunk at hand is done; not an error, hence no ``Exception``."""


class StopSignal:
    """Whether somebody asked us to stop."""

    def __init__(self) -> None:
        self.requested = False

    def request(self) -> None:
        """Ask for a stop at the next chunk."""
        self.requested = True


def in_background(call: Callable[[], T], stop: StopSignal) -> T:
    """Make one call that may wait for the database, without being deaf to signals.

    Args:
        call: What to do; it goes on in its thread when a stop is asked for meanwhile.
        stop: Ends the waiting.

    Returns:
        What the call returned.

    Raises:
        StopRequested: If a stop was asked for before the call returned.
    """
    answers: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=1)

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # handed to the main thread, which raises it
            answers.put((None, error))

    threading.Thread(target=run, name="ask", daemon=True).start()
    while not stop.requested:
        try:
            answer, error = answers.get(timeout=_WAKE_SECONDS)
        except queue.Empty:
            continue
        if error is not None:
            raise error
        return cast("T", answer)
    raise StopRequested


class _Part:
    """One query read by one thread."""

    def __init__(self, open_reader: Callable[[], Reader], query: TableQuery) -> None:
        self._open_reader = open_reader
        self._query = query
        self._queue: queue.Queue[Chunk | BaseException | None] = queue.Queue(maxsize=QUEUE_CHUNKS)
        self._abandoned = threading.Event()
        self._reader: Reader | None = None
        self.thread = threading.Thread(target=self._run, name=f"read-{query.table}", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        end: BaseException | None = None
        try:
            self._reader = self._open_reader()
            try:
                for chunk in self._reader.chunks(self._query):
                    if not self._put(chunk):
                        break
            finally:
                self._reader.close()
        except BaseException as error:  # handed to the main thread, which raises it
            end = error
        self._put(end)

    def _put(self, item: Chunk | BaseException | None) -> bool:
        while not self._abandoned.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_WAKE_SECONDS)
                return True
        return False

    def chunks(self, stop: StopSignal) -> Iterator[Chunk]:
        """The part's chunks; raises what the reader raised, and StopRequested when a stop is asked for."""
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
        """Stop reading; the thread ends by itself, at once where the driver can cancel."""
        self._abandoned.set()
        if self._reader is not None and self.thread.is_alive():
            # The query may have ended meanwhile: then there is nothing to cancel, which drivers report as an error.
            with contextlib.suppress(Exception):
                self._reader.cancel()


class Pump:
    """Several queries, read at most so many at a time, their chunks given in the order of the queries."""

    def __init__(
        self,
        open_reader: Callable[[], Reader],
        queries: Sequence[TableQuery],
        stop: StopSignal,
        parallel: int = 1,
    ) -> None:
        self._open_reader = open_reader
        self._waiting = deque(queries)
        self._stop = stop
        self._parallel = max(1, parallel)
        self._running: deque[_Part] = deque()

    def __enter__(self) -> Pump:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in self._running:
            part.abandon()
        for part in self._running:
            part.thread.join(_JOIN_SECONDS)

    def __iter__(self) -> Iterator[Chunk]:
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._parallel:
                self._running.append(_Part(self._open_reader, self._waiting.popleft()))
            yield from self._running[0].chunks(self._stop)
            self._running.popleft().thread.join(_JOIN_SECONDS)
