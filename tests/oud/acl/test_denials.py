"""Facts about denials whose words leave open whom they mean: they deny as many as they may mean."""

from __future__ import annotations

import pytest

from flext_pipelines.oud.acl.aci_model import AciPolicy
from flext_pipelines.oud.acl.aci_parser import parse_aci
from flext_pipelines.oud.acl.convert import convert_values
from flext_pipelines.oud.acl.oid_model import allows
from flext_pipelines.oud.acl.oid_policy import AccessValue, OidPolicy
from flext_pipelines.oud.acl.options import Conversion, ConversionOptions
from flext_pipelines.oud.acl.orclaci import Kind
from flext_pipelines.oud.acl.unreadable import supposed_denials
from tests.oud.acl.policies import ABROAD, ADA, BASE, BEN, PEOPLE, TREE, subject

BROWSED = "access to entry by * (browse)"
READ = "access to attr=(*) by * (read)"


def policy(*texts: str | tuple[str, str] | tuple[str, str, Kind]) -> list[AccessValue]:
    """Values of the base, or of the entry that stands before them."""
    found = []
    for number, text in enumerate(texts, 1):
        dn, words, kind = (BASE, text, "orclaci") if isinstance(text, str) else (*text, "orclaci")[:3]
        found.append(AccessValue(dn, "orclaci" if kind == "orclaci" else "orclentrylevelaci", number, words))
    return found


def readers(values: list[AccessValue], options: ConversionOptions | None = None) -> tuple[set[str], set[str]]:
    """Who reads the surname of a person abroad before and after: anonymous, the unit, one below it, a stranger."""
    asked = TREE[subject(BEN).name]
    converted = [(one, aci) for one in convert_values(values, options) for aci in one.acis]
    before = OidPolicy(values)
    after = AciPolicy((holder, parse_aci(aci)) for one, aci in converted for holder in one.holders)
    who = {"": subject(), "unit": subject(PEOPLE), "below": subject(ADA), "stranger": subject("cn=x")}
    return (
        {name for name, one in who.items() if allows(before, "read", asked, one, "mail")},
        {name for name, one in who.items() if after.allows("read", asked, one, "mail")},
    )


@pytest.mark.parametrize(
    ("clauses", "allowed"),
    [
        ('by dn=".*" (read)', {"unit", "below", "stranger"}),
        ('by dn=".*" (none) by * (read)', set()),
        ('by dn="*" (noread) by * (read)', set()),
        (f'by dn=".*,{PEOPLE}" (read)', {"below"}),
        (f'by dn=".*,{PEOPLE}" (none) by * (read)', {"", "stranger"}),
        (f'by dn="*, {PEOPLE}" (noread) by * (read)', {"", "stranger"}),
    ],
)
def test_a_pattern_denies_more_than_it_grants(clauses: str, allowed: set[str]) -> None:
    """`.*` grants to whoever binds and denies anonymous, too; `.*,base` so with what is below and with the base."""
    before, after = readers(policy(BROWSED, f"access to attr=(*) {clauses}"))

    assert before == allowed
    assert after == allowed


def test_a_pattern_denies_what_is_granted_above() -> None:
    """Written as a deny, it is as wide."""
    below = policy(BROWSED, READ, (PEOPLE, f'access to attr=(mail) by dn=".*,{PEOPLE}" (none)'))
    anyone = policy(BROWSED, READ, (PEOPLE, 'access to attr=(mail) by dn=".*" (none)'))

    assert readers(below) == ({"", "stranger"}, {"", "stranger"})
    assert readers(anyone) == (set(), set())


def test_a_subject_that_does_not_migrate_is_denied_by_the_name_that_it_had() -> None:
    """Whoever comes to have that name on the server, from another suffix, say, was denied and stays so."""
    there = ConversionOptions(place=lambda dn: dn if dn.endswith(BASE) else None)
    named = policy('access to attr=(mail) by dn="cn=x" (none) by * (read)')
    below = policy('access to attr=(mail) by dn=".*,dc=org" (none) by * (read)')

    assert "stranger" not in readers(named, there)[1]
    assert any('userdn!="ldap:///dc=org??sub?' in aci for one in convert_values(below, there) for aci in one.acis)


@pytest.mark.parametrize(("permission", "written"), [("read", "userdn="), ("none", "userdn!=")])
def test_all_that_migrates_stands_below_a_name_above_the_base(permission: str, written: str) -> None:
    """`.*,dc=com` is everybody of dc=example,dc=com, whatever that is called in the new directory."""
    options = ConversionOptions(
        place=lambda dn: dn.replace(BASE, "o=new") if dn.endswith(BASE) else None, source_base=BASE,
        suffixes=("o=new",),
    )  # fmt: skip

    (found,) = convert_values(policy(f'access to attr=(mail) by dn=".*,dc=com" ({permission}) by * (read)'), options)

    assert any(f'{written}"ldap:///o=new??sub?(objectClass=*)"' in aci for aci in found.acis)


@pytest.mark.parametrize(
    ("text", "objects"),
    [
        ("access to attr=(mail) by sel (none)", ["only"]),
        ("access to attr!=(mail) filter=(cn=a) by * (noread, nofly)", ["except"]),
        ("access to entry by group=\"cn=a (b\" (browse, noadd", ["entry"]),
        ("access to thing by * (none)", ["entry", "all"]),
        ("access to attr=(mail by * (none)", ["all"]),
        ("Access  To ENTRY filter=(cn by * (none)", ["entry"]),
        ("noread", ["entry", "all"]),
        ("access to attr=(mail) by * (read", []),
        ("access to attr=(mail) by dn=\"cn=a, ou=none\" (reed)", []),
        ("nonsense", []),
        ("", []),
    ],
)  # fmt: skip
def test_what_an_unreadable_value_may_have_denied_is_denied(text: str, objects: list[str]) -> None:
    """Where a word of it denies, everybody is denied what it is about; everything, where that is unreadable, too."""
    found = supposed_denials(text)

    assert ["entry" if one.attributes is None else one.attributes.mode for one in found] == objects
    assert all(clause.permissions == ("none",) for one in found for clause in one.clauses)


def unreadable(found: list[Conversion]) -> Conversion:
    """The last conversion, of a value that is no directive."""
    assert found[-1].left_out[0].severity == "error"
    return found[-1]


@pytest.mark.parametrize(
    "values",
    [
        policy(BROWSED, READ, "access to attr=(mail) by sel (none)"),
        policy(BROWSED, READ, (PEOPLE, "access to attr=(mail) by sel (none)")),
        policy(BROWSED, READ, (BEN, "access to attr=(mail) by sel (none)", "orclentrylevelaci")),
        policy(BROWSED, READ, (ABROAD, "access too entry by * (noadd)")),
    ],
    ids=["beside", "above", "on the entry", "nothing readable"],
)
def test_nobody_is_granted_what_an_unreadable_value_may_have_denied(values: list[AccessValue]) -> None:
    """Neither by its entry's other values nor from above; the value says so."""
    assert readers(values) == (set(), set())
    assert "nobody is granted what it may be about" in unreadable(convert_values(values)).notes[0]


def test_what_stands_beside_a_value_that_may_be_cut_off_is_listed() -> None:
    """Without a word of denial it denies nothing; every value that it could have narrowed is named."""
    values = policy(BROWSED, READ, (PEOPLE, "access to entry by * (add)"), (PEOPLE, "access to attr=(mail) by * (read"))

    (note,) = unreadable(convert_values(values)).notes

    assert readers(values)[1] == {"", "unit", "below", "stranger"}
    assert note.endswith(f": orclaci 3 of {PEOPLE}, orclaci 1 of {BASE}, orclaci 2 of {BASE}")
