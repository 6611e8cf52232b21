"""Facts about idempotency keys: once is once, among threads, processes and the dead."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.control.idempotency import IdempotencyKeys, Once
from flext_pipelines.control.processes import this_process
from flext_pipelines.errors import (
    AlreadyRunningError,
    IdempotencyConflictError,
    NotFoundError,
)
from tests.control.keyed import hold, never, rows, run

if TYPE_CHECKING:
    from flext_pipelines.control.engine import ControlDatabase


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
