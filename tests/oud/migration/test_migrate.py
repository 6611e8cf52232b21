"""Facts about whole migrations: order, accounting, what goes where."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flext_pipelines.oud.migration.judge import judge
from flext_pipelines.oud.migration.migrate import diagnose, migrate
from flext_pipelines.oud.migration.outcome import report_in
from flext_pipelines.oud.migration.plan import MigrationPlan
from tests.oud import oid_sample
from tests.oud.migration.exports import (
    BASE,
    contents,
    domain,
    group,
    migrated,
    names_of,
    person,
    plan_of,
    records_of,
    unit,
    write,
)

SAMPLE = 1_500
ACI_OF_ENTRY = "orclentrylevelaci: access to entry by * (browse)"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> MigrationPlan:
    """The generated directory, migrated once for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("sample")
    oid_sample.write_export(folder / "export.ldif", SAMPLE)
    (folder / "schema.ldif").write_bytes(oid_sample.SCHEMA)
    (folder / "root.ldif").write_bytes(oid_sample.ROOT_POLICY)
    plan = MigrationPlan(
        export=folder / "export.ldif", base_dn=BASE, out=folder / "out", schema_file=folder / "schema.ldif",
        root_policy=folder / "root.ldif", probes=20_000,
    )  # fmt: skip
    migrate(plan)
    return plan


def test_the_sample_migrates_and_is_judged_sound(sample: MigrationPlan) -> None:
    """Every record of the generated directory is accounted for, and the judge finds nothing wrong."""
    report = report_in(sample.out)

    assert report.account.counters.read == SAMPLE
    assert report.account.counters.balanced
    assert report.account.excluded == {"tree": 24}
    assert [check for check in judge(sample.out).checks if check.failed] == []


def test_nobody_gains_a_right(sample: MigrationPlan) -> None:
    """The proof asks questions that both models grant, and finds no right that OID did not grant."""
    proof = report_in(sample.out).proof

    assert proof.holds
    assert proof.granted > 100
    assert proof.kinds <= proof.probed <= proof.points


def test_files_of_a_phase_hold_what_the_report_says(sample: MigrationPlan) -> None:
    """The table of phases counts what stands in the files."""
    rows = {row.phase: row.records for row in report_in(sample.out).phases}

    for phase, prefix in (("hierarchy", "01-hierarchy"), ("users", "02-users"), ("groups", "03-groups")):
        assert rows[phase] == len(records_of(sample.out, prefix)) > 0
    assert rows["acls"] == len(records_of(sample.out, "04-acls")) > 0


def test_every_access_value_is_listed(sample: MigrationPlan) -> None:
    """Each value of the export and of the root stands in the list with its original."""
    listed = [json.loads(line)["conversion"] for line in (sample.out / "access.jsonl").read_bytes().splitlines()]
    given = [
        str(value) for entry in oid_sample.entries(SAMPLE) for name, value in entry.pairs if name.startswith("orcl")
        and name.endswith("aci")
    ]  # fmt: skip

    assert sorted(one["original"] for one in listed if one["dn"]) == sorted(given)
    assert {one["kind"] for one in listed if not one["dn"]} == {"orclaci", "orclentrylevelaci"}


def test_files_are_cut_at_the_limit(tmp_path: Path) -> None:
    """A file takes no record that would make it longer than the limit, unless it is empty."""
    people = [person(f"p{number:03d}") for number in range(100)]

    migrated(tmp_path, [domain(), *people], file_bytes=1024)

    files = sorted((tmp_path / "out").glob("02-users-*.ldif"))
    assert len(files) > 5
    assert all(file.stat().st_size <= 1024 for file in files)
    assert names_of(tmp_path / "out", "02-users") == [f"cn=p{number:03d},{BASE}" for number in range(100)]


def test_a_record_above_the_limit_has_a_file_of_its_own(tmp_path: Path) -> None:
    """A record is never cut."""
    large = person("large", BASE, "description: " + "x" * 5_000)

    migrated(tmp_path, [domain(), person("a"), large, person("b")], file_bytes=1024)

    files = sorted((tmp_path / "out").glob("02-users-*.ldif"))
    assert [file.read_bytes().count(b"dn: ") for file in files] == [1, 1, 1]


def test_what_stands_below_a_user_comes_after_the_user(tmp_path: Path) -> None:
    """A container below a user is written with the users, after that user."""
    user = f"cn=ann,{BASE}"

    migrated(tmp_path, [person("deep", f"ou=box,{user}"), unit("ou=box", user), person("ann"), domain()])

    assert names_of(tmp_path / "out", "01-hierarchy") == [BASE]
    assert names_of(tmp_path / "out", "02-users") == [user, f"ou=box,{user}", f"cn=deep,ou=box,{user}"]
    assert judge(tmp_path / "out").sound


def test_the_base_may_be_missing(tmp_path: Path) -> None:
    """What stands right below the base needs no parent in the file; the report says that the target must have it."""
    made = migrated(tmp_path, [unit("ou=a"), person("ann", f"ou=a,{BASE}")])

    assert made.counters is not None
    assert made.counters.processed == 2
    assert "no-base-entry" in {caution.code for caution in made.warnings}
    assert judge(tmp_path / "out").sound


def test_the_base_can_have_another_name(tmp_path: Path) -> None:
    """Names of entries, values that are names, and names in access values move to the new base."""
    aci = f'orclaci: access to entry by group="cn=g,{BASE}" (browse)'
    records = [domain(aci), person("ann"), group("g", [f"cn=ann,{BASE}"])]

    migrated(tmp_path, records, target_base="o=new")

    out = tmp_path / "out"
    assert names_of(out, "02-users") == ["cn=ann,o=new"]
    assert records_of(out, "03-groups")[0].values(b"uniquemember") == [b"cn=ann,o=new"]
    assert names_of(out, "04-acls") == ["o=new"]
    assert b'groupdn="ldap:///cn=g,o=new"' in records_of(out, "04-acls")[0].changes[0].values[0]
    assert report_in(out).proof.holds


def test_access_values_can_be_merged_into_entries(tmp_path: Path) -> None:
    """On request entries hold their aci values, and no modify records are written."""
    aci = "orclaci: access to entry by * (browse)"

    migrated(tmp_path, [domain(aci), unit("ou=a", BASE, aci), person("ann", BASE, aci)], merge_aci=True)

    out = tmp_path / "out"
    assert records_of(out, "04-acls") == []
    assert [len(record.values(b"aci")) for record in records_of(out, "01-hierarchy")] == [1, 1]
    assert len(records_of(out, "02-users")[0].values(b"aci")) == 1
    assert judge(out).sound


def test_values_of_a_base_that_is_not_there_are_never_merged(tmp_path: Path) -> None:
    """When the target has the base already, its aci values come as a modify record even where others are merged."""
    (tmp_path / "root.ldif").write_text("dn:\norclaci: access to entry by * (browse)\n")

    migrated(tmp_path, [unit("ou=a")], merge_aci=True, root_policy=tmp_path / "root.ldif")

    (held,) = records_of(tmp_path / "out", "04-acls")
    assert held.dn_text == BASE
    assert judge(tmp_path / "out").sound


def test_values_that_cannot_be_said_need_a_person(tmp_path: Path) -> None:
    """An access value that is no directive is listed with its original, and the exit code will say so."""
    made = migrated(tmp_path, [domain("orclaci: access to everything by everybody")])

    assert [need.code for need in made.needs] == ["access-unreadable"]
    (reviewed,) = report_in(tmp_path / "out").review
    assert reviewed.conversion.original == "access to everything by everybody"
    assert reviewed.conversion.acis == ()


def test_dangling_references_are_listed(tmp_path: Path) -> None:
    """A value that names an entry that is not there is written as it is, counted and listed."""
    gone = f"cn=gone,{BASE}"

    migrated(tmp_path, [domain(), person("ann", BASE, f"manager: {gone}"), group("g", [gone, f"cn=ann,{BASE}"])])

    report = report_in(tmp_path / "out")
    assert report.references.dangling == {"manager": 1, "uniquemember": 1}
    lines = (tmp_path / "out" / "side" / "dangling-references.csv").read_text().splitlines()
    assert sorted(lines[1:]) == [f'"cn=ann,{BASE}",manager,"{gone}"', f'"cn=g,{BASE}",uniquemember,"{gone}"']


def test_dangling_references_are_dropped_on_request(tmp_path: Path) -> None:
    """Values go that name nobody, are and are listed all the same."""
    gone = f"cn=gone,{BASE}"
    records = [
        domain("orclaci: access to entry by * (browse)"), person("ann", BASE, f"manager: {gone}", ACI_OF_ENTRY),
        group("g", [gone, f"cn=ann,{BASE}"]), group("h", [gone]),
    ]  # fmt: skip

    migrated(tmp_path, records, drop_dangling=True, merge_aci=True)

    out = tmp_path / "out"
    (ann,) = records_of(out, "02-users")
    assert ann.values(b"manager") == []
    assert len(ann.values(b"aci")) == 1
    assert [record.values(b"uniquemember") for record in records_of(out, "03-groups")] == [
        [f"cn=ann,{BASE}".encode()], [],
    ]  # fmt: skip
    assert len((out / "side" / "dangling-references.csv").read_text().splitlines()) == 4
    assert report_in(out).references.dropped


def test_groups_in_a_circle_are_named(tmp_path: Path) -> None:
    """Groups that contain each other are told with the whole circle; others are not."""
    names = {name: f"cn={name},{BASE}" for name in "abcd"}
    groups = [group("a", [names["b"]]), group("b", [names["c"]]), group("c", [names["a"]]), group("d", [names["a"]])]

    migrated(tmp_path, [domain(), *groups])

    (circle,) = report_in(tmp_path / "out").references.cycles
    assert circle == (names["a"], names["b"], names["c"])


def test_the_order_of_the_export_makes_no_difference_to_what_goes(tmp_path: Path) -> None:
    """A shuffled export gives the same entries, and parents still come first."""
    records = [
        domain(), *(unit(f"ou=u{n}") for n in range(5)),
        *(person(f"p{n}", f"ou=u{n % 5},{BASE}") for n in range(40)),
        *(group(f"g{n}", [f"cn=p{n},ou=u{n % 5},{BASE}"], f"ou=u{n % 5},{BASE}") for n in range(10)),
    ]  # fmt: skip
    shuffled = list(records)
    random.Random(7).shuffle(shuffled)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()

    migrated(tmp_path / "a", records)
    migrated(tmp_path / "b", shuffled)

    for prefix in ("01-hierarchy", "02-users", "03-groups"):
        assert sorted(names_of(tmp_path / "a/out", prefix)) == sorted(names_of(tmp_path / "b/out", prefix))
    assert judge(tmp_path / "b/out").sound


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, sample: MigrationPlan) -> None:
    """Made again elsewhere, every file of the result is the same, the report too."""
    again = sample.model_copy(update={"out": tmp_path / "elsewhere"})

    migrate(again)

    assert contents(again.out) == contents(sample.out)


@pytest.mark.process
def test_workers_make_no_difference(tmp_path: Path) -> None:
    """Two processes write the same bytes as one."""
    oid_sample.write_export(tmp_path / "export.ldif", 5_000)
    plan = MigrationPlan(export=tmp_path / "export.ldif", base_dn=BASE, out=tmp_path / "one", probes=100)
    migrate(plan)

    migrate(plan.model_copy(update={"out": tmp_path / "two", "workers": 2}))

    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_diagnosis_leaves_nothing_behind(tmp_path: Path) -> None:
    """What a migration would come to is told, and no file is written beside the export."""
    plan = plan_of(tmp_path, [domain(), person("ann"), person("bob", f"ou=nowhere,{BASE}")])
    before = sorted(tmp_path.iterdir())

    report = diagnose(plan)

    assert report.account.rejected == {"orphan": 1}
    assert sorted(tmp_path.iterdir()) == before


NAMES = st.sampled_from(["a", "b", "c"])
RECORD = st.one_of(
    st.builds(lambda name, above: person(name, above), NAMES, st.sampled_from([BASE, f"ou=a,{BASE}", f"cn=a,{BASE}"])),
    st.builds(lambda name, above: unit(f"ou={name}", above), NAMES, st.sampled_from([BASE, f"cn=b,{BASE}", "o=other"])),
    st.builds(lambda name, member: group(name, [f"cn={member},{BASE}"]), NAMES, NAMES),
    st.builds(lambda name: unit(f"cn={name}", f"cn=OracleContext,{BASE}"), NAMES),
    st.just(domain("orclaci: access to entry by * (browse)")),
    st.just(f"dn: not a name\nobjectclass: person\nsn: x\n# {BASE}"),
    st.just("this is no record at all"),
    st.just(f"dn: cn=x,{BASE}\nchangetype: delete"),
    st.just(f"dn: cn=odd,{BASE}\nobjectclass: nobodyKnowsThis\ncn: odd"),
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), min_size=1).map(
        lambda text: person("z", BASE, f"description:{text}")
    ),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(RECORD, max_size=12))
def test_nothing_is_lost_whatever_the_mixture(tmp_path_factory: pytest.TempPathFactory, records: list[str]) -> None:
    """Read is written plus rejected plus excluded, and the judge agrees, for any mixture with damage in it."""
    folder = tmp_path_factory.mktemp("mixture")
    plan = MigrationPlan(export=write(folder / "e.ldif", records), base_dn=BASE, out=folder / "out", probes=50)
    migrate(plan)

    judged = {check.name: check.faults for check in judge(plan.out).checks if check.failed}
    judged.pop("references resolve", None)
    assert report_in(plan.out).account.counters.balanced
    assert judged == {}


def test_policy_above_the_base_holds_below_it(tmp_path: Path) -> None:
    """What an entry above the base denies or grants to all below it is said on the base; what it says of itself not."""
    base = f"ou=a,{BASE}"
    (tmp_path / "root.ldif").write_text(
        "dn:\norclaci: access to entry by * (browse)\norclaci: access to attr=(*) by * (read,search)\n"
    )
    above = domain(
        "orclaci: access to attr=(description) by * (none)", "orclaci: access to attr=(sn) by * (compare)",
        "orclentrylevelaci: access to attr=(cn) by * (write)",
    )  # fmt: skip
    ann = person("ann", base, "description: secret", "userpassword: {SSHA}x")

    migrated(
        tmp_path, [above, unit("ou=a", BASE), ann], base_dn=base, root_policy=tmp_path / "root.ldif", probes=10_000
    )

    out = tmp_path / "out"
    (held,) = records_of(out, "04-acls")
    acis = [value.decode() for step in held.changes for value in step.values]
    report = report_in(out)
    assert held.dn_text == base
    assert report.proof.holds
    assert report.proof.probes > 100
    assert report.proof.granted > 0
    assert any("compare" in aci and "sn" in aci for aci in acis)
    assert not any("write" in aci for aci in acis if "deny" not in aci)
    assert report.access.gone == 1
