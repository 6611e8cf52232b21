"""One record of an LDIF file: raw bytes until somebody asks what it says.

What belongs here: the way from a record's bytes to its parts, as late and as cheap as it can be had.
What does not: judging (``parse`` has accepted every record that exists), changing (``edit``).
"""

from __future__ import annotations

import binascii
import re

from flext_pipelines.oud.ldif.lines import unfolded
from flext_pipelines.oud.ldif.parse import Attribute, ChangeType, Control, Modification, Parsed, Rename

_COLON, _HASH = b":#"
_PAIR = re.compile(rb"\n([^:]++): *+(.*+)")


class Record:
    """A content or change record.

    Attributes:
        line: Number of the line in the file on which its ``dn`` stands.
        raw: Its bytes as in the file, comments included, without the line end at its end.
        offset: Where they begin in the file.
        recognised: What the reader was told of it by who recognised it; see ``read_ldif``.
    """

    __slots__ = ("_attributes", "_parsed", "_text", "line", "offset", "raw", "recognised")

    def __init__(
        self,
        raw: bytes,
        text: bytes | None,
        line: int,
        offset: int = 0,
        parsed: Parsed | None = None,
        recognised: object = None,
    ) -> None:
        self.recognised = recognised
        self.raw = raw
        self.line = line
        self.offset = offset
        self._text = text
        self._parsed = parsed
        self._attributes: list[Attribute] | None = None

    def __repr__(self) -> str:
        return f"<Record {self.dn_text!r}, line {self.line}>"

    @property
    def text(self) -> bytes:
        """The lines with their continuations joined, parted by LF."""
        if self._text is None:
            raw = self.raw
            self._text = unfolded(raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw)
        return self._text

    @property
    def dn(self) -> bytes:
        """The DN as written, without base64; empty for the root DSE."""
        if self._parsed is not None:
            return self._parsed.dn
        text = self.text
        while text.startswith(b"#"):
            text = text[text.index(b"\n") + 1 :]
        value = text[3 : text.index(b"\n")]
        if value.startswith(b":"):
            return binascii.a2b_base64(value[1:])
        return value.lstrip(b" ")

    @property
    def dn_text(self) -> str:
        r"""The DN for people: bytes that are no UTF-8 are shown as ``\xE9``."""
        return self.dn.decode("utf-8", "backslashreplace")

    @property
    def changetype(self) -> ChangeType | None:
        """What a change record does; None for content."""
        return self._parsed.changetype if self._parsed is not None else None

    @property
    def changes(self) -> tuple[Modification, ...]:
        """The steps of a ``modify``; empty for every other record."""
        return self._parsed.modifications if self._parsed is not None else ()

    @property
    def rename(self) -> Rename | None:
        """The new name that a ``modrdn`` or ``moddn`` gives."""
        return self._parsed.rename if self._parsed is not None else None

    @property
    def controls(self) -> tuple[Control, ...]:
        """The controls of a change record."""
        return self._parsed.controls if self._parsed is not None else ()

    @property
    def refers(self) -> bool:
        """Whether a value of it was read from a file (``:<``), so that its raw bytes do not say all."""
        return self._parsed is not None and self._parsed.refers

    def attributes(self) -> list[Attribute]:
        """Names as written and values, in the order of the file: of content, or of an ``add``."""
        if self._attributes is None:
            self._attributes = list(self._parsed.attributes) if self._parsed is not None else _attributes_of(self.text)
        return self._attributes

    def values(self, name: bytes) -> list[bytes]:
        """The values of one attribute description, its options included, in any case."""
        wanted = name.lower()
        return [value for found, value in self.attributes() if found == name or found.lower() == wanted]

    def mapping(self) -> dict[bytes, list[bytes]]:
        """The values by lower-case name."""
        known = self._parsed is not None or self._attributes is not None
        found = _mapped(self.attributes()) if known else _mapping_of(self.text)
        return found if b"".join(found).islower() else _lower_case(found)


def _attributes_of(text: bytes) -> list[Attribute]:
    """The attributes of an accepted content record: one pattern takes all lines apart, twice as fast as a loop does.

    An accepted plain value begins with no colon, so that a colon means base64.
    """
    return [
        (name, value) if not value or value[0] != _COLON else (name, binascii.a2b_base64(value[1:]))
        for name, value in _PAIR.findall(_without_comments(text))
    ]


def _mapping_of(text: bytes) -> dict[bytes, list[bytes]]:
    """The same by name as written."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in _PAIR.findall(_without_comments(text)):
        if value and value[0] == _COLON:
            value = binascii.a2b_base64(value[1:])
        if name in found:
            found[name].append(value)
        else:
            found[name] = [value]
    return found


def _mapped(attributes: list[Attribute]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in attributes:
        found.setdefault(name, []).append(value)
    return found


def _without_comments(text: bytes) -> bytes:
    if b"#" not in text or (text[0] != _HASH and b"\n#" not in text):  # one byte is looked for ten times as fast as two
        return text
    return b"\n".join([line for line in text.split(b"\n") if not line.startswith(b"#")])


def _lower_case(values: dict[bytes, list[bytes]]) -> dict[bytes, list[bytes]]:
    """The same with lower-case names; two spellings of one name become one."""
    found: dict[bytes, list[bytes]] = {}
    for name, several in values.items():
        found.setdefault(name.lower(), []).extend(several)
    return found
