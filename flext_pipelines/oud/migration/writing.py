"""Writing the entries of a phase: its stacks by depth, cut into numbered files; nothing is parsed again.

What belongs here: which stretches of which stack go into which file. What does not: which entries are kept (``tree``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO

import numpy as np

from flext_pipelines.errors import DataDamagedError
from flext_pipelines.oud.migration.files import NumberedFiles
from flext_pipelines.oud.migration.rows import Flags, Hashes, Rows, StackFile, Stacks
from flext_pipelines.oud.migration.tree import KEPT, Tree
from flext_pipelines.values import Progress

_AT_ONCE = 4 << 20
"""Bytes that are copied at once, unless a record has more."""
FILE_SHIFT = np.uint64(40)

Changes = Mapping[int, Callable[[bytes], bytes]]
"""Entries that are written otherwise than they were stacked, by id: from the record to the one that is written."""


def write_entries(
    phase: int,
    stacks: Stacks,
    tree: Tree,
    files: NumberedFiles,
    *,
    changes: Changes,
    on_progress: Callable[[Progress], None],
    name: str,
) -> int:
    """Write every kept entry of a phase, parents before children.

    Args:
        phase: Its number.
        stacks: The entries.
        tree: Which are kept, and in which phase.
        files: Where to; ``tree.places`` notes where each stands.
        changes: Entries that get ``aci`` values.
        on_progress: Told how many are written.
        name: The phase, for progress.

    Returns:
        How many.
    """
    written = 0
    for stack in stacks.by_depth():
        if stack.phase > phase:
            continue
        copier = _Copier(tree, files, changes)
        for _ in _copied(copier, phase, stack):
            on_progress(Progress(kind="count", stream=name, side="loaded", rows=written + copier.count))
        written += copier.count
    return written


def _copied(copier: _Copier, phase: int, stack: StackFile) -> Iterator[None]:
    """Copy what a stack has of a phase, some rows at a time."""
    tree, start = copier.tree, 0
    ids = slice(stack.first, stack.first + stack.count)
    if not np.any((tree.phase[ids] == phase) & (tree.fate[ids] == KEPT)):
        return
    with stack.path.open("rb", buffering=0) as file:
        for first, rows in stack.chunks():
            here = slice(first, first + len(rows))
            wanted: Flags = ((tree.phase[here] == phase) & (tree.fate[here] == KEPT)).astype(np.uint8)
            start = copier.copy(file, start, first, rows, wanted)
            yield


class _Copier:
    """Copies stretches of stacks."""

    def __init__(self, tree: Tree, files: NumberedFiles, changes: Changes) -> None:
        self.tree, self._files, self._changes = tree, files, changes
        self._changed = np.fromiter(sorted(changes), dtype=np.int64, count=len(changes))
        self.count = 0

    def copy(self, file: BinaryIO, start: int, first: int, rows: Rows, wanted: Flags) -> int:
        """Copy the wanted entries of some rows.

        Args:
            file: The stack's records.
            start: Where those of the rows begin.
            first: Id of the first.
            rows: The rows.
            wanted: 1 for each that is copied.

        Returns:
            Where the records of the next rows begin.
        """
        ends: Hashes = np.cumsum(rows["size"], dtype=np.uint64) + np.uint64(start)
        low, high = np.searchsorted(self._changed, [first, first + len(rows)])
        alone = {int(entry) - first for entry in self._changed[low:high] if wanted[int(entry) - first]}
        for begin, stop in _runs(wanted, alone):
            at = int(ends[begin - 1]) if begin else start
            if begin in alone:
                self._write_changed(file, at, int(ends[begin]) - at, first + begin)
            else:
                self._copy_run(file, at, first, begin, stop, ends)
        return int(ends[-1])

    def _copy_run(self, file: BinaryIO, at: int, first: int, begin: int, stop: int, ends: Hashes) -> None:
        while begin < stop:
            most = min(self._files.room or self._files.limit, _AT_ONCE)
            end = int(np.searchsorted(ends[begin:stop], at + most, side="right")) + begin
            end = max(end, begin + 1)
            data = _read(file, at, int(ends[end - 1]) - at)
            number, offset = self._files.write(data, end - begin)
            starts = np.concatenate([np.array([at], dtype=np.uint64), ends[begin : end - 1]]) - np.uint64(at)
            self._place(slice(first + begin, first + end), number, offset, starts)
            self.count += end - begin
            begin, at = end, int(ends[end - 1])

    def _write_changed(self, file: BinaryIO, at: int, size: int, entry: int) -> None:
        record = _read(file, at, size)[:-2]
        number, offset = self._files.write(self._changes[entry](record) + b"\n\n", 1)
        self._place(slice(entry, entry + 1), number, offset, np.zeros(1, dtype=np.uint64))
        self.count += 1

    def _place(self, ids: slice, number: int, offset: int, starts: Hashes) -> None:
        self.tree.places[ids] = (np.uint64(number) << FILE_SHIFT) | (starts + np.uint64(offset))


def _runs(wanted: Flags, alone: set[int]) -> Iterator[tuple[int, int]]:
    """Stretches of entries that are copied; each of those that are changed is one by itself."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wanted, [0]]).astype(np.int8)))
    for begin, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        at = begin
        for one in sorted(number for number in alone if begin <= number < stop) if alone else ():
            if at < one:
                yield at, one
            yield one, one + 1
            at = one + 1
        if at < stop:
            yield at, stop


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    parts, left = [], size
    while left and (data := file.read(left)):
        parts.append(data)
        left -= len(data)
    if left:
        raise DataDamagedError("A spool is shorter than its rows say", "Run the migration again from `read`")
    return parts[0] if len(parts) == 1 else b"".join(parts)
