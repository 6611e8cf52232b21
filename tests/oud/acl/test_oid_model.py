"""OID's rules of evaluation, in the reading that grants less."""

from __future__ import annotations

import pytest

from flext_pipelines.oud.acl.names import parse_name
from flext_pipelines.oud.acl.oid_model import allows, name_pattern
from flext_pipelines.oud.acl.oid_policy import AccessValue, AttributeSet, OidPolicy
from flext_pipelines.oud.acl.orclaci import Kind, Permission
from flext_pipelines.oud.acl.probes import Entry, Subject
from tests.oud.acl.policies import ABROAD, ADA, ADMINS, BASE, BEN, CLEO, PEOPLE, STAFF, TREE, entry, subject

SHOW = (BASE, "access to entry by * (browse)")


def policy(*values: tuple[str, str] | tuple[str, str, Kind], complete: bool = True) -> OidPolicy:
    """A policy of values with their entries."""
    found = [
        AccessValue(dn, kind[0] if kind else "orclaci", number, text)
        for number, (dn, text, *kind) in enumerate(values, 1)
    ]
    return OidPolicy(found, complete=complete)


def may(found: OidPolicy, who: Subject, right: Permission, dn: str, attribute: str = "") -> bool:
    """Whether somebody may do something to an entry of the small directory."""
    name = parse_name(dn)
    return allows(found, right, TREE[name], who, attribute, TREE.get(name[1:]))


def test_what_nobody_decides_is_denied() -> None:
    """No directive, no right; only browsing is assumed where the root policy is not known."""
    assert not may(policy(), subject(ADA), "read", ADA, "cn")
    assert not may(policy(), subject(ADA), "browse", ADA)
    assert may(policy(complete=False), subject(ADA), "browse", ADA)
    assert not may(policy(complete=False), subject(ADA), "read", ADA, "cn")


def test_a_directive_reaches_the_entry_and_all_below() -> None:
    """From the entry that holds it downwards."""
    found = policy((PEOPLE, "access to entry by * (delete)"))

    assert [may(found, subject(), "delete", dn) for dn in (BASE, PEOPLE, ADA, BEN)] == [False, True, True, True]


def test_entry_level_directives_reach_their_entry_and_come_first() -> None:
    """They beat the entry's own subtree directives."""
    found = policy(
        (PEOPLE, "access to entry by * (delete)"), (PEOPLE, "access to entry by * (none)", "orclentrylevelaci")
    )

    assert not may(found, subject(), "delete", PEOPLE)
    assert may(found, subject(), "delete", ADA)


def test_the_nearest_policy_point_that_decides_decides() -> None:
    """A lower grant beats a higher denial, a lower denial a higher grant; what is not mentioned goes on upwards."""
    found = policy(
        (BASE, "access to entry by * (nodelete, proxy)"), (PEOPLE, "access to entry by * (delete, noproxy)"),
        (ABROAD, "access to entry by self (browse)"),
    )  # fmt: skip

    assert may(found, subject(), "delete", BEN)
    assert not may(found, subject(), "proxy", BEN)
    assert may(found, subject(), "proxy", BASE)


def test_the_first_clause_that_matches_decides() -> None:
    """A later clause grants nothing to whom an earlier one means."""
    found = policy((BASE, f'access to entry by group="{ADMINS}" (none) by * (delete)'))

    assert not may(found, subject(ADA), "delete", CLEO)
    assert may(found, subject(BEN), "delete", CLEO)


def test_a_closer_denial_later_in_the_directive_is_obeyed() -> None:
    """Whichever way the clauses are ordered, the member is denied."""
    found = policy((BASE, f'access to entry by * (delete) by group="{ADMINS}" (nodelete)'))

    assert not may(found, subject(ADA), "delete", CLEO)


def test_a_denial_beats_grants_of_the_same_policy_point() -> None:
    """Filtered before unfiltered, named before all: these orders are not relied on."""
    found = policy(
        SHOW,
        (BASE, "access to attr=(cn) filter=(objectclass=person) by * (read)"),
        (BASE, "access to attr=(*) by * (noread)"),
    )

    assert not may(found, subject(), "read", ADA, "cn")


def test_reading_needs_browsing_and_writing_does_not() -> None:
    """A search returns nothing of an entry that may not be browsed."""
    found = policy(
        (BASE, "access to attr=(*) by * (read,search,compare,write)"), (PEOPLE, "access to entry by self (browse)")
    )

    assert [may(found, subject(), right, ADA, "cn") for right in ("read", "search", "compare", "write")] == [
        False, False, False, True,
    ]  # fmt: skip
    assert may(found, subject(ADA), "read", ADA, "cn")


def test_browsing_shows_the_object_class_unless_it_is_denied_by_name() -> None:
    """No smaller grant shows an entry in OUD; whoever names objectClass in a denial means it."""
    plain = policy(SHOW, (BASE, "access to attr=(*) by * (none)"))
    named = policy(SHOW, (BASE, "access to attr=(objectClass) by * (none)"))

    assert may(plain, subject(), "read", ADA, "objectclass")
    assert not may(plain, subject(), "read", ADA, "cn")
    assert not may(named, subject(), "read", ADA, "objectclass")


@pytest.mark.parametrize(
    ("text", "ada", "cleo", "anonymous"),
    [
        ("*", True, True, True),
        ("self", True, False, False),
        (f'dn="{CLEO}"', False, True, False),
        (f'dn=".*,{PEOPLE}"', True, False, False),
        (f'dn="*,{ADA}"', False, False, False),
        ('dn=".*"', True, True, False),
        ('dn="uid=.*,dc=x"', False, False, False),
        (f'group="{STAFF}"', True, False, False),
        ("dnattr=(manager)", False, True, False),
        ("groupattr=(owner)", True, False, False),
        ("guidattr=(roomNumber)", True, False, False),
        ("SuperUser", False, False, False),
        ("* BindMode=(simple)", True, True, False),
        ("* BindMode=(SSLOneWay)", False, True, False),
        ("* BindMode=(simple|SSLOneWay)", False, True, False),
        ("* BindMode=(SASL)", False, False, False),
        ("* BindMode=(proxy)", False, False, False),
        ("* BindIPFilter=(orclipaddress=10.*)", True, True, True),
        ("* BindIPFilter=(!(orclipaddress=10.0.0.1))", False, False, False),
    ],
)  # fmt: skip
def test_whom_a_clause_means(text: str, ada: bool, cleo: bool, anonymous: bool) -> None:
    """Each entity, bind mode and address filter."""
    found = policy((BASE, f"access to entry by {text} (delete)"))
    target = entry(ADA, "person", manager=CLEO, owner=ADMINS, roomNumber="AA")

    answers = [allows(found, "delete", target, who) for who in (subject(ADA), subject(CLEO, ssf=256), subject())]

    assert answers == [ada, cleo, anonymous]


def test_adding_is_asked_of_the_parent() -> None:
    """Its directives, its owner, itself; the constraint is asked of the new entry."""
    found = policy(
        (PEOPLE, "access to entry by dnattr=(owner) added_object_constraint=(objectclass=person) (add) by * (none)"),
        (BASE, "access to entry by * (add)"),
    )
    person, unit = entry(f"cn=new,{PEOPLE}", "person"), entry(f"ou=new,{PEOPLE}", "organizationalUnit")
    parent = TREE[parse_name(PEOPLE)]

    assert allows(found, "add", person, subject(CLEO), parent_entry=parent)
    assert not allows(found, "add", unit, subject(CLEO), parent_entry=parent)
    assert not allows(found, "add", person, subject(ADA), parent_entry=parent)
    assert not allows(found, "add", person, subject(CLEO))


def test_denials_of_append_to_all_are_at_the_end_of_every_sibling() -> None:
    """Its grants are not: that would grant more if memory is wrong."""
    found = policy(
        (BASE, f'access to entry AppendToAll by group="{ADMINS}" (nodelete, proxy)'),
        (BASE, f'access to entry filter=(objectclass=person) by dn="{BEN}" (delete) by * (delete)'),
    )  # fmt: skip

    assert not may(found, subject(ADA), "delete", CLEO)
    assert may(found, subject(BEN), "delete", CLEO)


def test_attributes_with_options_are_denied_but_not_granted_as_a_whole() -> None:
    """cn;lang-de is a part of cn."""
    granted = policy(SHOW, (BASE, "access to attr=(cn;lang-de) by * (read)"))
    denied = policy(SHOW, (BASE, "access to attr=(cn;lang-de) by * (noread)"), (BASE, "access to attr=(*) by * (read)"))

    assert not may(granted, subject(), "read", ADA, "cn")
    assert not may(denied, subject(), "read", ADA, "cn")
    assert may(denied, subject(), "read", ADA, "mail")


def test_values_that_are_no_directives_are_kept_apart() -> None:
    """With the error of each."""
    found = policy((BASE, "rubbish"), (BASE, "access to entry by * (delete)"))

    assert [value.text for value, _ in found.refused] == ["rubbish"]
    assert may(found, subject(), "delete", ADA)


def test_patterns_are_names_and_subtrees_only() -> None:
    """OID's grammar has no other regular expressions."""
    assert name_pattern("cn=a.b,dc=x") is not None
    assert name_pattern("*,dc=x") == name_pattern(".*,dc=x") == name_pattern(" .*, dc=x ")
    assert name_pattern("cn=*,dc=x") is None
    assert name_pattern("") is None


@pytest.mark.parametrize("left_inverted", [True, False])
@pytest.mark.parametrize("right_inverted", [True, False])
def test_sets_of_attributes(left_inverted: bool, right_inverted: bool) -> None:
    """What two lists have in common, and what only one has, whichever are inverted."""
    left, right = AttributeSet(frozenset("ab"), left_inverted), AttributeSet(frozenset("bc"), right_inverted)

    for name in "abcd":
        assert (name in left.common(right)) is (name in left and name in right)
        assert (name in left.without(right)) is (name in left and name not in right)


def test_entries_answer_for_their_name() -> None:
    """``entrydn`` is an attribute of every entry."""
    found = Entry("cn=A,dc=x", {"cn": ("A",)})

    assert (found.values("entryDN"), found.values("CN;lang-de"), found.values("sn")) == (("cn=A,dc=x",), ("A",), ())
