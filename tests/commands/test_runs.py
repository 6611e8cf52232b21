"""The messages on runs, through a bus, on a real Dagster home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster import DagsterRunStatus

from flext_pipelines.commands import registry, runs
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.message import Context
from flext_pipelines.commands.runs import (
    ExecutePipelineCommand,
    GetExecutionLogsQuery,
    GetMetricsQuery,
    GetPipelineStatusQuery,
    GetStatusQuery,
    ListResourcesQuery,
    ListRunsQuery,
    StopMeltanoPipelineCommand,
)
from flext_pipelines.errors import ForbiddenError, InvalidMessageError, NotFoundError, RunFailedError, UsageError
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.runs.gateway import Runs
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.location import Tag
from tests.meltano.projects import opened, tap, target, write_project
from tests.runs.conftest import SAMPLE
from tests.runs.stories import make_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flext_pipelines.settings import Settings
    from flext_pipelines.values import Progress


PLUGINS = ("tap-shop", "tap-web", "tap-new", "target-shop", "target-warehouse")
ENABLED = {"flext": {"enabled": True}}


@pytest.fixture
def project(tmp_path: Path) -> MeltanoRunner:
    """A project whose pipelines are called like jobs of the sample code location; one of them cannot run."""
    root = tmp_path / "project"
    root.mkdir()
    write_project(
        root,
        plugins={
            "extractors": [
                tap(root, "tap-shop") | {"variant": "ours", "select": ["orders.*", "items.*"]},
                tap(root, "tap-web") | {"select": ["orders.*"]},
                tap(root, "tap-new"),
            ],
            "loaders": [
                target(root, "target-shop"),
                target(root, "target-warehouse", url="$FLEXT_WAREHOUSE_URL"),
            ],
        },
        jobs=[
            {"name": "shop", "tasks": ["tap-shop target-shop"]},
            {"name": "fail-job", "tasks": ["tap-shop target-shop"]},
            {"name": "broken", "tasks": ["tap-none target-shop"]},
            {"name": "two-taps", "tasks": ["tap-shop target-shop", "tap-web target-shop"]},
            {"name": "untold", "tasks": ["tap-new target-shop"]},
            {"name": "both", "tasks": ["tap-shop target-shop", "tap-shop target-warehouse"]},
        ],
        schedules=[
            {"name": "nightly-shop", "job": "shop", "interval": "0 2 * * *"},
            {"name": "on-shop", "job": "shop", "interval": "0 3 * * *", "annotations": ENABLED},
            {"name": "on-never", "job": "shop", "interval": "@once", "annotations": ENABLED},
            {"name": "on-broken", "job": "broken", "interval": "0 3 * * *", "annotations": ENABLED},
        ],
        environments=[{"name": "dev"}, {"name": "prod"}],
    )
    return MeltanoRunner(opened(root, tmp_path / "meltano"))


@pytest.fixture
def bus(settings: Settings, project: MeltanoRunner) -> Iterator[Bus]:
    """A bus with these messages on a home of this test."""
    ports = Ports({"runs": port(Runs(settings, SAMPLE)), "meltano": port(project)})
    made = Bus(registry.collect([runs]), ports=ports, default_context=lambda: Context(actor="ana", source="cli"))
    ports.get("runs")
    yield made
    made.close()


def test_a_dry_run_answers_with_the_plan_and_launches_nothing(bus: Bus) -> None:
    """Job, blocks, streams, run config and tags."""
    command = ExecutePipelineCommand(
        pipeline_name="shop",
        environment="prod",
        dry_run=True,
        streams=("orders",),
        full_refresh=True,
        parameters={"tap-shop": {"rows": 7}},
        timeout_minutes=2,
    )

    answer = bus.send(command).unwrap()

    assert (answer.execution_id, answer.status) == (None, None)
    assert (answer.plan.job, answer.plan.environment) == ("shop", "prod")
    assert answer.plan.blocks == ("tap-shop target-shop",)
    assert answer.plan.streams == ("tap-shop.orders",)
    assert answer.plan.run_config == {
        "resources": {
            "run_options": {
                "config": {
                    "environment": "prod",
                    "full_refresh": True,
                    "config_overrides": {"tap-shop": {"rows": 7}},
                    "timeout_seconds": 120.0,
                }
            }
        }
    }
    assert answer.plan.tags[Tag.ACTOR] == "ana"
    assert answer.plan.tags[Tag.PIPELINE] == "shop"
    assert bus.send(ListRunsQuery()).unwrap().runs == ()


@pytest.mark.parametrize(
    ("wanted", "streams"),
    [
        ("orders", ("tap-shop.orders", "tap-web.orders")),
        ("tap-web.orders", ("tap-web.orders",)),
        ("items", ("tap-shop.items",)),
    ],
)
def test_a_stream_may_be_named_with_its_tap(bus: Bus, wanted: str, streams: tuple[str, ...]) -> None:
    """Two taps of one pipeline may have streams of one name."""
    command = ExecutePipelineCommand(pipeline_name="two-taps", dry_run=True, streams=(wanted,))

    assert bus.send(command).unwrap().plan.streams == streams


def test_an_attached_execution_answers_when_it_has_ended(bus: Bus) -> None:
    """And tells its id before it begins; then its status, lines and numbers can be asked for by it."""
    told: list[Progress] = []
    context = Context(actor="ana", source="cli", on_progress=told.append)

    answer = bus.send(ExecutePipelineCommand(pipeline_name="shop", attached=True), context).unwrap()

    assert answer.status == "completed"
    assert answer.execution_id is not None
    assert answer.execution_id in told[0].text
    status = bus.send(GetPipelineStatusQuery(pipeline_name="shop")).unwrap()
    assert (status.execution_id, status.actor, status.source) == (answer.execution_id, "ana", "cli")
    logs = bus.send(GetExecutionLogsQuery(execution_id=answer.execution_id[:8], level="info")).unwrap()
    assert [event.message for event in logs.events if event.kind == "LOG"] == ["moved items", "moved orders"]
    raw = bus.send(GetExecutionLogsQuery(execution_id=answer.execution_id, source="raw")).unwrap()
    assert "raw: begin" in [line.text for line in raw.raw]
    assert bus.send(GetMetricsQuery(pipeline_name="shop")).unwrap().rows_loaded == 18
    assert [run.execution_id for run in bus.send(GetStatusQuery()).unwrap().pipelines] == [answer.execution_id]


def test_a_failed_execution_is_an_error_with_the_first_failure(bus: Bus) -> None:
    """Reason, instruction, and the id under which its lines are found."""
    result = bus.send(ExecutePipelineCommand(pipeline_name="fail-job", attached=True))

    assert isinstance(result.error, RunFailedError)
    assert "The tap failed at row 7" in result.error.reason
    assert result.error.instruction == "Check the source"
    assert result.error.details["cause"] == "extract_failed"
    assert result.error.details["execution_id"] == bus.send(ListRunsQuery()).unwrap().runs[0].execution_id


def test_what_cannot_be_executed_is_named(bus: Bus) -> None:
    """An unknown pipeline, one that cannot run, an unknown stream."""
    unknown = bus.send(ExecutePipelineCommand(pipeline_name="shpo")).error
    broken = bus.send(ExecutePipelineCommand(pipeline_name="broken")).error
    stream = bus.send(ExecutePipelineCommand(pipeline_name="shop", streams=("secrets",))).error

    assert isinstance(unknown, NotFoundError)
    assert "shop" in unknown.instruction
    assert isinstance(broken, UsageError)
    assert "'tap-none' is no plugin of the project" in broken.reason
    assert isinstance(stream, NotFoundError)
    assert stream.instruction == "It moves items, orders"
    misspelt = bus.send(ExecutePipelineCommand(pipeline_name="shop", streams=("oders",))).error
    assert misspelt is not None
    assert misspelt.instruction == "Did you mean orders?"
    twice = bus.send(ExecutePipelineCommand(pipeline_name="two-taps", streams=("secrets",))).error
    assert twice is not None
    assert twice.instruction == "It moves items, tap-shop.orders, tap-web.orders"


def test_a_stream_of_a_tap_that_nobody_asked_is_not_called_unknown(bus: Bus) -> None:
    """Until it is discovered, one stream of the tap's name stands for all: what to do about it is said."""
    error = bus.send(ExecutePipelineCommand(pipeline_name="untold", streams=("orders",))).error

    assert isinstance(error, NotFoundError)
    assert (
        error.reason == "Nobody knows yet which streams tap-new has, so that a run of 'orders' alone cannot be planned"
    )
    assert error.instruction.startswith("Ask with `flext plugins discover tap-new`, then run this again")


def test_a_plan_says_whether_a_target_loads_into_the_warehouse(bus: Bus) -> None:
    """Judged by what its settings refer to, not by its name."""
    shop = bus.send(ExecutePipelineCommand(pipeline_name="shop", dry_run=True)).unwrap().plan
    both = bus.send(ExecutePipelineCommand(pipeline_name="both", dry_run=True)).unwrap().plan

    assert (shop.targets, shop.loads_warehouse) == (("target-shop",), False)
    assert (both.targets, both.loads_warehouse) == (("target-shop", "target-warehouse"), True)


def test_a_secret_parameter_is_refused_before_it_is_stored(bus: Bus) -> None:
    """Run config is plain text in Dagster's storage: nothing is launched."""
    command = ExecutePipelineCommand(pipeline_name="shop", parameters={"tap-shop": {"password": "hunter2"}})

    result = bus.send(command)

    assert isinstance(result.error, ForbiddenError)
    assert "hunter2" not in str(result.error)
    assert bus.send(ListRunsQuery()).unwrap().runs == ()


def test_a_query_names_one_run(bus: Bus) -> None:
    """Neither or both names do not validate; an id that is none does not either."""
    spec = registry.find(registry.collect([runs]), "runs.GetPipelineStatus")

    for payload in ({}, {"execution_id": "abcd", "pipeline_name": "x"}, {"execution_id": "../../etc"}):
        with pytest.raises(InvalidMessageError):
            registry.parse(spec, payload)


def test_stopping_a_finished_run_is_no_error(bus: Bus, settings: Settings) -> None:
    """It says what the run had come to."""
    with open_instance(settings) as instance:
        run_id = make_run(instance, DagsterRunStatus.SUCCESS)

    answer = bus.send(StopMeltanoPipelineCommand(execution_id=run_id)).unwrap()

    assert (answer.already_finished, answer.status) == (True, "completed")


def test_resources_are_listed_with_their_state(bus: Bus) -> None:
    """Jobs, plugins and schedules of the project; assets, sensors and daemons of Dagster."""
    bus.send(ExecutePipelineCommand(pipeline_name="shop", attached=True)).unwrap()

    def listed(kind: str) -> list[tuple[str, str]]:
        query = ListResourcesQuery.model_validate({"kind": kind})
        return [(one.name, one.state) for one in bus.send(query).unwrap()]

    jobs = dict.fromkeys(("both", "broken", "fail_job", "shop", "two_taps", "untold"), "never run")
    jobs["shop"] = "completed"
    assert listed("jobs") == [*jobs.items()]
    assert listed("plugins") == [(name, "installed") for name in PLUGINS]
    # Dagster has loaded none of them yet and will run one: it says so in meltano.yml and can.
    ticking = {"nightly_shop": "stopped", "on_broken": "stopped", "on_never": "stopped", "on_shop": "running"}
    assert listed("schedules") == [*ticking.items()]
    assert listed("assets") == [("shop/items", "materialized"), ("shop/orders", "materialized")]
    assert listed("sensors") == []
    assert listed("daemons") == []


def test_every_answer_goes_to_json_and_back(bus: Bus) -> None:
    """Doors and the idempotency store rely on it."""
    specs = {spec.type: spec for spec in registry.collect([runs])}
    run_id = bus.send(ExecutePipelineCommand(pipeline_name="shop", attached=True)).unwrap().execution_id
    assert run_id is not None
    messages = (
        ExecutePipelineCommand(pipeline_name="shop", dry_run=True),
        StopMeltanoPipelineCommand(execution_id=run_id),
        GetPipelineStatusQuery(execution_id=run_id, include_logs=True),
        GetExecutionLogsQuery(execution_id=run_id),
        GetExecutionLogsQuery(execution_id=run_id, source="raw"),
        GetMetricsQuery(execution_id=run_id),
        GetStatusQuery(),
        ListRunsQuery(),
        ListResourcesQuery(kind="jobs"),
    )

    for message in messages:
        spec = specs[type(message)]
        answer = bus.send(message).unwrap()
        assert registry.load_result(spec, registry.dump_result(spec, answer)) == answer
        assert registry.parse(spec, registry.as_json(message)) == message
