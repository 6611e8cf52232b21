"""Runs whose process is gone without a word, marked by a command."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from dagster import DagsterRunStatus

from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.liveness import host_name
from flext_pipelines.runs.location import Tag
from flext_pipelines.runs.lost import mark_lost
from flext_pipelines.settings import Settings
from tests.meltano.projects import loaded
from tests.meltano.real_runs import bookmark, processes_of, project
from tests.runs.conftest import CHECKOUT
from tests.runs.stories import make_run

if TYPE_CHECKING:
    from dagster import DagsterInstance

DEAD = {Tag.PID: "4194304", Tag.HOST: host_name(), Tag.PROCESS_STARTED: "1.0"}


def test_lost_runs_are_marked_and_no_others(stored: Settings, instance: DagsterInstance) -> None:
    """Failed, or cancelled when that was asked for; the living, the far away and the unknown are left alone."""
    me = psutil.Process(os.getpid())
    alive = {Tag.PID: str(me.pid), Tag.HOST: host_name(), Tag.PROCESS_STARTED: f"{me.create_time():.2f}"}
    started = DagsterRunStatus.STARTED
    lost = {
        make_run(instance, started, tags=DEAD): DagsterRunStatus.FAILURE,
        make_run(instance, DagsterRunStatus.NOT_STARTED, tags=DEAD): DagsterRunStatus.FAILURE,
        make_run(instance, DagsterRunStatus.CANCELING, tags=DEAD): DagsterRunStatus.CANCELED,
    }
    others = [
        make_run(instance, started, tags=alive),
        make_run(instance, started, tags={**DEAD, Tag.HOST: "elsewhere.example"}),
        make_run(instance, started),
    ]
    done = make_run(instance, DagsterRunStatus.SUCCESS, tags=DEAD)

    assert set(mark_lost(instance, stored)) == set(lost)

    def status(run_id: str) -> DagsterRunStatus:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    assert {run_id: status(run_id) for run_id in lost} == lost
    assert [status(run_id) for run_id in others] == [started] * 3
    assert status(done) is DagsterRunStatus.SUCCESS
    assert mark_lost(instance, stored) == ()


def test_the_pool_slots_of_a_lost_run_are_given_back(stored: Settings, instance: DagsterInstance) -> None:
    """Else the next run of that tap would wait for ever."""
    storage = instance.event_log_storage
    storage.set_concurrency_slots("tap", 1)
    run_id = make_run(instance, DagsterRunStatus.STARTED, tags=DEAD)
    storage.claim_concurrency_slot("tap", run_id, "step")
    assert storage.get_concurrency_info("tap").active_slot_count == 1

    mark_lost(instance, stored)

    assert storage.get_concurrency_info("tap").active_slot_count == 0


@pytest.mark.process
def test_a_killed_run_keeps_its_bookmark_though_the_next_command_comes_at_once(tmp_path: Path) -> None:
    """The command waits for the watchdog, which stops the tap first and lets the target drain."""
    slow = {"rows": 3000, "pause": 1.5}  # so long it takes to end when told to
    runner = project(tmp_path, tap_config=slow)
    settings = Settings(home=tmp_path / "home", actor="tester")
    with open_instance(settings) as instance:
        run_id = make_run(instance, DagsterRunStatus.STARTED, tags=DEAD)
        code = textwrap.dedent(f"""
            from pathlib import Path
            from tests.meltano.real_runs import J, project
            request = J.model_copy(update={{"run_id": {run_id!r}}})
            tell = lambda line: print(line, end="", flush=True)
            project(Path({str(tmp_path)!r}), tap_config={slow!r}).run(request, echo=tell)
        """)
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as child:
            assert child.stdout is not None
            next(line for line in child.stdout if "incremental sync" in line)
            time.sleep(0.5)
            child.kill()

        assert mark_lost(instance, settings) == (run_id,)

    rows = loaded(tmp_path / "project")
    assert rows
    assert bookmark(runner) == str(len(rows))
    assert not processes_of(tmp_path / "project", "_script.py")
