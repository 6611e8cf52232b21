"""The messages on data: as a chain through a bus, on a tap that says what it is told."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from pydantic import SecretStr

from flext_pipelines.commands import data
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.data.datasets import (
    GetDatasetQuery,
    ListDatasetsQuery,
    PruneDatasetCommand,
    SweepLandingCommand,
)
from flext_pipelines.commands.data.extraction import ExtractDataCommand
from flext_pipelines.commands.data.loading import LoadDataCommand
from flext_pipelines.commands.data.transformation import TransformDataCommand
from flext_pipelines.commands.data.validation import ValidateDataCommand
from flext_pipelines.commands.message import Command, Context
from flext_pipelines.commands.registry import collect, dump_result, json_schema, load_result, parse
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.warehouse.connect import Warehouse
from flext_pipelines.errors import ContractBrokenError, ExtractFailedError, InvalidMessageError
from tests.data.samples import record, schema, state

if TYPE_CHECKING:
    from pathlib import Path

    from flext_pipelines.values import Progress

SPECS = collect([data])


class ScriptedTaps:
    """The part of the port `meltano` that extraction uses, with fixed lines. Not a Meltano."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.lines = list(lines)
        self.asked: list[dict[str, Any]] = []
        self.fails = False

    def extract(self, tap: str, stream: str, **asked: Any) -> Generator[bytes, None, None]:
        """Give the lines."""
        self.asked.append({"tap": tap, "stream": stream, **asked})
        yield from self.lines
        if self.fails:
            message = "the tap was killed"
            raise ExtractFailedError(message)


@pytest.fixture
def taps() -> ScriptedTaps:
    """A tap of three orders."""
    rows = [record(id=n, status="new", amount=f"{n}.50", updated=f"2026-01-0{n}T00:00:00Z") for n in (1, 2, 3)]
    return ScriptedTaps([schema(), *rows, state("2026-01-03")])


@pytest.fixture
def bus(tmp_path: Path, taps: ScriptedTaps) -> Bus:
    """A bus of the data messages alone."""
    ports = {
        "landing": port(LandingZone(tmp_path / "landing")),
        "warehouse": port(Warehouse(SecretStr(f"duckdb:///{tmp_path / 'warehouse.duckdb'}"))),
        "meltano": port(taps),
    }
    return Bus(SPECS, ports=Ports(ports))


def test_the_four_make_a_chain(bus: Bus, tmp_path: Path) -> None:
    """Each answer's reference is what the next message takes, and the rows end in the warehouse."""
    seen: list[Progress] = []
    context = Context(actor="tester", on_progress=seen.append)

    extracted = bus.send(ExtractDataCommand(source_name="tap-x", table_name="orders"), context).unwrap()
    contract = {"columns": {"id": {"required": True, "unique": True}, "amount": {"range": {"min": 1}}}}
    validated = bus.send(
        ValidateDataCommand.model_validate({"dataset": extracted.reference, "contract": contract})
    ).unwrap()
    rules = [{"kind": "calculation", "column": "twice", "expression": "amount * 2"}]
    transformed = bus.send(
        TransformDataCommand.model_validate(
            {"input_source": validated.reference, "output_destination": "mart", "rules": rules}
        )
    ).unwrap()
    loaded = bus.send(LoadDataCommand(source_data=transformed.reference, target_table="main.mart"), context).unwrap()

    assert extracted.reference.dataset == "tap-x.orders"
    assert (extracted.rows, validated.rows, transformed.rows_out, loaded.rows_in_table) == (3, 3, 3, 3)
    assert {progress.side for progress in seen} == {"extracted", "loaded"}
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as warehouse:
        assert [float(row[0]) for row in warehouse.sql("SELECT twice FROM mart ORDER BY id").fetchall()] == [3, 5, 7]


def test_a_broken_contract_stops_the_chain_with_the_rows(bus: Bus) -> None:
    """The error of a broken contract carries the report and the place of the failing rows."""
    extracted = bus.send(ExtractDataCommand(source_name="tap-x", table_name="orders")).unwrap()
    command = ValidateDataCommand.model_validate(
        {"dataset": extracted.reference, "contract": {"columns": {"id": {"range": {"min": 2}}}}}
    )

    error = bus.send(command).error

    assert isinstance(error, ContractBrokenError)
    failing = str(error.details["failing"])
    kept = bus.send(GetDatasetQuery(dataset=failing.partition("@")[0], verify=True)).unwrap()
    assert kept.rows == 1
    json.dumps(error.details)


def test_a_contract_may_stand_in_a_file(bus: Bus, tmp_path: Path) -> None:
    """A contract file is read, and named in the report."""
    (tmp_path / "orders.yml").write_text("columns: {id: {required: true}}")
    reference = bus.send(ExtractDataCommand(source_name="tap-x", table_name="orders")).unwrap().reference

    report = bus.send(ValidateDataCommand(dataset=reference, contract_file=str(tmp_path / "orders.yml"))).unwrap()

    assert (report.contract, report.passed) == ("orders.yml", True)


def test_extraction_tells_the_tap_what_it_needs(bus: Bus, taps: ScriptedTaps) -> None:
    """Stream, environment, state and replication key reach the tap; conditions stay with us."""
    command = ExtractDataCommand.model_validate(
        {
            "source_name": "tap-x",
            "table_name": "orders",
            "extract_mode": "incremental",
            "environment": "prod",
            "last_updated_column": "updated",
            "watermark_value": "2025-12-31",
            "start": "2026-01-02",
            "partitions": {"id": [2, 3]},
            "where": [{"column": "status", "value": "new"}],
        }
    )

    extracted = bus.send(command, Context(actor="tester", dagster_run_id="run-1")).unwrap()

    assert extracted.rows == 2
    asked = taps.asked[0]
    assert (asked["tap"], asked["stream"], asked["environment"]) == ("tap-x", "orders", "prod")
    assert (asked["replication_key"], asked["full_table"]) == ("updated", False)
    assert callable(asked["echo"])
    assert asked["state"]["bookmarks"]["orders"]["replication_key_value"] == "2025-12-31"


def test_a_failed_tap_leaves_the_landing_zone_as_it_was(bus: Bus, taps: ScriptedTaps) -> None:
    """After a failure there is no version, and the rerun has every row."""
    taps.fails = True
    command = ExtractDataCommand(source_name="tap-x", table_name="orders", extract_mode="incremental")

    assert isinstance(bus.send(command).error, ExtractFailedError)
    assert bus.send(ListDatasetsQuery()).unwrap() == ()
    taps.fails = False
    assert bus.send(command).unwrap().rows == 3


def test_datasets_are_listed_and_pruned(bus: Bus) -> None:
    """The list names the latest version; pruning removes the older ones."""
    for _ in range(3):
        bus.send(ExtractDataCommand(source_name="tap-x", table_name="orders")).unwrap()

    listed = bus.send(ListDatasetsQuery()).unwrap()
    removed = bus.send(PruneDatasetCommand(dataset="tap-x.orders", keep=1)).unwrap()

    assert [(one.dataset, one.versions, one.rows, one.watermark) for one in listed] == [
        ("tap-x.orders", 3, 3, "2026-01-03")
    ]
    assert len(removed.removed) == 2
    assert bus.send(SweepLandingCommand()).unwrap().removed == ()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_long_work_is_performed_in_a_run_and_every_field_is_described(spec: Any) -> None:
    """The four of the chain are Dagster runs; every field of every message says what it is."""
    chain = {"data.ExtractData", "data.ValidateData", "data.TransformData", "data.LoadData"}
    if issubclass(spec.type, Command):
        assert spec.type.performed_in_run is (spec.name in chain)

    assert spec.summary
    assert all(field.description for field in spec.type.model_fields.values())
    assert json_schema(spec)["type"] == "object"


def test_results_survive_json(bus: Bus) -> None:
    """An answer that was kept as JSON for its key is the same answer again."""
    spec = next(spec for spec in SPECS if spec.name == "data.ExtractData")
    extracted = bus.send(ExtractDataCommand(source_name="tap-x", table_name="orders")).unwrap()

    assert load_result(spec, dump_result(spec, extracted)) == extracted


@pytest.mark.parametrize(
    ("name", "payload", "path"),
    [
        ("ExtractData", {"source_name": "t", "table_name": "s", "start": "2026-01-01"}, "(the whole message)"),
        ("ExtractData", {"source_name": "t", "table_name": "s", "batch_size": 100_001}, "batch_size"),
        ("ExtractData", {"source_name": "t", "table_name": "s", "where": [{"column": "a"}]}, "where.0"),
        ("ExtractData", {"source_name": "t", "table_name": "s", "where": "a = 1"}, "where"),
        ("ExtractData", {"source_name": "t", "table_name": "s", "watermark_value": "1"}, "(the whole message)"),
        ("ValidateData", {"dataset": "orders"}, "(the whole message)"),
        ("ValidateData", {"dataset": "../x", "contract_file": "c"}, "dataset.dataset"),
        ("TransformData", {"input_source": "o", "output_destination": "x", "rules": [{"kind": "x"}]}, "rules.0"),
        (
            "TransformData",
            {"input_source": "o", "output_destination": "x", "rules": [], "max_workers": 17},
            "max_workers",
        ),
        ("LoadData", {"source_data": "o", "target_table": "t", "load_mode": "replace"}, "load_mode"),
    ],
)
def test_wrong_messages_name_the_field(name: str, payload: dict[str, Any], path: str) -> None:
    """A message that does not validate says which field is wrong."""
    spec = next(spec for spec in SPECS if spec.name == f"data.{name}")

    with pytest.raises(InvalidMessageError) as wrong:
        parse(spec, payload)

    assert wrong.value.details["problems"][0]["path"] == path  # type: ignore[index]  # a list of mappings


@pytest.mark.parametrize(
    "text", ["orders", "orders@000003-full-20260101T000000Z", "table:main.orders", "file:/a/b.parquet"]
)
def test_a_reference_may_be_written_as_text(text: str) -> None:
    """Data are named by a short text in any message."""
    command = LoadDataCommand.model_validate({"source_data": text, "target_table": "t"})

    assert str(command.source_data) == text


@pytest.mark.parametrize("url", ["postgresql://u:hunter2@h/d", "postgresql://u@h/d?sslmode=require&password=hunter2"])
def test_a_password_is_refused_before_it_is_stored(url: str) -> None:
    """Run config is plain text: a message whose URL holds a password is none, and the error does not repeat it."""
    (spec,) = [spec for spec in SPECS if spec.type is LoadDataCommand]

    with pytest.raises(InvalidMessageError, match="target_connection") as refused:
        parse(spec, {"source_data": "orders", "target_table": "orders", "target_connection": url})

    assert "hunter2" not in str(refused.value) + str(refused.value.details)
