"""Facts about what a migration does to data, and what access values about such data become."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.oud.migration.outcome import report_in
from tests.oud.migration.exports import BASE, domain, group, migrated, person, records_of, unit

PEOPLE = f"ou=people,{BASE}"
ADA = f"cn=ada,{PEOPLE}"
CONTEXT = "\n".join(
    [f"dn: cn=OracleContext,{BASE}", "objectclass: top", "objectclass: orclContext", "cn: OracleContext"]
)
READ_BY_ALL = "orclaci: access to attr=(*) by * (read)"


def acis_of(folder: Path) -> list[str]:
    """Every aci that was written."""
    changed = [change for record in records_of(folder, "04-acls") for change in record.changes]
    return [value.decode() for change in changed for value in change.values]


def needs_of(folder: Path) -> set[str]:
    """What needs a person, by its code."""
    return {need.code for need in report_in(folder).needs}


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        ("(!(orclisenabled=DISABLED))", ("objectclass: orcluserv2", "orclisenabled: DISABLED")),
        ("(!(objectclass=orclgroup))", ("objectclass: orclgroup",)),
        ("(!(orclguid=AA))", ("orclguid: AA",)),
        ("(&(sn=*)(!(secretflag=1)))", ("secretflag: 1",)),
        ("(!(userpassword=*))", ("userpassword: {MD4}0123456789abcdef0123456789abcdef",)),
    ],
)
def test_a_filter_over_what_is_dropped_lets_nobody_in(tmp_path: Path, wanted: str, lines: tuple[str, ...]) -> None:
    """A filter that spares entries by a value which does not migrate grants nothing, and is reported."""
    records = [domain(f"orclaci: access to attr=(*) filter={wanted} by * (read)"), unit("ou=people")]

    migrated(tmp_path, [*records, person("ada", PEOPLE, *lines)])

    assert acis_of(tmp_path / "out") == []
    assert report_in(tmp_path / "out").proof.holds
    assert "access-left-out" in needs_of(tmp_path / "out")


def test_a_denial_by_a_filter_over_what_is_dropped_is_for_all_entries(tmp_path: Path) -> None:
    """Entries that were denied by a value which does not migrate stay denied."""
    denial = "orclaci: access to attr=(sn) filter=(secretflag=1) by * (noread)"
    records = [domain(READ_BY_ALL), unit("ou=people", BASE, denial), person("ada", PEOPLE, "secretflag: 1")]

    migrated(tmp_path, records)

    assert any('(targetattr="sn")(version 3.0;' in aci and "deny (read)" in aci for aci in acis_of(tmp_path / "out"))
    assert report_in(tmp_path / "out").proof.holds


def test_a_subject_named_by_a_dropped_attribute_is_still_denied(tmp_path: Path) -> None:
    """Who is denied as the value of an attribute that does not migrate is denied with everybody who binds."""
    value = "orclaci: access to attr=(*) by dnattr=(secretowner) (none) by * (read)"
    records = [domain(value), unit("ou=people"), person("ada", PEOPLE, f"secretowner: {ADA}")]

    migrated(tmp_path, records)

    (aci,) = acis_of(tmp_path / "out")
    assert 'userdn!="ldap:///all"' in aci
    assert "userattr" not in aci


@pytest.mark.parametrize(
    "records",
    [
        [CONTEXT, group("inner", [ADA], f"cn=OracleContext,{BASE}"),
         group("denied", [f"cn=inner,cn=OracleContext,{BASE}"])],
        [CONTEXT, group("inner", [ADA], f"cn=OracleContext,{BASE}"),
         group("between", [f"cn=inner,cn=OracleContext,{BASE}"]), group("denied", [f"cn=between,{BASE}"])],
        [group("denied", ["cn=staff,dc=elsewhere"])],
        [group("denied", []) + f"\nobjectclass: orcldynamicgroup\nlabeleduri: ldap:///{BASE}??sub?(cn=ada)"],
        [group("denied", [ADA]).replace("groupOfUniqueNames", "person") + "\nobjectclass: groupOfUniqueNames\nsn: x"],
        [group("inner", [ADA]), group("inner", []).replace("cn: inner", "cn: other"),
         group("denied", [f"cn=gone,{BASE}"])],
    ],
    ids=["excluded", "further down", "elsewhere", "dynamic", "no group any more", "rejected"],
)  # fmt: skip
def test_members_whom_oud_does_not_see_stay_denied(tmp_path: Path, records: list[str]) -> None:
    """A denied group of which some members are none in OUD keeps everybody who binds out."""
    denial = f'orclaci: access to attr=(*) by group="cn=denied,{BASE}" (none) by * (read)'

    migrated(tmp_path, [domain(denial), unit("ou=people"), person("ada", PEOPLE), *records])

    (aci,) = acis_of(tmp_path / "out")
    assert 'userdn!="ldap:///all"' in aci
    assert "access-left-out" in needs_of(tmp_path / "out")


def test_the_proof_asks_for_members_of_groups_that_are_left_out(tmp_path: Path) -> None:
    """Who belonged to a group through one that does not migrate is asked for, and what is lost is told of that one."""
    inner = group("inner", [ADA], f"cn=OracleContext,{BASE}")
    outer = group("outer", [f"cn=inner,cn=OracleContext,{BASE}"])
    policy = [
        f'orclaci: access to attr=(sn) by group="cn=outer,{BASE}" (read)',
        "orclaci: access to entry by * (browse)",
    ]

    migrated(tmp_path, [domain(*policy), unit("ou=people"), person("ada", PEOPLE), CONTEXT, inner, outer])

    proof = report_in(tmp_path / "out").proof
    lost = {one.subject for one in proof.differences if (one.kind, one.right, one.attribute) == ("lost", "read", "sn")}
    assert any(who.startswith(f"{ADA} as member of ") for who in lost)
    assert proof.holds


def test_members_whom_oud_sees_are_denied_as_a_group(tmp_path: Path) -> None:
    """Groups in groups, circles and members that never were there change nothing."""
    denial = f'orclaci: access to attr=(*) by group="cn=denied,{BASE}" (none) by * (read)'
    groups = [group("denied", [f"cn=inner,{BASE}", f"cn=never,{PEOPLE}"]), group("inner", [ADA, f"cn=denied,{BASE}"])]

    migrated(tmp_path, [domain(denial), unit("ou=people"), person("ada", PEOPLE), *groups])

    (aci,) = acis_of(tmp_path / "out")
    assert f'groupdn!="ldap:///cn=denied,{BASE}"' in aci


def test_who_has_the_new_name_of_somebody_else_gets_nothing(tmp_path: Path) -> None:
    """A subject of another tree is nobody of the result, even where the base that moves takes that tree's name."""
    value = 'orclaci: access to attr=(*) by dn="cn=ada,ou=people,dc=new" (read) by group="cn=staff,dc=new" (read)'

    migrated(
        tmp_path, [domain(value), unit("ou=people"), person("ada", PEOPLE), group("staff", [ADA])],
        target_base="dc=new",
    )  # fmt: skip

    assert acis_of(tmp_path / "out") == []
    assert report_in(tmp_path / "out").proof.holds


def test_names_that_are_no_utf8_keep_their_denials(tmp_path: Path) -> None:
    """Latin-1 bytes in the name of an entry and in access values are the same bytes in both."""
    odd = "cn=M\udcfcller"
    denial = f'orclaci: access to attr=(sn) by dn="{odd},{BASE}" (none) by * (read)'
    own = "orclaci: access to attr=(*) by * (noread)"

    migrated(tmp_path, [domain(denial, READ_BY_ALL), person("M\udcfcller", BASE, own)])

    acis = acis_of(tmp_path / "out")
    assert not any("allow (read)" in aci and '"*"' in aci and "userdn!=" not in aci for aci in acis)
    assert sum(rf"cn=M\fcller,{BASE}" in aci for aci in acis) >= 1
    assert sum("deny (read)" in aci for aci in acis) >= 1
    assert report_in(tmp_path / "out").proof.holds


def test_an_attribute_is_one_by_the_names_of_the_schema(tmp_path: Path) -> None:
    """An attribute of the site with two names is denied by the one where it was granted by the other."""
    schema = tmp_path / "schema.ldif"
    schema.write_text(
        "dn: cn=subschemasubentry\nattributetypes: ( 1.3.6.1.4.1.99999.1 NAME ( 'sitePin' 'secretPin' ) EQUALITY "
        "caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n",
        encoding="utf-8",
    )
    denial = "orclaci: access to attr=(secretPin) by * (none)"
    grant = "orclaci: access to attr=(sitePin) by * (read)"

    migrated(tmp_path, [domain(grant), unit("ou=people", BASE, denial)], schema_file=schema)

    assert sum("deny (read)" in aci for aci in acis_of(tmp_path / "out")) == 1


@pytest.mark.parametrize(
    ("clauses", "readable"),
    [('by dn=".*,dc=com" (none) by * (read)', False), ('by dn=".*,dc=com" (read)', True)],
)
def test_a_name_above_the_base_covers_all_of_it(tmp_path: Path, clauses: str, readable: bool) -> None:
    """What is said of everybody below it is said of everybody who migrates, below whatever base."""
    records = [domain(f"orclaci: access to attr=(*) {clauses}"), unit("ou=people"), person("ada", PEOPLE)]

    migrated(tmp_path, records, target_base="dc=new")

    (aci,) = acis_of(tmp_path / "out")
    assert f'userdn{"=" if readable else "!="}"ldap:///dc=new??sub?(objectClass=*)"' in aci
    assert report_in(tmp_path / "out").proof.holds
    assert {one.attribute for one in report_in(tmp_path / "out").proof.differences} <= {"aci", "modifytimestamp"}


def test_a_policy_above_the_base_gives_its_holders_name_to_nobody(tmp_path: Path) -> None:
    """An entry above the base whose values are said on the base is no subject of the result, and the base is not it."""
    above = "\n".join(
        ["dn: dc=com", "objectclass: domain", "dc: com", 'orclaci: access to attr=(*) by dn="dc=com" (read)']
    )

    migrated(tmp_path, [above, domain(READ_BY_ALL), unit("ou=people")])

    assert not any(f'"ldap:///{BASE}"' in aci for aci in acis_of(tmp_path / "out"))


def test_what_comes_below_another_entry_stays_as_closed_as_it_was(tmp_path: Path) -> None:
    """Two entries that a rule gives one name: the second is rejected, and its denials stay with what stood below it."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("attributes: {rename: {uid: cn}}\n", encoding="utf-8")
    hidden = person("b", BASE, "uid: a", "orclaci: access to attr=(sn) by * (none)").replace("dn: cn=b", "dn: uid=a")
    records = [domain(READ_BY_ALL), person("a"), hidden, person("x", f"uid=a,{BASE}")]

    migrated(tmp_path, records, rules=rules)

    acis = [(record.dn_text, value.decode()) for record in records_of(tmp_path / "out", "04-acls")
            for change in record.changes for value in change.values]  # fmt: skip
    assert any(dn == f"cn=a,{BASE}" and 'targetattr="sn"' in aci and "deny (read)" in aci for dn, aci in acis)
    assert "access-unreadable" in needs_of(tmp_path / "out")
    assert report_in(tmp_path / "out").proof.holds


def test_an_unreadable_value_opens_nothing_and_needs_a_person(tmp_path: Path) -> None:
    """What it may have denied is denied below it, in the proof, too; the report names it."""
    value = "orclaci: access to attr=(sn) by sel (none)"

    migrated(tmp_path, [domain(READ_BY_ALL), unit("ou=people", BASE, value), person("ada", PEOPLE)])

    assert any('targetattr="sn"' in aci and "deny (read)" in aci for aci in acis_of(tmp_path / "out"))
    assert report_in(tmp_path / "out").proof.holds
    assert "access-unreadable" in needs_of(tmp_path / "out")


@pytest.mark.parametrize("denied", [False, True])
def test_values_that_name_groups_are_merged_into_containers(tmp_path: Path, *, denied: bool) -> None:
    """Containers are written before the groups that their values name, whose members must be known by then."""
    policy = f'orclaci: access to attr=(*) by group="cn=staff,{BASE}" ({"none" if denied else "read"}) by * (read)'
    records = [domain(policy), unit("ou=people"), person("ada", PEOPLE), group("staff", [ADA])]

    migrated(tmp_path, records, merge_aci=True)

    base, *_ = records_of(tmp_path / "out", "01-hierarchy")
    acis = [value.decode() for value in base.values(b"aci")]
    assert any(f'groupdn{"!=" if denied else "="}"ldap:///cn=staff,{BASE}"' in aci for aci in acis)
    assert report_in(tmp_path / "out").proof.holds


def test_every_difference_is_listed_in_the_report(tmp_path: Path) -> None:
    """However many they are; an entry that several policy points concern is one entry, and its lost rights are one."""
    bosses = " ".join(f'by dn="cn=boss{number},dc=other" (read, write)' for number in range(30))
    lost = f"orclaci: access to attr=(*) by guidattr=(owner) (read, search) {bosses}"
    people = [person(f"p{number}", f"ou=a,{BASE}", f"seealso: {BASE}") for number in range(40)]
    migrated(tmp_path, [domain(lost), unit("ou=a", BASE, lost), *people], probes=40_000)
    proof = report_in(tmp_path / "out").proof

    assert proof.entries <= 42
    assert proof.gained == 0
    assert len(set(proof.differences)) == len(proof.differences)
    assert proof.lost > len(proof.differences) > 500
    assert f"{len(proof.differences):,} differences are listed" in (tmp_path / "out" / "report.md").read_text()
