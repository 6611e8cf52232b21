"""Bind rules as sets of subjects: who is in one, in both, in neither.

What belongs here: joining and negating bind rules with as little text as possible. What does not: where a rule comes
from (``subjects``) and evaluating it (``aci_model``).

Negation stands on the keywords only, in the form that both servers read alike: ``groupdn!="..."``, but never
``userattr!="..."``, which 389 takes for ``=``, nor ``ssf<"1"``, which it refuses.
"""

from __future__ import annotations

from collections.abc import Iterable

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
_UNBOUND = Keyword("userdn", "!=", BOUND.text, BOUND.value)
NOBODY = Keyword("userdn", "!=", "ldap:///anyone", Users((UserUrl("anyone"),)))

_OPPOSITES: dict[Operator, Operator] = {"=": "!=", "!=": "=", ">=": "<", "<": ">=", "<=": ">", ">": "<="}
_SUBJECTS = {"userdn", "groupdn", "userattr"}


def user(dn: str) -> Keyword:
    """One user."""
    return keyword("userdn", dn_url(dn))


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
    parts = list(dict.fromkeys(_flat(rules, All)))
    if NOBODY in parts:
        return NOBODY
    kept = [part for part in parts if not any(other != part and implies(other, part) for other in parts)]
    kept = [_without_opposed(part, kept) for part in kept]
    if any(_excludes(one, other) for number, one in enumerate(kept) for other in kept[number + 1 :]):
        return NOBODY
    if NOBODY in kept:
        return NOBODY
    return ANYONE if not kept or kept == [ANYONE] else kept[0] if len(kept) == 1 else All(tuple(kept))


def either(*rules: BindRule) -> BindRule:
    """Who is in one of them."""
    parts = list(dict.fromkeys(_flat(rules, Either)))
    if ANYONE in parts or any(negate(part) in parts for part in parts):
        return ANYONE
    parts = [part for part in parts if part != NOBODY]
    kept = [part for part in parts if not any(other != part and implies(part, other) for other in parts)]
    return NOBODY if not kept else kept[0] if len(kept) == 1 else Either(tuple(kept))


def _flat(rules: Iterable[BindRule], kind: type[All] | type[Either]) -> list[BindRule]:
    found: list[BindRule] = []
    for rule in rules:
        found.extend(rule.rules if isinstance(rule, kind) else [rule])
    return found


def _without_opposed(part: BindRule, others: list[BindRule]) -> BindRule:
    """An alternative that the other conditions rule out is none."""
    if not isinstance(part, Either):
        return part
    return either(*[
        one for one in part.rules if not any(other is not part and _excludes(one, other) for other in others)
    ])  # fmt: skip


def implies(one: BindRule, other: BindRule) -> bool:
    """True when whoever is in the first is certainly in the second; False when that cannot be told."""
    if one in {other, NOBODY} or other == ANYONE:
        return True
    if isinstance(other, Either):
        return any(implies(one, part) for part in other.rules)
    if isinstance(one, All):
        return any(implies(part, other) for part in one.rules)
    if isinstance(one, Either):
        return all(implies(part, other) for part in one.rules)
    if isinstance(other, All):
        return all(implies(one, part) for part in other.rules)
    if other == BOUND:
        return isinstance(one, Keyword) and one.operator == "=" and one.keyword in _SUBJECTS and one != ANYONE
    if _is_other_user(other):
        return _is_user(one) and isinstance(one, Keyword) and isinstance(other, Keyword) and one.value != other.value
    return False


def _excludes(one: BindRule, other: BindRule) -> bool:
    """True when certainly nobody is in both."""
    return implies(one, negate(other)) or implies(other, negate(one))


def _is_user(rule: BindRule) -> bool:
    """True for ``userdn="ldap:///dn"``."""
    return (
        isinstance(rule, Keyword)
        and rule.operator == "="
        and isinstance(rule.value, Users)
        and [url.kind for url in rule.value.urls] == ["dn"]
    )


def _is_other_user(rule: BindRule) -> bool:
    """True for ``userdn!="ldap:///dn"``."""
    return isinstance(rule, Keyword) and rule.operator == "!=" and _is_user(negate(rule))


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
