"""The job `etl`, contracts and marts, on a real landing zone and a real DuckDB warehouse."""

import json
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster import ExecuteInProcessResult

from flext_pipelines.assets.location import build_definitions
from flext_pipelines.assets.transforms import read_mart, read_marts
from flext_pipelines.commands import data, registry
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.warehouse.connect import Warehouse
from flext_pipelines.errors import ConfigError
from flext_pipelines.meltano.catalogue import Pipeline, ProjectCatalogue
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.runs.location import ETL_JOB
from flext_pipelines.settings import Settings
from tests.assets.catalogues import catalogue, el
from tests.assets.runner import Runner, run, stream

ROWS = ((1, "open"), (2, "shut"), (3, "open"))


class Tap:
    """A tap of three orders, where `extract` asks the gateway to run one."""

    def extract(self, tap: str, stream: str, **_: object) -> Generator[bytes, None, None]:
        """Singer lines."""
        properties = {"id": {"type": "integer"}, "status": {"type": "string"}}
        schema = {"type": "object", "properties": properties}
        yield json.dumps({"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]}).encode()
        for number, status in ROWS:
            yield json.dumps({"type": "RECORD", "stream": stream, "record": {"id": number, "status": status}}).encode()


@pytest.fixture
def bus(settings: Settings) -> Bus:
    """A bus that knows the data messages and, played, pipelines."""
    settings.home.mkdir(parents=True)
    ports = Ports(
        {
            "landing": port(LandingZone(settings.landing)),
            "warehouse": port(Warehouse(settings.warehouse)),
            "meltano": port(Tap()),
        }
    )
    played = Runner([run(stream("orders", table="shop.orders"), stream("items", table="shop.items"))]).bus()
    return Bus([*registry.collect([data]), *played.specs.values()], ports=ports)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A folder for contracts and SQL files."""
    root = tmp_path / "project"
    (root / "transforms").mkdir(parents=True)
    (root / "contracts").mkdir()
    (root / "meltano.yml").write_text("version: 1\n")
    return MeltanoProject.from_settings(Settings(home=tmp_path / "home", meltano_project_root=root))


SHOP: ProjectCatalogue = catalogue(Pipeline(name="daily", blocks=(el(),)))


def _run(
    definitions: dg.Definitions, job: str, instance: dg.DagsterInstance, config: Mapping[str, object] | None = None
) -> ExecuteInProcessResult:
    return definitions.resolve_job_def(job).execute_in_process(
        run_config=dict(config or {}), instance=instance, raise_on_error=False
    )


def _rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    file = settings.warehouse.get_secret_value().removeprefix("duckdb:///")
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute(query).fetchall()


def _etl_config(**contract: object) -> dict[str, object]:
    messages = {
        "extract": {"source_name": "tap-shop", "table_name": "orders"},
        "validate": {"contract": {"columns": {"id": {"unique": True}, "status": contract or {"required": True}}}},
        "transform": {
            "output_destination": "open_orders",
            "rules": [{"kind": "sql", "query": "SELECT id FROM input WHERE status = 'open'"}],
        },
        "load": {"target_table": "shop.open_orders", "load_mode": "upsert", "merge_keys": ["id"]},
    }
    return {"ops": {op: {"config": config} for op, config in messages.items()}}


def test_etl_hands_the_data_from_message_to_message(bus: Bus, settings: Settings, instance: dg.DagsterInstance) -> None:
    """The config names the data once; the table ends with the rows that the transform kept."""
    result = _run(build_definitions(catalogue(), bus=bus), ETL_JOB, instance, _etl_config())

    assert result.success, result.all_events
    assert _rows(settings, "SELECT id FROM shop.open_orders ORDER BY id") == [(1,), (3,)]
    landed, loaded = (
        event.step_materialization_data.materialization for event in result.get_asset_materialization_events()
    )
    assert landed.asset_key == dg.AssetKey(["landing", "tap-shop.orders"])
    assert (landed.metadata["flext/stream"].value, landed.metadata["rows_extracted"].value) == ("orders", 3)
    assert loaded.asset_key == dg.AssetKey(["shop", "open_orders"])
    assert loaded.metadata["flext/stream"].value == "orders"
    assert (loaded.metadata["rows_loaded"].value, loaded.metadata["dagster/row_count"].value) == (2, 2)


def test_data_that_break_their_contract_go_no_further(bus: Bus, instance: dg.DagsterInstance) -> None:
    """Validation ends the run; nothing is transformed or loaded."""
    config = _etl_config(enum=["open"])

    result = _run(build_definitions(catalogue(), bus=bus), ETL_JOB, instance, config)

    assert not result.success
    assert [event.step_key for event in result.all_events if event.is_step_failure] == ["validate"]
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [
        dg.AssetKey(["landing", "tap-shop.orders"])
    ]


def _warehouse_with_orders(settings: Settings) -> None:
    file = settings.warehouse.get_secret_value().removeprefix("duckdb:///")
    with duckdb.connect(file) as connection:
        connection.execute("CREATE SCHEMA shop; CREATE TABLE shop.orders (id BIGINT, status VARCHAR)")
        connection.executemany("INSERT INTO shop.orders VALUES (?, ?)", [[*row] for row in ROWS])


def test_a_contract_beside_the_project_is_a_check_of_its_stream(
    bus: Bus, settings: Settings, instance: dg.DagsterInstance, project: MeltanoProject
) -> None:
    """The check runs after the load and says how many rows break which promise."""
    _warehouse_with_orders(settings)
    (project.root / "contracts" / "orders.yml").write_text("columns:\n  status: {enum: [open]}\n")

    result = _run(build_definitions(SHOP, project=project, bus=bus), "daily", instance)

    (broken,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "contract"]
    assert (broken.passed, broken.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert broken.metadata["failing_rows"].value == 1
    assert broken.metadata["rows"].value == 3
    assert "orders.yml" in (broken.description or "")


def test_a_contract_that_is_kept_passes(
    bus: Bus, settings: Settings, instance: dg.DagsterInstance, project: MeltanoProject
) -> None:
    """A contract with the asset's namespace wins over one with its bare name."""
    _warehouse_with_orders(settings)
    (project.root / "contracts" / "orders.yml").write_text("columns:\n  status: {enum: [never]}\n")
    (project.root / "contracts" / "shop").mkdir()
    (project.root / "contracts" / "shop" / "orders.yml").write_text("columns:\n  status: {enum: [open, shut]}\n")

    result = _run(build_definitions(SHOP, project=project, bus=bus), "daily", instance)

    assert [one.passed for one in result.get_asset_check_evaluations() if one.check_name == "contract"] == [True]


def test_a_sql_file_is_a_table_at_the_end_of_its_pipeline(
    bus: Bus, settings: Settings, instance: dg.DagsterInstance, project: MeltanoProject
) -> None:
    """It reads what the streams loaded, and its own table replaces the old one."""
    _warehouse_with_orders(settings)
    (project.root / "transforms" / "states.sql").write_text(
        "-- name: marts/states\n-- deps: o = shop/orders\n-- pipeline: daily\n"
        "SELECT status, count(*) AS orders FROM o GROUP BY status\n"
    )
    definitions = build_definitions(SHOP, project=project, bus=bus)

    first = _run(definitions, "daily", instance)
    second = _run(definitions, "daily", instance)

    assert first.success
    assert second.success
    assert sorted(_rows(settings, "SELECT * FROM marts.states")) == [("open", 2), ("shut", 1)]
    marts = [
        event.step_materialization_data.materialization
        for event in second.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey(["marts", "states"])
    ]
    assert [mart.metadata["dagster/row_count"].value for mart in marts] == [2]
    assert definitions.resolve_asset_graph().get(dg.AssetKey(["marts", "states"])).parent_keys == {
        dg.AssetKey(["shop", "orders"])
    }


def test_a_sql_file_says_all_of_itself_in_its_head(tmp_path: Path) -> None:
    """Name, names of what it reads, table, mode, keys, pipeline; everything has a default but the deps."""
    file = tmp_path / "open.sql"
    file.write_text("-- deps: wms/order_hdr, l = wms/order_dtl\n-- mode: upsert\n-- keys: id, line\n\nSELECT 1\n")

    mart = read_mart(file)

    assert (mart.path, mart.table, mart.mode, mart.keys) == (("marts", "open"), "marts.open", "upsert", ("id", "line"))
    assert mart.deps == {"order_hdr": ("wms", "order_hdr"), "l": ("wms", "order_dtl")}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-- deps: a/b\n-- pipline: daily\nSELECT 1\n", "open.sql, line 2: 'pipline' is none of"),
        ("SELECT 1\n", "it has no deps"),
        ("-- deps: a/b\n", "there is no query"),
        ("-- deps: a b\nSELECT 1\n", "'a b' is no asset key"),
    ],
)
def test_a_head_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    """The error names file and line."""
    (tmp_path / "transforms").mkdir()
    (tmp_path / "transforms" / "open.sql").write_text(text)

    with pytest.raises(ConfigError) as refused:
        read_marts(tmp_path)

    assert told in str(refused.value)


def test_a_mart_of_an_unknown_pipeline_is_refused(project: MeltanoProject, bus: Bus) -> None:
    """It would never be made, and nobody would notice."""
    (project.root / "transforms" / "a.sql").write_text("-- deps: shop/orders\n-- pipeline: gone\nSELECT 1\n")

    with pytest.raises(ConfigError, match="no pipeline 'gone'"):
        build_definitions(SHOP, project=project, bus=bus)
