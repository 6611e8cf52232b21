"""Asking the database in the background, where a signal of Python reaches nobody who waits for it."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Final, TypeVar, cast

from singer_columnar.stopping import StopRequested

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from singer_columnar.chunk import Chunk
    from singer_columnar.stopping import StopSignal

    from tap_flext_sql.query import TableQuery
    from tap_flext_sql.readers.protocol import Reader

T = TypeVar("T")

_WAKE_SECONDS: Final = 0.1


class QueryPart:
    """One query, with a connection of its own: a part of a :class:`singer_columnar.pump.Pump`."""

    def __init__(self, open_reader: Callable[[], Reader], query: TableQuery) -> None:
        self._open_reader = open_reader
        self._query = query
        self._reader: Reader | None = None

    def __str__(self) -> str:
        return str(self._query.table)

    def items(self) -> Generator[Chunk]:
        """The query's chunks."""
        self._reader = self._open_reader()
        try:
            yield from self._reader.chunks(self._query)
        finally:
            self._reader.close()

    def cancel(self) -> None:
        """Cancel the query, where the driver can."""
        if self._reader is not None:
            # The query may have ended meanwhile: then there is nothing to cancel, which drivers report as an error.
            with contextlib.suppress(Exception):
                self._reader.cancel()


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
