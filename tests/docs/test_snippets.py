"""Python, YAML and SQL of the pages: all of it can be read, what says what it is is valid, and some of it runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pydantic import TypeAdapter

from flext_pipelines.assets.data import STAGES
from flext_pipelines.assets.partitions import partitions_definition
from flext_pipelines.assets.transforms import read_mart
from flext_pipelines.bootstrap import build_bus
from flext_pipelines.cli.options import JsonParam
from flext_pipelines.commands import registry
from flext_pipelines.commands.data.transformation import TransformDataCommand
from flext_pipelines.data.contract_file import parse_contract
from flext_pipelines.data.rules import Rule
from flext_pipelines.meltano.catalogue import Partitions
from flext_pipelines.meltano.project_files import read_project_files
from flext_pipelines.meltano.project_schema import violations
from flext_pipelines.settings import Settings
from tests.docs.pages import Block, page, pages

ANNOTATIONS = {
    *("description", "partitions", "retries", "retry_seconds", "freshness", "owners", "tags"),
    *("timezone", "enabled"),
}
"""What a project may say under ``annotations: {flext: ...}``: of jobs, then of schedules."""


def blocks(*languages: str, word: str | None = None) -> list[Any]:
    """Blocks of all pages as parameters, named by their place."""
    found = [block for one in pages() for block in one.blocks(*languages)]
    return [pytest.param(block, id=block.place) for block in found if word is None or block.word == word]


def is_project(block: Block) -> bool:
    """Whether this YAML is a part of a meltano.yml."""
    value = yaml.safe_load(block.text)
    return isinstance(value, dict) and bool(value.keys() & {"plugins", "jobs", "schedules"})


@pytest.mark.parametrize("block", blocks("python"))
def test_python_can_be_compiled(block: Block) -> None:
    """With no name that is never bound."""
    assert ast.parse(block.text, block.place).body


@pytest.mark.parametrize("block", [*blocks("python", word="runs"), page("README.md").blocks("python")[0]])
def test_python_that_is_said_to_run_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty home, as a newcomer has it."""
    monkeypatch.setenv("FLEXT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "snippet"}

    exec(compile(block.text, block.place, "exec"), names)

    names["bus"].close()


def test_the_python_step_of_the_how_to_is_one() -> None:
    """A DataFrame in, a DataFrame with the new column out."""
    block = next(block for block in page("docs/how-to.md").blocks("python") if "add_region" in block.text)
    names: dict[str, Any] = {}
    exec(compile(block.text, block.place, "exec"), names)

    frame = names["add_region"](pd.DataFrame({"facility": ["DC1", "DC9"]}), default="unknown")

    assert list(frame["region"]) == ["north", "unknown"]


@pytest.mark.parametrize("block", blocks("yaml", "json"))
def test_yaml_can_be_read(block: Block) -> None:
    """And holds something."""
    assert yaml.safe_load(block.text)


@pytest.mark.parametrize("block", [one for one in blocks("yaml") if is_project(one.values[0])])
def test_parts_of_a_meltano_project_are_as_meltano_wants_them(block: Block, tmp_path: Path) -> None:
    """By Meltano's own schema; what we add stands under our annotations, and is known there.

    A plugin's page may show capabilities that Meltano takes and its schema does not list.
    """
    (tmp_path / "meltano.yml").write_text(block.text, encoding="utf-8")

    found = [
        one for one in violations(read_project_files(tmp_path)) if one.structural or block.place.startswith("docs/")
    ]

    assert [one.problem for one in found] == []
    for said in _annotations(yaml.safe_load(block.text)):
        assert said.keys() <= ANNOTATIONS
        if "partitions" in said:
            plain = {
                name: str(value) if name in {"start", "end"} else value for name, value in said["partitions"].items()
            }
            assert partitions_definition(Partitions.model_validate(plain)) is not None


def _annotations(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "annotations" in value:
            yield value["annotations"]["flext"]
        for inner in value.values():
            yield from _annotations(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _annotations(inner)


def test_contracts_are_contracts() -> None:
    """Of the how-to, and both of the tutorial."""
    found = [
        block
        for one in pages()
        for block in one.blocks("yaml")
        if block.word == "contract" or block.rest.startswith("meltano/contracts/")
    ]

    assert len(found) == 3
    for block in found:
        assert parse_contract(block.text, block.place).columns


@pytest.mark.parametrize("block", blocks("yaml", word="rules"))
def test_rules_are_rules(block: Block, tmp_path: Path) -> None:
    """Read from a file as the command line reads `@rules.yml`."""
    assert TypeAdapter(tuple[Rule, ...]).validate_python(_read(block, tmp_path))


def _read(block: Block, folder: Path) -> Any:
    file = folder / "rules.yml"
    file.write_text(block.text, encoding="utf-8")
    return JsonParam().convert(f"@{file}", None, None)


def test_the_rules_of_the_how_to_work(settings: Settings, tmp_path: Path) -> None:
    """On orders and facilities like those of the sample: shipped ones go, and a facility's code comes."""
    day = pd.Timestamp("2026-01-05")
    orders: dict[str, list[Any]] = {
        "id": [1, 2], "facility_id": [7, 7], "cust_name": ["A", "B"], "priority": [1, 2], "status_id": [10, 90],
        "ord_date": [day, day], "mod_ts": [day + pd.Timedelta(days=3)] * 2, "order_shipped_ts": [None, day],
    }  # fmt: skip
    pq.write_table(pa.table(orders), tmp_path / "orders.parquet")
    pq.write_table(pa.table({"id": [7], "code": ["DC1"]}), tmp_path / "facility.parquet")
    rules = _read(page("docs/how-to.md").blocks("yaml")[_first_rules()], tmp_path)
    bus = build_bus(settings)

    for source, target, applied in (("facility", "tap-wms.facility", []), ("orders", "waiting", rules)):
        values: dict[str, Any] = {
            "input_source": f"file:{tmp_path / source}.parquet",
            "output_destination": target,
            "rules": applied,
        }
        answer = bus.send(TransformDataCommand.model_validate(values)).unwrap()
    bus.close()

    rows = [row for file in settings.landing.glob("waiting/*/*.parquet") for row in pq.read_table(file).to_pylist()]
    assert [(row["customer"], row["days_waiting"], row["facility"]) for row in rows] == [("A", 3, "DC1")]
    assert (answer.rows_in, answer.rows_out, answer.filtered) == (2, 1, 1)


def _first_rules() -> int:
    return next(number for number, block in enumerate(page("docs/how-to.md").blocks("yaml")) if block.word == "rules")


def test_the_run_config_of_the_job_etl_is_four_messages() -> None:
    """What an op takes from the one before is the only thing that it lacks."""
    block = next(block for block in page("docs/how-to.md").blocks("yaml") if block.word == "run config")
    ops = yaml.safe_load(block.text)["ops"]

    assert list(ops) == [stage.op for stage in STAGES]
    for stage in STAGES:
        given = {stage.takes: "before"} if stage.takes else {}
        spec = registry.find(registry.all_specs(), stage.message)
        assert registry.parse(spec, cast("dict[str, object]", {**ops[stage.op]["config"], **given}))


@pytest.mark.parametrize("block", blocks("sql"))
def test_sql_is_a_mart(block: Block, tmp_path: Path) -> None:
    """Its head can be read, and it names what it reads."""
    file = tmp_path / Path(block.rest).name
    file.write_text(block.text, encoding="utf-8")

    assert read_mart(file).deps
