"""What plugins' venvs hold, and whether they are still right."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flext_pipelines.meltano.catalogue import Plugin
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.meltano.venvs import (
    Distribution,
    InstallRecord,
    distribution_of,
    is_stale,
    local_sources,
    outdated,
    read_record,
    recipe_of,
    source_hash,
    write_record,
)
from tests.meltano.written_projects import package, written

DEFAULT_PROJECT = Path(__file__).parents[2] / "meltano"


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project beside a package."""
    package(tmp_path, "tap-x")
    return written(tmp_path, "a: 1\n")


def _plugin(pip_url: str = "../tap-x", **others: object) -> Plugin:
    fields = {"name": "tap-x", "type": "extractors", "venv": "extractors/tap-x/venv", "installed": True}
    return Plugin.model_validate(fields | {"executable": "tap-x", "pip_url": pip_url} | others)


def _install(project: MeltanoProject, plugin: Plugin) -> Path:
    """A venv as it looks after an installation."""
    venv = project.system_folder / str(plugin.venv)
    (venv / "bin").mkdir(parents=True)
    for name in ("python", "tap-x"):
        (venv / "bin" / name).touch()
    described = source_hash(project, plugin, {}, only_description=True)
    recipe, source = recipe_of(project, plugin), source_hash(project, plugin, {})
    write_record(venv, InstallRecord(recipe, source, "tap-x", "1.0", "2026-01-01", described))
    return venv


@pytest.mark.parametrize(
    ("pip_url", "folder", "editable"),
    [
        ("../tap-x", "tap-x", False),
        ("-e ../tap-x", "tap-x", True),
        ("--editable=../tap-x", "tap-x", True),
        ("../tap-x[s3] requests==2", "tap-x", False),
        ("$MELTANO_PROJECT_ROOT/../tap-x", "tap-x", False),
        ("${HERE}/tap-x", "tap-x", False),
        ("tap-x @ file://{tmp}/tap-x", "tap-x", False),
    ],
)
def test_local_packages_are_found_in_every_spelling(
    project: MeltanoProject, pip_url: str, folder: str, *, editable: bool
) -> None:
    """Relative paths count from the project, where Meltano starts pip."""
    parent = project.root.parent

    found = list(local_sources(project, pip_url.replace("{tmp}", str(parent)), {"HERE": str(parent)}))

    assert found == [((parent / folder).resolve(), editable)]


@pytest.mark.parametrize(
    "pip_url",
    ["tap-x", "tap-x==1.0", "git+https://example.org/x/tap-x.git", "https://example.org/tap-x.zip", "../nothing"],
)
def test_packages_from_elsewhere_are_not_local(project: MeltanoProject, pip_url: str) -> None:
    """Names and addresses are no folders, also when a folder of that name lies about."""
    (project.root / "tap-x").mkdir()

    assert list(local_sources(project, pip_url, {})) == []


def test_a_right_installation_is_not_stale(project: MeltanoProject) -> None:
    """Nothing has to be done; what tools leave beside the source does not count."""
    plugin = _plugin()
    _install(project, plugin)
    source = project.root.parent / "tap-x"
    for path in ("tap_x/__pycache__/x.pyc", ".git/index", "build/x.py", "tap_x.egg-info/PKG-INFO", "tests/test_x.py"):
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text("x")

    assert is_stale(project, plugin, {}) is None


def test_each_change_makes_it_stale(project: MeltanoProject) -> None:
    """Source, definition, Python, a missing executable, a missing venv: each has its own reason."""
    plugin = _plugin()
    venv = _install(project, plugin)

    (project.root / ".python-version").write_text("3.12\n")
    assert is_stale(project, plugin, {}) == "its definition has changed"
    (project.root / ".python-version").unlink()
    assert is_stale(project, _plugin("../tap-x[s3]"), {}) == "its definition has changed"
    assert is_stale(project, _plugin(python="python3.12"), {}) == "its definition has changed"
    assert is_stale(project, plugin.model_copy(update={"installed": False}), {}) == "it is not installed"
    (venv / "bin/tap-x").unlink()
    assert is_stale(project, plugin, {}) == "its executable is missing"
    (project.root.parent / "tap-x/tap_x/new.py").write_text("x = 1")
    assert is_stale(project, plugin, {}) == "its source has changed"
    (venv / ".flext-install.json").write_text("{")
    assert is_stale(project, plugin, {}) == "it was not installed by flext, or not to the end"


def test_a_library_named_beside_its_plugin_makes_it_stale(project: MeltanoProject) -> None:
    """A change of code that is installed with it, from a folder of its own, is a change of the plugin."""
    package(project.root.parent, "lib-x")
    plugin = _plugin("../lib-x ../tap-x --constraint ../tap-x/my.lock")
    _install(project, plugin)
    assert is_stale(project, plugin, {}) is None

    (project.root.parent / "lib-x/lib_x/new.py").write_text("x = 1")

    assert is_stale(project, plugin, {}) == "its source has changed"
    assert outdated(project, plugin, {}) == ("its code has changed since it was installed", False)


def test_the_default_project_names_the_library_of_its_taps() -> None:
    """A plugin whose package needs singer-columnar is installed with it, so that a change of it is seen."""
    definitions = yaml.safe_load((DEFAULT_PROJECT / "flext-plugins.meltano.yml").read_text(encoding="utf-8"))
    plugins = [one for kind in definitions["plugins"].values() for one in kind]
    named = {one["name"] for one in plugins if "./singer-columnar " in one["pip_url"]}

    packages = DEFAULT_PROJECT.glob("*/*/pyproject.toml")
    needing = {path.parent.name for path in packages if '"singer-columnar @' in path.read_text(encoding="utf-8")}

    assert named == needing == {"tap-flext-sql", "tap-oracle-wms"}


def test_of_an_editable_package_only_its_description_counts(project: MeltanoProject) -> None:
    """Its code is used where it lies; its dependencies and scripts are not."""
    plugin = _plugin("-e ../tap-x")
    before = source_hash(project, plugin, {})

    (project.root.parent / "tap-x/tap_x/__init__.py").write_text("changed")
    assert source_hash(project, plugin, {}) == before
    (project.root.parent / "tap-x/pyproject.toml").write_text("changed")
    assert source_hash(project, plugin, {}) != before


def test_a_plugin_without_a_package_is_never_stale(project: MeltanoProject) -> None:
    """There is nothing to install."""
    assert is_stale(project, _plugin("", venv=None), {}) is None


def test_the_package_of_an_executable_is_read_from_metadata(tmp_path: Path) -> None:
    """Nothing is started; broken metadata of another package is passed over."""
    site = tmp_path / "lib/python3.11/site-packages"
    for name, text in (
        ("broken-1.dist-info", "no section\n"),
        ("other-2.dist-info", "[console_scripts]\nother = o:main\n"),
        ("meltanolabs_tap_x-1.2.3rc1.dist-info", "[console_scripts]\nTap-X = t:main\ntap-x = t:main\n[x]\na=b\n"),
    ):
        (site / name).mkdir(parents=True)
        (site / name / "entry_points.txt").write_text(text)

    assert distribution_of(tmp_path, "tap-x") == Distribution("meltanolabs-tap-x", "1.2.3rc1")
    assert distribution_of(tmp_path, "Tap-X") == Distribution("meltanolabs-tap-x", "1.2.3rc1")
    assert distribution_of(tmp_path, "nothing") is None


def test_a_record_survives_writing(project: MeltanoProject) -> None:
    """What was written is read; what is missing is None."""
    venv = _install(project, _plugin())

    record = read_record(venv)

    assert record is not None
    assert (record.package, record.version) == ("tap-x", "1.0")
    assert read_record(project.root) is None


@pytest.mark.parametrize("pip_url", ["../tap-x --constraint ../tap-x/my.lock", "-e ../tap-x"])
@pytest.mark.parametrize("file", ["pyproject.toml", "requirements.txt", "my.lock"])
def test_a_package_that_needs_something_else_now_is_broken(project: MeltanoProject, pip_url: str, file: str) -> None:
    """What it needs stands in these files; a lock counts where the pip_url names it."""
    source = project.root.parent / "tap-x"
    (source / "my.lock").write_text("a==1\n")
    plugin = _plugin(pip_url)
    _install(project, plugin)
    assert outdated(project, plugin, {}) is None

    (source / file).write_text("a==2\n")

    found = outdated(project, plugin, {})
    if file == "my.lock" and "lock" not in pip_url:
        assert found is None
    else:
        assert found == ("what its package needs has changed since it was installed", True)


def test_code_that_changed_is_told_and_runs_as_it_was_installed(project: MeltanoProject) -> None:
    """So is a definition; one that somebody else installed is nobody's business."""
    plugin = _plugin()
    venv = _install(project, plugin)

    (project.root.parent / "tap-x/tap_x/new.py").write_text("x = 1")
    assert outdated(project, plugin, {}) == ("its code has changed since it was installed", False)
    assert outdated(project, _plugin("../tap-x[s3]"), {}) == (
        "its definition has changed since it was installed",
        False,
    )
    (venv / ".flext-install.json").unlink()
    assert outdated(project, plugin, {}) is None
