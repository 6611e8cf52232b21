"""Results that cannot be kept: tried again, told, and never in the way of the command's own error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flext_pipelines.control import idempotency
from flext_pipelines.control.idempotency import IdempotencyKeys
from flext_pipelines.errors import (
    NotFoundError,
    OutcomeNotSavedError,
    UnavailableError,
)
from tests.control.keyed import never, run

if TYPE_CHECKING:
    from flext_pipelines.control.engine import ControlDatabase


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
