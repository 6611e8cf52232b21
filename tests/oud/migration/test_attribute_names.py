"""Facts about access to attributes that change their names, come under one name, or that the server may not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.oud.migration.migrate import migrate
from flext_pipelines.oud.migration.outcome import report_in
from flext_pipelines.oud.migration.plan import MigrationPlan
from tests.oud import oid_sample
from tests.oud.migration.exports import BASE, domain, migrated, person, records_of, unit

PEOPLE = f"ou=people,{BASE}"
SECRET = (
    "dn: cn=subschemasubentry\nattributetypes: ( 1.3.6.1.4.1.32473.9.1 NAME '{name}' "
    "SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
)


def acis_of(folder: Path) -> list[str]:
    """Every aci that was written."""
    changed = [change for record in records_of(folder, "04-acls") for change in record.changes]
    return [value.decode() for change in changed for value in change.values]


def ruled(folder: Path, text: str) -> Path:
    """A rules file."""
    path = folder / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("policy", ["attr=(orclpublic)", "attr!=(description)"])
def test_an_attribute_that_takes_values_of_another_is_as_closed_as_both(tmp_path: Path, policy: str) -> None:
    """Who might read one of two attributes that a rule joins reads neither, and the report says so."""
    rules = ruled(tmp_path, "attributes: {rename: {orclpublic: description}}\n")
    records = [
        domain(f"orclaci: access to {policy} by * (read)"), unit("ou=people"),
        person("ada", PEOPLE, "orclpublic: x", "description: secret"),
    ]  # fmt: skip

    migrated(tmp_path, records, rules=rules)

    assert not any(
        '(targetattr="description")' in aci or '(targetattr="*")' in aci for aci in acis_of(tmp_path / "out")
    )
    assert report_in(tmp_path / "out").proof.holds


def test_both_attributes_that_are_joined_are_granted_as_one(tmp_path: Path) -> None:
    """Where the policy means all that comes under one name, it means that name."""
    rules = ruled(tmp_path, "attributes: {rename: {orclpublic: description}}\n")
    policy = "orclaci: access to attr=(orclpublic, description) by * (read)"

    migrated(tmp_path, [domain(policy), unit("ou=people")], rules=rules)

    (aci,) = acis_of(tmp_path / "out")
    assert '(targetattr="description")' in aci


@pytest.mark.parametrize(
    "rules",
    [
        "attributes: {rename: {secret;x: description}}",
        "attributes: {fill: {description: {from: secret}}}",
        "values: {secret: {to: description, map: {a: b}}}",
    ],
    ids=["an option", "a copy", "a map"],
)
def test_what_was_excepted_is_so_wherever_its_values_go(tmp_path: Path, rules: str) -> None:
    """Values of an attribute that nobody might read are not readable under the name that a rule gives them."""
    policy = "orclaci: access to attr!=(secret) by * (read)"

    migrated(tmp_path, [domain(policy), unit("ou=people")], rules=ruled(tmp_path, f"{rules}\n"))

    (aci,) = acis_of(tmp_path / "out")
    assert "description" in aci.partition('"')[2].partition('"')[0]
    assert aci.startswith("(targetattr!=")


def test_a_right_on_whether_an_account_is_enabled_follows_it(tmp_path: Path) -> None:
    """The built-in rules map that attribute to one of OUD's own: who might write the one writes the other."""
    migrated(tmp_path, [domain("orclaci: access to attr=(orclisenabled) by self (write)"), unit("ou=people")])

    (aci,) = acis_of(tmp_path / "out")
    assert '(targetattr="ds-pwp-account-disabled")' in aci


@pytest.mark.parametrize("known", [False, True])
def test_389_is_told_of_attributes_that_the_migrated_schema_brings(tmp_path: Path, *, known: bool) -> None:
    """A name of the site stands in the list where its schema goes along, and as a beginning where it does not."""
    schema = tmp_path / "schema.ldif"
    schema.write_text(SECRET.format(name="sitePin"), encoding="utf-8")
    policy = "orclaci: access to attr!=(sitepin) by * (read)"

    migrated(
        tmp_path, [domain(policy), unit("ou=people")], flavour="389", schema_file=schema if known else None
    )  # fmt: skip

    (aci,) = acis_of(tmp_path / "out")
    assert f'(targetattr!="{"sitePin" if known else "sitepin*"}")'.lower() in aci.lower()


GONE = f"cn=gone,{PEOPLE}"


@pytest.mark.parametrize(
    "value",
    [
        f"attr=(sn) filter=(!(manager={GONE})) by * (read)",
        f"attr=(sn) filter=(!(manager=*{BASE})) by * (read)",
        f"attr=(sn) filter=(!(description={GONE})) by * (read)",
        f"attr=(sn) filter=(!(description=*{BASE})) by * (read)",
        "attr=(sn) by dnattr=(description) (none) by * (read)",
        "attr=(sn) by groupattr=(description) (none) by * (read)",
        "attr=(sn) by dnattr=(manager) (none) by * (read)",
    ],
)
def test_names_in_values_are_what_they_are_in_the_result(tmp_path: Path, value: str) -> None:
    """Below another base, a filter or a subject over names excludes whom it excluded, whether or not the names move."""
    records = [
        domain("orclaci: access to entry by * (browse)", f"orclaci: access to {value}"), unit("ou=people"),
        person("ada", PEOPLE, f"manager: {GONE}", f"description: {GONE}"),
        person("ben", PEOPLE, f"manager: cn=ben,{PEOPLE}", f"description: cn=ben,{PEOPLE}"),
    ]  # fmt: skip

    migrated(tmp_path, records, target_base="dc=new")

    assert report_in(tmp_path / "out").proof.gained == 0


@pytest.mark.parametrize(
    "wanted", ["(createtimestamp>=20200101000000Z)", "(!(creatorsname=cn=orcladmin))", "(entrydn=*)"]
)
def test_a_filter_over_what_the_new_server_writes_itself_grants_nothing(tmp_path: Path, wanted: str) -> None:
    """Its own times and names are not those of OID, whatever the export holds."""
    policy = f"orclaci: access to attr=(sn) filter={wanted} by * (read)"

    migrated(tmp_path, [domain(policy), unit("ou=people")])

    assert acis_of(tmp_path / "out") == []


def test_a_filter_over_a_class_that_a_server_adds_grants_nothing(tmp_path: Path) -> None:
    """A person of whom the export lists no such class is one on the server, where OID's filter did not find it."""
    policies = ["(objectclass=organizationalPerson)", "(objectclass=2.5.6.7)", "(objectclass=person)"]
    lines = [f"orclaci: access to attr=(sn) filter={wanted} by * (read)" for wanted in policies]

    migrated(tmp_path, [domain(*lines), unit("ou=people"), person("ada", PEOPLE)])

    (aci,) = acis_of(tmp_path / "out")
    assert '(targetfilter="(objectclass=person)")' in aci


@pytest.mark.parametrize("wanted", ["(!(manager=*))", f"(!(manager={GONE}))", f"(&(sn=*)(!(manager=*{BASE})))"])
def test_a_filter_does_not_open_what_loses_names_that_dangle(tmp_path: Path, wanted: str) -> None:
    """An entry that was excepted by a value which is dropped for naming nobody stays so."""
    policy = f"orclaci: access to attr=(sn) filter={wanted} by * (read)"
    subject = "orclaci: access to attr=(cn) by dnattr=(manager) (read)"
    records = [domain(policy, subject), unit("ou=people"), person("ada", PEOPLE, f"manager: {GONE}")]

    migrated(tmp_path, records, drop_dangling=True)

    (aci,) = acis_of(tmp_path / "out")
    assert 'userattr="manager#USERDN"' in aci


def test_attributes_that_are_joined_are_named_in_the_report(tmp_path: Path) -> None:
    """With what that does to access, whether or not a value speaks of them."""
    rules = ruled(tmp_path, "attributes: {rename: {orclpublic: description}}\n")

    migrated(tmp_path, [domain(), unit("ou=people")], rules=rules)

    (told,) = [one.text for one in report_in(tmp_path / "out").warnings if one.code == "joined-attributes"]
    assert "description takes values of description and orclpublic" in told


def test_nobody_gains_on_389(tmp_path: Path) -> None:
    """The sample, with its verifiers and reversible passwords that 389 has no names for."""
    oid_sample.write_export(tmp_path / "export.ldif", 600)
    (tmp_path / "schema.ldif").write_bytes(oid_sample.SCHEMA)
    (tmp_path / "root.ldif").write_bytes(oid_sample.ROOT_POLICY)

    migrate(
        MigrationPlan(
            export=tmp_path / "export.ldif", base_dn=oid_sample.BASE, out=tmp_path / "out", flavour="389",
            schema_file=tmp_path / "schema.ldif", root_policy=tmp_path / "root.ldif",
        )
    )  # fmt: skip

    proof = report_in(tmp_path / "out").proof
    assert proof.probes > 15_000
    assert proof.gained == 0
