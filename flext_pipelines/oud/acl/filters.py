"""Search filters: RFC 4515 read, written back, and evaluated against an entry.

What belongs here: the string form and the three-valued truth of RFC 4511, 4.5.1.7. What does not: what a filter is
for. No library is used: python-ldap and ldap3 only encode a filter for the wire, they do not evaluate one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias

from flext_pipelines.oud.acl.scanner import MOST_NESTED, syntax_error, to_bytes

_ATTRIBUTE = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]*|\d+(?:\.\d+)*)(?:;[A-Za-z0-9-]+)*")
_RULE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*")
_ITEM = re.compile(r"[^=]*?(?=[~<>:!]?=)")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_ESCAPED = frozenset('\\*()"\x00')


@dataclass(frozen=True, slots=True)
class And:
    """True when all parts are; RFC 4526: an empty one is true."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """True when one part is; RFC 4526: an empty one is false."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when its part is false; undefined when that is."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Comparison:
    """``(cn=a)``, ``(cn>=a)``, ``(cn<=a)``, ``(cn~=a)``."""

    attribute: str
    operator: Literal["=", ">=", "<=", "~="]
    value: str


@dataclass(frozen=True, slots=True)
class Present:
    """``(cn=*)``."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Substrings:
    """``(cn=a*b*c)``: the pieces around the asterisks, of which the first and last may be empty."""

    attribute: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Extensible:
    """``(cn:dn:rule:=a)``; attribute or rule may be empty."""

    attribute: str
    rule: str
    of_dn: bool
    value: str


Filter: TypeAlias = And | Or | Not | Comparison | Present | Substrings | Extensible


@dataclass(slots=True)
class _Open:
    """A ``(&``, ``(|`` or ``(!`` that is not closed yet."""

    operator: str
    position: int
    parts: list[Filter]


class _Reader:
    """Reads without recursion, so that nesting costs no stack."""

    def __init__(self, text: str, *, lenient: bool) -> None:
        self.text, self.lenient, self.position = text, lenient, 0
        self.open: list[_Open] = []

    def fail(self, reason: str, position: int | None = None) -> NoReturn:
        raise syntax_error(f"filter: {reason}", self.text, self.position if position is None else position)

    def skip_space(self) -> None:
        if self.lenient:
            while self.position < len(self.text) and self.text[self.position].isspace():
                self.position += 1

    def read(self) -> Filter:
        """The whole text as one filter."""
        done: Filter | None = None
        self.skip_space()
        while done is None:
            if self.position >= len(self.text):
                self.fail("a parenthesis is never closed" if self.open else "empty, expected (")
            done = self._step()
            self.skip_space()
        if self.position < len(self.text):
            self.fail("text after the closing parenthesis")
        return done

    def _step(self) -> Filter | None:
        """Read one parenthesis or item; the filter when it is complete."""
        character = self.text[self.position]
        if character == ")" and self.open:
            closed = self.open.pop()
            self.position += 1
            return self._finish(self._joined(closed))
        if character != "(":
            self.fail(f"expected (, found {character!r}")
        start = self.position
        self.position += 1
        self.skip_space()
        operator = self.text[self.position : self.position + 1]
        if operator and operator in "&|!":
            if len(self.open) >= MOST_NESTED:
                self.fail(f"nested deeper than {MOST_NESTED}")
            self.open.append(_Open(operator, start, []))
            self.position += 1
            return None
        return self._finish(self._item())

    def _finish(self, part: Filter) -> Filter | None:
        if not self.open:
            return part
        self.open[-1].parts.append(part)
        return None

    def _joined(self, closed: _Open) -> Filter:
        if closed.operator == "&":
            return And(tuple(closed.parts))
        if closed.operator == "|":
            return Or(tuple(closed.parts))
        if len(closed.parts) != 1:
            self.fail(f"(! takes one filter, found {len(closed.parts)}", closed.position)
        return Not(closed.parts[0])

    def _item(self) -> Filter:
        """``attr=value)`` and its kin, past the parenthesis."""
        start = self.position
        end = self.text.find(")", start)
        if end < 0:
            self.fail("a parenthesis is never closed", start - 1)
        text = self.text[start:end]
        match = _ITEM.match(text)
        if match is None or "(" in text:
            self.fail("expected attribute=value")
        left, rest = match.group(), text[match.end() :]
        operator = rest[:1] if rest[:1] in "~<>:!" else ""
        value = rest[len(operator) + 1 :]
        if self.lenient:
            left, value = left.strip(), value.strip()
        if operator == ":":
            item: Filter = self._extensible(left, value, start)
        else:
            item = self._plain(left, operator, value, start)
        self.position = end + 1
        return item

    def _plain(self, attribute: str, operator: str, value: str, start: int) -> Filter:
        if not _ATTRIBUTE.fullmatch(attribute):
            self.fail(f"{attribute!r} is no attribute", start)
        if operator == "!":
            if not self.lenient:
                self.fail("!= is no filter operator", start)
            return Not(self._equality(attribute, value, start))
        if not operator:
            return self._equality(attribute, value, start)
        if "*" in value:
            self.fail(f"{operator}= takes no asterisk", start)
        kind: Literal[">=", "<=", "~="] = ">=" if operator == ">" else "<=" if operator == "<" else "~="
        return Comparison(attribute, kind, self._unescaped(value, start))

    def _equality(self, attribute: str, value: str, start: int) -> Filter:
        if value == "*":
            return Present(attribute)
        if "*" not in value:
            return Comparison(attribute, "=", self._unescaped(value, start))
        pieces = tuple(self._unescaped(piece, start) for piece in value.split("*"))
        if not all(pieces[1:-1]):
            self.fail("two asterisks follow each other", start)
        return Substrings(attribute, pieces)

    def _extensible(self, left: str, value: str, start: int) -> Extensible:
        attribute, *options = left.split(":")
        of_dn = bool(options) and options[0].lower() == "dn"
        rules = options[1:] if of_dn else options
        rule = rules[0] if rules else ""
        if (
            len(rules) > 1
            or not (attribute or rule)
            or (attribute and not _ATTRIBUTE.fullmatch(attribute))
            or (rules and not _RULE.fullmatch(rule))
            or "*" in value
        ):
            self.fail(f"{left!r} is no extensible match", start)
        return Extensible(attribute, rule, of_dn, self._unescaped(value, start))

    def _unescaped(self, value: str, start: int) -> str:
        if "\\" not in value:
            return value
        parts, position = bytearray(), 0
        while position < len(value):
            if value[position] != "\\":
                parts += to_bytes(value[position])
                position += 1
                continue
            pair = _HEX.match(value, position + 1)
            if pair is None:
                self.fail("a backslash takes two hexadecimal digits", start)
            parts.append(int(pair.group(), 16))
            position += 3
        return parts.decode("utf-8", "surrogateescape")


def parse_filter(text: str, *, lenient: bool = False) -> Filter:
    """Read a filter.

    Args:
        text: With its outer parentheses.
        lenient: Take what OID takes, too: white space between the parts, and ``(a!=b)`` for ``(!(a=b))``.

    Raises:
        AciSyntaxError: It is none, or is nested deeper than any server follows.
    """
    return _Reader(text, lenient=lenient).read()


def escaped(value: str) -> str:
    """A value as a filter holds it: what has a meaning there, and what is no UTF-8, as hexadecimal bytes."""
    parts = []
    for character in value:
        if character in _ESCAPED or ord(character) < 32 or "\ud800" <= character <= "\udfff" or character == "\x7f":
            parts.append("".join(f"\\{byte:02x}" for byte in to_bytes(character)))
        else:
            parts.append(character)
    text = "".join(parts)
    body = text.strip()  # a reader may trim; spaces at the ends are part of the value
    start = text.index(body)
    return _hex(text[:start]) + body + _hex(text[start + len(body) :])


def _hex(text: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in to_bytes(text))


def write_filter(found: Filter) -> str:
    """The filter in RFC 4515's form, with parentheses and without white space."""
    match found:
        case And(parts):
            return f"(&{''.join([write_filter(part) for part in parts])})"
        case Or(parts):
            return f"(|{''.join([write_filter(part) for part in parts])})"
        case Not(part):
            return f"(!{write_filter(part)})"
        case Comparison(attribute, operator, value):
            return f"({attribute}{operator}{escaped(value)})"
        case Present(attribute):
            return f"({attribute}=*)"
        case Substrings(attribute, pieces):
            return f"({attribute}={'*'.join(escaped(piece) for piece in pieces)})"
        case Extensible(attribute, rule, of_dn, value):
            return f"({attribute}{':dn' if of_dn else ''}{f':{rule}' if rule else ''}:={escaped(value)})"


def attributes_of(found: Filter) -> frozenset[str]:
    """The attributes that a filter asks for, in lower case and without options."""
    match found:
        case And(parts) | Or(parts):
            names: frozenset[str] = frozenset()
            for part in parts:
                names |= attributes_of(part)
            return names
        case Not(part):
            return attributes_of(part)
        case Comparison(attribute) | Present(attribute) | Substrings(attribute) | Extensible(attribute):
            return frozenset({attribute.partition(";")[0].lower()}) if attribute else frozenset()


def always_defined(found: Filter) -> bool:
    """True when a filter is true or false of every entry, so that ``(!...)`` holds wherever it does not."""
    match found:
        case And(parts) | Or(parts):
            return all(always_defined(part) for part in parts)
        case Not(part):
            return always_defined(part)
        case Extensible():
            return False
        case _:
            return True


def rewritten(
    found: Filter, attribute_of: Callable[[str], str | None], value_of: Callable[[str, str], str]
) -> Filter | None:
    """The filter with other attribute names and values; None when an attribute has no counterpart.

    Args:
        found: The filter.
        attribute_of: The new name of an attribute, None if it is not carried over.
        value_of: The new value of an attribute (by its old name), for instance a DN below another base.
    """
    match found:
        case And(parts) | Or(parts):
            changed = [rewritten(part, attribute_of, value_of) for part in parts]
            kept = tuple(part for part in changed if part is not None)
            if len(kept) < len(changed):
                return None
            return And(kept) if isinstance(found, And) else Or(kept)
        case Not(part):
            inner = rewritten(part, attribute_of, value_of)
            return None if inner is None else Not(inner)
        case _:
            name = attribute_of(found.attribute) if found.attribute else ""
            if name is None:
                return None
            if isinstance(found, Comparison):
                return Comparison(name, found.operator, value_of(found.attribute, found.value))
            if isinstance(found, Present):
                return Present(name)
            if isinstance(found, Substrings):
                return Substrings(name, found.pieces)
            return Extensible(name, found.rule, found.of_dn, found.value)
