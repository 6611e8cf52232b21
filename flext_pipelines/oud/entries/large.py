"""Entries of very many lines, such as groups of a million members: runs of lines of one attribute are taken as one.

What belongs here: cutting such a record without an object for each line. What does not: what becomes of it (``plan``).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from flext_pipelines.oud.ldif.lines import FOLD_MARK

_runs = re.compile(rb"\n(([^:\n]++):.*+(?:\n\2:.*+)*+)").findall
_EMPTY = re.compile(rb"\n([^:\n]++):[: \0]*+(?![^\n])")


class Runs(NamedTuple):
    """A record as runs of lines.

    Attributes:
        names: Of each run: the name as written; of object classes all lines. What ``Planner.plan`` takes.
        lines: Each run, continuations marked.
        counts: Lines of each.
        empty: Values of no length that were taken out, by attribute; a plan cannot tell them within a run.
    """

    names: list[bytes]
    lines: list[bytes]
    counts: list[int]
    empty: Counter[str]


def runs_of(marked: bytes, *, keep_empty: bool) -> Runs:
    """Cut a record whose continuations are marked, and that has no comments."""
    empty: Counter[str] = Counter()
    if not keep_empty:
        for name in _EMPTY.findall(marked):
            empty[_plain(name).partition(b";")[0].lower().decode()] += 1
        if empty:
            marked = _EMPTY.sub(b"", marked)
    found = _runs(marked)
    names = [_plain(run) if _plain(name).lower() == b"objectclass" else _plain(name) for run, name in found]
    return Runs(names, [run for run, _ in found], [run.count(b"\n") + 1 for run, _ in found], empty)


def _plain(text: bytes) -> bytes:
    return text.replace(FOLD_MARK, b"")
