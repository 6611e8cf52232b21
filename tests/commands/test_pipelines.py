"""The messages on pipelines: what they accept, and what their handlers do with the gateway."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.commands import pipelines, registry
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.message import Context
from flext_pipelines.commands.pipelines import ListPipelinesQuery, RunMeltanoPipelineCommand
from flext_pipelines.errors import ExtractFailedError, InvalidMessageError
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.values import Progress
from tests.meltano.projects import opened, write_project
from tests.meltano.replay import replaying

SPECS = registry.collect([pipelines])
RUN = registry.find(SPECS, "pipelines.RunMeltanoPipeline")


def bus(runner: MeltanoRunner) -> Bus:
    """A bus with these messages and that gateway."""
    return Bus(SPECS, ports=Ports({"meltano": port(runner)}))


def test_a_run_is_a_message_and_its_outcome_a_result(tmp_path: Path) -> None:
    """Progress goes to the context; the outcome has JSON both ways for an idempotency key."""
    told: list[Progress] = []

    result = bus(replaying(tmp_path, "success")).send(
        RunMeltanoPipelineCommand(pipeline="j"), Context(actor="tester", on_progress=told.append)
    )

    run = result.unwrap()
    assert isinstance(run, PipelineRun)
    assert run.loaded == 5
    assert told
    assert registry.load_result(RUN, registry.dump_result(RUN, run)) == run


def test_a_failed_run_is_an_error_with_the_counts_so_far(tmp_path: Path) -> None:
    """For whoever records what was moved."""
    result = bus(replaying(tmp_path, "tap_failed")).send(RunMeltanoPipelineCommand(pipeline="j"))

    assert isinstance(result.error, ExtractFailedError)
    assert PipelineRun.model_validate(result.error.details["run"]).extracted == 2


@pytest.mark.parametrize("run_id", [None, "0f0f0f0f-0000-4000-8000-000000000001"])
def test_raw_lines_go_to_standard_output_within_a_dagster_run_only(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], run_id: str | None
) -> None:
    """There Dagster keeps them; elsewhere standard output belongs to the answer."""
    context = Context(actor="tester", dagster_run_id=run_id)

    run = bus(replaying(tmp_path, "success")).send(RunMeltanoPipelineCommand(pipeline="j"), context).unwrap()

    assert ("Block run completed" in capfd.readouterr().out) is (run_id is not None)
    assert run.run_id == run_id or run_id is None


@pytest.mark.parametrize(
    ("payload", "phrase"),
    [
        ({}, "name a pipeline"),
        ({"tap_name": "a"}, "go together"),
        ({"pipeline": "j", "target_name": "a"}, "go together"),
        ({"command": "a:b", "tap_name": "a", "target_name": "b"}, "not both"),
        ({"command": "a:b", "streams": ["x"]}, "no streams"),
        ({"pipeline": "j", "partition_start": "yesterday"}, "ISO 8601"),
        ({"pipeline": "j", "timeout_seconds": 0}, "greater than 0"),
        ({"pipeline": "", "full_refresh": True}, "at least 1"),
        ({"pipeline": "j", "refresh": True}, "did you mean full_refresh?"),
    ],
)
def test_what_makes_no_run_is_refused(payload: dict[str, object], phrase: str) -> None:
    """Before it reaches any gateway."""
    with pytest.raises(InvalidMessageError) as caught:
        registry.parse(RUN, payload)

    assert phrase in str(caught.value)


def test_a_run_survives_json() -> None:
    """As run config, HTTP body and audit row."""
    message = RunMeltanoPipelineCommand(
        pipeline="wms",
        streams=("orders",),
        partition="2026-01-01",
        partition_start="2026-01-01T00:00:00+01:00",
        config_overrides={"tap-a": {"rows": 3, "deep": {"list": [1, None, "x"]}}},
        timeout_seconds=60,
    )

    assert registry.parse(RUN, message.model_dump_json()) == message
    assert RUN.type.performed_in_run is True  # type: ignore[attr-defined]  # a command; specs are of any message


def test_pipelines_are_listed_from_the_project(tmp_path: Path) -> None:
    """Jobs with their blocks, streams, schedules and problems."""
    tap = {"name": "tap-a", "namespace": "a", "executable": "./a", "capabilities": ["catalog"], "select": ["orders.*"]}
    target = {"name": "target-b", "namespace": "b", "executable": "./b"}
    root = write_project(
        tmp_path / "project",
        plugins={"extractors": [tap], "loaders": [target]},
        jobs=[{"name": "wms", "tasks": ["tap-a target-b"]}, {"name": "odd", "tasks": ["tap-x target-b"]}],
        schedules=[{"name": "nightly", "job": "wms", "interval": "@daily"}],
    )

    wms, odd = bus(MeltanoRunner(opened(root, tmp_path / "home"))).send(ListPipelinesQuery()).unwrap()

    assert (wms.name, wms.source, wms.blocks, wms.streams, wms.schedules, wms.problem) == (
        "wms",
        "job",
        ("tap-a target-b",),
        ("tap-a.orders",),
        ("nightly",),
        None,
    )
    assert odd.problem is not None
    assert "tap-x" in odd.problem
