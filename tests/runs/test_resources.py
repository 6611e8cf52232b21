"""Whether a schedule or sensor is on, from what Dagster keeps and from what the code says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster._core.remote_origin import RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    SensorInstigatorData,
)

from flext_pipelines.runs.location import REPOSITORY
from flext_pipelines.runs.resources import switched
from tests.runs.conftest import SAMPLE

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from flext_pipelines.runs.records import RunRecords
    from flext_pipelines.settings import Settings


@pytest.fixture
def stored(settings: Settings) -> Settings:
    """SQLite is enough here: ``test_records`` holds both storages and both readers to one contract."""
    return settings


def _switch(instance: DagsterInstance, name: str, kind: InstigatorType, status: InstigatorStatus) -> None:
    repository = RemoteRepositoryOrigin(SAMPLE.target().create_origins()[0], REPOSITORY)
    data = ScheduleInstigatorData("0 2 * * *") if kind is InstigatorType.SCHEDULE else SensorInstigatorData()
    instance.add_instigator_state(InstigatorState(RemoteInstigatorOrigin(repository, name), kind, status, data))


@pytest.mark.parametrize("default", [True, False])
@pytest.mark.parametrize(
    ("stored_status", "follows_default", "fixed"),
    [
        (None, True, ""),
        (InstigatorStatus.DECLARED_IN_CODE, True, ""),
        (InstigatorStatus.RUNNING, False, "running"),
        (InstigatorStatus.STOPPED, False, "stopped"),
    ],
)
def test_the_default_counts_until_somebody_switches(
    instance: DagsterInstance,
    records: RunRecords,
    stored_status: InstigatorStatus | None,
    follows_default: bool,
    fixed: str,
    default: bool,
) -> None:
    """As it does for Dagster, which keeps no row, or one that says that the code decides."""
    if stored_status is not None:
        _switch(instance, "nightly", InstigatorType.SCHEDULE, stored_status)

    (found,) = switched(records, "schedules", {"nightly": "0 2 * * *"}, {"nightly": default})

    assert found.state == (("running" if default else "stopped") if follows_default else fixed)


def test_a_sensor_that_the_code_switched_on_is_running(instance: DagsterInstance, records: RunRecords) -> None:
    """No catalogue tells its default; Dagster's row does."""
    _switch(instance, "watch", InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE)

    assert [(one.name, one.state) for one in switched(records, "sensors", {})] == [("watch", "running")]
