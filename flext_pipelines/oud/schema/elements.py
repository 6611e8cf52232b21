"""Schema elements as values, and as text: the definitions of RFC 4512 section 4.1.

What belongs here: the shape of attribute types, object classes, matching rules, matching rule uses and syntaxes, and
their canonical text. What does not: reading (``definitions``), and what a server makes of them (``view``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

ElementKind: TypeAlias = Literal["attributeType", "objectClass", "matchingRule", "matchingRuleUse", "ldapSyntax"]
Usage: TypeAlias = Literal["userApplications", "directoryOperation", "distributedOperation", "dSAOperation"]
ClassKind: TypeAlias = Literal["STRUCTURAL", "AUXILIARY", "ABSTRACT"]
Extension: TypeAlias = tuple[str, tuple[str, ...]]
"""``X-ORIGIN ('a' 'b')``: the name in upper case and its values."""

USAGES: tuple[Usage, ...] = ("userApplications", "directoryOperation", "distributedOperation", "dSAOperation")
CLASS_KINDS: tuple[ClassKind, ...] = ("ABSTRACT", "STRUCTURAL", "AUXILIARY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """What every definition has.

    Attributes:
        oid: Its numeric OID; in a tolerant reading whatever stands there.
        names: Short names as written, the first is the one that people use.
        description: DESC, unescaped.
        obsolete: OBSOLETE.
        extensions: ``X-`` clauses in the order of the text.
    """

    oid: str
    names: tuple[str, ...] = ()
    description: str | None = None
    obsolete: bool = False
    extensions: tuple[Extension, ...] = ()

    @property
    def name(self) -> str:
        """The first name, or the OID of what has none."""
        return self.names[0] if self.names else self.oid

    @property
    def keys(self) -> tuple[str, ...]:
        """Everything that it may be called, in lower case: names and OID."""
        return (*(name.lower() for name in self.names), self.oid.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeType(Element):
    """An attribute type (4.1.2).

    Attributes:
        superior: SUP.
        equality: EQUALITY; None when it is inherited or absent.
        ordering: ORDERING.
        substring: SUBSTR.
        syntax: OID of the syntax without length; None when it is inherited.
        length: The ``{len}`` behind the syntax, a suggested minimum upper bound.
        single_valued: SINGLE-VALUE.
        collective: COLLECTIVE.
        no_user_modification: NO-USER-MODIFICATION.
        usage: What it is for; all but ``userApplications`` are operational.
    """

    superior: str | None = None
    equality: str | None = None
    ordering: str | None = None
    substring: str | None = None
    syntax: str | None = None
    length: int | None = None
    single_valued: bool = False
    collective: bool = False
    no_user_modification: bool = False
    usage: Usage = "userApplications"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectClass(Element):
    """An object class (4.1.1).

    Attributes:
        superiors: SUP, one or several.
        kind: STRUCTURAL where the text has none.
        must: Attributes that an entry must have, without the inherited ones.
        may: Attributes that it may have.
    """

    superiors: tuple[str, ...] = ()
    kind: ClassKind = "STRUCTURAL"
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRule(Element):
    """A matching rule (4.1.3) and the syntax of its assertions."""

    syntax: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchingRuleUse(Element):
    """The attribute types that a matching rule may be used with (4.1.4)."""

    applies: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LdapSyntax(Element):
    """A syntax (4.1.5); it has no name."""


def write_definition(element: Element) -> str:
    """The definition in the order and spacing of RFC 4512, which reads back to the same value."""
    words = ["(", element.oid]
    if element.names:
        words += ["NAME", _quoted_names(element.names)]
    if element.description is not None:
        words += ["DESC", _quoted(element.description)]
    if element.obsolete:
        words.append("OBSOLETE")
    words += _own_clauses(element)
    for name, values in element.extensions:
        words += [name, _quoted(values[0]) if len(values) == 1 else f"( {' '.join(map(_quoted, values))} )"]
    return " ".join([*words, ")"])


def _own_clauses(element: Element) -> list[str]:
    if isinstance(element, AttributeType):
        return _attribute_clauses(element)
    if isinstance(element, ObjectClass):
        own = _clause("MUST", element.must) + _clause("MAY", element.may)
        return [*_clause("SUP", element.superiors), element.kind, *own]
    if isinstance(element, MatchingRule):
        return ["SYNTAX", element.syntax]
    if isinstance(element, MatchingRuleUse):
        return _clause("APPLIES", element.applies)
    return []


def _attribute_clauses(element: AttributeType) -> list[str]:
    words = []
    for keyword, value in (
        ("SUP", element.superior), ("EQUALITY", element.equality), ("ORDERING", element.ordering),
        ("SUBSTR", element.substring),
    ):  # fmt: skip
        if value is not None:
            words += [keyword, value]
    if element.syntax is not None:
        words += ["SYNTAX", element.syntax if element.length is None else f"{element.syntax}{{{element.length}}}"]
    if element.single_valued:
        words.append("SINGLE-VALUE")
    if element.collective:
        words.append("COLLECTIVE")
    if element.no_user_modification:
        words.append("NO-USER-MODIFICATION")
    if element.usage != "userApplications":
        words += ["USAGE", element.usage]
    return words


def _clause(keyword: str, oids: tuple[str, ...]) -> list[str]:
    if not oids:
        return []
    return [keyword, oids[0] if len(oids) == 1 else f"( {' $ '.join(oids)} )"]


def _quoted_names(names: tuple[str, ...]) -> str:
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"( {' '.join(quoted)} )"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\5C").replace("'", "\\27")
    return f"'{escaped}'"


def differences(one: Element, other: Element) -> tuple[str, ...]:
    """What two definitions of one kind say differently, field by field; descriptions and extensions count not.

    Case makes no difference, nor does the order of names and attributes. Of lists, what only one of the two has.
    """
    found = []
    for field in fields(one):
        if field.name in {"description", "extensions"}:
            continue
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, tuple):
            left, right = _beyond(left, right), _beyond(right, left)
        if _comparable(left) != _comparable(right):
            found.append(f"{field.name}: {_shown(left)} / {_shown(right)}")
    return tuple(found)


def _beyond(names: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    known = {name.lower() for name in others}
    return tuple(name for name in names if name.lower() not in known)


def _comparable(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return several(value, between=" ") or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def several(names: Sequence[str], *, between: str = ", ", most: int = 12) -> str:
    """Names for a sentence; of very many the first ones and how many more there are."""
    if len(names) <= most:
        return between.join(names)
    return f"{between.join(names[:most])}{between}and {len(names) - most:,} more"
