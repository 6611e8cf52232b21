"""A tap's streams, asked of the tap through the real Meltano."""

from __future__ import annotations

import stat
import sys
import textwrap
from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import ExtractFailedError, PluginConfigError, PluginMissingError, TimedOutError
from flext_pipelines.meltano.discovery import discover
from flext_pipelines.meltano.introspection import read_catalogue, snapshots_folder
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.secrets import MASK
from tests.meltano.written_projects import tree, written

TAP = """\
    #!{python} -IS
    import json, sys, time
    config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
    assert "--discover" in sys.argv
    if config.get("fail"):
        sys.exit("cannot reach " + config["url"])
    if config.get("hang"):
        print("waiting for", config.get("url"), file=sys.stderr, flush=True)
        time.sleep(600)
    if config.get("greet"):
        print("Hello from the tap")
    about = "x" * config.get("wordy", 0)
    properties = {{f"c{{n}}": {{"type": "string", "description": about}} for n in range(100)}}
    streams = [{{"tap_stream_id": name, "schema": {{"properties": properties}}, "metadata": [
        {{"breadcrumb": [], "metadata": {{"inclusion": "available"}}}}]}} for name in config["names"]]
    print(json.dumps({{"streams": streams}}) if not config.get("garbage") else "no catalog")
"""


def _project(folder: Path, *, capabilities: str = "[catalog, discover]", **config: object) -> MeltanoProject:
    project = written(
        folder,
        f"""\
        environments:
        - name: dev
          config: {{plugins: {{extractors: [{{name: tap-a, config: {{names: [orders, items]}}}}]}}}}
        - name: prod
          config: {{plugins: {{extractors: [{{name: tap-a, config: {{names: [orders]}}}}]}}}}
        plugins:
          extractors:
          - name: tap-a
            namespace: tap_a
            executable: ./tap.py
            capabilities: {capabilities}
            select: ["orders.*"]
            settings: [{{name: names, kind: array}}, {{name: url, kind: string, sensitive: true}}]
            config: {config or {}}
          - {{name: tap-gone, namespace: tap_gone, pip_url: tap-gone}}
        """,
    )
    program = project.root / "tap.py"
    program.write_text(textwrap.dedent(TAP).format(python=sys.executable))
    program.chmod(0o755)
    return project


@pytest.mark.process
def test_a_discovered_tap_shows_its_streams_from_then_on(tmp_path: Path) -> None:
    """The snapshot is kept per environment in our home; the project stays as it was, rules apply when it is read."""
    project = _project(tmp_path, greet=True)
    before = {name for name in tree(project.root) if not name.startswith(".meltano")}

    found = discover(project, "tap-a")

    assert {stream.name: stream.selected for stream in found} == {"orders": True, "items": False}
    assert found == read_catalogue(project).streams["tap-a"]
    assert {name for name in tree(project.root) if not name.startswith(".meltano")} == before
    discover(project.in_environment("prod"), "tap-a")
    assert [s.name for s in read_catalogue(project.in_environment("prod")).streams["tap-a"]] == ["orders"]
    assert [s.name for s in read_catalogue(project).streams["tap-a"]] == ["orders", "items"]
    assert stat.S_IMODE((project.home / "meltano.db").stat().st_mode) == 0o600


@pytest.mark.process
def test_a_catalog_of_one_very_long_line_is_whole(tmp_path: Path) -> None:
    """Taps may write the catalog as one line of any length."""
    project = _project(tmp_path, wordy=50_000)

    orders = discover(project, "tap-a")[0]

    assert snapshots_folder(project).joinpath("tap-a.json").stat().st_size > 4_000_000
    assert len(orders.columns) == 100


@pytest.mark.process
def test_a_tap_that_fails_is_quoted_without_its_secrets(tmp_path: Path) -> None:
    """The error has the tap's last words; an older snapshot stays."""
    project = _project(tmp_path, fail=True, url="$SHOP_URL")
    kept = snapshots_folder(project) / "tap-a.json"
    kept.parent.mkdir(parents=True)
    kept.write_text('{"streams": []}')

    with pytest.raises(ExtractFailedError) as caught:
        discover(project, "tap-a", extra={"SHOP_URL": SecretStr("pg://u:hunter2@shop/db")})

    said = f"{caught.value} {caught.value.details}"
    assert f"cannot reach pg://u:{MASK}@shop/db" in said
    assert "hunter2" not in said
    assert kept.read_text() == '{"streams": []}'


@pytest.mark.process
def test_what_is_no_catalog_is_not_kept(tmp_path: Path) -> None:
    """Garbage on standard output is refused with its beginning."""
    project = _project(tmp_path, garbage=True)

    with pytest.raises(PluginConfigError, match="is no catalog") as caught:
        discover(project, "tap-a")

    assert caught.value.details["began"] == "no catalog"
    assert not snapshots_folder(project).exists()


@pytest.mark.process
def test_a_tap_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time nothing of it is left running; its last words are told, without its secrets."""
    monkeypatch.setenv("TAP_A_URL", "pg://shop:hunter2-of-the-shop@db")
    project = _project(tmp_path, hang=True)

    with pytest.raises(TimedOutError, match="tap-a took longer than 3 s") as caught:
        discover(project, "tap-a", timeout_seconds=3)

    assert f"waiting for pg://shop:{MASK}@db" in str(caught.value.details["tail"])
    assert "hunter2" not in repr(caught.value.details)


@pytest.mark.parametrize(
    ("tap", "said"), [("tap-b", "Did you mean tap-a"), ("tap-gone", "it is not installed"), ("target", "no tap")]
)
def test_only_a_tap_that_is_there_can_be_asked(tmp_path: Path, tap: str, said: str) -> None:
    """Unknown taps are named with the nearest, missing ones with the command that installs them."""
    with pytest.raises(PluginMissingError) as caught:
        discover(_project(tmp_path), tap)

    assert said in str(caught.value)


def test_a_tap_that_cannot_discover_is_not_started(tmp_path: Path) -> None:
    """What a tap does not claim to do is not asked of it."""
    with pytest.raises(PluginConfigError, match="does not say that it can discover"):
        discover(_project(tmp_path, capabilities="[catalog]"), "tap-a")
