"""Distinguished names: RFC 4514 parsed, compared, moved to another base.

Two DNs are the same when their keys are: attribute types by their short names in lower case, values compared as
``caseIgnoreMatch`` does (RFC 4518: NFKC, case folded, controls mapped to a space, spaces at the ends gone and several
made one), the parts of a multi-valued RDN in any order. Beside RFC 4514 the older forms are read that RFC 2253 asks
for and that Oracle's exports hold: spaces around ``=`` ``,`` ``+``, quoted values, ``;`` between RDNs, ``OID.``.

Our own parser, because none of the libraries does it all: python-ldap's needs a C library that a user who only
converts files does not have, and ldap3's has open faults with escaped spaces (issues 667 and 1138).

What belongs here: names. What does not: which attributes hold names (``flext_pipelines.oud.schema``).
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from flext_pipelines.errors import DnError

SHORT_NAMES: Mapping[str, str] = {
    "commonname": "cn", "2.5.4.3": "cn", "surname": "sn", "2.5.4.4": "sn", "2.5.4.5": "serialnumber",
    "countryname": "c", "2.5.4.6": "c", "localityname": "l", "2.5.4.7": "l",
    "stateorprovincename": "st", "2.5.4.8": "st", "streetaddress": "street", "2.5.4.9": "street",
    "organizationname": "o", "2.5.4.10": "o", "organizationalunitname": "ou", "2.5.4.11": "ou",
    "2.5.4.12": "title", "2.5.4.42": "givenname", "gn": "givenname",
    "userid": "uid", "0.9.2342.19200300.100.1.1": "uid", "domaincomponent": "dc", "0.9.2342.19200300.100.1.25": "dc",
    "rfc822mailbox": "mail", "0.9.2342.19200300.100.1.3": "mail", "email": "emailaddress", "e": "emailaddress",
    "1.2.840.113549.1.9.1": "emailaddress",
}  # fmt: skip
"""Other names and OIDs of the attribute types that name entries (RFC 4519, 4524, PKCS #9), in lower case."""

# The common case: known short types, ASCII values without anything that needs a second look.
_WORD = rb"[!$-*\-./0-9:?@A-Z\[\]^_`a-z{|}~]++"
_PLAIN_RDN = rb"(?:cn|ou|dc|uid|o|c|l|st)=" + _WORD + rb"(?: " + _WORD + rb")*+"
_PLAIN = re.compile(rb"(?i:" + _PLAIN_RDN + rb"(?:," + _PLAIN_RDN + rb")*+)")

_TYPE = re.compile(rb" *+((?:(?i:oid)\.)?[0-9]+(?:\.[0-9]+)++|[A-Za-z][A-Za-z0-9_-]*+(?:;[A-Za-z0-9_-]+)*) *+= *+")
_HEX_STRING = re.compile(rb"#((?:[0-9A-Fa-f]{2})++) *+")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)" *+', re.DOTALL)
_STRING = re.compile(rb"(?:[^,+;\"\\<>\0]|\\[0-9A-Fa-f]{2}|\\[ \"#+,;<=>\\])*+")
_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2}|.)", re.DOTALL)
_OPTIONAL_UID = re.compile(rb"#'[01]*'B\Z")

_TO_SPACE = dict.fromkeys(
    (*range(9, 14), 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000), " "
)
_TO_NOTHING = dict.fromkeys(
    (*range(9), *range(0x0E, 0x20), *range(0x7F, 0x85), *range(0x86, 0xA0), 0xAD, 0x034F, 0x1806,
     *range(0x180B, 0x180F), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2064),
     *range(0x206A, 0x2070), *range(0xFE00, 0xFE10), 0xFEFF, *range(0xFFF9, 0xFFFD))
)  # fmt: skip
_MAPPING = {**_TO_NOTHING, **_TO_SPACE}
"""RFC 4518, section 2.2: what is mapped to a space, and what to nothing."""

_STRING_TAGS = {0x04: "utf-8", 0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be"}
"""BER tags of strings, and how their bytes become text."""


class Ava(NamedTuple):
    """One attribute type and value of an RDN.

    Attributes:
        type: In lower case, short where there is a short name.
        value: Without escapes; UTF-8 in a healthy directory.
        ber: True when the value was given as ``#`` and is no string: then ``value`` is the BER encoding.
    """

    type: str
    value: bytes
    ber: bool = False


Rdn = tuple[Ava, ...]


class Dn:
    """A parsed name. Equal when the keys are; ``str`` writes it by RFC 4514, types in lower case, values as given.

    Attributes:
        rdns: From the entry up to the root; none for the root DSE.
    """

    def __init__(self, rdns: tuple[Rdn, ...]) -> None:
        self.rdns = rdns

    def __str__(self) -> str:
        return ",".join(_rdn_text(rdn) for rdn in self.rdns)

    def __bytes__(self) -> bytes:
        return str(self).encode()

    def __repr__(self) -> str:
        return f"Dn({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dn) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @cached_property
    def key(self) -> bytes:
        """What is equal for equal names, and a DN itself."""
        return b",".join(self.rdn_keys)

    @cached_property
    def rdn_keys(self) -> tuple[bytes, ...]:
        """The keys of its RDNs, from the entry up."""
        return tuple(_rdn_key(rdn) for rdn in self.rdns)

    @property
    def depth(self) -> int:
        """How many RDNs it has; 0 for the root DSE."""
        return len(self.rdns)

    def parent(self) -> Dn | None:
        """The name above; None for the root DSE."""
        return Dn(self.rdns[1:]) if self.rdns else None

    def is_under(self, other: Dn, *, or_same: bool = True) -> bool:
        """Whether it stands below another name, or is it."""
        above = len(self.rdns) - len(other.rdns)
        return above >= (0 if or_same else 1) and self.rdn_keys[above:] == other.rdn_keys

    def rebase(self, old: Dn, new: Dn) -> Dn:
        """The same name below another base.

        Raises:
            DnError: It does not stand below the old base.
        """
        if not self.is_under(old):
            raise DnError(f"{self} does not stand below {old}", "", {"dn": str(self), "base": str(old)})
        return Dn(self.rdns[: len(self.rdns) - len(old.rdns)] + new.rdns)


def parse_dn(text: bytes | str) -> Dn:
    """Parse a name.

    Args:
        text: RFC 4514, or the older forms; empty is the root DSE.

    Raises:
        DnError: It is none; with the column.
    """
    return Dn(
        tuple(rdn for rdn, _ in _rdns(text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text))
    )


def _rdns(raw: bytes) -> list[tuple[Rdn, int]]:
    """The RDNs, each with the column behind it."""
    if not raw.strip(b" "):
        return []
    rdns: list[tuple[Rdn, int]] = []
    avas: list[Ava] = []
    at = 0
    while True:
        ava, at = _ava(raw, at)
        avas.append(ava)
        sign = raw[at : at + 1]
        at += 1
        if sign == b"+":
            continue
        rdns.append((tuple(avas), at - 1))
        avas = []
        if not sign:
            return rdns


def normal_key(dn: bytes) -> bytes:
    """The key of a name, without making objects where the name is plain, as nearly all are.

    Raises:
        DnError: It is no name.
    """
    return dn.lower() if _PLAIN.fullmatch(dn) else parse_dn(dn).key


def as_text(data: bytes) -> str:
    """Bytes as text, with those that are no UTF-8 as backslash and two digits.

    That is what they are in a name (RFC 4514, 2.4) and in a filter (RFC 4515, 3): the text means the same bytes.
    """
    return data.decode("utf-8", "hexpairs")


def _hex_pairs(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(f"\\{byte:02x}" for byte in error.object[error.start : error.end]), error.end


codecs.register_error("hexpairs", _hex_pairs)


def is_dn(text: bytes) -> bool:
    """Whether it is a name."""
    if _PLAIN.fullmatch(text):
        return True
    try:
        parse_dn(text)
    except DnError:
        return False
    return True


def depth_of(dn: bytes) -> int:
    """How many RDNs a name has.

    Raises:
        DnError: It is no name.
    """
    return dn.count(b",") + 1 if _PLAIN.fullmatch(dn) else parse_dn(dn).depth


class Rebase:
    """Moves names from one base to another, in DNs and in values that hold DNs.

    Args:
        old: The base that is left.
        new: The base that takes its place.
    """

    def __init__(self, old: bytes | str, new: bytes | str) -> None:
        self.old = parse_dn(old)
        self.new = parse_dn(new)
        self._old_key = self.old.key
        self._new = bytes(self.new)

    def __call__(self, value: bytes) -> bytes:
        """The name below the new base; the same object when it stands elsewhere, or is no name.

        A unique identifier behind it (``#'0101'B``, RFC 4517 3.3.21) stays. What stands before the base keeps its
        spelling.
        """
        if _PLAIN.fullmatch(value):
            return self._plain(value)
        optional_uid = _OPTIONAL_UID.search(value)
        name, behind = (value[: optional_uid.start()], optional_uid[0]) if optional_uid else (value, b"")
        try:
            rdns = _rdns(name)
        except DnError:
            return value
        kept = len(rdns) - self.old.depth
        if not rdns or not Dn(tuple(rdn for rdn, _ in rdns)).is_under(self.old):
            return value
        before = name[: rdns[kept - 1][1]] if kept else b""
        return (before + b"," + self._new if before and self._new else before or self._new) + behind

    def _plain(self, value: bytes) -> bytes:
        key = value.lower()
        if not key.endswith(self._old_key):
            return value
        kept = value[: len(value) - len(self._old_key)]
        if not self._old_key:
            return value + b"," + self._new if self._new else value
        if kept and not kept.endswith(b","):
            return value
        return kept + self._new if self._new else kept[:-1]


def _ava(raw: bytes, at: int) -> tuple[Ava, int]:
    """The type and value that begin at a column, and the column behind them."""
    found = _TYPE.match(raw, at)
    if found is None:
        raise _error(raw, at, "an attribute type and `=` are expected")
    written = found[1].decode().lower().removeprefix("oid.")
    name = SHORT_NAMES.get(written, written)
    value, ber, at = _value(raw, found.end())
    if raw[at : at + 1] not in (b"", b",", b"+", b";"):
        raise _error(raw, at, f"{raw[at : at + 1].decode('latin-1')!r} must be escaped")
    return Ava(name, value, ber), at


def _value(raw: bytes, at: int) -> tuple[bytes, bool, int]:
    first = raw[at : at + 1]
    if first == b"#":
        found = _HEX_STRING.match(raw, at)
        if found is None:
            raise _error(raw, at, "`#` is followed by pairs of hexadecimal digits")
        encoded = bytes.fromhex(found[1].decode())
        text = _ber_string(encoded)
        return (encoded, True, found.end()) if text is None else (text, False, found.end())
    if first == b'"':
        found = _QUOTED.match(raw, at)
        if found is None:
            raise _error(raw, at, "the quote is not closed")
        return _unescaped(found[1]), False, found.end()
    found = _STRING.match(raw, at)
    assert found is not None  # it matches nothing at least
    return _unescaped(_without_end_spaces(found[0])), False, found.end()


def _without_end_spaces(text: bytes) -> bytes:
    """A value without the spaces behind it, of which the first stays when it is escaped."""
    stripped = text.rstrip(b" ")
    backslashes = len(stripped) - len(stripped.rstrip(b"\\"))
    return stripped + b" " if backslashes % 2 else stripped


def _unescaped(text: bytes) -> bytes:
    if b"\\" not in text:
        return text

    def meant(found: re.Match[bytes]) -> bytes:
        return bytes.fromhex(found[1].decode()) if len(found[1]) == 2 else found[1]

    return _ESCAPE.sub(meant, text)


def _ber_string(encoded: bytes) -> bytes | None:
    """The UTF-8 bytes of a string in BER; None for everything else."""
    if len(encoded) < 2 or encoded[0] not in _STRING_TAGS:
        return None
    length, start = encoded[1], 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or len(encoded) < 2 + count:
            return None
        length, start = int.from_bytes(encoded[2 : 2 + count], "big"), 2 + count
    if len(encoded) != start + length:
        return None
    content = encoded[start:]
    if encoded[0] == 0x04:
        return content
    try:
        return content.decode(_STRING_TAGS[encoded[0]]).encode()
    except UnicodeError:
        return None


def _error(raw: bytes, at: int, reason: str) -> DnError:
    text = raw.decode("utf-8", "backslashreplace")
    shown = text if len(text) <= 200 else f"{text[:200]}..."
    return DnError(
        f"{shown!r} is no DN: column {at + 1}: {reason}",
        "Special characters in values are escaped with a backslash",
        {"dn": shown, "column": at + 1, "reason": reason},
    )


def _rdn_key(rdn: Rdn) -> bytes:
    if len(rdn) == 1:
        return _ava_key(rdn[0])
    return b"+".join(sorted({_ava_key(ava) for ava in rdn}))


def _ava_key(ava: Ava) -> bytes:
    if ava.ber:
        return f"{ava.type}=#{ava.value.hex()}".encode()
    try:
        text = ava.value.decode()
    except UnicodeDecodeError:
        return f"{ava.type}={_escaped(ava.value.lower())}".encode()
    prepared = unicodedata.normalize("NFKC", text.translate(_MAPPING).casefold())
    prepared = unicodedata.normalize("NFKC", prepared.casefold())
    return f"{ava.type}={_escaped(' '.join(prepared.translate(_MAPPING).split()).encode())}".encode()


def _rdn_text(rdn: Rdn) -> str:
    return "+".join(f"{ava.type}=#{ava.value.hex()}" if ava.ber else f"{ava.type}={_escaped(ava.value)}" for ava in rdn)


_NEEDS_ESCAPE = re.compile(r'\A[ #]|[\0-\x1f\x7f"+,;<>\\]| \Z')


def _escaped(value: bytes) -> str:
    """A value as RFC 4514 writes it: special characters behind a backslash, what is no text as hex pairs."""
    text = value.decode("utf-8", "surrogateescape")

    def written(found: re.Match[str]) -> str:
        character = found[0]
        return f"\\{ord(character):02X}" if character < " " or character == "\x7f" else f"\\{character}"

    text = _NEEDS_ESCAPE.sub(written, text)
    if text.isascii():
        return text
    return "".join(f"\\{ord(char) - 0xDC00:02X}" if "\udc80" <= char <= "\udcff" else char for char in text)
