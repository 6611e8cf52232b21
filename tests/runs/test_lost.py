"""Runs whose process is gone without a word, marked by a command."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
from dagster import DagsterRunStatus

from flext_pipelines.runs.liveness import host_name
from flext_pipelines.runs.location import Tag
from flext_pipelines.runs.lost import mark_lost
from tests.runs.stories import make_run

if TYPE_CHECKING:
    from dagster import DagsterInstance

DEAD = {Tag.PID: "4194304", Tag.HOST: host_name(), Tag.PROCESS_STARTED: "1.0"}


def test_lost_runs_are_marked_and_no_others(instance: DagsterInstance) -> None:
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

    assert set(mark_lost(instance)) == set(lost)

    def status(run_id: str) -> DagsterRunStatus:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        return run.status

    assert {run_id: status(run_id) for run_id in lost} == lost
    assert [status(run_id) for run_id in others] == [started] * 3
    assert status(done) is DagsterRunStatus.SUCCESS
    assert mark_lost(instance) == ()


def test_the_pool_slots_of_a_lost_run_are_given_back(instance: DagsterInstance) -> None:
    """Else the next run of that tap would wait for ever."""
    storage = instance.event_log_storage
    storage.set_concurrency_slots("tap", 1)
    run_id = make_run(instance, DagsterRunStatus.STARTED, tags=DEAD)
    storage.claim_concurrency_slot("tap", run_id, "step")
    assert storage.get_concurrency_info("tap").active_slot_count == 1

    mark_lost(instance)

    assert storage.get_concurrency_info("tap").active_slot_count == 0
