"""Stopping a run, and making sure that it is stopped: its process and all that it started are gone.

The run's op stops the tap first, so that the bookmark is saved (the stop ladder of ``meltano/process``); the waits here
are longer than that ladder. Only a run that is still there after them is killed.

What belongs here: asking, waiting, verifying, killing. What does not: the ladder itself; finding lost runs (``lost``).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flext_pipelines.errors import NotFoundError, UnavailableError
from flext_pipelines.runs.failures import storage_errors
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.liveness import (
    ask_to_end,
    kill,
    liveness,
    process_of,
    processes_of_run,
    still_there,
    wait_until_gone,
)
from flext_pipelines.runs.location import RUN_STATUS, RunStatus
from flext_pipelines.runs.lost import mark_as_lost, stop_ladder_seconds
from flext_pipelines.runs.records import worker_of_tags
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from pathlib import Path

    import psutil
    from dagster import DagsterInstance, DagsterRun

    from flext_pipelines.runs.record import WorkerProcess
    from flext_pipelines.settings import Settings

_POLL_SECONDS = 0.1
_LEFTOVER_SECONDS = 5.0


class StopResult(Value):
    """What came of stopping a run.

    Attributes:
        execution_id: The run.
        status: Its state now.
        already_finished: It had ended before; nothing was done.
        killed: Processes that had to be killed because they did not end when asked.
        seconds: How long it took until all were gone.
        note: The same in a sentence, for people.
    """

    execution_id: str
    status: RunStatus
    already_finished: bool = False
    killed: int = 0
    seconds: float = 0.0
    note: str


def stop(
    settings: Settings, execution_id: str, *, force: bool = False, timeout_seconds: float | None = None
) -> StopResult:
    """Stop a run and wait until it is gone. To stop a finished run is no error.

    Args:
        settings: Whose Dagster home, and the waits of the stop ladder.
        execution_id: The full id of the run.
        force: Kill it at once. Its last bookmark may be lost, so that the next run reads some rows again.
        timeout_seconds: How long it may take to end before it is killed; by default the stop ladder and a little.

    Raises:
        NotFoundError: There is no such run.
        UnavailableError: It runs on another machine and cannot be reached from here.
    """
    began = time.monotonic()
    grace = 0.0 if force else timeout_seconds if timeout_seconds is not None else stop_ladder_seconds(settings)
    with storage_errors(f"in {settings.dagster_home}"), open_instance(settings) as instance:
        run = instance.get_run_by_id(execution_id)
        if run is None:
            raise NotFoundError(
                f"There is no execution {execution_id!r}", "`flext status` lists them", {"execution_id": execution_id}
            )
        before = run.status.value
        if run.is_finished:
            ours = RUN_STATUS[before]
            return StopResult(
                execution_id=execution_id, status=ours, already_finished=True, note=f"It had {ours} already"
            )
        killed = _stop(instance, run, settings.runs_folder, grace)
        now = instance.get_run_by_id(execution_id) or run
        status = RUN_STATUS[now.status.value]
        how = f"{killed} of its processes had to be killed" if killed else "all of its processes ended when asked"
        return StopResult(
            execution_id=execution_id,
            status=status,
            killed=killed,
            seconds=round(time.monotonic() - began, 2),
            note=f"It was {'waiting' if RUN_STATUS[before] == 'pending' else 'running'} and is {status} now; {how}",
        )


def _stop(instance: DagsterInstance, run: DagsterRun, sandboxes: Path, grace: float) -> int:
    """Stop a run that has not ended; the number of processes that had to be killed."""
    from dagster import DagsterRunStatus

    if run.status is DagsterRunStatus.QUEUED and instance.run_coordinator.cancel_run(run.run_id):
        return 0
    if run.status is DagsterRunStatus.NOT_STARTED and worker_of_tags(run.tags) is None:
        instance.report_run_canceled(run, "Cancelled before it was started.")
        return 0
    worker = _worker(instance, run)
    where = liveness(worker) if worker is not None else None
    if where == "elsewhere":
        return _stop_elsewhere(instance, run, worker, grace)
    if worker is None or where == "gone":
        return _stop_without_worker(instance, run, worker, sandboxes, grace)
    _ask(instance, run, worker)
    processes = _wait(instance, run.run_id, worker, grace)
    return _clean_up(instance, run, worker, processes)


def _worker(instance: DagsterInstance, run: DagsterRun, seconds: float = 10.0) -> WorkerProcess | None:
    """The run's process; one that a launcher has just begun to start is waited for."""
    from dagster import DagsterRunStatus

    from flext_pipelines.runs.instance_records import worker_of_run

    deadline = time.monotonic() + seconds
    while True:
        worker = worker_of_run(instance, run)
        now = instance.get_run_by_id(run.run_id)
        starting = now is not None and now.status is DagsterRunStatus.STARTING
        if worker is not None or not starting or time.monotonic() >= deadline:
            return worker
        time.sleep(_POLL_SECONDS)


def _ask(instance: DagsterInstance, run: DagsterRun, worker: WorkerProcess) -> None:
    """Ask the run's process to end: through its code server, or by a signal where that does not answer."""
    from dagster._core.errors import DagsterUserCodeProcessError, DagsterUserCodeUnreachableError

    try:
        asked = instance.run_launcher.terminate(run.run_id)
    except (DagsterUserCodeUnreachableError, DagsterUserCodeProcessError):
        asked = False
    if asked:
        return
    now = instance.get_run_by_id(run.run_id)
    if now is not None and not now.is_finished:
        instance.report_run_canceling(now)
        if (process := process_of(worker)) is not None:
            ask_to_end(process)


def _wait(instance: DagsterInstance, run_id: str, worker: WorkerProcess, grace: float) -> dict[int, psutil.Process]:
    """Wait until the run has ended or the time is up. The processes that were seen to be its own, by pid."""
    deadline = time.monotonic() + grace
    seen: dict[int, psutil.Process] = {}
    look_again = 0.0
    while True:
        now = time.monotonic()
        if now >= look_again:
            for process in processes_of_run(run_id, worker):
                seen.setdefault(process.pid, process)
            look_again = now + 1.0
        run = instance.get_run_by_id(run_id)
        if run is None or run.is_finished or process_of(worker) is None or now >= deadline:
            return seen
        time.sleep(_POLL_SECONDS)


def _clean_up(
    instance: DagsterInstance, run: DagsterRun, worker: WorkerProcess, seen: dict[int, psutil.Process]
) -> int:
    """See that nothing is left, killing what is, and that the storage says so.

    A shell's process may perform a run and live on: when the run has ended, the process itself is not touched, and of
    its children only those that are known by the run's id.
    """
    now = instance.get_run_by_id(run.run_id) or run
    if now.is_finished and process_of(worker) is not None:
        own = {process.pid for process in processes_of_run(run.run_id, None)}
        mine = [process for pid, process in seen.items() if pid in own]
    else:
        mine = list(seen.values())
    left = wait_until_gone(mine, _LEFTOVER_SECONDS) if now.is_finished else still_there(mine)
    kill(left)
    wait_until_gone(left, _LEFTOVER_SECONDS)
    now = instance.get_run_by_id(run.run_id) or run
    if not now.is_finished:
        instance.report_run_canceled(now, "The run did not end when asked and was killed.")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(left)


def _stop_without_worker(
    instance: DagsterInstance, run: DagsterRun, worker: WorkerProcess | None, sandboxes: Path, grace: float
) -> int:
    """The run's process is gone, or was never recorded: mark the run and end what it left; how many were killed."""
    instance.report_run_canceling(run)
    if worker is not None:
        return mark_as_lost(instance, run, worker, sandboxes, grace)
    instance.run_launcher.terminate(run.run_id)
    now = instance.get_run_by_id(run.run_id) or run
    if not now.is_finished:
        instance.report_run_canceled(now, "Cancelled; no process of the run was recorded.")
    return 0


def _stop_elsewhere(instance: DagsterInstance, run: DagsterRun, worker: WorkerProcess | None, grace: float) -> int:
    """The run is on another machine: ask its launcher, and wait for the storage to say that it ended."""
    host = worker.host if worker else None
    if instance.run_launcher.terminate(run.run_id):
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            now = instance.get_run_by_id(run.run_id)
            if now is None or now.is_finished:
                return 0
            time.sleep(_POLL_SECONDS)
    raise UnavailableError(
        f"Execution {run.run_id} runs on {host} and could not be ended from here",
        f"Stop it on {host}: `flext stop {run.run_id}`",
        {"execution_id": run.run_id, "host": host},
    )
