"""Definitions that are there twice: in the source, and in the source and the target."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.errors import UsageError
from flext_pipelines.oud.schema.target import standard_target, target_schema
from tests.oud.oid_schema import subentry
from tests.oud.schema.made import ARC, SYNTAX, TEXT, attribute, migrated, object_class, serious, told


def test_a_definition_that_is_repeated_is_no_conflict() -> None:
    """The same in another spelling; the first stands."""
    found = migrated([attribute(1, "exampleA"), attribute(1, "EXAMPLEA", f"DESC 'x' SYNTAX '{SYNTAX}15'")])

    assert [one.name for one in found.attributes] == ["exampleA"]
    assert serious(found) == []
    assert told(found, "repeated")[0].reason == "the same as the attributeType exampleA of line 6"


@pytest.mark.parametrize(
    ("second", "shared"),
    [(attribute(1, "exampleB"), "OID"), (attribute(2, "exampleA"), "name"),
     (attribute(1, "exampleA", f"SYNTAX {SYNTAX}26"), "OID")],
)  # fmt: skip
def test_of_two_that_differ_the_first_stands(second: str, shared: str) -> None:
    """With what they say differently, for a person."""
    found = migrated([attribute(1, "exampleA"), second])

    assert [(one.name, one.oid) for one in found.attributes] == [("exampleA", f"{ARC}.1.1")]
    (told_once,) = told(found, "duplicate")
    assert (told_once.severity, told_once.line) == ("error", 8)
    assert f"the attributeType exampleA of line 6 has the same {shared} and another definition" in told_once.reason
    assert " / " in told_once.reason


def test_names_of_a_duplicate_lead_nowhere() -> None:
    """A class that allows them is told so."""
    found = migrated(
        [attribute(1, "exampleA"), attribute(1, "exampleB")], [object_class(1, "c", "SUP top AUXILIARY MAY exampleB")]
    )

    assert found.classes[0].may == ()
    assert told(found, "reference")[0].reason == "MAY exampleB: its definition was left out"


def test_an_oid_is_an_attribute_or_a_class() -> None:
    """One number for both needs a person."""
    found = migrated([attribute(1, "exampleA")], [f"( {ARC}.1.1 NAME 'exampleC' SUP top AUXILIARY )"])

    assert (found.attributes_written, found.classes_written) == (1, 0)
    assert serious(found) == [("error", "duplicate", "exampleC")]


def test_an_attribute_and_a_class_may_have_one_name() -> None:
    """They are never mistaken for each other."""
    found = migrated([attribute(1, "example")], [object_class(1, "example")])

    assert (found.attributes_written, found.classes_written, serious(found)) == (1, 1, [])


def test_what_the_target_has_is_not_brought_again() -> None:
    """The same by OID, with its source; what it inherits there counts as said."""
    found = migrated(
        [f"( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name EQUALITY caseIgnoreMatch SYNTAX '{SYNTAX}15' )"],
        [("( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( cn $ sn ) MAY ( description $ userPassword $ seeAlso $"
         " telephoneNumber ) )")],
    )  # fmt: skip

    assert (found.attributes_written, found.classes_written, serious(found)) == (0, 0, [])
    assert [one.reason for one in told(found, "owned")] == [
        "the target has cn (RFC 4519)",
        "the target has person (RFC 4519)",
    ]


DIFFERENT = [
    (f"( 2.5.4.3 NAME ( 'cn' 'commonName' ) {TEXT} SINGLE-VALUE )", "single_valued: no / yes"),
    (f"( 2.5.4.3 NAME ( 'cn' 'commonName' ) SYNTAX {SYNTAX}26 )", f"syntax: {SYNTAX}15 / {SYNTAX}26"),
    (f"( {ARC}.1.1 NAME ( 'cn' 'commonName' ) {TEXT} )", f"oid: 2.5.4.3 / {ARC}.1.1"),
    (f"( 2.5.4.3 NAME ( 'cn' 'commonName' ) {TEXT} USAGE dSAOperation )", "usage: userApplications / dSAOperation"),
]


@pytest.mark.parametrize(("text", "difference"), DIFFERENT)
def test_a_different_definition_is_told_with_the_difference(text: str, difference: str) -> None:
    """The target's stands: data that fitted the other may not fit it."""
    found = migrated([text])

    assert found.attributes == ()
    assert difference in told(found, "owned")[0].reason
    assert told(found, "owned")[0].fix == "left out, the target's stands"


def test_a_class_that_allowed_more_is_told_with_what_it_allowed() -> None:
    """Entries with those attributes are refused there."""
    found = migrated(
        [attribute(1, "exampleBadge")],
        [("( 2.16.840.1.113730.3.2.2 NAME 'inetOrgPerson' SUP organizationalPerson STRUCTURAL"
         " MAY ( mail $ exampleBadge $ sn ) )")],
    )  # fmt: skip

    (finding,) = told(found, "owned")
    assert finding.severity == "warning"
    assert finding.reason.endswith("entries of it may not have exampleBadge there")


def test_a_class_that_demanded_less_is_told_with_what_is_demanded() -> None:
    """What the target demands less is no news; a missing SUP is top."""
    found = migrated([], [
        ("( 2.5.6.6 NAME 'person' STRUCTURAL MUST cn MAY ( sn $ userPassword $ telephoneNumber $ seeAlso $"
        " description ) )"),
        "( 2.5.6.17 NAME 'groupOfUniqueNames' SUP top STRUCTURAL MUST ( cn $ uniqueMember ) MAY ( owner $ o ) )",
    ])  # fmt: skip

    person, group = told(found, "owned")
    assert (person.severity, group.severity) == ("warning", "info")
    assert person.reason.endswith("; entries of it must have sn there")
    assert "superiors" not in person.reason
    assert "must: none / uniqueMember" in group.reason


def test_other_names_of_what_the_target_has_become_its_name() -> None:
    """The number is the attribute; data under the other name must follow."""
    found = migrated(
        [f"( 2.5.4.4 NAME ( 'sn' 'surname' 'family_name' ) SUP name {TEXT} )", f"( 2.5.4.42 NAME 'firstName' {TEXT} )"],
        [object_class(1, "c", "SUP top AUXILIARY MUST firstName MAY family_name")],
    )

    assert found.renamed == {"family_name": "sn", "firstname": "givenName"}
    assert (found.classes[0].must, found.classes[0].may) == (("givenName",), ("sn",))
    assert "data that use firstName are renamed to givenName" in told(found, "owned")[1].fix


def test_an_oid_and_a_name_of_two_others_need_a_person() -> None:
    """Nobody can tell which is meant."""
    found = migrated([f"( 2.5.4.3 NAME 'sn' {TEXT} )"])

    assert serious(found)[-1] == ("error", "owned", "sn")
    assert found.renamed == {}


def test_an_attribute_with_the_number_of_a_class_needs_a_person() -> None:
    """2.5.6.6 is ``person``."""
    found = migrated([f"( 2.5.6.6 NAME 'exampleA' {TEXT} )"], ["( 2.5.4.3 NAME 'exampleC' SUP top AUXILIARY )"])

    assert serious(found) == [("error", "owned", "exampleA"), ("error", "owned", "exampleC")]
    assert (found.attributes_written, found.classes_written) == (0, 0)


def test_the_servers_own_arc_is_left_alone() -> None:
    """Below OpenDS's number everything belongs to the server, listed or not."""
    found = migrated([f"( 1.3.6.1.4.1.26027.1.1.99999 NAME 'ds-cfg-whatever' {TEXT} )"])

    assert found.attributes == ()
    assert serious(found) == [("warning", "owned-arc", "ds-cfg-whatever")]


def test_what_is_known_by_its_name_only_is_not_compared() -> None:
    """Its number and definition in OUD are not known here."""
    found = migrated([attribute(1, "orclSubscriberDisable", f"SYNTAX {SYNTAX}27")])

    assert found.attributes == ()
    assert "differ" not in told(found, "owned")[0].reason


def test_a_sites_own_list_is_added(tmp_path: Path) -> None:
    """A file that is no whole schema."""
    file = tmp_path / "more.ldif"
    file.write_bytes(subentry("cn=schema", [attribute(1, "exampleA")], []))

    found = migrated([attribute(1, "exampleA"), attribute(2, "exampleB"), DIFFERENT[0][0]], owned=file)

    assert [one.name for one in found.attributes] == ["exampleB"]
    assert told(found, "owned")[0].reason == "the target has exampleA (more.ldif)"
    assert found.view.knows_attribute("exampleA")
    assert found.view.knows_attribute("cn")


def test_a_whole_schema_stands_for_the_built_in_list(tmp_path: Path) -> None:
    """What the target does not have is brought, whatever other servers have; syntaxes and rules are known still."""
    file = tmp_path / "whole.ldif"
    file.write_bytes(subentry("cn=schema", [f"( 2.5.4.0 NAME 'objectClass' SYNTAX {SYNTAX}38 )"],
                              ["( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )"]))  # fmt: skip

    found = migrated([f"( 2.5.4.3 NAME 'cn' EQUALITY caseIgnoreMatch {TEXT} )"], owned=target_schema(file))

    assert [one.name for one in found.attributes] == ["cn"]
    assert not found.view.knows_attribute("sn")
    assert serious(found) == []


def test_rules_and_syntaxes_of_a_whole_schema_are_its_own(tmp_path: Path) -> None:
    """What it does not list, the target does not have."""
    file = tmp_path / "whole.ldif"
    text = subentry("cn=schema", [], ["( 2.5.6.0 NAME 'top' ABSTRACT )"]).rstrip(b"\n")
    rule = f"\nmatchingrules: ( 2.5.13.2 NAME 'caseIgnoreMatch' {TEXT} )\nldapsyntaxes: ( {SYNTAX}15 )\n"
    file.write_bytes(text + rule.encode())

    found = migrated([attribute(1, "exampleA", f"EQUALITY integerMatch SYNTAX {SYNTAX}27")], owned=file)

    assert (found.attributes[0].equality, found.attributes[0].syntax) == (None, f"{SYNTAX}15")
    assert {code for _, code, _ in serious(found)} == {"matching-rule", "syntax-unknown"}


def test_what_cannot_be_read_of_the_targets_list_is_told(tmp_path: Path) -> None:
    """With file and line; the rest of it counts."""
    wrong = tmp_path / "wrong.ldif"
    text = attribute(1, "exampleA")
    wrong.write_bytes(f"dn: cn=schema\nattributetypes: ( 1.2.3 NAME\nattributetypes: {text}\n".encode())

    found = migrated([text, attribute(2, "exampleB")], owned=wrong)

    assert [one.name for one in found.attributes] == ["exampleB"]
    (finding,) = told(found, "target")
    assert (finding.severity, finding.line) == ("error", 2)
    assert "wrong.ldif:2: attributeType: expected a name in quotes" in finding.reason


def test_a_list_of_the_target_without_definitions_is_an_error(tmp_path: Path) -> None:
    """A data export in its place."""
    nothing = tmp_path / "nothing.ldif"
    nothing.write_bytes(b"dn: dc=example\ndc: example\n")

    with pytest.raises(UsageError, match=r"nothing\.ldif has no schema definitions"):
        target_schema(nothing)


def test_oracles_own_definitions_are_told_where_the_target_is_not_known(tmp_path: Path) -> None:
    """OUD may have them: with Enterprise User Security it does."""
    text = f"( 2.16.840.1.113894.1.1.900 NAME 'orclExample' {TEXT} )"
    file = tmp_path / "owned.ldif"
    file.write_bytes(subentry("cn=schema", [attribute(1, "exampleA")], []))

    assert serious(migrated([text])) == [("warning", "oracle", "")]
    assert serious(migrated([text], owned=file)) == []


def test_the_built_in_list_holds_together() -> None:
    """Every superior, rule, syntax and attribute that it names is in it, and each has a source."""
    target = standard_target()

    for element in target.elements():
        assert target.source_of(element)
    for attribute_type in target.attributes.values():
        assert attribute_type.superior is None or attribute_type.superior.lower() in target.attributes
        assert attribute_type.syntax is None or attribute_type.syntax in target.syntaxes
        for rule in (attribute_type.equality, attribute_type.ordering, attribute_type.substring):
            assert rule is None or rule.lower() in target.rules
    for found in target.classes.values():
        assert all(name.lower() in target.classes for name in found.superiors)
        assert all(name.lower() in target.attributes for name in (*found.must, *found.may))
