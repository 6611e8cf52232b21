"""A run's own working folder: what it shares, what it keeps for later runs, and that it always goes."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from pathlib import Path

import pytest

from flext_pipelines.errors import StorageFullError, UnavailableError
from flext_pipelines.meltano import sandbox
from flext_pipelines.meltano.locks import running
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.meltano.sandbox import make_sandbox, sweep
from tests.meltano.projects import opened, write_project

RUN = "0f0f0f0f-0000-4000-8000-000000000001"
KEY = "tap.properties.cache_key"
CATALOG = "tap.properties.json"


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project with an installed tap and what other runs left in its run folder."""
    root = write_project(tmp_path / "project")
    (root / ".meltano" / "extractors" / "tap-a" / "venv").mkdir(parents=True)
    (root / ".meltano" / "run" / "tap-a").mkdir(parents=True)
    return opened(root, tmp_path / "home")


def discover(box: sandbox.Sandbox, key: str, catalog: str = "{}") -> None:
    """What Meltano leaves after a discovery."""
    folder = box.system_folder / "run" / "tap-a"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CATALOG).write_text(catalog)
    (folder / KEY).write_text(key)


def test_plugins_are_shared_and_run_folders_are_not(project: MeltanoProject) -> None:
    """Runs of one tap overwrite each other's catalog and state files otherwise."""
    box = make_sandbox(project, RUN, "run wms")

    assert (box.system_folder / "extractors" / "tap-a" / "venv").is_dir()
    assert not (box.system_folder / "run").exists()
    assert box.variables["MELTANO_SYS_DIR_ROOT"] == str(box.system_folder)
    assert box.batches.is_dir()
    box.remove()
    assert not list(project.sandboxes.iterdir())
    assert (project.system_folder / "extractors" / "tap-a" / "venv").is_dir()


def test_one_run_id_may_have_several_sandboxes(project: MeltanoProject) -> None:
    """A Dagster run performs several Meltano runs."""
    boxes = [make_sandbox(project, RUN, what) for what in ("run a", "run b")]

    assert sorted(holder.what for holder in running(project)) == ["run a", "run b"]
    for box in boxes:
        box.remove()
    assert running(project) == []


def test_a_discovered_catalog_is_given_to_the_next_run(project: MeltanoProject) -> None:
    """Meltano itself judges by the key whether it may use it."""
    first = make_sandbox(project, RUN, "run")
    discover(first, "key 1", '{"streams": []}')
    first.give_catalogs(project)
    first.remove()

    second = make_sandbox(project, RUN, "run")
    second.take_catalogs(project, ["tap-a", "tap-unknown"])

    folder = second.system_folder / "run" / "tap-a"
    assert ((folder / CATALOG).read_text(), (folder / KEY).read_text()) == ('{"streams": []}', "key 1")
    second.remove()


def test_a_catalog_grows_old_even_when_it_is_used(project: MeltanoProject) -> None:
    """New columns of the source are seen within the hour; using the copy does not make it younger."""
    first = make_sandbox(project, RUN, "run")
    discover(first, "key 1")
    first.give_catalogs(project)
    first.remove()
    [shelf] = (project.home / "cache" / "tap-catalogs").glob(f"*/*/{KEY}")
    almost = time.time() - sandbox.CATALOG_SECONDS + 60
    os.utime(shelf, (almost, almost))

    user = make_sandbox(project, RUN, "run")
    user.take_catalogs(project, ["tap-a"])
    user.give_catalogs(project)
    user.remove()

    assert shelf.stat().st_mtime == pytest.approx(almost)
    os.utime(shelf, (almost - 61, almost - 61))
    late = make_sandbox(project, RUN, "run")
    late.take_catalogs(project, ["tap-a"])
    assert not (late.system_folder / "run" / "tap-a").exists()
    late.remove()


def test_a_new_installation_of_the_tap_has_no_old_catalog(project: MeltanoProject) -> None:
    """Another version may offer other streams."""
    first = make_sandbox(project, RUN, "run")
    discover(first, "key 1")
    first.give_catalogs(project)
    first.remove()
    os.utime(project.system_folder / "extractors" / "tap-a" / "venv", (1, 1))

    second = make_sandbox(project, RUN, "run")
    second.take_catalogs(project, ["tap-a"])

    assert not (second.system_folder / "run").exists()
    second.remove()


def test_what_a_dead_run_left_is_swept_by_the_next(project: MeltanoProject) -> None:
    """Its folder, its record, and its row in the system database, which would block its state id."""
    project.home.mkdir()
    database = sqlite3.connect(project.home / "meltano.db")
    with database:
        database.execute("CREATE TABLE runs (run_id, job_name, state, ended_at, last_heartbeat_at)")
        database.execute("CREATE TABLE state (state_id, completed_state, partial_state)")
        for run_id in (RUN, str(uuid.uuid4())):
            database.execute("INSERT INTO runs VALUES (?, 'j', 'RUNNING', NULL, '2026')", (uuid.UUID(run_id).hex,))
    dead = make_sandbox(project, RUN, "run dead")
    dead.lock.release()
    alive = make_sandbox(project, str(uuid.uuid4()), "run alive")

    sweep(project)

    states = database.execute("SELECT run_id, state FROM runs").fetchall()
    assert [state for run_id, state in states if run_id == uuid.UUID(RUN).hex] == ["FAIL"]
    assert sorted(state for _, state in states) == ["FAIL", "RUNNING"]
    assert not dead.folder.exists()
    assert alive.folder.exists()
    assert [holder.what for holder in running(project)] == ["run alive"]
    alive.remove()
    database.close()


def test_a_home_that_cannot_be_written_is_an_error_with_its_place(tmp_path: Path) -> None:
    """Not a traceback."""
    (tmp_path / "home").write_text("a file where the folder should be")
    project = opened(write_project(tmp_path / "project"), tmp_path / "home")

    with pytest.raises(UnavailableError, match="home/sandboxes"):
        make_sandbox(project, RUN, "run")


def test_a_full_disk_is_named(project: MeltanoProject) -> None:
    """Every write to Linux's /dev/full fails as on a full disk."""
    with pytest.raises(OSError, match="No space left") as caught:
        Path("/dev/full").write_text("x")

    error = sandbox.no_folder(project, caught.value)

    assert isinstance(error, StorageFullError)
    assert "No room is left" in str(error)
