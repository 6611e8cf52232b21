"""Stopping runs, with real processes and signals."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from dagster import DagsterRunStatus

from flext_pipelines.errors import NotFoundError, UnavailableError
from flext_pipelines.runs.gateway import Runs
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.liveness import host_name
from flext_pipelines.runs.location import Tag
from flext_pipelines.runs.stop import stop
from tests.runs.conftest import LAUNCH, SAMPLE, wait_for, wait_for_code_server_to_end
from tests.runs.stories import make_run

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flext_pipelines.settings import Settings

    Shell = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def runs(settings: Settings) -> Iterator[Runs]:
    """The port on a home of this test."""
    port = Runs(settings, SAMPLE)
    yield port
    port.close()


def _config(folder: Path, *, stubborn: bool = False) -> str:
    return json.dumps({"ops": {"wait": {"config": {"folder": str(folder), "stubborn": stubborn}}}})


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.process
@pytest.mark.parametrize("way", ["attached", "detached"])
def test_a_running_run_is_stopped_and_gone(runs: Runs, shell: Shell, tmp_path: Path, way: str) -> None:
    """By signal to the shell's process, or through its code server: cancelled, bookmark saved, no process left."""
    process = shell(LAUNCH, "wait_job", _config(tmp_path), way)
    wait_for((tmp_path / "started").exists, "the step to begin")
    if way == "detached":
        process.wait(30)
    run_id, child = (tmp_path / "started").read_text(), int((tmp_path / "child").read_text())

    result = runs.stop(run_id[:8])

    assert (result.status, result.killed, result.already_finished) == ("cancelled", 0, False)
    assert (tmp_path / "bookmark").read_text() == "saved"
    assert not _alive(child)
    assert runs.status(run_id).dagster_status == "CANCELED"
    again = runs.stop(run_id)
    assert (again.status, again.already_finished) == ("cancelled", True)
    wait_for_code_server_to_end(tmp_path)


@pytest.mark.process
@pytest.mark.parametrize("way", ["attached", "detached"])
def test_a_run_that_refuses_to_end_is_killed(runs: Runs, shell: Shell, tmp_path: Path, way: str) -> None:
    """After the grace its process and what that started are killed, and the run is marked."""
    process = shell(LAUNCH, "wait_job", _config(tmp_path, stubborn=True), way)
    wait_for((tmp_path / "started").exists, "the step to begin")
    if way == "detached":
        process.wait(30)
    run_id, child = (tmp_path / "started").read_text(), int((tmp_path / "child").read_text())

    result = runs.stop(run_id, timeout_seconds=1)

    assert result.status == "cancelled"
    assert result.killed >= 2
    assert not _alive(child)
    assert runs.status(run_id).dagster_status == "CANCELED"
    wait_for_code_server_to_end(tmp_path)


@pytest.mark.process
def test_a_lost_run_is_stopped_with_what_it_left(runs: Runs, shell: Shell, tmp_path: Path) -> None:
    """Its process was killed, its child went on: stopping ends the child, found by the run's id, and marks the run."""
    process = shell(LAUNCH, "wait_job", _config(tmp_path), "attached")
    wait_for((tmp_path / "started").exists, "the step to begin")
    run_id, child = (tmp_path / "started").read_text(), int((tmp_path / "child").read_text())
    process.kill()
    process.wait()
    assert _alive(child)

    result = runs.stop(run_id)

    assert (result.status, result.killed) == ("cancelled", 0)
    assert result.note.endswith("all of its processes ended when asked")
    assert not _alive(child)


@pytest.mark.process
def test_a_run_of_a_shell_is_cancelled_from_the_ui(
    runs: Runs, shell: Shell, settings: Settings, tmp_path: Path
) -> None:
    """What GraphQL's terminateRun calls reaches the shell's process."""
    process = shell(LAUNCH, "wait_job", _config(tmp_path), "attached")
    wait_for((tmp_path / "started").exists, "the step to begin")
    run_id = (tmp_path / "started").read_text()

    with open_instance(settings) as instance:
        assert instance.run_coordinator.cancel_run(run_id)

    process.communicate(timeout=30)
    assert runs.status(run_id).dagster_status == "CANCELED"
    assert (tmp_path / "bookmark").read_text() == "saved"


def test_a_waiting_run_is_taken_out_of_the_queue(settings: Settings) -> None:
    """Queued or not started yet: cancelled without a process."""
    with open_instance(settings) as instance:
        ids = [make_run(instance, status) for status in (DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED)]

    for run_id in ids:
        assert stop(settings, run_id).status == "cancelled"


def test_a_finished_run_is_answered_as_such(settings: Settings) -> None:
    """Stopping is idempotent, whatever the end was."""
    with open_instance(settings) as instance:
        ends = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
        ids = [make_run(instance, status) for status in ends]

    results = [stop(settings, run_id) for run_id in ids]

    assert [result.status for result in results] == ["completed", "failed", "cancelled"]
    assert all(result.already_finished for result in results)


def test_an_unknown_run_cannot_be_stopped(runs: Runs) -> None:
    """It is named."""
    with pytest.raises(NotFoundError, match="ffffffff"):
        runs.stop("ffffffff")


def test_a_run_on_another_machine_is_not_called_stopped(settings: Settings) -> None:
    """Where no signal reaches, the error says on which machine to stop it."""
    tags = {Tag.PID: "1", Tag.HOST: "elsewhere.example", Tag.PROCESS_STARTED: "1.0"}
    with open_instance(settings) as instance:
        run_id = make_run(instance, DagsterRunStatus.STARTED, tags=tags)

    with pytest.raises(UnavailableError, match=r"elsewhere\.example"):
        stop(settings, run_id, timeout_seconds=0)


def test_a_process_with_a_number_used_again_is_left_alone(settings: Settings) -> None:
    """The number is this test's own process, the start time is not: nobody is killed."""
    me = psutil.Process()
    tags = {Tag.PID: str(me.pid), Tag.HOST: host_name(), Tag.PROCESS_STARTED: str(me.create_time() - 3600)}
    with open_instance(settings) as instance:
        run_id = make_run(instance, DagsterRunStatus.STARTED, tags=tags)

    began = time.monotonic()
    assert stop(settings, run_id).status == "cancelled"
    assert time.monotonic() - began < 10
