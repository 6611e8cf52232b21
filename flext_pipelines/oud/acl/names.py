"""Distinguished names as access rules compare them.

What belongs here: a normal form in which equal names are equal tuples, and a name below another ends with it.
What does not: rewriting of names, which keeps their spelling (``flext_pipelines.oud.dn``).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TypeAlias

from flext_pipelines.oud.acl.scanner import syntax_error, to_bytes

Rdn: TypeAlias = tuple[tuple[str, str], ...]
"""Attribute type and value pairs, sorted, in lower case, spaces collapsed."""

Name: TypeAlias = tuple[Rdn, ...]
"""The RDNs, leaf first; the root DSE is the empty tuple."""

ROOT: Name = ()

_TYPE = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]*|(?:OID\.)?\d+(?:\.\d+)*)\s*=\s*", re.IGNORECASE)
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_SPACES = re.compile(r"\s+")
_SYNONYMS = {
    "commonname": "cn",
    "2.5.4.3": "cn",
    "organizationalunitname": "ou",
    "2.5.4.11": "ou",
    "organizationname": "o",
    "2.5.4.10": "o",
    "countryname": "c",
    "2.5.4.6": "c",
    "localityname": "l",
    "2.5.4.7": "l",
    "stateorprovincename": "st",
    "2.5.4.8": "st",
    "domaincomponent": "dc",
    "0.9.2342.19200300.100.1.25": "dc",
    "userid": "uid",
    "0.9.2342.19200300.100.1.1": "uid",
    "streetaddress": "street",
    "2.5.4.9": "street",
    "surname": "sn",
    "2.5.4.4": "sn",
    "gn": "givenname",
    "2.5.4.42": "givenname",
    "2.5.4.0": "objectclass",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.20": "telephonenumber",
    "fax": "facsimiletelephonenumber",
    "2.5.4.23": "facsimiletelephonenumber",
    "2.5.4.31": "member",
    "2.5.4.32": "owner",
    "2.5.4.34": "seealso",
    "2.5.4.35": "userpassword",
    "2.5.4.36": "usercertificate",
    "2.5.4.50": "uniquemember",
    "rfc822mailbox": "mail",
    "0.9.2342.19200300.100.1.3": "mail",
    "0.9.2342.19200300.100.1.10": "manager",
    "hometelephonenumber": "homephone",
    "0.9.2342.19200300.100.1.20": "homephone",
    "mobiletelephonenumber": "mobile",
    "0.9.2342.19200300.100.1.41": "mobile",
    "pagertelephonenumber": "pager",
    "0.9.2342.19200300.100.1.42": "pager",
    "2.16.840.1.113730.3.1.3": "employeenumber",
    "2.16.840.1.113730.3.1.241": "displayname",
}
"""Names of RFC 4519 and 4524, their long forms and numbers: one type, whatever it is called."""


def attribute_type(written: str) -> str:
    """What an attribute is called by all its names: in lower case, without options, a number or synonym replaced."""
    kind = written.partition(";")[0].lower().removeprefix("oid.")
    return _SYNONYMS.get(kind, kind)


def fold(value: str) -> str:
    """A value as case-ignoring matching rules see it: RFC 4518, so that every spelling of a name is one name."""
    text = value.lower() if value.isascii() else unicodedata.normalize("NFKC", value).casefold()
    return _SPACES.sub(" ", text.strip())


@lru_cache(maxsize=65_536)
def parse_name(text: str) -> Name:
    """A DN in its normal form: RFC 4514, the quotes of RFC 2253, spaces anywhere around separators.

    Raises:
        AciSyntaxError: It is none.
    """
    if not text.strip():
        return ROOT
    rdns: list[Rdn] = []
    pairs: list[tuple[str, str]] = []
    position = 0
    while True:
        match = _TYPE.match(text, position)
        if match is None:
            raise syntax_error(f"{text!r} is no DN: expected attribute=value", text, position)
        kind = attribute_type(match.group(1))
        value, position = _value(text, match.end())
        pairs.append((kind, fold(value)))
        if position == len(text) or text[position] in ",;":
            rdns.append(tuple(sorted(pairs)))
            pairs = []
        if position == len(text):
            return tuple(rdns)
        position += 1


def _value(text: str, position: int) -> tuple[str, int]:
    """The value that begins here, unescaped, and where its separator or the end stands."""
    if text.startswith('"', position):
        return _quoted_value(text, position + 1)
    parts = bytearray()
    start = position
    while position < len(text) and text[position] not in ",;+":
        character = text[position]
        if character == "\\":
            position = _escape(text, position, parts)
        elif character in '"<>' or (character == "=" and position == start):
            raise syntax_error(f"{text!r} is no DN: {character} must be escaped", text, position)
        else:
            parts += to_bytes(character)
            position += 1
    return parts.decode("utf-8", "surrogateescape"), position


def _quoted_value(text: str, position: int) -> tuple[str, int]:
    start, parts = position - 1, bytearray()
    while position < len(text) and text[position] != '"':
        if text[position] == "\\":
            position = _escape(text, position, parts)
        else:
            parts += to_bytes(text[position])
            position += 1
    if position >= len(text):
        raise syntax_error(f"{text!r} is no DN: no closing quote", text, start)
    position += 1
    while position < len(text) and text[position].isspace():
        position += 1
    if position < len(text) and text[position] not in ",;+":
        raise syntax_error(f"{text!r} is no DN: text after a quoted value", text, position)
    return parts.decode("utf-8", "surrogateescape"), position


def _escape(text: str, position: int, parts: bytearray) -> int:
    """Append what the backslash here stands for; a hexadecimal pair is one byte."""
    pair = _HEX.match(text, position + 1)
    if pair is not None:
        parts.append(int(pair.group(), 16))
        return position + 3
    if position + 1 >= len(text):
        raise syntax_error(f"{text!r} is no DN: it ends in a backslash", text, position)
    parts += to_bytes(text[position + 1])
    return position + 2


def is_under(name: Name, ancestor: Name) -> bool:
    """True when a name is the ancestor or stands below it."""
    return len(name) >= len(ancestor) and name[len(name) - len(ancestor) :] == ancestor


def parent(name: Name) -> Name:
    """The name above; the root's is the root."""
    return name[1:]


def standard_dn(text: str) -> str:
    """A DN without the quotes and semicolons of RFC 1779, which not every server reads; others stay as they are."""
    if '"' not in text and ";" not in text:
        return text
    return write_name(parse_name(text))


def write_name(name: Name) -> str:
    """A normal form as text, RFC 4514."""
    return ",".join("+".join(f"{kind}={_escaped(value)}" for kind, value in rdn) for rdn in name)


def _escaped(value: str) -> str:
    text = "".join(f"\\{character}" if character in ',+"\\<>;=' else character for character in value)
    return f"\\{text}" if text[:1] in {"#", " "} else text
