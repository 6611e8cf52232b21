"""Runs written straight into a Dagster storage, as Dagster itself would have left them.

What belongs here: making runs and events for tests of the reading side. What does not: executing anything.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus, EventLogEntry
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
from dagster._core.test_utils import create_run_for_test
from dagster._serdes import serialize_value

from tests.runs.conftest import SAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dagster import DagsterInstance

    from flext_pipelines.settings import Settings


def make_run(
    instance: DagsterInstance,
    status: DagsterRunStatus = DagsterRunStatus.NOT_STARTED,
    *,
    job: str = "shop",
    tags: Mapping[str, str] | None = None,
) -> str:
    """A run in that status; its id."""
    origin = SAMPLE.origin(job)
    run = create_run_for_test(instance, job_name=job, status=status, tags=dict(tags or {}), remote_job_origin=origin)
    return str(run.run_id)


def entry(run_id: str, text: str, *, level: int = 20, at: float | None = None, job: str = "shop") -> EventLogEntry:
    """A line that a step wrote to its log."""
    return EventLogEntry(  # type: ignore[no-untyped-call]  # dagster gives its __new__ no types
        error_info=None,
        level=level,
        user_message=text,
        run_id=run_id,
        timestamp=time.time() if at is None else at,
        step_key="one",
        job_name=job,
    )


def log_lines(instance: DagsterInstance, run_id: str, lines: Iterable[tuple[str, int]]) -> None:
    """Lines with their levels, stored one by one as a step does."""
    for text, level in lines:
        instance.event_log_storage.store_event(entry(run_id, text, level=level))


def materialize(instance: DagsterInstance, run_id: str, path: list[str], metadata: Mapping[str, object]) -> None:
    """A planned and made asset."""
    key = dg.AssetKey(path)
    instance.report_dagster_event(
        DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
            "shop",
            step_key="one",
            event_specific_data=AssetMaterializationPlannedData(key),
        ),
        run_id,
    )
    made = dg.AssetMaterialization(key, metadata={**metadata})  # type: ignore[dict-item]  # any value Dagster takes
    instance.report_dagster_event(
        DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION.value,
            "shop",
            step_key="one",
            event_specific_data=StepMaterializationData(made),
        ),
        run_id,
    )


def check(
    instance: DagsterInstance,
    run_id: str,
    path: list[str],
    name: str,
    *,
    passed: bool,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    description: str | None = None,
    blocking: bool = False,
) -> None:
    """An evaluated asset check."""
    evaluation = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(path),
        check_name=name,
        passed=passed,
        severity=severity,
        description=description,
        blocking=blocking,
    )
    instance.report_dagster_event(
        DagsterEvent(
            DagsterEventType.ASSET_CHECK_EVALUATION.value,
            "shop",
            step_key="one",
            event_specific_data=evaluation,
            message=f"Asset check {name!r} on {'/'.join(path)!r} {'passed' if passed else 'did not pass'}.",
        ),
        run_id,
        log_level=logging.DEBUG,
    )


def fill(settings: Settings, run_id: str, number: int, *, begin: float) -> None:
    """So many lines, a second apart, straight into the run's SQLite file; every thousandth is an error."""
    text = serialize_value(entry(run_id, "line @", at=0.0))
    template = json.loads(text)
    file = settings.dagster_home / "history" / "runs" / f"{run_id}.db"

    def rows() -> Iterable[tuple[str, str, str]]:
        for line in range(number):
            level = 40 if line % 1000 == 999 else 20
            template.update(user_message=f"line {line}", timestamp=begin + line, level=level)
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(begin + line))
            yield run_id, json.dumps(template), stamp

    with sqlite3.connect(file) as connection:
        connection.executemany(
            "INSERT INTO event_logs (run_id, event, timestamp, step_key) VALUES (?, ?, ?, 'one')", rows()
        )
    connection.close()
