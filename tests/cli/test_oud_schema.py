"""``flext oud schema``: a table for people, JSON for programs, the target's file, and an exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.oud.schema.reading import read_schema
from tests.oud.oid_schema import SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell

BROKEN = SCHEMA.rstrip(b"\n") + b"\nattributetypes: ( 1.3.6.1.4.1.32473.7.1 NAME 'broken SYNTAX 1.2 )\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The made-up directory's schema."""
    path = tmp_path / "oid-schema.ldif"
    path.write_bytes(SCHEMA)
    return path


def test_people_see_what_changes_and_the_file_is_written(flext: Shell, source: Path, tmp_path: Path) -> None:
    """Warnings with line and fix; remarks on spelling are counted; no error, so exit code 0."""
    out = tmp_path / "99-user.ldif"

    answer = flext("oud", "schema", str(source), "--out", str(out))

    assert answer.code == 0
    assert "has an underscore, which OUD refuses" in " ".join(answer.out.split())
    assert "stands in quotes" not in answer.out
    assert "example_team to example-team" in answer.out
    assert f"written          {out}" in answer.out
    assert read_schema(out).entries == 1
    assert list(tmp_path.glob("*.partial")) == []


def test_every_remark_is_listed_on_request(flext: Shell, source: Path) -> None:
    """--all."""
    assert "stands in quotes" in " ".join(flext("oud", "schema", str(source), "--all").out.split())


def test_programs_get_each_finding(flext: Shell, source: Path) -> None:
    """Counts agree with the list; what was renamed can be looked up."""
    answer = flext("oud", "schema", str(source), "--json").json()

    severities = [finding["severity"] for finding in answer["findings"]]
    counts = [severities.count(severity) for severity in ("error", "warning", "info")]
    assert counts == [answer["errors"], answer["warnings"], answer["infos"]]
    assert counts[0] == 0
    assert answer["renamed"] == {"example_cost_centre": "example-cost-centre", "example_team": "example-team"}
    assert answer["written"] is None
    first = next(one for one in answer["findings"] if one["code"] == "underscore")
    assert (first["kind"], first["name"], first["line"]) == ("attributeType", "example_cost_centre", 72)
    assert first["fix"].startswith("named example-cost-centre")


def test_what_needs_a_person_is_exit_code_2(flext: Shell, source: Path, tmp_path: Path) -> None:
    """The file is written without it, and can be loaded."""
    source.write_bytes(BROKEN)
    out = tmp_path / "99-user.ldif"

    answer = flext("oud", "schema", str(source), "--out", str(out), "--json")

    assert answer.code == 2
    (error,) = [one for one in answer.json()["findings"] if one["severity"] == "error"]
    assert (error["line"], error["code"], error["fix"]) == (139, "syntax", "the definition is left out")
    assert error["reason"].startswith(f"{source.name}:139: attributeType: no closing '")
    assert error["column"] == 46
    assert b"broken" not in out.read_bytes()


def test_the_same_source_gives_the_same_bytes(flext: Shell, source: Path, tmp_path: Path) -> None:
    """Written twice."""
    for name in ("a", "b"):
        flext("oud", "schema", str(source), "--out", str(tmp_path / name))

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_targets_own_schema_is_left_out(flext: Shell, source: Path, tmp_path: Path) -> None:
    """Given to itself, nothing is left."""
    out = tmp_path / "99-user.ldif"
    flext("oud", "schema", str(source), "--out", str(out))

    answer = flext("oud", "schema", str(out), "--owned", str(out), "--json").json()

    assert (answer["attribute_types"], answer["object_classes"], answer["errors"]) == (0, 0, 0)


def test_wrong_records_end_it_or_are_findings(flext: Shell, source: Path) -> None:
    """--lenient goes on."""
    source.write_bytes(b"no record\n\n" + SCHEMA)

    strict = flext("oud", "schema", str(source))
    lenient = flext("oud", "schema", str(source), "--lenient", "--json")

    assert (strict.code, strict.out) == (2, "")
    assert f"{source}:1: " in strict.err
    assert (lenient.code, lenient.json()["errors"]) == (2, 1)


def test_a_missing_file_and_a_folder_that_takes_none_are_told(flext: Shell, source: Path, tmp_path: Path) -> None:
    """In one sentence each; nothing half-written is left."""
    missing = flext("oud", "schema", str(tmp_path / "no.ldif"))
    unwritable = flext("oud", "schema", str(source), "--out", str(tmp_path / "no-folder" / "99-user.ldif"))

    assert "There is no file" in missing.err
    assert "cannot be written" in unwritable.err
    assert 0 not in (missing.code, unwritable.code)
    assert list(tmp_path.glob("**/*.partial")) == []


def test_renames_of_the_rules_apply(flext: Shell, source: Path, tmp_path: Path) -> None:
    """As the migration applies them."""
    rules = tmp_path / "rules.yaml"
    rules.write_text("version: 1\nattributes:\n  rename:\n    exampleRoom: exampleHall\n", encoding="utf-8")

    answer = flext("oud", "schema", str(source), "--rules", str(rules), "--json").json()

    assert answer["renamed"]["exampleroom"].lower() == "examplehall"


def test_it_can_be_sent_as_a_message(flext: Shell, source: Path) -> None:
    """By its name, as every other."""
    answer = flext("send", "oud.ValidateSchema", json.dumps({"schema_file": str(source)}), "--json")

    assert answer.code == 0
    assert answer.json()["definitions"] > 40
