"""Which block owns which asset."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.assets.blocks import plan, retries_of
from flext_pipelines.meltano.catalogue import Partitions, Pipeline, Plugin
from tests.assets.catalogues import catalogue, command, el


def test_a_stream_is_an_asset_below_the_load_schema_of_its_tap() -> None:
    """The key of a stream is the schema that Meltano proposes to the target, then the stream."""
    plans = plan(catalogue(Pipeline(name="daily", blocks=(el(),))))

    assert plans[0].paths == (("shop", "orders"), ("shop", "items"))
    assert plans[0].job == "daily"


def test_the_same_block_in_two_pipelines_is_owned_by_the_first() -> None:
    """Two pipelines over one tap-target pair share its assets; only the first makes them."""
    first, second = plan(
        catalogue(Pipeline(name="hourly", blocks=(el(),)), Pipeline(name="nightly", blocks=(el(), command())))
    )

    assert second.blocks[0] is first.blocks[0]
    assert second.blocks[0].owner.name == "hourly"
    assert second.blocks[1].after is first.blocks[0]
    assert second.paths == (("shop", "orders"), ("shop", "items"), ("nightly", "dbt_run"))


@pytest.mark.parametrize(
    "other",
    [
        Pipeline(name="other", blocks=(el("tap-shop", "target-lake"),)),
        Pipeline(name="other", blocks=(el("tap-shop", "target-warehouse", "hide-names"),)),
        Pipeline(name="other", blocks=(el(),), partitions=Partitions(kind="static", keys=("a",))),
        Pipeline(name="other", blocks=(el(),), source="schedule", state_id="other"),
    ],
    ids=["another target", "a mapper between", "partitions", "a state id of its own"],
)
def test_a_different_block_with_the_same_streams_has_assets_of_its_own(other: Pipeline) -> None:
    """What moves other rows, or moves them under another Singer state, never shares an asset."""
    plans = plan(catalogue(Pipeline(name="daily", blocks=(el(),)), other))

    assert plans[1].paths == (("other", "orders"), ("other", "items"))


def test_two_blocks_of_one_pipeline_that_claim_one_key_are_told_apart_by_tap_and_target() -> None:
    """The second target of the same tap in one pipeline loads assets named after the pair."""
    plans = plan(catalogue(Pipeline(name="shop", blocks=(el(), el("tap-shop", "target-lake")))))

    assert plans[0].blocks[1].paths == (
        ("shop", "tap-shop-target-lake", "orders"),
        ("shop", "tap-shop-target-lake", "items"),
    )


def test_blocks_run_in_the_order_of_the_project() -> None:
    """Each block comes after the one before it, commands included."""
    blocks = plan(catalogue(Pipeline(name="p", blocks=(command("dbt:seed"), el(), command("dbt:run")))))[0].blocks

    assert [block.after for block in blocks] == [None, blocks[0], blocks[1]]


def test_the_schema_that_meltano_makes_up_is_no_namespace() -> None:
    """Where nobody sets a load schema, Meltano proposes the tap's namespace; the pipeline's name says more."""
    tap = Plugin(name="tap-shop", type="extractors", namespace="tap_shop", load_schema="tap_shop")

    plans = plan(catalogue(Pipeline(name="daily", blocks=(el(),)), plugins=[tap]))

    assert plans[0].paths == (("daily", "orders"), ("daily", "items"))


def test_a_pipeline_in_which_a_block_stands_twice_runs_as_a_whole() -> None:
    """One message could not tell the first `dbt:run` from the second, so the pipeline is one message."""
    plans = plan(catalogue(Pipeline(name="p", blocks=(command(), el(), command()))))

    assert plans[0].blocks == ()


def test_a_pipeline_that_cannot_run_has_no_blocks() -> None:
    """A problem that introspection found keeps a pipeline from having assets."""
    plans = plan(catalogue(Pipeline(name="broken", blocks=(el(),), problem="tap-shop is not in the project")))

    assert plans[0].blocks == ()


def test_a_tap_without_known_streams_is_one_asset() -> None:
    """Nothing is known of the tap's streams, so one asset stands for all it brings."""
    plans = plan(catalogue(Pipeline(name="p", blocks=(el("tap-other"),)), tap_shop=("orders",)))

    assert plans[0].paths == (("shop", "tap-other"),)


def test_retries_are_declared_in_annotations() -> None:
    """Retries and their wait come from the pipeline; nonsense counts as nothing said."""
    declared = Pipeline(name="p", annotations={"retries": 3, "retry_seconds": 5})
    nonsense = Pipeline(name="p", annotations={"retries": "many"})

    assert retries_of(declared) == (3, 5.0)
    assert retries_of(nonsense).times == 0


_NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=8, unique=True)


@given(_NAMES)
def test_whatever_streams_are_called_each_has_an_asset_that_dagster_accepts(names: list[str]) -> None:
    """Odd names never collide and never break the code location."""
    paths = plan(catalogue(Pipeline(name="p", blocks=(el(),)), tap_shop=tuple(names)))[0].paths

    @dg.multi_asset(specs=[dg.AssetSpec(dg.AssetKey(path)) for path in paths], can_subset=True)
    def load() -> Iterator[dg.MaterializeResult[object]]:
        yield from ()

    assert len(load.keys) == len(names)
