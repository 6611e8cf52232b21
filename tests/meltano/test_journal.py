"""A change to plugins is made wholly or not at all."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flext_pipelines.meltano.journal import ASIDE, all_or_nothing, journal_folder, repair
from flext_pipelines.meltano.project import MeltanoProject
from tests.meltano.written_projects import tree, written


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project with one installed plugin."""
    made = written(tmp_path, "a: 1\n")
    venv = made.system_folder / "extractors/tap-a/venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/tap-a").write_text("old")
    (venv / "bin/python").symlink_to("/usr/bin/env")
    return made


def _venv(project: MeltanoProject) -> Path:
    return project.system_folder / "extractors/tap-a/venv"


def test_a_change_that_ends_well_stays(project: MeltanoProject) -> None:
    """The new files and venv are there, and nothing of the old ones."""
    with all_or_nothing(project, "tap-a", venv=_venv(project)) as change:
        assert not _venv(project).exists()
        change.write(project.file, b"a: 2\n")
        (_venv(project) / "bin").mkdir(parents=True)

    assert tree(project.root) == {"meltano.yml": b"a: 2\n"}
    assert not list(journal_folder(project).iterdir())
    assert not _venv(project).with_name("venv" + ASIDE).exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_whatever_is_raised_puts_everything_back(project: MeltanoProject, error: type[BaseException]) -> None:
    """Files that were changed, made and removed, and the venv, are as before, byte for byte."""
    (project.root / "gone.lock").write_text("kept")
    before = tree(project.root)

    def fail_late() -> None:
        with all_or_nothing(project, "tap-a", venv=_venv(project)) as change:
            change.write(project.file, b"a: 2\n")
            change.write(project.root / "new.lock", b"new")
            change.write(project.root / "gone.lock", None)
            change.expect(project.root / "made-by-meltano.lock")
            (project.root / "made-by-meltano.lock").write_text("x")
            _venv(project).mkdir()
            (_venv(project) / "half").write_text("x")
            raise error

    with pytest.raises(error):
        fail_late()

    assert tree(project.root) == before
    assert not list(journal_folder(project).iterdir())


def test_a_first_installation_that_fails_leaves_no_venv(project: MeltanoProject) -> None:
    """Where no venv was, none is left."""
    shutil.rmtree(_venv(project))

    def fail() -> None:
        with all_or_nothing(project, "tap-a", venv=_venv(project)):
            _venv(project).mkdir(parents=True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()

    assert not _venv(project).exists()


STEPS = ("before", "written", "half", "whole")


@pytest.mark.process
@pytest.mark.parametrize("step", STEPS)
def test_a_change_that_was_killed_is_undone_by_the_next(project: MeltanoProject, step: str) -> None:
    """At whatever point the process is killed, repairing gives back what was there, byte for byte."""
    before = tree(project.root)
    code = f"""
        import os, signal, sys
        from pathlib import Path
        from tests.meltano.written_projects import project_at
        from flext_pipelines.meltano.journal import all_or_nothing
        project = project_at(Path({str(project.root)!r}), Path({str(project.home)!r}))
        venv = project.system_folder / "extractors/tap-a/venv"
        def reach(step):
            if step == {step!r}:
                os.kill(os.getpid(), signal.SIGKILL)
        with all_or_nothing(project, "tap-a", venv=venv) as change:
            reach("before")
            change.write(project.file, b"a: 2")
            change.write(project.root / "new.lock", b"x")
            reach("written")
            venv.mkdir()
            reach("half")
            (venv / "bin").mkdir()
            (venv / "bin/tap-a").write_text("new")
            reach("whole")
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, cwd=Path.cwd())
    assert killed.returncode == -signal.SIGKILL

    told = repair(project)

    assert tree(project.root) == before
    assert told == ["An interrupted change of tap-a was undone"]
    assert repair(project) == []


def test_a_file_that_somebody_edited_since_is_left_alone(project: MeltanoProject) -> None:
    """After a crash a user's own edit of meltano.yml is not overwritten, and is told of."""
    with all_or_nothing(project, "tap-a", venv=None) as change:
        change.write(project.file, b"a: 2\n")
        entry = change.entry.read_bytes()
    project.file.write_bytes(b"a: 3 # mine\n")
    (journal_folder(project) / "tap-a.json").write_bytes(entry)

    told = repair(project)

    assert project.file.read_bytes() == b"a: 3 # mine\n"
    assert told[1:] == [f"{project.file} was changed meanwhile and stays as it is"]


def test_a_committed_change_whose_cleaning_was_cut_short_is_cleaned(project: MeltanoProject) -> None:
    """An old venv that stands aside without an entry belongs to a change that was made."""
    aside = _venv(project).with_name("venv" + ASIDE)
    shutil.copytree(_venv(project), aside, symlinks=True)

    assert repair(project) == []
    assert not aside.exists()
    assert (_venv(project) / "bin/tap-a").read_text() == "old"


def test_an_entry_is_its_owners_only(project: MeltanoProject) -> None:
    """A copy of meltano.yml in the journal is no more readable than need be."""
    with all_or_nothing(project, "tap-a", venv=None) as change:
        change.write(project.file, b"a: 2\n")
        mode = change.entry.stat().st_mode & 0o777

    assert mode == 0o600
    assert not list(journal_folder(project).iterdir())
