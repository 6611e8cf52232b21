"""A stream cut into the raw bytes of records, where empty lines part them.

What belongs here: reading in blocks, finding empty lines (LF, CRLF and both in one file), counting lines.
What does not: what a record says (``parse``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

BLOCK_BYTES = 1 << 18
"""Read at once. Of 64 KiB to 4 MiB all are equally fast; small ones stay in the processor's cache."""

MOST_RECORD_BYTES = 1 << 30
"""A record that is longer is no record: something without empty lines is being read as LDIF."""

_EMPTY_LINE = re.compile(rb"\n\n")  # the engine of patterns looks for two bytes twice as fast as bytes.split does
_EMPTY_LINES_ABOVE = re.compile(rb"(?:\r?\n)++")
_GAP = re.compile(rb"\r?\n(?:\r?\n)++")


class Readable(Protocol):
    """What is needed of an open file."""

    def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


class RecordTooLongError(Exception):
    """No empty line for more than the permitted bytes."""


def record_blocks(file: Readable, most: int = MOST_RECORD_BYTES, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The stream in pieces that hold whole records each; joined they are the stream.

    Args:
        file: Open for reading bytes.
        most: Bytes that one record may have.
        size: Bytes to read at once.

    Raises:
        RecordTooLongError: A record has more bytes.
    """
    held: list[bytes] = []
    length = 0
    while data := file.read(size):
        edge = held[-1][-2:] if held else b""
        cut = _last_gap_end(edge + data) - len(edge)
        if cut > 0:
            held.append(data[:cut])
            yield b"".join(held)
            held = [data[cut:]] if cut < len(data) else []
            length = len(data) - cut
        else:
            held.append(data)
            length += len(data)
            if len(data) < 2:
                held = [b"".join(held)]  # so that the last piece always shows the last two bytes
        if length > most:
            raise RecordTooLongError
    if held:
        yield b"".join(held)


def _last_gap_end(data: bytes) -> int:
    """Where the last empty line ends; 0 when there is none."""
    at = data.rfind(b"\n\n")
    end = at + 2 if at >= 0 else 0
    if b"\r" in data:
        at = data.rfind(b"\n\r\n")
        end = max(end, at + 3 if at >= 0 else 0)
    return end


def raw_records(block: bytes, line: int) -> Iterator[tuple[int, int, bytes]]:
    """Each record of a block: number of its first line, its first byte in the block, and its bytes.

    Args:
        block: From ``record_blocks``.
        line: Number of the block's first line.
    """
    if b"\r" in block:
        yield from _of_mixed_ends(block, line)
        return
    start = 0
    for piece in _EMPTY_LINE.split(block):
        raw = piece
        if piece[:1] == b"\n":  # three line ends in a row or more
            raw = piece.lstrip(b"\n")
            line += len(piece) - len(raw)
            start += len(piece) - len(raw)
        if raw:
            yield line, start, raw[:-1] if raw[-1] == 10 else raw
        line += raw.count(b"\n") + 2
        start += len(raw) + 2


def _of_mixed_ends(block: bytes, line: int) -> Iterator[tuple[int, int, bytes]]:
    above = _EMPTY_LINES_ABOVE.match(block)
    start = above.end() if above is not None else 0
    line += block.count(b"\n", 0, start)
    while start < len(block):
        gap = _GAP.search(block, start)
        stop, beyond = gap.span() if gap else (len(block), len(block))
        raw = block[start:stop]
        if gap is None:  # the end of the file, perhaps within the last line end
            raw = raw.removesuffix(b"\n").removesuffix(b"\r")
        if raw:
            yield line, start, raw
        line += block.count(b"\n", start, beyond)
        start = beyond
