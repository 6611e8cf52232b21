"""The code location as a whole, loaded the way the server loads it."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

import flext_pipelines
from flext_pipelines.assets.location import DefinitionsError, build_definitions, load_definitions
from flext_pipelines.meltano.catalogue import Pipeline
from flext_pipelines.runs.location import CODE_LOCATION, DEFINITIONS_MODULE
from flext_pipelines.settings import Settings
from tests.assets.catalogues import catalogue, el
from tests.meltano.projects import write_project

CHECKOUT = Path(flext_pipelines.__file__).parent.parent


def _settings(folder: Path) -> Settings:
    return Settings(home=folder / "home", meltano_project_root=folder / "project")


def test_the_workspace_names_our_definitions() -> None:
    """`dagster dev -w workspace.yaml` finds the module and the name that launching uses."""
    workspace = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text())

    (module,) = [entry["python_module"] for entry in workspace["load_from"]]
    assert (module["module_name"], module["location_name"]) == (DEFINITIONS_MODULE, CODE_LOCATION)


def test_nothing_in_the_checkout_hides_the_workspace() -> None:
    """A [tool.dagster] or [tool.dg] block would win over workspace.yaml (cli_target.py:78-90)."""
    import tomllib

    tools = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]

    assert {"dagster", "dg"}.isdisjoint(tools)
    assert not (CHECKOUT / "dg.toml").exists()


def test_a_project_without_pipelines_loads() -> None:
    """Somebody's new project shows our jobs and no asset."""
    definitions = build_definitions(catalogue())

    assert {"message", "etl", "install_plugin", "configure_plugin", "upgrade_plugin"} <= {
        job.name for job in definitions.resolve_all_job_defs()
    }


def test_five_hundred_streams_load() -> None:
    """A big project is no reason to wait: the graph resolves within the test's time."""
    streams = tuple(f"stream_{number}" for number in range(500))
    definitions = build_definitions(catalogue(Pipeline(name="daily", blocks=(el(),)), tap_shop=streams))

    assert len([*definitions.resolve_job_def("daily").asset_layer.executable_asset_keys]) == 500


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("version: 1\njobs:\n- name: a\n  tasks: [x\nplugins: {}\n", "line 5"),
        ("version: 1\nplugins: [\n", "line 3"),
    ],
)
def test_a_broken_project_is_one_paragraph_with_file_and_line(tmp_path: Path, text: str, named: str) -> None:
    """What Dagster shows in place of the location says where the mistake is, without our stack."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "meltano.yml").write_text(text, "utf-8")

    with pytest.raises(DefinitionsError) as refused:
        load_definitions(_settings(tmp_path))

    told = str(refused.value)
    assert str(tmp_path / "project") in told
    assert "meltano.yml" in told
    assert named in told
    assert "\n" not in told.strip()
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_project_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """The setting to correct is named."""
    with pytest.raises(DefinitionsError, match="FLEXT_MELTANO_PROJECT_ROOT"):
        load_definitions(_settings(tmp_path))


def test_annotations_that_make_no_sense_are_one_paragraph_too(tmp_path: Path) -> None:
    """They are read when definitions are made, and told the same way."""
    write_project(
        tmp_path / "project",
        plugins={
            "extractors": [{"name": "tap-x", "namespace": "tap_x", "executable": "x"}],
            "loaders": [{"name": "target-x", "namespace": "target_x", "executable": "x"}],
        },
        jobs=[{"name": "a", "tasks": ["tap-x target-x"], "annotations": {"flext": {"freshness": "soon"}}}],
    )

    with pytest.raises(DefinitionsError, match=r"annotations\.flext\.freshness of job a"):
        load_definitions(_settings(tmp_path))


@pytest.mark.process
def test_a_warm_load_imports_no_meltano_and_starts_nothing(tmp_path: Path) -> None:
    """Each run's process loads the location again, so the second load reads the cache and nothing else."""
    settings = _settings(tmp_path)
    write_project(settings.meltano_project_root)
    load_definitions(settings)
    environment = {
        **os.environ,
        "FLEXT_HOME": str(settings.home),
        "FLEXT_MELTANO_PROJECT_ROOT": str(settings.meltano_project_root),
    }
    heavy = ("meltano", "pandas", "pyarrow", "duckdb", "oracledb", "rich")
    code = f"""
import subprocess, sys
import dagster  # which asks `file` about this machine
def refuse(*arguments, **more): raise SystemExit(f"started {{arguments}}")
subprocess.Popen.__init__ = refuse
import flext_pipelines.definitions
print([name for name in {heavy!r} if name in sys.modules])
"""

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


@pytest.mark.process
def test_dagster_validates_the_definitions_of_our_own_project(tmp_path: Path) -> None:
    """The program that a deployment runs before it goes live finds nothing to complain of."""
    environment = {**os.environ, "FLEXT_HOME": str(tmp_path / "home")}
    argv = [str(Path(sys.executable).parent / "dagster"), "definitions", "validate", "-w"]

    done = subprocess.run(
        [*argv, str(CHECKOUT / "workspace.yaml")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Validation successful for code location flext_pipelines" in done.stdout + done.stderr


def test_our_own_project_shows_its_headline_assets(tmp_path: Path) -> None:
    """The default pipeline, its schedule and its sensors, from a bare checkout."""
    definitions = load_definitions(Settings(home=tmp_path / "home"))

    keys = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}
    assert {"wms/order_hdr", "wms/order_dtl", "wms/inventory"} <= keys
    assert definitions.resolve_schedule_def("wms_nightly").default_status is dg.DefaultScheduleStatus.STOPPED
    assert {sensor.name for sensor in definitions.sensors or ()} == {"failure_alert", "project_files_changed"}
