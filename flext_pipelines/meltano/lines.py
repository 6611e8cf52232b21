"""Bytes of a pipe as lines of bounded length, and the last of them.

What belongs here: cutting, decoding, keeping. What does not: what a line means (``log``).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator

Echo = Callable[[str], object]
"""Takes raw lines, each with its line end: ``sys.stdout.write``."""

LONGEST_LINE = 1024 * 1024
"""Bytes of one line that are kept; a plugin may print a record of 50 MB."""
_CHUNK = 256 * 1024


class LineSplitter:
    """Cuts a stream of bytes into lines without ever holding more of one than ``longest``.

    Args:
        longest: Bytes of a line that are kept. The rest is counted and left out, with a note at the end.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._kept = bytearray()
        self._left_out = 0

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that these bytes complete, without their line ends."""
        *ended, rest = data.split(b"\n")
        for part in ended:
            self._add(part)
            yield self._take()
        self._add(rest)

    def rest(self) -> Iterator[str]:
        """What stands after the last line end, if anything."""
        if self._kept or self._left_out:
            yield self._take()

    def _add(self, part: bytes) -> None:
        room = self._longest - len(self._kept)
        self._kept += part[:room]
        self._left_out += max(0, len(part) - room)

    def _take(self) -> str:
        text = self._kept.decode("utf-8", errors="replace").rstrip("\r")
        if self._left_out:
            text += f" ... ({self._left_out:,} more bytes of this line left out)"
        self._kept = bytearray()
        self._left_out = 0
        return text


class Tail:
    """The last lines, clipped; what a person needs to see of a failure.

    Args:
        lines: How many.
        width: Characters of each.
    """

    def __init__(self, lines: int = 60, width: int = 2000) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._width = width

    def add(self, line: str) -> None:
        """One more line."""
        self._lines.append(clip(line, self._width))

    def lines(self) -> tuple[str, ...]:
        """Oldest first."""
        return tuple(self._lines)


def clip(text: str, width: int) -> str:
    """The text, cut in its middle when it is longer than the width."""
    if len(text) <= width:
        return text
    half = (width - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


class LineReader(threading.Thread):
    """Reads a pipe to its end and gives each line on, in a thread of its own.

    If the listener fails, the pipe is still read to its end (a full one would stop Meltano) and ``finished``
    stays False.

    Args:
        pipe: The descriptor to read; closed at the end.
        listen: Called with each line.
        at_end: Called once when everybody who writes to the pipe has closed it.
        name: Name of the thread.
        longest: Bytes of a line that are kept.
    """

    def __init__(
        self,
        pipe: int,
        listen: Callable[[str], None],
        at_end: Callable[[], None],
        name: str,
        longest: int = LONGEST_LINE,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._longest = longest
        self._pipe = pipe
        self._listen = listen
        self._at_end = at_end
        self.finished = False

    def run(self) -> None:
        """Until the pipe is closed by everybody who writes to it."""
        splitter = LineSplitter(self._longest)
        try:
            while data := os.read(self._pipe, _CHUNK):
                for line in splitter.feed(data):
                    self._listen(line)
            for line in splitter.rest():
                self._listen(line)
            self.finished = True
        finally:
            while not self.finished and os.read(self._pipe, _CHUNK):
                pass
            os.close(self._pipe)
            self._at_end()
