"""The ``aci`` language: what servers take and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.aci import dn_url, write_aci
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.bind_values import bind_value

SELF = 'userdn="ldap:///self"'


def aci(target: str = "", *, rights: str = "read", rule: str = SELF) -> str:
    """An ``aci`` around what a test is about."""
    return f'{target}(version 3.0; acl "x"; allow ({rights}) {rule};)'


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (aci(), aci()),
        (
            '(targetattr="cn||sn")(version 3.0;acl "x y";allow(read,search)userdn="ldap:///self";)',
            '(targetattr="cn || sn")(version 3.0; acl "x y"; allow (read, search) userdn="ldap:///self";)',
        ),
        (
            ' ( TARGETATTR != "*" ) ( Version 3.0 ; ACL "x" ; Deny ( ALL ) UserDN = "ldap:///anyone" ; ) ',
            '(targetattr!="*")(version 3.0; acl "x"; deny (all) userdn="ldap:///anyone";)',
        ),
        (aci('(target="ldap:///ou=a,dc=x")'), aci('(target="ldap:///ou=a,dc=x")')),
        (aci('(targetfilter="cn=a*")'), aci('(targetfilter="(cn=a*)")')),
        (
            aci('(targattrfilters="add=cn:(cn=a)&&sn:(|(sn=b)(sn=c)),del=cn:(cn=z)")'),
            aci('(targattrfilters="add=cn:(cn=a) && sn:(|(sn=b)(sn=c)), del=cn:(cn=z)")'),
        ),
        (aci('(targetcontrol="1.2.3||*")(extop="1.2")'), aci('(targetcontrol="1.2.3 || *")(extop="1.2")')),
        (
            aci('(targetscope="SubOrdinate")', rights="import,export,proxy,selfwrite"),
            aci('(targetscope="subordinate")', rights="import, export, proxy, selfwrite"),
        ),
        (
            '(version 3.0; acl "x"; allow (read) userdn="ldap:///self"; deny (write) groupdn!="ldap:///cn=g,dc=x";)',
            '(version 3.0; acl "x"; allow (read) userdn="ldap:///self"; deny (write) groupdn!="ldap:///cn=g,dc=x";)',
        ),
        (aci(rule='((userdn="ldap:///self"))'), aci()),
        (aci(rule=f'not {SELF} and ssf>="1"'), aci(rule=f'(not {SELF}) and ssf>="1"')),
        (aci(rule=f'{SELF} and ssf>"1" or ip="1.2.3.4"'), aci(rule=f'{SELF} and (ssf>"1" or ip="1.2.3.4")')),
        (aci(rule=f'({SELF} or ssf<="5") and dns="*.x.com"'), aci(rule=f'({SELF} or ssf<="5") and dns="*.x.com"')),
    ],
)
def test_what_is_taken_has_one_form(text: str, canonical: str) -> None:
    """White space, case and parentheses make no difference; the canonical form reads back to the same value."""
    found = parse_aci(text)

    assert write_aci(found) == canonical
    assert parse_aci(canonical) == found


@pytest.mark.parametrize(
    "rule",
    [
        'userdn="ldap:///anyone"',
        'userdn="ldap:///all"',
        'userdn="ldap:///parent"',
        'userdn="ldap:///cn=a,dc=x || ldap:///cn=b,dc=x"',
        'userdn="ldap:///cn=*,dc=x"',
        'userdn="ldap:///**,dc=x"',
        'userdn="ldap:///*,dc=x"',
        'userdn="ldap:///dc=x??sub?(objectClass=*)"',
        'userdn="ldap:///dc=x???(objectClass=*)"',
        'userdn!="ldap:///cn=a%5C%2Cb,dc=x"',
        'groupdn="ldap:///cn=g,dc=x || ldap:///cn=h,dc=x"',
        'userattr="owner#USERDN"',
        'userattr="parent[0,1].owner#GROUPDN"',
        'userattr="filter#LDAPURL"',
        'userattr="colour#red"',
        'ip="1.2.3.*,10.0.0.0/8"',
        'ip="2001:db8::1"',
        'dns!="*.example.com"',
        'dayofweek="mon,Tue"',
        'timeofday>="0800"',
        'authmethod="none"',
        'authmethod="ssl"',
        'authmethod="sasl DIGEST-MD5"',
        'ssf="1024"',
    ],
)
def test_every_bind_rule_is_taken(rule: str) -> None:
    """All keywords with all their forms."""
    assert parse_aci(write_aci(parse_aci(aci(rule=rule)))) == parse_aci(aci(rule=rule))


REFUSED = [
    ("", "expected '('", 1),
    ("access to entry by * (browse)", "expected '('", 1),
    (aci(rights="browse"), "unknown right 'browse'", 31),
    (aci(rights="self_write"), "unknown right", 31),
    (aci(rights=""), "expected a right", 31),
    ('(version 2.0; acl "x"; allow (read) userdn="ldap:///self";)', "only version 3.0", 10),
    ('(version 3.0; acl x; allow (read) userdn="ldap:///self";)', "expected '\"'", 19),
    ('(version 3.0; acl "a"b"; allow (read) userdn="ldap:///self";)', "expected ';'", 22),
    ('(version 3.0; acl "x" allow (read) userdn="ldap:///self";)', "expected ';'", 23),
    ('(version 3.0; acl "x"; allow (read) userdn="ldap:///self")', "expected ';'", 58),
    ('(version 3.0; acl "x"; allow (read);)', "expected a bind rule", 36),
    ('(version 3.0; acl "x"; permit (read) userdn="ldap:///self";)', "expected allow or deny", 24),
    ('(version 3.0; acl "x"; allow (read) userdn="ldap:///self";', "expected ')'", 59),
    (aci() + " and more", "text after the end", 61),
    (aci('(targetattr="cn")(targetattr="sn")'), "given twice", 19),
    (aci('(targetname="cn")'), "unknown target", 2),
    (aci('(targetattr="cn,sn")'), "no attribute name", 13),
    (aci('(targetattr="cn;lang-x")'), "no attribute name", 13),
    (aci('(targetattr="cn || ")'), "no attribute name", 13),
    (aci('(targetattr="")'), "no attribute name", 13),
    (aci('(targetattr=cn)'), "expected '\"'", 13),
    (aci('(targetscope="one")'), "no scope", 14),
    (aci('(targetscope!="base")'), "takes no !=", 2),
    (aci('(targetfilter="(cn=a")'), "never closed", 15),
    (aci('(targetfilter="(&(cn=a)(b))")'), "attribute=value", 15),
    (aci('(targattrfilters="add=cn:(sn=a)")'), "asks for another attribute", 18),
    (aci('(targattrfilters="cn:(cn=a)")'), "targattrfilters takes", 18),
    (aci('(targetcontrol="x")'), "object identifiers", 16),
    (aci('(target="ou=a,dc=x")'), "ldap:///", 9),
    (aci('(target="ldap:///a")'), "no DN", 9),
    (aci(rule='roledn="ldap:///cn=r"'), "roledn is not supported", 44),
    (aci(rule='username="x"'), "unknown bind rule keyword", 37),
    (aci(rule='userdn="self"'), "does not begin with ldap:///", 44),
    (aci(rule='userdn="ldap://cn=a"'), "does not begin with ldap:///", 44),
    (aci(rule='userdn="ldap:///nobody"'), "no DN", 44),
    (aci(rule='userdn="ldap:///cn=a || "'), "is empty", 44),
    (aci(rule='userdn="ldap:///cn=a%2"'), "percent code", 44),
    (aci(rule='userdn="ldap:///dc=x??tree?(a=b)"'), "no scope", 44),
    (aci(rule='userdn="ldap:///dc=x?cn?sub?(a=b)"'), "ldap:///base??scope?filter", 44),
    (aci(rule='userdn="ldap:///dc=x??sub?a=b"'), "filter", 44),
    (aci(rule='userdn>="ldap:///self"'), "= and != only", 43),
    (aci(rule='groupdn="ldap:///*,dc=x"'), "no DN", 45),
    (aci(rule='userattr="owner"'), "expected attribute#", 46),
    (aci(rule='userattr="owner#ROLEDN"'), "ROLEDN is not supported", 46),
    (aci(rule='userattr="parent[10].owner#USERDN"'), "levels are 0 to 9", 46),
    (aci(rule='userattr="parent[0].f#LDAPURL"'), "cannot be joined", 46),
    (aci(rule='ip="1.2.3"'), "no address", 40),
    (aci(rule='ip="1.2.3.256"'), "no address", 40),
    (aci(rule='ip="1.2.3.0/99"'), "no network mask", 40),
    (aci(rule='dayofweek="monday"'), "no day", 47),
    (aci(rule='timeofday="2460"'), "no time", 47),
    (aci(rule='authmethod="SSLOneWay"'), "no authentication method", 48),
    (aci(rule='authmethod="sasl"'), "no authentication method", 48),
    (aci(rule='ssf>="0"'), "1 to 1024", 42),
    (aci(rule='ssf>="1025"'), "1 to 1024", 42),
    (aci(rule="(" + SELF), "expected ')'", 59),
    (aci(rule=f"{SELF} and"), "expected a bind rule", 62),
    (aci(rule="(" * 100 + SELF + ")" * 100), "nested deeper", 102),
]  # fmt: skip


def test_a_strength_below_the_least_is_not_for_389() -> None:
    """OUD takes it, which never holds; 389 2.3 takes it at one time and refuses it at another."""
    text = aci(rule='ssf<"1"')
    assert parse_aci(text, flavour="oud")

    with pytest.raises(AciSyntaxError, match='389 does not take ssf<"1"'):
        parse_aci(text, flavour="389")


@pytest.mark.parametrize(("text", "reason", "column"), REFUSED)
def test_what_a_server_refuses_is_refused_with_its_place(text: str, reason: str, column: int) -> None:
    """An invalid value that slips through puts OUD into lockdown mode at its next start."""
    with pytest.raises(AciSyntaxError) as refused:
        parse_aci(text)

    assert reason in refused.value.reason
    assert refused.value.column == column


@pytest.mark.parametrize(
    "text",
    [
        aci('(targetscope="base")'),
        aci('(targetcontrol="1.2.3")'),
        aci('(extop="1.2.3")'),
        aci(rights="import"),
        aci(rights="read, export"),
        aci('(targetattr="+")'),
        aci('(targetattr="* || +")'),
    ],
)
def test_389_refuses_what_it_does_not_know(text: str) -> None:
    """OUD takes these, 389 does not."""
    parse_aci(text)

    with pytest.raises(AciSyntaxError, match="389 does not take"):
        parse_aci(text, flavour="389")


def test_389_takes_the_beginning_of_a_name() -> None:
    """There it stands for every attribute whose name begins so; OUD takes no such name."""
    text = aci('(targetattr!="orclPass* || cn")')

    found = parse_aci(text, flavour="389").attributes

    assert found is not None
    assert [name in found for name in ("orclpassword", "orclpass", "cn", "orclpas")] == [True, True, True, False]
    with pytest.raises(AciSyntaxError, match="no attribute name"):
        parse_aci(text)


def test_389_takes_roles() -> None:
    """OUD does not."""
    parse_aci(aci(rule='roledn="ldap:///cn=r,dc=x"'), flavour="389")


def test_a_target_lies_within_the_entry_that_holds_the_aci() -> None:
    """Both servers refuse one that does not."""
    inside, outside = aci('(target="ldap:///cn=a,OU=People, dc=x")'), aci('(target="ldap:///ou=other,dc=x")')

    parse_aci(inside, holder="ou=people,dc=x")

    with pytest.raises(AciSyntaxError, match="the target lies outside ou=people,dc=x"):
        parse_aci(outside, holder="ou=people,dc=x")


@pytest.mark.parametrize(
    "dn", ['cn="a, b",dc=x', "cn=a*b,dc=x", "cn=a||b,dc=x", "cn=a?b%c,dc=x", "cn=a(b)\\, c,dc=x", "cn=é,dc=x"]
)
def test_a_name_in_a_url_stays_that_one_name(dn: str) -> None:
    """Whatever it holds, it is no pattern, no search and not two names, and ends no quotes."""
    url = dn_url(dn)

    assert '"' not in url
    assert bind_value("userdn", url) == bind_value("userdn", dn_url(dn.lower()))
    assert getattr(bind_value("userdn", url), "urls")[0].kind == "dn"  # noqa: B009  the union has other members
    parse_aci(aci(rule=f'(userdn="{url}")'))


PIECES = (
    "(", ")", '"', ";", "version 3.0",
    "acl", "allow", "deny", "read", "targetattr", "targetfilter", "=", "!=", "userdn",
    "ldap:///self", "ldap:///cn=a", "groupdn", "ip",
    "1.2.3.4", "and", "or", "not", " ", "*", "||", "ssf", "5", "(cn=a)", "é",
    '(version 3.0; acl "x"; allow (read) ', 'userdn="ldap:///self"', ";)",
)  # fmt: skip


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=25), flavour=st.sampled_from(["oud", "389"]))
def test_any_text_is_read_or_refused(pieces: list[str], flavour: str) -> None:
    """The parser never crashes or hangs; what it takes it writes back to the same meaning."""
    text = "".join(pieces)
    refused: AciSyntaxError | None = None
    try:
        found = parse_aci(text, flavour="389" if flavour == "389" else "oud")
    except AciSyntaxError as error:
        refused = error

    if refused is not None:
        assert 1 <= refused.column <= len(text) + 1
        return

    assert parse_aci(write_aci(found), flavour="389") == found
