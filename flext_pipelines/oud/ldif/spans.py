"""Parts of a file that several workers may read at once, cut where an empty line parts two records.

What belongs here: finding the cuts. What does not: starting workers (``flext_pipelines.oud.workers``).
"""

from __future__ import annotations

import io
import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_GAP = re.compile(rb"\n\r?\n(?:\r?\n)*+")
_LOOK = 1 << 16


class Span(NamedTuple):
    """A part of a file that holds whole records.

    Attributes:
        start: Its first byte.
        stop: The byte after its last.
        line: Number of its first line.
    """

    start: int
    stop: int
    line: int


class _SpanFile:
    """Reads a file up to an offset."""

    def __init__(self, file: io.FileIO, left: int) -> None:
        self._file = file
        self._left = left

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes of the part."""
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def opened_span(file: io.FileIO, span: Span) -> _SpanFile:
    """The part of an open file."""
    file.seek(span.start)
    return _SpanFile(file, span.stop - span.start)


def spans(path: Path, parts: int) -> list[Span]:
    """Cut a file into about equal parts; fewer where records are long.

    Args:
        path: The file.
        parts: How many are wanted.

    Returns:
        In the order of the file, without gaps; none for an empty file. That a file holds one kind of record is
        checked within a part only.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        cuts = [0]
        for number in range(1, parts):
            cut = _after_gap(file, max(size * number // parts, cuts[-1]))
            if cut is not None and cuts[-1] < cut < size:
                cuts.append(cut)
        cuts.append(size)
        file.seek(0)
        found, line = [], 1
        for start, stop in pairwise(cuts):
            if start < stop:
                found.append(Span(start, stop, line))
                line += _line_ends(file, stop - start) if stop < size else 0
    return found


def _after_gap(file: io.BufferedReader, offset: int) -> int | None:
    """Where the first record begins after an offset."""
    file.seek(offset)
    held, base = b"", offset
    while data := file.read(_LOOK):
        held += data
        found = _GAP.search(held)
        if found and found.end() < len(held):
            return base + found.end()
        keep = found.start() if found else max(len(held) - 2, 0)
        held, base = held[keep:], base + keep
    return None


def _line_ends(file: io.BufferedReader, count: int) -> int:
    found = 0
    while count > 0 and (data := file.read(min(count, _LOOK))):
        found += data.count(b"\n")
        count -= len(data)
    return found
