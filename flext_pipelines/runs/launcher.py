"""Dagster's own run launcher, which also knows runs that a shell performs in its own process.

Two things are added. *Terminate* reaches such a run by a signal to its recorded process, so that a run of ``flext
run`` can be cancelled from the UI and GraphQL. *Health*: the daemon asks whether the process of a run is still there,
and marks the run as failed when it is not; Dagster's default launcher cannot tell.

What belongs here: the launcher named in the generated ``dagster.yaml``. What does not: stopping with waiting and
verification (``stop``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

from flext_pipelines.runs.instance_records import worker_of_run
from flext_pipelines.runs.liveness import ask_to_end, host_name, liveness, process_of
from flext_pipelines.runs.location import Tag

if TYPE_CHECKING:
    from dagster import DagsterRun
    from dagster._core.launcher.base import LaunchRunContext


class LocalRunLauncher(DefaultRunLauncher):
    """Starts runs on code servers of this machine; ends and watches those and the ones in a shell's process."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start the run on its code server; the tag says on which machine it runs."""
        self._instance.add_run_tags(context.dagster_run.run_id, {Tag.HOST: host_name()})
        super().launch_run(context)

    def terminate(self, run_id: str) -> bool:
        """Ask the run's process to end, which saves what it can. True when it was asked."""
        run = self._instance.get_run_by_id(run_id) if self.has_instance else None
        if run is None or run.is_finished:
            return False
        if Tag.GRPC_INFO in run.tags:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]  # Dagster leaves it untyped
        worker = worker_of_run(self._instance, run)
        process = process_of(worker) if worker is not None and liveness(worker) == "alive" else None
        if process is None:
            return False
        self._instance.report_run_canceling(run)
        ask_to_end(process)
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        """The daemon may ask."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is there; unknown processes get the benefit of the doubt."""
        worker = worker_of_run(self._instance, run)
        if worker is None or liveness(worker) != "gone":
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, f"The process of the run (pid {worker.pid}) is gone")
