"""Plugins installed by the real Meltano, wholly or not at all.

The packages lie in the test's folder and bring their own build backend, so that no index is asked.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from flext_pipelines.errors import (
    AlreadyRunningError,
    ConflictError,
    InstallInProgressError,
    PluginInstallError,
    PluginMissingError,
    UsageError,
)
from flext_pipelines.meltano.install import Installer
from flext_pipelines.meltano.introspection import read_catalogue
from flext_pipelines.meltano.locks import hold_files, hold_for_run
from flext_pipelines.meltano.plugin_values import InstallReport
from flext_pipelines.meltano.plugins import ProjectPlugins
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.values import Progress
from tests.meltano.written_projects import package, tree, written

TEXT = """\
# Ours
environments:
- name: dev
plugins:
  extractors:
  - name: tap-x   # the first
    namespace: tap_x
    pip_url: ../tap-x
    executable: tap-x
  loaders:
  - name: target-free
    namespace: target_free
    executable: ./free.py
jobs:
- name: j
  tasks: tap-x target-free
"""


@pytest.fixture
def project(tmp_path: Path) -> MeltanoProject:
    """A project whose tap is a package beside it, not installed."""
    package(tmp_path, "tap-x")
    return written(tmp_path, TEXT)


def _installer(project: MeltanoProject, said: list[Progress] | None = None) -> Installer:
    return Installer(project, (said if said is not None else []).append)


def _says(project: MeltanoProject, name: str = "tap-x") -> str:
    """What the installed executable prints."""
    program = project.system_folder / "extractors" / name / "venv/bin" / name
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout.strip()


def _actions(report: InstallReport) -> dict[str, str]:
    return {plugin.name: plugin.action for plugin in report.plugins}


def _without_caches(content: dict[str, bytes]) -> dict[str, bytes]:
    """Without what Meltano keeps for itself."""
    return {name: data for name, data in content.items() if not name.startswith(".meltano/run/")}


@pytest.mark.process
def test_installing_again_does_nothing_until_something_changes(project: MeltanoProject) -> None:
    """Installed, compiled and recorded at first; untouched at the second time; new when the source has changed."""
    said: list[Progress] = []
    before = project.file.read_bytes()

    first = _installer(project, said).install()

    assert _actions(first) == {"tap-x": "installed", "target-free": "not_needed"}
    assert (first.plugins[0].package, first.plugins[0].version) == ("tap-x", "1.0")
    assert said[0].text == "Installing tap-x: it is not installed"
    assert project.file.read_bytes() == before
    assert not (project.root / ".meltano/extractors/tap-x/venv.flext-before").exists()
    venv = project.system_folder / "extractors/tap-x/venv"
    compiled = {path.name.split(".")[0] for path in venv.rglob("tap_x/__pycache__/*.pyc")}
    assert compiled == {"__init__"}
    (status, _) = ProjectPlugins(project).status()
    assert (status.version, status.stale, status.installed, status.used_by) == ("1.0", None, True, ("j",))

    stamp = (venv / "pyvenv.cfg").stat().st_mtime_ns
    begun = time.monotonic()
    again = _installer(project).install()
    assert _actions(again) == {"tap-x": "unchanged", "target-free": "not_needed"}
    assert (again.plugins[0].version, (venv / "pyvenv.cfg").stat().st_mtime_ns) == ("1.0", stamp)
    assert time.monotonic() - begun < 5, "no Meltano is started"

    package(project.root.parent, "tap-x", version="1.1", says="two")
    third = _installer(project).install(["tap-x"])
    assert (third.plugins[0].action, third.plugins[0].before, third.plugins[0].version) == ("upgraded", "1.0", "1.1")
    assert third.plugins[0].reason == "its source has changed"
    assert _says(project) == "two"


@pytest.mark.process
def test_the_virtualenv_backend_installs_as_well(project: MeltanoProject) -> None:
    """The project chose Meltano's other way to make venvs: pip in place of uv, with the same result."""
    project.file.write_text(TEXT + "venv:\n  backend: virtualenv\n")

    report = _installer(project).install(["tap-x"])

    assert (report.plugins[0].action, report.plugins[0].version) == ("installed", "1.0")
    assert _says(project) == "one"
    venv = project.system_folder / "extractors/tap-x/venv"
    assert (venv / "bin" / "pip").exists(), "uv leaves no pip in a venv, so it was not the other backend"
    assert _actions(_installer(project).install(["tap-x"])) == {"tap-x": "unchanged"}


@pytest.mark.process
def test_a_pinned_python_version_file_does_not_reinstall_for_ever(project: MeltanoProject) -> None:
    """Meltano's own check forgets `.python-version` and would install again at every run; ours does not."""
    (project.root / ".python-version").write_text(f"{sys.version_info[0]}.{sys.version_info[1]}\n")

    _installer(project).install()

    assert _actions(_installer(project).install(["tap-x"])) == {"tap-x": "unchanged"}


@pytest.mark.process
def test_an_upgrade_that_fails_leaves_everything_as_it_was(project: MeltanoProject) -> None:
    """A missing package, one that does not start, a wrong version: files and venv are the same byte for byte."""
    _installer(project).install(["tap-x"])
    (project.root / "plugins/extractors").mkdir(parents=True)
    (project.root / "plugins/extractors/tap-x--v.lock").write_text("{}")
    package(project.root.parent / "broken", "tap-x", version="2.0", broken=True)
    package(project.root.parent / "other", "tap-y", version="2.0")
    before = _without_caches(tree(project.root))

    with pytest.raises(PluginInstallError) as missing:
        _installer(project).upgrade("tap-x", pip_url="../nowhere")
    with pytest.raises(PluginInstallError) as broken:
        _installer(project).upgrade("tap-x", pip_url="../broken/tap-x")
    with pytest.raises(PluginInstallError) as other:
        _installer(project).upgrade("tap-x", pip_url="../other/tap-y")

    assert _without_caches(tree(project.root)) == before
    assert _says(project) == "one"
    assert "Distribution not found" in missing.value.reason
    assert "does not start: ImportError: libmissing.so" in broken.value.reason
    assert "brings no executable 'tap-x'" in other.value.reason
    assert other.value.instruction == "Set `executable: tap-y`"
    assert not list((project.home / "journal").rglob("*.json"))


@pytest.mark.process
def test_an_upgrade_changes_the_definition_and_nothing_else(project: MeltanoProject) -> None:
    """Another pip_url is written with comments kept, and the version before is told."""
    _installer(project).install(["tap-x"])
    package(project.root.parent / "new", "tap-x", version="2.0", says="new")

    report = _installer(project).upgrade("tap-x", pip_url="../new/tap-x")

    assert (report.plugins[0].before, report.plugins[0].version) == ("1.0", "2.0")
    assert project.file.read_text() == TEXT.replace("../tap-x", "../new/tap-x")
    assert _says(project) == "new"


@pytest.mark.process
def test_an_upgrade_that_is_killed_is_undone_by_the_next_command(project: MeltanoProject) -> None:
    """Killed with SIGKILL while the new package is built: nothing is left running, and all is put back."""
    _installer(project).install(["tap-x"])
    before = _without_caches(tree(project.root))
    slow = package(project.root.parent / "slow", "tap-x", version="2.0")
    (slow / "wheel_maker.py").write_text(
        f"import time, pathlib\npathlib.Path({str(slow / 'started')!r}).touch()\ntime.sleep(600)\n"
    )
    code = f"""
        from pathlib import Path
        from tests.meltano.written_projects import project_at
        from flext_pipelines.meltano.install import Installer
        project = project_at(Path({str(project.root)!r}), Path({str(project.home)!r}))
        Installer(project, lambda _: None).upgrade("tap-x", pip_url="../slow/tap-x")
    """
    working = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=Path.cwd())
    deadline = time.monotonic() + 60
    while not (slow / "started").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    working.send_signal(signal.SIGKILL)
    working.wait()
    assert "../slow/tap-x" in project.file.read_text(), "it was in the middle of the change"

    report = _installer(project).install(["tap-x"])

    assert report.repaired == ("An interrupted change of extractors-tap-x was undone",)
    assert _actions(report) == {"tap-x": "unchanged"}
    assert _without_caches(tree(project.root)) == before
    assert _says(project) == "one"


@pytest.mark.process
def test_a_new_plugin_is_added_with_its_definition_or_not_at_all(project: MeltanoProject) -> None:
    """A definition appears only with an installation that works."""
    package(project.root.parent, "tap-new")
    before = _without_caches(tree(project.root))

    with pytest.raises(PluginInstallError):
        _installer(project).add("tap-bad", None, variant=None, pip_url="../nowhere")
    assert _without_caches(tree(project.root)).get("meltano.yml") == before["meltano.yml"]
    assert read_catalogue(project).plugin("tap-bad") is None

    report = _installer(project).add("tap-new", None, variant=None, pip_url="../tap-new")

    assert _actions(report) == {"tap-new": "installed"}
    assert "name: tap-new\n    namespace: tap_new\n    pip_url: ../tap-new\n" in project.file.read_text()
    assert "# the first" in project.file.read_text()
    with pytest.raises(ConflictError, match=r"meltano\.yml:\d+:\d+ defines 'tap-new' already"):
        _installer(project).add("tap-new", None, variant=None, pip_url="../tap-new")


@pytest.mark.process
def test_a_plugin_in_use_is_uninstalled_only_by_force(project: MeltanoProject) -> None:
    """Definition, lock file and venv go together; secrets in .env are the user's to remove."""
    _installer(project).install(["tap-x"])
    lock = project.root / "plugins/extractors/tap-x--v.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("{}")
    (project.root / ".env").write_text("TAP_X_TOKEN=1\nOTHER=2\n")

    with pytest.raises(ConflictError, match="needed by pipeline j"):
        _installer(project).uninstall("tap-x")
    gone = _installer(project).uninstall("tap-x", force=True)

    assert gone.venv
    assert gone.files == ("meltano.yml", "plugins/extractors/tap-x--v.lock")
    assert gone.left == ("TAP_X_TOKEN in .env",)
    assert not lock.exists()
    assert not (project.system_folder / "extractors/tap-x").exists()
    assert "tap-x\n" not in project.file.read_text().replace("tasks: tap-x", "")


@pytest.mark.process
def test_two_installations_at_once_do_not_meet(project: MeltanoProject) -> None:
    """The second is refused at once, or waits when it is told to, and then finds nothing to do."""
    code = f"""
        import sys
        from pathlib import Path
        from tests.meltano.written_projects import project_at
        from flext_pipelines.meltano.install import Installer
        project = project_at(Path({str(project.root)!r}), Path({str(project.home)!r}))
        report = Installer(project, lambda _: None, wait_seconds=60).install(["tap-x"])
        print(report.plugins[0].action)
    """
    running = [
        subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], cwd=Path.cwd(), stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]

    assert sorted(process.communicate(timeout=120)[0].strip() for process in running) == ["installed", "unchanged"]
    assert _says(project) == "one"


def test_no_installation_while_settings_are_edited(project: MeltanoProject, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both rewrite the project's files: an upgrade that is rolled back would take the edit with it."""
    monkeypatch.setattr("flext_pipelines.meltano.locks.EDIT_WAIT_SECONDS", 0.1)

    with hold_files(project, "somebody's edit"), pytest.raises(AlreadyRunningError, match="somebody's edit"):
        _installer(project).install(["target-free"])

    assert _actions(_installer(project).install(["target-free"])) == {"target-free": "not_needed"}


def test_no_installation_while_a_pipeline_runs(project: MeltanoProject) -> None:
    """A run holds the plugins; installing is refused and says what to do, and works afterwards."""
    held = hold_for_run(project, "run j")

    with pytest.raises(InstallInProgressError, match="are in use by") as caught:
        _installer(project).install(["target-free"])

    assert caught.value.retryable
    assert "flext stop" in caught.value.instruction
    held.release()
    assert _actions(_installer(project).install(["target-free"])) == {"target-free": "not_needed"}


def test_an_installation_waits_for_a_run_to_end(project: MeltanoProject) -> None:
    """With a wait, installing goes on as soon as the run is over."""
    import threading

    held = hold_for_run(project, "run j")
    threading.Timer(0.3, held.release).start()

    begun = time.monotonic()
    Installer(project, lambda _: None, wait_seconds=30).install(["target-free"])

    assert time.monotonic() - begun >= 0.25


def test_unknown_plugins_are_named(project: MeltanoProject) -> None:
    """With the nearest name, and by type."""
    with pytest.raises(PluginMissingError, match="Did you mean tap-x"):
        _installer(project).install(["tapx"])
    with pytest.raises(PluginMissingError, match="among its loaders"):
        _installer(project).install(["tap-x"], kind="loaders")
    with pytest.raises(PluginMissingError):
        _installer(project).uninstall("nothing")


def test_upgrades_that_mean_nothing_are_refused(project: MeltanoProject) -> None:
    """A version of a folder, an heir of another installation, a plugin without a package."""
    project.file.write_text(TEXT.replace("  loaders:", "  - {name: tap-heir, inherit_from: tap-x}\n  loaders:"))

    with pytest.raises(UsageError, match="decides its version"):
        _installer(project).upgrade("tap-x", version="2.0")
    with pytest.raises(UsageError, match="shares the installation of 'tap-x'"):
        _installer(project).upgrade("tap-heir", version="2.0")
    with pytest.raises(UsageError, match="no package that could be upgraded"):
        _installer(project).upgrade("target-free", version="2.0")


@pytest.mark.process
def test_an_installer_that_cannot_reach_its_package_says_so_without_secrets(
    project: MeltanoProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The installer's last lines are in the error, the token of the address is not."""
    monkeypatch.setenv("TAP_X_TOKEN", "hunter2hunter2")
    project.file.write_text(TEXT.replace("../tap-x", "https://bob:$TAP_X_TOKEN@127.0.0.1:1/tap_x-1.0-py3-none-any.whl"))

    with pytest.raises(PluginInstallError) as caught:
        _installer(project).install(["tap-x"])

    said = json.dumps([str(caught.value), caught.value.details])
    assert "127.0.0.1" in said
    assert "hunter2" not in said
    assert caught.value.details["tail"]
    assert not (project.system_folder / "extractors/tap-x/venv").exists()


@pytest.mark.process
def test_the_package_index_is_reached_as_the_user_set_it(project: MeltanoProject, tmp_path: Path) -> None:
    """Variables of pip and uv reach the installer; others of ours do not reach the package's build."""
    source = package(tmp_path, "tap-x", says="env")
    seen = source / "seen.json"
    maker = source / "wheel_maker.py"
    maker.write_text(f"import json, os\njson.dump(dict(os.environ), open({str(seen)!r}, 'w'))\n" + maker.read_text())
    os.environ["UV_HTTP_TIMEOUT"], os.environ["FLEXT_SECRET_THING"] = "77", "hunter2"
    try:
        _installer(project).install(["tap-x"])
    finally:
        del os.environ["UV_HTTP_TIMEOUT"], os.environ["FLEXT_SECRET_THING"]

    found = json.loads(seen.read_text())
    assert found["UV_HTTP_TIMEOUT"] == "77"
    assert "hunter2" not in found.values()
