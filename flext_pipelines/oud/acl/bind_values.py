"""What the keywords of a bind rule take: ``userdn``, ``groupdn``, ``userattr``, ``ip`` and the others.

What belongs here: reading one keyword's expression, strictly, as OpenDJ's ``dseecompat`` package does. What does not:
how keywords are joined (``aci_parser``) and when one is true (``aci_model``).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import unquote

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.filters import Filter, parse_filter
from flext_pipelines.oud.acl.names import Name, parse_name

ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""An attribute as an ``aci`` names it: without options, known to the schema or not."""

_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_USERATTR = re.compile(r"(?:parent\[([0-9, ]+)\]\.)?([A-Za-z0-9][A-Za-z0-9._-]*)#(.+)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"(?:\*|[A-Za-z0-9_-]+)(?:\.[A-Za-z0-9_-]+)*|\*")
_MECHANISM = re.compile(r"sasl\s+([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MOST_SSF = 1024
_MOST_LEVEL = 9
_WORDS = {"anyone", "all", "self", "parent"}


@dataclass(frozen=True, slots=True)
class UserUrl:
    """One ``ldap:///...`` of ``userdn``.

    Attributes:
        kind: A word, one name, a pattern, or a search.
        name: The name, or the base of the search.
        pattern: RDNs of a pattern, leaf first: each a pair of type and value with asterisks, ``*`` or ``**``.
        scope: Of the search.
        filter: Of the search.
    """

    kind: Literal["anyone", "all", "self", "parent", "dn", "pattern", "search"]
    name: Name = ()
    pattern: tuple[str, ...] = ()
    scope: Literal["base", "one", "sub"] = "base"
    filter: Filter | None = None


@dataclass(frozen=True, slots=True)
class Users:
    """``userdn``."""

    urls: tuple[UserUrl, ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """``groupdn``, and ``roledn`` where it is taken."""

    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class UserAttribute:
    """``userattr``: the levels above the target, the attribute, and how its value names the user."""

    levels: tuple[int, ...]
    attribute: str
    kind: Literal["userdn", "groupdn", "roledn", "ldapurl", "value"]
    value: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """``ip``, ``dns``, ``dayofweek``, ``authmethod``: texts in lower case."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """``timeofday`` as HHMM, ``ssf`` in bits."""

    number: int


BindValue: TypeAlias = Users | Groups | UserAttribute | Words | Number


class _RefusedError(ValueError):
    """The expression is not what its keyword takes."""


def bind_value(keyword: str, text: str, *, allow_roles: bool = False) -> BindValue:
    """What a keyword's expression says.

    Args:
        keyword: In lower case.
        text: Between the quotes.
        allow_roles: Take ``roledn``, which OUD refuses and 389 takes.

    Raises:
        ValueError: It is not what the keyword takes; the message says why.
    """
    if keyword == "userdn":
        return Users(tuple(_user(part) for part in _alternatives(text)))
    if keyword == "groupdn" or (keyword == "roledn" and allow_roles):
        return Groups(tuple(url_name(part) for part in _alternatives(text)))
    if keyword == "roledn":
        raise _RefusedError("roledn is not supported")
    if keyword == "userattr":
        return _user_attribute(text, allow_roles=allow_roles)
    if keyword in _WORD_LISTS:
        return Words(tuple(_WORD_LISTS[keyword](part.strip()) for part in text.split(",")))
    if keyword == "authmethod":
        return Words((_method(text.strip()),))
    if keyword == "timeofday":
        return Number(_time(text.strip()))
    return Number(_ssf(text.strip()))


def _alternatives(text: str) -> list[str]:
    parts = [part.strip() for part in text.split("||")]
    if not all(parts):
        raise _RefusedError("an alternative between || is empty")
    return parts


def url_body(url: str) -> str:
    """What follows ``ldap:///``, still encoded.

    Raises:
        ValueError: It does not begin so, or holds a wrong percent code.
    """
    if url[:8].lower() != "ldap:///":
        raise _RefusedError(f"{url!r} does not begin with ldap:///")
    body = url[8:]
    if bad := _PERCENT.search(body):
        raise _RefusedError(f"{body[bad.start() : bad.start() + 3]!r} is no percent code")
    return body


def _name(encoded: str) -> Name:
    """The name that a URL's encoded part stands for."""
    try:
        name = parse_name(unquote(encoded, errors="surrogateescape"))
    except AciSyntaxError as error:
        raise _RefusedError(error.reason.rpartition(" at column ")[0]) from None
    if not name:
        raise _RefusedError("the DN is empty")
    return name


def url_name(url: str) -> Name:
    """The name of an ``ldap:///dn``.

    Raises:
        ValueError: It is none.
    """
    return _name(url_body(url))


def _user(url: str) -> UserUrl:
    body = url_body(url)
    word = body.lower()
    if word in _WORDS:
        return UserUrl(word)  # type: ignore[arg-type]  # one of the four words of the Literal
    if "?" in body:
        return _search(body)
    if "*" in body:
        return UserUrl("pattern", pattern=dn_pattern(unquote(body, errors="surrogateescape")))
    return UserUrl("dn", _name(body))


def _search(body: str) -> UserUrl:
    base, *fields = body.split("?")
    fields += [""] * (3 - len(fields))
    attributes, scope, text = fields[0], fields[1].lower(), fields[2]
    if len(fields) > 3 or attributes:
        raise _RefusedError("a search is written ldap:///base??scope?filter")
    if scope not in {"", "base", "one", "sub"}:
        raise _RefusedError(f"{scope!r} is no scope: base, one or sub")
    try:
        found = parse_filter(unquote(text, errors="surrogateescape")) if text else None
    except AciSyntaxError as error:
        raise _RefusedError(error.reason.rpartition(" at column ")[0]) from None
    name = _name(base)
    return UserUrl("search", name, (), "one" if scope == "one" else "sub" if scope == "sub" else "base", found)


def dn_pattern(text: str) -> tuple[str, ...]:
    """The RDNs of a name with asterisks, in lower case, leaf first.

    OpenDJ's ``PatternDN``: an asterisk inside a value stands for any text of that value, ``*`` as a whole RDN for
    exactly one RDN, ``**`` for one or more.

    Raises:
        ValueError: An RDN is none.
    """
    rdns = []
    for part in _unescaped_split(text):
        rdn = part.strip().lower()
        kind, sign, value = rdn.partition("=")
        if rdn in {"*", "**"}:
            rdns.append(rdn)
        elif not sign or not value.strip() or not (ATTRIBUTE.fullmatch(kind.strip()) or kind.strip() == "*"):
            raise _RefusedError(f"{part.strip()!r} is no RDN of a pattern")
        elif "**" in value:
            raise _RefusedError("two asterisks follow each other in a value")
        else:
            rdns.append(f"{kind.strip()}={' '.join(value.split())}")
    return tuple(rdns)


def _unescaped_split(text: str) -> list[str]:
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 1
        elif text[position] == ",":
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _user_attribute(text: str, *, allow_roles: bool) -> UserAttribute:
    match = _USERATTR.fullmatch(text.strip())
    if match is None:
        raise _RefusedError("expected attribute#USERDN, #GROUPDN, #LDAPURL or #value")
    levels: tuple[int, ...] = (0,)
    if match.group(1) is not None:
        numbers = [part.strip() for part in match.group(1).split(",")]
        if not all(part.isdecimal() and len(part) == 1 and int(part) <= _MOST_LEVEL for part in numbers):
            raise _RefusedError(f"parent[{match.group(1)}]: levels are 0 to {_MOST_LEVEL}")
        levels = tuple(int(part) for part in numbers)
    attribute, kind = match.group(2).lower(), match.group(3).strip().lower()
    if kind == "roledn" and not allow_roles:
        raise _RefusedError("ROLEDN is not supported")
    if kind == "ldapurl" and match.group(1) is not None:
        raise _RefusedError("parent[...] cannot be joined with #LDAPURL")
    if kind in {"userdn", "groupdn", "roledn", "ldapurl"}:
        return UserAttribute(levels, attribute, kind)  # type: ignore[arg-type]  # narrowed to words of the Literal
    return UserAttribute(levels, attribute, "value", match.group(3).strip())


def _ip(word: str) -> str:
    if ":" in word:
        try:
            ipaddress.ip_network(word.strip("[]"), strict=False)
        except ValueError:
            raise _RefusedError(f"{word!r} is no address") from None
        return word.lower()
    address, _, mask = word.replace("+", "/", 1).partition("/")
    octets = address.split(".")
    if len(octets) != 4 or not all(part == "*" or (part.isdecimal() and len(part) < 4 and int(part) < 256)
                                   for part in octets):  # fmt: skip
        raise _RefusedError(f"{word!r} is no address of four numbers or asterisks")
    if mask or word.endswith(("/", "+")):
        try:
            ipaddress.IPv4Network(f"0.0.0.0/{mask}")
        except ValueError:
            raise _RefusedError(f"{mask!r} is no network mask") from None
        if "*" in address:
            raise _RefusedError(f"{word!r} has asterisks and a mask")
    return word


def _host(word: str) -> str:
    if not _HOST.fullmatch(word):
        raise _RefusedError(f"{word!r} is no host name")
    return word.lower()


def _day(word: str) -> str:
    if word.lower() not in _DAYS:
        raise _RefusedError(f"{word!r} is no day: {', '.join(_DAYS)}")
    return word.lower()


_WORD_LISTS = {"ip": _ip, "dns": _host, "dayofweek": _day}


def _method(word: str) -> str:
    if word.lower() in {"none", "simple", "ssl"}:
        return word.lower()
    if match := _MECHANISM.fullmatch(word):
        return f"sasl {match.group(1).lower()}"
    raise _RefusedError(f"{word!r} is no authentication method: none, simple, ssl or sasl MECHANISM")


def _time(word: str) -> int:
    if not (len(word) == 4 and word.isascii() and word.isdecimal() and int(word[:2]) < 24 and int(word[2:]) < 60):
        raise _RefusedError(f"{word!r} is no time of day: HHMM")
    return int(word)


def _ssf(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) < 5 and 1 <= int(word) <= _MOST_SSF):
        raise _RefusedError(f"{word!r} is no security strength: 1 to {_MOST_SSF}")
    return int(word)
