"""The coordinator that starts a run at once when there is room, and the launcher that watches runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
from dagster import DagsterRunStatus
from dagster._core.launcher.base import WorkerStatus
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import RunOpConcurrency

from flext_pipelines.runs.coordinator import PromptRunCoordinator
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.liveness import host_name
from flext_pipelines.runs.location import Tag
from tests.runs.stories import make_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterInstance, DagsterRun

    from flext_pipelines.settings import Settings


@pytest.fixture
def two_at_once(settings: Settings) -> Iterator[DagsterInstance]:
    """An instance that has room for two runs."""
    with open_instance(settings.model_copy(update={"max_concurrent_runs": 2})) as instance:
        yield instance


def _new(instance: DagsterInstance) -> DagsterRun:
    run = instance.get_run_by_id(make_run(instance))
    assert run is not None
    return run


def _coordinator(instance: DagsterInstance) -> PromptRunCoordinator:
    coordinator = instance.run_coordinator
    assert isinstance(coordinator, PromptRunCoordinator)
    return coordinator


def test_there_is_room_below_the_limit_only(two_at_once: DagsterInstance) -> None:
    """Finished and waiting runs take no room; the daemon takes the coordinator for its own kind."""
    coordinator = _coordinator(two_at_once)
    make_run(two_at_once, DagsterRunStatus.SUCCESS)
    make_run(two_at_once, DagsterRunStatus.STARTED)
    assert isinstance(coordinator, QueuedRunCoordinator)
    assert coordinator.has_room(_new(two_at_once))

    make_run(two_at_once, DagsterRunStatus.STARTING)

    assert not coordinator.has_room(_new(two_at_once))


def test_nobody_passes_those_who_wait(two_at_once: DagsterInstance) -> None:
    """With a run in the queue, the next one goes behind it."""
    make_run(two_at_once, DagsterRunStatus.QUEUED)

    assert not _coordinator(two_at_once).has_room(_new(two_at_once))


def test_a_run_that_could_only_wait_for_its_pool_waits_in_the_queue(two_at_once: DagsterInstance) -> None:
    """A tap that is at work takes no second run's place."""
    run = _new(two_at_once)._replace(
        run_op_concurrency=RunOpConcurrency(root_key_counts={"tap": 1}, has_unconstrained_root_nodes=False)
    )
    coordinator = _coordinator(two_at_once)
    assert coordinator.has_room(run)

    two_at_once.event_log_storage.set_concurrency_slots("tap", 1)
    assert coordinator.has_room(run)
    two_at_once.event_log_storage.claim_concurrency_slot("tap", "other", "step")

    assert not coordinator.has_room(run)


def test_a_run_without_room_is_queued(two_at_once: DagsterInstance) -> None:
    """Submitting it starts nothing."""
    from dagster._core.run_coordinator import SubmitRunContext

    for _ in range(2):
        make_run(two_at_once, DagsterRunStatus.STARTED)

    run = _coordinator(two_at_once).submit_run(SubmitRunContext(_new(two_at_once), workspace=None))  # type: ignore[arg-type]  # no code server is reached

    assert run.status is DagsterRunStatus.QUEUED


def test_the_daemon_learns_that_a_process_is_gone(two_at_once: DagsterInstance) -> None:
    """A living process is running, one that is gone has failed, one elsewhere is believed."""
    me = psutil.Process()
    mine = {Tag.PID: str(me.pid), Tag.HOST: host_name(), Tag.PROCESS_STARTED: f"{me.create_time():.2f}"}
    cases = {
        WorkerStatus.RUNNING: [mine, {**mine, Tag.HOST: "elsewhere.example"}, {}],
        WorkerStatus.FAILED: [{**mine, Tag.PID: "4194304"}, {**mine, Tag.PROCESS_STARTED: "1.0"}],
    }

    assert two_at_once.run_launcher.supports_check_run_worker_health
    for expected, tags in cases.items():
        for one in tags:
            run = two_at_once.get_run_by_id(make_run(two_at_once, DagsterRunStatus.STARTED, tags=one))
            assert run is not None
            assert two_at_once.run_launcher.check_run_worker_health(run).status is expected
