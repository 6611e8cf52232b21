"""Facts about idempotency keys: once is once, among threads, processes and the dead."""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from flext_pipelines.control import idempotency
from flext_pipelines.control.idempotency import IdempotencyKeys, Once
from flext_pipelines.control.processes import this_process
from flext_pipelines.control.tables import keys
from flext_pipelines.errors import (
    AlreadyRunningError,
    IdempotencyConflictError,
    NotFoundError,
    OutcomeNotSavedError,
    UnavailableError,
)
from tests.control import worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flext_pipelines.control.engine import ControlDatabase


@pytest.fixture
def store(control: ControlDatabase) -> IdempotencyKeys:
    """A key store whose waiters give up after a minute, with a lease of half a second."""
    return IdempotencyKeys(control, wait_seconds=60, lease_seconds=0.5)


def run(
    store: IdempotencyKeys,
    perform: Callable[[], str] = lambda: '"done"',
    *,
    key: str = "k",
    message: str = "data.Load",
    payload: str = "{}",
) -> Once:
    return store.run_once(key=key, message=message, payload=payload, perform=perform)


def never() -> str:
    pytest.fail("this must not be performed")


def rows(control: ControlDatabase) -> list[dict[str, object]]:
    with control.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(keys).order_by(keys.c.key)).mappings()]


def test_the_first_result_is_given_again(store: IdempotencyKeys) -> None:
    """The same key and payload is performed once, and the first result comes back."""
    assert run(store) == Once('"done"', replayed=False, unfinished_attempts=0)

    assert run(store, never) == Once('"done"', replayed=True, unfinished_attempts=0)


def test_what_was_performed_can_be_looked_up(store: IdempotencyKeys) -> None:
    """By its key, with its result; neither what was never asked for nor what is still at work."""
    seen_inside: list[object] = []

    def perform() -> str:
        seen_inside.append(store.kept("k"))
        return '"done"'

    run(store, perform)

    kept = store.kept("k")
    assert seen_inside == [None]
    assert kept is not None
    assert (kept.message, kept.result) == ("data.Load", '"done"')
    assert 0 <= time.time() - kept.ended_at / 1e6 < 600
    assert store.kept("other") is None


def test_a_result_of_nothing_is_a_result(store: IdempotencyKeys) -> None:
    """A command without a result is not performed again either."""
    run(store, lambda: "null")

    assert run(store, never).result == "null"


def test_other_keys_are_other_commands(store: IdempotencyKeys) -> None:
    """Each key has its own result."""
    run(store, lambda: "1", key="a")

    assert run(store, lambda: "2", key="b").result == "2"
    assert run(store, never, key="a").result == "1"


@pytest.mark.parametrize(
    ("message", "payload", "words"),
    [("data.Load", '{"x":1}', "another payload"), ("data.Extract", "{}", "another message, data.Load")],
)
def test_the_same_key_for_something_else_is_refused(
    store: IdempotencyKeys, message: str, payload: str, words: str
) -> None:
    """A key that was used with another payload or message is an error that says which."""
    run(store)

    with pytest.raises(IdempotencyConflictError, match=words):
        run(store, never, message=message, payload=payload)


def test_a_conflict_is_told_at_once_while_the_first_is_at_work(store: IdempotencyKeys) -> None:
    """Another payload under a key at work is refused without waiting for it."""
    started = time.monotonic()

    def perform() -> str:
        error: list[BaseException] = []

        def other() -> None:
            try:
                run(store, never, payload="other")
            except IdempotencyConflictError as found:
                error.append(found)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert error
        return "1"

    run(store, perform)

    assert time.monotonic() - started < 30  # who waits does so for 60


@pytest.mark.parametrize("error", [NotFoundError("no"), RuntimeError("x"), KeyboardInterrupt(), SystemExit(1)])
def test_a_failed_or_interrupted_command_releases_its_key(
    store: IdempotencyKeys, control: ControlDatabase, error: BaseException
) -> None:
    """After a failure or an interrupt the key is free, and a retry performs the command."""

    def fail() -> str:
        raise error

    with pytest.raises(type(error)):
        run(store, fail)

    assert rows(control) == []
    assert run(store) == Once('"done"', replayed=False, unfinished_attempts=0)


def test_two_threads_at_once_perform_once(store: IdempotencyKeys) -> None:
    """Threads with one key: one performs, the others wait and have its result."""
    performed: list[int] = []
    results: list[Once] = []

    def perform() -> str:
        performed.append(1)
        time.sleep(0.2)
        return '"mine"'

    threads = [threading.Thread(target=lambda: results.append(run(store, perform))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(performed) == 1
    assert sorted(result.replayed for result in results) == [False, True, True, True]
    assert {result.result for result in results} == {'"mine"'}


def test_a_waiter_performs_when_the_first_fails(store: IdempotencyKeys) -> None:
    """When the first caller's attempt fails, the one who waits for it performs the command itself."""
    began = threading.Event()
    results: list[Once] = []

    def fail() -> str:
        began.set()
        time.sleep(0.2)
        raise NotFoundError("no")

    def first() -> None:
        with pytest.raises(NotFoundError):
            run(store, fail)

    threads = [threading.Thread(target=first)]
    threads[0].start()
    began.wait()
    threads.append(threading.Thread(target=lambda: results.append(run(store))))
    threads[1].start()
    for thread in threads:
        thread.join()

    assert results == [Once('"done"', replayed=False, unfinished_attempts=0)]


def test_a_command_that_asks_for_its_own_key_is_refused(store: IdempotencyKeys) -> None:
    """A command that sends another with the same key would wait for itself: an error instead."""
    with pytest.raises(AlreadyRunningError, match="held by the call"):
        run(store, lambda: run(store, never).result)

    assert not run(store).replayed


def test_waiting_has_an_end(control: ControlDatabase) -> None:
    """Who waits longer than allowed is told that the first is still at work, and by which process."""
    store = IdempotencyKeys(control, wait_seconds=0.2)
    began, go_on = threading.Event(), threading.Event()

    def perform() -> str:
        began.set()
        go_on.wait(60)
        return "1"

    thread = threading.Thread(target=run, args=(store, perform))
    thread.start()
    began.wait()

    with pytest.raises(AlreadyRunningError, match="still at work") as caught:
        run(store, never)

    go_on.set()
    thread.join()
    assert caught.value.retryable
    assert caught.value.details["process"] == str(this_process())


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


def hold(control: ControlDatabase, process: str, *, beat: int = 0) -> None:
    """A row as a holder leaves it while at work."""
    import hashlib

    row = {
        "key": "k", "message": "data.Load", "fingerprint": hashlib.sha256(b"data.Load\0{}").hexdigest(),
        "token": "theirs", "process": process, "unfinished": 0, "beat": beat, "begun_at": 1, "ended_at": None,
        "result": None,
    }  # fmt: skip
    with control.writing() as writing:
        writing.execute(sa.insert(keys), row)


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


class Flaky:
    """The control database, away for some of its writers' calls.

    The real one behind it does everything else: a fake for the one thing that cannot be had on demand.
    """

    def __init__(self, database: ControlDatabase, failures: int) -> None:
        self._database = database
        self._failures = failures
        self.armed = False

    def __getattr__(self, name: str) -> object:
        if name == "writing" and self.armed and self._failures:
            self._failures -= 1
            raise UnavailableError("The control database does not answer")
        return getattr(self._database, name)


@pytest.mark.parametrize("failures", [1, 2])
def test_a_result_is_kept_although_the_database_was_away(
    control: ControlDatabase, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    """A database that is away for a moment after the work does not make the work undone."""
    monkeypatch.setattr(idempotency, "_SAVE_PAUSES", (0.01, 0.01))
    flaky = Flaky(control, failures)
    store = IdempotencyKeys(flaky)  # type: ignore[arg-type]  # it is one for every call but the failing ones

    def perform() -> str:
        flaky.armed = True
        return "1"

    assert run(store, perform).result == "1"
    assert run(store, never).replayed


def test_a_result_that_cannot_be_kept_is_told(control: ControlDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that was done but not recorded is a permanent error that warns of doing it again."""
    monkeypatch.setattr(idempotency, "_SAVE_PAUSES", (0.01,))
    flaky = Flaky(control, 9)
    store = IdempotencyKeys(flaky)  # type: ignore[arg-type]  # it is one for every call but the failing ones

    def perform() -> str:
        flaky.armed = True
        return "1"

    with pytest.raises(OutcomeNotSavedError, match="was performed") as caught:
        run(store, perform)

    assert not caught.value.retryable


def test_an_error_stays_the_one_that_is_seen(control: ControlDatabase) -> None:
    """When the key of a failed command cannot be released either, the command's own error is raised."""
    flaky = Flaky(control, 9)
    store = IdempotencyKeys(flaky)  # type: ignore[arg-type]  # it is one for every call but the failing ones

    def perform() -> str:
        flaky.armed = True
        raise NotFoundError("no such stream")

    with pytest.raises(NotFoundError, match="no such stream") as caught:
        run(store, perform)

    assert "could not be released" in caught.value.__notes__[0]


def _lose_the_keys(control: ControlDatabase) -> None:
    with control.writing() as writing:
        writing._driver.execute("ALTER TABLE control_keys RENAME TO control_keys_gone")


def test_a_result_that_can_never_be_kept_is_told_too(control: ControlDatabase, store: IdempotencyKeys) -> None:
    """A refusal of the database that no patience mends does not make the work undone either."""

    def perform() -> str:
        _lose_the_keys(control)
        return "1"

    with pytest.raises(OutcomeNotSavedError, match="was performed"):
        run(store, perform)


def test_an_error_stays_the_one_that_is_seen_whatever_the_database_says(
    control: ControlDatabase, store: IdempotencyKeys
) -> None:
    """A key that can never be released does not hide why the command failed."""

    def perform() -> str:
        _lose_the_keys(control)
        raise NotFoundError("no such stream")

    with pytest.raises(NotFoundError, match="no such stream") as caught:
        run(store, perform)

    assert "could not be released" in caught.value.__notes__[0]


def test_old_results_are_forgotten(control: ControlDatabase) -> None:
    """Results older than the retention are removed; younger ones and keys at work stay."""
    store = IdempotencyKeys(control, retention_seconds=3600)
    run(store, key="old")
    run(store, key="young")
    hold(control, "elsewhere")
    with control.writing() as writing:
        writing._driver.execute("UPDATE control_keys SET ended_at = ended_at - 3601000000 WHERE key = 'old'")

    assert store.purge() == 1

    assert [row["key"] for row in rows(control)] == ["k", "young"]
    assert not run(store, key="old").replayed


def test_payloads_are_not_kept(store: IdempotencyKeys, control: ControlDatabase) -> None:
    """Of a payload only its hash is kept."""
    run(store, payload='{"note":"hunter2"}')

    assert "hunter2" not in str(rows(control))
