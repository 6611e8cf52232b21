"""A Meltano project of script plugins, run through its Dagster assets on a real instance: nothing is played here."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster import ExecuteInProcessResult

from flext_pipelines.assets.location import build_definitions
from flext_pipelines.commands import data, pipelines, registry
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.warehouse.connect import Warehouse
from flext_pipelines.meltano.introspection import read_catalogue
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.location import ETL_JOB
from flext_pipelines.settings import Settings
from tests.meltano.projects import loaded, tap, target, write_project

pytestmark = pytest.mark.process


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home of this test, and the project that each test writes."""
    return Settings(home=tmp_path / "home", actor="tester", meltano_project_root=tmp_path / "project")


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """The instance that the generated ``dagster.yaml`` makes."""
    with open_instance(settings) as made:
        yield made


def _write(settings: Settings, annotations: dict[str, object] | None = None, **config: object) -> None:
    root = settings.meltano_project_root
    root.mkdir(parents=True, exist_ok=True)
    write_project(
        root,
        plugins={
            "extractors": [
                {**tap(root, "tap-shop", True, streams="orders,items", **config), "select": ["orders.*", "items.*"]}
            ],
            "loaders": [target(root, "target-files")],
        },
        jobs=[{"name": "daily", "tasks": ["tap-shop target-files"], "annotations": {"flext": annotations or {}}}],
    )


def _run(instance: dg.DagsterInstance, settings: Settings, *streams: str, **more: object) -> ExecuteInProcessResult:
    project = MeltanoProject.from_settings(settings)
    runner = MeltanoRunner.from_settings(settings)
    bus = Bus(registry.collect([pipelines]), ports=Ports({"meltano": port(runner)}))
    definitions = build_definitions(read_catalogue(project), project=project, bus=bus)
    selection: Sequence[dg.AssetKey] | None = [dg.AssetKey(["daily", stream]) for stream in streams] or None
    return definitions.resolve_job_def("daily").execute_in_process(
        instance=instance,
        asset_selection=selection,
        raise_on_error=False,
        **more,  # type: ignore[arg-type]  # passed on
    )


def _moved(result: ExecuteInProcessResult) -> dict[str, tuple[object, ...]]:
    """Rows extracted and loaded, and the bookmark before and after, by stream."""
    found: dict[str, tuple[object, ...]] = {}
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        values = {key: value.value for key, value in materialization.metadata.items()}
        names = ("rows_extracted", "rows_loaded", "bookmark_before", "bookmark_after")
        found[materialization.asset_key.path[-1]] = tuple(values.get(name) for name in names)
    return found


def test_a_second_run_moves_only_what_is_new(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Counts and bookmarks of both runs are on the assets; the raw lines are no events."""
    _write(settings, rows=4)
    first = _run(instance, settings)
    _write(settings, rows=6)

    second = _run(instance, settings)

    assert _moved(first) == {"orders": (4, 4, None, "4"), "items": (4, 4, None, "4")}
    assert _moved(second) == {"orders": (2, 2, "4", "6"), "items": (2, 2, "4", "6")}
    assert loaded(settings.meltano_project_root) == [1, 2, 3, 4, 5, 6]
    lines = [entry.user_message for entry in instance.all_logs(second.run_id) if not entry.is_dagster_event]
    assert len(lines) < 15
    assert not [line for line in lines if "record_count" in line]


def test_a_stream_that_fails_leaves_the_others_recorded_and_a_rerun_completes_it(
    instance: dg.DagsterInstance, settings: Settings
) -> None:
    """`orders` alone, then both with a source that refuses `items`, then the repaired source."""
    _write(settings, rows=5)
    alone = _run(instance, settings, "orders")
    _write(settings, rows=5, fail_at=3)
    broken = _run(instance, settings)
    _write(settings, rows=5)

    repaired = _run(instance, settings)

    assert _moved(alone) == {"orders": (5, 5, None, "5")}
    assert not broken.success
    assert {*_moved(broken)} == {"orders"}
    failure = next(event for event in broken.all_events if event.is_step_failure).step_failure_data.user_failure_data
    assert failure is not None
    assert "the ledger is closed" in (failure.description or "")
    assert repaired.success
    assert loaded(settings.meltano_project_root, "items") == [1, 2, 3, 4, 5]
    assert loaded(settings.meltano_project_root, "orders") == [1, 2, 3, 4, 5]


def test_each_partition_has_a_bookmark_of_its_own(instance: dg.DagsterInstance, settings: Settings) -> None:
    """North is loaded to row 3; south starts from the beginning all the same, and the tap is told which it is."""
    _write(settings, {"partitions": {"kind": "static", "keys": ["north", "south"]}}, rows=3)

    north = _run(instance, settings, partition_key="north")
    south = _run(instance, settings, partition_key="south")

    assert _moved(north)["orders"] == (3, 3, None, "3")
    assert _moved(south)["orders"] == (3, 3, None, "3")
    ids = [
        event.step_materialization_data.materialization.metadata["flext/state_id"].value
        for result in (north, south)
        for event in result.get_asset_materialization_events()
    ]
    assert {*ids} == {"dev:tap-shop-to-target-files:north", "dev:tap-shop-to-target-files:south"}


def _etl(instance: dg.DagsterInstance, settings: Settings) -> ExecuteInProcessResult:
    """Extract incrementally, validate, leave one row out, load by key."""
    ports = {
        "meltano": port(MeltanoRunner.from_settings(settings)),
        "landing": port(LandingZone(settings.landing)),
        "warehouse": port(Warehouse(settings.warehouse)),
    }
    messages: dict[str, dict[str, object]] = {
        "extract": {"source_name": "tap-shop", "table_name": "orders", "extract_mode": "incremental"},
        "validate": {"contract": {"columns": {"id": {"unique": True}}}},
        "transform": {"output_destination": "orders_kept", "rules": [{"kind": "filter", "condition": "id <> 2"}]},
        "load": {"target_table": "shop.orders", "load_mode": "upsert", "merge_keys": ["id"]},
    }
    bus = Bus(registry.collect([data, pipelines]), ports=Ports(ports))
    project = MeltanoProject.from_settings(settings)
    job = build_definitions(read_catalogue(project), project=project, bus=bus).resolve_job_def(ETL_JOB)
    config = {"ops": {op: {"config": fields} for op, fields in messages.items()}}
    return job.execute_in_process(instance=instance, run_config=config, raise_on_error=False)


def test_etl_moves_rows_of_a_real_tap(instance: dg.DagsterInstance, settings: Settings) -> None:
    """From bookmark to bookmark into the warehouse; the tap's log is in the compute log, its records are not."""
    _write(settings, rows=3)
    first = _etl(instance, settings)
    _write(settings, rows=5)

    second = _etl(instance, settings)

    assert first.success, first.all_events
    assert second.success, second.all_events
    file = settings.warehouse.get_secret_value().removeprefix("duckdb:///")
    with duckdb.connect(file, read_only=True) as warehouse:
        assert warehouse.execute("SELECT id FROM shop.orders ORDER BY id").fetchall() == [(1,), (3,), (4,), (5,)]
    captured = next(event for event in second.all_events if event.event_type_value == "LOGS_CAPTURED")
    key = [second.run_id, "compute_logs", captured.logs_captured_data.file_key]
    raw = (instance.compute_log_manager.get_log_data(key).stdout or b"").decode()
    assert "Beginning incremental sync" in raw
    assert '"RECORD"' not in raw
