"""Entries of the written files, found by name.

What belongs here: from a name to its record in the result. What does not: writing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.ldif.reader import read_again
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.migration.plan import ENTRY_PHASES, PREFIXES
from flext_pipelines.oud.migration.tree import Tree

_BLOCK = 8192
_OFFSET = (1 << 40) - 1


class Written:
    """The entries of a result.

    Args:
        folder: Of the result.
        tree: Which entries there are, and where.
    """

    def __init__(self, folder: Path, tree: Tree) -> None:
        self._folder, self.tree = folder, tree
        self._open: dict[str, BinaryIO] = {}

    def __enter__(self) -> Self:
        """The entries; leaving closes the files."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            file.close()

    def find(self, dn: bytes | str) -> int | None:
        """The id of an entry by its new name; None when it is not in the result, or the text is no name."""
        try:
            key = normal_key(dn.encode("utf-8", "surrogateescape") if isinstance(dn, str) else dn)
        except DnError:
            return None
        return self.tree.find(key)

    def record(self, entry: int) -> Record:
        """The record of an entry."""
        place = int(self.tree.places[entry])
        phase = ENTRY_PHASES[int(self.tree.phase[entry])]
        file = self._file(f"{PREFIXES[phase]}-{place >> 40:04d}.ldif")
        file.seek(place & _OFFSET)
        data, size, end = b"", _BLOCK, -1
        while end < 0 and (more := file.read(size)):
            searched = max(len(data) - 1, 0)
            data += more
            end = data.find(b"\n\n", searched)
            size = len(data)  # twice as much each time: a record may have many megabytes
        return read_again(data if end < 0 else data[:end], 1, place & _OFFSET, file=file.name)

    def _file(self, name: str) -> BinaryIO:
        if name not in self._open:
            self._open[name] = (self._folder / name).open("rb", buffering=0)
        return self._open[name]

    def records(self, entries: Sequence[int]) -> Iterator[Record]:
        """The records of some entries."""
        for entry in entries:
            yield self.record(entry)
