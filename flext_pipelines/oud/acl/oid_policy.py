"""OID's policy as a whole: every directive, by the entry that holds it, nearest first.

What belongs here: collecting directives into levels, and what modifiers (``AppendToAll``) do to a level. What does
not: asking whether somebody may do something (``oid_model``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.names import Name, attribute_type, parent, parse_name
from flext_pipelines.oud.acl.orclaci import Clause, EntityKind, Kind, OrclAci
from flext_pipelines.oud.acl.orclaci_parser import parse_orclaci
from flext_pipelines.oud.acl.scanner import syntax_error
from flext_pipelines.oud.acl.unreadable import supposed_denials

_RANKS: dict[EntityKind, int] = {
    "*": 0, "group": 2, "groupattr": 2, "dnattr": 3, "guidattr": 3, "self": 4, "dn": 4, "superuser": 4,
}  # fmt: skip


class AccessValue(NamedTuple):
    """One value of an access attribute, as the export holds it.

    Attributes:
        dn: The entry that holds it; empty for the root DSE.
        kind: The attribute.
        number: Which of the entry's values of that attribute, from 1.
        text: The value.
        displaced: Another entry has the new name of its entry. Its denials count for what stands below that name; its
            grants would be that other entry's.
    """

    dn: str
    kind: Kind
    number: int
    text: str
    displaced: bool = False


@dataclass(frozen=True, slots=True)
class AttributeSet:
    """A set of attributes: those named, or all but those named. Names are those of ``attribute_type``."""

    names: frozenset[str]
    inverted: bool

    def __contains__(self, name: str) -> bool:
        return (attribute_type(name) in self.names) is not self.inverted

    def common(self, other: AttributeSet) -> AttributeSet:
        """What both hold."""
        if self.inverted and other.inverted:
            return AttributeSet(self.names | other.names, inverted=True)
        if self.inverted:
            return AttributeSet(other.names - self.names, inverted=False)
        if other.inverted:
            return AttributeSet(self.names - other.names, inverted=False)
        return AttributeSet(self.names & other.names, inverted=False)

    def without(self, other: AttributeSet) -> AttributeSet:
        """What this one holds and the other does not."""
        return self.common(AttributeSet(other.names, not other.inverted))

    def __bool__(self) -> bool:
        return self.inverted or bool(self.names)


EVERY_ATTRIBUTE = AttributeSet(frozenset(), inverted=True)


@dataclass(frozen=True)
class Directive:
    """A directive in its place.

    Attributes:
        value: Where it comes from.
        aci: What it says.
        appended: Denials that ``AppendToAll`` of a sibling puts at its end.
        supposed: The value is no directive; this is what it may have denied.
    """

    value: AccessValue
    aci: OrclAci
    appended: tuple[Clause, ...] = ()
    supposed: bool = False

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All clauses in the order in which they are asked."""
        return self.aci.clauses + self.appended

    @property
    def grants_on(self) -> AttributeSet:
        """The attributes whose every option the directive names: what it can grant on."""
        attributes = self.aci.attributes
        if attributes is None or attributes.mode == "all":
            return EVERY_ATTRIBUTE
        if attributes.mode == "only":
            return AttributeSet(
                frozenset(attribute_type(name) for name in attributes.names if ";" not in name), inverted=False
            )
        return AttributeSet(frozenset(attribute_type(name) for name in attributes.names), inverted=True)

    @property
    def denies_on(self) -> AttributeSet:
        """The attributes of which the directive names some option: what it may deny on."""
        attributes = self.aci.attributes
        if attributes is None or attributes.mode == "all":
            return EVERY_ATTRIBUTE
        if attributes.mode == "only":
            return AttributeSet(frozenset(attribute_type(name) for name in attributes.names), inverted=False)
        return AttributeSet(
            frozenset(attribute_type(name) for name in attributes.names if ";" not in name), inverted=True
        )


def rank(clause: Clause) -> int:
    """How closely a clause names its subject: a single name closer than a group, a group closer than a subtree."""
    if clause.entity.kind == "dn" and "*" in clause.entity.value:
        return 1
    return _RANKS[clause.entity.kind]


@dataclass(frozen=True)
class Level:
    """The directives of one attribute of one entry: OID's policy point.

    Attributes:
        holder: The entry.
        kind: ``orclentrylevelaci`` is asked before ``orclaci`` of the same entry.
        directives: In the order of their values.
    """

    holder: Name
    kind: Kind
    directives: tuple[Directive, ...]


class OidPolicy:
    """Every access directive of a directory.

    Args:
        values: The values, of any entries in any order.
        complete: The root DSE's own policy is among them. An exported subtree does not hold it; then what nobody
            decides about browsing is taken as OID's default, ``access to entry by * (browse)``.
        name_of: The name of an attribute that has several in the directory's own schema.

    Attributes:
        complete: As given.
        levels: By entry and attribute.
        refused: Values that are no directives, each with the error; what they may have denied is among the levels.
    """

    def __init__(
        self, values: Iterable[AccessValue], *, complete: bool = False, name_of: Callable[[str], str] = str
    ) -> None:
        self.complete = complete
        self.refused: list[tuple[AccessValue, AciSyntaxError]] = []
        collected: dict[tuple[Name, Kind], list[Directive]] = {}
        for value in values:
            try:
                found = collected.setdefault((parse_name(value.dn), value.kind), [])
            except AciSyntaxError as error:
                self.refused.append((value, error))
                continue
            try:
                if value.displaced:
                    raise syntax_error("another entry gets the name of its entry, so that only denials count", "", 0)
                found.append(Directive(value, _named(parse_orclaci(value.text), name_of)))
            except AciSyntaxError as error:
                self.refused.append((value, error))
                found += [
                    Directive(value, _named(denial, name_of), supposed=True) for denial in supposed_denials(value.text)
                ]
        self.levels = {
            (holder, kind): Level(holder, kind, tuple(_append_to_all(directives)))
            for (holder, kind), directives in collected.items()
            if directives
        }

    def directives(self) -> Iterator[Directive]:
        """Every directive, level by level."""
        for level in self.levels.values():
            yield from level.directives

    def path(self, name: Name) -> Iterator[Level]:
        """The levels that an entry is under, in the order in which OID asks them."""
        own = self.levels.get((name, "orclentrylevelaci"))
        if own is not None:
            yield own
        yield from self.above(name)

    def above(self, name: Name) -> Iterator[Level]:
        """The subtree levels of an entry and of those above it, up to the root DSE."""
        while True:
            found = self.levels.get((name, "orclaci"))
            if found is not None:
                yield found
            if not name:
                return
            name = parent(name)

    def from_level(self, level: Level) -> Iterator[Level]:
        """A level and those that are asked after it for each entry it governs."""
        return self.path(level.holder) if level.kind == "orclentrylevelaci" else self.above(level.holder)


def _named(aci: OrclAci, name_of: Callable[[str], str]) -> OrclAci:
    """A directive whose attributes have one name each."""
    if aci.attributes is None or name_of is str:
        return aci
    return replace(aci, attributes=replace(aci.attributes, names=tuple(name_of(name) for name in aci.attributes.names)))


def _append_to_all(directives: list[Directive]) -> Iterator[Directive]:
    """Put the denials of ``AppendToAll`` at the end of every sibling.

    [M] Oracle says that the subject is added to all other directives of the policy point. What it grants there is
    left out here, what it denies is kept: that grants less under every reading.
    """
    for directive in directives:
        appended = tuple(
            replace(clause, permissions=tuple(f"no{right}" for right in sorted(denied)))
            for sibling in directives
            if sibling is not directive and sibling.aci.append_to_all
            for clause in sibling.aci.clauses
            if (denied := clause.denied(directive.aci.permissions))
        )
        yield replace(directive, appended=appended) if appended else directive
