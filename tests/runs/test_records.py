"""The two readers of the run storage keep one contract, on SQLite and on PostgreSQL."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from flext_pipelines.errors import DataDamagedError, UnavailableError
from flext_pipelines.runs.home import prepare_home
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.instance_records import InstanceRecords
from flext_pipelines.runs.launch import launch
from flext_pipelines.runs.location import RUN_STATUS, Meta, Tag
from flext_pipelines.runs.record import CheckResult
from flext_pipelines.runs.records import RunFilter, last_event
from flext_pipelines.runs.sql_records import SqlRecords
from flext_pipelines.runs.storage import open_records
from flext_pipelines.settings import Settings
from tests.runs.conftest import SAMPLE
from tests.runs.stories import check, log_lines, make_run, materialize

if TYPE_CHECKING:
    from pathlib import Path

    from dagster import DagsterInstance

    from flext_pipelines.runs.records import RunRecords

ANY = RunFilter()


def test_an_unused_home_has_no_runs(records: RunRecords) -> None:
    """Reading before the first run finds nothing and fails at nothing."""
    assert records.runs(ANY, 10) == ()
    assert records.run("00000000-0000-0000-0000-000000000000") is None
    assert records.count(ANY) == 0
    assert records.latest_by_tag(Tag.PIPELINE) == ()
    assert records.assets() == ()
    assert records.checks("00000000-0000-0000-0000-000000000000") == ()
    assert records.heartbeats() == {}
    assert records.events("00000000-0000-0000-0000-000000000000", 0, 10).events == ()


def test_every_status_is_read(instance: DagsterInstance, records: RunRecords) -> None:
    """A run in any status of Dagster comes with our word for it."""
    for status in DagsterRunStatus:
        run_id = make_run(instance, status, tags={Tag.PIPELINE: "shop"})

        run = records.run(run_id)

        assert run is not None
        assert (run.dagster_status, run.status, run.pipeline) == (status.value, RUN_STATUS[status.value], "shop")
        assert records.runs(RunFilter(statuses=(status.value,)), 5) == (run,)


def test_runs_are_filtered_by_job_status_tags_and_time(instance: DagsterInstance, records: RunRecords) -> None:
    """Every condition must hold."""
    first = make_run(instance, DagsterRunStatus.SUCCESS, tags={"a": "1", "b": "2"})
    second = make_run(instance, DagsterRunStatus.FAILURE, job="other", tags={"a": "1"})

    def found(**conditions: object) -> list[str]:
        return [run.run_id for run in records.runs(RunFilter.model_validate(conditions), 10)]

    now = datetime.now(UTC)
    assert found() == [second, first]
    assert found(job="other") == [second]
    assert found(statuses=("SUCCESS", "QUEUED")) == [first]
    assert found(tags={"a": "1"}) == [second, first]
    assert found(tags={"a": "1", "b": "2"}) == [first]
    assert found(tags={"a": "1"}, job="other") == [second]
    assert found(created_after=now + timedelta(minutes=1)) == []
    assert found(created_before=now - timedelta(minutes=1)) == []
    assert found(created_after=now - timedelta(minutes=1), created_before=now + timedelta(minutes=1)) == [second, first]
    assert records.count(RunFilter(tags={"a": "1"})) == 2


def test_runs_are_paged_by_the_last_one_seen(instance: DagsterInstance, records: RunRecords) -> None:
    """New runs shift nothing, and the last page is followed by an empty one."""
    ids = [make_run(instance) for _ in range(7)]

    seen: list[str] = []
    before = None
    while page := records.runs(ANY, 3, before):
        seen += [run.run_id for run in page]
        before = seen[-1]
        make_run(instance)

    assert seen == ids[::-1]


def test_the_newest_run_of_each_pipeline(instance: DagsterInstance, records: RunRecords) -> None:
    """One run for each value of the tag, newest first."""
    make_run(instance, tags={Tag.PIPELINE: "a"})
    b = make_run(instance, tags={Tag.PIPELINE: "b"})
    a = make_run(instance, tags={Tag.PIPELINE: "a"})
    make_run(instance)

    assert [run.run_id for run in records.latest_by_tag(Tag.PIPELINE)] == [a, b]


def test_events_come_in_pages_of_every_level(instance: DagsterInstance, records: RunRecords) -> None:
    """Cursor, limit, level and kind."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    log_lines(instance, run_id, [("one", 10), ("two", 20), ("three", 30), ("four", 40)])

    page = records.events(run_id, 0, 2)
    rest = records.events(run_id, page.cursor, 100)

    lines = [event.message for event in (*page.events, *rest.events) if event.kind == "LOG"]
    assert lines == ["one", "two", "three", "four"]
    assert page.more
    assert not rest.more
    assert [e.message for e in records.events(run_id, 0, 100, None, 30).events] == ["three", "four"]
    assert records.events(run_id, rest.cursor, 10) == rest.model_copy(update={"events": (), "more": False})
    assert [e.message for e in records.last_events(run_id, 2)] == ["three", "four"]


def test_asset_checks_are_read_and_failed_ones_are_warnings(instance: DagsterInstance, records: RunRecords) -> None:
    """Dagster stores all of them as lines for debugging."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    check(instance, run_id, ["shop", "orders"], "rows", passed=True)
    check(
        instance,
        run_id,
        ["shop", "orders"],
        "contract",
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description="1 of 3 checks failed",
    )
    check(instance, run_id, ["marts", "late"], "contract", passed=False, blocking=True)
    log_lines(instance, run_id, [("one", 10), ("two", 30)])

    assert records.checks(run_id) == (
        CheckResult(asset="shop/orders", check="rows", passed=True, severity="error"),
        CheckResult(
            asset="shop/orders",
            check="contract",
            passed=False,
            severity="warning",
            description="1 of 3 checks failed",
        ),
        CheckResult(asset="marts/late", check="contract", passed=False, severity="error", blocking=True),
    )
    assert [(event.level, event.message) for event in records.events(run_id, 0, 100, None, 30).events] == [
        ("warning", "Asset check 'contract' on 'shop/orders' did not pass."),
        ("warning", "Asset check 'contract' on 'marts/late' did not pass."),
        ("warning", "two"),
    ]
    assert records.events(run_id, 0, 100, None, 40).events == ()


def test_a_real_run_reads_the_same_by_sql_and_by_dagster(stored: Settings, instance: DagsterInstance) -> None:
    """Everything that a real run left is equal in both readers."""
    good = launch(stored, "shop", code=SAMPLE)
    bad = launch(stored, "fail_job", code=SAMPLE)
    by_sql, by_dagster = SqlRecords.open(stored), InstanceRecords(instance)

    assert by_sql.runs(ANY, 10) == by_dagster.runs(ANY, 10)
    assert by_sql.assets() == by_dagster.assets() != ()
    for run_id in (good, bad):
        assert by_sql.events(run_id, 0, 1000) == by_dagster.events(run_id, 0, 1000)
        assert by_sql.materializations(run_id) == by_dagster.materializations(run_id)
        assert by_sql.outputs(run_id) == by_dagster.outputs(run_id)
        assert by_sql.captures(run_id) == by_dagster.captures(run_id) != ()
        assert by_sql.worker(run_id) == by_dagster.worker(run_id) is not None
        kinds = ("STEP_START", "STEP_FAILURE", "ASSET_MATERIALIZATION", "RUN_SUCCESS")
        assert by_sql.counts(run_id, kinds) == by_dagster.counts(run_id, kinds)
        assert last_event(by_sql, run_id, ("RUN_FAILURE",)) == last_event(by_dagster, run_id, ("RUN_FAILURE",))
    by_sql.close()


def test_materializations_come_with_plain_metadata(instance: DagsterInstance, records: RunRecords) -> None:
    """Numbers, texts, JSON and a table schema as plain values; nothing is lost on the way."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    columns = [dg.TableColumn("id", "integer"), dg.TableColumn("name", "string")]
    metadata = {
        Meta.ROWS_LOADED: 3,
        Meta.SECONDS: 0.25,
        Meta.BOOKMARK_AFTER: "2024",
        Meta.PLUGINS: {"tap": "1"},
        Meta.COLUMN_SCHEMA: dg.TableSchema(columns=columns),
        "none": None,
        "yes": True,
        "key": dg.MetadataValue.asset(dg.AssetKey(["a", "b"])),
        "text": dg.MetadataValue.md("*x*"),
    }

    materialize(instance, run_id, ["shop", "orders"], metadata)

    (made,) = records.materializations(run_id)
    assert made.asset == "shop/orders"
    assert made.metadata == {
        Meta.ROWS_LOADED: 3,
        Meta.SECONDS: 0.25,
        Meta.BOOKMARK_AFTER: "2024",
        Meta.PLUGINS: {"tap": "1"},
        Meta.COLUMN_SCHEMA: {"id": "integer", "name": "string"},
        "none": None,
        "yes": True,
        "key": "a/b",
        "text": "*x*",
    }


def test_an_unknown_schema_is_read_through_dagster(settings: Settings) -> None:
    """A storage of another version of Dagster is not read by our SQL."""
    with open_instance(settings) as instance:
        run_id = make_run(instance)
    with sqlite3.connect(settings.dagster_home / "history" / "runs.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'fffffffffff'")
    connection.close()

    reader = open_records(settings)

    assert isinstance(reader, InstanceRecords)
    assert reader.run(run_id) is not None
    reader.close()


def test_the_known_revision_is_that_of_the_installed_dagster(settings: Settings) -> None:
    """When Dagster is upgraded and its schema changes, this test says that the SQL must be looked at again."""
    with open_instance(settings) as instance:
        run_id = make_run(instance, DagsterRunStatus.SUCCESS)

    reader = open_records(settings)

    assert isinstance(reader, SqlRecords)
    assert reader.run(run_id) is not None
    reader.close()


def test_a_broken_file_is_an_error_with_its_name(settings: Settings) -> None:
    """Not a traceback of the database library."""
    folder = prepare_home(settings) / "history"
    (folder / "runs.db").write_text("this is no database, whatever its name says")

    with pytest.raises(DataDamagedError, match=r"runs\.db"):
        open_records(settings)


def test_a_server_that_does_not_answer_is_an_error_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What, where, and what to do."""
    monkeypatch.setenv("FLEXT_DAGSTER_POSTGRES_URL", "postgresql://me:pa55word@127.0.0.1:1/none")
    settings = Settings(home=tmp_path)

    for opening in (open_records, open_instance):
        with pytest.raises(UnavailableError) as caught:
            opening(settings)
        assert "pa55word" not in str(caught.value)
        assert "FLEXT_DAGSTER_POSTGRES_URL" in caught.value.instruction


@pytest.mark.process
def test_reading_imports_no_dagster() -> None:
    """The reading side costs no ``import dagster``; neither does the port or the module of messages."""
    code = (
        "import sys, flext_pipelines.commands.runs, flext_pipelines.runs.gateway, flext_pipelines.runs.sql_records;"
        "sys.exit(bool({'dagster', 'sqlalchemy', 'psutil', 'meltano'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
