"""A tap at work in a thread of its own: its lines to whoever reads them, its log to whoever keeps it.

What belongs here: passing lines on at the reader's pace, starting and ending the tap. What does not: how it is
called, and what its end means (``tap_alone``).
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from flext_pipelines.meltano.lines import Echo, Tail
from flext_pipelines.meltano.process import Invocation, launch
from flext_pipelines.meltano.raw_log import RawLog
from flext_pipelines.meltano.running import Ended, Graces, Running

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_LINE = 512 * 1024 * 1024
"""Bytes; a record of 50 MB is one line, and one that is cut is no record."""
GRACES = Graces(5, 5)
"""Nothing waits behind a tap alone: no target has rows to load, no bookmark is to be saved."""

PATIENCE_SECONDS = 1.0
"""How long the end of a tap waits for its echo while no line of the log gets there."""
_CHUNK_LINES = 2_000
_CHUNK_BYTES = 16 * 1024 * 1024
_CHUNK_SECONDS = 0.25
_WAITING_CHUNKS = 4


class TapLog:
    """Takes the lines of standard error: the last ones are kept, all are echoed, none with a secret.

    Args:
        redact: Takes secrets out.
        echo: Given every line, in a thread of its own: one that is slow, stands still or fails does not hold up the
            tap; lines wait for it, and where there is no room for more they are left out, and that is told.
    """

    def __init__(self, redact: Callable[[str], str], echo: Echo | None = None) -> None:
        self._redact = redact
        self._raw = RawLog(echo, PATIENCE_SECONDS, holds_up=False) if echo is not None else None
        self._tail = Tail()

    def add(self, line: str) -> None:
        """One more line."""
        clean = self._redact(line)
        self._tail.add(clean)
        if self._raw is not None:
            self._raw.add(clean + "\n")

    def close(self) -> None:
        """Wait for the last line on its way to the echo, as long as lines get there."""
        if self._raw is not None:
            self._raw.close()

    def lines(self) -> tuple[str, ...]:
        """The last ones, oldest first."""
        return self._tail.lines()


class TapWork:
    """A tap at work.

    Whoever reads slower than the tap writes makes the tap wait; whoever stops reading makes it stop.

    Args:
        invocation: How it is called.
        log: Takes its log.
        folder: Removed by the watchdog when we are killed.
        keep: Descriptors of locks that the watchdog then keeps.
        timeout_seconds: Longest run; 0 is none.

    Attributes:
        ended: How it ended, once ``lines`` has.
    """

    def __init__(
        self, invocation: Invocation, log: TapLog, *, folder: Path, keep: Sequence[int] = (), timeout_seconds: float = 0
    ) -> None:
        self.ended: Ended | None = None
        self._invocation = invocation
        self._log = log
        self._folder = folder
        self._keep = keep
        self._timeout = timeout_seconds
        self._running: Running | None = None
        self._enough = threading.Event()
        self._room = threading.Semaphore(_WAITING_CHUNKS)
        self._waiting: queue.SimpleQueue[list[bytes] | None] = queue.SimpleQueue()
        self._filling = threading.Lock()
        self._chunk: list[bytes] = []
        self._chunk_bytes = 0
        self._passed_on = time.monotonic()

    def lines(self) -> Generator[bytes, None, None]:
        """Every line, then the end of the process.

        Raises:
            UnavailableError: It cannot be started.
        """
        with ThreadPoolExecutor(1, "tap") as threads:
            work = threads.submit(self._run)
            try:
                while (chunk := self._waiting.get()) is not None:
                    self._room.release()
                    yield from chunk
            finally:
                self._enough.set()
        work.result()

    def _run(self) -> None:
        """Until the tap has ended; whatever is raised here is raised again where the lines are read."""
        try:
            with launch(
                self._invocation,
                on_out=self._out,
                on_err=self._log.add,
                graces=GRACES,
                folder=self._folder,
                keep=self._keep,
                longest_line=LONGEST_LINE,
            ) as self._running:
                self.ended = self._running.wait(
                    graces=GRACES, timeout_seconds=self._timeout, should_stop=self._is_enough
                )
            self._pass_on()
        finally:
            self._put(None)

    def _out(self, line: str) -> None:
        """A line of standard output; in the thread that reads it."""
        encoded = line.encode()
        with self._filling:
            self._chunk.append(encoded)
            self._chunk_bytes += len(encoded)
            full = len(self._chunk) >= _CHUNK_LINES or self._chunk_bytes >= _CHUNK_BYTES
            if full or time.monotonic() - self._passed_on >= _CHUNK_SECONDS:
                self._pass_on()

    def _is_enough(self) -> bool:
        """Asked once a second while the tap runs; lines of a tap that pauses go on their way meanwhile."""
        if self._filling.acquire(blocking=False):
            try:
                if self._chunk and self._room.acquire(blocking=False):
                    self._waiting.put(self._taken())
            finally:
                self._filling.release()
        return self._enough.is_set()

    def _pass_on(self) -> None:
        self._put(self._taken())

    def _taken(self) -> list[bytes]:
        chunk, self._chunk, self._chunk_bytes = self._chunk, [], 0
        self._passed_on = time.monotonic()
        return chunk

    def _put(self, chunk: list[bytes] | None) -> None:
        """Wait for room while the tap runs; what its pipe holds after its end is little and must be read at once."""
        while not self._enough.is_set():
            if self._room.acquire(timeout=0.2) or self._is_over():
                self._waiting.put(chunk)
                return

    def _is_over(self) -> bool:
        running = self._running
        return running is None or running.stopping or not running.group.leader_alive()
