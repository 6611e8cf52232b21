"""What the directives of a policy allow, as drafts of ``aci`` values.

What belongs here: one right of one clause as an allow, cut down by the other directives of its policy point and by
who may browse. What does not: denials (``denying``) and the text (``drafts``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flext_pipelines.oud.acl.aci import BindRule
from flext_pipelines.oud.acl.conditions import ANYONE, NOBODY, both, either, negate
from flext_pipelines.oud.acl.drafts import OBJECT_CLASS, RIGHTS_FOR, Draft, Finding, Lost, Remark, scope_of
from flext_pipelines.oud.acl.filters import And, Filter, Not
from flext_pipelines.oud.acl.oid_model import NEEDS_BROWSE
from flext_pipelines.oud.acl.oid_policy import EVERY_ATTRIBUTE, AttributeSet, Directive, Level, OidPolicy
from flext_pipelines.oud.acl.orclaci import ENTRY_PERMISSIONS, PERMISSIONS, Permission
from flext_pipelines.oud.acl.regions import Denied, Regions, Term

_MOST_PIECES = 32


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what a directive is about, and who is kept from it there.

    Attributes:
        attributes: Which attributes; every one for an entry right.
        filter: Which entries.
        excluded: Whom a sibling denies the right here.
    """

    attributes: AttributeSet
    filter: Filter | None
    excluded: tuple[BindRule, ...] = ()


class Allowing:
    """What the levels of one policy allow.

    Args:
        policy: The policy.
        regions: What its directives grant and deny.
    """

    def __init__(self, policy: OidPolicy, regions: Regions) -> None:
        self.policy, self.regions = policy, regions
        self._browsing: dict[tuple[object, ...], BindRule] = {}

    def drafts(self, level: Level) -> Iterator[Draft | Finding]:
        """Every allow of a level, and what cannot be said."""
        for directive in level.directives:
            for right in PERMISSIONS:
                if right in directive.aci.permissions:
                    for term in self.regions.granted(directive, right):
                        yield from self._of_term(level, directive, right, term)

    def _of_term(self, level: Level, directive: Directive, right: Permission, term: Term) -> Iterator[Draft | Finding]:
        clause = directive.clauses[term.clause]
        if term.bounds.reason:
            yield Lost(directive, term.clause, right, term.bounds.reason)
        if term.bounds.inner == NOBODY:
            return
        if term.inexact:
            yield Lost(directive, term.clause, right, f"more people are excluded than OID excludes: {term.inexact}")
        if term.rule == NOBODY:
            yield Remark(directive, term.clause, right, "other clauses of the value leave nobody to grant it to")
            return
        attributes, wanted = EVERY_ATTRIBUTE, directive.aci.filter
        if right not in ENTRY_PERMISSIONS:
            attributes = directive.grants_on
        elif right == "browse":
            attributes = OBJECT_CLASS
        elif right == "add" and wanted is not None:
            yield Lost(directive, term.clause, right, "OID asks its filter of the parent, an aci of the new entry")
            return
        browsing = self.browsing(level) if right in NEEDS_BROWSE else ANYONE
        hidden = self._hidden(level) if right == "browse" else ()
        left = False
        for piece in self._pieces(level, directive, right, Piece(attributes, wanted)):
            rule = both(term.rule, *[negate(rule) for rule in (*piece.excluded, *hidden)], browsing)
            if rule == NOBODY:
                continue
            left = True
            on = None if right in ENTRY_PERMISSIONS and right != "browse" else piece.attributes
            found = _joined(piece.filter, clause.constraint if right == "add" else None)
            yield Draft(
                level, directive, term.clause, True, right, RIGHTS_FOR[right], on, found, scope_of(level, right), rule
            )
        if not left:
            if both(term.rule, browsing) == NOBODY:
                yield Remark(directive, term.clause, right, "nobody it is granted to may browse")
            else:
                yield Lost(directive, term.clause, right, "another value of the entry denies it")

    def _pieces(self, level: Level, directive: Directive, right: Permission, whole: Piece) -> list[Piece]:
        """The object of a directive, cut where siblings deny the same right."""
        pieces = [whole]
        for sibling in level.directives:
            if sibling is directive or right not in sibling.aci.permissions:
                continue
            on = EVERY_ATTRIBUTE if right in ENTRY_PERMISSIONS else sibling.denies_on
            among = sibling.aci.filter if right != "add" else None
            for denied in self.regions.denied(sibling, right):
                cut_at = _joined(among, denied.constraint)
                pieces = [part for piece in pieces for part in _cut(piece, on, cut_at, denied.rule)]
                if len(pieces) > _MOST_PIECES:
                    pieces = [_covering(whole, pieces)]
        return pieces

    def _hidden(self, level: Level) -> tuple[BindRule, ...]:
        """Whom a directive denies ``objectClass`` by its name, here or above: browsing would show it to them."""
        return self.regions.hidden(self.policy.from_level(level))

    def browsing(self, level: Level) -> BindRule:
        """Who certainly may browse the entries of a level, unless a lower level denies it.

        The levels are asked from this one upwards. A denial with a filter is taken for all entries, a grant with one
        for none.
        """
        key = (level.holder, level.kind)
        if key not in self._browsing:
            answer: BindRule = NOBODY if self.policy.complete else ANYONE
            for above in reversed(list(self.policy.from_level(level))):
                granted, denied = self._browsing_at(above)
                answer = either(granted, both(negate(denied), answer))
            self._browsing[key] = answer
        return self._browsing[key]

    def _browsing_at(self, level: Level) -> tuple[BindRule, BindRule]:
        denied = either(*[
            denied.rule for directive in level.directives for denied in self._browse_denials(directive)
        ])  # fmt: skip
        granted = [
            term.rule
            for directive in level.directives
            if directive.aci.attributes is None and directive.aci.filter is None
            for term in self.regions.granted(directive, "browse")
        ]
        kept_from = [
            negate(found.rule)
            for directive in level.directives
            for found in self._browse_denials(directive)
        ]  # fmt: skip
        return both(either(*granted), *kept_from), denied

    def _browse_denials(self, directive: Directive) -> tuple[Denied, ...]:
        return self.regions.denied(directive, "browse") if directive.aci.attributes is None else ()


def _joined(one: Filter | None, other: Filter | None) -> Filter | None:
    if one is None or other is None or one == other:
        return one or other
    return And((one, other))


def _cut(piece: Piece, on: AttributeSet, among: Filter | None, denied: BindRule) -> Iterator[Piece]:
    """A piece in two where a denial is about a part of it: what it is about, and the rest."""
    common = piece.attributes.common(on)
    if not common:
        yield piece
        return
    if rest := piece.attributes.without(on):
        yield Piece(rest, piece.filter, piece.excluded)
    if among is not None and among != piece.filter:
        yield Piece(common, _joined(piece.filter, Not(among)), piece.excluded)
    yield Piece(common, _joined(piece.filter, among), (*piece.excluded, denied))


def _covering(whole: Piece, pieces: list[Piece]) -> Piece:
    """One piece for too many: whoever is excluded somewhere is excluded everywhere."""
    excluded = dict.fromkeys(rule for piece in pieces for rule in piece.excluded)
    return Piece(whole.attributes, whole.filter, tuple(excluded))
