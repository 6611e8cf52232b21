"""Where the entries of a file stand, in the order of the tree: parents before children, whatever the file's order.

Only names, places and hashes are sorted, about 150 bytes an entry; what does not fit into memory is sorted in parts
that lie in a folder and are merged. So two files of any size are compared with the memory of a small one, and the
content of an entry is read a second time only where its bytes differ.

What belongs here: sorting. What does not: comparing (``compare``, ``diff``).
"""

from __future__ import annotations

import hashlib
import heapq
import marshal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import normal_key, parse_dn
from flext_pipelines.oud.ldif.parse import ldif_error
from flext_pipelines.oud.ldif.reader import read_ldif
from flext_pipelines.oud.ldif.record import Record

MOST_ROWS = 100_000
"""Rows that are sorted in memory at once: about 40 MB."""
_ROWS_AT_ONCE = 1_000


class Row(NamedTuple):
    """One entry of a file.

    Attributes:
        place: Its RDNs from the root down, so that the order of places is the order of the tree.
        digest: Of its bytes without folds.
        offset: Where it begins in the file.
        length: Of its bytes.
        line: Where its ``dn`` stands.
    """

    place: bytes
    digest: bytes
    offset: int
    length: int
    line: int


def sorted_rows(path: Path, folder: Path, most_rows: int = MOST_ROWS) -> Iterator[Row]:
    """The entries of a content file in the order of the tree.

    Args:
        path: The file.
        folder: For what does not fit into memory; the caller removes it.
        most_rows: How many fit.

    Raises:
        LdifError: The file is wrong, holds changes, has a DN that is none, or an entry twice.
    """
    parts: list[Path] = []
    rows: list[Row] = []
    with read_ldif(path) as records:
        for record in records:
            rows.append(_row(record, str(path)))
            if len(rows) == most_rows:
                parts.append(_written(rows, folder / f"{path.name}.{len(parts)}"))
                rows = []
    rows.sort()
    yield from _without_twins(heapq.merge(rows, *(_read(part) for part in parts)), str(path))


def place_of(dn: bytes) -> bytes:
    """The RDNs from the root down, parted by a byte that sorts before all others and is in none of them.

    Raises:
        DnError: It is no name.
    """
    key = normal_key(dn)
    rdns = key.split(b",") if b"\\" not in key else list(parse_dn(key).rdn_keys)
    return b"\0".join(reversed(rdns))


def _row(record: Record, file: str) -> Row:
    if record.changetype is not None:
        raise ldif_error(file, record.line, "the file holds changes; only entries can be compared", "Give two exports")
    try:
        place = place_of(record.dn)
    except DnError as error:
        raise ldif_error(file, record.line, error.reason, error.instruction) from None
    digest = hashlib.blake2b(record.text, digest_size=16).digest()
    return Row(place, digest, record.offset, len(record.raw), record.line)


def _written(rows: list[Row], part: Path) -> Path:
    rows.sort()
    with part.open("wb") as file:
        for at in range(0, len(rows), _ROWS_AT_ONCE):
            marshal.dump([tuple(row) for row in rows[at : at + _ROWS_AT_ONCE]], file)
    return part


def _read(part: Path) -> Iterator[Row]:
    with part.open("rb") as file:
        while True:
            try:
                rows = marshal.load(file)  # noqa: S302  our own file of a moment ago, in a folder of our own
            except EOFError:
                return
            yield from map(Row._make, rows)


def _without_twins(rows: Iterator[Row], file: str) -> Iterator[Row]:
    last: Row | None = None
    for row in rows:
        if last is not None and row.place == last.place:
            first, second = sorted((last.line, row.line))
            raise ldif_error(file, second, f"the entry stands in the file twice, first on line {first}", "Remove one")
        yield row
        last = row
