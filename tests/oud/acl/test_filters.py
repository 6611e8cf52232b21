"""Search filters: RFC 4515 in, out, and evaluated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.filter_matching import matches
from flext_pipelines.oud.acl.filters import (
    And,
    Comparison,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
    always_defined,
    attributes_of,
    parse_filter,
    rewritten,
    write_filter,
)
from flext_pipelines.oud.acl.probes import Entry

ADA = Entry(
    "cn=Ada Lovelace,dc=example",
    {
        "cn": ("Ada Lovelace", "Countess"),
        "age": ("36",),
        "manager": ("CN=Charles , DC=example",),
        "note": ("a*(b)\\c",),
    },
)

ATTRIBUTES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}(;x-[a-z]{1,3})?", fullmatch=True)
VALUES = st.text(max_size=8)


def _items() -> st.SearchStrategy[Filter]:
    pieces = st.tuples(VALUES, st.lists(VALUES.filter(bool), max_size=2), VALUES).map(lambda p: (p[0], *p[1], p[2]))
    return st.one_of(
        st.builds(Comparison, ATTRIBUTES, st.sampled_from(["=", ">=", "<=", "~="]), VALUES),
        st.builds(Present, ATTRIBUTES),
        st.builds(Substrings, ATTRIBUTES, pieces).filter(lambda found: found.pieces != ("", "")),
        st.builds(Extensible, ATTRIBUTES, st.sampled_from(["", "2.5.13.2"]), st.booleans(), VALUES),
    )


FILTERS = st.recursive(
    _items(),
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=8,
)


@given(found=FILTERS)
def test_a_filter_is_written_and_read_to_the_same_filter(found: Filter) -> None:
    """Whatever is in it: every value survives its escapes."""
    assert parse_filter(write_filter(found)) == found


@given(text=st.text(alphabet="()&|!=*<>~:\\ acn09f", max_size=40), lenient=st.booleans())
def test_any_text_is_read_or_refused(text: str, lenient: bool) -> None:
    """The parser never crashes, and what it takes it writes back to the same meaning."""
    refused: AciSyntaxError | None = None
    try:
        found = parse_filter(text, lenient=lenient)
    except AciSyntaxError as error:
        refused = error

    if refused is not None:
        assert refused.column >= 1
        return

    assert parse_filter(write_filter(found)) == found


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("(cn=ada  lovelace)", True),
        ("(cn=bob)", False),
        ("(!(cn=bob))", True),
        ("(cn=*love*)", True),
        ("(cn=A*e*E)", True),
        ("(cn=*x)", False),
        ("(mail=*)", False),
        ("(cn=*)", True),
        ("(age>=9)", True),
        ("(age<=9)", False),
        ("(cn>=b)", True),
        ("(cn~=countess)", True),
        ("(manager=cn=charles,dc=example)", True),
        ("(note=a\\2a\\28b\\29\\5cc)", True),
        ("(&(cn=*)(age=36))", True),
        ("(|(cn=bob)(age=36))", True),
        ("(&)", True),
        ("(|)", False),
        ("(entrydn=CN=ada lovelace, DC=Example)", True),
        ("(cn:caseIgnoreMatch:=countess)", True),
        ("(cn:dn:=countess)", None),
        ("(!(cn:dn:=countess))", None),
        ("(&(cn:dn:=x)(cn=bob))", False),
        ("(|(cn:dn:=x)(cn=*))", True),
        ("(&(cn:dn:=x)(cn=*))", None),
    ],
)
def test_a_filter_is_true_false_or_undefined(text: str, answer: bool | None) -> None:
    """Values compare without case, names as names, digits as numbers; what cannot be told is undefined."""
    assert matches(parse_filter(text), ADA) is answer


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("", "empty", 1),
        ("cn=a", "expected (", 1),
        ("(cn=a", "never closed", 1),
        ("(&(cn=a)", "never closed", 9),
        ("(cn=a))", "after the closing", 7),
        ("(cn=a)(cn=b)", "after the closing", 7),
        ("(!(cn=a)(cn=b))", "takes one filter", 1),
        ("(!)", "takes one filter", 1),
        ("(=a)", "no attribute", 2),
        ("(cn)", "attribute=value", 2),
        ("(cn=\\4)", "hexadecimal", 2),
        ("(cn=a**b)", "asterisks", 2),
        ("(cn>=a*)", "asterisk", 2),
        ("(cn!=a)", "!=", 2),
        ("( cn=a)", "attribute", 2),
        ("(c n=a)", "attribute", 2),
        ("(cn:a:b:c:=d)", "extensible", 2),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, reason: str, column: int) -> None:
    """Strictly read, RFC 4515 has no white space between parts and no other operators."""
    with pytest.raises(AciSyntaxError) as refused:
        parse_filter(text)

    assert reason in refused.value.reason
    assert refused.value.column == column


def test_oid_writes_filters_more_freely() -> None:
    """White space between the parts, and != for a negated equality, are read when asked for."""
    found = parse_filter(" ( & ( objectclass = person )\n ( ! ( sn = x ) ) (orclipaddress!=1.2.*) ) ", lenient=True)

    assert write_filter(found) == "(&(objectclass=person)(!(sn=x))(!(orclipaddress=1.2.*)))"


def test_two_hundred_levels_are_read_written_and_evaluated() -> None:
    """Deep nesting crashes nothing."""
    text = "(&" * 100 + "(!" * 100 + "(cn=*)" + ")" * 200

    found = parse_filter(text)

    assert write_filter(found) == text
    assert matches(found, ADA) is True
    assert attributes_of(found) == {"cn"}
    assert always_defined(found)
    assert rewritten(found, str.upper, lambda _, value: value) != found
    assert hash(found) == hash(parse_filter(text))


def test_nesting_beyond_what_servers_follow_is_refused() -> None:
    """A hundred thousand parentheses are an error, not a crash."""
    with pytest.raises(AciSyntaxError, match="nested deeper than 256"):
        parse_filter("(!" * 100_000 + "(cn=*)" + ")" * 100_000)


def test_a_filter_is_rewritten_for_the_new_directory() -> None:
    """Attributes get new names, values new DNs, and a filter on what does not migrate is no filter any more."""
    found = parse_filter("(|(!(old_name=a))(manager=cn=a,dc=old)(cn=x*)(sn=*))")

    moved = rewritten(found, lambda name: name.replace("_", "-"), lambda _, value: value.replace("dc=old", "dc=new"))

    assert moved is not None
    assert write_filter(moved) == "(|(!(old-name=a))(manager=cn=a,dc=new)(cn=x*)(sn=*))"
    assert rewritten(found, lambda name: None if name == "sn" else name, lambda _, value: value) is None
