"""A schema file: every definition of every subschema entry, with the line on which it stands.

What belongs here: OID's schema LDIF (``cn=subschemasubentry``, lower-case names, folds, several subentries), a
server's ``cn=schema``, and changes that add definitions. What does not: what a definition says (``definitions``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from flext_pipelines.errors import LdifError, SchemaSyntaxError
from flext_pipelines.oud.ldif import Record, Reject, read_ldif
from flext_pipelines.oud.schema.definitions import read_definition
from flext_pipelines.oud.schema.elements import AttributeType, Element, ElementKind
from flext_pipelines.oud.schema.scanner import Oddity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KINDS: dict[bytes, ElementKind] = {
    b"attributetypes": "attributeType",
    b"objectclasses": "objectClass",
    b"matchingrules": "matchingRule",
    b"matchingruleuse": "matchingRuleUse",
    b"ldapsyntaxes": "ldapSyntax",
}
OTHERS = frozenset({b"ditcontentrules", b"ditstructurerules", b"nameforms", b"contentrules"})
"""Attributes of a subschema that are not read: OUD takes them, and OID does not enforce them."""


class Defined(NamedTuple):
    """A definition and where it stands.

    Attributes:
        kind: What it defines.
        element: What it says.
        line: Of the file, where it begins.
        oddities: Where it was not RFC 4512.
        source: The ``description`` of its entry; where a file of several sources says them so.
    """

    kind: ElementKind
    element: Element
    line: int
    oddities: tuple[Oddity, ...] = ()
    source: str = ""


class Fault(NamedTuple):
    """A definition or a record that is none.

    Attributes:
        error: Why.
        line: Where in the file.
        column: Where in that line, as it stands in the file; None for a whole record.
        kind: What it would define; None for a record.
        text: The definition, shortened.
    """

    error: SchemaSyntaxError | LdifError
    line: int
    column: int | None = None
    kind: ElementKind | None = None
    text: str = ""


@dataclass(frozen=True)
class OidSchema:
    """What a schema file says.

    Attributes:
        file: Its name.
        definitions: In the order of the file.
        faults: What could not be read; empty after a strict reading.
        not_read: Lines with other parts of a subschema, by the name of the attribute.
        entries: How many entries have definitions.
        ends_mid_line: The file does not end with a line end: legal, and how a file looks that was cut off.
    """

    file: str
    definitions: tuple[Defined, ...]
    faults: tuple[Fault, ...] = ()
    not_read: dict[str, list[int]] = field(default_factory=dict)
    entries: int = 0
    ends_mid_line: bool = False

    @cached_property
    def attribute_names(self) -> frozenset[str]:
        """Every name and OID of its attribute types, in lower case."""
        return frozenset(
            key for one in self.definitions if isinstance(one.element, AttributeType) for key in one.element.keys
        )


def read_schema(path: str | Path | BinaryIO, *, lenient: bool = False) -> OidSchema:
    """Read a schema file.

    Args:
        path: LDIF, or a file open for reading bytes; it is closed at the end.
        lenient: Go on after a definition or a record that is none, and keep it among the faults.

    Raises:
        SchemaSyntaxError: A definition is none; details have file, line, column, and the column of the definition.
        LdifError: A record is none, or the file is no LDIF at all.
        FlextError: The file cannot be read.
    """
    return _read(path, lenient_records=lenient, lenient_definitions=lenient)


def read_all(path: str | Path | BinaryIO, *, lenient: bool = False) -> OidSchema:
    """The same, with every definition that is none among the faults; ``lenient`` is for records."""
    return _read(path, lenient_records=lenient, lenient_definitions=True)


def _read(path: str | Path | BinaryIO, *, lenient_records: bool, lenient_definitions: bool) -> OidSchema:
    found: list[Defined] = []
    faults: list[Fault] = []
    not_read: dict[str, list[int]] = defaultdict(list)
    entries = 0

    def refuse(reject: Reject) -> None:
        line = reject.error.details.get("line")
        faults.append(Fault(reject.error, line if isinstance(line, int) else reject.line))

    with read_ldif(path, lenient=lenient_records, on_reject=refuse) as reader:
        for record in reader:
            values = list(_values(record))
            entries += bool(values)
            source = b" ".join(record.values(b"description")).decode("utf-8", "replace") if record.attributes() else ""
            for name, value, place in values:
                kind = KINDS.get(name)
                if kind is None:
                    not_read[name.decode()].append(place.line)
                    continue
                try:
                    found.append(_defined(kind, value, place, source))
                except SchemaSyntaxError as error:
                    fault = _located(error, kind, reader.name, place, value)
                    if not lenient_definitions:
                        raise fault.error from None
                    faults.append(fault)
    return OidSchema(reader.name, tuple(found), tuple(faults), dict(not_read), entries, reader.ends_mid_line)


def _defined(kind: ElementKind, value: bytes, place: _Place, source: str) -> Defined:
    oddities: tuple[Oddity, ...] = ()
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        text = value.decode("latin-1")
        oddities = (Oddity("latin-1", "bytes that are no UTF-8", "read as Latin-1", error.start + 1),)
    definition = read_definition(kind, text)
    return Defined(kind, definition.element, place.line, (*oddities, *definition.oddities), source)


def _located(error: SchemaSyntaxError, kind: ElementKind, file: str, place: _Place, value: bytes) -> Fault:
    """The same error with its place in the file."""
    text = value.decode("utf-8", "replace")
    line, column = place.of(len(text[: error.column - 1].encode("utf-8", "replace")))
    details = {**error.details, "file": file, "line": line, "kind": kind}
    reason = f"{file}:{line}: {kind}: {error.reason} of the definition"
    shown = str(error.details.get("text", ""))
    return Fault(SchemaSyntaxError(reason, error.instruction, details), line, column, kind, shown)


def read_values(values: Mapping[str, Iterable[bytes]], source: str) -> OidSchema:
    """The schema that a live server gives: values of ``attributeTypes``, ``objectClasses`` and so on, by name.

    A value that is no definition is kept among the faults; lines are the numbers of the values.
    """
    found: list[Defined] = []
    faults: list[Fault] = []
    number = 0
    for name, texts in values.items():
        kind = KINDS.get(name.lower().encode())
        for text in texts if kind is not None else ():
            number += 1
            assert kind is not None
            place = _Place(number, (0,), 0, encoded=True)
            try:
                found.append(_defined(kind, text, place, source))
            except SchemaSyntaxError as error:
                faults.append(_located(error, kind, source, place, text))
    return OidSchema(source, tuple(found), tuple(faults), entries=bool(found))


class _Place(NamedTuple):
    """Where a value stands in the file.

    Attributes:
        line: Its first line.
        starts: Of each line of the file that holds it: where that begins in the unfolded line.
        offset: Where the value begins in the unfolded line.
        encoded: It stands in base64, so that no column can be told.
    """

    line: int
    starts: tuple[int, ...]
    offset: int
    encoded: bool

    def of(self, byte: int) -> tuple[int, int | None]:
        """Line and column, from 1, of a byte of the value."""
        if self.encoded:
            return self.line, None
        at = self.offset + byte
        number = max(index for index, start in enumerate(self.starts) if start <= at)
        return self.line + number, at - self.starts[number] + (2 if number else 1)


def _values(record: Record) -> Iterator[tuple[bytes, bytes, _Place]]:
    """The values of schema attributes: name in lower case, value, place."""
    pairs = list(record.attributes())
    for change in record.changes:
        if change.operation in ("add", "replace"):
            pairs += [(change.name, value) for value in change.values]
    wanted = [(name.partition(b";")[0].lower(), value) for name, value in pairs]
    wanted = [(name, value) for name, value in wanted if name in KINDS or name in OTHERS]
    if not wanted:
        return
    places: dict[bytes, list[_Place]] = defaultdict(list)
    for name, place in _places(record):
        places[name].append(place)
    nowhere = _Place(record.line, (0,), 0, encoded=True)
    for name, value in wanted:
        yield name, value, places[name].pop(0) if places[name] else nowhere


def _places(record: Record) -> Iterator[tuple[bytes, _Place]]:
    """The place of every ``name: value`` line of a record."""
    lines = record.raw.replace(b"\r\n", b"\n").split(b"\n")
    number = record.line - _comment_lines(lines)
    index = 0
    while index < len(lines):
        starts, unfolded = [0], lines[index]
        end = index + 1
        while end < len(lines) and lines[end].startswith(b" "):
            starts.append(len(unfolded))
            unfolded += lines[end][1:]
            end += 1
        name, _, rest = unfolded.partition(b":")
        if not unfolded.startswith(b"#"):
            value = rest.lstrip(b" ")
            place = _Place(number + index, tuple(starts), len(unfolded) - len(value), encoded=rest.startswith(b":"))
            yield name.partition(b";")[0].lower(), place
        index = end


def _comment_lines(lines: list[bytes]) -> int:
    """How many lines of comment stand above the ``dn``, their continuations included."""
    count = 0
    for line in lines:
        if not line.startswith((b"#", b" ")):
            break
        count += 1
    return count
