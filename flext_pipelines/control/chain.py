"""The hash chain of the audit trail: how a row is hashed, and how a whole trail is checked.

A row's hash is SHA-256 over the JSON list of all its fields in the order of ``FIELDS``, the last of which
is the hash of the row before. So no row can be changed, removed, moved or added in between without breaking
the chain at a number that is named. The head row (count, last hash) shows a tail that was cut off.
Who can rewrite every row and the head can rewrite history: note the head's hash elsewhere from time to
time and give it to ``verify`` as the known one.

What belongs here: hashing and checking a stream of rows. What does not: where rows come from (``audit``).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FIELDS = (
    "number", "at", "kind", "begun", "actor", "source", "message", "payload", "correlation_id", "dagster_run_id",
    "process", "seconds", "outcome", "error", "note", "previous_hash",
)  # fmt: skip
"""What is hashed, in this order. A released order never changes."""

FIRST_HASH = "0" * 64
"""The hash before the first row."""

MOST_FINDINGS = 100
"""A report keeps so many findings and counts the rest, so that a ruined trail does not fill the memory."""

_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode

FindingKind = Literal["changed", "missing", "inserted", "broken_link", "cut_tail", "head", "known_hash"]


class AuditFinding(Value):
    """One place where the trail is not what it was.

    Attributes:
        number: The row.
        kind: What is wrong: a row whose content no longer fits its hash (``changed``), rows that are gone
            (``missing``, ``cut_tail``), a row that was not written by the trail (``inserted``), a row that does not
            follow on the one before it (``broken_link``: one of the two was replaced), a wrong head row, or a known
            hash that is not there.
        text: The same in words.
    """

    number: int
    kind: FindingKind
    text: str


class AuditReport(Value):
    """What a check of the whole trail found.

    Attributes:
        intact: True when there is no finding.
        rows: How many rows were read.
        findings: The first of them, in order of row number.
        findings_in_all: How many there are.
        head_number: Number of the last row, as the head says.
        head_hash: Its hash: note both elsewhere to be able to prove later that nothing before was rewritten.
        unfinished: Commands that were begun and have no outcome.
        seconds: How long the check took.
    """

    intact: bool
    rows: int = Field(ge=0)
    findings: tuple[AuditFinding, ...]
    findings_in_all: int = Field(ge=0)
    head_number: int
    head_hash: str
    unfinished: int = Field(ge=0)
    seconds: float = Field(ge=0)


class Findings:
    """Findings as they come, counted, the first hundred kept."""

    def __init__(self) -> None:
        self.kept: list[AuditFinding] = []
        self.count = 0

    def add(self, number: int, kind: FindingKind, text: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.kept) < MOST_FINDINGS:
            self.kept.append(AuditFinding(number=number, kind=kind, text=text))


def row_hash(row: Mapping[str, object]) -> str:
    """The hash of a row that has all ``FIELDS``."""
    return _hash([row[field] for field in FIELDS])


def hashed_between(row: Mapping[str, object]) -> str:
    """What is hashed of a row between its number and the hash of the row before, as text: a database adds those two."""
    return _encode([row[field] for field in FIELDS[1:-1]])[1:-1]


def _hash(values: Sequence[object]) -> str:
    return hashlib.sha256(_encode(values).encode()).hexdigest()


def _fits(values: Sequence[object], own: str) -> bool:
    try:
        return _hash(list(values)) == own
    except (TypeError, ValueError):  # bytes, an infinite number: nothing that the trail itself would have written
        return False


def check(
    rows: Iterable[Sequence[object]],
    head: tuple[int, str] | None,
    findings: Findings,
    known: tuple[int, str] | None = None,
) -> int:
    """Walk the chain once, one row in memory at a time.

    Args:
        rows: Values of ``FIELDS`` and the row's own hash, ordered by number.
        head: Count and hash of the head row; None when it is gone.
        findings: Where findings go.
        known: Number and hash of a row, noted earlier.

    Returns:
        How many rows there were.
    """
    count, last, before = 0, 0, FIRST_HASH
    end = head[0] if head else None
    for row in rows:
        number, previous, own = int(str(row[0])), row[-2], str(row[-1])
        count += 1
        if number < 1:
            findings.add(number, "inserted", f"Row {number} was inserted: rows begin at 1")
            continue
        if number > last + 1:
            findings.add(last + 1, "missing", f"{_range(last + 1, number - 1)} missing")
        elif previous != before:
            findings.add(number, "broken_link", f"Row {number} does not follow on row {last}: one of them was replaced")
        if not _fits(row[:-1], own):
            findings.add(number, "changed", f"Row {number} was changed after it was written")
        if end is not None and number > end:
            findings.add(number, "inserted", f"Row {number} was inserted: the trail ends with row {end}")
        if known and number == known[0] and own != known[1]:
            findings.add(number, "known_hash", f"Row {number} is another one than the one noted earlier")
        last, before = number, own
    _check_end(last, before, head, findings)
    if known and last < known[0]:
        findings.add(known[0], "known_hash", f"Row {known[0]}, noted earlier, is not there")
    return count


def _check_end(last: int, own: str, head: tuple[int, str] | None, findings: Findings) -> None:
    if head is None:
        findings.add(last, "head", f"The head row is missing: rows after {last} may have been cut off")
    elif last < head[0]:
        findings.add(last + 1, "cut_tail", f"{_range(last + 1, head[0])} missing: the tail was cut off")
    elif last == head[0] and own != head[1]:
        findings.add(last, "head", f"The head row has another hash than row {last}: one of them was replaced")


def _range(first: int, last: int) -> str:
    return f"Row {first} is" if first == last else f"Rows {first} to {last} are"
