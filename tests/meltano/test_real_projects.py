"""What a project's files say: broken ones, habits of its own, schedules, settings of one run."""

from __future__ import annotations

from pathlib import Path

import pytest

from flext_pipelines.errors import (
    ConfigError,
)
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.state import read_states, write_state
from tests.meltano.projects import loaded
from tests.meltano.real_runs import (
    STATE,
    J,
    project,
)

pytestmark = pytest.mark.process


def test_a_broken_project_is_refused_with_file_and_line(tmp_path: Path) -> None:
    """Before anything is started."""
    runner = project(tmp_path)
    file = tmp_path / "project" / "meltano.yml"
    file.write_text(file.read_text() + "jobs: [\n")

    with pytest.raises(ConfigError, match=r"meltano.yml:") as caught:
        runner.run(J)

    assert caught.value.details["line"]


def test_the_projects_own_habits_do_not_disturb_a_run(tmp_path: Path) -> None:
    """A logging.yaml of its own, a .python-version, variables of Meltano and Dagster in our environment."""
    runner = project(tmp_path, tap_config={"tell": "SHOP_TOKEN"})
    root = tmp_path / "project"
    (root / "logging.yaml").write_text("version: 1\nhandlers: {}\n")
    (root / ".python-version").write_text("3.99\n")
    (root / ".env").write_text("SHOP_TOKEN=very-secret-token\n")
    lines: list[str] = []

    run = runner.run(J, echo=lines.append)

    assert run.loaded == 5
    assert any("SHOP_TOKEN is ***" in line for line in lines)
    assert not any("very-secret-token" in line for line in lines)
    assert sorted(path.name for path in root.iterdir() if path.name != "out") == sorted(
        [
            ".env",
            ".python-version",
            "logging.yaml",
            "meltano.yml",
            *(f"{n}_script.py" for n in ("mapper", "tap", "target", "tool")),
        ]
    )


def test_a_schedule_goes_on_where_meltanos_scheduler_stopped(tmp_path: Path) -> None:
    """Meltano keeps the bookmarks of an extract-and-load schedule under the schedule's own state id."""
    schedule = {
        "name": "nightly",
        "extractor": "tap-a",
        "loader": "target-b",
        "interval": "@daily",
        "transform": "skip",
    }
    runner = project(tmp_path, tap_config={"rows": 5}, schedules=[schedule])
    former = runner.catalogue().pipelines[-1].state_id
    assert former
    runner.run(J)
    kept = read_states(runner.project, [STATE])[STATE]
    write_state(runner.project, STATE, None)
    write_state(runner.project, former, kept)

    run = project(tmp_path, tap_config={"rows": 7}, schedules=[schedule]).run(RunRequest(pipeline="nightly"))

    assert [(s.bookmark_before, s.loaded, s.bookmark_after) for s in run.streams] == [("5", 2, "7")]
    assert loaded(tmp_path / "project") == list(range(1, 8))


def test_settings_of_one_run_reach_the_plugin(tmp_path: Path) -> None:
    """By variables that Meltano reads itself."""
    run = project(tmp_path).run(J.model_copy(update={"config_overrides": {"tap-a": {"rows": 2}}}))

    assert run.loaded == 2
