"""A Dagster run coordinator that starts a run at once when there is room for it.

Dagster's queue is looked at in intervals by its daemon (5 s unless told otherwise), which is most of what a user
waits for after pressing Launch; without a daemon a queued run never starts. Dagster's other coordinator starts
everything at once, without a limit. This one has the limit and the speed: below the limit a run starts at once,
above it the run waits in Dagster's own queue, from where Dagster's daemon takes it as ever.

Two launches in the same moment may both see the last free place, so that the limit can be passed by the number of
launches in that moment. Pools, which guard the Singer state, are enforced by Dagster when a step starts.

What belongs here: the coordinator named in the generated ``dagster.yaml``. What does not: launching (``launcher``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator
from dagster._core.storage.dagster_run import ACTIVE_RUN_STATUSES

if TYPE_CHECKING:
    from dagster import DagsterRun
    from dagster._core.run_coordinator import SubmitRunContext
    from dagster._utils.concurrency import ConcurrencyKeyInfo


class PromptRunCoordinator(QueuedRunCoordinator[DagsterInstance]):
    """Dagster's queue, passed by when there is room."""

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Start the run, or put it into the queue.

        Args:
            context: The run, and the workspace whose code server starts it.
        """
        run = context.dagster_run
        if run.status is DagsterRunStatus.NOT_STARTED and self.has_room(run):
            return self._instance.launch_run(run.run_id, context.workspace)
        return super().submit_run(context)

    def has_room(self, run: DagsterRun) -> bool:
        """Whether the run may pass the queue: nobody waits, and neither the runs' limit nor its pools are used up.

        With limits per tag, whose counting is the queue's business, every run goes through the queue.
        """
        limits = self._instance.get_concurrency_config().run_queue_config
        if limits is None or limits.tag_concurrency_limits:
            return False
        if self._instance.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.QUEUED])):
            return False
        if limits.max_concurrent_runs >= 0:
            active = self._instance.get_runs_count(RunsFilter(statuses=ACTIVE_RUN_STATUSES))
            if active >= limits.max_concurrent_runs:
                return False
        return not self._waits_for_pools(run)

    def _waits_for_pools(self, run: DagsterRun) -> bool:
        """Whether every step that the run could begin with needs a pool that is full."""
        wanted = run.run_op_concurrency
        if wanted is None or wanted.has_unconstrained_root_nodes or not wanted.root_key_counts:
            return False
        storage = self._instance.event_log_storage
        known = storage.get_concurrency_keys()
        return all(pool in known and _is_full(storage.get_concurrency_info(pool)) for pool in wanted.root_key_counts)


def _is_full(pool: ConcurrencyKeyInfo) -> bool:
    return pool.active_slot_count >= pool.slot_count
