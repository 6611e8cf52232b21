"""Definitions of RFC 4512 section 4.1: read strictly, read as OID writes them, and written back."""

from __future__ import annotations

import pytest
from hypothesis import given

from flext_pipelines.errors import SchemaSyntaxError
from flext_pipelines.oud.schema.definitions import (
    parse_attribute_type,
    parse_definition,
    parse_object_class,
    read_definition,
)
from flext_pipelines.oud.schema.elements import (
    AttributeType,
    Element,
    ElementKind,
    LdapSyntax,
    MatchingRule,
    MatchingRuleUse,
    ObjectClass,
    write_definition,
)
from tests.oud.schema.made import ELEMENTS

KINDS: dict[type[Element], ElementKind] = {
    AttributeType: "attributeType",
    ObjectClass: "objectClass",
    MatchingRule: "matchingRule",
    MatchingRuleUse: "matchingRuleUse",
    LdapSyntax: "ldapSyntax",
}


def test_an_attribute_type_has_every_clause() -> None:
    """Each clause of 4.1.2 in its place, escapes undone, a length apart from its syntax."""
    text = (
        "( 1.2.3 NAME ( 'a' 'b-2' ) DESC 'it\\27s \\5C \\5c' OBSOLETE SUP name EQUALITY caseIgnoreMatch"
        " ORDERING caseIgnoreOrderingMatch SUBSTR 2.5.13.4 SYNTAX 1.3.6{64} SINGLE-VALUE NO-USER-MODIFICATION"
        " USAGE dSAOperation X-ORIGIN ( 'RFC 1' 'x' ) X-A_B 'c' )"
    )

    assert parse_attribute_type(text) == AttributeType(
        oid="1.2.3", names=("a", "b-2"), description="it's \\ \\", obsolete=True, superior="name",
        equality="caseIgnoreMatch", ordering="caseIgnoreOrderingMatch", substring="2.5.13.4", syntax="1.3.6", length=64,
        single_valued=True, no_user_modification=True, usage="dSAOperation",
        extensions=(("X-ORIGIN", ("RFC 1", "x")), ("X-A_B", ("c",))),
    )  # fmt: skip


def test_an_object_class_has_every_clause() -> None:
    """Lists with and without spaces around their separator; the kind is structural where it is not said."""
    text = "(1.2.4 NAME 'c' SUP ( a$b ) AUXILIARY MUST ( x $y$ 1.2.3 ) MAY z)"

    assert parse_object_class(text) == ObjectClass(
        oid="1.2.4", names=("c",), superiors=("a", "b"), kind="AUXILIARY", must=("x", "y", "1.2.3"), may=("z",)
    )
    assert parse_object_class("( 1.2 )") == ObjectClass(oid="1.2", kind="STRUCTURAL")


def test_keywords_stand_in_any_case() -> None:
    """Literals of ABNF have no case."""
    text = "( 1.2 name 'a' Syntax 1.3 Single-Value usage USERAPPLICATIONS x-origin 'y' )"

    assert parse_attribute_type(text) == AttributeType(
        oid="1.2", names=("a",), syntax="1.3", single_valued=True, extensions=(("X-ORIGIN", ("y",)),)
    )


@given(ELEMENTS)
def test_what_is_written_reads_back(element: Element) -> None:
    """Every element of every kind, strictly."""
    assert parse_definition(KINDS[type(element)], write_definition(element)) == element


REFUSED = [
    ("", "expected '(', found the end", 1),
    ("1.2", "expected '(', found '1.2'", 1),
    ("( )", "expected an OID, found ')'", 3),
    ("( 1 )", "'1' is no numeric OID", 3),
    ("( 1.02 )", "'1.02' is no numeric OID", 3),
    ("( a-oid SYNTAX 1.2 )", "'a-oid' is no numeric OID", 3),
    ("( 1.2 SYNTAX 1.3", "expected a clause or ')', found the end", 17),
    ("( 1.2 SYNTAX 1.3 ) x", "expected nothing behind the definition, found 'x'", 20),
    ("( 1.2 NAME '1a' SYNTAX 1.3 )", "'1a' is no name", 13),
    ("( 1.2 NAME 'a_b' SYNTAX 1.3 )", "'a_b' is no name", 13),
    ("( 1.2 NAME a SYNTAX 1.3 )", "the name a stands without quotes", 12),
    ("( 1.2 NAME 'a SYNTAX 1.3 )", "no closing '", 12),
    ("( 1.2 NAME'a' SYNTAX 1.3 )", "no space after NAME", 11),
    ("( 1.2 DESC '' SYNTAX 1.3 )", "the text in quotes is empty", 13),
    ("( 1.2 DESC 'a\\b' SYNTAX 1.3 )", "a backslash that escapes nothing", 14),
    ("( 1.2 DESC 'a'SYNTAX 1.3 )", "no space before SYNTAX", 15),
    ("( 1.2 SYNTAX '1.3' )", "expected the OID of a syntax", 14),
    ("( 1.2 SYNTAX 1.3{64 )", "'1.3{64' is no syntax", 14),
    ("( 1.2 SYNTAX 1.3{12345678901} )", "'1.3{12345678901}' is no syntax", 14),
    ("( 1.2 SYNTAX x )", "'x' is no syntax", 14),
    ("( 1.2 SYNTAX 1.3 SUP a )", "SUP stands behind SYNTAX", 18),
    ("( 1.2 SYNTAX 1.3 X-A 'b' USAGE dSAOperation )", "USAGE stands behind X-A", 26),
    ("( 1.2 SYNTAX 1.3 SYNTAX 1.4 )", "SYNTAX is given twice", 18),
    ("( 1.2 SYNTAX 1.3 WHATEVER 1 )", "unknown clause 'WHATEVER'", 18),
    ("( 1.2 SUP ( a ) )", "SUP stands in parentheses", 11),
    ("( 1.2 SUP 'a' )", "'a' of SUP stands in quotes", 11),
    ("( 1.2 SUP a_b )", "'a_b' is neither a name nor a numeric OID", 11),
    ("( 1.2 SYNTAX 1.3 USAGE some )", "unknown usage 'some'", 24),
    ("( 1.2 NAME 'a' )", "an attribute type needs SUP or SYNTAX", 17),
    ("( 1.2 SYNTAX 1.3 NO-USER-MODIFICATION )", "NO-USER-MODIFICATION is for operational attributes", 40),
    ("( 1.2 SYNTAX 1.3 COLLECTIVE USAGE dSAOperation )", "a collective attribute is for user applications", 49),
    ("( 1.2\tSYNTAX 1.3 )", "white space that is no space", 6),
    ("( 1.2 SYNTAX 1.3 KIND )", "unknown clause 'KIND'", 18),
]


@pytest.mark.parametrize(("text", "reason", "column"), REFUSED)
def test_what_rfc_4512_does_not_know_is_refused_with_its_column(text: str, reason: str, column: int) -> None:
    """The reason says what was found and what was expected."""
    with pytest.raises(SchemaSyntaxError) as caught:
        parse_attribute_type(text)

    assert caught.value.reason.startswith(reason)
    assert caught.value.reason.endswith(f"at column {column}")
    assert caught.value.column == column


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("( 1.2 AUXILLARY )", "the kind is spelled AUXILLARY"),
        ("( 1.2 ABSTRACT STRUCTURAL )", "the kind is given twice"),
        ("( 1.2 MUST ( a b ) )", "no $ between the names of MUST"),
        ("( 1.2 MUST ( a $ ) )", "a $ of MUST with no name beside it"),
        ("( 1.2 MUST ( ) )", "the list of MUST is empty"),
        ("( 1.2 SUP(a) )", "no space after SUP"),
        ("( 1.2 MAY a STRUCTURAL )", "STRUCTURAL stands behind MAY"),
        ("( 1.2 KIND )", "unknown clause 'KIND'"),
    ],
)
def test_odd_classes_are_refused_strictly(text: str, reason: str) -> None:
    """Lists, kinds and the order of clauses."""
    with pytest.raises(SchemaSyntaxError) as caught:
        parse_object_class(text)

    assert caught.value.reason.startswith(reason)


ODD = [
    ("( 1.2 SYNTAX '1.3{64}' )", "( 1.2 SYNTAX 1.3{64} )", ["quoted-oid"]),
    ("( 1.2 SYNTAX '1.3'{64} )", "( 1.2 SYNTAX 1.3{64} )", ["quoted-oid", "length"]),
    ("( 1.2 SYNTAX 1.3 {64} )", "( 1.2 SYNTAX 1.3{64} )", ["length"]),
    ("( 1.2 SYNTAX ( 1.3 ) )", "( 1.2 SYNTAX 1.3 )", ["list"]),
    ("( '1.2' SYNTAX 1.3 )", "( 1.2 SYNTAX 1.3 )", ["quoted-oid"]),
    ("( 1.2 NAME a SYNTAX 1.3 )", "( 1.2 NAME 'a' SYNTAX 1.3 )", ["unquoted-name"]),
    ("( 1.2 NAME('a' $ 'b')SYNTAX 1.3 )", "( 1.2 NAME ( 'a' 'b' ) SYNTAX 1.3 )", ["no-space", "list", "no-space"]),
    ("( 1.2 SUP 'a' EQUALITY ( 'b' ) )", "( 1.2 SUP a EQUALITY b )", ["quoted-oid", "quoted-oid", "list"]),
    ("( 1.2 SYNTAX 1.3 SUP a )", "( 1.2 SUP a SYNTAX 1.3 )", ["order"]),
    ("( 1.2 DESC '' SYNTAX 1.3 )", "( 1.2 SYNTAX 1.3 )", ["empty-text"]),
    ("( 1.2 DESC 'user's own' SYNTAX 1.3 )", "( 1.2 DESC 'user\\27s own' SYNTAX 1.3 )", ["lone-quote"]),
    ("( 1.2 DESC 'a\\b' SYNTAX 1.3 )", "( 1.2 DESC 'a\\5Cb' SYNTAX 1.3 )", ["lone-backslash"]),
    ("( 1.2 DESC 'a'SYNTAX '1.3' )", "( 1.2 DESC 'a' SYNTAX 1.3 )", ["no-space", "quoted-oid"]),
    ("( 1.2\tSYNTAX\t1.3 )", "( 1.2 SYNTAX 1.3 )", ["white-space"]),
    ("( 1.2 SYNTAX 1.3 X-A b X-A 'c' )", "( 1.2 SYNTAX 1.3 X-A 'b' )", ["unquoted-name", "twice"]),
]


@pytest.mark.parametrize(("text", "meant", "codes"), ODD)
def test_what_has_one_meaning_is_read_and_told(text: str, meant: str, codes: list[str]) -> None:
    """Each oddity has its code and stands for a strict definition."""
    found = read_definition("attributeType", text)

    assert found.element == parse_attribute_type(meant)
    assert [odd.code for odd in found.oddities] == codes


def test_a_text_that_is_never_closed_swallows_no_clause() -> None:
    """The next quote begins another value, and what stands between is no description."""
    with pytest.raises(SchemaSyntaxError, match="no closing ' at column 12"):
        read_definition("attributeType", "( 1.2 DESC 'not closed SYNTAX '1.3' )")


def test_names_that_no_server_takes_are_kept_for_the_fixes() -> None:
    """A tolerant reading judges no name, OID or syntax."""
    found = read_definition("attributeType", "( a-oid NAME 'x_y;binary' SYNTAX 'accessDirectiveDescription' )")

    assert found.element == AttributeType(oid="a-oid", names=("x_y;binary",), syntax="accessDirectiveDescription")


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("matchingRule", "( 1.2 NAME 'a' )", "a matching rule needs a SYNTAX"),
        ("matchingRuleUse", "( 1.2 NAME 'a' )", "a matching rule use needs APPLIES"),
        ("ldapSyntax", "( 1.2 NAME 'a' )", "unknown clause 'NAME'"),
        ("objectClass", "( 1.2 SYNTAX 1.3 )", "unknown clause 'SYNTAX'"),
    ],
)
def test_each_kind_has_its_own_clauses(kind: ElementKind, text: str, reason: str) -> None:
    """What a kind needs must be there, and what it does not have must not."""
    with pytest.raises(SchemaSyntaxError) as caught:
        read_definition(kind, text)

    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    "text",
    ["( " * 100_000, "( 1.2 NAME " + "'" * 100_000, "( 1.2 MUST (" + " a" * 100_000, "( 1.2 DESC '" + "'x" * 50_000],
)
def test_long_nonsense_ends_soon(text: str) -> None:
    """A hundred thousand of anything is read once."""
    with pytest.raises(SchemaSyntaxError):
        read_definition("objectClass", text)
