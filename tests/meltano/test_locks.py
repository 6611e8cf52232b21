"""What processes of one machine keep each other from, and that each is told who is in its way."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.errors import AlreadyRunningError, InstallInProgressError
from flext_pipelines.meltano.file_lock import is_free
from flext_pipelines.meltano.locks import (
    first_migration,
    hold_for_install,
    hold_for_run,
    hold_states,
    state_lock_path,
)
from flext_pipelines.meltano.project import MeltanoProject
from tests.meltano.projects import opened, write_project


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project with its home."""
    return opened(write_project(tmp_path / "project"), tmp_path / "home")


def test_many_runs_share_the_plugins_and_no_installation_gets_in(project: MeltanoProject) -> None:
    """The installation is told to wait."""
    runs = [hold_for_run(project, "run a"), hold_for_run(project, "run b")]

    with pytest.raises(InstallInProgressError, match="in use"), hold_for_install(project, "install tap-a"):
        pass

    for lock in runs:
        lock.release()
    with hold_for_install(project, "install tap-a"):
        pass


def test_a_run_waits_for_no_installation(project: MeltanoProject) -> None:
    """It is refused with the name of the installation, unless it is told how long to wait."""
    with (
        hold_for_install(project, "install tap-a"),
        pytest.raises(InstallInProgressError, match=r"by install tap-a \(process \d+, since 20"),
    ):
        hold_for_run(project, "run a", wait_seconds=0.1)


def test_states_are_held_all_or_none(project: MeltanoProject) -> None:
    """A run that cannot have one of its states leaves the others to those who want them."""
    [held] = hold_states(project, ("dev:a-to-b",), "run one")

    with pytest.raises(AlreadyRunningError, match=r"Singer state dev:a-to-b is in use by run one"):
        hold_states(project, ("dev:a-to-a", "dev:a-to-b"), "run two")

    assert is_free(state_lock_path(project, "dev:a-to-a"))
    held.release()


def test_state_ids_that_look_alike_have_their_own_locks(project: MeltanoProject) -> None:
    """Characters that no file name takes are replaced, so a hash tells them apart."""
    assert state_lock_path(project, "dev:a-to-b:x/y") != state_lock_path(project, "dev:a-to-b:x:y")


def test_only_the_first_run_migrates_and_the_others_wait_for_it(project: MeltanoProject) -> None:
    """Once it is known to be done, nobody locks any more."""
    with first_migration(project) as first:
        with first_migration(project, wait_seconds=0.1) as second:
            second.done()
            assert not list((project.home / "cache").glob("migrated-*"))
        first.done()
        (project.home / "meltano.db").touch()
        with first_migration(project, wait_seconds=0) as third:
            third.done()

    assert len(list((project.home / "cache").glob("migrated-*"))) == 1


def test_a_new_database_file_is_migrated_anew(project: MeltanoProject) -> None:
    """The mark of the last migration is of no use when its file is gone."""
    with first_migration(project) as first:
        first.done()

    with first_migration(project) as again, first_migration(project, wait_seconds=0) as other:
        other.done()
        again.done()
