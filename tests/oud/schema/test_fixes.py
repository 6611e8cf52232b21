"""Each fix of a definition: what stands there, what is written, and how it is told."""

from __future__ import annotations

import pytest

from flext_pipelines.oud.schema.elements import AttributeType, ObjectClass, write_definition
from flext_pipelines.oud.schema.migrate import SchemaMigration
from tests.oud.schema.made import ARC, SYNTAX, TEXT, attribute, migrated, object_class, serious, told


def only(found: SchemaMigration) -> str:
    """The one definition that is written, without its OID and name."""
    elements: list[AttributeType | ObjectClass] = [*found.attributes, *found.classes]
    (element,) = elements
    return write_definition(element).partition(f"'{element.name}' ")[2].removesuffix(" )")


SYNTAXES = [
    (f"SYNTAX '{SYNTAX}15'", f"SYNTAX {SYNTAX}15", "info", "quoted-oid"),
    (f"SYNTAX '{SYNTAX}15{{64}}'", f"SYNTAX {SYNTAX}15{{64}}", "info", "quoted-oid"),
    (f"SYNTAX {SYNTAX}1", f"SYNTAX {SYNTAX}15", "warning", "syntax"),
    (f"SYNTAX {SYNTAX}13", f"SYNTAX {SYNTAX}15", "warning", "syntax"),
    (f"SYNTAX {SYNTAX}19", f"SYNTAX {SYNTAX}15", "warning", "syntax"),
    (f"SYNTAX {SYNTAX}4", f"SYNTAX {SYNTAX}40", "warning", "syntax"),
    ("SYNTAX 'accessDirectiveDescription'", f"SYNTAX {SYNTAX}15", "warning", "syntax"),
    ("SYNTAX DirectoryString", f"SYNTAX {SYNTAX}15", "warning", "syntax"),
    ("SYNTAX 1.2.3.4", f"SYNTAX {SYNTAX}15", "warning", "syntax-unknown"),
    ("SYNTAX 'someOfTheirs'", f"SYNTAX {SYNTAX}15", "warning", "syntax-unknown"),
    ("EQUALITY integerMatch SYNTAX 1.2.3.4", f"EQUALITY integerMatch SYNTAX {SYNTAX}27", "warning", "syntax-unknown"),
    ("EQUALITY distinguishedNameMatch", f"EQUALITY distinguishedNameMatch SYNTAX {SYNTAX}12", "warning",
     "syntax-missing"),
    ("SINGLE-VALUE", f"SYNTAX {SYNTAX}15 SINGLE-VALUE", "warning", "syntax-missing"),
]  # fmt: skip

EQUAL, PARTS = "EQUALITY caseIgnoreMatch", "SUBSTR caseIgnoreSubstringsMatch"
RULES = [
    (f"EQUALITY accessDirectiveMatch {TEXT}", f"{EQUAL} {TEXT}", "warning"),
    (f"EQUALITY CaseIgnoreMatch {TEXT}", f"{EQUAL} {TEXT}", "info"),
    (f"{EQUAL} SUBSTR caseIgnoreSubStringsMatch {TEXT}", f"{EQUAL} {PARTS} {TEXT}", "info"),
    (f"{EQUAL} SUBSTR caseIgnoreSubstringMatch {TEXT}", f"{EQUAL} {PARTS} {TEXT}", "info"),
    (f"{EQUAL} SUBSTR caseIgnoreMatch {TEXT}", f"{EQUAL} {PARTS} {TEXT}", "info"),
    (f"EQUALITY caseExactMatch SUBSTR caseExactMatch {TEXT}",
     f"EQUALITY caseExactMatch SUBSTR caseExactSubstringsMatch {TEXT}", "info"),
    (f"EQUALITY numericStringMatch SUBSTR numericStringMatch SYNTAX {SYNTAX}36",
     f"EQUALITY numericStringMatch SUBSTR numericStringSubstringsMatch SYNTAX {SYNTAX}36", "info"),
    (f"EQUALITY integerMatch SUBSTR integerMatch SYNTAX {SYNTAX}27", f"EQUALITY integerMatch SYNTAX {SYNTAX}27",
     "warning"),
    (f"EQUALITY DistinguishedNameMatch SUBSTR distinguishedNAMEMatch SYNTAX {SYNTAX}12",
     f"EQUALITY distinguishedNameMatch SYNTAX {SYNTAX}12", "warning"),
    (f"{EQUAL} SUBSTR caseIgnoreOrderingMatch {TEXT}", f"{EQUAL} {TEXT}", "warning"),
    (f"EQUALITY caseIgnoreSubstringsMatch {TEXT}", f"{EQUAL} {PARTS} {TEXT}", "info"),
    (f"EQUALITY caseIgnoreSubStringsMatch SUBSTR caseExactSubstringsMatch {TEXT}",
     f"{EQUAL} SUBSTR caseExactSubstringsMatch {TEXT}", "info"),
    (f"EQUALITY integerOrderingMatch SYNTAX {SYNTAX}27",
     f"EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX {SYNTAX}27", "info"),
    (f"EQUALITY integerMatch ORDERING integerMatch SYNTAX {SYNTAX}27",
     f"EQUALITY integerMatch ORDERING integerOrderingMatch SYNTAX {SYNTAX}27", "info"),
    (f"EQUALITY booleanMatch ORDERING booleanMatch SYNTAX {SYNTAX}7", f"EQUALITY booleanMatch SYNTAX {SYNTAX}7",
     "warning"),
    (f"EQUALITY theirOwnMatch {TEXT}", TEXT, "warning"),
    (f"EQUALITY theirOwnMatch SUBSTR caseIgnoreSubstringsMatch {TEXT}", f"{EQUAL} {PARTS} {TEXT}", "warning"),
    (f"EQUALITY 2.5.13.2 {TEXT}", f"EQUALITY 2.5.13.2 {TEXT}", None),
]  # fmt: skip


@pytest.mark.parametrize(("clauses", "written", "severity", "code"), SYNTAXES)
def test_syntaxes_become_those_of_the_target(clauses: str, written: str, severity: str, code: str) -> None:
    """Quotes go, what OUD does not know is replaced, and what is missing is what the rule compares."""
    found = migrated([attribute(1, "exampleA", clauses)])

    assert only(found) == written
    assert [finding.severity for finding in told(found, code)] == [severity]
    assert SchemaMigration.count(found, "error") == 0


@pytest.mark.parametrize(("clauses", "written", "severity"), RULES)
def test_matching_rules_stand_where_they_belong(clauses: str, written: str, severity: str | None) -> None:
    """In the target's spelling, each in the clause that it is for, or not at all."""
    found = migrated([attribute(1, "exampleA", clauses)])

    assert only(found) == written
    assert severity in {finding.severity for finding in found.findings} if severity else not found.findings


def test_a_rule_for_another_syntax_is_told_and_kept() -> None:
    """What a server makes of it differs; nobody can say what was meant."""
    found = migrated([attribute(1, "exampleA", f"EQUALITY integerMatch {TEXT}")])

    assert only(found) == f"EQUALITY integerMatch {TEXT}"
    assert serious(found) == [("warning", "misfit", "exampleA")]
    assert "integerMatch compares" in told(found, "misfit")[0].reason


def test_underscores_become_hyphens_everywhere() -> None:
    """In names, in SUP and in lists, in any case; data can follow."""
    found = migrated(
        [attribute(1, "example_a"), attribute(2, "exampleB", "SUP EXAMPLE_A"), attribute(3, "x_y_z")],
        [object_class(1, "example_c", "SUP top AUXILIARY MUST Example_A MAY ( x_y_z $ exampleB )"),
         object_class(2, "exampleD", "SUP example_C AUXILIARY")],
    )  # fmt: skip

    assert [one.name for one in found.attributes] == ["example-a", "exampleB", "x-y-z"]
    assert (found.attributes[1].superior, found.classes[0].must) == ("example-a", ("example-a",))
    assert (found.classes[0].may, found.classes[1].superiors) == (("x-y-z", "exampleB"), ("example-c",))
    assert found.renamed == {"example_a": "example-a", "x_y_z": "x-y-z"}
    assert found.renamed_classes == {"example_c": "example-c"}
    assert {code for _, code, _ in serious(found)} == {"underscore"}


def test_two_names_that_become_one_need_a_person() -> None:
    """The one that was so from the start stands; the data of the other are not led into it."""
    found = migrated([attribute(1, "a_b"), attribute(2, "a-b")], [object_class(1, "c", "SUP top AUXILIARY MAY a_b")])

    assert [one.oid for one in found.attributes] == [f"{ARC}.1.2"]
    assert ("error", "duplicate", "a_b") in serious(found)
    assert found.renamed == {}


@pytest.mark.parametrize("name", ["1st", "-a", "_a", "a b", "a.b", "", "\u00e9"])
def test_a_name_that_no_server_takes_needs_a_person(name: str) -> None:
    """Where it is the only one, the definition is left out."""
    found = migrated([attribute(1, name)])

    assert found.attributes == ()
    assert [severity for severity, code, _ in serious(found) if code == "name"] == ["error"]


def test_one_bad_name_among_good_ones_is_left_out() -> None:
    """Data under it are renamed to the first good one."""
    found = migrated([f"( {ARC}.1.1 NAME ( '1st' 'first' 'First' ) {TEXT} )"])

    assert found.attributes[0].names == ("first",)
    assert found.renamed == {"1st": "first"}
    assert serious(found) == [("warning", "name", "1st")]


def test_options_of_names_are_removed() -> None:
    """``;binary`` is how values are transferred, and no part of a name."""
    found = migrated(
        [attribute(1, "exampleKey;binary", f"SYNTAX {SYNTAX}8")],
        [object_class(1, "c", "SUP top AUXILIARY MAY exampleKey;binary")],
    )

    assert found.attributes[0].name == "exampleKey"
    assert found.classes[0].may == ("exampleKey",)
    assert found.renamed == {}
    assert serious(found) == []


@pytest.mark.parametrize("clause", ["DESC 'None'", "DESC ''", "DESC 'null'"])
def test_descriptions_of_nothing_are_left_out(clause: str) -> None:
    """OID writes them where there is none."""
    found = migrated([attribute(1, "exampleA", f"{clause} {TEXT}")])

    assert only(found) == TEXT
    assert serious(found) == []


def test_extensions_stay_but_the_name_of_the_servers_file() -> None:
    """X-SCHEMA-FILE is written by the server that keeps the definition."""
    found = migrated([attribute(1, "exampleA", f"{TEXT} X-ORIGIN 'x' X-SCHEMA-FILE '05.ldif' X-OWN ( 'a' 'b' )")])

    assert only(found) == f"{TEXT} X-ORIGIN 'x' X-OWN ( 'a' 'b' )"


def test_oids_that_are_no_numbers() -> None:
    """``name-oid`` is taken by OUD and 389 and told; anything else needs a person."""
    found = migrated([f"( exampleA-oid NAME 'exampleA' {TEXT} )", f"( someOid NAME 'exampleB' {TEXT} )"])

    assert [one.oid for one in found.attributes] == ["exampleA-oid"]
    assert serious(found) == [("warning", "oid", "exampleA"), ("error", "oid", "exampleB")]


def test_attributes_for_users_can_be_modified() -> None:
    """NO-USER-MODIFICATION is for operational attributes: others could not be loaded over LDAP."""
    found = migrated([
        attribute(1, "exampleA", f"{TEXT} NO-USER-MODIFICATION"),
        attribute(2, "exampleB", f"{TEXT} NO-USER-MODIFICATION USAGE directoryOperation"),
    ])  # fmt: skip

    assert [one.no_user_modification for one in found.attributes] == [False, True]
    assert serious(found) == [("warning", "no-user-modification", "exampleA")]


@pytest.mark.parametrize("with_it", ["USAGE dSAOperation", "SINGLE-VALUE"])
def test_collective_goes_with_user_attributes_of_many_values(with_it: str) -> None:
    """Anything else contradicts itself."""
    single = with_it == "SINGLE-VALUE"
    clauses = f"{TEXT} {with_it} COLLECTIVE" if single else f"{TEXT} COLLECTIVE {with_it}"
    found = migrated([attribute(1, "exampleA", clauses)])

    assert not found.attributes[0].collective
    assert serious(found) == [("warning", "collective", "exampleA")]


def test_a_subtype_has_the_usage_of_its_superior() -> None:
    """With a syntax of its own it goes without; else it takes the usage over."""
    found = migrated([
        attribute(1, "exampleA", f"{TEXT} USAGE directoryOperation"),
        attribute(2, "exampleB", f"SUP exampleA {TEXT}"),
        attribute(3, "exampleC", "SUP exampleA"),
        attribute(4, "exampleD", "SUP name NO-USER-MODIFICATION USAGE dSAOperation"),
    ])  # fmt: skip

    usages = {one.name: (one.superior, one.usage) for one in found.attributes}
    assert usages["exampleB"] == (None, "userApplications")
    assert usages["exampleC"] == ("exampleA", "directoryOperation")
    assert usages["exampleD"] == ("name", "userApplications")
    assert {code for _, code, _ in serious(found)} == {"usage", "no-user-modification"}


CLASSES = [
    ("AUXILLARY", "SUP top AUXILIARY", []),
    ("AUXILIARY", "SUP top AUXILIARY", []),
    ("STRUCTURAL", "SUP top STRUCTURAL", []),
    ("ABSTRACT", "SUP top ABSTRACT", []),
    ("", "SUP top STRUCTURAL", []),
    ("SUP 'top' AUXILIARY", "SUP top AUXILIARY", []),
    ("SUP ( top ) AUXILIARY", "SUP top AUXILIARY", []),
    ("SUP ( 'top' ) AUXILIARY", "SUP top AUXILIARY", []),
    ("SUP ( top $ person ) STRUCTURAL", "SUP person STRUCTURAL", []),
    ("SUP ( person $ person ) STRUCTURAL", "SUP person STRUCTURAL", []),
    ("SUP person AUXILIARY", ("SUP top AUXILIARY MUST ( sn $ cn ) MAY ( userPassword $ telephoneNumber $ seeAlso $"
     " description )"), ["kind"]),
    ("SUP dcObject STRUCTURAL MAY dc", "SUP top STRUCTURAL MUST dc", ["kind"]),
    ("SUP person ABSTRACT MAY l", ("SUP top ABSTRACT MUST ( sn $ cn ) MAY ( l $ userPassword $ telephoneNumber $"
     " seeAlso $ description )"), ["kind"]),
    ("SUP top AUXILIARY MUST cn MAY ( cn $ CN $ 2.5.4.3 $ commonName $ sn )", "SUP top AUXILIARY MUST cn MAY sn", []),
    ("SUP top AUXILIARY MAY ( cn $ orclACI $ orclEntryLevelACI $ sn )", "SUP top AUXILIARY MAY ( cn $ sn )", []),
    ("SUP top AUXILIARY MUST ( nonsense $ cn ) MAY orclDASLov", "SUP top AUXILIARY MUST cn",
     ["reference", "reference"]),
    ("SUP javaNamingReference STRUCTURAL", "SUP javaNamingReference AUXILIARY", ["kind"]),
]  # fmt: skip


@pytest.mark.parametrize(("clauses", "written", "codes"), CLASSES)
def test_classes_become_those_that_the_target_takes(clauses: str, written: str, codes: list[str]) -> None:
    """Kinds, superiors and lists."""
    found = migrated([], [object_class(1, "exampleC", clauses)])

    assert only(found) == written
    assert [code for severity, code, _ in serious(found) if severity == "warning"] == codes
    assert SchemaMigration.count(found, "error") == 0


def test_of_several_superiors_the_structural_one_stays() -> None:
    """OUD takes one. What the others demand and allow is the class's own, and a person looks at it."""
    found = migrated(
        [attribute(1, "exampleA"), attribute(2, "exampleB")],
        [object_class(1, "exampleAux", "SUP top AUXILIARY MUST exampleA MAY exampleB"),
         object_class(2, "exampleC", "SUP ( exampleAux $ person ) STRUCTURAL MAY l")],
    )  # fmt: skip

    assert found.classes[1].superiors == ("person",)
    assert (found.classes[1].must, found.classes[1].may) == (("exampleA",), ("l", "exampleB"))
    assert serious(found) == [("error", "superiors", "exampleC")]


def test_a_superior_that_does_not_exist_is_no_loss_beside_one_that_does() -> None:
    """What nobody defines demands and allows nothing."""
    found = migrated([], [object_class(1, "exampleC", "SUP ( nowhere $ person ) STRUCTURAL")])

    assert found.classes[0].superiors == ("person",)
    assert serious(found) == [("warning", "superiors", "exampleC")]


def test_a_kind_follows_the_superiors_where_production_found_it_right() -> None:
    """Below OID's own classes a subclass takes their kind."""
    found = migrated([], [
        object_class(1, "orclApplicationEntity", "SUP top STRUCTURAL MUST cn"),
        object_class(2, "exampleApplication", "SUP orclApplicationEntity AUXILIARY"),
    ])  # fmt: skip

    assert [one.kind for one in found.classes] == ["STRUCTURAL", "STRUCTURAL"]
    assert serious(found) == [("warning", "kind", "exampleApplication")]


def test_a_site_gives_names_and_kinds() -> None:
    """By its rules: a name that is taken over everywhere, and a kind."""
    found = migrated(
        [attribute(1, "exampleRoom"), attribute(2, "exampleMail")],
        [object_class(1, "exampleSystem", "SUP top STRUCTURAL MAY ( exampleRoom $ exampleMail )")],
        renames={"exampleroom": "exampleHall", "ExampleMail": "mail"},
        kinds={"EXAMPLESYSTEM": "AUXILIARY"},
    )

    assert [one.name for one in found.attributes] == ["exampleHall"]
    assert (found.classes[0].kind, found.classes[0].may) == ("AUXILIARY", ("exampleHall", "mail"))
    assert found.renamed == {"exampleroom": "exampleHall", "examplemail": "mail"}
    assert serious(found) == []
