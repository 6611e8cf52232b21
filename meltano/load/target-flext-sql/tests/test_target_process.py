"""The target as a process: signals, a dead tap, a lost or locked database, a full disk, secrets, logs."""

from __future__ import annotations

import fcntl
import json
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from target_harness import INTEGER, TEXT, Message, Place, batch, command, lines, records, run_process, schema, state
from target_servers import PostgresServer, postgres_place

pytestmark = pytest.mark.process

KEYED = schema("s", {"id": INTEGER, "v": TEXT}, ["id"])


def rows(first: int, last: int) -> list[dict[str, Any]]:
    """Return rows with ids from first to last."""
    return [{"id": i, "v": f"v{i}"} for i in range(first, last + 1)]


class Running:
    """A running target whose input the test writes bit by bit."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdin is not None
        self._stdin = process.stdin

    def send(self, *messages: Message | str) -> None:
        """Write messages and wait until the target has taken them out of the pipe."""
        self._stdin.write(lines(messages).encode())
        self._stdin.flush()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            waiting = struct.unpack("i", fcntl.ioctl(self._stdin, termios.FIONREAD, b"\0\0\0\0"))[0]
            if not waiting:
                break
            time.sleep(0.02)
        time.sleep(0.3)

    def read_state(self) -> Any:
        """Wait for a state."""
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def end(self) -> tuple[int, list[Any], str]:
        """Close the input; return exit code, remaining states and the log."""
        out, log = self.process.communicate(timeout=60)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], log.decode()


@contextmanager
def running(config: dict[str, Any], tmp_path: Path, **options: Any) -> Iterator[Running]:
    """Start the target."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    pipe = subprocess.PIPE
    process = subprocess.Popen(command(path), stdin=pipe, stdout=pipe, stderr=pipe, **options)
    try:
        yield Running(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGTERM, signal.SIGTERM]])
def test_a_termination_signal_keeps_what_was_received(
    duckdb_place: Place, tmp_path: Path, signals: Sequence[signal.Signals]
) -> None:
    """Rows are committed, the last state is written once, the exit code is 0; a second signal changes nothing."""
    with running(duckdb_place.config, tmp_path) as target:
        target.send(KEYED, *records("s", rows(1, 3)), state(s={"x": 3}), *records("s", rows(4, 5)))
        for number in signals:
            target.process.send_signal(number)
        code, states, log = target.end()

    assert (code, states) == (0, [{"bookmarks": {"s": {"x": 3}}}])
    assert len(duckdb_place.rows("s")) == 5
    assert log.count("loading what was received") == 1
    assert "Traceback" not in log


def test_a_killed_tap_publishes_nothing(duckdb_place: Place, tmp_path: Path) -> None:
    """When the tap is killed its half-written line ends the input: the overwrite stays back, exit code 1."""
    whole = lines([KEYED, *records("s", rows(1, 3), 1), {"type": "ACTIVATE_VERSION", "stream": "s", "version": 1}])
    part = lines([KEYED, *records("s", rows(1, 1), 2)]) + '{"type": "RECORD", "str'
    config = {**duckdb_place.config, "load_method": "overwrite"}

    assert run_process(config, whole, tmp_path).returncode == 0
    died = run_process(config, part, tmp_path)

    assert (died.returncode, died.stdout) == (1, "")
    assert "ends in the middle of a message" in died.stderr
    assert len(duckdb_place.rows("s")) == 3


def test_garbage_from_the_tap_is_shown(duckdb_place: Place, tmp_path: Path) -> None:
    """A line that is no Singer message fails the load and is quoted, without a traceback."""
    died = run_process(duckdb_place.config, lines([KEYED, "Warning: something", *records("s", rows(1, 3))]), tmp_path)

    assert died.returncode == 1
    assert "no Singer message: 'Warning: something'" in died.stderr
    assert "Traceback" not in died.stderr


def test_random_kills_lose_and_double_nothing(duckdb_place: Place, tmp_path: Path) -> None:
    """Killed at random moments, again and again, the rerun from the stored state ends with the source's rows."""
    shape = schema("s", {"id": INTEGER, "rk": INTEGER, "v": TEXT}, (), "rk")
    source = [{"id": i % 7, "rk": i // 5, "v": "x"} for i in range(24_000)]
    config = {**duckdb_place.config, "batch_size_rows": 300}
    feed, taken, log = tmp_path / "feed", tmp_path / "taken", tmp_path / "log"
    (tmp_path / "config.json").write_text(json.dumps(config))
    dice = random.Random(5)  # noqa: S311 - moments of kills, no secret
    stored, codes = -1, []
    while not codes or codes[-1]:
        messages: list[Message] = [shape]
        left = [row for row in source if row["rk"] >= stored]
        for at in range(0, len(left), 100):
            part = left[at : at + 100]
            messages += [*records("s", part), state(s={"replication_key_value": part[-1]["rk"]})]
        feed.write_text(lines(messages))
        with feed.open() as given, taken.open("w") as states, log.open("w") as logged:
            process = subprocess.Popen(command(tmp_path / "config.json"), stdin=given, stdout=states, stderr=logged)
            deadline = time.monotonic() + 30
            while not taken.stat().st_size and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.005)
            if len(codes) < 6:
                time.sleep(dice.random() * 0.08)
                process.kill()
            codes.append(process.wait(60))
        complete = taken.read_text().split("\n")[:-1]
        if complete:
            stored = json.loads(complete[-1])["bookmarks"]["s"]["replication_key_value"]
        assert codes[-1] in {0, -9}, log.read_text()

    assert codes.count(-9) >= 3
    assert sorted(duckdb_place.rows("s", "id, rk, v")) == sorted((r["id"], r["rk"], r["v"]) for r in source)


@pytest.mark.postgres
def test_a_lost_server_fails_the_batch_and_a_rerun_completes(
    own_postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The server goes away in the middle: exit code 1 and one line that says so; what was acknowledged is there."""
    place = postgres_place(own_postgres_server)
    config = {**place.config, "batch_size_rows": 2}
    with running(config, tmp_path) as target:
        target.send(KEYED, *records("s", rows(1, 3)), state(s={"x": 3}))
        first = target.read_state()
        own_postgres_server.stop("immediate")
        target.send(*records("s", rows(4, 6)), state(s={"x": 6}))
        code, states, log = target.end()
    own_postgres_server.start()

    assert (code, states) == (1, [])
    assert first == {"bookmarks": {"s": {"x": 3}}}
    error = [line for line in log.splitlines() if "ERROR" in line]
    assert len(error) == 1
    assert f"PostgreSQL 127.0.0.1:{own_postgres_server.port}/postgres" in error[0]
    assert "run again" in error[0]
    assert len(place.rows("s")) == 3
    assert run_process(config, lines([KEYED, *records("s", rows(3, 6))]), tmp_path).returncode == 0
    assert len(place.rows("s")) == 6


def test_a_full_disk_fails_the_batch(duckdb_place: Place, tmp_path: Path) -> None:
    """When the file cannot grow the batch is rolled back, the state is not written, and a rerun completes."""
    big = [{"id": i, "v": random.Random(i).randbytes(3000).hex()} for i in range(2000)]  # noqa: S311 - no secret
    text = lines([KEYED, *records("s", rows(1, 3)), state(s={"x": 3})])
    assert run_process(duckdb_place.config, text, tmp_path).returncode == 0

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    with running(duckdb_place.config, tmp_path, preexec_fn=small_files) as target:
        target.send(KEYED, *records("s", big), state(s={"x": 9}))
        code, states, log = target.end()

    assert (code, states) == (1, [])
    assert "DuckDB file" in log
    assert "Next: " in log
    assert run_process(duckdb_place.config, lines([KEYED, *records("s", big)]), tmp_path).returncode == 0
    assert len(duckdb_place.rows("s")) == 2000


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that cannot be made: what, where, why and what next, in one line."""
    (tmp_path / "file").write_text("")

    died = run_process(
        {"path": str(tmp_path / "file" / "x.duckdb")}, lines([KEYED, *records("s", rows(1, 1))]), tmp_path
    )

    assert died.returncode == 1
    (error,) = [line for line in died.stderr.splitlines() if "ERROR" in line]
    assert str(tmp_path / "file") in error
    assert "Next: check the path" in error


@pytest.mark.postgres
def test_a_missing_right_is_named(target_postgres_server: PostgresServer, tmp_path: Path) -> None:
    """PostgreSQL's refusal comes with what to do."""
    place = postgres_place(target_postgres_server)
    place.run(f"DROP ROLE IF EXISTS stranger_{os.getpid()}")
    place.run(f"CREATE ROLE stranger_{os.getpid()} LOGIN")

    config = {**place.config, "user": f"stranger_{os.getpid()}"}
    died = run_process(config, lines([KEYED, *records("s", rows(1, 1))]), tmp_path)

    assert died.returncode == 1
    assert "permission denied" in died.stderr
    assert "Next: grant the user the right" in died.stderr


def test_a_locked_file_is_waited_for_and_then_named(duckdb_place: Place, tmp_path: Path) -> None:
    """A second writer waits for lock_timeout, then says who has the file; it goes on when the first one ends."""
    text = lines([KEYED, *records("s", rows(4, 5))])
    with running(duckdb_place.config, tmp_path) as first:
        first.send(KEYED, *records("s", rows(1, 3)), state(s={"x": 3}))
        first.send({"type": "ACTIVATE_VERSION", "stream": "s", "version": 1})
        late = run_process({**duckdb_place.config, "lock_timeout": 0.3}, text, tmp_path)
        with running(duckdb_place.config, tmp_path) as patient:
            patient.send(KEYED, *records("s", rows(4, 5)), state(s={"x": 5}))
            first.end()
            code, _, _ = patient.end()

    assert late.returncode == 1
    assert "is in use by another process" in late.stderr
    assert str(first.process.pid) in late.stderr
    assert (code, len(duckdb_place.rows("s"))) == (0, 5)


@pytest.mark.postgres
def test_two_loads_of_one_table_follow_each_other(target_postgres_server: PostgresServer, tmp_path: Path) -> None:
    """An advisory lock keeps a second load out, so that it cannot take the first one's rows for left-overs."""
    place = postgres_place(target_postgres_server)
    with running({**place.config, "batch_size_rows": 1}, tmp_path) as first:
        first.send(KEYED, *records("s", rows(1, 3)), state(s={"x": 3}))
        first.read_state()
        late = run_process({**place.config, "lock_timeout": 0.3}, lines([KEYED, *records("s", rows(4, 5))]), tmp_path)
        first.end()

    assert late.returncode == 1
    assert "is being loaded by another process" in late.stderr


@pytest.mark.postgres
@pytest.mark.parametrize("fault", ["port", "sqlalchemy_url", "password"])
def test_no_error_shows_a_password(target_postgres_server: PostgresServer, tmp_path: Path, fault: str) -> None:
    """Whatever fails while connecting, the password is not in the output."""
    secret = "S3cret&pass/word"  # noqa: S105 - the test looks for it
    config = {**target_postgres_server.config("raw"), "password": secret, "connect_timeout": 2}
    if fault == "port":
        config["port"] = 1
    elif fault == "password":
        config["user"] = "nobody"
    else:
        config = {
            "dialect": "postgresql",
            "sqlalchemy_url": "postgresql+psycopg://u:S3cret%26pass%2Fword@127.0.0.1:1/x",
        }

    died = run_process(config, lines([KEYED, *records("s", rows(1, 1))]), tmp_path)

    assert died.returncode == 1
    output = died.stdout + died.stderr
    assert "cannot be reached" in output
    assert secret not in output
    assert "S3cret" not in output


def test_a_closed_output_is_named(duckdb_place: Place, tmp_path: Path) -> None:
    """When nobody takes the state, the rows are committed and the exit code is 1, without a traceback."""
    with running(duckdb_place.config, tmp_path) as target:
        assert target.process.stdout is not None
        target.process.stdout.close()
        target.process.stdout = None
        target.send(KEYED, *records("s", rows(1, 3)), state(s={"x": 3}))
        assert target.process.stdin is not None
        target.process.stdin.close()
        target.process.stdin = None
        log = target.process.stderr.read().decode() if target.process.stderr else ""
        code = target.process.wait(30)

    assert code == 1
    assert "The state could not be handed on" in log
    assert "Traceback" not in log
    assert len(duckdb_place.rows("s")) == 3


def test_a_record_of_50_megabytes_is_loaded(duckdb_place: Place, tmp_path: Path) -> None:
    """One huge record neither fails nor holds up the others."""
    huge = "x" * 50_000_000

    done = run_process(
        duckdb_place.config, lines([KEYED, *records("s", [{"id": 1, "v": huge}, {"id": 2, "v": "b"}])]), tmp_path
    )

    assert done.returncode == 0
    assert duckdb_place.rows("s", "id, length(v)") == [(1, 50_000_000), (2, 1)]


def metrics(log: str) -> list[tuple[str, int]]:
    """Return (metric, value) of the METRIC lines of a structured log."""
    found = [json.loads(line) for line in log.splitlines()]
    points = [line["metric_info"] for line in found if line.get("metric_info")]
    assert all(point["type"] == "counter" and point["tags"]["stream"] == "s" for point in points)
    assert all(point["tags"]["table"].endswith("s") for point in points)
    return [(point["metric"], point["value"]) for point in points]


STRUCTURED = """
version: 1
disable_existing_loggers: false
formatters: {structured: {"()": singer_sdk.logging.StructuredFormatter}}
handlers: {stderr: {class: logging.StreamHandler, formatter: structured, stream: ext://sys.stderr}}
root: {level: INFO, handlers: [stderr]}
"""


@pytest.mark.parametrize("form", ["record", "batch"])
def test_counters_are_logged_for_each_commit(duckdb_place: Place, tmp_path: Path, form: str) -> None:
    """record_count, records_rejected and records_deduplicated add up to the rows that came, in both modes."""
    import pyarrow as pa
    from target_harness import parquet

    bad = [{"id": None, "v": "x"}, {"id": 1, "v": "a"}, {"id": 1, "v": "b"}, {"id": 2, "v": "c"}]
    file = parquet(tmp_path / "b.parquet", pa.table({"id": [None, 1, 1, 2], "v": ["x", "a", "b", "c"]}))
    (tmp_path / "log.yml").write_text(STRUCTURED)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(duckdb_place.config))
    body = records("s", bad) if form == "record" else [batch("s", file)]

    done = subprocess.run(
        command(path),
        input=lines([KEYED, *body, state(s={})]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SINGER_SDK_LOG_CONFIG": str(tmp_path / "log.yml")},
    )

    assert metrics(done.stderr) == [("record_count", 2), ("records_rejected", 1), ("records_deduplicated", 1)]


def test_about_shows_settings_and_marks_secrets(tmp_path: Path) -> None:
    """--about is what Meltano's plugin definition is made from."""
    shown = subprocess.run(
        [sys.executable, "-m", "target_flext_sql", "--about", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )

    about = json.loads(shown.stdout)
    settings = about["settings"]["properties"]
    assert {name for name, setting in settings.items() if setting.get("secret")} == {"password", "sqlalchemy_url"}
    assert {"batch", "activate-version", "structured-logging", "target-schema"} <= set(about["capabilities"])
    assert all(setting.get("description") for setting in settings.values())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "setting 'path' is missing"),
        ({"dialect": "postgresql"}, "PostgreSQL needs the settings host, database, user"),
        ({"dialect": "oracle", "user": "u"}, "Oracle needs the settings password, host, database"),
        ({"path": "x", "load_method": "replace"}, "'replace' is not one of"),
        ({"path": "x", "max_rejects": "many"}, "neither a number nor a percentage"),
    ],
)
def test_wrong_settings_are_named_before_anything_is_read(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    """A wrong or missing setting ends the run at once, with its name and what to do."""
    died = run_process(config, "", tmp_path)

    assert died.returncode == 1
    assert message in died.stderr
    assert "Traceback" not in died.stderr
