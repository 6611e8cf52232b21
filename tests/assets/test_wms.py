"""The sync of Oracle WMS Cloud as Dagster sees it: assets, freshness, partitions, and the marts with their pictures."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import matplotlib.image
import pytest

from flext_pipelines.assets.blocks import BlockPlan
from flext_pipelines.assets.bus import BUS
from flext_pipelines.assets.location import load_definitions
from flext_pipelines.assets.pipelines import freshness_by_stream
from flext_pipelines.assets.transforms import PLOT, Mart, mart_asset, read_marts
from flext_pipelines.bootstrap import build_bus
from flext_pipelines.errors import ConfigError
from flext_pipelines.meltano.catalogue import Pipeline
from flext_pipelines.runs.location import Meta, tap_pool
from flext_pipelines.settings import Settings
from tests.assets.catalogues import el

PROJECT = Path(__file__).parents[2] / "meltano"
MARTS = {mart.path[-1]: mart for mart in read_marts(PROJECT)}
ENTITIES = ("allocation", "order_hdr", "order_dtl", "item", "location", "inventory", "ib_shipment", "ob_shipment")


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    """The code location of the default project."""
    home = tmp_path_factory.mktemp("home")
    return load_definitions(Settings(home=home, actor="tester", meltano_project_root=PROJECT))


def _spec(definitions: dg.Definitions, *path: str) -> Any:
    return definitions.resolve_asset_graph().get(dg.AssetKey(path))


def test_every_entity_is_an_asset_cut_by_facility(definitions: dg.Definitions) -> None:
    """The incremental pipeline fills one facility a run; the full one fills all of them at once."""
    for entity in ENTITIES:
        facilities = _spec(definitions, "oic", entity).partitions_def
        assert isinstance(facilities, dg.StaticPartitionsDefinition)
        assert list(facilities.get_partition_keys()) == ["DC01", "DC02", "DC03"]
        assert _spec(definitions, "wms-full", entity).partitions_def is None


@pytest.mark.parametrize(
    ("entity", "window"),
    [
        ("allocation", timedelta(hours=2)),
        ("inventory", timedelta(hours=2)),
        ("order_hdr", timedelta(hours=24)),
        ("item", timedelta(days=7)),
        ("location", timedelta(days=7)),
    ],
)
def test_an_entity_is_stale_after_its_own_time(definitions: dg.Definitions, entity: str, window: timedelta) -> None:
    """What moves fast two hours, orders a day, master data a week."""
    policy = _spec(definitions, "oic", entity).freshness_policy

    assert policy == dg.FreshnessPolicy.time_window(fail_window=window)


def test_full_and_incremental_take_turns(definitions: dg.Definitions) -> None:
    """Both are in one pool, or a full read that ends late would bring back rows that have changed since."""
    pools = {
        made.op.pool
        for made in definitions.resolve_asset_graph().assets_defs
        if made.is_executable and made.keys & {dg.AssetKey(["oic", "item"]), dg.AssetKey(["wms-full", "item"])}
    }

    assert pools == {tap_pool("oracle-wms")}


def test_it_runs_every_two_hours_and_every_week(definitions: dg.Definitions) -> None:
    """As the schedules of the project say."""
    schedules = definitions.schedules or []
    crons = {one.name: one.cron_schedule for one in schedules if isinstance(one, dg.ScheduleDefinition)}

    assert crons["wms_incremental_every_2_hours"] == "0 */2 * * *"
    assert crons["wms_full_weekly"] == "0 0 * * 0"


TABLES: Mapping[str, tuple[str, Sequence[tuple[object, ...]]]] = {
    "item": (
        "id BIGINT, code VARCHAR, description VARCHAR, unit_cost DECIMAL(38,12)",
        [(1, "A", "lamp", "2.5"), (2, "B", "pump", None)],
    ),
    "inventory": (
        """id BIGINT, facility_key VARCHAR, item_id BIGINT, item_key VARCHAR, curr_qty DECIMAL(38,12),
        expiry_date TIMESTAMP, create_ts TIMESTAMPTZ, mod_ts TIMESTAMPTZ""",
        [
            (1, "DC01", 1, "A", 100, None, "2026-01-01 00:00:00+00", "2026-01-01 00:00:00+00"),
            (2, "DC01", 1, "A", 20, "2026-06-01", "2026-05-01 00:00:00+00", "2026-06-10 00:00:00+00"),
            (3, "DC02", 2, "B", 7, None, "2026-06-09 00:00:00+00", "2026-06-09 00:00:00+00"),
            (4, "DC02", 2, "B", 0, None, "2026-06-09 00:00:00+00", "2026-06-09 00:00:00+00"),
        ],
    ),
    "order_hdr": (
        "id BIGINT, facility_key VARCHAR, ord_date TIMESTAMP",
        [(10, "DC01", "2026-06-01"), (11, "DC01", "2026-06-01"), (12, "DC02", "2026-06-02")],
    ),
    "order_dtl": (
        "id BIGINT, order_id BIGINT, ord_qty DECIMAL(38,12), alloc_qty DECIMAL(38,12)",
        [(100, 10, 10, 10), (101, 11, 10, 5), (102, 12, 4, 0)],
    ),
    "allocation": (
        """id BIGINT, order_dtl_id BIGINT, from_inventory_id BIGINT, alloc_qty DECIMAL(38,12),
        packed_qty DECIMAL(38,12), create_ts TIMESTAMPTZ, picked_ts TIMESTAMPTZ""",
        [
            (1, 100, 1, 10, 10, "2026-06-01 08:00:00+00", "2026-06-01 09:00:00+00"),
            (2, 101, 1, 5, 0, "2026-06-01 08:00:00+00", None),
        ],
    ),
}
"""A warehouse small enough to reckon by hand."""


@pytest.fixture
def warehouse(settings: Settings) -> Path:
    """The tables as the target makes them."""
    settings.home.mkdir(parents=True, exist_ok=True)
    file = settings.home / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE SCHEMA oic")
        for name, (columns, rows) in TABLES.items():
            connection.execute(f"CREATE TABLE oic.wms_{name} ({columns})")
            marks = ", ".join("?" * len(rows[0]))
            connection.executemany(f"INSERT INTO oic.wms_{name} VALUES ({marks})", [list(row) for row in rows])
    return file


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """An instance that knows which tables the streams were loaded to."""
    with dg.DagsterInstance.ephemeral() as made:
        for name in TABLES:
            event = dg.AssetMaterialization(["oic", name], metadata={Meta.TABLE_NAME: f"oic.wms_{name}"})
            made.report_runless_asset_event(event)
        yield made


def _made(
    mart: Mart, settings: Settings, instance: dg.DagsterInstance, warehouse: Path
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The mart's rows and its metadata."""
    bus = build_bus(settings)
    resources = {BUS: dg.ResourceDefinition.hardcoded_resource(bus)}
    result = dg.materialize([mart_asset(mart)], instance=instance, resources=resources)
    bus.close()
    assert result.success
    (event,) = result.get_asset_materialization_events()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(f"SELECT * FROM {mart.table} ORDER BY 1, 2")
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return rows, dict(event.step_materialization_data.materialization.metadata)


def test_the_stock_position_subtracts_what_is_promised(
    settings: Settings, instance: dg.DagsterInstance, warehouse: Path
) -> None:
    """120 on hand, 5 allocated and not yet packed: 115 available, worth what they cost."""
    rows, _ = _made(MARTS["stock_position"], settings, instance, warehouse)

    first = rows[0]
    assert (first["facility"], first["item"], first["places"]) == ("DC01", "A", 2)
    assert (first["on_hand_qty"], first["promised_qty"], first["available_qty"]) == (120, 5, 115)
    assert first["stock_value"] == Decimal(300)
    assert rows[1]["stock_value"] == 0


def test_the_fill_rate_is_what_was_allocated_of_what_was_ordered(
    settings: Settings, instance: dg.DagsterInstance, warehouse: Path
) -> None:
    """15 of 20 in one facility, nothing in the other."""
    rows, _ = _made(MARTS["order_fill_rate"], settings, instance, warehouse)

    assert [(row["facility"], row["orders"], row["filled_lines"], row["fill_percent"]) for row in rows] == [
        ("DC01", 2, 1, 75.0),
        ("DC02", 1, 0, 0.0),
    ]


def test_allocation_performance_counts_and_times_the_picks(
    settings: Settings, instance: dg.DagsterInstance, warehouse: Path
) -> None:
    """One of two allocations is picked, after an hour."""
    ((row,), _) = _made(MARTS["allocation_performance"], settings, instance, warehouse)

    assert (row["allocations"], row["picked_allocations"], row["minutes_to_pick"]) == (2, 1, 60.0)
    assert row["picked_percent"] == pytest.approx(66.67)


def test_stock_is_as_old_as_the_last_movement_says(
    settings: Settings, instance: dg.DagsterInstance, warehouse: Path
) -> None:
    """Ages as of 10 June, the newest change; empty places have no age."""
    rows, _ = _made(MARTS["inventory_ageing"], settings, instance, warehouse)

    assert [(row["facility"], row["age"], row["on_hand_qty"], row["expired_places"]) for row in rows] == [
        ("DC01", "31-90 days", 20, 1),
        ("DC01", "91-180 days", 100, 0),
        ("DC02", "0-30 days", 7, 0),
    ]


@pytest.mark.parametrize("name", sorted(MARTS))
def test_every_mart_shows_a_picture(
    name: str, settings: Settings, instance: dg.DagsterInstance, warehouse: Path
) -> None:
    """Its metadata hold markdown with a PNG, which is a picture and no blank sheet."""
    _, metadata = _made(MARTS[name], settings, instance, warehouse)

    shown = metadata[PLOT]
    assert isinstance(shown, dg.MarkdownMetadataValue)
    head, _, rest = str(shown.value).partition("base64,")
    assert head.endswith("](data:image/png;")
    picture = matplotlib.image.imread(io.BytesIO(base64.b64decode(rest.rstrip(")"))), format="png")
    assert picture.shape[:2] == (256, 512)
    colours = {tuple(colour) for colour in picture[:, :, :3].reshape(-1, 3).tolist()}
    assert len(colours) > 10


def test_a_plot_that_is_none_is_refused_with_its_file(tmp_path: Path) -> None:
    """The kind must be bar or line."""
    (tmp_path / "transforms").mkdir()
    (tmp_path / "transforms" / "a.sql").write_text("-- deps: x/y\n-- plot: pie SELECT 1\nSELECT 1 FROM y\n")

    with pytest.raises(ConfigError, match=r"a\.sql.*neither `bar SELECT"):
        read_marts(tmp_path)


@pytest.mark.parametrize(
    "streams", ["soon", {"item": "soon"}, {"item": {"weeks": 1}}, {"item": {"hours": 0}}, {"item": {"hours": "2"}}]
)
def test_a_freshness_that_is_none_is_refused_with_its_pipeline(streams: Any) -> None:
    """Of a single stream as of a whole pipeline."""
    pipeline = Pipeline(name="daily", annotations={"freshness": {"hours": 24, "streams": streams}})

    with pytest.raises(ConfigError, match="daily is not"):
        freshness_by_stream(pipeline)


def test_pipelines_share_a_pool_only_when_they_say_so() -> None:
    """Else the blocks of one tap take turns."""
    block = el("tap-a", "target-b")
    own = BlockPlan(owner=Pipeline(name="own"), op="own", block=block)
    shared = BlockPlan(owner=Pipeline(name="shared", annotations={"pool": "both"}), op="shared", block=block)

    assert (own.pool, shared.pool) == ("tap-a", "both")
