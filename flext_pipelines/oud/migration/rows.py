"""The spools of all parts, read back: which stacks there are, and their rows as arrays.

An entry's id is its place in the order of stacks (phase, depth, part) and of rows within; ids need no memory.

What belongs here: reading what ``spool`` wrote. What does not: any judgement (``tree``).
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from flext_pipelines.errors import DataDamagedError
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.migration.plan import ENTRY_PHASES
from flext_pipelines.oud.migration.spool import ROW

Hashes = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.uint8]

ROW_TYPE = np.dtype(
    [("key", "<u8"), ("parent", "<u8"), ("offset", "<u8"), ("size", "<u4"), ("source", "<u4"), ("line", "<u8")]
)
"""A row of a spool, see ``spool.ROW``."""
Rows = npt.NDArray[np.void]
ROWS_AT_ONCE = 100_000
"""Rows in memory at once: 4 MB."""


class Origin(NamedTuple):
    """Where an entry comes from.

    Attributes:
        offset: Where its source record begins.
        size: Length of the source record.
        line: Its line.
    """

    offset: int
    size: int
    line: int


@dataclass(frozen=True)
class StackFile:
    """A stack on disk.

    Attributes:
        phase: Its phase, by number: 0 hierarchy, 1 users, 2 groups.
        depth: RDNs of its entries.
        path: Its records.
        first: Id of its first entry.
        count: How many entries it has.
    """

    phase: int
    depth: int
    path: Path
    first: int
    count: int

    def chunks(self) -> Iterator[tuple[int, Rows]]:
        """Its rows, some at a time, each time with the id of the first."""
        with self.path.with_suffix(".rows").open("rb") as file:
            for at in range(0, self.count, ROWS_AT_ONCE):
                yield self.first + at, np.fromfile(file, dtype=ROW_TYPE, count=ROWS_AT_ONCE)


class Stacks:
    """Every stack, by phase, depth and part.

    Args:
        parts: Folders of the parts, in the order of the export.

    Attributes:
        count: Entries in all.
        groups: Id of the first group.

    Raises:
        DataDamagedError: A stack is not whole.
    """

    def __init__(self, parts: Sequence[Path]) -> None:
        self._all: list[StackFile] = []
        self._asked: tuple[StackFile, Hashes] | None = None
        self.count = 0
        for phase, depth, _, path in sorted(_found(parts)):
            size = path.stat().st_size
            if size % ROW.size:
                raise DataDamagedError(f"{path} is not whole", "Run the migration again from `read`")
            self._all.append(StackFile(phase, depth, path.with_suffix(".ldif"), self.count, size // ROW.size))
            self.count += size // ROW.size
        self._firsts = [stack.first for stack in self._all]
        self.groups = next((stack.first for stack in self._all if stack.phase == 2), self.count)

    def __iter__(self) -> Iterator[StackFile]:
        return iter(self._all)

    def by_depth(self) -> list[StackFile]:
        """The stacks from the root down."""
        return sorted(self._all, key=lambda stack: (stack.depth, stack.first))

    def of(self, entry: int) -> StackFile:
        """The stack of an entry."""
        return self._all[bisect_right(self._firsts, entry) - 1]

    def origin(self, entry: int) -> Origin:
        """Where an entry comes from."""
        stack = self.of(entry)
        with stack.path.with_suffix(".rows").open("rb") as file:
            file.seek((entry - stack.first) * ROW.size)
            _, _, offset, _, source, line = ROW.unpack(file.read(ROW.size))
        return Origin(offset, source, line)

    def name(self, entry: int) -> bytes:
        """The normal key of an entry, from its new record: where hashes are the same."""
        stack = self.of(entry)
        at = self._starts(stack)[entry - stack.first]
        with stack.path.open("rb") as file:
            file.seek(int(at))
            head = b""
            while b"\n\n" not in head and _whole_name(head) is None and (data := file.read(4096)):
                head += data
        return normal_key(_whole_name(head) or b"")

    def _starts(self, stack: StackFile) -> Hashes:
        """Where the records of a stack begin; of the last stack that was asked for."""
        if self._asked is None or self._asked[0] is not stack:
            sizes = np.concatenate([rows["size"] for _, rows in stack.chunks()])
            self._asked = (stack, np.cumsum(sizes, dtype=np.uint64) - sizes)
        return self._asked[1]


_NAME = re.compile(rb"(?:#.*+\n(?: .*+\n)*+)*+[dD][nN]:(:?) *+(.*+(?:\n .*+)*+)\n(?! )")


def _whole_name(head: bytes) -> bytes | None:
    """The DN that a record begins with; None while it is not whole."""
    found = _NAME.match(head)
    if found is None:
        return None
    written = found[2].replace(b"\n ", b"")
    return binascii.a2b_base64(written) if found[1] else written


def _found(parts: Sequence[Path]) -> Iterator[tuple[int, int, int, Path]]:
    phases: list[str] = [*ENTRY_PHASES]
    for number, part in enumerate(parts):
        for path in part.glob("*-[0-9]*.rows"):
            phase, _, depth = path.stem.rpartition("-")
            yield phases.index(phase), int(depth), number, path
