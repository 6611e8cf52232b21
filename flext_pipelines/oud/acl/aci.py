"""OUD's ``aci`` values, and their text.

What belongs here: targets, permissions and bind rules as values, and writing them. What does not: reading
(``aci_parser``), what a keyword's text may hold (``bind_values``), and what a rule means (``aci_model``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from flext_pipelines.oud.acl.bind_values import BindValue
from flext_pipelines.oud.acl.filters import Filter, write_filter
from flext_pipelines.oud.acl.names import attribute_type, standard_dn
from flext_pipelines.oud.acl.scanner import to_bytes

Flavour: TypeAlias = Literal["oud", "389"]
"""Whose dialect: Oracle Unified Directory's, or 389 Directory Server's."""

Right: TypeAlias = Literal[
    "read", "write", "add", "delete", "search", "compare", "selfwrite", "proxy", "import", "export", "all"
]

RIGHTS: tuple[Right, ...] = (
    "read", "search", "compare", "write", "selfwrite", "add", "delete", "proxy", "import", "export", "all",
)  # fmt: skip
ALL_RIGHTS: frozenset[Right] = frozenset({"read", "write", "add", "delete", "search", "compare", "selfwrite"})
"""What ``all`` stands for: it holds neither proxy nor import nor export."""

Scope: TypeAlias = Literal["base", "onelevel", "subtree", "subordinate"]

Operator: TypeAlias = Literal["=", "!=", "<", ">", "<=", ">="]


def _hash_once(self: object) -> int:
    """The hash of a bind rule, computed once: rules are joined, compared and looked up by the thousand."""
    found = self.__dict__.get("_hash")
    if not isinstance(found, int):
        found = self.__dict__["_hash"] = hash((type(self).__name__, *self.__dict__.values()))
    return found


@dataclass(frozen=True)
class Keyword:
    """``userdn="..."``: one condition.

    Attributes:
        keyword: In lower case.
        operator: ``<``, ``>``, ``<=`` and ``>=`` with timeofday and ssf only.
        text: The expression, as it stands between the quotes.
        value: What the expression says.
    """

    keyword: str
    operator: Operator
    text: str
    value: BindValue

    __hash__ = _hash_once


@dataclass(frozen=True)
class Not:
    """``not ...``."""

    rule: BindRule

    __hash__ = _hash_once


@dataclass(frozen=True)
class All:
    """``... and ...``."""

    rules: tuple[BindRule, ...]

    __hash__ = _hash_once


@dataclass(frozen=True)
class Either:
    """``... or ...``."""

    rules: tuple[BindRule, ...]

    __hash__ = _hash_once


BindRule: TypeAlias = Keyword | Not | All | Either


@dataclass(frozen=True, slots=True)
class TargetAttributes:
    """``targetattr``: names, ``*`` for all user attributes, ``+`` for all operational ones.

    In 389's dialect ``name*`` is every name that begins so.
    """

    names: tuple[str, ...]
    negated: bool = False

    def __contains__(self, name: str) -> bool:
        """True when the list names that attribute itself, by whichever of its names."""
        wanted = attribute_type(name)
        return any(
            wanted.startswith(held[:-1].lower()) if held[1:].endswith("*") else wanted == attribute_type(held)
            for held in self.names
        )


@dataclass(frozen=True, slots=True)
class TargetEntry:
    """``target="ldap:///dn"``; the name may be a pattern."""

    url: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class TargetFilter:
    """``targetfilter``: the entries that match, or with ``!=`` that do not."""

    filter: Filter
    negated: bool = False


@dataclass(frozen=True, slots=True)
class ValueFilter:
    """One ``attribute:filter`` of ``targattrfilters``, for values that are added or deleted."""

    operation: Literal["add", "del"]
    attribute: str
    filter: Filter


@dataclass(frozen=True, slots=True)
class OidList:
    """``targetcontrol`` or ``extop``: object identifiers, or ``*``."""

    oids: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class PermissionRule:
    """``allow (rights) bindrule;`` or ``deny (rights) bindrule;``."""

    allow: bool
    rights: tuple[Right, ...]
    rule: BindRule

    def covers(self, right: Right) -> bool:
        """True when the rule is about a right."""
        return right in self.rights or ("all" in self.rights and right in ALL_RIGHTS)


@dataclass(frozen=True, slots=True)
class Aci:
    """One access control instruction."""

    name: str
    permissions: tuple[PermissionRule, ...]
    target: TargetEntry | None = None
    attributes: TargetAttributes | None = None
    scope: Scope | None = None
    filter: TargetFilter | None = None
    value_filters: tuple[ValueFilter, ...] = ()
    controls: OidList | None = None
    extended: OidList | None = None


def write_aci(aci: Aci) -> str:
    """The text of an ``aci``, which the strict parser reads back to the same value."""
    parts = []
    if aci.target is not None:
        parts.append(_target("target", aci.target.url, negated=aci.target.negated))
    if aci.attributes is not None:
        parts.append(_target("targetattr", " || ".join(aci.attributes.names), negated=aci.attributes.negated))
    if aci.scope is not None:
        parts.append(_target("targetscope", aci.scope))
    if aci.filter is not None:
        parts.append(_target("targetfilter", write_filter(aci.filter.filter), negated=aci.filter.negated))
    if aci.value_filters:
        parts.append(_target("targattrfilters", _value_filters(aci.value_filters)))
    if aci.controls is not None:
        parts.append(_target("targetcontrol", " || ".join(aci.controls.oids), negated=aci.controls.negated))
    if aci.extended is not None:
        parts.append(_target("extop", " || ".join(aci.extended.oids), negated=aci.extended.negated))
    rules = " ".join(
        f"{'allow' if rule.allow else 'deny'} ({', '.join(rule.rights)}) {write_rule(rule.rule)};"
        for rule in aci.permissions
    )
    return f'{"".join(parts)}(version 3.0; acl "{aci.name}"; {rules})'


def _target(keyword: str, text: str, *, negated: bool = False) -> str:
    return f'({keyword}{"!=" if negated else "="}"{text}")'


def _value_filters(found: tuple[ValueFilter, ...]) -> str:
    lists = []
    for operation in ("add", "del"):
        items = [f"{item.attribute}:{write_filter(item.filter)}" for item in found if item.operation == operation]
        if items:
            lists.append(f"{operation}={' && '.join(items)}")
    return ", ".join(lists)


def write_rule(rule: BindRule) -> str:
    """The text of a bind rule; what is joined stands in parentheses, so that no precedence is needed."""
    match rule:
        case Keyword(keyword, operator, text):
            return f'{keyword}{operator}"{text}"'
        case Not(inner):
            return f"not {_enclosed(inner)}"
        case All(rules):
            return " and ".join([_enclosed(part) for part in rules])
        case Either(rules):
            return " or ".join([_enclosed(part) for part in rules])


def _enclosed(rule: BindRule) -> str:
    text = write_rule(rule)
    return text if isinstance(rule, Keyword) else f"({text})"


def dn_url(dn: str) -> str:
    """``ldap:///<dn>``, with everything escaped that has a meaning in a URL, a pattern or an ``aci``.

    An asterisk would make the name a pattern, ``||`` two names, a quote would end the expression, and parentheses
    would be counted. They are escaped as RFC 4514 does, in hexadecimal after a backslash: 389 compares a bind DN
    without decoding percent codes, so that ``%2A`` names nobody there, and an exclusion would exclude nobody.
    """
    text = standard_dn(dn)
    return "ldap:///" + _ESCAPE_OR_SPECIAL.sub(_in_hexadecimal, text)


_ESCAPE_OR_SPECIAL = re.compile(r"""\\[0-9A-Fa-f]{2}|\\?[*%?"|()\x00-\x1f\x7f\ud800-\udfff]|\\.""", re.DOTALL)


def _in_hexadecimal(match: re.Match[str]) -> str:
    """An escape as it is, a special character as its bytes."""
    text = match.group()
    if text[0] == "\\" and (len(text) == 3 or not _SPECIAL.fullmatch(text[1])):
        return text
    return "".join(f"\\{byte:02x}" for byte in to_bytes(text[-1]))


_SPECIAL = re.compile(r"""[*%?"|()\x00-\x1f\x7f\ud800-\udfff]""")
