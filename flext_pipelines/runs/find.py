"""Finding the run that a person means, and what has become of it.

What belongs here: ids and their beginnings, the last run of a pipeline, and the status that a run has when its process
is looked at too. What does not: what is said about the run (``status``, ``logs``, ``metrics``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.errors import NotFoundError, UsageError
from flext_pipelines.runs.liveness import liveness
from flext_pipelines.runs.location import Tag, job_name
from flext_pipelines.runs.lost import LOST_INSTRUCTION, LOST_REASON
from flext_pipelines.runs.record import EventError, RunRecord
from flext_pipelines.runs.records import RunFilter

if TYPE_CHECKING:
    from flext_pipelines.runs.records import RunRecords

_FULL_ID = 36
_SHORTEST_ID = 4
_SEARCHED = 1000
"""Newest runs among which a shortened id is looked for."""


def find_run(records: RunRecords, execution_id: str | None, pipeline: str | None = None) -> RunRecord:
    """The run of that id, or whose id begins so, or the last one of the pipeline.

    Raises:
        UsageError: Neither or both are given, or the beginning fits more than one run.
        NotFoundError: There is none.
    """
    if (execution_id is None) is (pipeline is None):
        raise UsageError("Name either an execution id or a pipeline", "`flext status` lists both")
    if pipeline is not None:
        found = runs_of_pipeline(records, pipeline, 1)
        if not found:
            raise NotFoundError(
                f"Nothing called {pipeline!r} ran yet",
                "`flext status` lists what ran, `flext pipelines` what can be run",
                {"pipeline": pipeline},
            )
        return found[0]
    return _by_id(records, execution_id or "")


def _by_id(records: RunRecords, execution_id: str) -> RunRecord:
    found: list[RunRecord] = []
    if len(execution_id) >= _FULL_ID:
        run = records.run(execution_id)
        found = [run] if run else []
    elif len(execution_id) >= _SHORTEST_ID:
        newest = records.runs(RunFilter(), _SEARCHED)
        found = [run for run in newest if run.run_id.startswith(execution_id.lower())]
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} executions begin with {execution_id!r}",
            "Give more of the id",
            {"candidates": [run.run_id for run in found[:10]]},
        )
    if not found:
        raise NotFoundError(
            f"There is no execution {execution_id!r}",
            "`flext status` lists the latest; an id may be shortened to its first eight characters",
            {"execution_id": execution_id},
        )
    return found[0]


def runs_of_pipeline(
    records: RunRecords, pipeline: str, limit: int, before: str | None = None
) -> tuple[RunRecord, ...]:
    """The newest runs of a pipeline: those that carry our tag, or, when none does, those of its job."""
    tagged = records.runs(RunFilter(tags={Tag.PIPELINE: pipeline}), limit, before)
    return tagged or records.runs(RunFilter(job=job_name(pipeline)), limit, before)


def as_lost(records: RunRecords, run: RunRecord) -> tuple[RunRecord, EventError | None]:
    """The run as it is: one that the storage takes for running, but whose process is gone, has failed.

    Nothing is written; the next command that opens the instance marks it.
    """
    if run.finished or run.dagster_status == "QUEUED":
        return run, None
    worker = records.worker(run.run_id)
    if worker is None or liveness(worker) != "gone":
        return run, None
    # The run may have ended between the two looks.
    now = records.run(run.run_id) or run
    if now.finished:
        return now, None
    error = EventError(reason=LOST_REASON.format(pid=worker.pid), instruction=LOST_INSTRUCTION, code="process_lost")
    cancelled = now.dagster_status == "CANCELING"
    return now.model_copy(update={"status": "cancelled" if cancelled else "failed"}), error
