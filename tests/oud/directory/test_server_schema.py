"""Facts about how values are compared: as the server's own schema says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.oud.directory.connection import Directory
from flext_pipelines.oud.directory.server_schema import ServerSchema, definition, named_by, value_key
from flext_pipelines.oud.directory.target import DirectoryTarget

SCHEMA = ServerSchema({
    "attributeTypes": [
        b"( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
        b"( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'a ) in $ text' SUP name )",
        b"( 2.5.4.31 NAME 'member' SUP distinguishedName )",
        b"( 2.5.4.49 NAME 'distinguishedName' EQUALITY distinguishedNameMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 )",
        b"( 2.5.18.1 NAME 'createTimestamp' SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )",
        b"( 1.2.3 NAME 'loop' SUP loop )",
    ],
    "objectClasses": [
        b"( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
        b"( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) )",
        b"( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP person STRUCTURAL )",
    ],
})  # fmt: skip


def test_a_definition_is_read_by_its_parts() -> None:
    """Names in or without parentheses, quoted text with signs in it, flags without words."""
    parts = definition("( 1.2.3 NAME ( 'a' 'b' ) DESC 'x ( y $ z' SUP top AUXILIARY MAY ( c $ d ) X-ORIGIN 'me' )")

    assert parts["OID"] == ["1.2.3"]
    assert parts["NAME"] == ["a", "b"]
    assert parts["DESC"] == ["x ( y $ z"]
    assert parts["AUXILIARY"] == []
    assert parts["MAY"] == ["c", "d"]


@given(st.text(max_size=200))
def test_any_text_can_be_read_as_a_definition(text: str) -> None:
    """A server's own oddities never end a comparison: what can be read is read."""
    schema = ServerSchema({"attributeTypes": [text.encode()], "objectClasses": [text.encode()]})

    assert isinstance(definition(text), dict)
    assert all(name == name.lower() for name in [*schema.types, *schema.classes])
    assert schema.superiors_of([text.encode()])


def test_names_of_one_attribute_are_one() -> None:
    """Other names, the OID, any case and the transport option make no difference; other options do."""
    key = SCHEMA.key_of("cn")

    assert SCHEMA.key_of("commonName") == SCHEMA.key_of("2.5.4.3") == SCHEMA.key_of("CN;binary") == key
    assert SCHEMA.key_of("cn;lang-de") != key
    assert SCHEMA.key_of("cn;b;a") == SCHEMA.key_of("CN;A;B")


def test_rules_are_inherited() -> None:
    """A type without a rule has the one of the type above it; a loop ends."""
    assert SCHEMA.rule_of("cn") == "any case"
    assert SCHEMA.rule_of("member") == "name"
    assert SCHEMA.rule_of("loop") == "octets"
    assert SCHEMA.rule_of("unheard-of") == "octets"
    found = SCHEMA.type_of("createtimestamp")
    assert found is not None
    assert found.operational
    assert found.single


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [
        ("any case", b"  Ada   Byron ", b"ada byron"),
        ("any case", "\u00d6zt\u00fcrk".encode(), "\u00f6ZT\u00dcRK".encode()),
        ("name", b"CN=Ada , DC=example", b"cn=ada,dc=Example"),
        ("name", b"cn=a,dc=b#'01'B", b"CN=A, dc=b#'01'B"),
        ("number", b"007", b"7"),
        ("phone", b"+1 555-0100", b"+15550100"),
        ("digits", b"12 34", b"1234"),
        ("moment", b"20200101000000z", b"20200101000000Z"),
        ("exact", b" A  b ", b"A b"),
    ],
)
def test_spellings_of_one_value_are_one(rule: str, one: bytes, other: bytes) -> None:
    """Each matching rule overlooks what it must."""
    assert value_key(rule, one) == value_key(rule, other)


@pytest.mark.parametrize(
    ("rule", "one", "other"),
    [("exact", b"a", b"A"), ("octets", b"a", b"A"), ("any case", b"a b", b"ab"), ("number", b"x", b"X"),
     ("name", b"cn=a#'0'B", b"cn=a#'1'B"), ("name", b"no name", b"No name")],
)  # fmt: skip
def test_different_values_stay_different(rule: str, one: bytes, other: bytes) -> None:
    """What a rule does not overlook is a difference; so is what is no value of its kind."""
    assert value_key(rule, one) != value_key(rule, other)


def test_an_identifier_behind_a_name_is_no_part_of_it() -> None:
    """RFC 4517, 3.3.21; a number sign inside a value is part of the name."""
    assert named_by(b"cn=a,dc=b#'01'B") == b"cn=a,dc=b"
    assert named_by(b"cn=a#1,dc=b") == b"cn=a#1,dc=b"


def test_classes_above_are_known() -> None:
    """A server adds them by itself."""
    assert SCHEMA.superiors_of([b"inetorgperson"]) == {b"2.16.840.1.113730.3.2.2", b"2.5.6.6", b"2.5.6.0"}


@pytest.mark.ldap
@pytest.mark.process
@pytest.mark.xdist_group("389")
def test_the_schema_of_a_server_is_read(target: DirectoryTarget) -> None:
    """Slapd and 389 publish hundreds of types, with the rules that the standards give them."""
    with Directory(target) as directory:
        schema = directory.schema

    assert schema.known
    assert len(schema.types) > 100
    assert [schema.rule_of(name) for name in ("cn", "uniqueMember", "member", "telephoneNumber", "userPassword")] == [
        "any case", "name", "name", "phone", "octets"
    ]  # fmt: skip
    assert schema.type_of("modifyTimestamp") is not None
    assert "inetorgperson" in schema.classes
