"""Names in the form in which access rules compare them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.names import is_under, parse_name, standard_dn, write_name


@pytest.mark.parametrize(
    "text",
    [
        "cn=Ada Lovelace,ou=People,dc=example",
        "CN = ada  lovelace , OU=people, DC=Example",
        "commonName=Ada Lovelace;ou=People;dc=example",
        '2.5.4.3=Ada Lovelace,ou="People",dc=example',
        "oid.2.5.4.3=Ada\\20Lovelace,ou=\\50eople,dc=example",
    ],
)
def test_spellings_of_a_name_are_one_name(text: str) -> None:
    """Case, spaces, long attribute names, quotes and hexadecimal make no difference."""
    assert parse_name(text) == parse_name("cn=ada lovelace,ou=people,dc=example")


def test_a_comma_in_a_value_parts_no_rdn() -> None:
    """Escaped, in hexadecimal or in quotes, it is part of the value."""
    wanted = ((("cn", "sales, emea"),), (("dc", "x"),))

    assert parse_name("cn=Sales\\, EMEA,dc=x") == wanted
    assert parse_name("cn=Sales\\2c EMEA,dc=x") == wanted
    assert parse_name('cn="Sales, EMEA",dc=x') == wanted


def test_the_order_in_an_rdn_makes_no_difference() -> None:
    """An RDN of two values is a set."""
    assert parse_name("cn=a+sn=b,dc=x") == parse_name("sn=B + cn=A,dc=x")


@pytest.mark.parametrize(
    "text", ["a", "=a", "cn=a,", "cn=a,,dc=x", "cn=a\\", 'cn="a', 'cn="a"b', 'cn=a"b', "cn==a", "*,dc=x"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    """With the place where it goes wrong."""
    with pytest.raises(AciSyntaxError, match="is no DN"):
        parse_name(text)


def test_below_is_by_rdn_and_not_by_text() -> None:
    """dc=xexample is not below dc=example."""
    base = parse_name("dc=example")

    assert is_under(parse_name("cn=a,dc=example"), base)
    assert is_under(base, base)
    assert not is_under(parse_name("dc=xexample"), base)
    assert is_under(base, parse_name(""))


def test_quotes_of_old_names_become_escapes() -> None:
    """Not every server reads them; a name without them stays as it is written."""
    assert standard_dn('cn="Sales, EMEA";dc=x') == "cn=sales\\, emea,dc=x"
    assert standard_dn("cn=Sales\\, EMEA, dc=X") == "cn=Sales\\, EMEA, dc=X"


@given(text=st.text(alphabet='cn=,+;"\\ #<>aB1', max_size=30))
def test_what_is_read_as_a_name_is_written_as_that_name(text: str) -> None:
    """Never a crash, and the normal form survives being written."""
    try:
        name = parse_name(text)
    except AciSyntaxError:
        return

    assert parse_name(write_name(name)) == name
