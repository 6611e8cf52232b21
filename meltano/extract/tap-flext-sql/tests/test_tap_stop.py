"""A stop request in the middle of a run loses no bookmark; a kill loses nothing that a rerun does not bring."""

from __future__ import annotations

import datetime as dt
import os
import select
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.testing import Json, Output, batches_in, parse
from tap_running import start, sync

pytestmark = pytest.mark.process

_ROWS = 400_000


@pytest.fixture(scope="module")
def big_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table that takes the tap a moment to send."""
    path = tmp_path_factory.mktemp("big") / "big.db"
    start_of_year = dt.datetime(2024, 1, 1)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE o (id INTEGER PRIMARY KEY, code TEXT, mod_ts TIMESTAMP)")
        connection.executemany(
            "INSERT INTO o VALUES (?, ?, ?)",
            ((n, f"code {n}", (start_of_year + dt.timedelta(seconds=n // 2)).isoformat(sep=" ")) for n in range(_ROWS)),
        )
    connection.close()
    return path


def _config(path: Path, **more: Any) -> Json:
    return {"dialect": "sqlite", "database": str(path), "replication_key": "mod_ts", "fetch_rows": 2000, **more}


def _stop_after(process: subprocess.Popen[bytes], enough: Callable[[bytes], bool], number: int) -> tuple[Output, float]:
    """Send a signal once the output says enough, read the rest, and measure how long the end took."""
    assert process.stdout is not None
    output = b""
    while not enough(output):
        assert process.poll() is None, "the tap ended before it was stopped"
        output += os.read(process.stdout.fileno(), 1 << 20)
    process.send_signal(number)
    began = time.monotonic()
    rest, _ = process.communicate(timeout=60)
    return parse((output + rest).decode()), time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_goes_on_exactly_where_it_stopped(big_table: Path, tmp_path: Path, number: int) -> None:
    """After SIGTERM the tap exits 0 with a STATE for all rows it sent; a run from there sends exactly the rest."""
    process = start(tmp_path, _config(big_table))

    output, _ = _stop_after(process, lambda text: text.count(b"\n") > 5000, number)

    assert process.returncode == 0
    assert output.kinds[-1] == "STATE"
    sent = [record["id"] for record in output.records]
    assert 5000 <= len(sent) < _ROWS
    rest = [record["id"] for record in sync(_config(big_table), state=output.state).records]
    assert set(sent) | set(rest) == set(range(_ROWS))
    assert len(set(sent) & set(rest)) <= 2, "only the rows that share the bookmark's key come again"
    assert output.of("ACTIVATE_VERSION") == []


def test_a_stopped_batch_run_sends_its_open_file(big_table: Path, tmp_path: Path) -> None:
    """With batches the open file is closed and named before the last STATE; no partial file is left."""
    landing = tmp_path / "landing"
    process = start(tmp_path, {**_config(big_table, batch_rows=50_000), **batches_in(landing)})

    output, _ = _stop_after(process, lambda text: b"BATCH" in text, signal.SIGTERM)

    assert process.returncode == 0
    assert output.kinds[-2:] == ["BATCH", "STATE"]
    sent = output.table.column("id").to_pylist()
    rest = [record["id"] for record in sync(_config(big_table), state=output.state).records]
    assert set(sent) | set(rest) == set(range(_ROWS))
    assert sorted(landing.iterdir()) == sorted(output.files)


def test_a_stopped_full_table_is_not_called_complete(big_table: Path, tmp_path: Path) -> None:
    """A full table that was stopped sends no ACTIVATE_VERSION, and its state says that it is not complete."""
    config = {"dialect": "sqlite", "database": str(big_table), "fetch_rows": 2000}
    process = start(tmp_path, config)

    output, _ = _stop_after(process, lambda text: text.count(b"\n") > 5000, signal.SIGTERM)

    assert process.returncode == 0
    assert output.of("ACTIVATE_VERSION") == []
    assert "progress_markers" in output.state["bookmarks"]["o"]


def test_a_stop_is_heard_while_the_database_is_busy(tmp_path: Path) -> None:
    """SIGTERM in the middle of a query that gives no row for a long time ends the tap at once, with exit code 0."""
    path = tmp_path / "slow.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000)"
            " SELECT max(i) AS i FROM n"
        )
    connection.close()
    process = start(tmp_path, {"dialect": "sqlite", "database": str(path)})
    assert process.stdout is not None
    select.select([process.stdout], [], [], 30)
    time.sleep(0.5)

    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    output, _ = process.communicate(timeout=30)

    assert time.monotonic() - began < 5
    assert process.returncode == 0
    assert parse(output.decode()).kinds[-1] == "STATE"


def test_a_killed_run_leaves_only_safe_states(big_table: Path, tmp_path: Path) -> None:
    """After SIGKILL the last STATE that came out covers only rows that came out before it."""
    process = start(tmp_path, _config(big_table))

    output_bytes = b""
    assert process.stdout is not None
    while output_bytes.count(b'"STATE"') < 3:
        output_bytes += os.read(process.stdout.fileno(), 1 << 20)
    process.kill()
    process.wait()
    if process.stderr is not None:
        process.stderr.close()
    process.stdout.close()
    whole = output_bytes[: output_bytes.rindex(b"\n") + 1].decode()
    until_state = whole[: whole.rindex('{"type":"STATE"')]
    output = parse(whole)

    sent = {record["id"] for record in parse(until_state).records}
    rest = {record["id"] for record in sync(_config(big_table), state=output.state).records}
    assert sent | rest == set(range(_ROWS))
