"""What a pipeline of the project becomes: assets, a job, schedules."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from flext_pipelines.assets.location import build_definitions
from flext_pipelines.assets.pipelines import freshness_of
from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.meltano.catalogue import Partitions, Pipeline, Plugin, ProjectCatalogue, Schedule
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.runs.code import choose_assets
from flext_pipelines.runs.location import Tag, run_options_config, tap_pool
from flext_pipelines.settings import Settings
from tests.assets.catalogues import catalogue, command, el
from tests.assets.runner import Runner, run

ORDERS = dg.AssetKey(["shop", "orders"])


def _spec(definitions: dg.Definitions, key: dg.AssetKey) -> dg.AssetSpec:
    return next(spec for spec in definitions.resolve_all_asset_specs() if spec.key == key)


def test_an_asset_shows_where_it_comes_from_and_what_it_is() -> None:
    """Group, kinds, owners, tags, the catalog's columns and its upstream table."""
    annotations = {"owners": ["team:data"], "tags": {"tier": "gold"}, "freshness": {"hours": 24}}
    target = Plugin(name="target-postgres", type="loaders")
    definitions = build_definitions(
        catalogue(
            Pipeline(name="shop-daily", blocks=(el("tap-shop", "target-postgres"),), annotations=annotations),
            plugins=[target],
        )
    )

    spec = _spec(definitions, ORDERS)

    assert spec.group_name == "shop_daily"
    assert spec.kinds == {"meltano", "singer", "postgres"}
    assert [*spec.owners] == ["team:data"]
    assert spec.tags["tier"] == "gold"
    assert [dep.asset_key for dep in spec.deps] == [dg.AssetKey(["source", "tap-shop", "orders"])]
    assert [column.name for column in spec.metadata["dagster/column_schema"].columns] == ["id", "name"]
    assert spec.freshness_policy is not None
    assert "INCREMENTAL by `id`" in (spec.description or "")


@pytest.mark.parametrize(
    ("stream", "keys"),
    [
        ("orders", [["shop", "orders"], ["both", "orders"]]),
        ("tap-shop.orders", [["shop", "orders"]]),
        ("tap-other.orders", [["both", "orders"]]),
        ("returns/late", [["shop", "returns_late"]]),
        ("tap-other.returns/late", [["shop", "returns_late"]]),
    ],
)
def test_a_stream_is_chosen_by_name_or_with_its_tap(stream: str, keys: list[list[str]]) -> None:
    """Two taps of one pipeline may have streams of one name; a key holds no slash, a name may."""
    definitions = build_definitions(
        catalogue(
            Pipeline(name="both", blocks=(el(), el("tap-other"))),
            tap_shop=("orders", "items"),
            tap_other=("orders", "returns/late"),
        )
    )

    chosen = choose_assets(definitions.resolve_job_def("both"), None, [stream])

    assert chosen == {dg.AssetKey(key) for key in keys}


def test_an_asset_refers_to_the_line_that_declares_its_pipeline(tmp_path: Path) -> None:
    """The UI's code reference opens meltano.yml where the job stands."""
    settings = Settings(home=tmp_path, meltano_project_root=tmp_path)
    (tmp_path / "meltano.yml").write_text("version: 1\njobs:\n- name: other\n- name: daily  # ours\n", "utf-8")
    project = MeltanoProject.from_settings(settings)

    definitions = build_definitions(catalogue(Pipeline(name="daily", blocks=(el(),))), project=project)

    (reference,) = _spec(definitions, ORDERS).metadata["dagster/code_references"].code_references
    assert (reference.file_path, reference.line_number) == (str(tmp_path / "meltano.yml"), 4)


def test_one_block_of_a_tap_runs_at_a_time() -> None:
    """Every block of a tap is in the pool of that tap."""
    definitions = build_definitions(catalogue(Pipeline(name="daily", blocks=(el(),))))

    assets = definitions.resolve_asset_graph().assets_def_for_key(ORDERS)

    assert assets.op.pool == tap_pool("tap-shop")


def test_two_pipelines_over_one_pair_load_side_by_side() -> None:
    """Each has a job over the same assets; no key is claimed twice."""
    definitions = build_definitions(
        catalogue(Pipeline(name="hourly", blocks=(el(),)), Pipeline(name="nightly", blocks=(el(), command())))
    )

    definitions.resolve_all_job_defs()

    nightly = definitions.resolve_job_def("nightly")
    assert nightly.tags[Tag.PIPELINE] == "nightly"
    assert {key.to_user_string() for key in nightly.asset_layer.executable_asset_keys} == {
        "shop/orders",
        "shop/items",
        "nightly/dbt_run",
    }


def test_a_pipeline_that_cannot_run_says_why_and_hurts_no_other() -> None:
    """Its job carries the reason, and a run of it fails with the error that names the place."""
    broken = Pipeline(name="broken", problem="tap-gone is not in the project")
    runner = Runner([NotFoundError("tap-gone is not in the project", "Add it to meltano.yml")])
    definitions = build_definitions(catalogue(broken, Pipeline(name="daily", blocks=(el(),))), bus=runner.bus())
    with dg.DagsterInstance.ephemeral() as instance:
        job = definitions.resolve_job_def("broken")
        result = job.execute_in_process(instance=instance, raise_on_error=False)

    assert job.description == "Cannot run: tap-gone is not in the project"
    assert not result.success
    assert [message.pipeline for message in runner.messages] == ["broken"]
    assert definitions.resolve_job_def("daily")


def test_a_pipeline_that_repeats_a_block_is_one_message() -> None:
    """Its job hands the whole pipeline to Meltano, with the options of the run."""
    runner = Runner([run()])
    definitions = build_definitions(
        catalogue(Pipeline(name="p", blocks=(command(), el(), command()))), bus=runner.bus()
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("p").execute_in_process(
            instance=instance, run_config=run_options_config(full_refresh=True)
        )

    assert result.success
    assert [(one.pipeline, one.tap_name, one.full_refresh) for one in runner.messages] == [("p", None, True)]


def _scheduled(schedule: Schedule, pipeline: Pipeline) -> dg.ScheduleDefinition:
    project: ProjectCatalogue = catalogue(pipeline, schedules=[schedule])
    return build_definitions(project).resolve_schedule_def(schedule.name.replace("-", "_"))


def test_a_schedule_keeps_its_time_zone_and_waits_to_be_started() -> None:
    """Nobody's Meltano schedule starts to run because Dagster was installed."""
    schedule = _scheduled(
        Schedule(name="every-night", pipeline="daily", cron="30 3 * * *", timezone="America/Sao_Paulo"),
        Pipeline(name="daily", blocks=(el(),)),
    )

    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 3 * * *", "America/Sao_Paulo")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "daily"


def test_a_schedule_that_the_project_enables_runs() -> None:
    """The annotation starts it without a click."""
    schedule = _scheduled(
        Schedule(name="n", pipeline="daily", cron="@daily", annotations={"enabled": True}),
        Pipeline(name="daily", blocks=(el(),)),
    )

    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_tick_of_a_partitioned_pipeline_asks_for_the_newest_whole_partition() -> None:
    """At 03:30 the day before is complete."""
    partitions = Partitions(kind="daily", start="2024-01-01")
    pipeline = Pipeline(name="daily", blocks=(el(),), partitions=partitions)
    project = catalogue(pipeline, schedules=[Schedule(name="n", pipeline="daily", cron="30 3 * * *")])
    definitions = build_definitions(project)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2024, 5, 5, 3, 30, tzinfo=UTC),
            repository_def=definitions.get_repository_def(),
        ) as context,
    ):
        data = definitions.resolve_schedule_def("n").evaluate_tick(context)

    assert [request.partition_key for request in data.run_requests or ()] == ["2024-05-04"]


def test_the_environment_of_a_schedule_is_named_and_never_copied() -> None:
    """Values of a schedule's env may be secret: the run config says which schedule; the gateway reads the rest."""
    schedule = Schedule(name="n", pipeline="daily", cron="@daily", env={"TAP_SHOP_PASSWORD": "hunter2"})
    project = catalogue(Pipeline(name="daily", blocks=(el(),)), schedules=[schedule])
    with dg.DagsterInstance.ephemeral() as instance, dg.build_schedule_context(instance=instance) as context:
        data = build_definitions(project).resolve_schedule_def("n").evaluate_tick(context)

    (request,) = data.run_requests or ()
    assert request.run_config == {"resources": {"run_options": {"config": {"schedule": "n"}}}}


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(name="n", pipeline="daily", cron=None),
        Schedule(name="n", pipeline="gone", cron="@daily"),
        Schedule(name="n", pipeline="broken", cron="@daily"),
    ],
    ids=["@once", "no such pipeline", "a pipeline that cannot run"],
)
def test_what_never_runs_by_the_clock_has_no_schedule(schedule: Schedule) -> None:
    """`@once`, and schedules of what is not there or cannot run."""
    project = catalogue(
        Pipeline(name="daily", blocks=(el(),)), Pipeline(name="broken", problem="x"), schedules=[schedule]
    )

    assert not build_definitions(project).get_repository_def().schedule_defs


@pytest.mark.parametrize(
    "annotations",
    [
        {"freshness": "daily"},
        {"freshness": {"years": 1}},
        {"freshness": {"hours": 0}},
        {"freshness": {"hours": "many"}},
    ],
)
def test_an_annotation_that_makes_no_sense_is_refused_by_name(annotations: dict[str, object]) -> None:
    """The error names the pipeline and the annotation."""
    pipeline = Pipeline.model_validate({"name": "daily", "annotations": annotations})

    with pytest.raises(ConfigError, match=r"annotations\.flext\.freshness of job daily"):
        freshness_of(pipeline)


@pytest.mark.parametrize(
    ("annotations", "schedule", "told"),
    [
        ({"owners": ["me"]}, Schedule(name="n", pipeline="daily", cron="@daily"), "of job daily: Invalid owner 'me'"),
        (
            {"tags": {"a b": "c"}},
            Schedule(name="n", pipeline="daily", cron="@daily"),
            "of job daily: Found invalid tag",
        ),
        ({}, Schedule(name="n", pipeline="daily", cron="0 25 * * *"), "schedule n: Found invalid cron"),
        (
            {},
            Schedule(name="n", pipeline="daily", cron="@daily", timezone="Mars/Base"),
            "schedule n: Invalid execution",
        ),
    ],
)
def test_what_dagster_does_not_accept_is_an_error_of_the_project(
    annotations: dict[str, object], schedule: Schedule, told: str
) -> None:
    """Its reason is told with the job or schedule it is about, and not as a stack."""
    pipeline = Pipeline.model_validate({"name": "daily", "blocks": [el()], "annotations": annotations})

    with pytest.raises(ConfigError, match=told):
        build_definitions(catalogue(pipeline, schedules=[schedule]))


def test_a_schedule_of_fixed_partitions_runs_each_of_them() -> None:
    """North and south are both due at every tick."""
    pipeline = Pipeline(name="daily", blocks=(el(),), partitions=Partitions(kind="static", keys=("north", "south")))
    project = catalogue(pipeline, schedules=[Schedule(name="n", pipeline="daily", cron="@hourly")])
    definitions = build_definitions(project)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2024, 5, 5, 3, tzinfo=UTC),
            repository_def=definitions.get_repository_def(),
        ) as context,
    ):
        data = definitions.resolve_schedule_def("n").evaluate_tick(context)

    assert [request.partition_key for request in data.run_requests or ()] == ["north", "south"]


def test_steps_run_in_the_process_of_their_run() -> None:
    """A process for each step costs more than a second; few steps in one process cost nothing."""
    definitions = build_definitions(catalogue(Pipeline(name="daily", blocks=(el(),))), bus=Runner([run()]).bus())

    assert definitions.resolve_job_def("daily").executor_def is dg.in_process_executor
