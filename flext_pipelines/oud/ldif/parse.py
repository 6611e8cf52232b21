"""One record read strictly, line by line: what RFC 2849 allows, and for everything else the line and the reason.

The reader comes here with records that the pattern for plain content records does not match: change records, values
behind ``:<``, and everything that is wrong.

What belongs here: the order of lines in a record. What does not: files and blocks (``reader``), tokens (``grammar``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple, NoReturn, cast

from flext_pipelines.errors import LdifError
from flext_pipelines.oud.ldif import grammar

ChangeType = Literal["add", "delete", "modify", "modrdn", "moddn"]
Operation = Literal["add", "delete", "replace", "increment"]
Attribute = tuple[bytes, bytes]
"""A name as written and a value."""


class Control(NamedTuple):
    """A control of a change record."""

    oid: str
    critical: bool
    value: bytes | None


class Modification(NamedTuple):
    """One step of a ``modify`` record; ``increment`` is RFC 4525's."""

    operation: Operation
    name: bytes
    values: tuple[bytes, ...]


class Rename(NamedTuple):
    """What a ``modrdn`` or ``moddn`` record asks for."""

    new_rdn: bytes
    delete_old_rdn: bool
    new_superior: bytes | None


class Parsed(NamedTuple):
    """Everything that a record says.

    Attributes:
        line: Where its ``dn`` stands.
        dn: Without base64.
        changetype: None for a content record.
        attributes: Of a content record or an ``add``.
        modifications: Of a ``modify``.
        rename: Of a ``modrdn`` or ``moddn``.
        controls: Of a change record.
        refers: Whether a value came from a file named by ``:<``.
    """

    line: int
    dn: bytes
    changetype: ChangeType | None = None
    attributes: tuple[Attribute, ...] = ()
    modifications: tuple[Modification, ...] = ()
    rename: Rename | None = None
    controls: tuple[Control, ...] = ()
    refers: bool = False


class Line(NamedTuple):
    """A line as it is meant: its continuations joined, with the number of the first."""

    number: int
    text: bytes


def ldif_error(file: str, line: int, reason: str, instruction: str = "") -> LdifError:
    """An error that names its place."""
    return LdifError(f"{file}:{line}: {reason}", instruction, {"file": file, "line": line, "reason": reason})


class RecordParser:
    """Parses one record.

    Args:
        raw: Its bytes, without empty lines around it.
        first_line: Number of its first line in the file.
        file: Name of the file, for errors.
        allow_urls: Read values behind ``:<`` from local files; otherwise they are an error.
    """

    def __init__(self, raw: bytes, first_line: int, *, file: str, allow_urls: bool = False) -> None:
        self._file = file
        self._allow_urls = allow_urls
        self._number = first_line
        self._refers = False
        self._spaces_only = b"\n \n" in raw or b"\n \r\n" in raw
        self._lines = [line for line in self._joined(raw) if not line.text.startswith(b"#")]
        self._at = 0

    def parse(self) -> Parsed | None:
        """What it says; None when it holds comments only.

        Raises:
            LdifError: It is wrong; with file, line and reason.
        """
        if not self._lines:
            return None
        first = self._lines[0]
        name, dn = self._pair(first)
        if name.lower() == b"version":
            self._fail(first.number, "a version line stands at the top of a file only, once", "Remove the line")
        if name.lower() != b"dn":
            self._fail(first.number, f"a record begins with dn, this one with {_shown(name)}")
        self._at = 1
        controls = tuple(self._controls())
        parsed = Parsed(first.number, dn, controls=controls)
        if self._next_name() == b"changetype":
            return self._change(parsed)._replace(refers=self._refers)
        attributes = self._attributes()
        if not attributes:
            self._fail(first.number, "the record has a dn and nothing else; an entry has attributes")
        return parsed._replace(attributes=attributes, refers=self._refers)

    def _joined(self, raw: bytes) -> Iterator[Line]:
        """Lines with their continuations."""
        text: list[bytes] = []
        start = number = self._number
        for number, physical in enumerate(raw.split(b"\n"), self._number):
            line = physical.removesuffix(b"\r")
            if b"\r" in line or b"\0" in line:
                what = "NUL byte" if b"\0" in line else "carriage return"
                self._fail(number, f"a {what} inside the line; is this a binary file?", "Such values need base64")
            if line.startswith(b" "):
                if number == self._number:
                    self._fail(number, "the line begins with a space, so it continues another, and none is before it")
                text.append(line[1:])
                continue
            if text:
                yield Line(start, b"".join(text))
            start, text = number, [line]
        yield Line(start, b"".join(text))

    def _fail(self, line: int, reason: str, instruction: str = "") -> NoReturn:
        raise ldif_error(self._file, line, reason, instruction) from None

    def _pair(self, line: Line) -> Attribute:
        """Name and value of one line."""
        found = grammar.LINE.fullmatch(line.text)
        if found is None:
            self._fail(line.number, *_why_no_line(line.text, is_last=line is self._lines[-1]))
        name, mark, marked, plain = found.groups()
        if mark is None:
            if plain[:1] in (b":", b"<"):
                self._fail(line.number, f"the value of {_shown(name)} begins with {plain[:1].decode()!r}; "
                           "such a value stands in base64")  # fmt: skip
            return name, plain
        try:
            return name, self._marked_value(mark, marked)
        except ValueError as error:
            self._fail(line.number, f"{_shown(name)}: {error}")

    def _marked_value(self, mark: bytes, text: bytes) -> bytes:
        if mark == b":":
            return grammar.decoded(text)
        if not self._allow_urls:
            raise ValueError("the value refers to a URL, and reading URLs was not allowed (--allow-urls)")
        self._refers = True
        return grammar.bytes_at(text)

    def _next_name(self) -> bytes:
        """The name of the next line in lower case; empty at the end."""
        if self._at >= len(self._lines):
            return b""
        return self._lines[self._at].text.partition(b":")[0].lower()

    def _controls(self) -> Iterator[Control]:
        """The control lines; an entry may have an attribute of that name, which no changetype follows."""
        stop = self._at
        while stop < len(self._lines) and self._lines[stop].text[:8].lower() == b"control:":
            stop += 1
        if stop == len(self._lines) or not self._lines[stop].text.lower().startswith(b"changetype:"):
            return
        for line in self._lines[self._at : stop]:
            yield self._control(line)
        self._at = stop

    def _control(self, line: Line) -> Control:
        found = grammar.CONTROL.fullmatch(line.text[8:].lstrip(b" "))
        if found is None:
            self._fail(line.number, "a control is an OID, then true or false, then a value", "control: 1.2.840 true")
        oid, critical, has_value, _ = found.groups()
        value = self._pair(Line(line.number, b"control:" + found.group(4)))[1] if has_value else None
        return Control(oid.decode(), (critical or b"").lower() == b"true", value)

    def _attributes(self) -> tuple[Attribute, ...]:
        """All lines that are left, as attributes."""
        pairs = []
        for line in self._lines[self._at :]:
            pair = self._pair(line)
            reserved = pair[0].lower()
            if reserved == b"dn":
                self._fail(line.number, "dn stands a second time in the record", self._advice_on_dn())
            if reserved == b"changetype":
                self._fail(line.number, "changetype must follow the dn, before any attribute")
            pairs.append(pair)
        self._at = len(self._lines)
        return tuple(pairs)

    def _advice_on_dn(self) -> str:
        if self._spaces_only:
            return "A line of one space continues the line before it; records are parted by an empty line"
        return "Part records by an empty line"

    def _change(self, parsed: Parsed) -> Parsed:
        line = self._lines[self._at]
        kind = self._pair(line)[1].lower().decode("ascii", "replace")
        self._at += 1
        if kind not in ("add", "delete", "modify", "modrdn", "moddn"):
            self._fail(line.number, f"changetype {kind!r} is none of add, delete, modify, modrdn, moddn")
        parsed = parsed._replace(changetype=cast("ChangeType", kind))
        if kind == "add":
            attributes = self._attributes()
            if not attributes:
                self._fail(line.number, "changetype add without attributes")
            return parsed._replace(attributes=attributes)
        if kind == "modify":
            return parsed._replace(modifications=tuple(self._modifications()))
        if kind == "delete":
            self._ends(after="changetype delete")
            return parsed
        return parsed._replace(rename=self._rename(line.number, kind))

    def _ends(self, *, after: str) -> None:
        if self._at < len(self._lines):
            line = self._lines[self._at]
            self._fail(line.number, f"nothing may follow {after}; parted by an empty line, it were another record")

    def _rename(self, number: int, kind: str) -> Rename:
        new_rdn = self._expect("newrdn", number, kind)
        if not new_rdn:
            self._fail(self._lines[self._at - 1].number, "newrdn is empty")
        delete_old = self._expect("deleteoldrdn", number, kind)
        if delete_old not in (b"0", b"1"):
            self._fail(self._lines[self._at - 1].number, "deleteoldrdn is neither 0 nor 1")
        superior = self._expect("newsuperior", number, kind) if self._next_name() == b"newsuperior" else None
        self._ends(after=f"the lines of a {kind}")
        return Rename(new_rdn, delete_old == b"1", superior)

    def _expect(self, name: str, number: int, kind: str) -> bytes:
        if self._next_name() != name.encode():
            at = self._lines[self._at].number if self._at < len(self._lines) else number
            self._fail(
                at, f"{name} is missing; a {kind} has newrdn, deleteoldrdn and perhaps newsuperior, in that order"
            )
        value = self._pair(self._lines[self._at])[1]
        self._at += 1
        return value

    def _modifications(self) -> Iterator[Modification]:
        """The steps; the last ``-`` is often left out, by OID too."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            found, about = self._pair(line)
            operation = found.lower().decode()
            if operation not in ("add", "delete", "replace", "increment"):
                self._fail(line.number, f"a step of a modify begins with add, delete or replace, this one with "
                           f"{_shown(found)}", "Each step but the last ends with a line `-`")  # fmt: skip
            if not grammar.is_name(about):
                self._fail(line.number, f"{operation} needs the name of an attribute")
            self._at += 1
            yield Modification(cast("Operation", operation), about, tuple(self._values_of(about)))

    def _values_of(self, about: bytes) -> Iterator[bytes]:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if line.text == b"-":
                return
            name, value = self._pair(line)
            if name.lower() != about.lower():
                self._fail(line.number, f"{_shown(name)} in a step about {_shown(about)}",
                           "Each step but the last ends with a line `-`")  # fmt: skip
            yield value


def _shown(name: bytes) -> str:
    """A name, shortened; names are no secrets, values may be."""
    text = name[:60].decode("ascii", "replace")
    return f"{text}..." if len(name) > 60 else text


def _why_no_line(text: bytes, *, is_last: bool) -> tuple[str, str]:
    """Reason and advice for a line that is not ``name: value``. Values are not shown: they may be secret."""
    if text.startswith(b"\t"):
        return "the line begins with a tab; a continuation begins with one space", "Replace the tab by a space"
    if text.startswith(b"\xef\xbb\xbf"):
        return "a byte order mark inside the file; were files joined here?", "Remove the three bytes EF BB BF"
    name, colon, _ = text.partition(b":")
    if not colon:
        if text == b"-":
            return "a line `-` ends a step of a modify, and this is none", ""
        advice = "The file may be cut off here: compare its size with the source's" if is_last else ""
        return "the line has no colon, so it is no `name: value`", advice
    if not name:
        return "the line has no name before its colon", ""
    if name != name.strip():
        return f"there is a space between the name {_shown(name.strip())} and its colon", ""
    return f"{_shown(name)!r} is no attribute name: letters, digits, hyphens and ;options, or a numeric OID", ""
