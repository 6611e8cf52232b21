"""Runs whose process is gone without a word: killed, or lost with its machine.

The storage says that such a run goes on, for ever. A query reports it as failed (``status``); the next command that
opens the instance marks it, ends what it left behind, and gives its pool slots back, without which the next run of the
same tap would wait for ever.

What belongs here: finding and marking those runs. What does not: runs that are only slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.runs.liveness import ask_to_end, kill, liveness, processes_of_run, wait_until_gone

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun

    from flext_pipelines.runs.record import WorkerProcess

LOST_REASON = "The process that performed the run (pid {pid}) is gone without having finished it"
LOST_INSTRUCTION = (
    "It was killed, ran out of memory, or its machine went down. "
    "Run the pipeline again: it goes on from the last bookmark"
)
_LEFTOVER_GRACE_SECONDS = 10.0


def mark_lost(instance: DagsterInstance) -> tuple[str, ...]:
    """Mark every lost run of this machine as failed, or as cancelled when that was asked for.

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
            mark_as_lost(instance, run, worker)
            marked.append(run.run_id)
    return tuple(marked)


def lost_worker(instance: DagsterInstance, run: DagsterRun) -> WorkerProcess | None:
    """The worker of a run, if it is known and gone."""
    from flext_pipelines.runs.instance_records import worker_of_run

    worker = worker_of_run(instance, run)
    return worker if worker is not None and liveness(worker) == "gone" else None


def mark_as_lost(instance: DagsterInstance, run: DagsterRun, worker: WorkerProcess) -> None:
    """End what the run left behind, mark it, and give its pool slots back."""
    from dagster import DagsterRunStatus

    left = processes_of_run(run.run_id, None)
    for process in left:
        ask_to_end(process)
    kill(wait_until_gone(left, _LEFTOVER_GRACE_SECONDS))
    now = instance.get_run_by_id(run.run_id)
    if now is None or now.is_finished:
        return
    reason = LOST_REASON.format(pid=worker.pid)
    if now.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(now, f"{reason}.")
    else:
        instance.report_run_failed(now, f"{reason}. {LOST_INSTRUCTION}.")
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
