"""Runs whose process is gone without a word: killed, or lost with its machine.

The storage says that such a run goes on, for ever. A query reports it as failed (``status``); the next command that
opens the instance marks it, ends what it left behind, and gives its pool slots back, without which the next run of the
same tap would wait for ever.

The watchdog of a killed run stops it from the tap downwards, so that the bookmark is saved (``meltano/watchdog``).
Whoever asked Meltano to end meanwhile would lose that bookmark, so the watchdog is waited for first: while it works, it
holds the lock of the run's sandbox.

What belongs here: finding and marking those runs. What does not: runs that are only slow.
"""

from __future__ import annotations

import fcntl
import logging
import time
from typing import TYPE_CHECKING

from flext_pipelines.runs.liveness import ask_to_end, kill, liveness, processes_of_run, wait_until_gone

if TYPE_CHECKING:
    from pathlib import Path

    from dagster import DagsterInstance, DagsterRun

    from flext_pipelines.runs.record import WorkerProcess
    from flext_pipelines.settings import Settings

log = logging.getLogger("flext.runs")

LOST_REASON = "The process that performed the run (pid {pid}) is gone without having finished it"
LOST_INSTRUCTION = (
    "It was killed, ran out of memory, or its machine went down. "
    "Run the pipeline again: it goes on from the last bookmark"
)
_LEFTOVER_GRACE_SECONDS = 10.0
STOP_LADDER_MARGIN_SECONDS = 15.0
"""What a stop may take beyond the ladder's two waits: the ends of plugins, and killing what is left."""
_POLL_SECONDS = 0.05


def stop_ladder_seconds(settings: Settings) -> float:
    """How long a run may take to stop with its bookmark saved."""
    return settings.stop_tap_grace_seconds + settings.stop_meltano_grace_seconds + STOP_LADDER_MARGIN_SECONDS


def mark_lost(instance: DagsterInstance, settings: Settings) -> tuple[str, ...]:
    """Mark every lost run of this machine as failed, or as cancelled when that was asked for.

    Args:
        instance: Where the runs are recorded.
        settings: Where runs have their sandboxes, and how long a stop may take.

    Returns:
        Their run ids.
    """
    from dagster import DagsterRunStatus, RunsFilter
    from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

    marked = []
    begun = [*IN_PROGRESS_RUN_STATUSES, DagsterRunStatus.NOT_STARTED]
    for run in instance.get_runs(RunsFilter(statuses=begun)):
        worker = lost_worker(instance, run)
        if worker is not None:
            mark_as_lost(instance, run, worker, settings.runs_folder, stop_ladder_seconds(settings))
            marked.append(run.run_id)
    return tuple(marked)


def lost_worker(instance: DagsterInstance, run: DagsterRun) -> WorkerProcess | None:
    """The worker of a run, if it is known and gone."""
    from flext_pipelines.runs.instance_records import worker_of_run

    worker = worker_of_run(instance, run)
    return worker if worker is not None and liveness(worker) == "gone" else None


def mark_as_lost(
    instance: DagsterInstance, run: DagsterRun, worker: WorkerProcess, sandboxes: Path, patience_seconds: float
) -> int:
    """End what the run left behind, mark it, and give its pool slots back; how many processes had to be killed.

    Args:
        instance: Where the run is recorded.
        run: A run whose worker is gone.
        worker: That process.
        sandboxes: Where runs have their sandboxes.
        patience_seconds: How long the run's watchdog may take to stop it; after that, or when there is none, what is
            left is asked to end and then killed.
    """
    from dagster import DagsterRunStatus

    _wait_for_watchdog(sandboxes, run.run_id, patience_seconds)
    left = processes_of_run(run.run_id, None)
    for process in left:
        ask_to_end(process)
    refused = wait_until_gone(left, _LEFTOVER_GRACE_SECONDS)
    kill(refused)
    now = instance.get_run_by_id(run.run_id)
    if now is None or now.is_finished:
        return len(refused)
    reason = LOST_REASON.format(pid=worker.pid)
    if now.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(now, f"{reason}.")
    else:
        instance.report_run_failed(now, f"{reason}. {LOST_INSTRUCTION}.")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(refused)


def _wait_for_watchdog(sandboxes: Path, run_id: str, seconds: float) -> None:
    """Wait while somebody still stops the run; nothing is waited for when its watchdog is gone too."""
    deadline = time.monotonic() + seconds
    told = False
    while time.monotonic() < deadline and any(_is_held(file) for file in sandboxes.glob(f"{run_id}-*.json")):
        if not told:
            told = True
            log.warning("The process of run %s was killed; waiting up to %g s for its bookmark", run_id, seconds)
        time.sleep(_POLL_SECONDS)


def _is_held(lock: Path) -> bool:
    """Whether a process holds the lock file; looking does not keep anybody else from taking it."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
