"""``flext wms mock-server`` and ``flext wms sync`` as people call them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flext_pipelines.cli.main import run
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.mock_server.serving import running

FLEXT = Path(sys.executable).with_name("flext")


def test_the_mock_server_stays_on_loopback(capsys: pytest.CaptureFixture[str]) -> None:
    """Another address is refused with what to add, since everybody knows its password."""
    assert run(["wms", "mock-server", "--host", "0.0.0.0"]) == 2

    said = capsys.readouterr().err
    assert "not a loopback address" in said
    assert "--anywhere" in said


def test_a_zone_that_is_none_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything listens."""
    assert run(["wms", "mock-server", "--zone", "Mars/Base", "--port", "0"]) == 2
    assert "Mars/Base" in capsys.readouterr().err


@pytest.mark.process
def test_the_mock_server_says_where_it_is_and_answers(tmp_path: Path) -> None:
    """On a free port, with the user of the settings; SIGTERM ends it."""
    env = {"FLEXT_HOME": str(tmp_path), "FLEXT_WMS_MOCK_USER": "ann", "FLEXT_WMS_MOCK_PASSWORD": "secret-of-ann"}
    argv = [str(FLEXT), "wms", "mock-server", "--port", "0", "--orders", "5"]
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.match(r"Serving (http://127\.0\.0\.1:\d+/mock) \(user ann\)", line)
        assert url, line
        answer = httpx.get(f"{url[1]}/wms/lgfapi/v10/entity/order_hdr/", auth=("ann", "secret-of-ann"), timeout=30)
        refused = httpx.get(f"{url[1]}/wms/lgfapi/v10/entity/", auth=("mock", "mock"), timeout=30)
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()

    assert answer.json()["result_count"] == 5
    assert refused.status_code == 401
    assert "secret-of-ann" not in line


@pytest.mark.process
def test_a_dry_run_names_the_facilities(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would run, for each; nothing is launched and no server is asked."""
    monkeypatch.setenv("FLEXT_HOME", str(tmp_path / "home"))

    assert run(["wms", "sync", "--dry-run"]) == 0

    shown = capsys.readouterr().out
    assert all(facility in shown for facility in ("DC01", "DC02", "DC03"))
    assert "Would run: tap-oracle-wms-incremental target-oracle-wms-incremental" in shown


@pytest.mark.process
@pytest.mark.xdist_group("main job")  # runs of the default project wait for each other
@pytest.mark.timeout(600)
def test_ctrl_c_ends_the_whole_sync(tmp_path: Path) -> None:
    """The run under way is cancelled, the facilities behind it are named and not begun."""
    with running(make_server(orders=40, latency_seconds=0.2)) as server:
        tap = {"BASE_URL": server.url, "USERNAME": "mock", "PASSWORD": "mock"}
        env = {
            **os.environ, "FLEXT_HOME": str(tmp_path / "home"),
            **{f"TAP_ORACLE_WMS_{name}": value for name, value in tap.items()},
        }  # fmt: skip
        argv = [str(FLEXT), "wms", "sync", "--facility", "DC01", "--facility", "DC02"]
        with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            told = []
            for line in process.stdout:
                told.append(line)
                if "asking the tap" in line:
                    process.send_signal(signal.SIGINT)
                    break
            told += process.stdout

    assert process.returncode == 130, told
    assert "not begun: DC02" in told[-2]
    assert sum(":DC01: started" in line for line in told) == 1
    assert not any("DC02:" in line for line in told)
