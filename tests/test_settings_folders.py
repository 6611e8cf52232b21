"""The home is its owner's alone, whoever makes it first."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from flext_pipelines.meltano.file_lock import FileLock
from flext_pipelines.meltano.sandbox import make_sandbox
from flext_pipelines.runs.home import prepare_home
from flext_pipelines.settings import Settings, make_private
from flext_pipelines.wms.engine import open_engine
from tests.meltano.projects import opened, write_project


def mode(folder: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(folder.stat().st_mode)


FIRST: dict[str, Callable[[Settings], object]] = {
    "a lock": lambda settings: FileLock(settings.home / "locks" / "states" / "x.lock").acquire("test"),
    "a sandbox": lambda settings: make_sandbox(
        opened(write_project(settings.home.parent / "project"), settings.home), "id", "test"
    ).remove(),
    "Dagster's home": prepare_home,
    "the sample database": lambda settings: open_engine(settings.wms_database).dispose(),
}


@pytest.mark.parametrize("first", FIRST)
def test_the_home_is_private_whoever_makes_it(tmp_path: Path, first: str) -> None:
    """Not only the folder that is wanted, but the home above it."""
    settings = Settings(home=tmp_path / "deep" / "home", actor="tester")

    FIRST[first](settings)

    assert mode(settings.home) == 0o700


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Its owner has chosen who may enter."""
    there = tmp_path / "there"
    there.mkdir()
    there.chmod(0o750)

    make_private(there / "below")

    assert (mode(there), mode(there / "below")) == (0o750, 0o700)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_private(tmp_path / "file")
