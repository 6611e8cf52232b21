"""Facts about telling processes apart."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flext_pipelines.control.processes import ProcessMark, is_alive, this_process


def test_a_living_process_is_alive() -> None:
    """The process that asks is alive, by the mark as it is stored."""
    assert is_alive(str(this_process())) is True


def test_an_ended_process_is_not_alive() -> None:
    """A process is dead once it ended, even before its parent took note of it."""
    code = "from flext_pipelines.control.processes import this_process as p; print(p(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout
    assert child.stdin
    mark = child.stdout.readline().strip()
    assert is_alive(mark) is True

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the process table

    assert is_alive(mark) is False
    child.communicate()
    assert is_alive(mark) is False


def test_a_process_id_that_is_used_again_is_another_process() -> None:
    """The same process id with another start is not the same process."""
    mark = this_process()

    assert is_alive(str(mark._replace(started=mark.started + 1))) is False


@pytest.mark.parametrize(
    "mark",
    ["vm/another-boot/1/1", "", "host", "host/world/pid/start", "a/b/1", "a/b/c/1/x"],
)
def test_a_process_of_another_machine_cannot_be_judged(mark: str) -> None:
    """Of another machine, of another boot and of a text that is no mark nobody here can tell."""
    assert is_alive(mark) is None


def test_a_mark_survives_being_stored() -> None:
    """A mark reads back as it was written, whatever the host is called."""
    mark = this_process()._replace(host="a.b-c")

    assert ProcessMark.parse(str(mark)) == mark
