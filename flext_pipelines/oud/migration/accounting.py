"""The sum: every record that was read is written, rejected or excluded, each for a reason.

What belongs here: counters, and the check. What does not: where they come from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from flext_pipelines.errors import InternalError
from flext_pipelines.oud.migration.figures import EXAMPLES, Account, Counters, NoteCount, PartResult

OUTSIDE = frozenset({"outside-base", "root-dse"})
"""Reasons for which a record is filtered; the other excluded ones are ignored by a rule."""


def summed(parts: Iterable[PartResult]) -> PartResult:
    """What was read of all parts together."""
    parts = list(parts)
    notes: dict[str, NoteCount] = {}
    for part in parts:
        for code, found in part.notes.items():
            before = notes.get(code, NoteCount())
            examples = (*before.examples, *found.examples)[:EXAMPLES]
            notes[code] = NoteCount(count=before.count + found.count, examples=examples)
    return PartResult(
        read=sum(part.read for part in parts),
        excluded=_added(part.excluded for part in parts),
        rejected=_added(part.rejected for part in parts),
        notes=dict(sorted(notes.items())),
        dropped=_added(part.dropped for part in parts),
        access_values=sum(part.access_values for part in parts),
        references=sum(part.references for part in parts),
        names=tuple(sorted({name for part in parts for name in part.names})),
        side=_added(part.side for part in parts),
        cut_off=bool(parts) and parts[-1].cut_off,
        implied=tuple(sorted({name for part in parts for name in part.implied})),
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return dict(sorted(total.items()))


def account(read: PartResult, written: Mapping[str, int], rejected: Mapping[str, int]) -> Account:
    """The sum.

    Args:
        read: What was read.
        written: Entries in the files, by phase.
        rejected: Records in the files of the rejected, by reason.

    Raises:
        InternalError: It does not come out: a record was lost, or written twice.
    """
    filtered = sum(count for reason, count in read.excluded.items() if reason in OUTSIDE)
    counters = Counters(
        read=read.read,
        filtered=filtered,
        ignored=sum(read.excluded.values()) - filtered,
        processed=sum(written.values()),
        failed=sum(rejected.values()),
    )
    if not counters.balanced:
        raise InternalError(
            f"The sum does not come out: {counters.read} records were read, {counters.processed} written, "
            f"{counters.failed} rejected, {counters.filtered + counters.ignored} excluded",
            "Report it; nothing was put into the place of the result",
            counters.model_dump(),
        )
    return Account(counters=counters, written=dict(written), excluded=read.excluded, rejected=dict(rejected))
