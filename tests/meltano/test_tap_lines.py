"""The lines of a tap reach their reader whole and at its pace, without any Meltano."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from flext_pipelines.errors import UnavailableError
from flext_pipelines.meltano import watchdog
from flext_pipelines.meltano.process import Invocation
from flext_pipelines.meltano.tap_lines import TapLog, TapWork

pytestmark = pytest.mark.process


def work(folder: Path, code: str, *, timeout_seconds: float = 0, log: TapLog | None = None) -> TapWork:
    """A Python that plays the tap."""
    variables = {"PATH": os.environ["PATH"], "FLEXT_TEST_MARK": str(folder)}
    invocation = Invocation((sys.executable, "-u", "-c", code), variables, folder, f"FLEXT_TEST_MARK={folder}")
    sandbox = folder / "sandbox"
    sandbox.mkdir()
    return TapWork(invocation, log or TapLog(str), folder=sandbox, timeout_seconds=timeout_seconds)


def test_a_slow_reader_loses_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tap that ends while its reader is busy for long has written everything all the same."""
    monkeypatch.setattr(watchdog, "SETTLE_SECONDS", 3.0)
    tap = work(tmp_path, "import sys; sys.stdout.write(''.join(f'{n}\\n' for n in range(14_000)))")
    lines = tap.lines()

    first = next(lines)
    time.sleep(5)  # longer than a reader of ours may take to finish after the end of its process

    assert [int(line) for line in (first, *lines)] == list(range(14_000))
    assert tap.ended is not None
    assert (tap.ended.ending, tap.ended.exit_code) == ("exited", 0)


def test_a_slow_reader_makes_the_tap_wait(tmp_path: Path) -> None:
    """Not more is held in memory than a few chunks; the rest stays where it is made."""
    log = TapLog(str)
    code = "import sys\nfor n in range(60_000):\n    print(n)\n    n % 1000 or print(n, file=sys.stderr)"
    lines = work(tmp_path, code, log=log).lines()

    next(lines)
    time.sleep(1.5)
    written = int(log.lines()[-1])

    assert written < 40_000
    assert sum(1 for _ in lines) == 60_000 - 1


def test_lines_of_a_tap_that_pauses_do_not_wait_for_more(tmp_path: Path) -> None:
    """A tap that writes a batch file every now and then has each one read while it works on the next."""
    begun = time.monotonic()
    lines = work(tmp_path, "import time; print('one'); print('two'); time.sleep(120)").lines()

    assert [next(lines), next(lines)] == [b"one", b"two"]
    assert time.monotonic() - begun < 100
    lines.close()


def test_a_reader_that_leaves_stops_the_tap(tmp_path: Path) -> None:
    """Closing the lines ends the process and what it started, one that ignores SIGTERM included."""
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid)\nwhile True: print('more')"
    )
    lines = work(tmp_path, code).lines()
    child = int(next(lines))

    lines.close()

    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_tap_past_its_time_is_stopped_although_nobody_reads(tmp_path: Path) -> None:
    """A reader that is busy does not keep a tap alive."""
    tap = work(tmp_path, "while True: print('x' * 1000)", timeout_seconds=1)
    lines = tap.lines()
    next(lines)
    time.sleep(4)

    assert sum(1 for _ in lines) > 0
    assert tap.ended is not None
    assert tap.ended.ending == "timed_out"


def test_a_killed_tap_is_told_by_its_signal(tmp_path: Path) -> None:
    """Its lines come first, then its end."""
    tap = work(tmp_path, "import os; print('one'); os.kill(os.getpid(), 9)")

    assert list(tap.lines()) == [b"one"]
    assert tap.ended is not None
    assert tap.ended.exit_code == -signal.SIGKILL


def test_a_tap_that_cannot_be_started_is_told_where_its_lines_are_read(tmp_path: Path) -> None:
    """The thread's error is the reader's."""
    tap = TapWork(Invocation((str(tmp_path / "nowhere"),), {}, tmp_path), TapLog(str), folder=tmp_path)

    with pytest.raises(UnavailableError, match="cannot be started"):
        list(tap.lines())


def test_the_log_is_echoed_without_secrets_until_the_echo_fails() -> None:
    """A full disk under the compute log does not end the tap."""
    heard: list[str] = []

    def echo(line: str) -> None:
        if len(heard) == 2:
            raise OSError(28, "No space left on device")
        heard.append(line)

    log = TapLog(lambda line: line.replace("hunter2", "***"), echo)
    for line in ("one", "hunter2", "three", "four"):
        log.add(line)
    log.close()

    assert heard == ["one\n", "***\n"]
    assert log.lines() == ("one", "***", "three", "four")


def test_an_echo_that_stands_still_does_not_hold_up_the_tap(tmp_path: Path) -> None:
    """The tap writes far more log than waits anywhere, and its lines come all the same."""
    for_ever = threading.Event()
    log = TapLog(str, lambda _: for_ever.wait(60))
    code = "import sys\nfor n in range(20_000):\n    print(n)\n    print('x' * 100, file=sys.stderr)"
    began = time.monotonic()

    lines = list(work(tmp_path, code, log=log).lines())
    log.close()

    assert len(lines) == 20_000
    assert time.monotonic() - began < 55  # the echo would stand still for 60
    for_ever.set()
