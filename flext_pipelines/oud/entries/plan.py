"""What becomes of a kind of entry, worked out once and used for every entry of the kind.

Entries of a kind have the same attributes in the same order, the same classes and the same naming attribute; a
directory of a million entries has some hundred kinds. So all that depends on names costs one look-up an entry.

What belongs here: the plan. What does not: making it (``planner``), following it (``transform``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from flext_pipelines.oud.entries.access import Kind
from flext_pipelines.oud.entries.outcome import Note, Phase, Rejected
from flext_pipelines.oud.entries.repeated import Repeated
from flext_pipelines.oud.entries.values import Step


@dataclass(slots=True)
class Plan:
    """What becomes of a kind of entry. Lines are counted from 0, which is the DN's.

    Attributes:
        kept: Lines that are written, in their order.
        pick: From the lines of a record to those.
        replaced: Lines that have other bytes in the target.
        steps: Lines whose values must be looked at.
        repeated: Attributes of several lines.
        demanded: Attributes that the classes demand and of which a step may take every line.
        passwords: Lines that hold passwords.
        access: Lines that hold access values, and of which kind.
        guid: The line that holds OID's identifier, where a side file is wanted.
        naming: Of each attribute of the RDN: name, lines, and how the first of them begins.
        copied: Attributes that are filled from another line.
        tail: Lines that are added.
        phase: Which file it belongs to; None when that depends on the name.
        phases: Phases in question, each with the keys of the bases it is restricted to.
        classes: The classes of the source in lower case.
        notes: For every entry of the kind.
        drops: Reason, attribute, number of values.
        rejected: Why every entry of the kind is refused, if they are.
        name_attributes: Attributes of the new entry that hold names.
        uses: Entries that were kept by it.
        pattern: The same for entries whose lines are cut by ``cut``; made when it pays (``pattern``).
        cut: From a record, continuations marked, to its lines; None when it is of another kind.
    """

    kept: tuple[int, ...]
    pick: Callable[[list[bytes]], Sequence[bytes]] = field(init=False)
    replaced: tuple[tuple[int, bytes], ...] = ()
    steps: tuple[tuple[int, Step], ...] = ()
    repeated: tuple[Repeated, ...] = ()
    demanded: tuple[tuple[str, tuple[int, ...]], ...] = ()
    passwords: tuple[int, ...] = ()
    access: tuple[tuple[int, Kind], ...] = ()
    guid: int | None = None
    naming: dict[bytes, tuple[bytes, tuple[int, ...], bytes]] = field(default_factory=dict)
    copied: tuple[tuple[bytes, int], ...] = ()
    tail: tuple[bytes, ...] = ()
    phase: Phase | None = None
    phases: tuple[tuple[Phase, tuple[bytes, ...]], ...] = ()
    classes: frozenset[bytes] = frozenset()
    notes: tuple[Note, ...] = ()
    drops: tuple[tuple[tuple[str, str], int], ...] = ()
    rejected: Rejected | None = None
    name_attributes: tuple[bytes, ...] = ()
    uses: int = 0
    pattern: Plan | None = None
    cut: Callable[[bytes], re.Match[bytes] | None] | None = None

    def __post_init__(self) -> None:
        """Make ``pick``."""
        self.pick = itemgetter(*self.kept) if len(self.kept) > 1 else _first_only


def _first_only(lines: Sequence[bytes]) -> tuple[bytes, ...]:
    return (lines[0],)
