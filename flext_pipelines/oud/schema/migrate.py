"""The whole way of a schema from OID to OUD: read, fix, leave out, order, write.

What belongs here: the order of the steps, and the one entry that is written. What does not: any step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from flext_pipelines.errors import InternalError, SchemaSyntaxError
from flext_pipelines.oud.schema.attributes import fix_attribute, fix_usage
from flext_pipelines.oud.schema.classes import fix_class, fix_superiors
from flext_pipelines.oud.schema.closure import Names, ordered, settle
from flext_pipelines.oud.schema.conflicts import leave_out_owned, leave_out_repeated
from flext_pipelines.oud.schema.definitions import parse_definition
from flext_pipelines.oud.schema.drafts import Book, Draft
from flext_pipelines.oud.schema.elements import CLASS_KINDS, AttributeType, ClassKind, ObjectClass, write_definition
from flext_pipelines.oud.schema.findings import Finding, Severity
from flext_pipelines.oud.schema.matching import fix_equality
from flext_pipelines.oud.schema.reading import Fault, OidSchema, read_all
from flext_pipelines.oud.schema.scanner import NUMERIC_OID
from flext_pipelines.oud.schema.spelling import fix_spelling
from flext_pipelines.oud.schema.target import TargetSchema, target_schema
from flext_pipelines.oud.schema.view import SchemaView

if TYPE_CHECKING:
    from flext_pipelines.oud.schema.drafts import Carried

CONVERTED = frozenset({"orclaci", "orclentrylevelaci", "orclcontainerlevelacl"})
"""OID's access control: its values become ``aci``, so that the target needs no such attributes."""

_ORACLES = "2.16.840.1.113894."
_HEAD = ((b"objectClass", b"top"), (b"objectClass", b"ldapSubentry"), (b"objectClass", b"subschema"))


@dataclass(frozen=True)
class SchemaMigration:
    """What becomes of a schema.

    Attributes:
        attributes: Attribute types that are written, superiors first.
        classes: Object classes that are written, superiors first.
        findings: Every remark, by line.
        renamed: New names of attributes by old ones in lower case: entries and access values must follow.
        renamed_classes: The same of object classes, which stand in values of ``objectClass``.
        target: What the server has already.
        read: How many attribute types and object classes the source defines.
    """

    attributes: tuple[AttributeType, ...]
    classes: tuple[ObjectClass, ...]
    findings: tuple[Finding, ...]
    renamed: Mapping[str, str]
    renamed_classes: Mapping[str, str]
    target: TargetSchema
    read: int

    @property
    def attributes_written(self) -> int:
        """How many attribute types are written."""
        return len(self.attributes)

    @property
    def classes_written(self) -> int:
        """How many object classes are written."""
        return len(self.classes)

    def count(self, severity: Severity) -> int:
        """How many findings there are of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    @cached_property
    def view(self) -> SchemaView:
        """What the target knows when the file is loaded."""
        return SchemaView((*self.target.elements(), *self.attributes, *self.classes))

    def definitions(self) -> Iterator[tuple[bytes, bytes]]:
        """Attribute and value of each definition, in the order in which a server can take them one by one."""
        for attribute in self.attributes:
            yield b"attributeTypes", write_definition(attribute).encode()
        for object_class in self.classes:
            yield b"objectClasses", write_definition(object_class).encode()

    def lines(self) -> Iterator[bytes]:
        """``99-user.ldif``, line by line with their line ends; the same source gives the same bytes."""
        from flext_pipelines.oud.ldif.lines import line_of

        for name, value in ((b"dn", b"cn=schema"), *_HEAD, *self.definitions()):
            yield line_of(name, value) + b"\n"

    def write(self, path: Path) -> None:
        """Write ``99-user.ldif``; it has its name when it is whole.

        Raises:
            StorageFullError: No room is left.
            UnavailableError: The folder does not take the file.
        """
        from flext_pipelines.oud.ldif.writer import new_file

        with new_file(path) as file:
            file.writelines(self.lines())


def migrate_schema(
    source: str | Path | OidSchema | None,
    *,
    renames: Mapping[str, str] | None = None,
    kinds: Mapping[str, str] | None = None,
    owned: Path | TargetSchema | None = None,
    converted: Collection[str] = CONVERTED,
    lenient: bool = False,
) -> SchemaMigration:
    """Make what a schema of OID must become to be loaded by OUD.

    Args:
        source: OID's schema as LDIF, or as it was read; None for none: only what the target has.
        renames: New names of attributes and classes by old ones, as the site's rules give them.
        kinds: Kinds that classes shall have, by their names in the source, in any case.
        owned: What the target has: a schema that was exported from it, or one that was read; None for what every OUD
            has. See ``target_schema``.
        converted: Attributes that are not carried because their values become something else.
        lenient: Go on after a record that is no LDIF; a definition that is none is a finding in any case.

    Raises:
        LdifError: The source is no LDIF.
        FlextError: A file cannot be read.
    """
    target = owned if isinstance(owned, TargetSchema) else target_schema(owned)
    book = Book(target)
    _tell_unknown(target, book)
    if source is None:
        return _migration(book, [], [], 0)
    schema = source if isinstance(source, OidSchema) else read_all(source, lenient=lenient)
    _tell_unread(schema, book)
    names = {old.lower(): new for old, new in (renames or {}).items()}
    drafts = _spelled(schema, book, names, {name.lower() for name in converted})
    drafts = leave_out_owned(leave_out_repeated(drafts, book), book, names)
    attributes = [draft for draft in drafts if draft.kind == "attributeType"]
    classes = [draft for draft in drafts if draft.kind == "objectClass"]
    for draft in attributes:
        fix_attribute(draft, book)
    attribute_names = Names("attributeType", attributes, book)
    attributes = settle(attributes, attribute_names, book)
    _align_usages(attributes, attribute_names, book)
    for draft in attributes:
        fix_usage(draft, book)
        fix_equality(draft, book)
    class_names = Names("objectClass", classes, book)
    for draft in classes:
        fix_superiors(draft, class_names, book, _kinds(kinds or {}))
    classes = settle(classes, class_names, book)
    for draft in classes:
        fix_class(draft, class_names, attribute_names, book)
    if owned is None:
        _tell_oracles(attributes + classes, book)
    read = sum(one.kind in ("attributeType", "objectClass") for one in schema.definitions)
    return _migration(book, ordered(attributes, attribute_names), ordered(classes, class_names), read)


def _migration(book: Book, attributes: list[Draft], classes: list[Draft], read: int) -> SchemaMigration:
    _prove([*attributes, *classes])
    return SchemaMigration(
        attributes=tuple(one.element for one in attributes if isinstance(one.element, AttributeType)),
        classes=tuple(one.element for one in classes if isinstance(one.element, ObjectClass)),
        findings=tuple(sorted(book.findings, key=lambda finding: finding.line)),
        renamed=dict(sorted(book.renames["attributeType"].items())),
        renamed_classes=dict(sorted(book.renames["objectClass"].items())),
        target=book.target,
        read=read,
    )


def _kinds(given: Mapping[str, str]) -> dict[str, ClassKind]:
    """Kinds by name in lower case."""
    known = {kind.lower(): kind for kind in CLASS_KINDS}
    return {name.lower(): known[kind.lower()] for name, kind in given.items()}


def _prove(drafts: list[Draft]) -> None:
    """Read back strictly what would be written: one wrong definition keeps OUD from starting.

    Raises:
        InternalError: A definition does not read back to itself.
    """
    for draft in drafts:
        numeric = NUMERIC_OID.fullmatch(draft.element.oid)
        element = draft.element if numeric else replace(draft.element, oid="1.1")
        text = write_definition(element)
        try:
            same = parse_definition(draft.kind, text) == element
        except SchemaSyntaxError as error:
            raise _wrong(draft, error.reason) from error
        if not same:
            raise _wrong(draft, "it reads back to another definition")


def _wrong(draft: Draft, why: str) -> InternalError:
    return InternalError(
        f"The {draft.kind} {draft.element.name} of line {draft.line} would be written wrongly: {why}",
        "Take the definition out of the source, and report it",
        {"line": draft.line, "oid": draft.original.oid},
    )


def _tell_unread(schema: OidSchema, book: Book) -> None:
    """Findings on what is no definition, and on definitions that a schema file cannot bring."""
    for fault in schema.faults:
        what = "the record is left out" if fault.kind is None else "the definition is left out"
        book.findings.append(
            Finding("error", fault.line, fault.kind, "", "", "syntax", _placed(fault), what, fault.column)
        )
    for name, lines in schema.not_read.items():
        book.findings.append(
            Finding("info", lines[0], None, name, "", "not-read", f"{len(lines)} values of {name}", "not carried")
        )
    for kind, element, line, _, _ in schema.definitions:
        known = book.target.syntaxes if kind == "ldapSyntax" else book.target.rules
        if kind in ("matchingRule", "ldapSyntax") and not any(key in known for key in element.keys):
            book.findings.append(
                Finding("info", line, kind, element.names[0] if element.names else "", element.oid, "code",
                        f"the target has no such {kind}, which is code and cannot be added by a schema file",
                        "left out; attributes that use it are changed")
            )  # fmt: skip
    if schema.ends_mid_line:
        told = "the file does not end with a line end: legal, and how a file looks that was cut off"
        last = schema.definitions[-1].line if schema.definitions else 1
        book.findings.append(Finding("info", last, None, "", "", "ends-mid-line", told, "compare it with the source"))
    if not schema.definitions and not schema.faults:
        book.findings.append(
            Finding("error", 1, None, "", "", "empty", f"{PurePath(schema.file).name} defines nothing",
                    "nothing is written; name an export of cn=subschemasubentry")
        )  # fmt: skip


def _tell_unknown(target: TargetSchema, book: Book) -> None:
    """Findings on what the target has and nobody knows; the line is of its file, which the reason names."""
    for fault in target.faults:
        unknown = "not known to be the target's; if the source has it too, take it out of the result"
        book.findings.append(
            Finding("error", fault.line, fault.kind, "", "", "target", _placed(fault), unknown, fault.column)
        )


def _placed(fault: Fault) -> str:
    """What is wrong, with the name of the file and no folder: a report is the same wherever the file lies."""
    file = str(fault.error.details.get("file", ""))
    return fault.error.reason.replace(f"{file}:", f"{PurePath(file).name}:", 1) if file else fault.error.reason


def _tell_oracles(drafts: list[Draft], book: Book) -> None:
    """One finding where Oracle's own definitions are written and nobody said which of them the target has."""
    lines = [draft.line for draft in drafts if draft.element.oid.startswith(_ORACLES)]
    if lines:
        reason = f"{len(lines):,} definitions are Oracle's own; an OUD with Enterprise User Security has some of them"
        fix = "written; give the target's schema (--owned) to leave out what it has"
        book.findings.append(Finding("warning", min(lines), None, "", _ORACLES[:-1], "oracle", reason, fix))


def _spelled(schema: OidSchema, book: Book, renames: Mapping[str, str], converted: Collection[str]) -> list[Draft]:
    """Drafts of what a schema file can bring, with names and OIDs that a server takes."""
    book.gone["attributeType"].update(dict.fromkeys(converted, "converted"))
    drafts = []
    for defined in schema.definitions:
        element = defined.element
        if not isinstance(element, (AttributeType, ObjectClass)):
            continue
        draft = Draft(element, element, defined.line)
        if draft.kind == "attributeType" and any(name.lower() in converted for name in element.names):
            book.drop("info", draft, "converted", "access control of OID, whose values become aci", "not carried")
        elif fix_spelling(draft, defined.oddities, book, renames):
            drafts.append(draft)
    return drafts


def _align_usages(attributes: list[Draft], names: Names, book: Book) -> None:
    """A subtype has the usage of its superior (RFC 4512 section 2.5.1); one with a syntax does without it instead."""
    for draft in attributes:
        element = draft.element
        assert isinstance(element, AttributeType)
        above = _attribute(element.superior, names, book)
        if not isinstance(above, AttributeType) or above.usage == element.usage:
            continue
        reason = f"its usage is {element.usage}, that of {above.name} is {above.usage}"
        if element.syntax is not None:
            book.note("warning", draft, "usage", reason, "SUP removed")
            draft.change(superior=None)
        else:
            book.note("warning", draft, "usage", reason, f"USAGE {above.usage}")
            draft.change(usage=above.usage)


def _attribute(name: str | None, names: Names, book: Book) -> Carried | None:
    if name is None:
        return None
    draft = names.draft(name)
    return draft.element if draft is not None else book.target.attributes.get(name.lower())
