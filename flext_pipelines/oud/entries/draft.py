"""A plan while it is made: what is known of each line so far.

What belongs here: these notes. What does not: deciding (``planner``), the plan itself (``plan``).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from flext_pipelines.oud.entries.access import Kind
from flext_pipelines.oud.entries.outcome import Note, Rejected
from flext_pipelines.oud.entries.values import Step


@dataclass(slots=True)
class Line:
    """A line, or a run of lines of one attribute, as it is planned.

    Attributes:
        name: As written.
        attribute: In lower case without options.
        new: Name in the target, options included.
        count: Lines.
        empty: The value has no length.
        value: What it is compared by, when it is one that the rules map and so part of the kind.
        classes: The classes, if it holds some.
        step: What looks at its values.
        may_go: Whether the step may take the line.
        kept: Whether it is written.
        declared: Rules name its new name themselves, so that the schema is not asked.
        is_guid: It holds OID's identifier, which has its new name by its own rule.
        new_attribute: Name in the target, in lower case without options.
    """

    name: bytes
    attribute: str
    new: bytes
    count: int
    empty: bool
    value: bytes | None = None
    classes: list[bytes] = field(default_factory=list)
    step: Step | None = None
    may_go: bool = False
    kept: bool = True
    declared: bool = False
    is_guid: bool = False

    new_attribute: str = ""

    def __post_init__(self) -> None:
        """Begin with the name as it is."""
        self.new_attribute = self.attribute

    def rename(self, new: bytes) -> None:
        """Give it another name in the target."""
        self.new = new
        self.new_attribute = new.partition(b";")[0].lower().decode()


@dataclass(slots=True)
class Draft:
    """A plan that is being made."""

    lines: list[Line]
    class_places: list[int] = field(default_factory=list)
    replaced: dict[int, bytes] = field(default_factory=dict)
    access: list[tuple[int, Kind]] = field(default_factory=list)
    passwords: list[int] = field(default_factory=list)
    copied: list[tuple[bytes, int]] = field(default_factory=list)
    tail: list[bytes] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    drops: Counter[tuple[str, str]] = field(default_factory=Counter)
    guid: int | None = None
    rejected: Rejected | None = None

    def drop(self, line: Line, code: str) -> None:
        """A line is not written."""
        line.kept = False
        self.drops[(code, line.attribute)] += line.count

    def refuse(self, code: str, text: str) -> None:
        """Every entry of the kind is rejected; the first reason stands."""
        self.rejected = self.rejected or Rejected(code, text)
