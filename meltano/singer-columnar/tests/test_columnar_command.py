"""The tap as a process: one line for a failure, no secret, a stop that loses nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from singer_columnar.testing import TapRunner, parse

pytestmark = pytest.mark.process


def test_a_failure_is_one_line_without_secrets(tap: TapRunner, tmp_path: Path) -> None:
    """Class, what happened and what to do; exit code 1, no traceback, and the token masked."""
    ended = tap.run(tmp_path, {"rows": 1, "token": "wrong-hunter2"})

    assert ended.code == 1
    assert "SettingsError: The token **** is refused. Ask for another." in ended.log
    assert "Traceback" not in ended.log
    assert "hunter2" not in ended.log + ended.output


@pytest.mark.parametrize("token", ["right", "wrong"])
def test_discovery_leaves_no_file_open(
    tap: TapRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    """Nor does one that fails: in Python's development mode there is not one warning."""
    monkeypatch.setenv("PYTHONDEVMODE", "1")

    ended = tap.run(tmp_path, {"rows": 1, "token": token}, state={}, discover=True)

    assert ended.code == (token == "wrong")
    assert "Warning" not in ended.log


def test_a_stop_ends_with_a_state_of_all_that_was_sent(tap: TapRunner, tmp_path: Path) -> None:
    """SIGTERM: exit code 0, the rows sent are those up to the bookmark, and the next run brings the rest."""
    config = {"rows": 1000, "incremental": True, "chunk_rows": 5, "wait": 0.05}
    process = tap.start(tmp_path, config)
    assert process.stdout is not None
    assert process.stderr is not None
    first = b"".join(process.stdout.readline() for _ in range(3))
    process.send_signal(signal.SIGTERM)
    with process.stdout, process.stderr:
        stopped = parse((first + process.stdout.read()).decode())
        log = process.stderr.read().decode()

    assert process.wait(60) == 0, log
    assert "stopping after the chunk at hand" in log
    ids = [one["id"] for one in stopped.records]
    assert ids == list(range(1, len(ids) + 1))
    assert 0 < len(ids) < 1000
    assert stopped.state["bookmarks"]["numbers"]["replication_key_value"] == ids[-1]
    again = tap.sync({**config, "wait": 0}, state=stopped.state)
    assert again.records[0]["id"] == ids[-1] + 1


def test_a_reader_that_went_away_is_named(tap: TapRunner, tmp_path: Path) -> None:
    """The target's end ends the tap with one line, not with a traceback."""
    process = tap.start(tmp_path, {"rows": 100_000, "chunk_rows": 1000})
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()

    log = process.stderr.read().decode()
    process.stderr.close()

    assert process.wait(60) == 1
    assert "OutputClosedError: The process that reads our output went away" in log
    assert "Traceback" not in log
