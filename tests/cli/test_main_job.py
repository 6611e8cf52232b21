"""The main job, as `make run` does it: the sample database into the warehouse, through bus, Dagster and Meltano."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pytest

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("main job")]

FLEXT = Path(sys.executable).parent / "flext"
TABLES = ("company", "facility", "item", "location", "inventory", "order_hdr", "order_dtl", "allocation")
DEFAULT_PROJECT = Path(__file__).parents[2] / "meltano"
SHIPMENTS = ("ib_shipment", "ob_shipment")


class Shell:
    """`flext` as processes, on a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "FLEXT_HOME": str(home), "FLEXT_ACTOR": "tester"}

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        done = subprocess.run([str(FLEXT), *words], env=self.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *words: str) -> Any:
        """The JSON answer of a command."""
        return json.loads(self(*words, "--json").stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [str(FLEXT), *words], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def source(self) -> dict[str, list[tuple[object, ...]]]:
        """Every row of the sample database, by table."""
        with closing(sqlite3.connect(self.home / "wms.db")) as database:
            return {
                name: sorted(database.execute(f"SELECT id, mod_ts FROM {name}").fetchall())
                for name in (*TABLES, *SHIPMENTS)
            }

    def warehouse(self) -> dict[str, list[tuple[object, ...]]]:
        """The same columns of the warehouse."""
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as database:
            return {
                name: database.execute(
                    f"SELECT id, strftime(mod_ts, '%Y-%m-%d %H:%M:%S.%f') FROM wms.{name} ORDER BY id"
                ).fetchall()
                for name in (*TABLES, *SHIPMENTS)
            }


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A home with a seeded database and one finished run."""
    shell = Shell(tmp_path_factory.mktemp("main job") / "home")
    shell("wms", "seed", "--orders", "300")
    shell("run", "wms")
    return shell


def test_every_row_of_the_source_is_in_the_warehouse(shell: Shell) -> None:
    """After a run, both hold the same rows with the same change times."""
    assert shell.source() == shell.warehouse()


def test_a_run_says_what_it_moved_and_where_it_lies(shell: Shell) -> None:
    """Per stream: extracted, loaded, rejected, seconds; and the place of the warehouse."""
    done = shell("run", "wms", "--full-refresh")

    for word in ("stream", "extracted", "loaded", "rejected", "seconds", "order_hdr", "in all"):
        assert word in done.stdout
    assert str(shell.home / "warehouse.duckdb") in done.stdout


def test_a_second_run_moves_only_what_changed(shell: Shell) -> None:
    """A row at most per stream is read again, the one that the bookmark stands on; then just the changes."""
    unchanged = shell.json("run", "wms")["metrics"]
    changed = shell.json("wms", "seed", "--advance", "20")["changed"]

    metrics = shell.json("run", "wms")["metrics"]

    assert all(stream["rows_extracted"] <= 1 for stream in unchanged["streams"])
    again = sum(stream["rows_extracted"] for stream in unchanged["streams"])
    assert changed <= metrics["rows_extracted"] <= changed + again
    assert shell.source() == shell.warehouse()


def test_one_stream_can_be_run_alone(shell: Shell) -> None:
    """The others keep their bookmarks."""
    shell("wms", "seed", "--advance", "10")

    metrics = shell.json("run", "wms", "--stream", "order_hdr")["metrics"]

    assert [stream["stream"] for stream in metrics["streams"]] == ["order_hdr"]
    shell("run", "wms")
    assert shell.source() == shell.warehouse()


def test_what_ran_can_be_asked(shell: Shell) -> None:
    """Status, logs, metrics and audit know the last run."""
    status = shell.json("status", "wms")
    logs = shell("logs", "wms", "--raw").stdout
    listed = shell.json("audit", "list")["entries"]

    assert status["status"] == "completed"
    assert "tap-wms" in logs
    assert {"runs.ExecutePipeline", "pipelines.RunMeltanoPipeline"} <= {row["message"] for row in listed}
    assert shell("audit", "verify").stdout.startswith("Unbroken")


_FILES = ("meltano.yml", "flext-plugins.meltano.yml", "oracle-wms.meltano.yml")


@pytest.fixture
def with_contract_and_mart(tmp_path: Path) -> Path:
    """The default project's files and installed plugins, with a contract that facilities break, and a mart of them."""
    project = tmp_path / "project"
    for name, text in {
        "contracts/wms/facility.yml": "columns:\n  code: {enum: [nowhere]}\n",
        "transforms/facilities.sql": "-- deps: f = wms/facility\n-- pipeline: wms\nSELECT id FROM f\n",
        **{name: (DEFAULT_PROJECT / name).read_text() for name in _FILES},
    }.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    # What is installed, and the packages that it was installed from.
    for name in (".meltano", "singer-columnar", "extract", "load"):
        (project / name).symlink_to(DEFAULT_PROJECT / name)
    return project


def test_a_run_warns_of_a_broken_contract_and_counts_no_mart(
    shell: Shell, with_contract_and_mart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It completes with exit code 0, because the rows are there; the mart's rows are those of the stream."""
    monkeypatch.setitem(shell.env, "FLEXT_MELTANO_PROJECT_ROOT", str(with_contract_and_mart))

    done = shell("run", "wms", "--full-refresh")

    assert "Warning: check contract of wms/facility failed (error)" in done.stdout
    assert "Warning: check contract of wms/facility failed (error)" in shell("status", "wms").stdout
    assert "'contract' on 'wms/facility' did not pass" in shell("logs", "wms", "--level", "warning").stdout
    metrics = shell.json("metrics", "wms")
    assert [table["asset"] for table in metrics["tables"]] == ["marts/facilities"]
    assert metrics["tables"][0]["rows_loaded"] > 0
    assert metrics["rows_loaded"] == sum(stream["rows_loaded"] for stream in metrics["streams"])


def test_a_dry_run_launches_nothing(shell: Shell) -> None:
    """The plan is shown, and the last run stays the last."""
    before = shell.json("status", "wms")["execution_id"]

    done = shell("run", "wms", "--dry-run")

    assert "Nothing was launched" in done.stdout
    assert shell.json("status", "wms")["execution_id"] == before


def test_an_unknown_pipeline_is_named_with_the_nearest(shell: Shell) -> None:
    """Exit 2, no traceback."""
    done = shell("run", "wmz", code=2)

    assert "Did you mean wms?" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_a_clean_state(shell: Shell) -> None:
    """The run is cancelled, no process is left, and the next run ends with exactly the source's rows."""
    shell("wms", "seed", "--advance", "50")
    running = shell.start("run", "wms")
    seen: set[psutil.Process] = set()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        seen |= set(psutil.Process(running.pid).children(recursive=True))
        if any(
            "tap-flext-sql" in " ".join(_words(process)) and "--discover" not in _words(process) for process in seen
        ):
            break
        time.sleep(0.02)

    running.send_signal(signal.SIGINT)
    shown, _ = running.communicate(timeout=60)

    assert running.returncode == 130
    assert "No stream was moved" not in shown
    _, alive = psutil.wait_procs(seen, timeout=10)
    assert not alive
    assert shell.json("status", "wms")["status"] == "cancelled"
    shell("run", "wms")
    assert shell.source() == shell.warehouse()


def _is_reading(words: list[str]) -> bool:
    return any("tap-flext-sql" in word for word in words) and "--discover" not in words


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_long_work_of_a_shell_is_a_dagster_run(shell: Shell) -> None:
    """`flext data extract` answers with the data set; the run that made it can be looked up."""
    answer = shell.json("data", "extract", "tap-wms", "facility")

    runs = shell.json("send", "runs.ListRuns", '{"limit": 1}')["runs"]
    assert answer["rows"] == 3
    assert runs[0]["job"] == "message"
    assert shell("data", "extract", "tap-wms", "nowhere", code=2).stderr.count("nowhere") >= 1
