"""Facts about exports that are damaged, hold what cannot go, or are large in one place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.errors import LdifError
from flext_pipelines.oud.migration.judge import judge
from flext_pipelines.oud.migration.migrate import migrate
from flext_pipelines.oud.migration.outcome import report_in
from tests.oud.migration.exports import (
    BASE,
    domain,
    group,
    migrated,
    names_of,
    person,
    plan_of,
    records_of,
    unit,
)


def test_a_duplicate_goes_to_the_rejected_with_its_bytes(tmp_path: Path) -> None:
    """Of two entries of one name the first stays, whatever the spelling of the second."""
    twin = person("ANN", BASE.upper().replace(",", " , "), "description: second")

    made = migrated(tmp_path, [domain(), person("ann"), twin])

    (rejected,) = (tmp_path / "out").glob("05-*.ldif")
    assert made.counters is not None
    assert made.counters.failed == 1
    assert rejected.read_text().startswith(
        "# rejected: line 13: duplicate: the entry stands on line 6 already\n" + twin
    )


def test_a_rejected_twin_grants_nothing(tmp_path: Path) -> None:
    """Access values of a duplicate are listed, and not converted as if they were those of the entry that stays."""
    first = unit("ou=a", BASE, "orclaci: access to entry by * (browse)")
    twin = unit("ou=a", BASE, "orclaci: access to entry by * (browse, add, delete)")

    migrated(tmp_path, [domain(), first, twin])

    (held,) = records_of(tmp_path / "out", "04-acls")
    assert not any(b"delete" in value or b"add)" in value for value in held.changes[0].values)
    assert report_in(tmp_path / "out").access.gone == 1


def test_an_orphan_takes_those_below_it_along(tmp_path: Path) -> None:
    """An entry without a parent is rejected, and so is everything below it."""
    lost = f"ou=lost,ou=nowhere,{BASE}"

    made = migrated(tmp_path, [domain(), unit("ou=lost", f"ou=nowhere,{BASE}"), person("deep", lost), person("ann")])

    assert report_in(tmp_path / "out").account.rejected == {"orphan": 2}
    assert names_of(tmp_path / "out", "02-users") == [f"cn=ann,{BASE}"]
    assert {need.code for need in made.needs} == {"rejected-orphan"}


def test_broken_records_are_rejected_with_their_bytes(tmp_path: Path) -> None:
    """A record that is no LDIF is kept as it was, and counted."""
    broken = f"dn: cn=x,{BASE}\nobjectclass person\n\x01\x02"

    made = migrated(tmp_path, [domain(), broken, person("ann")])

    assert made.counters is not None
    assert (made.counters.read, made.counters.failed) == (3, 1)
    kept = next((tmp_path / "out").glob("05-*.ldif")).read_bytes()
    assert broken.encode() in kept
    assert kept.startswith(b"# rejected: line 6: not-ldif: ")
    assert str(tmp_path).encode() not in kept


def test_a_large_value_and_a_group_of_many_go_through(tmp_path: Path) -> None:
    """A value of megabytes and a group of tens of thousands are written whole, and each member is looked at."""
    members = [f"cn=u{number},{BASE}" for number in range(30_000)]

    migrated(tmp_path, [domain(), person("big", BASE, "description: " + "x" * 3_000_000), group("many", members)])

    out = tmp_path / "out"
    assert len(records_of(out, "02-users")[0].values(b"description")[0]) == 3_000_000
    assert len(records_of(out, "03-groups")[0].values(b"uniquemember")) == 30_000
    assert report_in(out).references.dangling == {"uniquemember": 30_000}


def test_bytes_that_are_no_text_go_through_every_list(tmp_path: Path) -> None:
    """Latin-1 in names, values, access values and broken records is told in each list, and breaks none."""
    odd = "caf\udce9"
    named = f"dn: cn={odd},{BASE}\nobjectclass: person\ncn: {odd}\nsn: x\norclaci: access to {odd}"
    records = [
        domain(f'orclaci: access to entry by group="cn={odd},{BASE}" (browse)'), named, f"dn: {odd}\nsn: {odd}",
        named.replace(BASE, f"ou=no,{BASE}"), group("g", [f"cn={odd},{BASE}", f"cn={odd}x,{BASE}"]),
    ]  # fmt: skip

    made = migrated(tmp_path, records)

    assert made.counters is not None
    assert made.counters.balanced
    assert made.counters.failed == 2
    assert b"caf\xe9" in next((tmp_path / "out").glob("05-*.ldif")).read_bytes()
    assert "access-unreadable" in {need.code for need in made.needs}


def test_a_base_that_is_not_in_the_export_needs_a_person(tmp_path: Path) -> None:
    """When nothing is written although there are records, somebody has made a mistake."""
    made = migrated(tmp_path, [domain(), person("ann")], base_dn="dc=elsewhere")

    assert made.counters is not None
    assert (made.counters.filtered, made.counters.processed) == (2, 0)
    assert [need.code for need in made.needs] == ["nothing-written"]


def test_a_file_that_was_cut_off_needs_a_person(tmp_path: Path) -> None:
    """An export that ends within a line is migrated as far as it goes, and told."""
    plan = plan_of(tmp_path, [domain(), person("ann")])
    plan.export.write_bytes(plan.export.read_bytes()[:-5])

    made = migrate(plan)

    assert "cut-off" in {need.code for need in made.needs}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"dc=example,dc=com\nobjectclass=top\nobjectclass=domain\ndc=example\n\n", "ldapsearch"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0rest of a packed file", "gunzip"),
    ],
)
def test_what_is_no_ldif_is_refused_with_advice(tmp_path: Path, data: bytes, reason: str) -> None:
    """A listing of OID's own ldapsearch, or a packed file, ends the migration with what to do; there is no result."""
    plan = plan_of(tmp_path, [])
    plan.export.write_bytes(data)

    with pytest.raises(LdifError) as refused:
        migrate(plan)

    assert reason in str(refused.value)
    assert not plan.out.exists()


def test_an_empty_export_is_told(tmp_path: Path) -> None:
    """A file without records gives a result without entries, and needs a person."""
    made = migrated(tmp_path, [])

    assert [need.code for need in made.needs] == ["nothing-written"]
    assert judge(tmp_path / "out").sound
