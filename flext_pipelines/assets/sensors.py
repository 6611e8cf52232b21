"""Sensors: one clear line for each failed run, and a word when the project's files are newer than its definitions.

Neither sends anything outside. A site that wants more gives ``failure_alert`` another ``report``.

What belongs here: what Dagster's daemon evaluates. What does not: delivery of alerts.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg

from flext_pipelines.errors import FlextError
from flext_pipelines.runs.location import Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster import DagsterRun

log = logging.getLogger("flext.alerts")
FAILURE_SENSOR = "failure_alert"
STALE_SENSOR = "project_files_changed"


class Alert(NamedTuple):
    """A failed run in one line.

    Attributes:
        run_id: The Dagster run.
        job: Its job.
        pipeline: The Meltano pipeline, if it ran one.
        step: The first step that failed, if a step did.
        text: What happened and what to do.
    """

    run_id: str
    job: str
    pipeline: str | None
    step: str | None
    text: str

    def __str__(self) -> str:
        """One line, whatever the error's text holds."""
        of = f"pipeline {self.pipeline}" if self.pipeline else f"job {self.job}"
        at = f" at {self.step}" if self.step else ""
        return f"Run {self.run_id} of {of} failed{at}: {' '.join(self.text.split())}"


def alert_of(run: DagsterRun, instance: dg.DagsterInstance, message: str) -> Alert:
    """The alert of a failed run, from the first step failure it recorded.

    Args:
        run: The run.
        instance: Where its events are.
        message: Dagster's own words, for a run that failed outside its steps.
    """
    found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=1).records
    event = found[0].event_log_entry.dagster_event if found else None
    text, step = message, None
    if event is not None:
        step = event.step_key
        data = event.step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        text = described or (data.error.message if data.error else message)
    return Alert(run.run_id, run.job_name, run.tags.get(Tag.PIPELINE), step, text)


def _log_alert(alert: Alert) -> None:
    log.error("%s", alert)


def failure_alert(report: Callable[[Alert], None] = _log_alert) -> dg.SensorDefinition:
    """The sensor that reports each failed run of this code location once.

    Args:
        report: Takes the alert; by default one line of the log ``flext.alerts``.
    """

    @dg.run_failure_sensor(
        name=FAILURE_SENSOR,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports each failed run once, in one line that says what to do.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        alert = alert_of(context.dagster_run, context.instance, context.failure_event.message or "")
        context.log.error(str(alert))
        report(alert)

    return sensor


def project_files_changed(loaded: str, current: Callable[[], str]) -> dg.SensorDefinition:
    """The sensor that says when ``meltano.yml``, or what it includes, is newer than these definitions.

    A code server reads the project once; what changed since is seen after a reload, which only a person or the
    webserver can ask for. So the sensor launches nothing.

    Args:
        loaded: Fingerprint of the project that the definitions were made from.
        current: Gives the fingerprint of now.
    """

    @dg.sensor(
        name=STALE_SENSOR,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Says when the Meltano project is newer than what Dagster has loaded.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        try:
            now = current()
        except FlextError as error:
            return dg.SkipReason(f"The Meltano project cannot be read: {error}")
        if now == loaded:
            return dg.SkipReason("The definitions are those of the project's files")
        if context.cursor != now:
            context.update_cursor(now)
            context.log.warning("The Meltano project changed: reload this code location to see it")
        return dg.SkipReason("The Meltano project changed: reload this code location to see it")

    return sensor
