"""Launching: attached in this process, detached on a code server, and what interrupts do."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.errors import ConfigError, ForbiddenError, NotFoundError, UsageError
from flext_pipelines.runs.code import CodeLocation
from flext_pipelines.runs.gateway import Runs
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.launch import launch
from flext_pipelines.runs.location import Tag
from flext_pipelines.runs.progress import listening, report
from flext_pipelines.values import Progress
from tests.runs.conftest import CHECKOUT, LAUNCH, SAMPLE, wait_for, wait_for_code_server_to_end

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flext_pipelines.runs.record import Event
    from flext_pipelines.settings import Settings

    Shell = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def runs(settings: Settings) -> Iterator[Runs]:
    """The port on a home of this test."""
    port = Runs(settings, SAMPLE)
    yield port
    port.close()


def test_an_attached_run_is_a_real_run(runs: Runs) -> None:
    """Executed here, with tags, the whole job, and every event told as it happened."""
    told: list[Event] = []
    created: list[str] = []

    run_id = runs.launch("shop", tags={Tag.ACTOR: "ana"}, on_event=told.append, on_created=created.append)

    assert created == [run_id]
    assert runs.status(run_id).status == "completed"
    assert [event.message for event in told if event.kind == "LOG"] == ["moved items", "moved orders"]
    assert told[-1].kind == "RUN_SUCCESS"
    record = runs.records.run(run_id)
    assert record is not None
    assert record.tags[Tag.ACTOR] == "ana"
    assert record.tags[Tag.PIPELINE] == "shop"
    assert {Tag.PID, Tag.HOST, Tag.PROCESS_STARTED} <= set(record.tags)


@pytest.mark.parametrize("attached", [True, False])
def test_what_the_jobs_own_check_refuses_is_its_error_and_leaves_no_run(runs: Runs, attached: bool) -> None:
    """A check of run config is asked before the run is stored; its error arrives as it was raised."""
    config = {"ops": {"say": {"config": {"word": "the password"}}}}

    with pytest.raises(ForbiddenError, match="A password may not stand here"):
        runs.launch("say_job", run_config=config, attached=attached)

    assert runs.list_runs().runs == ()


def test_an_attached_run_prints_nothing(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither Dagster's events nor the raw output of steps stand among the lines of the shell."""
    run_id = runs.launch("shop")

    assert capfd.readouterr() == ("", "")
    assert "raw: begin" in [line.text for line in runs.raw(run_id).raw]


def test_only_the_chosen_streams_are_made(runs: Runs) -> None:
    """By stream or by key; the run records the choice."""
    by_stream = runs.launch("shop", streams=["orders"])
    by_tap = runs.launch("shop", streams=["tap-shop.orders"])
    by_key = runs.launch("shop", asset_keys=[["shop", "items"]])

    assert [one.stream for one in runs.metrics(by_tap).streams] == ["orders"]
    assert [one.stream for one in runs.metrics(by_stream).streams] == ["orders"]
    assert [one.stream for one in runs.metrics(by_key).streams] == ["items"]
    assert runs.status(by_stream).streams == ("orders",)


def test_a_partition_is_run(runs: Runs) -> None:
    """The key reaches the step and the record."""
    run_id = runs.launch("daily", partition="2024-01-02")

    assert runs.status(run_id).partition == "2024-01-02"
    assert "partition 2024-01-02" in [event.message for event in runs.events(run_id).events]


@pytest.mark.parametrize(
    ("job", "options", "error", "says"),
    [
        ("shpo", {}, NotFoundError, "There are, among others: shop"),
        ("shop", {"streams": ["order"]}, NotFoundError, "orders"),
        ("shop", {"streams": ["tap-other.orders"]}, NotFoundError, "orders"),
        ("shop", {"asset_keys": [["shop", "order"]]}, NotFoundError, "shop/orders"),
        ("shop", {"partition": "2024-01-01"}, UsageError, "has no partitions"),
        ("daily", {}, UsageError, "Name one of its 2 partitions"),
        ("daily", {"partition": "2025-01-01"}, NotFoundError, "from 2024-01-01 to 2024-01-02"),
        ("note_job", {}, UsageError, "does not fit the job"),
        ("note_job", {"run_config": {"ops": {"note": {"config": {"fil": "x"}}}}}, UsageError, "fil"),
    ],
)
def test_what_cannot_be_launched_is_named(
    runs: Runs, job: str, options: dict[str, object], error: type[Exception], says: str
) -> None:
    """Before anything is recorded: what is wrong, and what there is."""
    with pytest.raises(error) as caught:
        runs.launch(job, **options)  # type: ignore[arg-type]  # one case each

    assert says in str(caught.value)
    assert runs.overview().counts["failed"] == 0


def test_definitions_that_do_not_load_are_an_error_of_the_project(settings: Settings, tmp_path: Path) -> None:
    """With the module's own words, not a stack of Dagster's."""
    (tmp_path / "broken_definitions.py").write_text("raise RuntimeError('meltano.yml, line 7: no such plugin')\n")
    code = CodeLocation(module="broken_definitions", working_directory=str(tmp_path))

    with pytest.raises(ConfigError, match=r"meltano\.yml, line 7: no such plugin"):
        launch(settings, "shop", code=code)


def test_a_failed_run_is_no_error_of_launching(runs: Runs) -> None:
    """Its status says so."""
    assert runs.status(runs.launch("fail_job")).status == "failed"


def test_progress_reaches_who_listens_in_this_process() -> None:
    """And nobody else, and nobody afterwards."""
    told: list[Progress] = []
    one = Progress(kind="count", stream="orders", side="loaded", rows=7)

    with listening(told.append):
        report(one)
    report(one)

    assert told == [one]


def _waiting(folder: Path, *, stubborn: bool = False) -> str:
    return json.dumps({"ops": {"wait": {"config": {"folder": str(folder), "stubborn": stubborn}}}})


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_an_attached_run(runs: Runs, shell: Shell, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM, a closed terminal: cancelled, not failed; the step saved its bookmark and ended its child."""
    process = shell(LAUNCH, "wait_job", _waiting(tmp_path), "attached")
    wait_for((tmp_path / "started").exists, "the step to begin")

    process.send_signal(number)

    out, err = process.communicate(timeout=30)
    assert err == ""
    told = runs.status(out.strip())
    assert (told.status, told.dagster_status) == ("cancelled", "CANCELED")
    assert (tmp_path / "bookmark").read_text() == "saved"
    kinds = [event.kind for event in runs.events(out.strip()).events]
    assert "RUN_CANCELING" in kinds
    assert "RUN_FAILURE" not in kinds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_step_cancels_the_run(runs: Runs, number: signal.Signals) -> None:
    """Asked to end while the run was being made: it is cancelled and not failed, and none of its steps begins."""
    run_id = runs.launch("shop", on_created=lambda _: os.kill(os.getpid(), number))

    told = runs.status(run_id)
    assert (told.status, told.dagster_status) == ("cancelled", "CANCELED")
    assert "STEP_START" not in [event.kind for event in runs.events(run_id).events]


@pytest.mark.process
def test_a_killed_run_has_failed_and_is_marked_by_the_next_command(
    runs: Runs, shell: Shell, settings: Settings, tmp_path: Path
) -> None:
    """Killed -9: the next query says so, the next launch marks it, ends what it left, and frees its pool."""
    config = json.dumps({"ops": {"hold": {"config": {"folder": str(tmp_path)}}}})
    process = shell(LAUNCH, "hold_job", config, "attached")
    wait_for((tmp_path / "started").exists, "the step to begin")
    run_id = (tmp_path / "started").read_text()
    assert runs.status(run_id).status == "running"

    process.kill()
    process.wait()
    told = runs.status(run_id)
    assert (told.status, told.dagster_status) == ("failed", "STARTED")

    began = time.monotonic()
    next_id = runs.launch("draw_job")
    assert runs.status(next_id).status == "completed"
    assert time.monotonic() - began < 120
    told = runs.status(run_id)
    assert (told.status, told.dagster_status) == ("failed", "FAILURE")
    assert told.error is not None
    assert "is gone without having finished it" in told.error.reason
    assert "last bookmark" in (told.error.instruction or told.error.reason)


@pytest.mark.process
def test_a_detached_run_outlives_its_shell(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """The shell ends at once, with nothing printed by the run; the run goes on, and a code server ends with it."""
    process = shell(LAUNCH, "talk_job", "{}", "detached")

    out, err = process.communicate(timeout=60)
    assert err == ""
    run_id = out.strip()
    wait_for(lambda: runs.status(run_id).status == "completed", "the run to complete")
    assert [e.message for e in runs.follow(run_id) if e.kind == "LOG"] == [f"line {n}" for n in range(20)]
    wait_for_code_server_to_end(tmp_path)


@pytest.mark.process
def test_the_home_is_what_dagsters_own_commands_take(settings: Settings, shell: Shell) -> None:
    """``dagster job execute`` on our home performs a run that we read like our own."""
    with open_instance(settings):
        pass
    code = "import runpy, sys; sys.argv = ['dagster', *sys.argv[1:]]; runpy.run_module('dagster', run_name='__main__')"
    process = shell(
        code, "job", "execute", "-m", SAMPLE.module, "-j", "shop", "-d", str(CHECKOUT),
        DAGSTER_HOME=str(settings.dagster_home),
    )  # fmt: skip

    assert process.communicate(timeout=60)[0] is not None
    assert process.returncode == 0
    port = Runs(settings)
    assert [run.status for run in port.list_runs(pipeline="shop").runs] == ["completed"]
    port.close()
