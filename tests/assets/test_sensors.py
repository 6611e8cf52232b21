"""Sensors of the code location."""

from collections.abc import Iterator

import dagster as dg
import pytest

from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.sensors import Alert, alert_of, failure_alert, project_files_changed
from flext_pipelines.errors import ConfigError
from flext_pipelines.runs.location import Tag


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@dg.asset
def orders(context: dg.AssetExecutionContext) -> None:
    """An asset whose body fails for good."""
    with translated(context):
        raise ConfigError("tap-shop has no host", "Set it in meltano.yml")


def test_a_failed_run_is_one_line_that_says_what_to_do(instance: dg.DagsterInstance) -> None:
    """Run, pipeline, step, reason and instruction, whatever lines the error had."""
    result = dg.materialize([orders], instance=instance, raise_on_error=False, tags={Tag.PIPELINE: "daily"})

    alert = alert_of(result.dagster_run, instance, "Steps failed: ['orders']")

    assert str(alert) == (
        f"Run {result.run_id} of pipeline daily failed at orders: tap-shop has no host. Set it in meltano.yml. "
        "Trying again cannot help until this is changed."
    )


def test_a_run_that_failed_outside_its_steps_has_dagsters_words(instance: dg.DagsterInstance) -> None:
    """A run whose process was lost never had a step to blame."""
    run = instance.create_run_for_job(dg.GraphDefinition(name="nothing").to_job())

    alert = alert_of(run, instance, "The process of the run\nis gone")

    assert str(alert) == f"Run {run.run_id} of job nothing failed: The process of the run is gone"


def test_the_failure_sensor_reports_each_failed_run(instance: dg.DagsterInstance) -> None:
    """What it is given to report with has the alert."""
    reported: list[Alert] = []
    result = dg.materialize([orders], instance=instance, raise_on_error=False)
    event = next(one for one in result.all_events if one.is_run_failure)
    sensor = failure_alert(reported.append)
    context = dg.build_run_status_sensor_context(
        sensor.name, dagster_instance=instance, dagster_run=result.dagster_run, dagster_event=event
    ).for_run_failure()

    sensor(context)

    assert [(one.run_id, one.step) for one in reported] == [(result.run_id, "orders")]
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def _reason(loaded: str, current: str) -> str:
    sensor = project_files_changed(loaded, lambda: current)
    with dg.build_sensor_context(sensor_name=sensor.name) as context:
        answer = sensor(context)
    assert isinstance(answer, dg.SkipReason)
    return answer.skip_message or ""


def test_a_changed_project_is_noticed() -> None:
    """The definitions are older than the files: the sensor says to reload, and starts nothing."""
    assert "reload" in _reason("abc", "def")
    assert "reload" not in _reason("abc", "abc")


def test_a_project_that_broke_meanwhile_is_a_reason_and_no_crash() -> None:
    """Somebody is in the middle of an edit: the sensor repeats the error with its place."""

    def current() -> str:
        raise ConfigError("meltano.yml, line 3: mapping values are not allowed here", "Correct it")

    sensor = project_files_changed("abc", current)
    with dg.build_sensor_context(sensor_name=sensor.name) as context:
        answer = sensor(context)

    assert isinstance(answer, dg.SkipReason)
    assert "meltano.yml, line 3" in (answer.skip_message or "")
