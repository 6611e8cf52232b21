"""Schema files: several subentries, folds, base64, changes, and where a fault stands."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from flext_pipelines.errors import LdifError, NotFoundError, SchemaSyntaxError
from flext_pipelines.oud.schema.migrate import migrate_schema
from flext_pipelines.oud.schema.reading import OidSchema, read_all, read_schema, read_values
from flext_pipelines.oud.schema.target import TargetSchema
from tests.oud.oid_schema import ATTRIBUTES, CLASSES, SCHEMA
from tests.oud.schema.made import ARC, TEXT, attribute

HEAD = b"dn: cn=subschemasubentry\nobjectclass: subschema\n"


def read(data: bytes, *, lenient: bool = False) -> OidSchema:
    return read_all(io.BytesIO(data), lenient=lenient)


def test_every_definition_of_every_subentry_is_read_with_its_line() -> None:
    """The sample: two entries, folds anywhere, lower-case names."""
    found = read(SCHEMA)

    assert (found.entries, found.faults) == (2, ())
    assert len(found.definitions) == len(ATTRIBUTES) + len(CLASSES) + 3
    lines = SCHEMA.split(b"\n")
    assert all(lines[one.line - 1].startswith((b"attributetypes: ", b"objectclasses: ")) for one in found.definitions)


def test_names_of_any_case_options_and_base64_are_read() -> None:
    """Comments and carriage returns between them change no line."""
    text = attribute(1, "exampleA").encode()
    data = b"# a\r\n b\r\n" + HEAD.replace(b"\n", b"\r\n")
    data += b"# c\r\nattributeTypes:: " + base64.b64encode(text) + b"\r\nATTRIBUTETYPES;x-a: " + text + b"\r\n"

    found = read(data)

    assert [one.line for one in found.definitions] == [6, 7]
    assert found.definitions[0].element == found.definitions[1].element


def test_rules_and_syntaxes_are_read_and_other_parts_are_told() -> None:
    """Content rules and name forms are not carried."""
    data = HEAD + (
        b"matchingrules: ( 2.5.13.2 NAME 'caseIgnoreMatch' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
        b"matchingrules: ( 1.2.3 NAME 'theirOwnMatch' SYNTAX '1.2.4' )\nldapsyntaxes: ( 1.2.4 DESC 'x' )\n"
        b"matchingruleuse: ( 2.5.13.2 APPLIES cn )\nditcontentrules: ( 1.2 NAME 'x' )\nnameforms: ( 1.3 )\n"
        b"nameforms: ( 1.4 )\n"
    )

    found = migrate_schema(read(data))

    assert [(one.severity, one.line, one.name, one.code) for one in found.findings] == [
        ("info", 4, "theirOwnMatch", "code"), ("info", 5, "", "code"), ("info", 7, "ditcontentrules", "not-read"),
        ("info", 8, "nameforms", "not-read"),
    ]  # fmt: skip


def test_changes_that_add_definitions_are_read() -> None:
    """As tools write them that apply schema over LDAP."""
    data = (
        f"dn: cn=schema\nchangetype: modify\nadd: attributetypes\nattributetypes: {attribute(1, 'a')}\n"
        f"attributetypes: {attribute(2, 'b')}\n-\nreplace: objectclasses\n"
        f"objectclasses: ( {ARC}.2.1 NAME 'c' AUXILIARY )\n-\ndelete: attributetypes\nattributetypes: ( 1.2 )\n-\n"
    )

    found = read(data.encode())

    assert [(one.element.name, one.line) for one in found.definitions] == [("a", 4), ("b", 5), ("c", 8)]


def test_latin_1_is_read_as_such() -> None:
    """Older exports hold it, and RFC 4512 wants UTF-8."""
    text = attribute(1, "a", f"DESC 'Caf\u00e9' {TEXT}").encode("latin-1")

    found = migrate_schema(read(HEAD + b"attributetypes: " + text + b"\n"))

    assert found.attributes[0].description == "Caf\u00e9"
    assert [(one.severity, one.code) for one in found.findings] == [("warning", "latin-1")]


FAULTS = [
    (b"attributetypes: ( 1.2 NAME x-'\n", 3, 30),
    (b"attributetypes: ( 1.2 SYN\n TAX 1.3 USAGE so\n me )\n", 4, 16),
    (b"attributetypes:    ( 1.2 WHAT )\n", 3, 26),
    (b"# c\n d\nattributetypes: (\n  1.2 NA\n ME 'a' MUST b )\n", 7, 9),
    (b"attributetypes: ( 1.2 DESC '\xc3\xa9\xc3\xa9' W )\n", 3, 35),
]


@pytest.mark.parametrize(("data", "line", "column"), FAULTS)
def test_a_fault_has_its_line_and_column_in_the_file(data: bytes, line: int, column: int) -> None:
    """Behind folds and comments too; the column counts bytes, as the line's folds do."""
    found = read(HEAD + data)

    assert [(one.line, one.column, one.kind) for one in found.faults] == [(line, column, "attributeType")]
    assert f":{line}: attributeType: " in found.faults[0].error.reason


def test_a_fault_in_base64_has_its_line() -> None:
    """No column of the file stands for one of the text."""
    found = read(HEAD + b"attributetypes:: " + base64.b64encode(b"( 1.2 WHAT )") + b"\n")

    assert [(one.line, one.column) for one in found.faults] == [(3, None)]
    assert found.faults[0].error.details["column"] == 7


def test_strict_reading_ends_at_the_first_fault_and_lenient_reading_keeps_them(tmp_path: Path) -> None:
    """A definition that is none, and a record that is none."""
    path = tmp_path / "oid-schema.ldif"
    path.write_bytes(HEAD + b"attributetypes: (\nattributetypes: ( 1.2 SYNTAX 1.3 )\n\nno record\n\n" + SCHEMA)

    with pytest.raises(SchemaSyntaxError, match=r"oid-schema\.ldif:3: attributeType: expected an OID") as caught:
        read_schema(path)
    assert (caught.value.details["line"], caught.value.column) == (3, 2)
    with pytest.raises(LdifError, match=r"oid-schema\.ldif:6: "):
        read_all(path)
    assert [one.line for one in read_schema(path, lenient=True).faults] == [3, 6]
    found = migrate_schema(path, lenient=True)
    assert [(one.line, one.code, one.fix) for one in found.findings if one.severity == "error"] == [
        (3, "syntax", "the definition is left out"), (6, "syntax", "the record is left out"),
    ]  # fmt: skip


def test_a_file_without_definitions_is_an_error() -> None:
    """A data export in its place is told, and so is an empty one."""
    for data in (b"", b"dn: dc=example\nobjectclass: domain\ndc: example\n"):
        found = migrate_schema(read(data))

        assert [(one.severity, one.code) for one in found.findings] == [("error", "empty")]


def test_a_file_that_ends_in_the_middle_of_a_line_is_told() -> None:
    """It may be cut off."""
    found = migrate_schema(read(HEAD + b"attributetypes: " + attribute(1, "a").encode()))

    assert [(one.line, one.code) for one in found.findings] == [(3, "ends-mid-line")]
    assert found.attributes_written == 1


def test_what_is_no_ldif_is_refused(tmp_path: Path) -> None:
    """The listing of OID's own ldapsearch, binary garbage, and no file at all."""
    listing = b"cn=subschemasubentry\nobjectclass=top\nobjectclass=subschema\nattributetypes=( 1.2 NAME 'a' )\n"

    with pytest.raises(LdifError):
        read(listing)
    with pytest.raises(LdifError):
        read(bytes(range(256)) * 10)
    with pytest.raises(NotFoundError):
        read_schema(tmp_path / "nothing.ldif")


def test_a_live_servers_values_are_read_into_the_same() -> None:
    """Whatever the case of their names; what is no definition is kept."""
    found = read_values({"attributeTypes": [attribute(1, "exampleA").encode(), b"( 1.2"], "cn": [b"schema"],
                         "objectClasses": [b"( 2.5.6.0 NAME 'top' ABSTRACT )"]}, "ldap://there")  # fmt: skip

    assert [(one.element.name, one.line, one.source) for one in found.definitions] == [
        ("exampleA", 1, "ldap://there"), ("top", 3, "ldap://there"),
    ]  # fmt: skip
    assert [one.line for one in found.faults] == [2]
    assert "exampleA" in TargetSchema.of(found.definitions).attributes["examplea"].names


def test_without_a_schema_the_target_has_what_it_has() -> None:
    """Nothing is found and nothing written but the head of the entry."""
    found = migrate_schema(None)

    assert found.findings == ()
    assert (
        b"".join(found.lines())
        == b"dn: cn=schema\nobjectClass: top\nobjectClass: ldapSubentry\nobjectClass: subschema\n"
    )
    assert found.view.knows_class("inetOrgPerson")
