"""Runs that are stopped or killed, by real signals: bookmarks stay, nothing is left, and a rerun does the rest."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from flext_pipelines.errors import (
    RunCancelledError,
    TimedOutError,
    UnavailableError,
)
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.meltano.running import Graces
from flext_pipelines.values import Progress
from tests.meltano.projects import loaded
from tests.meltano.real_runs import (
    SLOW,
    J,
    bookmark,
    meltano_of,
    processes_of,
    project,
    rerun,
    when,
)

pytestmark = pytest.mark.process


def test_a_killed_meltano_blocks_no_rerun(tmp_path: Path) -> None:
    """SIGKILL to Meltano is named, its plugins are gone, and its row does not hold the state id for five minutes."""
    runner = project(tmp_path, tap_config={**SLOW, "state_every": 1})

    with pytest.raises(UnavailableError, match=r"Meltano was ended by SIGKILL .* bookmark kept at orders \d+"):
        runner.run(J, echo=when("incremental sync", lambda: meltano_of(runner).kill(), after=0.5))

    assert not processes_of(tmp_path / "project", "_script.py")
    with closing(sqlite3.connect(tmp_path / "home" / "meltano.db")) as database:
        [state] = database.execute("SELECT state FROM runs").fetchone()
    assert state == "FAIL"
    assert project(tmp_path, tap_config={"rows": 3000}).run(J).status == "succeeded"
    assert set(loaded(tmp_path / "project")) == set(range(1, 3001))


@pytest.mark.parametrize("structured", [True, False])
def test_an_interrupted_run_keeps_its_bookmark(tmp_path: Path, structured: bool) -> None:
    """Ctrl-C stops the tap first, so that every loaded row is behind the bookmark; then the interrupt goes on."""
    runner = project(tmp_path, tap_config={**SLOW, "structured": structured})
    told: list[Progress] = []

    with pytest.raises(KeyboardInterrupt) as caught:
        runner.run(
            J, told.append, echo=when("incremental sync", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.5)
        )

    rows = loaded(tmp_path / "project")
    assert rows == list(range(1, len(rows) + 1))
    assert 0 < len(rows) < 3000
    assert bookmark(runner) == str(len(rows))
    assert f"j was cancelled; bookmark kept at orders {len(rows)}" in [progress.text for progress in told]
    assert isinstance(caught.value.__cause__, RunCancelledError)
    so_far = PipelineRun.model_validate(caught.value.__cause__.details["run"])
    assert [(one.name, one.status, one.loaded) for one in so_far.streams] == [("orders", "cancelled", len(rows))]
    rerun(tmp_path, len(rows) + 5)


def test_a_second_interrupt_is_quicker_and_still_leaves_nothing(tmp_path: Path) -> None:
    """A tap that will not stop is killed early when somebody insists."""
    runner = project(tmp_path, tap_config={**SLOW, "ignore_sigterm": True, "state_every": 1})
    patient = MeltanoRunner(runner.project, Graces(60, 20))
    threads = [threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)) for delay in (0.5, 1.0)]
    begun = time.monotonic()

    def start() -> None:
        for thread in threads:
            thread.start()

    with pytest.raises(KeyboardInterrupt):
        patient.run(J, echo=when("incremental sync", start))

    assert time.monotonic() - begun < 30
    assert not processes_of(tmp_path / "project", "_script.py")
    assert int(bookmark(runner) or 0) > 0


def test_a_run_past_its_time_is_stopped_with_its_bookmark(tmp_path: Path) -> None:
    """The time-out is ours: Meltano's own --timeout loses the last state."""
    runner = project(tmp_path, tap_config={**SLOW, "rows": 30_000})

    with pytest.raises(TimedOutError, match=r"took longer than 6 s") as caught:
        runner.run(J.model_copy(update={"timeout_seconds": 6}))

    rows = loaded(tmp_path / "project")
    assert rows
    assert bookmark(runner) == str(len(rows))
    run = PipelineRun.model_validate(caught.value.details["run"])
    assert (run.status, run.streams[0].status, run.streams[0].loaded) == ("cancelled", "cancelled", len(rows))
    assert "--timeout-minutes" in caught.value.instruction


def test_a_run_that_was_cancelled_from_outside_stops(tmp_path: Path) -> None:
    """Whoever asks once a second whether to go on can end it, as for a run marked as cancelled in Dagster."""
    runner = project(tmp_path, tap_config=SLOW)
    cancelled = threading.Event()

    with pytest.raises(RunCancelledError, match=r"bookmark kept at orders \d+"):
        runner.run(J, echo=when("incremental sync", cancelled.set, after=0.5), should_stop=cancelled.is_set)

    assert bookmark(runner) == str(len(loaded(tmp_path / "project")))


def test_a_stop_lets_no_further_block_begin(tmp_path: Path) -> None:
    """Meltano calls a block whose tap was stopped a success and would go on with the next one."""
    runner = project(tmp_path, tap_config=SLOW)

    with pytest.raises(KeyboardInterrupt):
        runner.run(
            RunRequest(pipeline="twice"),
            echo=when("incremental sync", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.5),
        )

    rows = loaded(tmp_path / "project")
    assert rows == list(range(1, len(rows) + 1))
    assert bookmark(runner) == str(len(rows))


def test_a_stopped_command_block_leaves_no_process(tmp_path: Path) -> None:
    """A command has no tap to stop first; it ends with Meltano."""
    runner = project(tmp_path)

    with pytest.raises(KeyboardInterrupt):
        runner.run(
            RunRequest(pipeline="slowly_built"),
            echo=when("building models", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.1),
        )

    assert not processes_of(tmp_path / "project", "_script.py")


def test_a_stop_during_discovery_leaves_no_process(tmp_path: Path) -> None:
    """The child that Meltano asks for the catalog is not among those that Meltano itself ends."""
    runner = project(tmp_path, tap_config={"discovery_pause": 60})

    with pytest.raises(KeyboardInterrupt):
        runner.run(J, echo=when("Running catalog", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.3))

    assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or [])]


def test_nothing_outlives_a_killed_process_of_ours(tmp_path: Path) -> None:
    """SIGKILL to us: the watchdog stops the tap, so the bookmark is saved; sandbox and processes go; a rerun works."""
    runner = project(tmp_path, tap_config=SLOW)
    root = tmp_path / "project"
    code = textwrap.dedent(f"""
        from pathlib import Path
        from tests.meltano.real_runs import J, project
        project(Path({str(tmp_path)!r}), tap_config={SLOW!r}).run(J, echo=lambda line: print(line, end="", flush=True))
    """)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert child.stdout is not None
    for line in child.stdout:
        if "incremental sync" in line:
            break
    time.sleep(0.5)

    child.kill()
    child.wait()
    child.stdout.close()

    deadline = time.monotonic() + 15
    while (
        list(runner.project.sandboxes.glob("*/")) or processes_of(root, "_script.py")
    ) and time.monotonic() < deadline:
        time.sleep(0.05)
    rows = loaded(root)
    assert not processes_of(root, "_script.py")
    assert not list(runner.project.sandboxes.glob("*/"))
    assert 0 < len(rows) < 3000
    assert bookmark(runner) == str(len(rows))
    rerun(tmp_path, len(rows) + 5)
    assert not list(runner.project.sandboxes.iterdir())
