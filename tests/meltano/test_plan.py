"""What a request means in a project, and everything that is refused before anything starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flext_pipelines.errors import (
    ConfigError,
    FlextError,
    ForbiddenError,
    NotFoundError,
    PluginConfigError,
    PluginMissingError,
)
from flext_pipelines.meltano import venvs
from flext_pipelines.meltano.catalogue import (
    Block,
    Partitions,
    Pipeline,
    Plugin,
    ProjectCatalogue,
    Schedule,
    Stream,
)
from flext_pipelines.meltano.plan import Plan, RunRequest, make_plan
from flext_pipelines.meltano.project import MeltanoProject
from tests.meltano.projects import opened, write_project
from tests.meltano.written_projects import package

EL = Block(kind="el", tap="tap-a", target="target-b")
OTHER = Block(kind="el", tap="tap-c", mappers=("half",), target="target-b")
DBT = Block(kind="command", plugin="dbt", command="dbt:run")
CATALOGUE = ProjectCatalogue(
    environment="dev",
    plugins=(
        Plugin(name="tap-a", type="extractors", installed=True),
        Plugin(name="tap-c", type="extractors", installed=True),
        Plugin(name="tap-away", type="extractors", installed=False),
        Plugin(name="tap-odd", type="extractors", installed=True, problem="it has no definition"),
        Plugin(name="target-b", type="loaders", installed=True),
        Plugin(name="map", type="mappers", installed=True, mappings=("half",)),
        Plugin(name="dbt", type="utilities", installed=True, commands=("run",)),
    ),
    pipelines=(
        Pipeline(name="wms", blocks=(EL, OTHER, DBT)),
        Pipeline(name="nightly", blocks=(EL,), source="schedule"),
        Pipeline(
            name="daily", blocks=(EL,), partitions=Partitions(kind="daily", start="2026-01-01", start_setting="from")
        ),
        Pipeline(name="broken", problem="'tap-x' is no plugin of the project"),
        Pipeline(name="hollow"),
        Pipeline(name="away", blocks=(Block(kind="el", tap="tap-away", target="target-b"),)),
        Pipeline(name="odd", blocks=(Block(kind="el", tap="tap-odd", target="target-b"),)),
    ),
    schedules=(Schedule(name="at-night", pipeline="wms", env={"SHOP": "1"}),),
    streams={
        "tap-a": tuple(Stream(tap="tap-a", name=name, discovered=True) for name in ("orders", "items")),
        "tap-c": (Stream(tap="tap-c", name="orders", discovered=True), Stream(tap="tap-c", name="tap-c")),
    },
)


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project whose tap has settings, one of them secret."""
    settings = [
        {"name": "rows", "kind": "integer"},
        {"name": "mode"},
        {"name": "a", "kind": "object"},
        {"name": "pin", "sensitive": True},
        {"name": "word", "kind": "password"},
        {"name": "door_code", "sensitive": True, "aliases": ["entry"]},
    ]
    taps = [{"name": "tap-a", "namespace": "a", "settings": settings}, {"name": "tap-c", "inherit_from": "tap-a"}]
    return opened(write_project(tmp_path / "project", plugins={"extractors": taps}), tmp_path / "home")


def plan(project: MeltanoProject, **fields: object) -> Plan:
    """The plan of a request."""
    return make_plan(project, CATALOGUE, RunRequest.model_validate(fields))


def test_a_job_goes_to_meltano_by_its_name(project: MeltanoProject) -> None:
    """With the state id of each of its blocks."""
    found = plan(project, pipeline="wms")

    assert found.words == ("wms",)
    assert found.state_ids == ("dev:tap-a-to-target-b", "dev:tap-c-to-target-b")
    assert not found.merge_state


def test_a_schedule_without_a_job_goes_as_its_blocks(project: MeltanoProject) -> None:
    """Meltano knows no job of that name."""
    assert plan(project, pipeline="nightly").words == ("tap-a", "target-b")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tap_name": "tap-c", "target_name": "target-b"}, ("tap-c", "half", "target-b")),
        ({"command": "dbt:run"}, ("dbt:run",)),
        ({"streams": ("items",)}, ("tap-a", "target-b")),
    ],
)
def test_a_part_of_a_pipeline_is_its_blocks(
    project: MeltanoProject, fields: dict[str, object], words: tuple[str, ...]
) -> None:
    """Mappers included; blocks that have none of the wanted streams are left out."""
    assert plan(project, pipeline="wms", **fields).words == words


def test_a_pair_that_no_job_names_can_run(project: MeltanoProject) -> None:
    """And so can a command."""
    assert plan(project, tap_name="tap-a", target_name="target-b").words == ("tap-a", "target-b")
    assert plan(project, command="dbt:run").words == ("dbt:run",)


def test_streams_become_a_filter_of_each_tap_that_has_them(project: MeltanoProject) -> None:
    """And the state is merged, so that other streams keep their bookmarks."""
    found = plan(project, pipeline="wms", streams=("orders", "tap-a.items"))

    assert found.streams == {"tap-a": ("orders", "items"), "tap-c": ("orders",)}
    assert json.loads(str(found.variables["TAP_A__SELECT_FILTER"])) == ["orders", "items"]
    assert json.loads(str(found.variables["TAP_C__SELECT_FILTER"])) == ["orders"]
    assert found.merge_state


def test_a_partition_has_a_state_of_its_own_and_tells_the_plugins(project: MeltanoProject) -> None:
    """A colon, which Meltano does not allow in a state id, is escaped, and the setting that takes the start is set."""
    found = plan(
        project,
        pipeline="daily",
        partition="2026-01-01-05:00",
        partition_start="2026-01-01",
        partition_end="2026-01-02",
    )

    assert found.suffix == "2026-01-01-05%3A00"
    assert found.state_ids == ("dev:tap-a-to-target-b:2026-01-01-05%3A00",)
    assert {name: found.variables[name] for name in ("FLEXT_PARTITION_KEY", "FLEXT_PARTITION_START", "TAP_A_FROM")} == {
        "FLEXT_PARTITION_KEY": "2026-01-01-05:00",
        "FLEXT_PARTITION_START": "2026-01-01",
        "TAP_A_FROM": "2026-01-01",
    }


def test_the_suffix_of_an_environment_is_part_of_the_state_id(tmp_path: Path) -> None:
    """As Meltano builds it; Meltano adds it itself, so it is no argument."""
    root = write_project(tmp_path, environments=[{"name": "dev", "state_id_suffix": "blue"}])

    found = plan(opened(root, tmp_path), pipeline="daily")

    assert (found.suffix, found.state_ids) == (None, ("dev:tap-a-to-target-b:blue",))


def test_a_schedule_brings_its_variables(project: MeltanoProject) -> None:
    """As ``meltano schedule run`` would."""
    assert plan(project, pipeline="wms", schedule="at-night").variables["SHOP"] == "1"


def _with_package(tmp_path: Path) -> tuple[MeltanoProject, ProjectCatalogue, Path]:
    """A project whose tap was installed from a folder beside it."""
    source = package(tmp_path, "tap-a")
    project = opened(write_project(tmp_path / "project"), tmp_path / "home")
    tap = Plugin(
        name="tap-a", type="extractors", installed=True, pip_url="../tap-a", venv="extractors/tap-a/venv",
    )  # fmt: skip
    venv = project.system_folder / str(tap.venv)
    venv.mkdir(parents=True)
    described = venvs.source_hash(project, tap, {}, only_description=True)
    recipe, code = venvs.recipe_of(project, tap), venvs.source_hash(project, tap, {})
    venvs.write_record(venv, venvs.InstallRecord(recipe, code, "tap-a", "1.0", "2026-01-01", described))
    others = tuple(plugin for plugin in CATALOGUE.plugins if plugin.name != "tap-a")
    return project, CATALOGUE.model_copy(update={"plugins": (tap, *others)}), source


def test_a_plugin_that_needs_other_packages_now_is_refused_before_it_runs(tmp_path: Path) -> None:
    """Its tap would fail on an import or a setting; the error says to install it again."""
    project, catalogue, source = _with_package(tmp_path)
    assert make_plan(project, catalogue, RunRequest(pipeline="wms")).warnings == ()

    (source / "pyproject.toml").write_text("[project]\ndependencies = ['new']\n")

    with pytest.raises(PluginMissingError, match="tap-a must be installed again") as caught:
        make_plan(project, catalogue, RunRequest(pipeline="wms"))
    assert "`flext plugins install tap-a`" in caught.value.instruction


def test_a_plugin_whose_code_changed_runs_with_a_warning(tmp_path: Path) -> None:
    """It does what was installed, and whoever changed it is told."""
    project, catalogue, source = _with_package(tmp_path)

    (source / "tap_a" / "__init__.py").write_text("x = 1\n")

    (warning,) = make_plan(project, catalogue, RunRequest(pipeline="wms")).warnings
    assert warning.startswith("tap-a runs as it was installed, but its code has changed since it was installed: ")
    assert "`flext plugins install tap-a`" in warning


def test_settings_of_a_run_become_variables(project: MeltanoProject) -> None:
    """Text as it is, everything else as JSON."""
    found = plan(project, pipeline="wms", config_overrides={"tap-a": {"rows": 3, "mode": "fast", "a.b": [1]}})

    assert (found.variables["TAP_A_ROWS"], found.variables["TAP_A_MODE"], found.variables["TAP_A_A_B"]) == (
        "3",
        "fast",
        "[1]",
    )


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"mood": "fast"}, "tap-c has no setting 'mood'"),
        ({"rows": "many"}, "Setting 'rows' of tap-c must be a whole number, not \"many\""),
    ],
)
def test_settings_that_meltano_would_pass_over_are_refused(
    project: MeltanoProject, settings: dict[str, str], reason: str
) -> None:
    """A misspelt setting is told before the run and not ignored in it; so is a value of another type."""
    with pytest.raises(PluginConfigError) as caught:
        plan(project, pipeline="wms", config_overrides={"tap-c": settings})

    assert caught.value.reason == reason


@pytest.mark.parametrize("tap", ["tap-a", "tap-c"])
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("pin", "1"),
        ("word", "x"),
        ("door_code", 12),
        ("entry", 12),
        ("door-code", 12),
        ("DOOR_CODE", 12),
        ("password", "x"),
        ("api_key", "x"),
        ("url", "postgresql://me:pw@host/x"),
        ("options", {"url": "postgresql://me:pw@host/x"}),
        ("options", {"password": "pw@host"}),
    ],
)
def test_secret_settings_are_refused(project: MeltanoProject, tap: str, setting: str, value: object) -> None:
    """What a run is given stands in run config, audit and logs; one that is inherited is as secret."""
    with pytest.raises(ForbiddenError, match=f"Setting {setting} of {tap} is a secret") as caught:
        plan(project, pipeline="wms", config_overrides={tap: {setting: value}})

    assert "pw@host" not in f"{caught.value} {caught.value.details}"


def test_what_a_lock_file_says_of_the_parent_is_secret_too(tmp_path: Path) -> None:
    """As ``meltano add`` leaves it: the definition stands in ``plugins/``, the project names it only."""
    taps = [{"name": "tap-b", "variant": "v"}, {"name": "tap-c", "inherit_from": "tap-b"}]
    root = write_project(tmp_path / "project", plugins={"extractors": taps})
    lock = {"name": "tap-b", "namespace": "b", "variant": "v", "label": "B", "plugin_type": "extractors"}
    (root / "plugins" / "extractors").mkdir(parents=True)
    (root / "plugins" / "extractors" / "tap-b--v.lock").write_text(
        json.dumps({**lock, "settings": [{"name": "pin", "sensitive": True}, {"name": "rows"}]})
    )
    project = opened(root, tmp_path / "home")

    assert plan(project, pipeline="wms", config_overrides={"tap-c": {"rows": 1}}).variables["TAP_C_ROWS"] == "1"
    with pytest.raises(ForbiddenError, match="Setting pin of tap-c is a secret"):
        plan(project, pipeline="wms", config_overrides={"tap-c": {"pin": 1}})


@pytest.mark.parametrize(
    ("fields", "error", "phrase"),
    [
        ({"pipeline": "wmss"}, NotFoundError, "Did you mean wms?"),
        ({"pipeline": "broken"}, ConfigError, "'tap-x' is no plugin"),
        ({"pipeline": "hollow"}, NotFoundError, "holds nothing to run"),
        ({"pipeline": "wms", "tap_name": "tap-x", "target_name": "y"}, NotFoundError, "tap-a target-b, tap-c half"),
        ({"pipeline": "wms", "streams": ("ordrs",)}, NotFoundError, "Did you mean orders?"),
        ({"pipeline": "wms", "schedule": "nope"}, NotFoundError, "no schedule 'nope'"),
        ({"pipeline": "away"}, PluginMissingError, "flext plugins install tap-away"),
        ({"pipeline": "odd"}, PluginMissingError, "it has no definition"),
        ({"tap_name": "tap-x", "target_name": "target-b"}, PluginMissingError, "tap-x is not in the project"),
        ({"command": "make:it"}, PluginMissingError, "make is not in the project"),
        ({"pipeline": "wms", "config_overrides": {"tap-x": {"a": 1}}}, PluginMissingError, "tap-x"),
    ],
)
def test_what_cannot_run_is_refused(
    project: MeltanoProject, fields: dict[str, object], error: type[FlextError], phrase: str
) -> None:
    """With what to do about it."""
    with pytest.raises(error) as caught:
        plan(project, **fields)

    assert phrase in str(caught.value)
