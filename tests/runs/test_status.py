"""What is said of runs: one in full, lists, and how things stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster import DagsterRunStatus

from flext_pipelines.errors import NotFoundError, UsageError
from flext_pipelines.runs.gateway import Runs
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.launch import launch
from flext_pipelines.runs.liveness import host_name
from flext_pipelines.runs.location import RUN_STATUS, Tag
from flext_pipelines.runs.status import list_runs, overview, pipeline_status
from flext_pipelines.runs.storage import open_records
from tests.runs.conftest import SAMPLE
from tests.runs.stories import check, make_run, materialize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterInstance

    from flext_pipelines.runs.records import RunRecords
    from flext_pipelines.settings import Settings

DEAD = {Tag.PID: "4194304", Tag.HOST: host_name(), Tag.PROCESS_STARTED: "1.0"}
"""Tags of a run whose process cannot be there: its number is above the kernel's highest."""


@pytest.fixture
def stored(settings: Settings) -> Settings:
    """SQLite is enough here: ``test_records`` holds both storages and both readers to one contract."""
    return settings


@pytest.fixture
def records(stored: Settings, instance: DagsterInstance) -> Iterator[RunRecords]:
    """The reader of a shell, on a home that an instance has made."""
    reader = open_records(stored)
    yield reader
    reader.close()


@pytest.fixture
def runs(settings: Settings) -> Iterator[Runs]:
    """The port on a home of this test."""
    port = Runs(settings, SAMPLE)
    yield port
    port.close()


def test_every_status_is_told(instance: DagsterInstance, records: RunRecords) -> None:
    """A status of one of the five words, with a progress that fits, for every status of Dagster."""
    for status in DagsterRunStatus:
        run_id = make_run(instance, status)

        told = pipeline_status(records, run_id)

        assert told.status == RUN_STATUS[status.value]
        assert told.progress == {"completed": 1.0, "pending": 0.0}.get(told.status)
        assert (told.error is not None) is (told.status in {"failed", "cancelled"})


def test_a_completed_run_is_told_in_full(runs: Runs, settings: Settings) -> None:
    """Counts, times, who and through which door."""
    run_id = launch(settings, "shop", tags={Tag.ACTOR: "ana", Tag.SOURCE: "cli"}, code=SAMPLE)

    told = runs.status(run_id)

    assert (told.status, told.progress, told.assets_done, told.assets_planned) == ("completed", 1.0, 2, 2)
    assert (told.pipeline, told.actor, told.source, told.steps_done) == ("shop", "ana", "cli", 1)
    assert told.seconds is not None
    assert 0 < told.seconds < 60
    assert told.error is None
    assert told.logs == ()


def test_a_failed_run_says_why_and_what_to_do(runs: Runs, settings: Settings) -> None:
    """Reason, instruction, code and details are those that the step gave."""
    told = runs.status(launch(settings, "fail_job", code=SAMPLE), include_logs=True)

    assert told.status == "failed"
    assert told.error is not None
    assert told.error.reason == "The tap failed at row 7"
    assert told.error.instruction == "Check the source"
    assert (told.error.code, told.error.step) == ("extract_failed", "fail")
    assert told.error.details == {"row": 7}
    assert told.logs[-1].kind == "RUN_FAILURE"


def test_an_exception_of_a_step_is_told_without_its_stack(runs: Runs, settings: Settings) -> None:
    """The exception's own text, below those that Dagster wraps around it."""
    told = runs.status(launch(settings, "crash_job", code=SAMPLE))

    assert told.error is not None
    assert (told.error.reason, told.error.code, told.error.step) == ("some detail", "ValueError", "crash")


def test_a_run_in_the_midst_has_a_progress(instance: DagsterInstance, records: RunRecords) -> None:
    """The made part of the planned assets."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    materialize(instance, run_id, ["shop", "orders"], {})
    assert pipeline_status(records, run_id).progress == 1.0

    with pytest.raises(NotFoundError):
        pipeline_status(records, "ffffffff")


def test_a_failed_check_is_told_of_a_run_that_completed(instance: DagsterInstance, records: RunRecords) -> None:
    """The last word of a check counts: what was mended by another try has passed."""
    run_id = make_run(instance, DagsterRunStatus.SUCCESS)
    check(instance, run_id, ["shop", "orders"], "contract", passed=False, description="3 rows")
    check(instance, run_id, ["shop", "items"], "contract", passed=False)
    check(instance, run_id, ["shop", "items"], "contract", passed=True)

    told = pipeline_status(records, run_id)

    assert told.status == "completed"
    assert [(one.asset, one.check, one.severity, one.description) for one in told.checks_failed] == [
        ("shop/orders", "contract", "error", "3 rows")
    ]


def test_a_run_whose_process_is_gone_has_failed(instance: DagsterInstance, records: RunRecords) -> None:
    """The storage still says that it runs; the query says that it failed, why, and writes nothing."""
    for status in (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED):
        run_id = make_run(instance, status, tags=DEAD)

        told = pipeline_status(records, run_id)

        assert (told.status, told.dagster_status) == ("failed", status.value)
        assert told.error is not None
        assert "4194304" in told.error.reason
        assert "last bookmark" in told.error.instruction
        stored = instance.get_run_by_id(run_id)
        assert stored is not None
        assert stored.status is status


def test_a_lost_run_that_was_being_cancelled_is_cancelled(instance: DagsterInstance, records: RunRecords) -> None:
    """It came to what was asked for."""
    run_id = make_run(instance, DagsterRunStatus.CANCELING, tags=DEAD)

    assert pipeline_status(records, run_id).status == "cancelled"


def test_a_run_on_another_machine_is_not_called_dead(instance: DagsterInstance, records: RunRecords) -> None:
    """Where we cannot look, the storage is believed."""
    run_id = make_run(instance, DagsterRunStatus.STARTED, tags={**DEAD, Tag.HOST: "elsewhere.example"})

    assert pipeline_status(records, run_id).status == "running"


def test_the_last_run_of_a_pipeline_with_those_before(instance: DagsterInstance, records: RunRecords) -> None:
    """By our tag, newest first; a pipeline that never ran is named."""
    ids = [make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "wms-daily"}) for _ in range(4)]
    make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "other"})

    told = pipeline_status(records, pipeline="wms-daily", previous=2)

    assert told.execution_id == ids[3]
    assert [run.execution_id for run in told.previous] == [ids[2], ids[1]]
    with pytest.raises(NotFoundError, match="never-ran"):
        pipeline_status(records, pipeline="never-ran")


def test_runs_launched_from_the_ui_count_by_their_job(instance: DagsterInstance, records: RunRecords) -> None:
    """A run without our tag is found by the pipeline's job."""
    run_id = make_run(instance, DagsterRunStatus.SUCCESS, job="wms_daily")

    assert pipeline_status(records, pipeline="wms-daily").execution_id == run_id


def test_the_beginning_of_an_id_is_enough(instance: DagsterInstance, records: RunRecords) -> None:
    """Eight characters, as people copy them; neither or both names is a wrong call."""
    run_id = make_run(instance)

    assert pipeline_status(records, run_id[:8]).execution_id == run_id
    with pytest.raises(NotFoundError):
        pipeline_status(records, "abc")
    with pytest.raises(UsageError):
        pipeline_status(records)
    with pytest.raises(UsageError):
        pipeline_status(records, run_id, "shop")


def test_an_ambiguous_beginning_is_refused(instance: DagsterInstance, records: RunRecords) -> None:
    """With the ids that it could mean."""
    for tail in ("1", "2"):
        instance.add_run(
            instance.get_run_by_id(make_run(instance))._replace(run_id=f"aaaaaaaa-0000-0000-0000-00000000000{tail}")  # type: ignore[union-attr]  # just made
        )

    with pytest.raises(UsageError, match="2 executions") as caught:
        pipeline_status(records, "aaaaaaaa")
    assert len(caught.value.details["candidates"]) == 2  # type: ignore[arg-type]  # a list of ids


def test_a_queued_run_without_a_daemon_says_so(instance: DagsterInstance, records: RunRecords) -> None:
    """A person who waits learns that nobody empties the queue."""
    told = pipeline_status(records, make_run(instance, DagsterRunStatus.QUEUED))

    assert told.status == "pending"
    assert "no Dagster daemon" in told.note


def test_runs_are_listed_in_pages(instance: DagsterInstance, records: RunRecords) -> None:
    """By pipeline and state; the last page has no cursor."""
    good = [make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "a"}) for _ in range(3)]
    make_run(instance, DagsterRunStatus.FAILURE, tags={Tag.PIPELINE: "a"})
    make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "b"})

    first = list_runs(records, pipeline="a", status="completed", limit=2)
    second = list_runs(records, pipeline="a", status="completed", limit=2, cursor=first.cursor)

    assert [run.execution_id for run in first.runs] == [good[2], good[1]]
    assert [run.execution_id for run in second.runs] == [good[0]]
    assert second.cursor is None


def test_how_things_stand(instance: DagsterInstance, records: RunRecords) -> None:
    """The last run of each pipeline, what runs, waits and failed; a lost run counts as failed."""
    make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "a"})
    running = make_run(instance, DagsterRunStatus.STARTED, tags={Tag.PIPELINE: "a"})
    lost = make_run(instance, DagsterRunStatus.STARTED, tags={Tag.PIPELINE: "b", **DEAD})
    queued = make_run(instance, DagsterRunStatus.QUEUED)
    failed = make_run(instance, DagsterRunStatus.FAILURE, tags={Tag.PIPELINE: "c"})

    now = overview(records)

    assert [run.execution_id for run in now.pipelines] == [failed, lost, running]
    assert [run.execution_id for run in now.running] == [running]
    assert [run.execution_id for run in now.queued] == [queued]
    assert [run.execution_id for run in now.failures] == [failed, lost]
    assert now.counts == {"pending": 1, "running": 1, "completed": 1, "failed": 2, "cancelled": 0}
    assert not now.daemon_alive


def test_a_schedule_is_a_door_too(settings: Settings) -> None:
    """Runs that Dagster makes by itself say so."""
    with open_instance(settings) as instance:
        run_id = make_run(instance, tags={Tag.SCHEDULE: "nightly"})
        port = Runs(settings)

        assert port.status(run_id).source == "schedule"
        assert port.status(make_run(instance)).source == "dagster"
        port.close()
