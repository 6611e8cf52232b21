"""Holders of a key elsewhere: waited for while they beat, taken over when they are dead."""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.control.idempotency import IdempotencyKeys, Once
from flext_pipelines.control.processes import this_process
from tests.control import worker
from tests.control.keyed import hold, never, rows, run

if TYPE_CHECKING:
    from pathlib import Path

    from flext_pipelines.control.engine import ControlDatabase


def greeting(book: Path, *, manner: str = "polite", seconds: float = 0) -> str:
    return json.dumps(
        {"name": "guest", "book": str(book), "idempotency_key": "k", "manner": manner, "seconds": seconds}
    )


@pytest.mark.process
def test_two_processes_at_once_perform_once(control_url: str, tmp_path: Path) -> None:
    """Real processes with one key: one performs, the other waits and has its result."""
    book = tmp_path / "book"
    payload = greeting(book, seconds=0.7)

    printed = worker.finish([worker.start(control_url, "send", payload) for _ in range(3)])

    answers = [line.rsplit(" ", 3) for line in printed]
    assert len({tuple(answer[:2]) for answer in answers}) == 1
    assert sorted(answer[2] for answer in answers) == ["False", "True", "True"]
    assert book.read_text().splitlines() == ["guest by worker"]


@pytest.mark.process
def test_a_killed_holder_is_taken_over(control_url: str, control: ControlDatabase, tmp_path: Path) -> None:
    """When the process that holds a key is killed, a waiter takes over at once and learns of the dead attempt."""
    book = tmp_path / "book"
    payload = greeting(book, seconds=1)
    first = worker.start(control_url, "send", payload)
    while not book.exists():
        time.sleep(0.02)
    second = worker.start(control_url, "send", payload)
    time.sleep(0.3)

    first.send_signal(signal.SIGKILL)
    first.communicate()
    (printed,) = worker.finish([second])

    assert printed.split()[-2:] == ["False", "1"]
    assert book.read_text().splitlines() == ["guest by worker"] * 2
    with control.reading() as connection:
        notes = connection.exec_driver_sql("SELECT note FROM control_audit WHERE kind = 'ended'").scalars().all()
    assert notes == ["1 earlier attempt(s) with this idempotency key died without an outcome"]


def test_a_silent_holder_elsewhere_is_taken_over_after_its_lease(
    store: IdempotencyKeys, control: ControlDatabase
) -> None:
    """A holder on another machine whose heartbeat stands still for a whole lease counts as dead."""
    hold(control, str(this_process()._replace(world="another-machine")))
    started = time.monotonic()

    once = run(store)

    assert once == Once('"done"', replayed=False, unfinished_attempts=1)
    assert time.monotonic() - started >= 0.5


def test_a_beating_holder_elsewhere_is_waited_for(control: ControlDatabase) -> None:
    """A holder on another machine whose heartbeat moves is not taken over, however long its work lasts."""
    store = IdempotencyKeys(control, wait_seconds=60, lease_seconds=1.5)  # a busy machine may keep a beat back
    hold(control, str(this_process()._replace(world="another-machine")))
    stop = threading.Event()

    def beat() -> None:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            with control.writing() as writing:
                writing._driver.execute("UPDATE control_keys SET beat = beat + 1")
            stop.wait(0.05)
        with control.writing() as writing:
            writing._driver.execute("UPDATE control_keys SET result = '7', ended_at = 5")

    thread = threading.Thread(target=beat)
    thread.start()
    once = run(store, never)
    thread.join()

    assert once == Once("7", replayed=True, unfinished_attempts=0)


def test_a_holder_beats_while_at_work(store: IdempotencyKeys, control: ControlDatabase) -> None:
    """While a command is at work its key's counter goes up several times per lease."""
    seen: list[int] = []

    def perform() -> str:
        deadline = time.monotonic() + 60
        while (beat := int(str(rows(control)[0]["beat"]))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        seen.append(beat)
        return "1"

    run(store, perform)

    assert seen[0] >= 2


def test_the_heartbeat_ends_with_the_work(store: IdempotencyKeys) -> None:
    """No thread is left when no key is held."""
    run(store)
    deadline = time.monotonic() + 60

    while any(thread.name == "flext-heartbeat" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_attempt_of_this_process_that_is_not_at_work_is_taken_over(
    store: IdempotencyKeys, control: ControlDatabase
) -> None:
    """A row that this very process left behind is not waited for."""
    hold(control, str(this_process()))

    assert run(store).unfinished_attempts == 1


def test_a_taken_over_holder_says_so(
    store: IdempotencyKeys, control: ControlDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """A holder that stood still, was taken over and then went on, reports that it may have happened twice."""

    def perform() -> str:
        with control.writing() as writing:
            writing._driver.execute("UPDATE control_keys SET token = 'taken', result = '2', ended_at = 5")
        return "1"

    with caplog.at_level(logging.ERROR):
        once = run(store, perform)

    assert once.result == "1"
    assert "may have been done twice" in caplog.text
    assert run(store, never).result == "2"
