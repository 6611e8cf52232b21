"""What two files of entries differ in, entry by entry, in any order, as changes that make the first the second.

Additions and modifications come in the order of the tree, parents first; deletions after them, children first; so
the changes can be applied as they are. Both files are sorted by ``index``; entries whose bytes are the same are not
looked at again.

What belongs here: joining the two. What does not: what one entry differs in (``compare``).
"""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Literal, NamedTuple

from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.ldif.compare import Comparison
from flext_pipelines.oud.ldif.index import MOST_ROWS, Row, place_of, sorted_rows
from flext_pipelines.oud.ldif.parse import Attribute, Modification
from flext_pipelines.oud.ldif.reader import open_file, read_again
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.ldif.writer import LdifWriter


class Difference(NamedTuple):
    """One entry that is not the same in both files.

    Attributes:
        kind: What makes the first file the second.
        dn: The entry, as the file spells it that holds it; the first where both do.
        line: Where it stands in that file.
        attributes: Of an entry to add, without ignored ones.
        steps: Of an entry to modify.
    """

    kind: Literal["add", "delete", "modify"]
    dn: bytes
    line: int
    attributes: tuple[Attribute, ...] = ()
    steps: tuple[Modification, ...] = ()


class LdifDiff:
    """Compares two files; iterate over it once.

    Args:
        old: The first file.
        new: The second.
        comparison: When attributes are the same.
        ignore_below: Names of entries that are left out with all below them.
        most_rows: Entries that are sorted in memory at once.

    Attributes:
        same: Entries that were the same so far.
        ignored: Entries that were left out so far, of both files.
    """

    def __init__(
        self,
        old: Path,
        new: Path,
        comparison: Comparison | None = None,
        *,
        ignore_below: tuple[str, ...] = (),
        most_rows: int = MOST_ROWS,
    ) -> None:
        self.same = 0
        self.ignored = 0
        self._old = old
        self._new = new
        self._comparison = comparison or Comparison()
        self._ignored_places = [place_of(normal_key(name.encode())) for name in ignore_below]
        self._most_rows = most_rows

    def __iter__(self) -> Iterator[Difference]:
        """The differences.

        Raises:
            LdifError: A file is wrong; see ``index.sorted_rows``.
        FlextError: A file cannot be opened; see ``reader.read_ldif``.
        """
        gone = array("Q")
        with (
            tempfile.TemporaryDirectory(prefix="flext-diff-") as folder,
            open_file(self._old) as old_file,
            open_file(self._new) as new_file,
        ):
            for old, new in _joined(self._rows(self._old, folder, "old"), self._rows(self._new, folder, "new")):
                if new is None:
                    assert old is not None
                    gone.extend((old.offset, old.length, old.line))
                elif old is None:
                    record = _record(new_file, new)
                    yield Difference("add", record.dn, new.line, tuple(self._comparison.kept(record)))
                elif old.digest == new.digest:
                    self.same += 1
                else:
                    before = _record(old_file, old)
                    steps = self._comparison.steps(before, _record(new_file, new))
                    if steps:
                        yield Difference("modify", before.dn, old.line, steps=steps)
                    else:
                        self.same += 1
            for at in range(len(gone) - 3, -1, -3):
                row = Row(b"", b"", gone[at], gone[at + 1], gone[at + 2])
                yield Difference("delete", _record(old_file, row).dn, row.line)

    def _rows(self, path: Path, folder: str, name: str) -> Iterator[Row]:
        parts = Path(folder) / name
        parts.mkdir()
        for row in sorted_rows(path, parts, self._most_rows):
            if any(row.place == place or row.place.startswith(place + b"\0") for place in self._ignored_places):
                self.ignored += 1
            else:
                yield row


def _joined(old: Iterator[Row], new: Iterator[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Pairs of rows of one place; one alone where the other file has none."""
    left, right = next(old, None), next(new, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.place < right.place):
            yield left, None
            left = next(old, None)
        elif left is None or right.place < left.place:
            yield None, right
            right = next(new, None)
        else:
            yield left, right
            left, right = next(old, None), next(new, None)


def _record(file: FileIO, row: Row) -> Record:
    file.seek(row.offset)
    return read_again(file.read(row.length), row.line, row.offset, file=str(file.name))


def write_difference(writer: LdifWriter, difference: Difference) -> None:
    """Write a difference as a change record."""
    if difference.kind == "add":
        writer.write_add(difference.dn, difference.attributes)
    elif difference.kind == "delete":
        writer.write_delete(difference.dn)
    else:
        writer.write_modify(difference.dn, difference.steps)
