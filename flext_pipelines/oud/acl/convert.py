"""From OID's access directives to ``aci`` values.

What belongs here: joining the parts, naming each ``aci``, and the report on each value. What does not: the parts.

The rule: never grant what OID did not grant. What cannot be said exactly is left out and reported with the original
and the reason. Every ``aci`` is read by our own strict parser before it is given out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import Flavour, Right, write_aci
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.allowing import Allowing
from flext_pipelines.oud.acl.denying import Denying, Place, overruled
from flext_pipelines.oud.acl.drafts import Draft, Finding, Lost, Remark, as_acis, unsaid_names
from flext_pipelines.oud.acl.names import parse_name, write_name
from flext_pipelines.oud.acl.oid_policy import AccessValue, Directive, OidPolicy
from flext_pipelines.oud.acl.options import Conversion, ConversionOptions, LeftOut, UnsayableError
from flext_pipelines.oud.acl.orclaci import PERMISSIONS, Kind, Permission, write_clause
from flext_pipelines.oud.acl.regions import Regions

_DENIED = (
    "no directive, and it has a word of denial: nobody is granted what it may be about, at its entry or below, until "
    "it is corrected or taken out of the export"
)
_STANDING = "no directive, and no word of it denies; if it is cut off, it may have narrowed what stands: {}"
_MOST_STANDING = 20


@dataclass
class _Answer:
    """What becomes of one value, while it is put together."""

    holders: tuple[str, ...] = ()
    acis: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def note(self, reason: str, permission: str = "") -> None:
        """Note something, once for all permissions it is about."""
        _add(self.notes.setdefault(reason, []), permission)

    def leave_out(self, part: str, reason: str, permission: str = "") -> None:
        """Report a loss, once for all permissions it is about."""
        _add(self.left_out.setdefault((part, reason), []), permission)


def _add(permissions: list[str], permission: str) -> None:
    if permission and permission not in permissions:
        permissions.append(permission)


def _about(permissions: list[str], reason: str) -> str:
    return f"{', '.join(permissions)}: {reason}" if permissions else reason


def name_digest(dn: str) -> str:
    """What stands for a DN in the name of an ``aci``: 12 hexadecimal digits of its normal form."""
    return hashlib.sha256(write_name(parse_name(dn)).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def convert(
    entry_dn: str, kind: Kind, value: str, *, flavour: Flavour = "oud", policy: OidPolicy | None = None
) -> Conversion:
    """Convert one value.

    Args:
        entry_dn: The entry that holds it.
        kind: The attribute that holds it.
        value: The value.
        flavour: The dialect.
        policy: The policy that it is part of; without one it is taken alone.

    Raises:
        ValueError: The policy does not hold the value.
    """
    if policy is None:
        (alone,) = convert_values([AccessValue(entry_dn, kind, 1, value)], ConversionOptions(flavour))
        return alone
    place = parse_name(entry_dn)
    for found in convert_policy(policy, ConversionOptions(flavour)):
        if found.kind == kind and found.original == value and parse_name(found.dn) == place:
            return found
    raise ValueError(f"the policy holds no {kind} value {value!r} of {entry_dn}")


def convert_values(
    values: Iterable[AccessValue], options: ConversionOptions | None = None, *, complete: bool = False
) -> list[Conversion]:
    """Convert values that are one policy, in the order given.

    Args:
        values: The values.
        options: The dialect, and where names go.
        complete: The root DSE's own values are among them.
    """
    given = list(values)
    found = {
        _key(one): one for one in convert_policy(OidPolicy(given, complete=complete), options or ConversionOptions())
    }
    return [found[value] for value in given]


def _key(found: Conversion) -> AccessValue:
    return AccessValue(found.dn, found.kind, found.number, found.original)


def convert_policy(policy: OidPolicy, options: ConversionOptions) -> list[Conversion]:
    """Convert a whole policy.

    A denial is written only where something granted above would undo it, so that the answer for one value depends
    on the others.

    Returns:
        One conversion for each value, those that could not be read last.
    """
    work = _Work(policy, options)
    for level in policy.levels.values():
        for directive in level.directives:
            work.begin(directive)
    work.allow()
    work.deny()
    conversions = [work.finished(directive) for directive in policy.directives() if not directive.supposed]
    return [*conversions, *(work.unreadable(value, error) for value, error in policy.refused)]


class _Work:
    """The conversion of one policy."""

    def __init__(self, policy: OidPolicy, options: ConversionOptions) -> None:
        self.policy, self.options = policy, options
        self.regions = Regions(options)
        self.answers: dict[AccessValue, _Answer] = {}
        self.allowed: dict[Place, list[Draft]] = {}
        self.denied: dict[Place, list[Draft]] = {}

    def begin(self, directive: Directive) -> None:
        """Where the value's ``aci`` go, and what its modifiers come to."""
        answer = self.answers[directive.value] = _Answer()
        dn = directive.value.dn
        if parse_name(dn):
            placed = self.options.holder(dn)
            answer.holders = () if placed is None else (placed,)
        elif directive.value.kind == "orclaci":
            answer.holders = self.options.suffixes
        if not answer.holders:
            why = "the entry does not migrate" if parse_name(dn) else "the root DSE's policy needs suffixes"
            answer.leave_out(directive.value.text, why)
        attributes = directive.aci.attributes
        if attributes is not None and attributes.mode == "all" and self.options.flavour == "oud":
            answer.note("attr=(*) is said as *, which leaves out operational attributes in OUD")
        if directive.aci.deny_group_override:
            answer.note("DenyGroupOverride: every denial is taken as final, for members of groups, too")
        if directive.aci.append_to_all:
            answer.note("AppendToAll: its denials are added to the entry's other values, its grants are not")
        for clause in directive.aci.clauses:
            wrong = [word for word in clause.permissions if word.removeprefix("no") not in directive.aci.permissions]
            if wrong := [word for word in wrong if word != "none"]:
                what = "an entry" if attributes is None else "attributes"
                answer.note(f"{', '.join(wrong)}: has no meaning for {what} and grants nothing")

    def allow(self) -> None:
        """Write what is allowed."""
        allowing = Allowing(self.policy, self.regions)
        for place, level in self.policy.levels.items():
            self.allowed[place] = self._collect(allowing.drafts(level))
            self._write(self.allowed[place])

    def deny(self) -> None:
        """Write the denials that are needed, and report what they overrule."""
        denying = Denying(self.policy, self.regions, self.allowed)
        for place, level in self.policy.levels.items():
            self.denied[place] = self._collect(denying.drafts(level))
            self._write(self.denied[place])
        for place, level in self.policy.levels.items():
            self._collect(overruled(level, self.allowed[place], self.policy, self.denied))

    def _collect(self, found: Iterable[Draft | Finding]) -> list[Draft]:
        drafts = []
        for one in found:
            if isinstance(one, Draft):
                drafts.append(one)
            else:
                self._report(one)
        return drafts

    def _report(self, finding: Finding) -> None:
        answer = self.answers[finding.directive.value]
        if isinstance(finding, Remark):
            answer.note(finding.reason, finding.permission)
            return
        clauses = finding.directive.clauses
        part = finding.directive.value.text if finding.clause is None else write_clause(clauses[finding.clause])
        answer.leave_out(part, finding.reason, finding.permission)

    def _write(self, drafts: Sequence[Draft]) -> None:
        """Rights that differ in nothing else become one ``aci``."""
        groups: dict[tuple[object, ...], list[Draft]] = {}
        for draft in drafts:
            key = (draft.directive.value, draft.clause, draft.attributes, draft.filter, draft.reach, draft.rule)
            groups.setdefault(key, []).append(draft)
        for alike in groups.values():
            self._write_one(alike[0], frozenset(right for draft in alike for right in draft.rights), alike)

    def _write_one(self, draft: Draft, rights: frozenset[Right], alike: Sequence[Draft]) -> None:
        """The text of a draft; a denial that has none in this dialect is said without its filter."""
        value, answer = draft.directive.value, self.answers[draft.directive.value]
        if not answer.holders:
            return
        try:
            for aci in as_acis(draft, rights, answer.holders, self.options):
                name = f"{value.kind} {value.number}.{len(answer.acis) + 1} of {name_digest(value.dn)}"
                text = write_aci(replace(aci, name=name))
                parse_aci(text, flavour=self.options.flavour)
                answer.acis.append(text)
            self._report_names(draft, alike)
        except (UnsayableError, AciSyntaxError) as error:
            if not draft.allow and draft.filter is not None:
                self._write_one(replace(draft, filter=None), rights, alike)
                return
            for one in alike:
                reason = error.reason if isinstance(error, AciSyntaxError) else str(error)
                kind = Lost if draft.allow else Remark
                self._report(kind(one.directive, one.clause, one.permission, reason))

    def _report_names(self, draft: Draft, alike: Sequence[Draft]) -> None:
        for name in unsaid_names(draft, self.options):
            for one in alike:
                kind = Lost if name.lost else Remark
                self._report(kind(one.directive, one.clause, one.permission, f"{name.name}: {name.why}"))

    def unreadable(self, value: AccessValue, error: AciSyntaxError) -> Conversion:
        """The report on a value that is no directive, with the denials that were supposed for it."""
        answer = self.answers.get(value)
        if answer is None:
            standing = self._standing(value)
            notes = (_STANDING.format(", ".join(standing) if standing else "nothing"),)
        else:
            notes = (_DENIED,)
        left_out = LeftOut(original=value.text, part=value.text, reason=error.reason, severity="error")
        acis = tuple(answer.acis) if answer else ()
        return Conversion(
            dn=value.dn, kind=value.kind, number=value.number, original=value.text,
            holders=answer.holders if answer and acis else (), acis=acis, notes=notes, left_out=(left_out,),
        )  # fmt: skip

    def _standing(self, value: AccessValue) -> list[str]:
        """The values of the same entry and above that grant something, the nearest first."""
        try:
            name = parse_name(value.dn)
        except AciSyntaxError:
            return []
        levels = self.policy.path(name) if value.kind == "orclentrylevelaci" else self.policy.above(name)
        found = [
            f"{one.value.kind} {one.value.number} of {one.value.dn or 'the root DSE'}"
            for level in levels for one in level.directives if granted_by(one) and self.answers[one.value].acis
        ]  # fmt: skip
        more = len(found) - _MOST_STANDING
        return [*found[:_MOST_STANDING], f"and {more} more"] if more > 0 else found

    def finished(self, directive: Directive) -> Conversion:
        """The report on one value."""
        value, answer = directive.value, self.answers[directive.value]
        for right in PERMISSIONS:
            if right in directive.aci.permissions:
                for term in self.regions.granted(directive, right):
                    if term.bounds.note:
                        answer.note(term.bounds.note)
        if "proxy" in granted_by(directive):
            answer.note("proxy: look whether it is still wanted; OUD asks it of the entry that is acted for")
        if {"add", "delete"} <= granted_by(directive):
            answer.note("add and delete: moving entries in OUD needs the rights import and export, too")
        return Conversion(
            dn=value.dn,
            kind=value.kind,
            number=value.number,
            original=value.text,
            holders=answer.holders if answer.acis else (),
            acis=tuple(answer.acis),
            notes=tuple(_about(permissions, reason) for reason, permissions in answer.notes.items()),
            left_out=tuple(
                LeftOut(original=value.text, part=part, reason=_about(permissions, reason))
                for (part, reason), permissions in answer.left_out.items()
            ),
        )


def granted_by(directive: Directive) -> frozenset[Permission]:
    """Every permission that some clause of a directive grants."""
    granted: frozenset[Permission] = frozenset()
    for clause in directive.aci.clauses:
        granted |= clause.granted(directive.aci.permissions)
    return granted
