"""What a run moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster import DagsterRunStatus

from flext_pipelines.errors import NotFoundError
from flext_pipelines.runs.launch import launch
from flext_pipelines.runs.location import Meta, Tag
from flext_pipelines.runs.metrics import run_metrics
from flext_pipelines.runs.storage import open_records
from tests.runs.conftest import SAMPLE
from tests.runs.stories import make_run, materialize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterInstance

    from flext_pipelines.runs.records import RunRecords
    from flext_pipelines.settings import Settings


@pytest.fixture
def stored(settings: Settings) -> Settings:
    """SQLite is enough here: ``test_records`` holds both storages and both readers to one contract."""
    return settings


@pytest.fixture
def records(stored: Settings, instance: DagsterInstance) -> Iterator[RunRecords]:
    """The reader of a shell, on a home that an instance has made."""
    reader = open_records(stored)
    yield reader
    reader.close()


def test_the_numbers_of_a_real_run_are_read_back(settings: Settings) -> None:
    """Per stream what the step recorded, and in all."""
    run_id = launch(settings, "shop", code=SAMPLE)
    records = open_records(settings)

    told = run_metrics(records, run_id)

    orders = next(stream for stream in told.streams if stream.stream == "orders")
    assert (orders.rows_extracted, orders.rows_loaded, orders.rows_rejected) == (10, 9, 1)
    assert (orders.bytes, orders.seconds, orders.rows_per_second) == (2048, 0.5, 18.0)
    assert (orders.replication_key, orders.bookmark_before, orders.bookmark_after) == (
        "updated_at",
        "2024-01-01",
        "2024-02-01",
    )
    assert orders.table == "warehouse.orders"
    assert (told.rows_extracted, told.rows_loaded, told.rows_rejected, told.bytes) == (20, 18, 2, 4096)
    assert told.plugins == {"tap-shop": "1.0", "target-shop": "2.0"}
    assert told.status == "completed"
    records.close()


def test_what_was_not_recorded_is_not_made_up(instance: DagsterInstance, records: RunRecords) -> None:
    """None is not zero, and a total is over the numbers that are there."""
    run_id = make_run(instance, DagsterRunStatus.STARTED, tags={Tag.PIPELINE: "shop"})
    materialize(instance, run_id, ["shop", "orders"], {Meta.STREAM: "orders", Meta.ROWS_LOADED: 5})
    materialize(instance, run_id, ["shop", "items"], {Meta.STREAM: "items"})

    told = run_metrics(records, pipeline="shop")

    assert told.rows_loaded == 5
    assert told.rows_extracted is None
    assert told.bytes is None
    assert next(one for one in told.streams if one.stream == "items").rows_loaded is None


def test_a_stream_that_was_tried_again_counts_once(instance: DagsterInstance, records: RunRecords) -> None:
    """The last word on an asset counts."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    materialize(instance, run_id, ["shop", "orders"], {Meta.STREAM: "orders", Meta.ROWS_LOADED: 5})
    materialize(instance, run_id, ["shop", "orders"], {Meta.STREAM: "orders", Meta.ROWS_LOADED: 7})

    assert run_metrics(records, run_id).rows_loaded == 7


def test_a_mart_is_listed_and_not_added(instance: DagsterInstance, records: RunRecords) -> None:
    """Its rows were counted when the streams that it reads were loaded."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    numbers = {Meta.ROWS_EXTRACTED: 7, Meta.ROWS_LOADED: 7, Meta.BYTES: 70}
    materialize(instance, run_id, ["shop", "orders"], {Meta.TAP: "tap-shop", Meta.STREAM: "orders", **numbers})
    materialize(instance, run_id, ["marts", "open_orders"], {Meta.ROWS_LOADED: 3, Meta.BYTES: 30})

    told = run_metrics(records, run_id)

    assert [one.asset for one in told.streams] == ["shop/orders"]
    assert [(one.asset, one.rows_loaded) for one in told.tables] == [("marts/open_orders", 3)]
    assert (told.rows_extracted, told.rows_loaded, told.bytes) == (7, 7, 70)


def test_an_extraction_and_its_load_are_one_stream(instance: DagsterInstance, records: RunRecords) -> None:
    """What `etl` landed and what it loaded stand in one line, and count in the totals; a second table stays apart."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    of = {Meta.TAP: "tap-shop", Meta.STREAM: "orders"}
    landed = {**of, Meta.ROWS_EXTRACTED: 9, Meta.ROWS_REJECTED: 1, Meta.BYTES: 90, Meta.BOOKMARK_AFTER: "9"}
    materialize(instance, run_id, ["landing", "tap-shop.orders"], landed)
    materialize(instance, run_id, ["shop", "open_orders"], {**of, Meta.ROWS_LOADED: 5, Meta.TABLE_NAME: "shop.open"})
    materialize(instance, run_id, ["shop", "others"], {Meta.ROWS_LOADED: 2})

    told = run_metrics(records, run_id)

    (orders,) = told.streams
    assert (orders.stream, orders.asset, orders.table) == ("orders", "shop/open_orders", "shop.open")
    assert (orders.rows_extracted, orders.rows_loaded, orders.rows_rejected, orders.bytes) == (9, 5, 1, 90)
    assert orders.bookmark_after == "9"
    assert [one.asset for one in told.tables] == ["shop/others"]
    assert (told.rows_extracted, told.rows_loaded) == (9, 5)


def test_one_stream_into_two_targets_is_two_lines(instance: DagsterInstance, records: RunRecords) -> None:
    """Two blocks of a pipeline: each moved its own rows."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    numbers = {Meta.TAP: "tap-shop", Meta.STREAM: "orders", Meta.ROWS_EXTRACTED: 9, Meta.ROWS_LOADED: 9}
    materialize(instance, run_id, ["shop", "orders"], numbers)
    materialize(instance, run_id, ["archive", "orders"], numbers)

    assert [one.asset for one in run_metrics(records, run_id).streams] == ["shop/orders", "archive/orders"]


def test_an_unknown_run_has_no_numbers(records: RunRecords) -> None:
    """It is an error, not an empty answer."""
    with pytest.raises(NotFoundError):
        run_metrics(records, "ffffffff-0000-0000-0000-000000000000")
