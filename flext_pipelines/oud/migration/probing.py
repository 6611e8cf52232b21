"""The proof of a result: both access models asked the same questions, about entries and subjects of the export.

Policy points that differ in nothing but names are of one kind: a realm has one for each of its units. Each kind is
probed once before any is probed twice, until the questions are used up; how many of how many were probed is said.

What belongs here: choosing what is asked. What does not: asking (``flext_pipelines.oud.acl.proof``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.names import Name, parent, parse_name
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
from flext_pipelines.oud.acl.probes import Entry
from flext_pipelines.oud.acl.proof import Difference, ProofReport, prove
from flext_pipelines.oud.acl.sampling import subjects_of
from flext_pipelines.oud.dn import parse_dn
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.migration.figures import Proof
from flext_pipelines.oud.migration.lookup import Written
from flext_pipelines.oud.migration.naming import NewNames
from flext_pipelines.oud.migration.origins import Origins
from flext_pipelines.oud.migration.outside import MOST_MEMBERS
from flext_pipelines.oud.migration.source import Source

_DEEPEST = 4
"""Groups within groups that are followed."""
_MOST_DIFFERENCES = 100_000
_ALWAYS = frozenset({"objectclass", "cn", "uid", "sn", "userpassword", "member", "uniquemember", "owner"})
_QUOTED = re.compile(r'"[^"]*"')
_QUOTE = '""'
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9-]*")

_Member = tuple[Name, tuple[Name, ...], tuple[Name, ...]]
"""Somebody, the groups in OID, and those of them in the result."""


@dataclass(frozen=True)
class Probing:
    """What a proof works on.

    Attributes:
        values: The policy, with names of the source.
        complete: The root DSE's policy is among the values.
        acis: The values that were written, by new name.
        names: Where names go.
        written: The entries of the result.
        origins: Where they stand in the export.
        source: The export.
        outside: Groups that are not in the result; see ``outside_groups``.
        samples: Entries below each policy point; see ``sample_below``.
        flavour: The dialect.
        attribute_of: The new name of an attribute.
        name_of: The name of an attribute that has several.
    """

    values: Sequence[AccessValue]
    complete: bool
    acis: Mapping[str, tuple[str, ...]]
    names: NewNames
    written: Written
    origins: Origins
    source: Source
    outside: Mapping[Name, Sequence[bytes]]
    samples: Mapping[int, Sequence[int]]
    flavour: Flavour
    attribute_of: Callable[[str], str | None]
    name_of: Callable[[str], str]

    def prove(self, budget: int, on_point: Callable[[int], None]) -> Proof:
        """Ask.

        Args:
            budget: Questions after which no further policy point is begun.
            on_point: Told how many points are probed.
        """
        by_point = self._by_point()
        kinds = self._kinds(by_point)
        acis: dict[Name, list[tuple[str, str]]] = {}
        for dn, texts in self.acis.items():
            acis.setdefault(parse_name(dn), []).extend((dn, text) for text in texts)
        totals = dict.fromkeys(("probed", "probes", "granted", "gained", "lost"), 0)
        asked: set[Name] = set()
        lines: dict[Difference, None] = {}
        for point in _in_turn(kinds):
            if totals["probes"] >= budget:
                break
            found, entries = self._prove_point(point, by_point, acis)
            for name in ("probes", "granted", "gained", "lost"):
                totals[name] += getattr(found, name)
            totals["probed"] += 1
            asked |= entries
            lines.update(dict.fromkeys(found.differences))
            on_point(totals["probed"])
        shown = sorted(lines, key=lambda one: (one.kind, one.dn, one.subject, one.right, one.attribute))
        points = sum(len(same) for same in kinds)
        listed = tuple(shown[:_MOST_DIFFERENCES])
        return Proof(points=points, kinds=len(kinds), entries=len(asked), differences=listed, **totals)

    def _by_point(self) -> dict[Name, list[AccessValue]]:
        found: dict[Name, list[AccessValue]] = {}
        for value in self.values:
            try:
                found.setdefault(parse_name(value.dn), []).append(value)
            except AciSyntaxError:
                continue
        return found

    def _kinds(self, by_point: Mapping[Name, Sequence[AccessValue]]) -> list[list[Name]]:
        """The policy points that migrate, by kind, in the order of the export."""
        kinds: dict[tuple[object, ...], list[Name]] = {}
        for point, values in by_point.items():
            if point and self.names.holder(values[0].dn) is None:
                continue
            above = tuple(_shape(by_point[name]) for name in _upwards(point) if name != point and name in by_point)
            kinds.setdefault((_shape(values), above), []).append(point)
        return list(kinds.values())

    def _prove_point(
        self,
        point: Name,
        by_point: Mapping[Name, Sequence[AccessValue]],
        acis: Mapping[Name, Sequence[tuple[str, str]]],
    ) -> tuple[ProofReport, frozenset[Name]]:
        """Ask about one policy point: with everything that stands on the way from the root to its entries."""
        ids = self._ids(point, by_point)
        records = [self.source.record(self.origins[entry]) for entry in ids]
        way = dict.fromkeys(name for record in records for name in _upwards(_name_of(record)))
        values = [value for name in way for value in by_point.get(name, ())]
        policy = OidPolicy(values, complete=self.complete, name_of=self.name_of)
        words = frozenset(word.lower() for value in values for word in _WORDS.findall(value.text)) | _ALWAYS
        new_words = words | {self._new_attribute(word) for word in words}
        words |= {name for record in records for name in _attributes(record) if self._new_attribute(name) in new_words}
        entries = {entry.name: entry for entry in (_entry(record, words) for record in records)}
        renewed = {_name_of(old): _entry(self.written.record(entry), new_words)
                   for entry, old in zip(ids, records, strict=True)}  # fmt: skip
        new_way = dict.fromkeys(name for entry in renewed.values() for name in _upwards(entry.name))
        held = [one for name in new_way for one in acis.get(name, ())]
        groups, kept = self._groups(policy)
        subjects = subjects_of(policy, entries, groups)
        report = prove(
            entries.values(), policy, held, subjects, flavour=self.flavour, place=self.names.suppose,
            renewed=renewed, attribute_of=self.attribute_of, belongs=kept,
        )  # fmt: skip
        return report, frozenset(entries)

    def _new_attribute(self, name: str) -> str:
        return (self.attribute_of(name) or name).lower()

    def _ids(self, point: Name, by_point: Mapping[Name, Sequence[AccessValue]]) -> list[int]:
        """The entries to ask about: the point, those above it as far as they migrate, and samples below."""
        dn = by_point[point][0].dn if point else ""
        place = self.names.holder(dn) if point else self.names.base
        own = self.written.find(place) if place else None
        found = [own] if own is not None else []
        name = parse_dn(place.encode("utf-8", "surrogateescape")) if place else None
        while name is not None and (name := name.parent()) is not None:
            above = self.written.find(bytes(name))
            if above is None:
                break
            found.append(above)
        return [*found, *(self.samples.get(own, ()) if own is not None else ())]

    def _groups(self, policy: OidPolicy) -> tuple[dict[Name, frozenset[Name]], dict[Name, frozenset[Name]]]:
        """The groups of a few members of each group that the policy names: in OID, and those of them in the result."""
        before: dict[Name, set[Name]] = {}
        after: dict[Name, set[Name]] = {}
        for directive in policy.directives():
            for clause in directive.clauses:
                if clause.entity.kind == "group":
                    for member, groups, kept in self._members(clause.entity.value, (), ()):
                        before.setdefault(member, set()).update(groups)
                        after.setdefault(member, set()).update(kept)
        return _frozen(before), _frozen(after)

    def _members(self, dn: str, above: tuple[Name, ...], kept: tuple[Name, ...]) -> Iterator[_Member]:
        """Members of a group, and of groups in it, whether or not they migrate.

        Args:
            dn: The group.
            above: The groups through which it was come by.
            kept: Those to which its members belong in the result: from the last that is not there down.
        """
        try:
            group = parse_name(dn)
        except AciSyntaxError:
            return
        if group in above or len(above) >= _DEEPEST:
            return
        members, is_there = self._members_of(dn, group)
        above, kept = (*above, group), (*kept, group) if is_there else ()
        for value in members[:MOST_MEMBERS]:
            text = value.decode("utf-8", "surrogateescape")
            try:
                name = parse_name(text)
            except AciSyntaxError:
                continue
            if name:
                yield name, above, kept
                yield from self._members(text, above, kept)

    def _members_of(self, dn: str, group: Name) -> tuple[Sequence[bytes], bool]:
        """The members of one group as OID had them, and whether the group is in the result."""
        place = self.names.place(dn)
        entry = self.written.find(place) if place else None
        if entry is None:
            return self.outside.get(group, ()), False
        record = self.source.record(self.origins[entry])
        return [*record.values(b"uniquemember"), *record.values(b"member")], True


def _frozen(found: Mapping[Name, set[Name]]) -> dict[Name, frozenset[Name]]:
    return {name: frozenset(groups) for name, groups in found.items()}


def _in_turn(kinds: Sequence[Sequence[Name]]) -> Iterator[Name]:
    """The first of each kind, then the second of each, and so on."""
    for number in range(max((len(same) for same in kinds), default=0)):
        for same in kinds:
            if number < len(same):
                yield same[number]


def _shape(values: Sequence[AccessValue]) -> tuple[str, ...]:
    """What is the same for policy points of one kind: their values without the names in them."""
    return tuple(f"{value.kind} {' '.join(_QUOTED.sub(_QUOTE, value.text).lower().split())}" for value in values)


def _upwards(name: Name) -> Iterator[Name]:
    """A name and those above it, the root's too."""
    yield name
    while name:
        name = parent(name)
        yield name


def _name_of(record: Record) -> Name:
    return parse_name(record.dn.decode("utf-8", "surrogateescape"))


def _attributes(record: Record) -> set[str]:
    """The attributes of a record, in lower case and without options."""
    return {written.partition(b";")[0].decode() for written in record.mapping()}


def _entry(record: Record, words: frozenset[str]) -> Entry:
    """A record as the models see it, with the attributes that can make a difference."""
    values: dict[str, tuple[str, ...]] = {}
    for written, several in record.mapping().items():
        name = written.partition(b";")[0].decode()
        if name in words:
            texts = tuple(value.decode("utf-8", "surrogateescape") for value in several)
            values[name] = values.get(name, ()) + texts
    return Entry(record.dn.decode("utf-8", "surrogateescape"), values)
