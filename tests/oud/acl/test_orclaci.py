"""OID's directives: every lexical form, and what is no directive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.orclaci import ENTRY_PERMISSIONS, AttributeList, Entity, write_orclaci
from flext_pipelines.oud.acl.orclaci_parser import parse_orclaci
from tests.oud.acl.policies import directives


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("access to entry by * (browse, noadd, nodelete)", "access to entry by * (browse, noadd, nodelete)"),
        ("ACCESS TO ENTRY BY * (BROWSE)", "access to entry by * (browse)"),
        ("access\tto entry by*(none)", "access to entry by * (none)"),
        ("access to attr=(*) by self (read,write)", "access to attr=(*) by self (read, write)"),
        ("access to attr = ( cn , sn ) by SUPERUSER ( read )", "access to attr=(cn,sn) by SuperUser (read)"),
        ("access to attr != (userPassword) by * (read)", "access to attr!=(userPassword) by * (read)"),
        (
            "access to attr ! = (userpassword, authpassword;oid) by * (read)",
            "access to attr!=(userpassword,authpassword;oid) by * (read)",
        ),
        (
            'access to entry by group = "cn=a, cn=groups,dc=x" (browse) by dn=".*,dc=x" (add)',
            'access to entry by group="cn=a, cn=groups,dc=x" (browse) by dn=".*,dc=x" (add)',
        ),
        (
            "access to entry by dnattr=(owner) (browse) by GuidAttr=(g) (add) by groupAttr = (seeAlso) (delete)",
            "access to entry by dnAttr=(owner) (browse) by guidattr=(g) (add) by groupattr=(seeAlso) (delete)",
        ),
        (
            "access to entry filter=(objectclass=person) by * (browse)",
            "access to entry filter=(objectclass=person) by * (browse)",
        ),
        (
            "access to attr=(cn) Filter = ( & (objectclass=person) (|(cn=a)(!(sn=b*))) ) by * (read)",
            "access to attr=(cn) filter=(&(objectclass=person)(|(cn=a)(!(sn=b*)))) by * (read)",
        ),
        ("access to entry filter=((cn=a)) by * (browse)", "access to entry filter=(cn=a) by * (browse)"),
        (
            "access to entry AppendToAll DenyGroupOverride by * (none)",
            "access to entry DenyGroupOverride AppendToAll by * (none)",
        ),
        ("access to entry by * BindMode=(simple) (add)", "access to entry by * BindMode=(simple) (add)"),
        ("access to entry by * bindmode = SSLOneway (add)", "access to entry by * BindMode=(SSLOneWay) (add)"),
        ("access to entry by * BindMode=SSLTwoway(add)", "access to entry by * BindMode=(SSLTwoWay) (add)"),
        (
            "access to entry by * BindMode=(MD5Digest|SSLNoAuth) (add)",
            "access to entry by * BindMode=(MD5Digest|SSLNoAuth) (add)",
        ),
        ("access to entry by * BindMode=(simple SASL) (add)", "access to entry by * BindMode=(simple|SASL) (add)"),
        (
            "access to entry by * BindIPFilter=(|(orclipaddress=1.2.3.*)(orclipaddress=1.2.4.*)) (add)",
            "access to entry by * BindIPFilter=(|(orclipaddress=1.2.3.*)(orclipaddress=1.2.4.*)) (add)",
        ),
        (
            "access to entry by * bindipfilter=(&(orclipaddress!=1.2.*)(orclipaddress!=3.4.*)) (add)",
            "access to entry by * BindIPFilter=(&(!(orclipaddress=1.2.*))(!(orclipaddress=3.4.*))) (add)",
        ),
        (
            "access to entry by * Added-object-constraint=(&(objectclass=a)(objectclass=b)) (add)",
            "access to entry by * Added_object_constraint=(&(objectclass=a)(objectclass=b)) (add)",
        ),
        (
            "access to entry by * constraintonaddedobject=(objectclass=a) BindMode=(proxy) (add)",
            "access to entry by * BindMode=(proxy) Added_object_constraint=(objectclass=a) (add)",
        ),
        (
            'access to entry by group="cn=ad\n mins,dc=exa\r\n mple" (bro\n wse)',
            'access to entry by group="cn=admins,dc=example" (browse)',
        ),
        (
            'access to entry by dn="cn=\\"a\\", b,dc=x" (browse)',
            'access to entry by dn="cn=\\"a\\", b,dc=x" (browse)',
        ),
    ],
)  # fmt: skip
def test_every_lexical_form_is_read(text: str, canonical: str) -> None:
    """Any case, white space anywhere, nested filters, every spelling of every release, folds."""
    assert write_orclaci(parse_orclaci(text)) == canonical


@pytest.mark.parametrize(
    ("text", "reason", "column"),
    [
        ("", "access", 1),
        ("rubbish", "begins with 'access to'", 8),
        ("access entry by * (browse)", "begins with 'access to'", 13),
        ("access to entries by * (browse)", "unknown object 'entries'", 11),
        ("access to entry", "needs a by clause", 16),
        ("access to entry by * (browse", "expected ')'", 29),
        ("access to entry by * ()", "expected a permission", 23),
        ("access to entry by * (browse,)", "expected a permission", 30),
        ("access to entry by * (brows)", "unknown permission 'brows'", 23),
        ("access to entry by * (all)", "unknown permission 'all'", 23),
        ("access to entry by * (nonone)", "unknown permission", 23),
        ("access to entry by * browse", "unknown word 'browse'", 22),
        ("access to entry by groupdn=(cn=a) (browse)", "unknown subject 'groupdn'", 20),
        ("access to entry by * (browse) by nobody (add)", "unknown subject 'nobody'", 34),
        ("access to entry by (browse)", "expected a subject", 20),
        ("access to entry by dn=cn=a,dc=x (browse)", "expected '\"'", 23),
        ('access to entry by dn="cn=a (browse)', "no closing", 23),
        ('access to entry by dn="cn="a",dc=x" (browse)', "unknown word 'a'", 28),
        ("access to attr=cn by * (read)", "expected '('", 16),
        ("access to attr=() by * (read)", "expected an attribute name", 17),
        ("access to attr=(cn,*) by * (read)", "expected an attribute name", 20),
        ("access to attr!=(*) by * (read)", "names no attribute", 11),
        ("access to attr=(cn) filter=(a=b by * (read)", "never closed", 28),
        ("access to attr=(cn) filter=(&(a=b)(c)) by * (read)", "filter", 28),
        ("access to attr=(cn) filter=(a=b) filter=(c=d) by * (read)", "filter is given twice", 34),
        ("access to attr=(cn) by * (read) filter=(a=b)", "expected by", 33),
        ("access to entry AppendToAll AppendToAll by * (none)", "given twice", 29),
        ("access to entry OverrideAll by * (none)", "unknown word 'overrideall'", 17),
        ("access to entry by * BindMode=(kerberos) (add)", "unknown bind mode 'kerberos'", 32),
        ("access to entry by * BindMode=() (add)", "expected a bind mode", 32),
        ("access to entry by * BindMode=(simple) BindMode=(proxy) (add)", "given twice", 40),
    ],
)
def test_what_is_no_directive_is_refused_with_its_place(text: str, reason: str, column: int) -> None:
    """Nothing that is not understood is passed over: it would change what the rest grants."""
    with pytest.raises(AciSyntaxError) as refused:
        parse_orclaci(text)

    assert reason in refused.value.reason
    assert refused.value.column == column
    assert refused.value.instruction


def test_both_kinds_of_permission_are_kept_apart() -> None:
    """``none`` takes all, a ``no`` form one, and what is given and taken is taken."""
    (clause,) = parse_orclaci("access to entry by * (browse, add, noadd, read)").clauses
    (nothing,) = parse_orclaci("access to entry by * (browse, none)").clauses

    assert clause.granted(ENTRY_PERMISSIONS) == {"browse"}
    assert clause.denied(ENTRY_PERMISSIONS) == {"add"}
    assert nothing.granted(ENTRY_PERMISSIONS) == frozenset()
    assert nothing.denied(ENTRY_PERMISSIONS) == ENTRY_PERMISSIONS


def test_the_parts_of_a_directive_are_found() -> None:
    """Object, subject and modifiers have their own place."""
    found = parse_orclaci('access to attr!=(a,B) AppendToAll by group="cn=g" (read)')

    assert found.attributes == AttributeList("except", ("a", "B"))
    assert found.append_to_all
    assert not found.deny_group_override
    assert found.clauses[0].entity == Entity("group", "cn=g")


def test_a_filter_nested_two_hundred_deep_is_read() -> None:
    """Deep nesting crashes nothing."""
    text = "(!" * 200 + "(cn=a)" + ")" * 200

    found = parse_orclaci(f"access to entry filter={text} by * (browse)")

    assert parse_orclaci(write_orclaci(found)) == found


@given(text=directives())
def test_a_directive_is_written_and_read_to_the_same_directive(text: str) -> None:
    """Whatever is in it."""
    found = parse_orclaci(text)

    assert parse_orclaci(write_orclaci(found)) == found


PIECES = (
    "access to ", "entry ", "attr", "=", "!=", "(", ")", "*", "cn", ",", "filter=",
    "(cn=a)", "by ", "self ", "dn=", '"', "\\",
    "group=", "none", "read", "browse", "BindMode=", "simple", "|", "BindIPFilter=", "AppendToAll ", " ", "\n ", "é",
)  # fmt: skip


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=25))
def test_any_text_is_read_or_refused(pieces: list[str]) -> None:
    """The parser never crashes or hangs; what it takes it writes back to the same meaning."""
    text = "".join(pieces)
    refused: AciSyntaxError | None = None
    try:
        found = parse_orclaci(text)
    except AciSyntaxError as error:
        refused = error

    if refused is not None:
        assert 1 <= refused.column <= len(text) + 1
        return

    assert parse_orclaci(write_orclaci(found)) == found
