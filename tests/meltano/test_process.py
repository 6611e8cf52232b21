"""Processes are started apart, stopped completely, and always reaped, without any Meltano."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from flext_pipelines.errors import TimedOutError, UnavailableError
from flext_pipelines.meltano.process import Invocation, launch, run_to_end
from flext_pipelines.meltano.running import Graces, Running

pytestmark = pytest.mark.process

QUICK = Graces(1, 1)


def python(folder: Path, code: str, **env: str) -> Invocation:
    """A Python that runs the code in the folder."""
    mark = f"FLEXT_TEST_MARK={folder}"
    variables = {"PATH": os.environ["PATH"], "FLEXT_TEST_MARK": str(folder), **env}
    return Invocation((sys.executable, "-u", "-c", code), variables, folder, mark)


def started(folder: Path, code: str, on_out: Callable[[str], None] = lambda _: None) -> Running:
    """The same at work, its standard error thrown away."""
    return launch(python(folder, code), on_out=on_out, on_err=lambda _: None, graces=QUICK)


def waited_for(running: Running, first: Callable[[], object]) -> None:
    """Do something, then wait for the process."""
    first()
    running.wait(graces=QUICK)


def test_output_and_exit_code_come_back(tmp_path: Path) -> None:
    """Both pipes to their ends, apart from each other."""
    code = "import sys; print('out'); print('err', file=sys.stderr); print(sys.stdin.read()); sys.exit(3)"
    heard: list[str] = []

    finished = run_to_end(python(tmp_path, code), on_line=heard.append)

    assert (finished.exit_code, finished.output, finished.errors, heard) == (3, "out\n", ("err",), ["err"])


def test_a_process_has_its_own_session(tmp_path: Path) -> None:
    """A terminal's Ctrl-C does not reach it."""
    finished = run_to_end(python(tmp_path, "import os; print(os.getsid(0) == os.getpid())"))

    assert finished.output == "True"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And no pipe or watchdog is left."""
    with pytest.raises(UnavailableError, match="nowhere cannot be started: No such file"):
        run_to_end(Invocation((str(tmp_path / "nowhere"),), {}, tmp_path))


def test_a_process_past_its_time_is_stopped(tmp_path: Path) -> None:
    """Even one that ignores SIGTERM; its last lines are told."""
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('waiting for a lock', file=sys.stderr); time.sleep(60)"
    )
    begun = time.monotonic()

    with pytest.raises(TimedOutError, match="took longer than 1 s") as caught:
        run_to_end(python(tmp_path, code), timeout_seconds=1, graces=QUICK)

    assert caught.value.details["tail"] == ["waiting for a lock"]
    assert time.monotonic() - begun < 50


def test_what_a_process_leaves_behind_is_ended(tmp_path: Path) -> None:
    """A child that outlives it, and one that left its session."""
    code = (
        "import subprocess, sys\n"
        "for new in (False, True):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=new)\n"
        "    print(child.pid)"
    )
    pids: list[str] = []

    with started(tmp_path, code, pids.append) as running:
        ended = running.wait(graces=QUICK)

    assert ended.exit_code == 0
    assert len(pids) == 2
    assert not [pid for pid in map(int, pids) if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_an_interrupt_while_waiting_ends_the_process_and_goes_on(tmp_path: Path) -> None:
    """The very same exception, after the process is gone."""
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))

    with pytest.raises(KeyboardInterrupt), started(tmp_path, "import time; time.sleep(60)") as running:
        waited_for(running, interrupt.start)

    assert not psutil.pid_exists(running.pid)


def test_a_failing_listener_of_notes_ends_the_process(tmp_path: Path) -> None:
    """Whoever listens to progress may fail; nothing is left of the run."""

    def fail() -> None:
        raise ValueError("the listener failed")

    with pytest.raises(ValueError, match="listener"), started(tmp_path, "import time; time.sleep(60)") as running:
        waited_for(running, lambda: running.note(fail))

    assert not psutil.pid_exists(running.pid)


def test_leaving_without_waiting_ends_the_process(tmp_path: Path) -> None:
    """The block may end by any exception."""
    with (
        pytest.raises(ValueError, match="before the wait"),
        started(tmp_path, "import time; time.sleep(60)") as running,
    ):
        raise ValueError("before the wait")

    assert not psutil.pid_exists(running.pid)


def test_a_process_that_writes_much_does_not_stand_still(tmp_path: Path) -> None:
    """Both pipes are read at the same time; a line of 30 MB costs no 30 MB."""
    code = (
        "import sys\nfor n in range(20000): print('x' * 50); print('y' * 50, file=sys.stderr)\nprint('z' * 30_000_000)"
    )
    before = psutil.Process().memory_info().rss

    finished = run_to_end(python(tmp_path, code), timeout_seconds=60)

    lines = finished.output.splitlines()
    assert len(lines) == 20001
    assert "more bytes of this line left out" in lines[-1]
    assert psutil.Process().memory_info().rss - before < 60_000_000


def test_only_processes_of_the_run_are_signalled(tmp_path: Path) -> None:
    """A process id that a plugin claims to have is checked before it is used."""
    code = "import time; print('ready'); time.sleep(60)"
    with started(tmp_path, "import time; time.sleep(60)") as stranger:
        ready = threading.Event()
        with started(tmp_path / "..", code, lambda _: ready.set()) as running:
            ready.wait(10)
            running.tap_is(stranger.pid)

            assert running.group.tap_processes() == set()
            running.wait(graces=QUICK, timeout_seconds=0.1)

        assert psutil.Process(stranger.pid).is_running()


def test_a_listener_that_stands_still_is_warned_of_and_changes_no_outcome(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The process ended as it did; only what it wrote is not known to the end."""
    go_on = threading.Event()

    def stand_still(_: str) -> None:
        go_on.wait(60)

    with started(tmp_path, "print('one'); print('two')", stand_still) as running:
        ended = running.wait(graces=QUICK)
    go_on.set()

    assert (ended.exit_code, ended.ending) == (0, "exited")
    assert "does not keep up" in caplog.text
