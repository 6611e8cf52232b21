"""How a server compares values: its own schema, asked over LDAP, and what two values have in common.

What belongs here: attribute types and classes as the server publishes them (RFC 4512), and a key for a value such that
two values are the same to the server when their keys are (RFC 4517, 4518). What does not: the schema that is migrated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache
from typing import NamedTuple

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import Ava, Dn, normal_key

Rule = str
"""``exact``, ``any case``, ``name``, ``number``, ``phone``, ``digits``, ``moment``, ``octets``."""

_RULES: Mapping[str, Rule] = {
    "caseignorematch": "any case", "caseignoreia5match": "any case", "caseignorelistmatch": "any case",
    "objectidentifiermatch": "any case", "booleanmatch": "any case", "caseexactmatch": "exact",
    "caseexactia5match": "exact", "distinguishednamematch": "name", "uniquemembermatch": "name",
    "integermatch": "number", "telephonenumbermatch": "phone", "numericstringmatch": "digits",
    "generalizedtimematch": "moment", "octetstringmatch": "octets", "bitstringmatch": "octets",
    "2.5.13.2": "any case", "1.3.6.1.4.1.1466.109.114.2": "any case", "2.5.13.11": "any case", "2.5.13.0": "any case",
    "2.5.13.13": "any case", "2.5.13.5": "exact", "1.3.6.1.4.1.1466.109.114.1": "exact", "2.5.13.1": "name",
    "2.5.13.23": "name", "2.5.13.14": "number", "2.5.13.20": "phone", "2.5.13.8": "digits", "2.5.13.27": "moment",
}  # fmt: skip
_SYNTAX = "1.3.6.1.4.1.1466.115.121.1."
_SYNTAXES: Mapping[str, Rule] = {
    f"{_SYNTAX}12": "name", f"{_SYNTAX}34": "name", f"{_SYNTAX}15": "any case", f"{_SYNTAX}26": "any case",
    f"{_SYNTAX}27": "number", f"{_SYNTAX}50": "phone", f"{_SYNTAX}7": "any case", f"{_SYNTAX}36": "digits",
    f"{_SYNTAX}24": "moment", f"{_SYNTAX}38": "any case", f"{_SYNTAX}41": "any case", f"{_SYNTAX}44": "any case",
}  # fmt: skip
"""For types that name no equality rule; RFC 4517 gives each syntax its usual one."""

_SPACES = re.compile(rb" +")
_UID_BEHIND = re.compile(rb"#'[01]*'B\Z")
_WORDS = re.compile(r"'[^']*'|[()$]|[^\s()$]+")


class AttributeType(NamedTuple):
    """An attribute type of the server.

    Attributes:
        key: Its OID in lower case, or its first name where the OID is none: the same for all its names.
        names: In lower case.
        rule: How its values are compared.
        operational: Whether the server, not the user, holds it: a usage, or no user modification.
        single: Whether it has one value at most.
    """

    key: str
    names: tuple[str, ...]
    rule: Rule
    operational: bool
    single: bool


class ObjectClass(NamedTuple):
    """An object class of the server: its OID, names, and the names of those above it, all in lower case."""

    key: str
    names: tuple[str, ...]
    superiors: tuple[str, ...]


class ServerSchema:
    """The schema of a server.

    Args:
        published: The subschema entry: definitions by attribute name.
        where: Its DN.
    """

    def __init__(self, published: Mapping[str, list[bytes]], where: str = "cn=schema") -> None:
        self.where = where
        self._published = {name.lower(): values for name, values in published.items()}

    @cached_property
    def types(self) -> dict[str, AttributeType]:
        """Attribute types by each name and OID in lower case."""
        found = [definition(text.decode("utf-8", "replace")) for text in self._published.get("attributetypes", [])]
        raw = {name: parts for parts in found for name in _all_names(parts)}
        return {name: _attribute_type(parts, raw) for name, parts in raw.items()}

    @cached_property
    def classes(self) -> dict[str, ObjectClass]:
        """Object classes by each name and OID in lower case."""
        made: dict[str, ObjectClass] = {}
        for text in self._published.get("objectclasses", []):
            parts = definition(text.decode("utf-8", "replace"))
            names = _all_names(parts)
            one = ObjectClass(names[0], names[1:], tuple(word.lower() for word in parts.get("SUP", [])))
            made.update(dict.fromkeys(names, one))
        return made

    @property
    def known(self) -> bool:
        """Whether the server shows its schema at all."""
        return bool(self._published.get("attributetypes"))

    def type_of(self, name: str) -> AttributeType | None:
        """The type of an attribute, named in any case, with options or without."""
        return self.types.get(name.partition(";")[0].lower())

    def rule_of(self, name: str) -> Rule:
        """How values of an attribute are compared; one that the server does not know by its octets."""
        found = self.type_of(name)
        return found.rule if found is not None else "octets"

    def key_of(self, description: str) -> str:
        """The same for every spelling of an attribute description; ``binary`` is about transport, no option."""
        name, *options = description.lower().split(";")
        found = self.types.get(name)
        kept = sorted(set(options) - {"binary"})
        return ";".join([found.key if found is not None else name, *kept])

    def value_key(self, description: str, value: bytes) -> bytes:
        """The same for every spelling of a value."""
        name = description.partition(";")[0].lower()
        if name in {"objectclass", "2.5.4.0"}:
            found = self.classes.get(value.decode("utf-8", "replace").lower())
            return (found.key if found is not None else value.decode("utf-8", "replace").lower()).encode()
        return value_key(self.rule_of(name), value)

    def superiors_of(self, classes: Iterable[bytes]) -> set[bytes]:
        """The keys of object classes and of all above them, which a server may add by itself."""
        found: set[bytes] = set()
        left = [value.decode("utf-8", "replace").lower() for value in classes]
        while left:
            name = left.pop()
            one = self.classes.get(name)
            key = (one.key if one is not None else name).encode()
            if key not in found:
                found.add(key)
                left += one.superiors if one is not None else ()
        return found | {self.value_key("objectclass", b"top")}


@lru_cache(maxsize=10_000)
def value_key(rule: Rule, value: bytes) -> bytes:
    """The same for every spelling of a value under a rule; a value that is none of its kind, by its octets."""
    try:
        match rule:
            case "any case":
                return _folded(value)
            case "exact":
                return _SPACES.sub(b" ", value.strip(b" "))
            case "name":
                uid = _UID_BEHIND.search(value)
                return normal_key(value[: uid.start()]) + uid[0] if uid else normal_key(value)
            case "number":
                return str(int(value)).encode()
            case "phone":
                return value.lower().replace(b" ", b"").replace(b"-", b"")
            case "digits":
                return value.replace(b" ", b"")
            case "moment":
                return value.upper()
            case _:
                return value
    except (DnError, ValueError):
        return value


def named_by(value: bytes) -> bytes:
    """The DN of a value, without a unique identifier behind it (RFC 4517, 3.3.21)."""
    uid = _UID_BEHIND.search(value)
    return value[: uid.start()] if uid else value


def _folded(value: bytes) -> bytes:
    if value.isascii():
        return _SPACES.sub(b" ", value.strip(b" ")).lower()
    return Dn(((Ava("value", value),),)).key  # a name's values are prepared by the same rules (RFC 4518)


def definition(text: str) -> dict[str, list[str]]:
    """The parts of a definition by RFC 4512: ``OID``, and each keyword with its words.

    A keyword without words has an empty list. What is no definition has what can be read of it.
    """
    words = _WORDS.findall(text)
    parts: dict[str, list[str]] = {}
    if words[:1] == ["("] and len(words) > 1:
        words = words[1:]
    if words:
        parts["OID"] = [words[0]]
    keyword = ""
    for word in words[1:]:
        if word in {"(", ")", "$"}:
            continue
        if word.isupper() and not word.startswith("'") and (word in _KEYWORDS or word.startswith("X-")):
            keyword = word
            parts.setdefault(keyword, [])
        elif keyword:
            parts[keyword].append(word.strip("'"))
    return parts


_KEYWORDS = {
    "NAME", "DESC", "OBSOLETE", "SUP", "EQUALITY", "ORDERING", "SUBSTR", "SYNTAX", "SINGLE-VALUE", "COLLECTIVE",
    "NO-USER-MODIFICATION", "USAGE", "ABSTRACT", "STRUCTURAL", "AUXILIARY", "MUST", "MAY",
}  # fmt: skip


def _all_names(parts: Mapping[str, list[str]]) -> tuple[str, ...]:
    """OID first, then names, in lower case."""
    return tuple(name.lower() for name in [*parts.get("OID", ["?"]), *parts.get("NAME", [])])


def _attribute_type(parts: Mapping[str, list[str]], raw: Mapping[str, Mapping[str, list[str]]]) -> AttributeType:
    names = _all_names(parts)
    equality = _inherited(parts, raw, "EQUALITY").lower()
    syntax = _inherited(parts, raw, "SYNTAX").partition("{")[0].strip("'")
    usage = (parts.get("USAGE") or ["userApplications"])[0]
    return AttributeType(
        key=names[0],
        names=names[1:],
        rule=_RULES.get(equality) or _SYNTAXES.get(syntax, "octets"),
        operational=usage.lower() != "userapplications" or "NO-USER-MODIFICATION" in parts,
        single="SINGLE-VALUE" in parts,
    )


def _inherited(parts: Mapping[str, list[str]], raw: Mapping[str, Mapping[str, list[str]]], keyword: str) -> str:
    """What a type says, or the nearest above it that says something."""
    seen: set[str] = set()
    current: Mapping[str, list[str]] | None = parts
    while current is not None:
        if current.get(keyword):
            return current[keyword][0]
        above = (current.get("SUP") or [""])[0].lower()
        current = raw.get(above) if above not in seen else None
        seen.add(above)
    return ""
