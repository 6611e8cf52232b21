"""Object classes: which go, which of two structural chains stays, and what the rest demands and allows.

What belongs here: the classes of an entry. What does not: its attributes (``planner``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flext_pipelines.oud.entries.outcome import Note, Rejected

if TYPE_CHECKING:
    from flext_pipelines.oud.rules import MigrationRules
    from flext_pipelines.oud.schema.view import SchemaView

_EVERYTHING = "extensibleobject"
_MOST_REMEMBERED = 5_000


@dataclass
class Judged:
    """What becomes of a list of classes.

    Attributes:
        names: Whether each value stays, and its new name: one for each value.
        added: Classes that come to them.
        drops: Reason and class, for each that goes.
        notes: What a person may have to look at.
        must: First names of the attributes that the classes demand.
        allowed: First names of those they allow, the demanded ones too; None when that is everything, or not known.
        rejected: Why the entry is refused, if it is.
    """

    names: list[bytes | None]
    added: list[bytes] = field(default_factory=list)
    drops: list[tuple[str, str]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    must: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None
    rejected: Rejected | None = None

    @property
    def left(self) -> list[str]:
        """The classes of the new entry, in lower case."""
        return [name.lower().decode() for name in (*self.names, *self.added) if name is not None]


class ClassJudge:
    """Judges lists of classes by the rules and the target's schema.

    Attributes:
        implied: Classes above those of some entry that the entry does not list, by every name: servers add them.
    """

    def __init__(self, rules: MigrationRules, view: SchemaView) -> None:
        self._rules = rules.classes
        self._view = view
        self._drop = {name.lower(): why for why, names in self._rules.drop.items() for name in names}
        self._rename = {old.lower(): new for old, new in self._rules.rename.items()}
        self._preferred = {name.lower(): place for place, name in enumerate(self._rules.structural.prefer)}
        self._fallback = {name.lower(): one for name, one in self._rules.structural.fallback.items()}
        self._remembered: dict[tuple[tuple[bytes, ...], tuple[bytes, ...]], Judged] = {}
        self.implied: set[str] = set()

    def judged(self, values: Sequence[bytes], naming: Sequence[bytes]) -> Judged:
        """What becomes of the classes of an entry.

        Args:
            values: The classes as written.
            naming: Attribute types of its RDN, in lower case.
        """
        key = (tuple(values), tuple(naming))
        known = self._remembered.get(key)
        if known is None:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            known = self._remembered[key] = self._judge(values, naming)
        return known

    def _judge(self, values: Sequence[bytes], naming: Sequence[bytes]) -> Judged:
        made = Judged(list(values))
        seen: set[str] = set()
        for place, value in enumerate(values):
            self._one(made, place, value.decode("utf-8", "replace"), seen)
        self._resolve_structural(made)
        if made.rejected is None and not any(self._kind(name) == "structural" for name in made.left):
            self._give_structural(made, naming)
        self._ask_attributes(made)
        listed = {self._first_name(name) for name in made.left}
        for above in {found for name in made.left for found in self._view.superiors(name)} - listed:
            facts = self._view.object_class(above)
            self.implied.update(facts.names if facts is not None else (above,))
        return made

    def _one(self, made: Judged, place: int, name: str, seen: set[str]) -> None:
        """Drop, rename or keep one class."""
        why = self._drop.get(name.lower())
        if why is None:
            new = self._rename.get(name.lower(), name)
            if self._kind(new) is None and self._rules.unknown != "keep":
                why = "unknown-class"
                if self._rules.unknown == "reject":
                    made.rejected = Rejected(why, f"the target's schema does not know the class {new}; "
                                             "migrate its schema, or name it in classes.drop")  # fmt: skip
            elif new.lower() in seen:
                why = "duplicate-value"
            else:
                seen.add(new.lower())
                if new != name:
                    made.names[place] = new.encode()
        if why is not None:
            made.names[place] = None
            made.drops.append((why, name.lower()))

    def _kind(self, name: str) -> str | None:
        return self._view.class_kind(name)

    def _chain(self, name: str) -> list[str]:
        return [name, *self._view.superiors(name)]

    def _resolve_structural(self, made: Judged) -> None:
        """One chain of structural classes stays: OUD refuses an entry with two."""
        structural = [name for name in made.left if self._kind(name) == "structural"]
        above = {found for name in structural for found in self._view.superiors(name)}
        leaves = [name for name in dict.fromkeys(structural) if self._first_name(name) not in above]
        if len(leaves) < 2:
            return
        ranks = [min(self._preferred.get(one, len(self._preferred)) for one in self._chain(leaf)) for leaf in leaves]
        best = min(ranks)
        if ranks.count(best) > 1 and self._rules.structural.undecided == "reject":
            made.rejected = Rejected(
                "structural-conflict",
                f"the structural classes {', '.join(leaves)} are of different chains, of which an entry has one; "
                "say in classes.structural.prefer which stays, or drop one",
            )
            return
        winner = leaves[ranks.index(best)]
        chain = {self._first_name(name) for name in self._chain(winner)}
        for place, name in enumerate(made.names):
            lower = name.lower().decode() if name is not None else ""
            if lower and self._kind(lower) == "structural" and self._first_name(lower) not in chain:
                made.names[place] = None
                made.drops.append(("structural-conflict", lower))
                made.notes.append(Note("structural-conflict", lower, f"{winner} is kept, {lower} goes: an entry has "
                                       "one chain of structural classes"))  # fmt: skip

    def _first_name(self, name: str) -> str:
        found = self._view.object_class(name)
        return found.names[0] if found is not None else name

    def _give_structural(self, made: Judged, naming: Sequence[bytes]) -> None:
        if self._rules.unknown == "keep" and any(self._kind(name) is None for name in made.left):
            return  # one of those may be structural
        given = next((self._fallback[one.decode()] for one in naming if one.decode() in self._fallback), None)
        if given is None or self._kind(given) != "structural":
            which = "" if given is None else f" (the fallback {given} is none that the target knows)"
            made.rejected = Rejected(
                "no-structural-class",
                f"no structural class is left of the entry{which}; migrate the schema of its classes, or give one in "
                "classes.structural.fallback",
            )
            return
        made.added.append(given.encode())
        made.notes.append(Note("class-added", given.lower(), f"no structural class was left: {given} is given"))

    def _ask_attributes(self, made: Judged) -> None:
        classes = made.left
        made.must = frozenset(name for one in classes for name in self._view.must(one))
        if _EVERYTHING in classes or any(self._kind(one) is None for one in classes):
            return
        made.allowed = made.must | {name for one in classes for name in self._view.may(one)}
