"""The assets of an extract-and-load block."""

from collections.abc import Iterator, Sequence

import dagster as dg
import pytest
from dagster import DagsterExecutionInterruptedError, ExecuteInProcessResult

from flext_pipelines.assets.location import build_definitions
from flext_pipelines.errors import ConfigError, ExtractFailedError, LoadFailedError, RunCancelledError
from flext_pipelines.meltano.catalogue import Partitions, Pipeline, ProjectCatalogue, Stream
from flext_pipelines.runs.location import Tag, run_options_config
from tests.assets.catalogues import catalogue, command, el
from tests.assets.runner import Runner, failed, run, stream

DAILY = catalogue(Pipeline(name="daily", blocks=(el(),)))
ORDERS = dg.AssetKey(["shop", "orders"])
ITEMS = dg.AssetKey(["shop", "items"])
LOST = ExtractFailedError("tap-shop lost its connection", "Run it again")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def _materialize(
    instance: dg.DagsterInstance,
    project: ProjectCatalogue,
    runner: Runner,
    selection: Sequence[dg.AssetKey] | None = None,
    job: str = "daily",
    **more: object,
) -> ExecuteInProcessResult:
    definitions = build_definitions(project, bus=runner.bus())
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        asset_selection=selection,
        raise_on_error=False,
        **more,  # type: ignore[arg-type]  # passed on
    )


def _materialized(result: ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    """Metadata of what was materialized, by asset."""
    found: dict[str, dict[str, object]] = {}
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        found[materialization.asset_key.to_user_string()] = {
            key: value.value for key, value in materialization.metadata.items()
        }
    return found


def test_a_run_of_every_stream_is_the_whole_pipeline(instance: dg.DagsterInstance) -> None:
    """One message goes out, without a filter of streams, in the name of the Dagster run."""
    runner = Runner([run(stream("orders"), stream("items"))])

    result = _materialize(instance, DAILY, runner)

    ((message, context),) = runner.asked
    assert result.success
    assert {*_materialized(result)} == {"shop/orders", "shop/items"}
    assert (message.pipeline, message.tap_name, message.target_name) == ("daily", "tap-shop", "target-warehouse")
    assert message.streams == ()
    assert (context.dagster_run_id, context.source, context.actor) == (result.run_id, "dagster", "dagster")


def test_a_run_of_some_streams_asks_for_those_only(instance: dg.DagsterInstance) -> None:
    """Materializing one asset moves one stream."""
    runner = Runner([run(stream("items"))])

    result = _materialize(instance, DAILY, runner, [ITEMS])

    assert runner.messages[0].streams == ("items",)
    assert {*_materialized(result)} == {"shop/items"}


def test_every_stream_may_be_left_out() -> None:
    """A stream that brought nothing to record, or was not reached, does not fail the others as a missing output."""
    specs = {spec.key: spec for spec in build_definitions(DAILY).resolve_all_asset_specs()}

    assert {key: specs[key].skippable for key in (ORDERS, ITEMS)} == {ORDERS: True, ITEMS: True}


def test_what_a_run_moved_is_metadata_of_each_stream(instance: dg.DagsterInstance) -> None:
    """Rows, bytes, seconds, bookmark, columns, table, state and versions; what is unknown is left out."""
    orders = stream(
        "orders",
        rejected=1,
        loaded=4,
        bytes=1000,
        seconds=1.23456,
        replication_key="id",
        bookmark_before="10",
        bookmark_after="15",
        table="main.orders",
    )
    answer = run(orders, stream("items", extracted=None, loaded=None, columns=None), plugins={"tap-shop": "1.2"})

    found = _materialized(_materialize(instance, DAILY, Runner([answer])))

    columns = found["shop/orders"].pop("dagster/column_schema")
    assert isinstance(columns, dg.TableSchema)
    assert [(column.name, column.type) for column in columns.columns] == [("id", "integer"), ("name", "string")]
    assert found["shop/orders"] == {
        "flext/tap": "tap-shop",
        "flext/stream": "orders",
        "rows_extracted": 5,
        "rows_loaded": 4,
        "rows_rejected": 1,
        "bytes": 1000,
        "seconds": 1.235,
        "replication_key": "id",
        "bookmark_before": "10",
        "bookmark_after": "15",
        "dagster/table_name": "main.orders",
        "flext/state_id": "dev:tap-shop-to-target-warehouse",
        "flext/pipeline": "daily",
        "flext/environment": "dev",
        "flext/plugins": {"tap-shop": "1.2"},
    }
    assert {"rows_extracted", "rows_loaded", "rows_rejected", "dagster/column_schema"}.isdisjoint(found["shop/items"])


def test_streams_that_arrived_before_a_failure_are_recorded(instance: dg.DagsterInstance) -> None:
    """One of three arrived, one broke off, one was never reached: the first is recorded, then the run fails."""
    project = catalogue(Pipeline(name="daily", blocks=(el(),)), tap_shop=("orders", "items", "late"))
    so_far = run(stream("orders"), stream("items", status="failed", loaded=2), status="failed")

    result = _materialize(instance, project, Runner([failed(LOST, so_far)]))

    assert not result.success
    assert {*_materialized(result)} == {"shop/orders"}


def test_streams_that_arrived_before_a_cancellation_are_recorded(instance: dg.DagsterInstance) -> None:
    """What the gateway says of a stopped run travels with the interrupt; a stream that was cut short is left out."""
    so_far = run(stream("orders"), stream("items", status="cancelled", loaded=2), status="cancelled")
    interrupt = DagsterExecutionInterruptedError()
    interrupt.__cause__ = failed(RunCancelledError("daily was cancelled"), so_far)

    result = _materialize(instance, DAILY, Runner([interrupt]))

    assert not result.success
    made = {key: instance.get_latest_materialization_event(key) for key in (ORDERS, ITEMS)}
    assert [key for key, event in made.items() if event is not None] == [ORDERS]


def test_a_stream_whose_rows_did_not_all_arrive_is_not_recorded(instance: dg.DagsterInstance) -> None:
    """The tap was done with it, but the target had loaded less when it failed."""
    so_far = run(stream("orders", rows=100, loaded=60), status="failed")

    result = _materialize(instance, DAILY, Runner([failed(LoadFailedError("target failed"), so_far)]))

    assert not result.success
    assert _materialized(result) == {}


def test_a_transient_failure_is_tried_again_when_the_project_says_so(instance: dg.DagsterInstance) -> None:
    """The second attempt of the same step ends the run well."""
    project = catalogue(
        Pipeline(name="daily", blocks=(el(),), annotations={"retries": 1, "retry_seconds": 0}),
    )
    runner = Runner([failed(LOST, run(status="failed")), run(stream("orders"), stream("items"))])

    result = _materialize(instance, project, runner)

    assert result.success
    assert len(runner.asked) == 2


def test_a_permanent_failure_is_not_tried_again(instance: dg.DagsterInstance) -> None:
    """Retries that the project declares are for what may pass."""
    project = catalogue(Pipeline(name="daily", blocks=(el(),), annotations={"retries": 3, "retry_seconds": 0}))
    runner = Runner([ConfigError("tap-shop has no host", "Set it")])

    assert not _materialize(instance, project, runner).success
    assert len(runner.asked) == 1


def test_lost_rows_fail_the_check_and_keep_the_next_step_from_running(instance: dg.DagsterInstance) -> None:
    """A target that exits with 0 after losing a row does not get its loss into dbt's tables."""
    project = catalogue(Pipeline(name="daily", blocks=(el(), command())))
    runner = Runner([run(stream("orders", rows=5, loaded=4), stream("items"))])

    result = _materialize(instance, project, runner)

    (lost,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (lost.asset_key, lost.check_name) == (ORDERS, "all_rows_arrived")
    assert lost.description == "1 rows were extracted but neither loaded nor rejected."
    assert len(runner.asked) == 1


def test_rejected_rows_are_not_lost_rows(instance: dg.DagsterInstance) -> None:
    """Extracted is loaded plus rejected, so the check passes."""
    result = _materialize(instance, DAILY, Runner([run(stream("orders", loaded=3, rejected=2), stream("items"))]))

    assert [one for one in result.get_asset_check_evaluations() if not one.passed] == []


def test_a_check_without_figures_is_left_open(instance: dg.DagsterInstance) -> None:
    """A tap that counts nothing gets no tick for rows that nobody counted."""
    quiet = run(stream("orders", extracted=None, columns=None), stream("items", extracted=None, columns=None))

    assert [*_materialize(instance, DAILY, Runner([quiet])).get_asset_check_evaluations()] == []


def test_a_changed_column_is_a_warning(instance: dg.DagsterInstance) -> None:
    """The second materialization is compared with the first."""
    changed = {"id": "string", "price": "number"}
    runner = Runner([run(stream("orders"), stream("items")), run(stream("orders", columns=changed), stream("items"))])
    _materialize(instance, DAILY, runner)

    result = _materialize(instance, DAILY, runner)

    (warning,) = [one for one in result.get_asset_check_evaluations() if not one.passed]
    assert (warning.asset_key, warning.severity) == (ORDERS, dg.AssetCheckSeverity.WARN)
    assert warning.description == (
        "column name (string) is gone; column id was integer and is string; column price (number) is new"
    )
    assert result.success


def test_a_command_runs_after_the_block_before_it(instance: dg.DagsterInstance) -> None:
    """The pipeline's order is the run's order, and each block is a message of its own."""
    project = catalogue(Pipeline(name="daily", blocks=(el(), command())))
    runner = Runner([run(stream("orders"), stream("items"))])

    result = _materialize(instance, project, runner)

    assert result.success
    assert [message.tap_name for message in runner.messages] == ["tap-shop", None]
    assert {*_materialized(result)} == {"shop/orders", "shop/items", "daily/dbt_run"}


def test_a_failed_block_keeps_the_next_one_from_running(instance: dg.DagsterInstance) -> None:
    """As in `meltano run`: the first failure ends the pipeline."""
    project = catalogue(
        Pipeline(name="daily", blocks=(el(), el("tap-crm"), command())), tap_shop=("orders",), tap_crm=("people",)
    )
    runner = Runner([failed(LOST, run(status="failed"))])

    assert not _materialize(instance, project, runner).success
    assert len(runner.asked) == 1


def test_a_borrowed_block_runs_in_the_name_of_the_borrower(instance: dg.DagsterInstance) -> None:
    """Two pipelines share an asset; the materialization says which of them made it."""
    project = catalogue(Pipeline(name="daily", blocks=(el(),)), Pipeline(name="nightly", blocks=(el(),)))

    result = _materialize(instance, project, Runner([run(stream("orders"), stream("items"))]), job="nightly")

    assert _materialized(result)["shop/orders"]["flext/pipeline"] == "nightly"


def test_a_run_of_mere_assets_counts_as_a_run_of_their_pipeline(instance: dg.DagsterInstance) -> None:
    """What somebody materializes on an asset's page is found among the pipeline's runs."""
    definitions = build_definitions(DAILY, bus=Runner([run(stream("orders"))]).bus())

    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=[ORDERS]
    )

    made = instance.get_run_by_id(result.run_id)
    assert made is not None
    assert made.tags[Tag.PIPELINE] == "daily"


def test_a_partition_is_a_window_and_a_state_of_its_own(instance: dg.DagsterInstance) -> None:
    """The message names the partition and its bounds, and a full partition says how many rows it has."""
    project = catalogue(
        Pipeline(
            name="daily",
            blocks=(el(),),
            partitions=Partitions(kind="daily", start="2024-01-01", timezone="Europe/Berlin"),
        )
    )
    runner = Runner([run(stream("orders", rows=7), stream("items", bookmark_before="3"))])

    found = _materialized(_materialize(instance, project, runner, partition_key="2024-01-05"))

    message = runner.messages[0]
    assert message.partition == "2024-01-05"
    assert (message.partition_start, message.partition_end) == (
        "2024-01-05T00:00:00+01:00",
        "2024-01-06T00:00:00+01:00",
    )
    assert found["shop/orders"]["dagster/partition_row_count"] == 7
    assert "dagster/partition_row_count" not in found["shop/items"]


def _partitioned() -> ProjectCatalogue:
    partitions = Partitions(kind="static", keys=("north", "south"))
    return catalogue(Pipeline(name="daily", blocks=(el(),), partitions=partitions))


def test_a_backfill_that_names_a_range_of_one_partition_fills_that_one(instance: dg.DagsterInstance) -> None:
    """Dagster tags such a run with the first and last partition and not with its key; it must not run without one."""
    runner = Runner([run(stream("orders"), stream("items"))])
    tags = {"dagster/asset_partition_range_start": "south", "dagster/asset_partition_range_end": "south"}

    assert _materialize(instance, _partitioned(), runner, tags=tags).success
    assert [message.partition for message in runner.messages] == ["south"]


def test_a_run_over_several_partitions_is_refused(instance: dg.DagsterInstance) -> None:
    """Each partition has a Singer state of its own, so that one Meltano run cannot fill two."""
    runner = Runner([run(stream("orders"), stream("items"))])
    tags = {"dagster/asset_partition_range_start": "north", "dagster/asset_partition_range_end": "south"}

    assert not _materialize(instance, _partitioned(), runner, tags=tags).success
    assert runner.messages == []


def test_options_of_a_run_reach_every_block(instance: dg.DagsterInstance) -> None:
    """Full refresh, environment and overrides are given once for the run."""
    project = catalogue(Pipeline(name="daily", blocks=(el(), command())))
    runner = Runner([run(stream("orders"), stream("items"))])
    config = run_options_config(
        full_refresh=True, environment="prod", config_overrides={"tap-shop": {"start_date": "2024-01-01"}}
    )

    _materialize(instance, project, runner, run_config=config)

    assert [message.full_refresh for message in runner.messages] == [True, True]
    assert {message.environment for message in runner.messages} == {"prod"}
    assert runner.messages[0].config_overrides == {"tap-shop": {"start_date": "2024-01-01"}}


@pytest.mark.parametrize(
    ("tags", "actor", "source"),
    [
        ({Tag.ACTOR: "ann", Tag.CORRELATION_ID: "c-1"}, "ann", "dagster"),
        ({Tag.SCHEDULE: "every_night"}, "schedule:every_night", "schedule"),
        ({Tag.SENSOR: "new_files"}, "sensor:new_files", "sensor"),
    ],
)
def test_who_launched_a_run_is_answerable_for_it(
    instance: dg.DagsterInstance, tags: dict[str, str], actor: str, source: str
) -> None:
    """The audit row names the person, or the schedule or sensor that nobody pressed a button for."""
    runner = Runner([run(stream("orders"), stream("items"))])

    _materialize(instance, DAILY, runner, tags=tags)

    (_, context), *_ = runner.asked
    assert (context.actor, context.source) == (actor, source)
    assert context.correlation_id == tags.get(Tag.CORRELATION_ID, "")


def test_a_tap_of_unknown_streams_is_recorded_as_their_sum(instance: dg.DagsterInstance) -> None:
    """Nobody asked the tap what it has, so one asset stands for all of it and asks for no stream by name."""
    project = DAILY.model_copy(update={"streams": {"tap-shop": (Stream(tap="tap-shop", name="tap-shop"),)}})
    runner = Runner([run(stream("orders", rows=5), stream("items", rows=7, loaded=6, rejected=1))])

    found = _materialized(_materialize(instance, project, runner))

    assert runner.messages[0].streams == ()
    assert {*found} == {"shop/tap-shop"}
    rows = [found["shop/tap-shop"][name] for name in ("rows_extracted", "rows_loaded", "rows_rejected")]
    assert rows == [12, 11, 1]


def test_a_stream_without_an_asset_is_said_aloud(instance: dg.DagsterInstance) -> None:
    """A table that is newer than the code location is loaded all the same, and a line says so."""
    result = _materialize(instance, DAILY, Runner([run(stream("orders"), stream("items"), stream("brand_new"))]))

    lines = [one.user_message for one in instance.all_logs(result.run_id)]
    assert [line for line in lines if "brand_new" in line] == [
        "Streams without an asset were moved: brand_new. Reload the code location to see them."
    ]
