"""What did not go: rejected records with their bytes and reasons, and the list of what was excluded.

What belongs here: putting the rejected of all kinds into the order of the export, and writing them.
What does not: rejecting (``flext_pipelines.oud.entries``, ``tree``).
"""

from __future__ import annotations

import csv
import heapq
import marshal
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from flext_pipelines.oud.migration.files import NumberedFiles
from flext_pipelines.oud.migration.origins import Origins
from flext_pipelines.oud.migration.reading import RejectedRecord
from flext_pipelines.oud.migration.source import Source
from flext_pipelines.oud.migration.spool import EXCLUDED, REJECTS
from flext_pipelines.oud.migration.tree import DUPLICATE, ORPHAN, Tree

EXCLUDED_HEAD = ("line", "reason", "text", "dn")


def rejected_records(
    parts: Sequence[Path], tree: Tree, origins: Origins, first_lines: Mapping[int, int], source: Source
) -> Iterator[RejectedRecord]:
    """Every rejected record, in the order of the export."""
    lost = [_lost(tree, fate, origins, first_lines, source) for fate in (DUPLICATE, ORPHAN)]
    yield from heapq.merge(_of_parts(parts), *lost, key=lambda one: one.line)


def _of_parts(parts: Sequence[Path]) -> Iterator[RejectedRecord]:
    for part in parts:
        with (part / REJECTS).open("rb") as file:
            while True:
                try:
                    found = marshal.load(file)  # noqa: S302  our own file, in a folder of our own
                except EOFError:
                    break
                yield RejectedRecord(*found)


def _lost(
    tree: Tree, fate: int, origins: Origins, first_lines: Mapping[int, int], source: Source
) -> Iterator[RejectedRecord]:
    """The entries of one fate, in the order of the export."""
    entries = np.flatnonzero(tree.fate == fate)
    lines = origins.lines(entries)
    for entry in entries[np.argsort(lines, kind="stable")].tolist():
        origin = origins[entry]
        if fate == DUPLICATE:
            code, text = "duplicate", f"the entry stands on line {first_lines[entry]} already"
        else:
            code, text = "orphan", "the entry above it is neither in the result nor the base"
        yield RejectedRecord(origin.line, code, text, source.raw(origin))


def write_rejected(records: Iterator[RejectedRecord], files: NumberedFiles) -> dict[str, int]:
    """Write each record as it was, below a comment that says why.

    Returns:
        How many, by reason.
    """
    counts: dict[str, int] = {}
    for record in records:
        counts[record.code] = counts.get(record.code, 0) + 1
        why = f"line {record.line}: {record.code}: {record.text}"
        comment = why.encode("ascii", "backslashreplace").replace(b"\r", b" ").replace(b"\n", b" ")
        files.write(b"# rejected: " + comment + b"\n" + record.raw + b"\n\n", 1)
    return dict(sorted(counts.items()))


def join_lists(parts: Sequence[Path], name: str, head: Sequence[str], path: Path) -> None:
    """The lists of all parts as one file with a head."""
    with path.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerow(head)
    with path.open("ab") as joined:
        for part in parts:
            if (part / name).exists():
                with (part / name).open("rb") as file:
                    shutil.copyfileobj(file, joined, 1 << 20)


def write_excluded(parts: Sequence[Path], path: Path) -> None:
    """The list of excluded records."""
    join_lists(parts, EXCLUDED, EXCLUDED_HEAD, path)
