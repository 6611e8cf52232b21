"""What phases say in figures, as values that the report and the state hold.

What belongs here: these values, which are read without the arrays that they were counted with. What does not: counting.
"""

from __future__ import annotations

from pydantic import Field

from flext_pipelines.oud.acl.options import Conversion
from flext_pipelines.oud.acl.proof import Difference
from flext_pipelines.values import Value

EXAMPLES = 5
"""Entries that are named for each kind of note."""


class Counters(Value):
    """The five counters that directory tools of Oracle show.

    Attributes:
        read: Records read.
        filtered: Of them, those outside the base.
        ignored: Of them, those that a rule leaves out.
        processed: Of them, those that are written.
        failed: Of them, those that are rejected.
    """

    read: int = 0
    filtered: int = 0
    ignored: int = 0
    processed: int = 0
    failed: int = 0

    @property
    def balanced(self) -> bool:
        """Whether nothing is missing and nothing counted twice."""
        return self.read == self.filtered + self.ignored + self.processed + self.failed


class Account(Value):
    """What became of every record.

    Attributes:
        counters: In all.
        written: By phase.
        excluded: By reason.
        rejected: By reason.
    """

    counters: Counters = Counters()
    written: dict[str, int] = Field(default_factory=dict)
    excluded: dict[str, int] = Field(default_factory=dict)
    rejected: dict[str, int] = Field(default_factory=dict)


class NoteCount(Value):
    """How often something was done to an entry.

    Attributes:
        count: How often.
        examples: The first entries, with what is said of each.
    """

    count: int = 0
    examples: tuple[str, ...] = ()


class PartResult(Value):
    """What was read of a part.

    Attributes:
        read: Records.
        excluded: By reason.
        rejected: By reason.
        notes: What was done to entries, by kind.
        dropped: Values of kept entries that were dropped, by reason and attribute.
        access_values: Values of ``orclaci`` and ``orclentrylevelaci``.
        references: Values that name entries, in the entries that are kept.
        names: The attributes that hold them, in lower case; a reference has the number of one.
        side: Lines of the side files, by name.
        cut_off: The file ends within a line.
        implied: Classes that entries do not list although they stand above theirs: a server adds them.
    """

    read: int = 0
    excluded: dict[str, int] = Field(default_factory=dict)
    rejected: dict[str, int] = Field(default_factory=dict)
    notes: dict[str, NoteCount] = Field(default_factory=dict)
    dropped: dict[str, int] = Field(default_factory=dict)
    access_values: int = 0
    references: int = 0
    names: tuple[str, ...] = ()
    side: dict[str, int] = Field(default_factory=dict)
    cut_off: bool = False
    implied: tuple[str, ...] = ()


class ReviewedValue(Value):
    """What became of one access value, as the report lists it.

    Attributes:
        line: Line of the record in the export; 0 for the root policy.
        conversion: What became of it.
        migrates: Whether its entry is in the result.
    """

    line: int
    conversion: Conversion
    migrates: bool

    @property
    def place(self) -> str:
        """Where the original stands, in words."""
        return f"line {self.line:,}" if self.line else "in the root policy"

    @property
    def needs_review(self) -> bool:
        """Whether a person must look at it: something of it is not said although its entry migrates."""
        return self.migrates and bool(self.conversion.left_out)


class AccessFigures(Value):
    """The access phase in figures.

    Attributes:
        values: Access values read.
        converted: Of them, those that became ``aci`` values, or are denials that need none.
        partly: Of them, those of which something is left out.
        unreadable: Of them, those that are no directives.
        gone: Of them, those of entries that do not migrate.
        acis: Values written.
        holders: Entries that got some.
        refused: Values that our strict parser does not take, and that were not written.
        root_policy: Whether the root DSE's policy was given.
        joined: New names under which the rules bring several attributes, and these.
    """

    values: int = 0
    converted: int = 0
    partly: int = 0
    unreadable: int = 0
    gone: int = 0
    acis: int = 0
    holders: int = 0
    refused: int = 0
    root_policy: bool = False
    joined: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Proof(Value):
    """What the proof found.

    Attributes:
        points: Policy points of entries that migrate.
        kinds: How many kinds of them there are.
        probed: Points that were probed.
        entries: Entries asked about.
        probes: Questions asked of both models.
        granted: Questions that both answer with yes.
        gained: Rights that are more than OID granted. The proof holds when there is none.
        lost: Rights that OID granted and the new directory does not.
        differences: What was gained and lost, each right once, whichever policy points it was asked about at.
    """

    points: int = 0
    kinds: int = 0
    probed: int = 0
    entries: int = 0
    probes: int = 0
    granted: int = 0
    gained: int = 0
    lost: int = 0
    differences: tuple[Difference, ...] = ()

    @property
    def listed(self) -> str:
        """How the list of differences relates to the counts, in words; empty when it is as long."""
        if self.gained + self.lost == len(self.differences):
            return ""
        return (
            f"{len(self.differences):,} differences are listed: a right that was asked about at several policy points "
            "is counted each time, and listed once."
        )

    @property
    def holds(self) -> bool:
        """True when nobody gained anything."""
        return self.gained == 0


class References(Value):
    """What the entries of the result refer to.

    Attributes:
        checked: Values looked at.
        dangling: Of them, those that name no entry of the result, by attribute.
        dropped: Whether those are dropped; a value that its entry cannot do without stays.
        cycles: Groups that contain themselves through each other, each as the names around the circle.
    """

    checked: int = 0
    dangling: dict[str, int] = Field(default_factory=dict)
    dropped: bool = False
    cycles: tuple[tuple[str, ...], ...] = ()

    @property
    def dangling_count(self) -> int:
        """All of them."""
        return sum(self.dangling.values())
