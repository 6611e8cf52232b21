"""The rules by which ``aci`` are evaluated."""

from __future__ import annotations

import pytest

from flext_pipelines.oud.acl.aci import Flavour
from flext_pipelines.oud.acl.aci_model import AciPolicy, matches_pattern
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.bind_values import dn_pattern
from flext_pipelines.oud.acl.names import parse_name
from flext_pipelines.oud.acl.probes import ProbedRight, Subject
from tests.oud.acl.policies import ABROAD, ADA, ADMINS, BASE, BEN, CLEO, PEOPLE, STAFF, TREE, entry, subject


def policy(*values: tuple[str, str], flavour: Flavour = "oud") -> AciPolicy:
    """A policy: each value is targets and permissions, without version and name."""
    parsed = []
    for dn, text in values:
        targets, sign, rules = text.partition(" => ")
        text = f'{targets if sign else ""}(version 3.0; acl "x"; {rules or text};)'
        parsed.append((dn, parse_aci(text, flavour=flavour)))
    return AciPolicy(parsed, flavour=flavour, entries=TREE)


def may(found: AciPolicy, who: Subject, right: ProbedRight, dn: str, attribute: str = "") -> bool:
    """Whether somebody may do something to an entry of the small directory."""
    return found.allows(right, TREE[parse_name(dn)], who, attribute)


ANYONE = 'userdn="ldap:///anyone"'


def test_nothing_is_allowed_by_default() -> None:
    """The server's global ``aci`` are no part of the model."""
    assert not may(policy(), subject(ADA), "read", ADA, "cn")


def test_a_deny_beats_every_allow_wherever_they_stand() -> None:
    """Position in the tree does not matter."""
    found = policy((BASE, f"deny (delete) {ANYONE}"), (ADA, f"allow (delete) {ANYONE}"))

    assert not may(found, subject(), "delete", ADA)


def test_the_root_user_is_bound_by_nothing() -> None:
    """It bypasses every ``aci``."""
    assert may(policy((BASE, f"deny (all) {ANYONE}")), Subject("cn=root", superuser=True), "delete", ADA)


@pytest.mark.parametrize(
    ("targets", "reached"),
    [
        ("", [False, True, True, True, True]),
        ('(targetscope="base")', [False, True, False, False, False]),
        ('(targetscope="onelevel")', [False, False, True, True, False]),
        ('(targetscope="subordinate")', [False, False, True, True, True]),
        ('(targetscope="subtree")', [False, True, True, True, True]),
        ('(targetfilter="(objectclass=person)")', [False, False, False, True, True]),
        ('(targetfilter!="(objectclass=person)")', [False, True, True, False, False]),
        (f'(target="ldap:///{ABROAD}")', [False, False, True, False, True]),
        (f'(target!="ldap:///{ABROAD}")', [False, True, False, True, False]),
        (f'(target="ldap:///{ABROAD}")(targetscope="base")', [False, False, True, False, False]),
        (f'(target="ldap:///uid=*,{PEOPLE}")', [False, False, False, True, False]),
    ],
)  # fmt: skip
def test_targets_choose_entries(targets: str, reached: list[bool]) -> None:
    """Scope, filter and target, each also negated."""
    found = policy((PEOPLE, f"{targets} => allow (delete) {ANYONE}"))

    assert [may(found, subject(), "delete", dn) for dn in (BASE, PEOPLE, ABROAD, ADA, BEN)] == reached


@pytest.mark.parametrize(
    ("names", "allowed", "denied"),
    [
        ('="cn || MAIL"', {"cn", "mail"}, {"cn", "mail"}),
        ('!="cn"', {"mail", "modifytimestamp"}, {"mail"}),
        ('="*"', {"cn", "mail"}, {"cn", "mail"}),
        ('="+"', {"modifytimestamp"}, {"modifytimestamp"}),
        ('="* || +"', {"cn", "mail", "modifytimestamp"}, {"cn", "mail", "modifytimestamp"}),
    ],
)
def test_lists_choose_attributes(names: str, allowed: set[str], denied: set[str]) -> None:
    """``*`` leaves out operational attributes; whether ``!=`` does is taken as what grants more."""
    tried = ("cn", "mail", "modifytimestamp")
    allow = policy((BASE, f"(targetattr{names}) => allow (read) {ANYONE}"))
    deny = policy(
        (BASE, f"(targetattr{names}) => deny (read) {ANYONE}"),
        (BASE, f'(targetattr="* || +") => allow (read) {ANYONE}'),
    )

    assert {name for name in tried if may(allow, subject(), "read", ADA, name)} == allowed
    assert {name for name in tried if not may(deny, subject(), "read", ADA, name)} == denied


def test_rights_on_entries_and_on_attributes_are_apart() -> None:
    """Without targetattr no attribute is reached; an entry is seen when one of its attributes may be read."""
    on_entry = policy((BASE, f"allow (read, delete) {ANYONE}"))
    on_attribute = policy((BASE, f'(targetattr="mail") => allow (read) {ANYONE}'))

    assert may(on_entry, subject(), "delete", ADA)
    assert not may(on_entry, subject(), "read", ADA, "cn")
    assert not may(on_entry, subject(), "browse", ADA)
    assert may(on_attribute, subject(), "browse", ADA)
    assert not may(on_attribute, subject(), "browse", CLEO)


def test_all_is_neither_proxy_nor_import_nor_export() -> None:
    """It is the seven others."""
    found = policy((BASE, f"allow (all) {ANYONE}"))

    assert may(found, subject(), "delete", ADA)
    assert not may(found, subject(), "proxy", ADA)


def test_controls_and_operations_give_no_right_on_entries() -> None:
    """Their ``aci`` are about something else."""
    assert not may(policy((BASE, f'(targetcontrol="*") => allow (read, delete) {ANYONE}')), subject(), "delete", ADA)


@pytest.mark.parametrize(
    ("rule", "ada", "cleo", "anonymous"),
    [
        ('userdn="ldap:///anyone"', True, True, True),
        ('userdn="ldap:///all"', True, True, False),
        ('userdn!="ldap:///all"', False, False, True),
        ('userdn="ldap:///self"', True, False, False),
        ('userdn="ldap:///parent"', False, False, False),
        (f'userdn="ldap:///{CLEO} || ldap:///cn=x"', False, True, False),
        (f'userdn="ldap:///uid=a*,{PEOPLE}"', True, False, False),
        (f'userdn="ldap:///*,{PEOPLE}"', True, False, False),
        ('userdn="ldap:///**,dc=example,dc=com"', True, True, False),
        ('userdn="ldap:///*,dc=example,dc=com"', False, True, False),
        (f'userdn="ldap:///{BASE}??one?(uid=*)"', False, False, False),
        (f'userdn="ldap:///{BASE}??one?(cn=cleo)"', False, True, False),
        (f'userdn="ldap:///{BASE}??sub?(objectClass=*)"', True, True, False),
        (f'groupdn="ldap:///{STAFF}"', True, False, False),
        (f'groupdn!="ldap:///{STAFF}"', False, True, True),
        ('userattr="manager#USERDN"', False, True, False),
        ('userattr="owner#GROUPDN"', True, False, False),
        ('userattr="parent[1].owner#USERDN"', False, True, False),
        ('userattr="parent[0,1].manager#USERDN"', False, True, False),
        ('userattr="search#LDAPURL"', False, True, False),
        ('userattr="description#x"', False, True, False),
        ('ip="10.0.0.*"', True, True, True),
        ('ip="10.0.0.0/8,1.2.3.4"', True, True, True),
        ('ip!="10.0.0.1"', False, False, False),
        ('ip="2001:db8::/32"', False, False, False),
        ('dns="*.example.com"', False, False, False),
        ('authmethod="simple"', True, True, False),
        ('ssf>="56"', False, True, False),
        ('ssf<"56"', True, False, True),
        ('timeofday>="0800"', False, False, False),
        ('dayofweek="mon"', False, False, False),
        ('not userdn="ldap:///all"', False, False, True),
        ('userdn="ldap:///all" and (ssf="256" or userdn="ldap:///self")', True, True, False),
    ],
)
def test_bind_rules(rule: str, ada: bool, cleo: bool, anonymous: bool) -> None:
    """Each keyword, with its forms."""
    found = policy((BASE, f"allow (delete) {rule}"))
    url = f"ldap:///{BASE}??one?(cn=Cleo)"
    target = entry(ADA, "person", manager=CLEO, owner=ADMINS, search=(url, "rubbish"))

    answers = [found.allows("delete", target, who) for who in (subject(ADA), subject(CLEO, ssf=256), subject())]

    assert answers == [ada, cleo, anonymous]


def test_day_time_and_host_are_those_of_the_connection() -> None:
    """Where they are not known, nothing is allowed by them."""
    found = policy((BASE, 'allow (delete) dayofweek="mon" and timeofday<"0900" and dns="*.example.com"'))
    early = Subject("cn=a", day="mon", time=859, host="pc.Example.com")

    assert found.allows("delete", TREE[parse_name(ADA)], early)
    assert not found.allows(
        "delete", TREE[parse_name(ADA)], Subject("cn=a", day="mon", time=900, host="pc.example.com")
    )


def test_adding_asks_no_attribute_of_the_new_entry() -> None:
    """Whoever adds it could write the attribute."""
    found = policy(
        (BASE, 'allow (add) userattr="owner#USERDN"'), (BASE, 'allow (add) userattr="parent[1].manager#GROUPDN"')
    )

    assert not may(found, subject(CLEO), "add", PEOPLE)
    assert may(found, subject(BEN), "add", BEN)


def test_389_reads_a_negated_userattr_as_if_it_were_not() -> None:
    """Found on the running server; the conversion never writes it."""
    assert may(policy((BASE, 'allow (delete) userattr!="owner#USERDN"')), subject(CLEO), "delete", ADA)
    assert not may(
        policy((BASE, 'allow (delete) userattr!="owner#USERDN"'), flavour="389"), subject(CLEO), "delete", ADA
    )


def test_what_cannot_be_told_is_allowed_and_not_denied() -> None:
    """A proof must hold on a server that judges an undefined filter either way."""
    undefined = '(targetfilter="(cn:dn:=x)")'

    assert may(policy((BASE, f"{undefined} => allow (delete) {ANYONE}")), subject(), "delete", ADA)
    assert may(
        policy((BASE, f"{undefined} => deny (delete) {ANYONE}"), (BASE, f"allow (delete) {ANYONE}")),
        subject(),
        "delete",
        ADA,
    )


@pytest.mark.parametrize(
    ("pattern", "name", "answer"),
    [
        ("*,dc=x", "cn=a,dc=x", True),
        ("*,dc=x", "cn=a,ou=b,dc=x", False),
        ("**,dc=x", "cn=a,ou=b,dc=x", True),
        ("**,dc=x", "dc=x", False),
        ("cn=a*c,**", "cn=abc,ou=b,dc=x", True),
        ("cn=a*c,**", "cn=ab,dc=x", False),
        ("cn=*,ou=b,dc=x", "cn=Anything,OU=b,dc=x", True),
        ("*=a,dc=x", "cn=a,dc=x", True),
        ("**,ou=b,**", "cn=a,ou=b,dc=x", True),
        ("**,ou=b,**", "ou=b,dc=x", False),
    ],
)
def test_patterns_go_by_rdn(pattern: str, name: str, answer: bool) -> None:
    """``*`` is one RDN, ``**`` one or more, and inside a value any text of that value."""
    assert matches_pattern(dn_pattern(pattern), parse_name(name)) is answer
