"""A Meltano that was warmed up is used for one run, and only where a cold start would be the same."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flext_pipelines.errors import NotFoundError
from flext_pipelines.meltano import warm
from flext_pipelines.meltano.bookmarks import bookmarks
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.meltano.state import read_states
from tests.meltano.projects import loaded, opened, tap, target, write_project
from tests.meltano.replay import CASES, fake_meltano, runner_of

pytestmark = pytest.mark.process

J = RunRequest(pipeline="j")


@pytest.fixture(autouse=True)
def _none_left() -> Iterator[None]:
    """Whatever a test warms up is gone after it."""
    yield
    warm.discard_all()


@pytest.fixture
def runner(tmp_path: Path) -> MeltanoRunner:
    """A project with the pipeline ``j``, whose tap tells what it sees of two variables."""
    root = tmp_path / "project"
    root.mkdir()
    plugins = {"extractors": [tap(root, "tap-a", tell="FLEXT_BATCH_ROOT")], "loaders": [target(root, "target-b")]}
    write_project(root, plugins=plugins, jobs=[{"name": "j", "tasks": ["tap-a target-b"]}])
    (tmp_path / "home").mkdir()
    return MeltanoRunner(opened(root, tmp_path / "home"))


def waiting(project: MeltanoProject) -> int:
    """Warm up, wait until the imports are done; the process id."""
    assert warm.prewarm(project)
    [kept] = warm._kept.values()
    process = psutil.Process(kept.process.pid)
    deadline = time.monotonic() + 20
    while process.cpu_times().user < 0.3 and time.monotonic() < deadline:
        time.sleep(0.05)
    return process.pid


def test_a_warm_run_does_what_a_cold_one_does(runner: MeltanoRunner) -> None:
    """It is the very process that was warmed up, in a sandbox of its own, with the environment of the run."""
    pid = waiting(runner.project)
    lines: list[str] = []

    run = runner.run(J, echo=lines.append)

    assert (run.status, run.loaded, loaded(runner.project.root)) == ("succeeded", 5, [1, 2, 3, 4, 5])
    assert any(f"parent {pid}." in line for line in lines)
    assert any(f"FLEXT_BATCH_ROOT is {runner.project.sandboxes}" in line for line in lines)
    assert not psutil.pid_exists(pid)
    assert not list(runner.project.sandboxes.iterdir())


def test_it_serves_one_run_only(runner: MeltanoRunner) -> None:
    """The next one starts cold and sees nothing of the first."""
    waiting(runner.project)

    assert [runner.run(J).streams[0].loaded for _ in range(2)] == [5, 0]


def test_a_warm_run_is_stopped_like_a_cold_one(runner: MeltanoRunner) -> None:
    """Interrupted, it keeps its bookmark and leaves nothing."""
    root = runner.project.root
    plugins = {
        "extractors": [tap(root, "tap-a", rows=3000, pause=0.01)],
        "loaders": [target(root, "target-b")],
    }
    write_project(root, plugins=plugins, jobs=[{"name": "j", "tasks": ["tap-a target-b"]}])
    pid = waiting(runner.project)
    sent: list[bool] = []

    def interrupt(line: str) -> None:
        if "incremental sync" in line and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        runner.run(J, echo=interrupt)

    assert not psutil.pid_exists(pid)
    states = read_states(runner.project, ["dev:tap-a-to-target-b"])
    assert bookmarks(states["dev:tap-a-to-target-b"])["orders"].value == str(len(loaded(root)))


def test_a_warm_meltano_that_died_is_replaced_by_a_cold_start(runner: MeltanoRunner) -> None:
    """The run notices nothing."""
    os.kill(waiting(runner.project), signal.SIGKILL)

    assert runner.run(J).loaded == 5


def test_variables_that_matter_to_a_starting_python_make_a_cold_start(runner: MeltanoRunner) -> None:
    """They would come too late; the waiting process is ended."""
    pid = waiting(runner.project)

    run = runner.run(J.model_copy(update={"env": {"PYTHONHASHSEED": "0"}}))

    assert run.loaded == 5
    assert not psutil.pid_exists(pid)


def test_another_project_does_not_get_it(runner: MeltanoRunner, tmp_path: Path) -> None:
    """It was started for one project and one executable."""
    pid = waiting(runner.project)
    other = opened(write_project(tmp_path / "other"), tmp_path / "home2")

    with pytest.raises(NotFoundError):
        MeltanoRunner(other).run(J)

    assert psutil.pid_exists(pid)


def test_what_is_no_python_script_is_not_warmed_up(tmp_path: Path) -> None:
    """A wrapper may do anything; it is started when it is needed."""
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=CASES["success"].read_bytes()))

    assert not warm.prewarm(runner.project)
    assert runner.run(J).loaded == 5


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("#!/opt/venv/bin/python\nimport sys\n", "/opt/venv/bin/python"),
        ("#!/opt/venv/bin/python3.11\nimport sys\n", "/opt/venv/bin/python3.11"),
        ("#!/bin/sh\n'''exec' '/a long/venv/bin/python3' \"$0\" \"$@\"\n' '''\n", "/a long/venv/bin/python3"),
        ("#!/bin/sh\n'''exec' /venv/bin/python3 \"$0\" \"$@\"\n' '''\n", "/venv/bin/python3"),
        ("#!/usr/bin/env python\n", None),
        ("#!/opt/venv/bin/python -I\n", None),
        ("#!/bin/bash\nexec meltano\n", None),
        ("", None),
    ],
)
def test_the_python_of_a_script_is_read_from_its_first_lines(tmp_path: Path, line: str, python: str | None) -> None:
    """As pip and uv write them, also for paths too long for a first line."""
    (tmp_path / "meltano").write_text(line)

    assert warm._python_of(tmp_path / "meltano") == (Path(python) if python else None)


def test_a_warm_meltano_ends_with_us(runner: MeltanoRunner) -> None:
    """It waits at a pipe that closes."""
    pid = waiting(runner.project)

    warm.discard_all()

    assert not psutil.pid_exists(pid)
