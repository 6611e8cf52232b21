"""What directives become together: siblings, policy points above and below, and the migration around them."""

from __future__ import annotations

import time

import pytest

from flext_pipelines.oud.acl.convert import convert, convert_policy, convert_values
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
from flext_pipelines.oud.acl.options import ConversionOptions
from tests.oud.acl.test_mapping import ADMINS, ANYONE, DN, GROUP, SHOWN, one, several, short


def test_a_named_attribute_is_taken_out_of_the_broad_grant() -> None:
    """attr=(userpassword) by * (none) beside attr=(*) by * (read)."""
    _, broad = several("access to attr=(userPassword) by * (none)", "access to attr=(*) by * (read,search)")

    assert [short(aci) for aci in broad.acis] == [f'(targetattr!="userPassword") allow (read, search) {ANYONE}']


def test_a_named_attribute_that_some_may_read_is_granted_to_them_only() -> None:
    """The broad grant goes on for them, because nothing denies it to them."""
    named, broad = several(
        "access to attr=(userpassword) by self (read) by * (none)", "access to attr=(*) by * (read)"
    )  # fmt: skip

    assert [short(aci) for aci in named.acis] == ['(targetattr="userpassword") allow (read) userdn="ldap:///self"']
    assert [short(aci) for aci in broad.acis] == [
        f'(targetattr!="userpassword") allow (read) {ANYONE}',
        '(targetattr="userpassword") allow (read) userdn="ldap:///self"',
    ]


def test_a_grant_that_a_sibling_denies_is_reported() -> None:
    """OID may order the two otherwise; less is granted, and said."""
    named, _ = several("access to attr=(cn) by * (read)", "access to attr=(*) by * (none)")

    assert named.acis == ()
    assert "another value of the entry denies it" in named.left_out[0].reason


def test_who_may_not_browse_may_not_read_either() -> None:
    """OID shows no attribute of an entry that may not be browsed; OUD shows every entry of which one may be read."""
    _, broad = several(
        f'access to entry by group="{ADMINS}" (browse) by * (none)', "access to attr=(*) by * (read, write)"
    )

    assert [short(aci) for aci in broad.acis] == [
        f'(targetattr="*") allow (read) {GROUP}',
        f'(targetattr="*") allow (write) {ANYONE}',
    ]


def test_a_denial_below_a_grant_becomes_a_deny_for_exactly_those_denied() -> None:
    """A deny for anyone would take the right from the group, too."""
    _, hidden = several(
        ("dc=example,dc=com", "access to attr=(*) by * (read,search)"),
        (DN, f'access to attr=(mail) by group="{ADMINS}" (read,search) by * (none)'),
    )

    assert [short(aci) for aci in hidden.acis] == [
        f'(targetattr="mail") allow (read, search) {GROUP}',
        f'(targetattr="mail") deny (read, search) {ANYONE} and groupdn!="ldap:///{ADMINS}"',
    ]
    assert any(note.startswith("compare, write, selfwrite: the denial needs no aci") for note in hidden.notes)


def test_a_hidden_subtree_is_denied_whole() -> None:
    """Browsing denied below a grant of reading: no attribute may stay readable, operational ones included."""
    _, hidden = several(
        ("dc=example,dc=com", "access to attr=(*) by * (read)"),
        (DN, f'access to entry by group="{ADMINS}" (browse) by * (none)'),
    )

    assert [short(aci) for aci in hidden.acis] == [
        f"{SHOWN} {GROUP}",
        f'(targetattr="* || +") deny (read, search, compare) {ANYONE} and groupdn!="ldap:///{ADMINS}"',
    ]


def test_a_denied_attribute_of_many_is_denied_with_its_operational_ones() -> None:
    """In a deny, ``!=`` is not trusted to mean operational attributes."""
    _, hidden = several(
        ("dc=example,dc=com", "access to attr=(*) by * (read)"), (DN, "access to attr!=(cn) by * (noread)")
    )  # fmt: skip

    assert [short(aci) for aci in hidden.acis] == [
        f'(targetattr!="cn || objectClass") deny (read) {ANYONE}',
        f'(targetattr="+") deny (read) {ANYONE}',
    ]


def test_an_entry_level_grant_survives_its_subtrees_denial() -> None:
    """OID asks the entry's own directives first: the deny is for what stands below."""
    _, hidden, _ = several(
        ("dc=example,dc=com", "access to entry by * (browse)"),
        (DN, "access to entry by * (none)"),
        (DN, "access to entry by * (browse)", "orclentrylevelaci"),
    )

    assert [short(aci) for aci in hidden.acis] == [
        f'(targetattr="* || +")(targetscope="subordinate") deny (read, search, compare) {ANYONE}'
    ]


def test_an_entry_level_grant_of_less_than_is_denied_is_lost() -> None:
    """Leaving the entry out of the deny would show there what nobody granted."""
    _, denied, again = several(
        ("dc=example,dc=com", "access to attr=(*) by * (read)"),
        (DN, "access to attr=(cn, mail) by * (noread)"),
        (DN, "access to attr=(cn) by * (read)", "orclentrylevelaci"),
    )

    assert [short(aci) for aci in denied.acis] == [f'(targetattr="cn || mail") deny (read) {ANYONE}']
    assert "denies it above" in again.left_out[0].reason


def test_a_grant_below_a_deny_is_reported_as_lost() -> None:
    """In OUD a deny beats what a lower policy point grants again."""
    _, denied, again = several(
        ("dc=com", "access to attr=(cn) by * (write)"),
        ("dc=example,dc=com", "access to attr=(cn) by * (nowrite)"),
        (DN, "access to attr=(cn) by self (write)"),
    )

    assert len(denied.acis) == 1
    assert "dc=example,dc=com denies it above" in again.left_out[0].reason


def test_a_denial_that_nothing_above_grants_needs_no_deny() -> None:
    """The usual root policy must not take from lower policy points what they grant."""
    root, below = several(
        ("dc=example,dc=com", "access to entry by * (browse, noadd, nodelete)"),
        (DN, f'access to entry by group="{ADMINS}" (add)'),
    )

    assert not any("deny" in aci for aci in root.acis)
    assert below.left_out == ()


def test_a_denial_of_what_a_constraint_refuses_is_kept() -> None:
    """A higher grant without the constraint would let in what OID refuses."""
    _, below = several(
        ("dc=example,dc=com", "access to entry by * (add)"),
        (DN, "access to entry by * added_object_constraint=(objectclass=person) (add)"),
    )

    assert [short(aci) for aci in below.acis] == [
        f'(targetscope="subordinate")(targetfilter="(objectclass=person)") allow (add) {ANYONE}',
        f'(targetscope="subordinate")(targetfilter="(!(objectclass=person))") deny (add) {ANYONE}',
    ]


def test_denials_of_append_to_all_reach_the_siblings() -> None:
    """What they grant does not: that would rest on memory."""
    _, sibling = several(
        f'access to entry AppendToAll by group="{ADMINS}" (none)', "access to attr=(cn) by * (read)"
    )  # fmt: skip

    assert [short(aci) for aci in sibling.acis] == [
        f'(targetattr="cn") allow (read) {ANYONE} and groupdn!="ldap:///{ADMINS}"'
    ]


def test_an_exclusion_that_cannot_be_said_excludes_more_and_is_reported() -> None:
    """Whom a GUID attribute names is not known: nobody who is bound gets what comes after it."""
    found = one("access to attr=(cn) by guidattr=(g) (none) by * (read)")

    assert [short(aci) for aci in found.acis] == [f'(targetattr="cn") allow (read) {ANYONE} and userdn!="ldap:///all"']
    assert "more people are excluded than OID excludes" in found.left_out[0].reason


def test_objectclass_denied_by_name_is_not_shown_by_browsing() -> None:
    """Browsing is said as reading objectClass; who is denied that by its name is left out."""
    browse, _ = several("access to entry by * (browse)", f'access to attr=(objectClass) by group="{ADMINS}" (none)')

    assert [short(aci) for aci in browse.acis] == [f'{SHOWN} {ANYONE} and groupdn!="ldap:///{ADMINS}"']


def test_with_the_whole_policy_reading_needs_somebody_who_may_browse() -> None:
    """Without the root DSE's policy OID's default is assumed, with it nothing is."""
    (assumed,) = several("access to attr=(cn) by * (read)")
    (known,) = several("access to attr=(cn) by * (read)", complete=True)

    assert len(assumed.acis) == 1
    assert known.acis == ()
    assert any("nobody it is granted to may browse" in note for note in known.notes)


def test_the_root_policy_goes_to_the_suffixes() -> None:
    """The root DSE itself is no place for it; without suffixes it is left out."""
    values = [AccessValue("", "orclaci", 1, "access to entry by * (browse)")]

    (placed,) = convert_values(values, ConversionOptions(suffixes=("dc=a", "dc=b")), complete=True)
    (lost,) = convert_values(values, ConversionOptions(), complete=True)

    assert placed.holders == ("dc=a", "dc=b")
    assert len(placed.acis) == 1
    assert (lost.acis, lost.left_out[0].reason) == ((), "the root DSE's policy needs suffixes")


def test_names_and_attributes_go_where_the_migration_puts_them() -> None:
    """A moved base, a renamed attribute, a group and a user that do not migrate."""
    options = ConversionOptions(
        place=lambda dn: None if "gone" in dn else dn.replace("dc=old", "dc=new"),
        attribute=lambda name: None if name == "dropped" else name.replace("_", "-"),
    )
    texts = (
        'access to attr=(my_attr, dropped) filter=(&(my_attr=1)(manager=cn=a,dc=old)) by dn="cn=a,dc=old" (read)',
        'access to attr=(cn) by dn="cn=gone,dc=old" (read)',
        'access to attr=(cn) by group="cn=gone,dc=old" (read)',
        "access to attr=(dropped) by * (read)",
        "access to attr=(cn) filter=(dropped=1) by * (read)",
        "access to attr=(cn) by dnattr=(dropped) (read)",
    )

    moved, *lost = [
        convert_policy(OidPolicy([AccessValue("ou=x,dc=old", "orclaci", 1, text)]), options)[0] for text in texts
    ]

    assert moved.holders == ("ou=x,dc=new",)
    assert [short(aci) for aci in moved.acis] == [
        '(targetattr="my-attr")(targetfilter="(&(my-attr=1)(manager=cn=a,dc=new))") allow (read) userdn="ldap:///cn=a,dc=new"'
    ]
    assert [found.acis for found in lost] == [()] * 5
    assert all("migrate" in found.left_out[0].reason for found in lost)


def test_an_excluded_group_that_does_not_migrate_excludes_everybody_bound() -> None:
    """A group that is not there has no members: excluding it would exclude nobody."""
    options = ConversionOptions(place=lambda dn: None if "gone" in dn else dn)
    values = [AccessValue(DN, "orclaci", 1, 'access to attr=(cn) by group="cn=gone" (none) by * (read)')]

    (found,) = convert_values(values, options)

    assert [short(aci) for aci in found.acis] == [f'(targetattr="cn") allow (read) {ANYONE} and userdn!="ldap:///all"']


def test_an_entry_that_does_not_migrate_gets_no_aci() -> None:
    """And the report says so."""
    (found,) = convert_values(
        [AccessValue("cn=gone", "orclaci", 1, "access to entry by * (browse)")], ConversionOptions(place=lambda _: None)
    )

    assert (found.acis, found.left_out[0].reason) == ((), "the entry does not migrate")


def test_a_value_is_converted_as_part_of_its_policy() -> None:
    """The answer for one value depends on the others."""
    policy = OidPolicy([
        AccessValue(DN, "orclaci", 1, "access to attr=(cn) by self (none)"),
        AccessValue(DN, "orclaci", 2, "access to attr=(*) by * (write)"),
    ])  # fmt: skip

    found = convert("CN=Users, dc=example,dc=com", "orclaci", "access to attr=(*) by * (write)", policy=policy)

    assert any('userdn!="ldap:///self"' in aci for aci in found.acis)
    with pytest.raises(ValueError, match="holds no orclaci value"):
        convert(DN, "orclaci", "access to entry by * (add)", policy=policy)


def test_many_clauses_are_converted_in_time() -> None:
    """Work and text grow with the square of the clauses, not faster."""
    clauses = " ".join(f'by group="cn=g{n},dc=x" ({"browse" if n % 2 else "add"})' for n in range(200))
    begun = time.process_time()

    found, _ = several(f"access to entry {clauses} by * (none)", ("dc=com", "access to entry by * (browse, add)"))

    assert len(found.acis) > 200
    assert time.process_time() - begun < 30
