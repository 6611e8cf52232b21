"""Who and what a proof asks about."""

from __future__ import annotations

from flext_pipelines.oud.acl.names import parse_name
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
from flext_pipelines.oud.acl.sampling import sample_entries, subjects_of
from tests.oud.acl.policies import ABROAD, ADA, ADMINS, BASE, BEN, CLEO, ENTRIES, GROUPS, PEOPLE, STAFF, TREE, entry


def policy(*texts: str) -> OidPolicy:
    """A policy of one entry."""
    return OidPolicy([AccessValue(PEOPLE, "orclaci", number, text) for number, text in enumerate(texts, 1)])


def test_every_holder_and_a_few_of_every_kind_are_chosen() -> None:
    """However many entries there are."""
    many = [entry(f"uid=u{number},{PEOPLE}", "person") for number in range(1000)]
    deep = [entry(f"cn=c,uid=u{number},{PEOPLE}", "device") for number in range(1000)]

    chosen = sample_entries([*ENTRIES, *many, *deep], policy("access to entry by * (browse)"), per_kind=2)

    assert parse_name(PEOPLE) in chosen
    assert len([name for name in chosen if name[0][0][0] == "uid"]) <= 6
    assert len([name for name, one in chosen.items() if "device" in one.values("objectclass")]) == 2


def test_subjects_are_everybody_whom_a_clause_could_tell_apart() -> None:
    """Anonymous, a stranger, whoever is named by name, group, subtree or attribute, and somebody over TLS."""
    found = policy(
        f'access to entry by dn="{CLEO}" (browse) by group="{STAFF}" (browse) by dn="*,{ABROAD}" (browse)',
        'access to entry by dnattr=(owner) (browse) by group="cn=empty,dc=x" (browse) by dn="bad" (browse)',
    )

    subjects = subjects_of(found, TREE, GROUPS)

    names = {one.name for one in subjects}
    assert {parse_name(dn) for dn in ("", CLEO, BEN, ADA)} <= names
    assert any(not one.dn and one.ssf for one in subjects)
    assert any(one.dn and one.ssf for one in subjects)
    assert any(parse_name("cn=empty,dc=x") in one.groups for one in subjects)
    assert any(parse_name(ADMINS) in one.groups for one in subjects if one.dn)
    assert any(not one.groups and one.name not in TREE for one in subjects if one.dn)


def test_a_subtree_without_users_gets_one_made_up() -> None:
    """So that its clause is tried all the same."""
    subjects = subjects_of(policy(f'access to entry by dn=".*,ou=nobody,{BASE}" (browse)'), TREE, GROUPS)

    assert parse_name(f"cn=somebody,ou=nobody,{BASE}") in {one.name for one in subjects}
