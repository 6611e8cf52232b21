"""Raw lines reach whoever keeps them, and nobody who stands still stops a run."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from flext_pipelines.meltano import raw_log
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.raw_log import RawLog
from tests.meltano.replay import CASES, fake_meltano, replaying, runner_of

J = RunRequest(pipeline="j")


class Stuck:
    """A reader that takes no line until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        """Take one."""
        self.go_on.wait(60)
        self.lines.append(line)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for a few hundred short lines."""
    monkeypatch.setattr(raw_log, "ROOM_CHARACTERS", 1000)


@pytest.mark.usefixtures("narrow")
def test_a_slow_reader_gets_every_line() -> None:
    """In order, and all of them before the log is closed, though the whole takes longer than its patience."""
    lines: list[str] = []

    def slow(line: str) -> None:
        time.sleep(0.01)
        lines.append(line)

    log = RawLog(slow, 0.5)
    for number in range(100):
        log.add(f"{number}\n")
    log.close()

    assert lines == [f"{number}\n" for number in range(100)]


@pytest.mark.usefixtures("narrow")
def test_a_reader_that_is_slow_for_ever_is_waited_for_once() -> None:
    """One line in a while gets through; the patience for it is not spent again on each."""
    lines: list[str] = []

    def slow(line: str) -> None:
        time.sleep(0.01)
        lines.append(line)

    log = RawLog(slow, 0.2)
    began = time.monotonic()
    for number in range(3_000):
        log.add(f"{number}\n")
    taken = time.monotonic() - began

    assert taken < 5  # 0.01 s for each of them would be 30 s
    log.close()
    assert any("left out" in line for line in lines)


@pytest.mark.usefixtures("narrow")
def test_a_gap_is_told_in_its_place() -> None:
    """Lines for which nobody had time, once there is time again."""
    stuck = Stuck()
    log = RawLog(stuck, 0.2)
    for number in range(300):
        log.add(f"{number}\n")
    stuck.go_on.set()
    log.close()

    *kept, gap = stuck.lines
    assert kept == [f"{number}\n" for number in range(len(kept))]
    assert gap == f"... ({300 - len(kept)} lines left out: they could not be written in time)\n"


def test_nobody_is_held_up_where_that_is_not_wanted() -> None:
    """More lines than any pipe holds, and a reader that takes none: all of them wait, and none is lost."""
    stuck = Stuck()
    log = RawLog(stuck, 30, holds_up=False)
    for number in range(20_000):
        log.add(f"{number}\n")
    assert not stuck.go_on.is_set()
    stuck.go_on.set()
    log.close()

    assert stuck.lines == [f"{number}\n" for number in range(20_000)]


@pytest.mark.usefixtures("narrow")
def test_what_has_no_room_is_left_out_at_once_where_nobody_is_held_up() -> None:
    """And told, as ever; a line longer than all the room waits alone."""
    stuck = Stuck()
    log = RawLog(stuck, 30, holds_up=False)
    for _ in range(10):
        log.add("x" * 5000)
    stuck.go_on.set()
    log.close()

    *kept, gap = stuck.lines
    assert kept == ["x" * 5000] * len(kept)
    assert 1 <= len(kept) <= 2
    assert gap.startswith(f"... ({10 - len(kept)} lines left out")


def test_a_reader_that_fails_gets_no_more_lines() -> None:
    """And holds nobody up."""
    lines: list[str] = []

    def fails(line: str) -> None:
        lines.append(line)
        raise OSError

    log = RawLog(fails, 30)
    for number in range(1000):
        log.add(f"{number}\n")
    log.close()

    assert lines == ["0\n"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs wait for their reader for a moment only."""
    monkeypatch.setattr(raw_log, "PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(raw_log, "ROOM_CHARACTERS", 10_000)


@pytest.mark.usefixtures("impatient")
def test_a_reader_that_stands_still_does_not_change_the_outcome(tmp_path: Path) -> None:
    """It never comes back from the first line; the run is judged by all of them."""
    for_ever = threading.Event()

    run = replaying(tmp_path, "success").run(J, echo=lambda _: for_ever.wait(60))

    assert run.status == "succeeded"
    assert run.streams[0].loaded == 5
    for_ever.set()


@pytest.mark.usefixtures("impatient")
def test_a_reader_that_stands_still_does_not_stop_meltano(tmp_path: Path) -> None:
    """More lines than wait anywhere: Meltano comes to its end all the same."""
    for_ever = threading.Event()
    more = "[os.write(1, b'x' * 100 + b'\\n') for _ in range(5000)]"
    runner = runner_of(tmp_path, fake_meltano(tmp_path, text=CASES["success"].read_bytes(), then=more))

    assert runner.run(J, echo=lambda _: for_ever.wait(60)).status == "succeeded"
    for_ever.set()
