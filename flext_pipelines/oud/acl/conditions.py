"""Bind rules as sets of subjects: who is in one, in both, in neither.

What belongs here: joining and negating bind rules with as little text as possible. What does not: where a rule comes
from (``subjects``) and evaluating it (``aci_model``).

Negation stands on the keywords only, in the form that both servers read alike: ``groupdn!="..."``, but never
``userattr!="..."``, which 389 takes for ``=``, nor ``ssf<"1"``, which it refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from flext_pipelines.oud.acl.aci import All, BindRule, Either, Keyword, Not, Operator, dn_url, write_rule
from flext_pipelines.oud.acl.bind_values import Users, UserUrl, bind_value


def keyword(name: str, text: str, operator: Operator = "=") -> Keyword:
    """One condition.

    Raises:
        ValueError: The text is not what the keyword takes.
    """
    return Keyword(name, operator, text, bind_value(name, text))


ANYONE = Keyword("userdn", "=", "ldap:///anyone", Users((UserUrl("anyone"),)))
BOUND = Keyword("userdn", "=", "ldap:///all", Users((UserUrl("all"),)))
_MOST_COMPARED = 16
_UNBOUND = Keyword("userdn", "!=", BOUND.text, BOUND.value)
NOBODY = Keyword("userdn", "!=", "ldap:///anyone", Users((UserUrl("anyone"),)))

_OPPOSITES: dict[Operator, Operator] = {"=": "!=", "!=": "=", ">=": "<", "<": ">=", "<=": ">", ">": "<="}
_SUBJECTS = {"userdn", "groupdn", "userattr"}


def user(dn: str) -> Keyword:
    """One user."""
    return keyword("userdn", dn_url(dn))


@lru_cache(maxsize=65_536)
def negate(rule: BindRule) -> BindRule:
    """Everybody else."""
    match rule:
        case Keyword("userattr"):
            return Either((_UNBOUND, Not(rule)))  # 389 does not apply a deny to anonymous for the second part alone
        case Keyword("ssf"):
            return Not(rule)
        case Keyword(name, operator, text, value):
            return Keyword(name, _OPPOSITES[operator], text, value)
        case Not(inner):
            return inner
        case All(rules):
            return either(*[negate(part) for part in rules])
        case Either(rules):
            return both(*[negate(part) for part in rules])


def both(*rules: BindRule) -> BindRule:
    """Who is in all of them."""
    parts = dict.fromkeys(_flat(rules, All))
    while True:
        facts = _Facts(part for part in parts if not isinstance(part, Either))
        if facts.impossible:
            return NOBODY
        kept: dict[BindRule, None] = {}
        for part in parts:
            if not isinstance(part, Either):
                if not facts.follows(part):
                    kept[part] = None
                continue
            if any(facts.holds(one) for one in part.rules):
                continue
            possible = [one for one in part.rules if not facts.excludes(one)]
            if not possible:
                return NOBODY
            kept.update(dict.fromkeys(_flat([_joined(possible)], All)))
        if list(kept) == list(parts):
            return _all(list(kept))
        parts = kept


def _joined(rules: list[BindRule]) -> BindRule:
    return rules[0] if len(rules) == 1 else Either(tuple(rules))


def _all(rules: list[BindRule]) -> BindRule:
    """A conjunction without alternatives that contain another's."""
    sets = [frozenset(rule.rules) for rule in rules if isinstance(rule, Either)]
    if 1 < len(sets) <= _MOST_COMPARED:
        rules = [
            rule for rule in rules if not (isinstance(rule, Either) and any(one < set(rule.rules) for one in sets))
        ]
    return ANYONE if not rules else rules[0] if len(rules) == 1 else All(tuple(rules))


def either(*rules: BindRule) -> BindRule:
    """Who is in one of them."""
    parts = [part for part in dict.fromkeys(_flat(rules, Either)) if part != NOBODY]
    alone = {part for part in parts if not isinstance(part, All)}
    if ANYONE in alone or any(_opposite(part) in alone for part in alone):
        return ANYONE
    kept = [
        part
        for part in parts
        if not (BOUND in alone and _is_bound_subject(part))
        and not (isinstance(part, All) and any(one in alone for one in part.rules))
    ]
    return NOBODY if not kept else kept[0] if len(kept) == 1 else Either(tuple(kept))


def _flat(rules: Iterable[BindRule], kind: type[All] | type[Either]) -> list[BindRule]:
    found: list[BindRule] = []
    for rule in rules:
        found.extend(rule.rules if isinstance(rule, kind) else [rule])
    return found


def _opposite(literal: BindRule) -> BindRule:
    """The literal that is true when this one is not."""
    if isinstance(literal, Keyword) and literal.keyword == "userattr":
        return Not(literal)
    return negate(literal)


class _Facts:
    """Literals that all hold, and what follows from them: in one step each, whatever their number."""

    def __init__(self, literals: Iterable[BindRule]) -> None:
        self.literals = {literal for literal in literals if literal != ANYONE}
        self.bound = any(_is_bound_subject(literal) for literal in self.literals)
        users = [literal for literal in self.literals if _is_user(literal)]
        self.user = users[0] if users else None
        self.impossible = (
            NOBODY in self.literals
            or any(not _is_same_user(other, users[0]) for other in users[1:])
            or (self.bound and _UNBOUND in self.literals)
            or any(_opposite(literal) in self.literals for literal in self.literals)
        )

    def follows(self, literal: BindRule) -> bool:
        """True when the other literals say it already."""
        return literal == ANYONE or (literal == BOUND and self.bound) or self._is_another(_opposite(literal))

    def holds(self, rule: BindRule) -> bool:
        """True when the rule is certainly true."""
        if isinstance(rule, All):
            return all(self.holds(part) for part in rule.rules)
        return rule in self.literals or self.follows(rule)

    def excludes(self, rule: BindRule) -> bool:
        """True when the rule is certainly false."""
        if isinstance(rule, All):
            return any(self.excludes(part) for part in rule.rules)
        if isinstance(rule, Either):
            return all(self.excludes(part) for part in rule.rules)
        if rule == NOBODY or _opposite(rule) in self.literals or self._is_another(rule):
            return True
        return (rule == _UNBOUND and self.bound) or (_UNBOUND in self.literals and _is_bound_subject(rule))

    def _is_another(self, rule: BindRule) -> bool:
        """True for ``userdn="ldap:///b"`` where somebody else is known to ask."""
        return self.user is not None and _is_user(rule) and not _is_same_user(rule, self.user)


def _is_same_user(one: BindRule, other: BindRule) -> bool:
    return isinstance(one, Keyword) and isinstance(other, Keyword) and one.value == other.value


def _is_bound_subject(rule: BindRule) -> bool:
    """True for a rule that only somebody who is bound can meet."""
    return (
        isinstance(rule, Keyword) and rule.operator == "=" and rule.keyword in _SUBJECTS and rule not in {ANYONE, BOUND}
    )


def _is_user(rule: BindRule) -> bool:
    """True for ``userdn="ldap:///dn"``."""
    return (
        isinstance(rule, Keyword)
        and rule.operator == "="
        and isinstance(rule.value, Users)
        and len(rule.value.urls) == 1
        and rule.value.urls[0].kind == "dn"
    )


def disjoint(one: BindRule, other: BindRule) -> bool:
    """True when certainly nobody is in both."""
    return both(one, other) == NOBODY


def as_written(rule: BindRule) -> BindRule:
    """The rule with ``anyone`` in front where it only excludes, so that a reader sees who it is about."""
    if _has_subject(rule):
        return rule
    return All((ANYONE, *(rule.rules if isinstance(rule, All) else (rule,))))


def _has_subject(rule: BindRule) -> bool:
    match rule:
        case Keyword(name, operator):
            return operator == "=" and name in _SUBJECTS
        case All(rules):
            return any(_has_subject(part) for part in rules)
        case Either(rules):
            return all(_has_subject(part) for part in rules)
        case Not():
            return False


def in_words(rule: BindRule) -> str:
    """The rule for a note."""
    return "nobody" if rule == NOBODY else write_rule(rule)
