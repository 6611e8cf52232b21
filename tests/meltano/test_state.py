"""Singer state: ids as Meltano builds them, bookmarks of any tap, and both ways of reading agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import AlreadyRunningError, DataDamagedError, NotFoundError, UnavailableError, UsageError
from flext_pipelines.meltano import state_store, system_database
from flext_pipelines.meltano.argv import meltano_argv
from flext_pipelines.meltano.bookmarks import Bookmark, bookmarks
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.locks import hold_states
from flext_pipelines.meltano.process import Invocation, run_to_end
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.meltano.state import read_states, state_id, uses_system_database, write_state
from flext_pipelines.settings import environment
from tests.meltano.projects import opened, write_project

SDK = {"bookmarks": {"orders": {"replication_key": "id", "replication_key_value": 7}}}


def migrated(project: MeltanoProject) -> MeltanoProject:
    """The same project with a system database that Meltano itself has made."""
    project.home.mkdir(exist_ok=True)
    invocation = Invocation(
        meltano_argv(project, "run", "--no-install", "nothing"), child_environment(project, environment()), project.root
    )
    run_to_end(invocation, timeout_seconds=60)
    return project


@pytest.mark.parametrize(
    ("suffix", "expected"), [(None, "dev:tap-a-to-target-b"), ("2026", "dev:tap-a-to-target-b:2026")]
)
def test_a_state_id_is_built_as_meltano_builds_it(suffix: str | None, expected: str) -> None:
    """Environment, tap, target, and a suffix if there is one."""
    assert state_id("dev", "tap-a", "target-b", suffix) == expected


def test_a_colon_inside_a_part_is_refused() -> None:
    """As Meltano refuses it."""
    with pytest.raises(UsageError, match="colon"):
        state_id("dev", "tap-a", "target-b", "05:00")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"replication_key": "id", "replication_key_value": 7}, Bookmark("id", "7")),
        ({"replication_key": "at", "replication_key_value": "2026-01-01"}, Bookmark("at", "2026-01-01")),
        ({"updated_at": "2026-01-01"}, Bookmark("updated_at", "2026-01-01")),
        ({"partitions": [{"a": 1}]}, Bookmark(None, '{"partitions": [{"a": 1}]}')),
        ({"lsn": 4, "xmin": 2}, Bookmark(None, '{"lsn": 4, "xmin": 2}')),
        ({}, Bookmark(None, None)),
        ("2026-01-01", Bookmark(None, "2026-01-01")),
        (None, Bookmark(None, None)),
    ],
)
def test_bookmarks_of_any_tap_are_read(value: object, expected: Bookmark) -> None:
    """The SDK's form, one plain value, and everything else as JSON."""
    assert bookmarks({"bookmarks": {"orders": value}}) == {"orders": expected}


@pytest.mark.parametrize("state", [{}, {"bookmarks": None}, {"bookmarks": [1]}, {"currently_syncing": "x"}])
def test_a_state_without_bookmarks_has_none(state: dict[str, object]) -> None:
    """Whatever a target wrote."""
    assert bookmarks(state) == {}


def test_a_partial_state_lies_over_the_completed_one() -> None:
    """Meltano gives the next run both, merged."""
    assert system_database.merged({"a": {"x": 2}}, {"a": {"x": 1, "y": 1}, "b": 3}) == {"a": {"x": 2, "y": 1}, "b": 3}


def test_there_is_no_state_before_there_is_a_database(tmp_path: Path) -> None:
    """Neither a missing file nor an empty one is an error, and looking makes none."""
    project = opened(write_project(tmp_path / "project"), tmp_path / "home")

    assert read_states(project, ["dev:a-to-b"]) == {}
    assert not project.home.exists()
    project.home.mkdir()
    (project.home / "meltano.db").touch()
    assert read_states(project, ["dev:a-to-b"]) == {}


@pytest.mark.process
def test_both_ways_of_reading_agree(tmp_path: Path) -> None:
    """The quick way through the table and Meltano's own library; writing goes through the library."""
    project = migrated(opened(write_project(tmp_path / "project"), tmp_path / "home"))

    write_state(project, "dev:a-to-b", SDK)

    assert read_states(project, ["dev:a-to-b", "dev:other"]) == {"dev:a-to-b": SDK}
    assert state_store.read_states(project, ["dev:a-to-b", "dev:other"]) == {"dev:a-to-b": SDK}
    write_state(project, "dev:a-to-b", None)
    assert read_states(project, ["dev:a-to-b"]) == {}
    with pytest.raises(NotFoundError, match="no Singer state dev:a-to-b") as caught:
        write_state(project, "dev:a-to-b", None)
    assert "`meltano state list`" in caught.value.instruction


@pytest.mark.process
@pytest.mark.postgres
def test_states_in_postgresql_are_read_the_same_way(tmp_path: Path, postgres_url: str) -> None:
    """And rows of dead runs are ended there too, no others."""
    url = SecretStr(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    project = migrated(opened(write_project(tmp_path / "project"), tmp_path / "home", database_url=url))
    write_state(project, "dev:a-to-b", SDK)
    dead, alive = "0f0f0f0f-0000-4000-8000-000000000001", "0f0f0f0f-0000-4000-8000-000000000002"
    from sqlalchemy import create_engine, text

    engine = create_engine(url.get_secret_value())
    with engine.begin() as connection:
        for run_id in (dead, alive):
            connection.execute(
                text(
                    "INSERT INTO runs (job_name, run_id, state, started_at, payload, payload_flags)"
                    f" VALUES ('j', '{run_id}', 'RUNNING', now(), '{{}}', 0)"
                )
            )

    assert read_states(project, ["dev:a-to-b"]) == {"dev:a-to-b": SDK}
    assert system_database.end_runs(url, [dead]) == 1
    with engine.begin() as connection:
        found = dict(connection.execute(text("SELECT CAST(run_id AS text), state FROM runs")).tuples().all())
    engine.dispose()
    assert {key: found[key] for key in (dead, alive)} == {dead: "FAIL", alive: "RUNNING"}


@pytest.mark.process
def test_another_state_backend_is_read_through_the_library(tmp_path: Path) -> None:
    """Files below the project, as its meltano.yml says."""
    folder = tmp_path / "states"
    folder.mkdir()
    root = write_project(tmp_path / "project", state_backend={"uri": f"file://{folder}"})
    project = migrated(opened(root, tmp_path / "home"))

    write_state(project, "dev:a-to-b", SDK)

    assert not uses_system_database(project)
    assert list(folder.rglob("state.json"))
    assert read_states(project, ["dev:a-to-b"]) == {"dev:a-to-b": SDK}


def test_a_state_backend_may_be_named_by_variables_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment, or in the project's ``.env``."""
    project = opened(write_project(tmp_path / "project"), tmp_path / "home")
    assert uses_system_database(project)

    monkeypatch.setenv("MELTANO_STATE_BACKEND_URI", "s3://bucket")
    assert not uses_system_database(project)
    monkeypatch.delenv("MELTANO_STATE_BACKEND_URI")
    (project.root / ".env").write_text("MELTANO_STATE_BACKEND_URI=s3://bucket\n")
    assert not uses_system_database(project)


def test_a_state_in_use_is_not_edited(tmp_path: Path) -> None:
    """The run that has it would overwrite the edit."""
    project = opened(write_project(tmp_path / "project"), tmp_path / "home")
    [held] = hold_states(project, ("dev:a-to-b",), "run wms")

    with pytest.raises(AlreadyRunningError, match="run wms"):
        write_state(project, "dev:a-to-b", SDK)

    held.release()


def test_a_database_that_is_none_is_named(tmp_path: Path) -> None:
    """With its place and what is lost without a backup; no second try mends it."""
    project = opened(write_project(tmp_path / "project"), tmp_path)
    (tmp_path / "meltano.db").write_bytes(b"no database" * 100)

    with pytest.raises(DataDamagedError, match=r"meltano\.db is damaged: file is not a database") as caught:
        read_states(project, ["dev:a-to-b"])

    assert not caught.value.retryable
    assert "restore it from a backup" in caught.value.instruction


def test_a_server_that_is_gone_is_named_without_its_password(tmp_path: Path) -> None:
    """Nothing listens on port 9."""
    url = SecretStr("postgresql+psycopg://me:sesame@127.0.0.1:9/x")
    project = opened(write_project(tmp_path / "project"), tmp_path, database_url=url)

    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9") as caught:
        read_states(project, ["dev:a-to-b"])

    assert "sesame" not in str(caught.value)
    assert "sesame" not in str(caught.value.details)
