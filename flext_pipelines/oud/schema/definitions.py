"""Reading schema definitions from left to right: RFC 4512 section 4.1, strictly, or with what OID makes of it.

What belongs here: the grammar. Strictly, whatever the grammar does not know is an error with its column. Tolerantly,
what has one meaning all the same (a quoted SYNTAX, ``AUXILLARY``, clauses in another order) is read and told as an
oddity. What does not: names, references and rules that a server refuses (``spelling``, ``closure``).

Keywords stand in any case, as literals of ABNF do. Nothing nests, so nothing is deep; no text makes it loop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Generic, Literal, TypedDict, TypeVar, cast

from flext_pipelines.oud.schema.elements import (
    CLASS_KINDS,
    USAGES,
    AttributeType,
    ClassKind,
    Element,
    ElementKind,
    Extension,
    LdapSyntax,
    MatchingRule,
    MatchingRuleUse,
    ObjectClass,
    Usage,
)
from flext_pipelines.oud.schema.scanner import DESCR, NUMERIC_OID, Oddity, Scanner

E = TypeVar("E", bound=Element)

_LENGTH = re.compile(r"\{(0|[1-9][0-9]{0,9})\}\Z")
_EXTENSION = re.compile(r"X-[A-Z_-]+")
_AUXILIARY = frozenset({"AUXILLARY", "AUXILARY", "AUXILLIARY", "AUXILIARY"})

ValueKind = Literal["flag", "names", "text", "oid", "oids", "syntax", "usage", "class"]

_CLAUSES: dict[ElementKind, dict[str, ValueKind]] = {
    "attributeType": {
        "SUP": "oid", "EQUALITY": "oid", "ORDERING": "oid", "SUBSTR": "oid", "SYNTAX": "syntax",
        "SINGLE-VALUE": "flag", "COLLECTIVE": "flag", "NO-USER-MODIFICATION": "flag", "USAGE": "usage",
    },
    "objectClass": {"SUP": "oids", "KIND": "class", "MUST": "oids", "MAY": "oids"},
    "matchingRule": {"SYNTAX": "syntax"},
    "matchingRuleUse": {"APPLIES": "oids"},
    "ldapSyntax": {},
}  # fmt: skip
"""The clauses of each kind behind NAME, DESC and OBSOLETE, in the order of the grammar."""


@dataclass(frozen=True, slots=True)
class Definition(Generic[E]):
    """A definition that was read.

    Attributes:
        element: What it defines.
        oddities: Where it was not RFC 4512; empty after a strict reading.
    """

    element: E
    oddities: tuple[Oddity, ...] = ()


def parse_definition(kind: ElementKind, text: str) -> Element:
    """Read a definition strictly.

    Raises:
        SchemaSyntaxError: It is none by RFC 4512; the reason and column say where.
    """
    return read_definition(kind, text, tolerant=False).element


def parse_attribute_type(text: str) -> AttributeType:
    """``parse_definition`` of an attribute type."""
    return cast("AttributeType", parse_definition("attributeType", text))


def parse_object_class(text: str) -> ObjectClass:
    """``parse_definition`` of an object class."""
    return cast("ObjectClass", parse_definition("objectClass", text))


def read_definition(kind: ElementKind, text: str, *, tolerant: bool = True) -> Definition[Element]:
    """Read a definition.

    Args:
        kind: What it defines.
        text: Without the attribute's name, unfolded.
        tolerant: Read what has one meaning, and tell it; names and OIDs are kept as they stand.

    Raises:
        SchemaSyntaxError: It is none.
    """
    reader = _Reader(text, kind, tolerant=tolerant)
    element = reader.read()
    return Definition(element, tuple(reader.oddities))


class _Shared(TypedDict):
    """The fields that every element has."""

    oid: str
    names: tuple[str, ...]
    description: str | None
    obsolete: bool
    extensions: tuple[Extension, ...]


@dataclass
class _Found:
    """The clauses of one definition as they come."""

    flags: set[str] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    length: int | None = None
    extensions: list[Extension] = field(default_factory=list)


class _Reader(Scanner):
    """One definition, read from left to right."""

    def __init__(self, text: str, kind: ElementKind, *, tolerant: bool) -> None:
        super().__init__(text, tolerant=tolerant)
        self._kind: ElementKind = kind
        names: dict[str, ValueKind] = {} if kind == "ldapSyntax" else {"NAME": "names"}
        rest: dict[str, ValueKind] = {"DESC": "text"} if kind == "ldapSyntax" else {"DESC": "text", "OBSOLETE": "flag"}
        self._clauses: dict[str, ValueKind] = {**names, **rest, **_CLAUSES[kind]}
        self._order = list(self._clauses)

    def read(self) -> Element:
        self.expect("(")
        oid = self._oid_of_element()
        found = _Found()
        seen: list[str] = []
        while not self.take(")"):
            self._clause(found, seen)
        if self.peek():
            self.fail(f"expected nothing behind the definition, found {self.found()}")
        return self._element(oid, found)

    # What stands here.

    # Values.

    def _oid_of_element(self) -> str:
        self.skip()
        start = self.position
        oid = self.quoted()[0] if self.peek() == "'" else self.word("an OID")
        if start != self.position and self.text[start] == "'":
            self.odd("quoted-oid", "the OID stands in quotes", "quotes removed", start)
        if not NUMERIC_OID.fullmatch(oid):
            if not self.tolerant:
                self.fail(f"{oid!r} is no numeric OID", start)
            if not oid:
                self.fail("the OID is empty", start)
        return oid

    def _names(self) -> tuple[str, ...]:
        if not self.take("("):
            return (self._name(),)
        names: list[str] = []
        while not self.take(")"):
            names.append(self._name())
            if self.peek() == "$":
                self.odd("list", "names are parted by $", "read as parted by spaces", self.position)
                self.position += 1
        return tuple(names)

    def _name(self) -> str:
        self.skip()
        start = self.position
        if self.peek() == "'":
            name, start = self.quoted()
        else:
            name = self.word("a name in quotes")
            self.odd("unquoted-name", f"the name {name} stands without quotes", "quotes added", start)
        if not self.tolerant and not DESCR.fullmatch(name):
            self.fail(f"{name!r} is no name: a letter, then letters, digits and hyphens", start)
        return name

    def _syntax(self, found: _Found) -> str:
        self.skip()
        start = self.position
        written = self.one_oid("SYNTAX") if self.tolerant else self.word("the OID of a syntax")
        if self.tolerant and "{" not in written and self.peek() == "{":
            self.odd("length", "the length stands apart from the syntax", "joined", self.position)
            written += self.word("a length")
        length = _LENGTH.search(written)
        oid = written[: length.start()] if length else written
        if length:
            found.length = int(length[1])
        if "{" in oid or (not self.tolerant and not NUMERIC_OID.fullmatch(oid)):
            self.fail(f"{written[:60]!r} is no syntax: a numeric OID, perhaps with a length in braces", start)
        return oid.strip()

    def _extension(self, name: str, start: int, found: _Found) -> None:
        values: list[str] = []
        if self.take("("):
            while not self.take(")"):
                values.append(self.string())
        elif self.peek() == "'":
            values.append(self.string())
        else:
            at = self.position
            values.append(self.word(f"quoted text after {name}"))
            self.odd("unquoted-name", f"the text of {name} stands without quotes", "quotes added", at)
        if any(name == other for other, _ in found.extensions):
            self.odd("twice", f"{name} is given twice", "the first is kept", start)
        else:
            found.extensions.append((name, tuple(value for value in values if value)))

    # Clauses.

    def _clause(self, found: _Found, seen: list[str]) -> None:
        self.skip()
        start = self.position
        keyword = self.word("a clause or ')'").upper()
        if not self.text[start - 1].isspace():
            self.odd("no-space", f"no space before {keyword}", "read as if there were one", start)
        if keyword.startswith("X-") and _EXTENSION.fullmatch(keyword):
            self.apart(keyword)
            self._extension(keyword, start, found)
            return
        slot = keyword
        if "KIND" in self._clauses and (keyword in CLASS_KINDS or keyword in _AUXILIARY):
            slot = "KIND"
            if keyword not in CLASS_KINDS:
                self.odd("spelling", f"the kind is spelled {keyword}", "AUXILIARY", start)
                keyword = "AUXILIARY"
        if slot not in self._clauses or keyword == "KIND":
            self.fail(f"unknown clause {keyword[:40]!r}", start)
        if slot in seen:
            self.fail(f"{slot.replace('KIND', 'the kind')} is given twice", start)
        if found.extensions or (seen and self._order.index(seen[-1]) > self._order.index(slot)):
            behind = found.extensions[-1][0] if found.extensions else seen[-1].replace("KIND", "the kind")
            self.odd("order", f"{keyword} stands behind {behind}", "put in order", start)
        seen.append(slot)
        if self._clauses[slot] not in ("flag", "class"):
            self.apart(keyword)
        self._value(slot, keyword, found)

    def _value(self, slot: str, keyword: str, found: _Found) -> None:
        kind = self._clauses[slot]
        if kind == "flag":
            found.flags.add(slot)
        elif kind == "class":
            found.words[slot] = keyword
        elif kind == "names":
            found.lists[slot] = self._names()
        elif kind == "text":
            found.words[slot] = self.string()
        elif kind == "oid":
            found.words[slot] = self.one_oid(slot)
        elif kind == "oids":
            found.lists[slot] = self.oids(slot)
        elif kind == "syntax":
            found.words[slot] = self._syntax(found)
        else:
            found.words[slot] = self._usage()

    def _usage(self) -> str:
        self.skip()
        start = self.position
        word = self.word("a usage")
        for usage in USAGES:
            if usage.lower() == word.lower():
                return usage
        raise self.error(f"unknown usage {word[:40]!r}, expected one of {', '.join(USAGES)}", start)

    # The whole.

    def _element(self, oid: str, found: _Found) -> Element:
        shared: _Shared = {
            "oid": oid,
            "names": found.lists.get("NAME", ()),
            "description": found.words.get("DESC") or None,
            "obsolete": "OBSOLETE" in found.flags,
            "extensions": tuple(found.extensions),
        }
        if self._kind == "attributeType":
            return self._attribute_type(found, shared)
        if self._kind == "objectClass":
            return ObjectClass(
                **shared,
                superiors=found.lists.get("SUP", ()),
                kind=cast("ClassKind", found.words.get("KIND", "STRUCTURAL")),
                must=found.lists.get("MUST", ()),
                may=found.lists.get("MAY", ()),
            )
        if self._kind == "matchingRule":
            if "SYNTAX" not in found.words:
                self.fail("a matching rule needs a SYNTAX")
            return MatchingRule(**shared, syntax=found.words["SYNTAX"])
        if self._kind == "matchingRuleUse":
            if "APPLIES" not in found.lists:
                self.fail("a matching rule use needs APPLIES")
            return MatchingRuleUse(**shared, applies=found.lists["APPLIES"])
        return LdapSyntax(**shared)

    def _attribute_type(self, found: _Found, shared: _Shared) -> AttributeType:
        words, flags = found.words, found.flags
        usage = cast("Usage", words.get("USAGE", "userApplications"))
        if not self.tolerant:
            if "SUP" not in words and "SYNTAX" not in words:
                self.fail("an attribute type needs SUP or SYNTAX")
            if "COLLECTIVE" in flags and usage != "userApplications":
                self.fail("a collective attribute is for user applications")
            if "NO-USER-MODIFICATION" in flags and usage == "userApplications":
                self.fail("NO-USER-MODIFICATION is for operational attributes")
        return AttributeType(
            **shared,
            superior=words.get("SUP"),
            equality=words.get("EQUALITY"),
            ordering=words.get("ORDERING"),
            substring=words.get("SUBSTR"),
            syntax=words.get("SYNTAX"),
            length=found.length,
            single_valued="SINGLE-VALUE" in flags,
            collective="COLLECTIVE" in flags,
            no_user_modification="NO-USER-MODIFICATION" in flags,
            usage=usage,
        )
