"""Spools: the new entries of a part of the export, stacked by phase and depth while they are read.

A stack is two files: the records as they will be written, one behind the other, and a row of 40 bytes for each.
Because parents are one level above, writing the stacks of a phase by depth puts every parent before its children
whatever the order of the export, and it is copying.

What belongs here: stacks and rows as they are written. What does not: reading them (``rows``).
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

ROW = struct.Struct("<8s8sQIIQ")
"""Hash of the key, hash of the parent's key, where the source record begins, lengths of the new record with the empty
line behind it and of the source record, the source's line."""

ACCESS = "access.marshal"
REJECTS = "rejects.marshal"
REFERENCES = "references.rows"
EXCLUDED = "excluded.csv"
RESULT = "result.json"
"""What lies beside the stacks of a part."""

_MOST_OPEN = 100
"""Stacks that keep their files open; a tree that is deeper costs opening them again."""
_FLUSH_BYTES = 1 << 18


def key_hash(key: bytes) -> bytes:
    """What stands for a key: 8 bytes. Of ten million two are the same with a chance of 3 in a million: ``tree``."""
    return blake2b(key, digest_size=8).digest()


@lru_cache(maxsize=4096)
def parent_hash(parent: bytes) -> bytes:
    """The same for a parent's key, remembered: neighbours have one parent."""
    return blake2b(parent, digest_size=8).digest()


def parent_key(key: bytes) -> bytes:
    """The key above: without the first RDN."""
    if b"\\" not in key:
        return key.partition(b",")[2]
    at = key.find(b",")
    while at >= 0:
        before = key[:at]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return key[at + 1 :]
        at = key.find(b",", at + 1)
    return b""


class Stack:
    """The entries of one phase at one depth.

    Args:
        path: Without an ending.
    """

    __slots__ = ("_files", "_path", "_pending", "bodies", "rows")

    def __init__(self, path: Path) -> None:
        self.bodies: list[bytes] = []
        self.rows: list[bytes] = []
        self._path = path
        self._pending = 0
        self._files: tuple[BinaryIO, BinaryIO] | None = None

    def add(self, body: bytes, key: bytes, offset: int, source: int, line: int) -> None:
        """Stack one entry.

        Args:
            body: The new record.
            key: Its normal key.
            offset: Where the source record begins.
            source: Its length.
            line: Its line.
        """
        self.bodies.append(body)
        size = len(body) + 2
        self.rows.append(
            ROW.pack(blake2b(key, digest_size=8).digest(), parent_hash(parent_key(key)), offset, size, source, line)
        )
        self._pending += size
        if self._pending > _FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        if self.bodies:
            if self._files is None:
                self._files = (
                    self._path.with_suffix(".ldif").open("ab", buffering=0),
                    self._path.with_suffix(".rows").open("ab", buffering=0),
                )
            self.bodies.append(b"")
            write_all(self._files[0], b"\n\n".join(self.bodies))
            write_all(self._files[1], b"".join(self.rows))
            self.bodies.clear()
            self.rows.clear()
            self._pending = 0

    def close(self) -> None:
        """Write what is pending and give the files back; adding opens them again."""
        self.flush()
        if self._files is not None:
            for file in self._files:
                file.close()
            self._files = None


class Spool:
    """The stacks of one part of the export.

    Args:
        folder: Theirs alone; it must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stacks: OrderedDict[tuple[str, int], Stack] = OrderedDict()

    def stack(self, phase: str, depth: int) -> Stack:
        """The stack of a phase at a depth."""
        place = (phase, depth)
        found = self._stacks.get(place)
        if found is None:
            if len(self._stacks) >= _MOST_OPEN:
                self._stacks.popitem(last=False)[1].close()
            found = self._stacks[place] = Stack(self._folder / f"{phase}-{depth:05d}")
        return found

    def close(self) -> None:
        """Write what is pending."""
        for stack in self._stacks.values():
            stack.close()
        self._stacks.clear()


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write to an unbuffered file, which may take less at once than it is given."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
