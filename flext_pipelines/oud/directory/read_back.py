"""What should be on a server beside what is there, entry by entry, in the memory of one entry.

Both sides go into a database of their own in a temporary folder, by place in the tree: of the files where each record
stands, of the server whole entries. So any number of entries is compared, in whatever order the server gives them.

What belongs here: collecting and joining. What does not: judging (``verify``).
"""

from __future__ import annotations

import marshal
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from flext_pipelines.errors import DnError, UsageError
from flext_pipelines.oud.directory.schema_load import is_schema
from flext_pipelines.oud.ldif.index import place_of
from flext_pipelines.oud.ldif.parse import Modification
from flext_pipelines.oud.ldif.reader import open_file, read_again, read_ldif

if TYPE_CHECKING:
    from flext_pipelines.oud.directory.connection import Attributes
    from flext_pipelines.oud.ldif.record import Record

_AT_ONCE = 5_000
_MOST_TOPS = 20

Pair = tuple[str, bytes]


class Expected(NamedTuple):
    """An entry as it should be: its DN as the file spells it, where it stands, and its attributes."""

    dn: str
    file: str
    line: int
    pairs: list[Pair]


class Pairing(NamedTuple):
    """What should be and what is at one place of the tree; None where there is nothing."""

    place: bytes
    expected: Expected | None
    dn: str | None
    actual: Attributes | None


class _Row(NamedTuple):
    place: bytes
    file: int
    offset: int
    length: int
    line: int


class ReadBack:
    """The two sides of a comparison. Use it in a ``with``; its files go when it is left.

    Args:
        files: What was loaded, in that order.

    Attributes:
        names: Attribute descriptions that the files hold, in lower case.
        tops: DNs below which all of it stands.
        duplicates: Records whose entry an earlier record made already.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self.names: set[str] = set()
        self.tops: list[str] = []
        self.duplicates = 0
        self._folder = tempfile.TemporaryDirectory(prefix="flext-verify-")
        self._database = sqlite3.connect(Path(self._folder.name) / "entries.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-32768",
            "CREATE TABLE expected(place BLOB, file INT, offset INT, length INT, line INT)",
            "CREATE TABLE actual(place BLOB, dn TEXT, entry BLOB)",
            "CREATE TABLE refs(place BLOB, holder TEXT, attribute TEXT, value BLOB)",
        ):  # fmt: skip
            self._database.execute(statement)

    def __enter__(self) -> Self:
        """This; leaving removes its files."""
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()
        self._folder.cleanup()

    def collect_files(self) -> int:
        """Take in the files; how many records there are.

        Raises:
            LdifError: One is wrong.
            UsageError: One renames entries, which nothing can be compared with.
        """
        count = 0
        for number, path in enumerate(self.files):
            with read_ldif(path) as records:
                count += self._insert("expected", 5, self._rows(number, path, records))
        self._database.execute("CREATE INDEX by_place ON expected(place, file, offset)")
        self.tops = list(self._tops())
        return count

    def _rows(self, number: int, path: Path, records: Iterable[Record]) -> Iterator[_Row]:
        for record in records:
            if is_schema(record):
                continue
            if record.rename is not None:
                raise UsageError(f"{path}:{record.line}: a renamed entry cannot be compared", "Leave the file out")
            try:
                place = place_of(record.dn)
            except DnError:
                continue  # the load has rejected it
            self.names.update(name.decode().lower() for name in record.mapping())
            self.names.update(step.name.decode().lower() for step in record.changes)
            yield _Row(place, number, record.offset, len(record.raw), record.line)

    def collect_entries(self, entries: Iterable[tuple[str, Attributes]]) -> int:
        """Take in what the server shows; how many entries there are."""
        rows = ((place_of(dn.encode()), dn, marshal.dumps(values)) for dn, values in entries)
        return self._insert("actual", 3, rows)

    def seal(self) -> None:
        """All is taken in: make it ready to be joined."""
        self._database.execute("CREATE INDEX by_actual ON actual(place)")

    def _insert(self, table: str, columns: int, rows: Iterable[Sequence[object]]) -> int:
        statement = f"INSERT INTO {table} VALUES ({','.join('?' * columns)})"  # noqa: S608  names of our own tables
        before = self._database.total_changes
        self._database.execute("BEGIN")
        self._database.executemany(statement, rows)
        self._database.execute("COMMIT")
        return self._database.total_changes - before

    def _tops(self) -> Iterator[str]:
        """The DNs of entries that stand below no other of the files."""
        last: bytes | None = None
        for (place,) in self._database.execute("SELECT DISTINCT place FROM expected ORDER BY place"):
            if last is None or not (place == last or place.startswith(last + b"\0")):
                last = place
                yield b",".join(reversed(place.split(b"\0"))).decode("utf-8")

    def bases(self, contexts: Sequence[str]) -> list[str]:
        """What to search below: where the files' entries begin, or the suffixes where that is scattered."""
        return self.tops if len(self.tops) <= _MOST_TOPS else list(contexts)

    def joined(self) -> Iterator[Pairing]:
        """Both sides, place by place, in the order of the tree."""
        opened = [open_file(path) for path in self.files]
        try:
            expected = self._grouped_rows()
            actual: Iterator[tuple[bytes, str, bytes]] = iter(
                self._database.execute("SELECT place, dn, entry FROM actual ORDER BY place")
            )
            left, right = next(expected, None), next(actual, None)
            while left is not None or right is not None:
                if right is None or (left is not None and left[0].place < right[0]):
                    assert left is not None
                    yield Pairing(left[0].place, self._expected(left, opened), None, None)
                    left = next(expected, None)
                elif left is None or right[0] < left[0].place:
                    yield Pairing(right[0], None, right[1], marshal.loads(right[2]))  # noqa: S302  our own file
                    right = next(actual, None)
                else:
                    yield Pairing(right[0], self._expected(left, opened), right[1], marshal.loads(right[2]))  # noqa: S302  our own file
                    left, right = next(expected, None), next(actual, None)
        finally:
            for file in opened:
                file.close()

    def _grouped_rows(self) -> Iterator[list[_Row]]:
        group: list[_Row] = []
        cursor = self._database.execute(
            "SELECT place, file, offset, length, line FROM expected ORDER BY place, file, offset"
        )
        for row in map(_Row._make, cursor):
            if group and group[0].place != row.place:
                yield group
                group = []
            group.append(row)
        if group:
            yield group

    def _expected(self, rows: Sequence[_Row], opened: Sequence[FileIO]) -> Expected | None:
        """An entry with all changes of it done; None when a change deletes it, or nothing makes it."""
        made: Expected | None = None
        for row in rows:
            file = opened[row.file]
            file.seek(row.offset)
            record = read_again(file.read(row.length), row.line, row.offset, file=str(file.name))
            pairs = [(name.decode(), value) for name, value in record.attributes()]
            if record.changetype in (None, "add"):
                if made is not None:
                    self.duplicates += 1
                    continue
                made = Expected(record.dn.decode("utf-8", "replace"), str(file.name), record.line, pairs)
            elif record.changetype == "delete":
                made = None
            elif made is not None:
                made = made._replace(pairs=changed(made.pairs, record.changes))
        return made

    # What entries name.

    def note_references(self, rows: Iterable[tuple[bytes, str, str, bytes]]) -> None:
        """Take in values that are DNs: place of what is named, DN of the holder, attribute, the value."""
        self._insert("refs", 4, rows)

    def dangling(self) -> Iterator[tuple[str, str, bytes]]:
        """Holder, attribute and value where nothing stands at what is named."""
        self._database.execute("CREATE INDEX by_ref ON refs(place)")
        yield from self._database.execute(
            "SELECT holder, attribute, value FROM refs WHERE place NOT IN (SELECT place FROM actual) ORDER BY rowid"
        )

    def holders_of(self, place: bytes, attributes: Sequence[str]) -> list[str]:
        """The DNs of entries that name a place in one of some attributes: the groups of a user."""
        marks = ",".join("?" * len(attributes))
        cursor = self._database.execute(
            f"SELECT DISTINCT holder FROM refs WHERE place = ? AND attribute IN ({marks})",  # noqa: S608  marks only
            (place, *attributes),
        )
        return [holder for (holder,) in cursor]

    def entry(self, place: bytes) -> tuple[str, Attributes] | None:
        """DN and attributes of what the server has at a place."""
        row = self._database.execute("SELECT dn, entry FROM actual WHERE place = ?", (place,)).fetchone()
        return None if row is None else (row[0], marshal.loads(row[1]))  # noqa: S302  our own file

    def some_entries(self, most: int) -> list[tuple[str, Attributes]]:
        """Entries from all over the tree, as many at most."""
        (count,) = self._database.execute("SELECT count(*) FROM actual").fetchone()
        step = max(1, count // most) if most else 1
        cursor = self._database.execute(
            "SELECT dn, entry FROM actual WHERE rowid % ? = 0 ORDER BY rowid LIMIT ?", (step, most)
        )
        return [(dn, marshal.loads(entry)) for dn, entry in cursor]  # noqa: S302  our own file


def changed(pairs: Iterable[Pair], steps: Iterable[Modification]) -> list[Pair]:
    """Attributes after some steps of a change; names and values are told apart by their bytes, names in any case."""
    left = list(pairs)
    for step in steps:
        name = step.name.decode()
        lower = name.lower()
        if step.operation == "replace" or (step.operation == "delete" and not step.values):
            left = [pair for pair in left if pair[0].lower() != lower]
        elif step.operation == "delete":
            left = [pair for pair in left if pair[0].lower() != lower or pair[1] not in step.values]
        if step.operation in {"add", "replace"}:
            left += [(name, value) for value in step.values]
    return left
