"""Object classes: what goes, which chain stays, which phase an entry belongs to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flext_pipelines.oud.rules.reading import read_rules
from tests.oud.entries.conftest import PERSON, Migration, attributes, codes

Make = Callable[..., Migration]

DEFAULTS = [(why, name) for why, names in read_rules().classes.drop.items() for name in names]


def entry(*classes: str, rdn: str = "cn=a", lines: str = "cn: a\n") -> bytes:
    listed = "".join(f"objectclass: {name}\n" for name in classes)
    return f"dn: {rdn},dc=example,dc=com\n{listed}{lines}".encode()


@pytest.mark.parametrize(("why", "name"), DEFAULTS)
def test_what_the_rules_drop_is_gone_and_counted(migration: Make, why: str, name: str) -> None:
    """In any case, by its reason."""
    made = migration()
    kept = made.kept(entry("top", "device", name.upper()))

    assert attributes(kept)[b"objectclass"] == [b"top", b"device"]
    assert made.dropped() == {(why, name): 1}


def test_a_class_that_the_target_does_not_know(migration: Make) -> None:
    """Dropped, kept, or the entry is refused; never silently."""
    made = migration()
    kept = made.kept(entry("top", "device", "exampleThing"))

    assert attributes(kept)[b"objectclass"] == [b"top", b"device"]
    assert made.dropped() == {("unknown-class", "examplething"): 1}
    keeping = migration("classes: {unknown: keep}").kept(entry("top", "device", "exampleThing", lines="cn: a\nx: y\n"))
    assert b"exampleThing" in attributes(keeping)[b"objectclass"]
    assert (
        migration("classes: {unknown: reject}").rejected(entry("top", "device", "exampleThing")).code == "unknown-class"
    )


def test_of_two_chains_the_preferred_one_stays(migration: Make) -> None:
    """The other's classes go, and what only they allow; it is noted."""
    made = migration()
    kept = made.kept(entry("top", "device", "person", "inetOrgPerson", lines="cn: a\nsn: b\nserialnumber: 7\n"))

    assert attributes(kept)[b"objectclass"] == [b"top", b"person", b"inetOrgPerson"]
    assert codes(kept)[:2] == ["structural-conflict", "attribute-not-allowed"]
    assert made.dropped() == {("structural-conflict", "device"): 1, ("attribute-not-allowed", "serialnumber"): 1}


def test_a_chain_is_no_conflict(migration: Make) -> None:
    """However many of its classes stand there, in any order."""
    kept = migration().kept(entry("inetOrgPerson", "person", "organizationalPerson", "top", lines="cn: a\nsn: b\n"))

    assert len(attributes(kept)[b"objectclass"]) == 4
    assert kept.notes == ()


def test_a_site_prefers_otherwise(migration: Make) -> None:
    """By putting its class in front; without any preference the entry is refused, or the first stays."""
    both = entry("top", "device", "person", "inetOrgPerson", lines="cn: a\nsn: b\n")

    kept = migration("classes: {structural: {prefer: [device]}}").kept(both)
    assert attributes(kept)[b"objectclass"] == [b"top", b"device"]
    refused = migration("classes: {structural: {prefer: []}}").rejected(both)
    assert refused.code == "structural-conflict"
    assert "device" in refused.text
    first = migration("classes: {structural: {prefer: [], undecided: first}}").kept(both)
    assert attributes(first)[b"objectclass"] == [b"top", b"device"]


@pytest.mark.parametrize(
    ("rdn", "given"),
    [("cn=a", b"applicationProcess"), ("ou=a", b"organizationalUnit"), ("o=a", b"organization"), ("dc=a", b"domain"),
     ("uid=a", b"account"), ("l=a", b"locality")],
)  # fmt: skip
def test_an_entry_without_a_structural_class_is_given_one(migration: Make, rdn: str, given: bytes) -> None:
    """By the attribute that names it; orclContainer is unknown where its schema is not migrated."""
    kept = migration().kept(entry("top", "orclContainer", rdn=rdn, lines=rdn.replace("=", ": ") + "\n"))

    assert attributes(kept)[b"objectclass"] == [b"top", given]
    assert codes(kept) == ["class-added"]


def test_without_a_fallback_it_is_refused(migration: Make) -> None:
    """Also when it has no class at all."""
    assert migration().rejected(entry("top", rdn="sn=a", lines="sn: a\n")).code == "no-structural-class"
    assert (
        migration("classes: {structural: {fallback: {cn: null}}}").rejected(entry("top")).code == "no-structural-class"
    )
    assert attributes(migration().kept(entry()))[b"objectclass"] == [b"applicationProcess"]


def test_classes_are_renamed(migration: Make) -> None:
    """In any case; two that become one stand once."""
    made = migration("classes: {rename: {exampleDevice: device}}")
    kept = made.kept(entry("top", "EXAMPLEDEVICE", "device"))

    assert attributes(kept)[b"objectclass"] == [b"top", b"device"]
    assert made.dropped() == {("duplicate-value", "device"): 1}


def test_an_entry_whose_naming_attribute_goes_is_refused(migration: Make) -> None:
    """It could not be found by its name any more."""
    refused = migration().rejected(entry("top", "device", rdn="mail=a", lines="mail: a\ncn: a\n"))

    assert refused.code == "naming-attribute"
    assert "mail" in refused.text


@pytest.mark.parametrize(
    ("classes", "lines", "phase"),
    [
        (("top", "organizationalUnit"), "ou: a\n", "hierarchy"),
        (("top", "domain"), "dc: a\n", "hierarchy"),
        (("top", "device"), "", "hierarchy"),
        (("top", "person", "inetOrgPerson", "orclUserV2"), "sn: b\n", "users"),
        (("top", "orclUser", "person"), "sn: b\n", "users"),
        (("top", "groupOfUniqueNames"), "uniquemember: cn=a\n", "groups"),
        (("top", "orclGroup", "groupOfNames", "orclPrivilegeGroup"), "member: cn=a\n", "groups"),
    ],
)
def test_entries_belong_to_phases(migration: Make, classes: tuple[str, ...], lines: str, phase: str) -> None:
    """By the classes that they had in the source."""
    rdn = {"o": "ou=a", "d": "dc=a"}.get(lines[:1], "cn=a")

    assert migration().kept(entry(*classes, rdn=rdn, lines=f"cn: a\n{lines}")).phase == phase


def test_a_phase_may_depend_on_the_place(migration: Make) -> None:
    """A category holds below some DNs only, however they are written."""
    made = migration(
        """
        categories:
          - {phase: groups, classes: [person], below: ["OU=Roles, dc=example,dc=com"]}
          - {phase: users, classes: [person]}
        """
    )
    lines = PERSON + b"cn: a\nsn: b\n"

    assert made.kept(b"dn: cn=a,ou=roles,dc=example,dc=com\n" + lines).phase == "groups"
    assert made.kept(b"dn: cn=a,dc=example,dc=com\n" + lines).phase == "users"
    assert made.kept(b"dn: cn=a,ou=xroles,dc=example,dc=com\n" + lines).phase == "users"
