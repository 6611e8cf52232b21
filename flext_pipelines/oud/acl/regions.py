"""What one directive grants and denies for one right, with its clauses worked on each other.

What belongs here: first match, closer denials, constraints. What does not: other directives (``allowing``,
``denying``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flext_pipelines.oud.acl.aci import BindRule
from flext_pipelines.oud.acl.conditions import NOBODY, both, either, negate
from flext_pipelines.oud.acl.filters import Filter, Not, always_defined
from flext_pipelines.oud.acl.oid_model import SHOWN_BY_BROWSE, names_object_class
from flext_pipelines.oud.acl.oid_policy import AccessValue, Directive, Level, rank
from flext_pipelines.oud.acl.options import ConversionOptions
from flext_pipelines.oud.acl.orclaci import Clause, Permission
from flext_pipelines.oud.acl.subjects import Bounds, bounds


@dataclass(frozen=True, slots=True)
class Term:
    """What one clause grants.

    Attributes:
        clause: Its place in the directive.
        rule: Certainly nobody else is granted the right by it.
        bounds: Who it is about, without what other clauses do to it.
        inexact: Why more are excluded than other clauses exclude; empty when they are the same.
    """

    clause: int
    rule: BindRule
    bounds: Bounds
    inexact: str = ""


@dataclass(frozen=True, slots=True)
class Denied:
    """Whom a directive denies a right.

    Attributes:
        rule: Certainly nobody less is denied it.
        constraint: Only for entries that match this one; None for all.
    """

    rule: BindRule
    constraint: Filter | None = None


class Regions:
    """Regions of directives, each computed once.

    Args:
        options: Where names go.
    """

    def __init__(self, options: ConversionOptions) -> None:
        self.options = options
        self._bounds: dict[tuple[AccessValue, bool], list[Bounds]] = {}
        self._granted: dict[tuple[AccessValue, Permission], tuple[Term, ...]] = {}
        self._denied: dict[tuple[AccessValue, Permission], tuple[Denied, ...]] = {}

    def _bounds_for(self, directive: Directive, right: Permission) -> list[Bounds]:
        key = (directive.value, right == "add")
        if key not in self._bounds:
            self._bounds[key] = [bounds(clause, self.options, adding=key[1]) for clause in directive.clauses]
        return self._bounds[key]

    def granted(self, directive: Directive, right: Permission) -> tuple[Term, ...]:
        """What each clause grants."""
        key = (directive.value, right)
        if key not in self._granted:
            self._granted[key] = tuple(self._terms(directive, right))
        return self._granted[key]

    def _terms(self, directive: Directive, right: Permission) -> Iterator[Term]:
        kinds, clauses = directive.aci.permissions, directive.clauses
        found = self._bounds_for(directive, right)
        loosest = 9
        for number, clause in enumerate(clauses):
            if right not in clause.granted(kinds):
                continue
            loosest = min(loosest, rank(clause))
            others = [
                found[other]
                for other, sibling in enumerate(clauses)
                if (other < number and (right not in sibling.granted(kinds) or _is_conditional(sibling, right)))
                or (
                    other != number
                    and (right in sibling.denied(kinds) or _is_conditional(sibling, right))
                    and rank(sibling) > loosest
                )
            ]
            rule = both(found[number].inner, *[negate(other.outer) for other in others])
            yield Term(number, rule, found[number], "; ".join(other.reason for other in others if other.reason))

    def denied(self, directive: Directive, right: Permission) -> tuple[Denied, ...]:
        """Whom the directive denies the right; a constraint denies what does not meet it."""
        key = (directive.value, right)
        if key not in self._denied:
            self._denied[key] = tuple(self._denials(directive, right))
        return self._denied[key]

    def hidden(self, levels: Iterable[Level]) -> tuple[BindRule, ...]:
        """Whom a directive of some levels denies ``objectClass`` by its name, so that browsing does not show it."""
        return tuple(
            denied.rule
            for level in levels
            for directive in level.directives
            if names_object_class(directive)
            for right in SHOWN_BY_BROWSE
            for denied in self.denied(directive, right)
        )

    def _denials(self, directive: Directive, right: Permission) -> Iterator[Denied]:
        kinds, found = directive.aci.permissions, self._bounds_for(directive, right)
        outers = [
            found[number].outer for number, clause in enumerate(directive.clauses) if right in clause.denied(kinds)
        ]
        granted = {term.clause: negate(term.rule) for term in self.granted(directive, right)}
        rule = both(either(*outers), *granted.values())
        if rule != NOBODY:
            yield Denied(rule)
        certain = [rule for number, rule in granted.items() if not _is_conditional(directive.clauses[number], right)]
        for number, clause in enumerate(directive.clauses):
            if _is_conditional(clause, right):
                rule = both(found[number].outer, *certain)
                assert clause.constraint is not None
                if rule != NOBODY:
                    yield Denied(rule, Not(clause.constraint) if always_defined(clause.constraint) else None)


def _is_conditional(clause: Clause, right: Permission) -> bool:
    """True when the clause grants adding only what meets its constraint."""
    return right == "add" and clause.constraint is not None and right in clause.granted(frozenset({right}))
