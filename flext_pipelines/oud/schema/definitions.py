"""Reading schema definitions from left to right: RFC 4512 section 4.1, strictly, or with what OID makes of it.

What belongs here: the grammar. Strictly, whatever the grammar does not know is an error with its column. Tolerantly,
what has one meaning all the same (a quoted SYNTAX, ``AUXILLARY``, clauses in another order) is read and told as an
oddity. What does not: names, references and rules that a server refuses (``spelling``, ``closure``).

Keywords stand in any case, as literals of ABNF do. Nothing nests, so nothing is deep; no text makes it loop.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, NoReturn, TypedDict, TypeVar, cast

from flext_pipelines.errors import SchemaSyntaxError
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

E = TypeVar("E", bound=Element)

NUMERIC_OID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+")
DESCR = re.compile(r"[A-Za-z][A-Za-z0-9-]*")

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()'$]+")
_LENGTH = re.compile(r"\{(0|[1-9][0-9]{0,9})\}\Z")
_EXTENSION = re.compile(r"X-[A-Z_-]+")
_ESCAPE = re.compile(r"\\(27|5[Cc])")
_LONE_BACKSLASH = re.compile(r"\\(?!27|5[Cc])")
_BEHIND_QUOTE = re.compile(
    r"[)\s{'($]|\Z|(?:NAME|DESC|OBSOLETE|SUP|EQUALITY|ORDERING|SUBSTR|SYNTAX|SINGLE-VALUE|COLLECTIVE"
    r"|NO-USER-MODIFICATION|USAGE|ABSTRACT|STRUCTURAL|AUXIL[A-Z]*|MUST|MAY|APPLIES|X-[A-Z_-]+)[\s('){]"
)
"""What may follow the quote that ends a text; any other quote is part of it."""
_AUXILIARY = frozenset({"AUXILLARY", "AUXILARY", "AUXILLIARY", "AUXILIARY"})
_SHOWN = 200

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


class Oddity(NamedTuple):
    """Something that RFC 4512 does not allow and that has one meaning all the same.

    Attributes:
        code: What kind of thing it is, for programs.
        reason: What stands there.
        fix: What it was read as.
        column: Where, from 1.
    """

    code: str
    reason: str
    fix: str
    column: int


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


class _Reader:
    """One definition, read from left to right."""

    def __init__(self, text: str, kind: ElementKind, *, tolerant: bool) -> None:
        self.oddities: list[Oddity] = []
        self._text = text
        self._kind: ElementKind = kind
        self._tolerant = tolerant
        self._position = 0
        names: dict[str, ValueKind] = {} if kind == "ldapSyntax" else {"NAME": "names"}
        rest: dict[str, ValueKind] = {"DESC": "text"} if kind == "ldapSyntax" else {"DESC": "text", "OBSOLETE": "flag"}
        self._clauses: dict[str, ValueKind] = {**names, **rest, **_CLAUSES[kind]}
        self._order = list(self._clauses)

    def read(self) -> Element:
        self._expect("(")
        oid = self._oid_of_element()
        found = _Found()
        seen: list[str] = []
        while not self._take(")"):
            self._clause(found, seen)
        if self._peek():
            self._fail(f"expected nothing behind the definition, found {self._found()}")
        return self._element(oid, found)

    # What stands here.

    def _error(self, reason: str, position: int | None = None) -> SchemaSyntaxError:
        column = (self._position if position is None else position) + 1
        shown = self._text if len(self._text) <= _SHOWN else f"{self._text[:_SHOWN]}..."
        return SchemaSyntaxError(
            f"{reason} at column {column}",
            "Correct the definition, or leave it out",
            {"column": column, "text": shown},
        )

    def _fail(self, reason: str, position: int | None = None) -> NoReturn:
        raise self._error(reason, position)

    def _odd(self, code: str, reason: str, fix: str, position: int) -> None:
        if not self._tolerant:
            self._fail(reason, position)
        self.oddities.append(Oddity(code, reason, fix, position + 1))

    def _skip(self) -> bool:
        """Go past white space; True when there was some."""
        match = _SPACE.match(self._text, self._position)
        assert match is not None
        if match.group().strip(" ") and not any(odd.code == "white-space" for odd in self.oddities):
            self._odd("white-space", "white space that is no space", "read as a space", match.start())
        self._position = match.end()
        return bool(match.group())

    def _peek(self) -> str:
        self._skip()
        return self._text[self._position : self._position + 1]

    def _found(self) -> str:
        rest = self._text[self._position : self._position + 20]
        return f"{rest!r}" if rest else "the end"

    def _take(self, literal: str) -> bool:
        if self._peek() == literal:
            self._position += 1
            return True
        return False

    def _expect(self, literal: str) -> None:
        if not self._take(literal):
            self._fail(f"expected {literal!r}, found {self._found()}")

    def _word(self, wanted: str) -> str:
        self._skip()
        match = _WORD.match(self._text, self._position)
        if match is None:
            self._fail(f"expected {wanted}, found {self._found()}")
        self._position = match.end()
        return match.group()

    def _apart(self, before: str) -> None:
        """White space must stand between a keyword and its value."""
        start = self._position
        if not self._skip():
            self._odd("no-space", f"no space after {before}", "read as if there were one", start)

    # Values.

    def _oid_of_element(self) -> str:
        self._skip()
        start = self._position
        oid = self._quoted()[0] if self._peek() == "'" else self._word("an OID")
        if start != self._position and self._text[start] == "'":
            self._odd("quoted-oid", "the OID stands in quotes", "quotes removed", start)
        if not NUMERIC_OID.fullmatch(oid):
            if not self._tolerant:
                self._fail(f"{oid!r} is no numeric OID", start)
            if not oid:
                self._fail("the OID is empty", start)
        return oid

    def _quoted(self) -> tuple[str, int]:
        """Text in single quotes, as it stands, and where it begins."""
        self._expect("'")
        start = self._position
        at = start
        while (end := self._text.find("'", at)) >= 0:
            if not self._tolerant or _BEHIND_QUOTE.match(self._text, end + 1):
                self._position = end + 1
                return self._text[start:end], start
            self._odd("lone-quote", "a quote inside quotes", "kept as text", end)
            at = end + 1
        raise self._error("no closing '", start - 1)

    def _string(self) -> str:
        """A quoted string, unescaped."""
        written, start = self._quoted()
        if not written:
            self._odd("empty-text", "the text in quotes is empty", "left out", start)
        lone = _LONE_BACKSLASH.search(written)
        if lone is not None:
            self._odd("lone-backslash", "a backslash that escapes nothing", "kept as text", start + lone.start())
        return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), written)

    def _names(self) -> tuple[str, ...]:
        if not self._take("("):
            return (self._name(),)
        names: list[str] = []
        while not self._take(")"):
            names.append(self._name())
            if self._peek() == "$":
                self._odd("list", "names are parted by $", "read as parted by spaces", self._position)
                self._position += 1
        return tuple(names)

    def _name(self) -> str:
        self._skip()
        start = self._position
        if self._peek() == "'":
            name, start = self._quoted()
        else:
            name = self._word("a name in quotes")
            self._odd("unquoted-name", f"the name {name} stands without quotes", "quotes added", start)
        if not self._tolerant and not DESCR.fullmatch(name):
            self._fail(f"{name!r} is no name: a letter, then letters, digits and hyphens", start)
        return name

    def _oid(self, keyword: str) -> str:
        """The name or OID of another element."""
        self._skip()
        start = self._position
        if self._peek() == "'":
            written, start = self._quoted()
            oid = written.strip()
            self._odd("quoted-oid", f"{oid!r} of {keyword} stands in quotes", "quotes removed", start - 1)
        else:
            oid = self._word(f"a name or OID after {keyword}")
        if not oid:
            self._fail(f"{keyword} names nothing", start)
        if not self._tolerant and not (DESCR.fullmatch(oid) or NUMERIC_OID.fullmatch(oid)):
            self._fail(f"{oid!r} is neither a name nor a numeric OID", start)
        return oid

    def _oids(self, keyword: str) -> tuple[str, ...]:
        if not self._take("("):
            return (self._oid(keyword),)
        oids: list[str] = []
        while not self._take(")"):
            start = self._position
            if oids and not self._take("$"):
                self._odd("list", f"no $ between the names of {keyword}", "read as if there were one", start)
            elif self._peek() in ("$", ")"):
                self._odd("list", f"a $ of {keyword} with no name beside it", "left out", self._position)
                continue
            oids.append(self._oid(keyword))
        if not oids:
            self._odd("list", f"the list of {keyword} is empty", "left out", self._position)
        return tuple(oids)

    def _one_oid(self, keyword: str) -> str:
        """One name, which OID may put into parentheses."""
        self._skip()
        start = self._position
        if self._peek() != "(":
            return self._oid(keyword)
        oids = self._oids(keyword)
        if len(oids) != 1:
            self._fail(f"{keyword} has one name, not {len(oids)}", start)
        self._odd("list", f"{keyword} stands in parentheses", "parentheses removed", start)
        return oids[0]

    def _syntax(self, found: _Found) -> str:
        self._skip()
        start = self._position
        written = self._one_oid("SYNTAX") if self._tolerant else self._word("the OID of a syntax")
        if self._tolerant and "{" not in written and self._peek() == "{":
            self._odd("length", "the length stands apart from the syntax", "joined", self._position)
            written += self._word("a length")
        length = _LENGTH.search(written)
        oid = written[: length.start()] if length else written
        if length:
            found.length = int(length[1])
        if "{" in oid or (not self._tolerant and not NUMERIC_OID.fullmatch(oid)):
            self._fail(f"{written[:60]!r} is no syntax: a numeric OID, perhaps with a length in braces", start)
        return oid.strip()

    def _extension(self, name: str, start: int, found: _Found) -> None:
        values: list[str] = []
        if self._take("("):
            while not self._take(")"):
                values.append(self._string())
        elif self._peek() == "'":
            values.append(self._string())
        else:
            at = self._position
            values.append(self._word(f"quoted text after {name}"))
            self._odd("unquoted-name", f"the text of {name} stands without quotes", "quotes added", at)
        if any(name == other for other, _ in found.extensions):
            self._odd("twice", f"{name} is given twice", "the first is kept", start)
        else:
            found.extensions.append((name, tuple(value for value in values if value)))

    # Clauses.

    def _clause(self, found: _Found, seen: list[str]) -> None:
        self._skip()
        start = self._position
        keyword = self._word("a clause or ')'").upper()
        if not self._text[start - 1].isspace():
            self._odd("no-space", f"no space before {keyword}", "read as if there were one", start)
        if keyword.startswith("X-") and _EXTENSION.fullmatch(keyword):
            self._apart(keyword)
            self._extension(keyword, start, found)
            return
        slot = keyword
        if "KIND" in self._clauses and (keyword in CLASS_KINDS or keyword in _AUXILIARY):
            slot = "KIND"
            if keyword not in CLASS_KINDS:
                self._odd("spelling", f"the kind is spelled {keyword}", "AUXILIARY", start)
                keyword = "AUXILIARY"
        if slot not in self._clauses or keyword == "KIND":
            self._fail(f"unknown clause {keyword[:40]!r}", start)
        if slot in seen:
            self._fail(f"{slot.replace('KIND', 'the kind')} is given twice", start)
        if found.extensions or (seen and self._order.index(seen[-1]) > self._order.index(slot)):
            behind = found.extensions[-1][0] if found.extensions else seen[-1].replace("KIND", "the kind")
            self._odd("order", f"{keyword} stands behind {behind}", "put in order", start)
        seen.append(slot)
        if self._clauses[slot] not in ("flag", "class"):
            self._apart(keyword)
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
            found.words[slot] = self._string()
        elif kind == "oid":
            found.words[slot] = self._one_oid(slot)
        elif kind == "oids":
            found.lists[slot] = self._oids(slot)
        elif kind == "syntax":
            found.words[slot] = self._syntax(found)
        else:
            found.words[slot] = self._usage()

    def _usage(self) -> str:
        self._skip()
        start = self._position
        word = self._word("a usage")
        for usage in USAGES:
            if usage.lower() == word.lower():
                return usage
        raise self._error(f"unknown usage {word[:40]!r}, expected one of {', '.join(USAGES)}", start)

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
                self._fail("a matching rule needs a SYNTAX")
            return MatchingRule(**shared, syntax=found.words["SYNTAX"])
        if self._kind == "matchingRuleUse":
            if "APPLIES" not in found.lists:
                self._fail("a matching rule use needs APPLIES")
            return MatchingRuleUse(**shared, applies=found.lists["APPLIES"])
        return LdapSyntax(**shared)

    def _attribute_type(self, found: _Found, shared: _Shared) -> AttributeType:
        words, flags = found.words, found.flags
        usage = cast("Usage", words.get("USAGE", "userApplications"))
        if not self._tolerant:
            if "SUP" not in words and "SYNTAX" not in words:
                self._fail("an attribute type needs SUP or SYNTAX")
            if "COLLECTIVE" in flags and usage != "userApplications":
                self._fail("a collective attribute is for user applications")
            if "NO-USER-MODIFICATION" in flags and usage == "userApplications":
                self._fail("NO-USER-MODIFICATION is for operational attributes")
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
