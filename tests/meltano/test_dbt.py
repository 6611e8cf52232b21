"""A real dbt project with dbt-duckdb, run by the real Meltano as a command block behind an extract-and-load block."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from flext_pipelines.errors import CommandBlockFailedError
from flext_pipelines.meltano.install import Installer
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.values import Progress
from tests.meltano.projects import loaded, opened, tap, target, write_project

pytestmark = [
    pytest.mark.process,
    pytest.mark.timeout(600),  # dbt's 55 packages come from an index
    pytest.mark.xdist_group("dbt"),
]

HERE = Path(__file__).with_name("dbt")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> MeltanoRunner:
    """The project with dbt installed into it as a user would; once for the module."""
    folder = tmp_path_factory.mktemp("dbt")
    root = folder / "project"
    root.mkdir()
    shutil.copytree(HERE / "transform", root / "transform")
    shutil.copy(HERE / "requirements.lock", root / "requirements.lock")
    dbt = {
        "name": "dbt-duckdb",
        "namespace": "dbt_duckdb",
        "pip_url": "dbt-core dbt-duckdb --constraint requirements.lock",
        "executable": "dbt",
        "settings": [
            {"name": "project_dir", "env": "DBT_PROJECT_DIR", "value": "$MELTANO_PROJECT_ROOT/transform"},
            {"name": "profiles_dir", "env": "DBT_PROFILES_DIR", "value": "$MELTANO_PROJECT_ROOT/transform"},
            {"name": "database", "env": "DBT_DATABASE", "value": "$MELTANO_PROJECT_ROOT/marts.duckdb"},
            {"name": "loaded", "env": "DBT_LOADED", "value": "$MELTANO_PROJECT_ROOT/out"},
            {"name": "statistics", "env": "DBT_SEND_ANONYMOUS_USAGE_STATS", "value": "false"},
        ],
        "commands": {
            "build": {"args": "build --exclude tag:broken"},
            "broken": {"args": "run --select tag:broken"},
        },
    }
    write_project(
        root,
        plugins={
            "extractors": [tap(root, "tap-a", rows=4)],
            "loaders": [target(root, "target-b")],
            "utilities": [dbt],
        },
        jobs=[
            {"name": "daily", "tasks": ["tap-a target-b", "dbt-duckdb:build"]},
            {"name": "broken", "tasks": ["tap-a target-b", "dbt-duckdb:broken"]},
        ],
    )
    project = opened(root, folder / "home")
    project.home.mkdir(exist_ok=True)
    told: list[Progress] = []
    report = Installer(project, told.append).install(["dbt-duckdb"])
    assert [(one.name, one.action) for one in report.plugins] == [("dbt-duckdb", "installed")], told
    return MeltanoRunner(project)


def test_dbt_builds_its_models_from_what_the_block_before_loaded(runner: MeltanoRunner) -> None:
    """The model holds the rows of the tap, dbt's own tests ran, and both blocks are in the outcome."""
    run = runner.run(RunRequest(pipeline="daily"))

    assert loaded(runner.project.root) == [1, 2, 3, 4]
    assert [(block.kind, block.name, block.status) for block in run.blocks] == [
        ("el", "tap-a target-b", "succeeded"),
        ("command", "dbt-duckdb:build", "succeeded"),
    ]
    with duckdb.connect(str(runner.project.root / "marts.duckdb"), read_only=True) as marts:
        assert marts.execute("SELECT orders, newest FROM order_count").fetchall() == [(4, 4)]
    assert run.plugins["dbt-duckdb"].startswith("1.")


def test_a_model_that_fails_is_named_and_what_was_loaded_stays(runner: MeltanoRunner) -> None:
    """Dbt's own reason reaches the error, though Meltano hears it only as lines of information."""
    with pytest.raises(CommandBlockFailedError) as caught:
        runner.run(RunRequest(pipeline="broken"))

    assert "dbt-duckdb" in caught.value.reason
    assert "no_such_column" in str(caught.value.details["tail"])
    so_far = PipelineRun.model_validate(caught.value.details["run"])
    assert [block.status for block in so_far.blocks] == ["succeeded", "failed"]
