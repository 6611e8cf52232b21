"""The promises of the parsers: what fuzzing found once, and a short search in every run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oud import fuzzing

FOUND_ONCE = [
    b"\n\n\xef\xbb\xbf\n\n",
    b"dnYQ==\n\ndn: cn=b\ncn: b\n",
    b"=\n\n\r\x0c:=\n\n=\n",
    b"dn: cn=b\ncn: b\nn:(\r",
    b"dn: cn=a\n# only\n",
]
"""A byte order mark in a later block, a listing that depends on the block, a lone CR after an empty line and at the
end, and a record of comments: each was read differently from different blocks, or not at all as it should be."""

PIECES = st.sampled_from(
    [b"dn: cn=a\n", b"cn: b\n", b"sn;x:: YQ==\n", b"\n", b"\r\n", b"\r", b" ", b"changetype: modify\n",
     b"add: cn\n",
     b"-\n", b"version: 1\n", b"#", b"\xef\xbb\xbf", b":", b"\0", b"\xff", b"cn=a\n"]
)  # fmt: skip


@pytest.mark.parametrize("data", FOUND_ONCE)
def test_what_was_found_once_stays_right(data: bytes) -> None:
    """Inputs that broke a promise of the reader."""
    fuzzing.ldif(data)


@given(st.one_of(st.lists(PIECES, max_size=16).map(b"".join), st.binary(max_size=50)))
def test_the_reader_keeps_its_promises(data: bytes) -> None:
    """Any bytes, any blocks; written back to the same meaning."""
    fuzzing.ldif(data)


@given(st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(
    [b"cn=", b"dc=x", b",", b"+", b";", b"\\", b'"', b"#", b"0C0141", b" ", b"a", b"=", b"\xc3\xa9", b"\xff", b"1.2="]
), max_size=9).map(b"".join)))  # fmt: skip
def test_names_keep_their_promises(data: bytes) -> None:
    """Any bytes; written back to the same name."""
    fuzzing.dn(data)


def _pieces(*pieces: bytes, most: int = 14) -> st.SearchStrategy[bytes]:
    """Any bytes, or words of a language in any order."""
    return st.one_of(st.binary(max_size=40), st.lists(st.sampled_from(pieces), max_size=most).map(b"".join))


@given(
    _pieces(
        b"access to ",
        b"entry ",
        b"attr=(*) ",
        b"attr!=(cn, sn) ",
        b"by ",
        b"* ",
        b"self ",
        b'group="cn=a,dc=b" ',
        b"dnattr=(owner) ",
        b"(browse)",
        b"(read, nowrite) ",
        b"filter=(&(a=b)(!(c=*))) ",
        b"BindMode=(Simple|SASL) ",
        b"bindipfilter=(orclipaddress=1.2.*) ",
        b"(",
        b")",
        b'"',
        b"\\",
        b"DenyGroupOverride ",
        b"\xff",
    )
)
def test_directives_of_oid_keep_their_promises(data: bytes) -> None:
    """Any bytes; written back to the same directive."""
    fuzzing.orclaci(data)


@given(
    _pieces(
        b'(version 3.0; acl "x"; ',
        b"allow (read) ",
        b"deny (all) ",
        b'userdn="ldap:///self"',
        b";)",
        b"and ",
        b"not ",
        b'(targetattr="cn || sn")',
        b'(targetfilter="(a=b)")',
        b'(targetscope="base")',
        b"(",
        b")",
        b'ip!="1.2.3.*" ',
        b'userattr="owner#USERDN"',
        b'groupdn="ldap:///cn=a" ',
        b'ssf>="1"',
        b'"',
        b";",
        b"\xff",
    )
)
def test_acis_keep_their_promises(data: bytes) -> None:
    """Any bytes, of either flavour; written back to the same aci."""
    fuzzing.aci(data)


@given(
    _pieces(b"(", b")", b"&", b"|", b"!", b"a", b"=", b"*", b"\\2a", b"\\", b"~", b">", b":dn:1.2:", b"\xc3\xa9", b" ")
)
def test_filters_keep_their_promises(data: bytes) -> None:
    """Any bytes; written back to the same filter."""
    fuzzing.ldap_filter(data)


WORDS_OF_DEFINITIONS = (
    b"( ", b")", b"'", b" ", b" 1.2.3 ", b" NAME ", b" DESC ", b" SUP ", b" SYNTAX ", b" MUST ", b" MAY ", b" X-Y ",
    b" $ ", b" a ", b"{64}", b"{", b"\\27", b" AUXILLARY ", b" USAGE directoryOperation ", b"\t", b"'a'",
    b"( 'a' 'b' )",
    b" EQUALITY caseIgnoreMatch ", b"\xc3\xa9", b"\\", b"\xff", b" APPLIES ", b" SINGLE-VALUE ",
)  # fmt: skip


def test_a_list_that_begins_with_its_separator_ends() -> None:
    """Found by atheris: the reader waited for ever for a name."""
    fuzzing.schema(b"( 2.5.6.6 NAME t.p STRUCTURAL MUST ( $) )")


@given(_pieces(*WORDS_OF_DEFINITIONS), st.booleans())
def test_definitions_keep_their_promises(data: bytes, begun: bool) -> None:
    """Any bytes; written back to the same definition."""
    fuzzing.schema(b"( 1.2.3 " + data if begun else data)


NAMES = [
    b"'a'", b"'b'", b"( 'c' 'd_e' )", b"'a-b'", b"'a_b'", b"'1'", b"'cn'", b"( 'x' 'uid' )", b"'f'",
    b"'g'", b"'person'",
]  # fmt: skip
OF_ATTRIBUTES = [
    b"SUP a", b"SUP 'b'", b"SUP d_e", b"SUP name", b"SUP f", b"SYNTAX '1.2.3'", b"EQUALITY caseIgnoreMatch",
    b"COLLECTIVE", b"SYNTAX 1.3.6.1.4.1.1466.115.121.1.15", b"SUBSTR caseIgnoreMatch",
    b"EQUALITY caseIgnoreSubStringsMatch",
    b"USAGE dSAOperation", b"NO-USER-MODIFICATION", b"ORDERING integerMatch", b"SYNTAX accessDirectiveDescription",
]  # fmt: skip
OF_CLASSES = [
    b"SUP a", b"SUP ( a $ c $ x )", b"SUP top", b"SUP g", b"SUP person", b"MUST a", b"AUXILIARY", b"AUXILLARY",
    b"ABSTRACT", b"MAY ( a $ b $ d_e )", b"MUST ( cn $ orclaci )", b"MAY 1.3.6.1.4.1.32473.3", b"MAY d-e",
    b"MUST ( f $ a_b )",
]  # fmt: skip


def _defined(attribute: bytes, clauses: list[bytes]) -> st.SearchStrategy[bytes]:
    """A line that defines something, near to others of its kind."""
    words = st.lists(st.sampled_from(clauses), max_size=3, unique_by=lambda word: word[:3]).map(b" ".join)
    numbers = st.integers(1, 12)
    return st.tuples(numbers, st.sampled_from(NAMES), words).map(
        lambda found: b"%b: ( 1.3.6.1.4.1.32473.%d NAME %b %b )\n" % (attribute, *found)
    )


DEFINED = st.one_of(_defined(b"attributetypes", OF_ATTRIBUTES), _defined(b"objectclasses", OF_CLASSES))


@given(st.lists(st.one_of(DEFINED, DEFINED, DEFINED, st.binary(max_size=9)), max_size=12))
def test_any_schema_becomes_one_that_can_be_loaded(lines: list[bytes]) -> None:
    """Whatever is defined, in circles or of nothing; what is written needs no mending and is the same once more."""
    fuzzing.schema_file(b"dn: cn=subschemasubentry\n" + b"".join(lines))
