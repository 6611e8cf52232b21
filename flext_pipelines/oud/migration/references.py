"""Values that name entries: which name one that is not there, and which groups contain themselves.

What belongs here: the rows that reading left, held against the tree. What does not: reading values.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flext_pipelines.oud.ldif.edit import edited
from flext_pipelines.oud.ldif.reader import read_again
from flext_pipelines.oud.ldif.render import record_bytes
from flext_pipelines.oud.migration.figures import PartResult, References
from flext_pipelines.oud.migration.lookup import Written
from flext_pipelines.oud.migration.reading import target_of
from flext_pipelines.oud.migration.rows import Stacks
from flext_pipelines.oud.migration.spool import REFERENCES
from flext_pipelines.oud.migration.tree import Tree
from flext_pipelines.oud.schema.view import SchemaView

MEMBERS = frozenset({"member", "uniquemember"})
_REFERENCE_TYPE = np.dtype([("target", "<u8"), ("source", "<u8"), ("name", "u1")])
_AT_ONCE = 500_000
_MOST_CYCLES = 100
_MOST_ROUNDS = 50
"""Of leaving out what nothing leads to, or what leads nowhere; chains that are longer are walked."""

Edges = npt.NDArray[np.int64]


Values = Callable[[int], Iterator[tuple[bytes, bytes]]]
"""From an entry to its attributes and values, as they were before any was dropped, names in the result's form."""


def check_references(
    parts: Sequence[Path], results: Sequence[PartResult], stacks: Stacks, tree: Tree, written: Written, values: Values,
    listing: Path,
) -> References:  # fmt: skip
    """Hold every reference of a kept entry against the tree.

    Args:
        parts: Folders of the parts.
        results: What was read of each.
        stacks: The entries.
        tree: Which are kept.
        written: The result, asked for the names of those that dangle.
        values: The values of an entry.
        listing: A CSV file for every dangling reference: entry, attribute, value.

    Returns:
        The figures.
    """
    checked, dangling = 0, dict[str, int]()
    edges: list[Edges] = []
    with listing.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("entry", "attribute", "value"))
        for part, result in zip(parts, results, strict=True):
            members = [number for number, name in enumerate(result.names) if name in MEMBERS]
            for chunk in _chunks(part):
                sources = tree.positions(chunk["source"])
                targets = tree.positions(chunk["target"])
                checked += int(np.count_nonzero(sources >= 0))
                lost = (sources >= 0) & (targets < 0)
                for number, count in enumerate(np.bincount(chunk["name"][lost], minlength=len(result.names))):
                    if count:
                        name = result.names[number]
                        dangling[name] = dangling.get(name, 0) + int(count)
                for entry, wanted in _by_entry(chunk[lost], sources[lost]).items():
                    dn = written.record(entry).dn_text
                    rows.writerows((dn, *told) for told in _told(values(entry), wanted, result.names))
                inside = (sources >= stacks.groups) & (targets >= stacks.groups) & np.isin(chunk["name"], members)
                edges.append(np.stack([sources[inside], targets[inside]], axis=1))
    found = np.concatenate(edges) if edges else np.empty((0, 2), dtype=np.int64)
    cycles = [tuple(written.record(entry).dn_text for entry in circle) for circle in circles(found)[:_MOST_CYCLES]]
    return References(checked=checked, dangling=dict(sorted(dangling.items())), cycles=tuple(cycles))


def _chunks(part: Path) -> Iterator[npt.NDArray[np.void]]:
    with (part / REFERENCES).open("rb") as file:
        while len(rows := np.fromfile(file, dtype=_REFERENCE_TYPE, count=_AT_ONCE)):
            yield rows


def _by_entry(lost: npt.NDArray[np.void], sources: Edges) -> dict[int, set[int]]:
    """The names that dangle, as hashes, by the entry that holds them: each entry is read once for all of its own."""
    wanted: dict[int, set[int]] = {}
    for row, source in zip(lost, sources.tolist(), strict=True):
        wanted.setdefault(source, set()).add(int(row["target"]))
    return wanted


def _told(values: Iterator[tuple[bytes, bytes]], wanted: set[int], names: Sequence[str]) -> Iterator[tuple[str, str]]:
    listed = {name.encode() for name in names}
    for name, value in values:
        if name.partition(b";")[0].lower() in listed and target_of(value) in wanted:
            yield name.decode(), value.decode("utf-8", "backslashreplace")


def dangling_by_entry(parts: Sequence[Path], tree: Tree) -> dict[int, set[int]]:
    """The names that dangle, as hashes, by the entry that holds them."""
    found: dict[int, set[int]] = {}
    for part in parts:
        for chunk in _chunks(part):
            sources = tree.positions(chunk["source"])
            lost = (sources >= 0) & (tree.positions(chunk["target"]) < 0)
            for entry, wanted in _by_entry(chunk[lost], sources[lost]).items():
                found.setdefault(entry, set()).update(wanted)
    return found


def without_dangling(wanted: set[int], names: frozenset[str], view: SchemaView) -> Callable[[bytes], bytes]:
    """A change of an entry that drops the values that dangle, unless its classes demand the attribute."""

    def change(raw: bytes) -> bytes:
        record = read_again(raw, 1, 0, file="a spool")
        demanded = {name for one in record.values(b"objectclass") for name in view.must(one.decode("latin-1").lower())}
        kept: dict[bytes, list[bytes]] = {}
        for name in dict.fromkeys(name for name, _ in record.attributes()):
            text = name.decode("latin-1").partition(";")[0].lower()
            if text in names:
                values = record.values(name)
                left = [value for value in values if target_of(value) not in wanted]
                if len(left) < len(values) and (left or view.canonical(text) not in demanded):
                    kept[name] = left
        return record_bytes(edited(record, replace=kept)) if kept else raw

    return change


def circles(edges: Edges) -> list[tuple[int, ...]]:
    """Circles in a graph: one for each entry that contains itself, not counted twice.

    Args:
        edges: From and to, a row each.

    Returns:
        The entries around each circle, beginning with the smallest id.
    """
    left = edges
    for _ in range(_MOST_ROUNDS):
        inner = np.isin(left[:, 0], left[:, 1]) & np.isin(left[:, 1], left[:, 0])
        if not len(left) or inner.all():
            break
        left = left[inner]
    above: dict[int, list[int]] = {}
    for source, target in left.tolist():
        above.setdefault(source, []).append(target)
    found: dict[tuple[int, ...], None] = {}
    done: set[int] = set()
    for start in sorted(above):
        for circle in _circles_from(start, above, done):
            smallest = circle.index(min(circle))
            found.setdefault((*circle[smallest:], *circle[:smallest]))
    return list(found)


def _circles_from(start: int, above: dict[int, list[int]], done: set[int]) -> Iterator[tuple[int, ...]]:
    """The circles that a walk meets for the first time; without recursion, because chains may be long."""
    if start in done:
        return
    path, places = [start], {start: 0}
    branches = [iter(sorted(above.get(start, ())))]
    while branches:
        step = next(branches[-1], None)
        if step is None:
            branches.pop()
            last = path.pop()
            del places[last]
            done.add(last)
        elif step in places:
            yield tuple(path[places[step] :])
        elif step not in done:
            places[step] = len(path)
            path.append(step)
            branches.append(iter(sorted(above.get(step, ()))))
