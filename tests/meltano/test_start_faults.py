"""Faults that keep a run from beginning, found out by the real Meltano or before it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flext_pipelines.errors import PluginMissingError, UsageError
from flext_pipelines.meltano.run import MeltanoRunner
from tests.meltano.projects import target
from tests.meltano.real_runs import J, project, rerun

pytestmark = pytest.mark.process


def test_a_plugin_whose_program_is_gone_is_missing(tmp_path: Path) -> None:
    """Nobody can see it before: the real Meltano finds it out, and the error says how to get it back."""
    runner = project(tmp_path)
    (tmp_path / "project" / "tap_script.py").unlink()

    with pytest.raises(PluginMissingError, match="tap-a") as caught:
        runner.run(J)

    assert "flext plugins install tap-a" in caught.value.instruction
    rerun(tmp_path, 5)


def test_a_plugin_whose_venv_is_gone_is_missing_before_anything_starts(tmp_path: Path) -> None:
    """Nothing is written, and the error names the plugin that has to be installed."""
    plugin = {"name": "tap-away", "namespace": "tap_away", "pip_url": "tap-away", "executable": "tap-away"}
    (tmp_path / "project").mkdir()
    plugins = {"extractors": [plugin], "loaders": [target(tmp_path / "project", "target-b")]}
    jobs = [{"name": "j", "tasks": ["tap-away target-b"]}]
    runner = project(tmp_path, plugins=plugins, jobs=jobs)

    with pytest.raises(PluginMissingError, match="tap-away is not installed"):
        runner.run(J)

    assert not (tmp_path / "project" / "out").exists()


def test_an_option_that_meltano_does_not_know_is_told_as_it_says_it(tmp_path: Path) -> None:
    """As by a Meltano of another version: its plain usage text, behind lines of JSON, becomes our error."""
    runner = project(tmp_path)
    meltano = tmp_path / "meltano"
    meltano.write_text(
        f"#!{sys.executable} -IS\nimport os, sys\n"
        "place = sys.argv.index('run') + 1\n"
        f"os.execv({str(runner.project.executable)!r}, ['meltano', *sys.argv[1:place], '--nope', *sys.argv[place:]])\n"
    )
    meltano.chmod(0o755)

    with pytest.raises(UsageError, match="No such option '--nope'"):
        MeltanoRunner(runner.project.model_copy(update={"executable": meltano})).run(J)

    rerun(tmp_path, 5)
