"""Facts about what happens around every handler, with the real control database behind it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from flext_pipelines.bootstrap import behaviours, default_ports
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.message import Context
from flext_pipelines.commands.registry import collect
from flext_pipelines.control.audit import AuditTrail
from flext_pipelines.control.entries import AuditEntry, AuditFilter
from flext_pipelines.errors import (
    ForbiddenError,
    IdempotencyConflictError,
    InternalError,
    NotFoundError,
    OutcomeNotSavedError,
    UnavailableError,
)
from tests.commands import greetings
from tests.commands.greetings import CountGreetingsQuery, GreetCommand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flext_pipelines.settings import Settings


class House:
    """A bus with all behaviours on an embedded control database."""

    def __init__(self, settings: Settings, **overrides: object) -> None:
        ports = Ports()
        ports.provide(default_ports(settings, ports))
        ports.provide({name: port(value) for name, value in overrides.items()})
        self.ports = ports
        self.bus = Bus(
            collect([greetings]),
            behaviours=behaviours(ports),
            ports=ports,
            default_context=lambda: Context("anna", "cli"),
        )

    def entries(self) -> list[AuditEntry]:
        """The whole trail, oldest first."""
        trail = self.ports.get("audit")
        if not isinstance(trail, AuditTrail):
            trail = AuditTrail(self.ports.get("control"))  # type: ignore[arg-type]  # the default port
        assert trail.verify().intact
        return list(reversed(trail.page(AuditFilter(), 100).entries))


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """The house with nothing replaced."""
    made = House(settings)
    yield made
    made.bus.close()


def test_a_command_that_succeeds_is_recorded(house: House) -> None:
    """The trail holds who sent what, through which door, in which run, how long it took and that it succeeded."""
    context = Context("berta", "dagster", dagster_run_id="run-1")

    result = house.bus.send(GreetCommand(name="Otto", seconds=0.02), context)

    (entry,) = house.entries()
    assert (entry.outcome, entry.message, entry.actor, entry.source) == (
        "succeeded",
        "greetings.Greet",
        "berta",
        "dagster",
    )
    assert entry.payload["name"] == "Otto"
    assert (entry.dagster_run_id, entry.error) == ("run-1", None)
    assert entry.correlation_id == result.correlation_id == context.correlation_id
    assert entry.seconds
    assert entry.seconds >= 0.02
    assert result.seconds >= 0.02


def test_a_command_that_fails_is_recorded_with_its_error(house: House) -> None:
    """The trail holds code, reason and instruction of the failure, without its secrets."""
    house.bus.send(GreetCommand(name="Otto", manner="unknown"))

    (entry,) = house.entries()
    assert entry.outcome == "failed"
    assert entry.error
    assert entry.error["code"] == "not_found"
    assert entry.error["reason"] == "Nobody is called Otto"
    assert entry.error["details"] == {"api_token": "**********"}


def test_a_fault_of_ours_is_recorded(house: House) -> None:
    """An unexpected exception is recorded as internal, without its text."""
    result = house.bus.send(GreetCommand(name="Otto", manner="broken"))

    (entry,) = house.entries()
    assert isinstance(result.error, InternalError)
    assert entry.outcome == "failed"
    assert entry.error
    assert entry.error["code"] == "internal"
    assert "secret inside" not in str(entry)


def test_an_interrupted_command_is_recorded(house: House) -> None:
    """Ctrl-C passes through and leaves the outcome ``interrupted``."""
    with pytest.raises(KeyboardInterrupt):
        house.bus.send(GreetCommand(name="Otto", manner="interrupted"))

    assert [entry.outcome for entry in house.entries()] == ["interrupted"]


def test_a_denied_command_is_recorded_and_not_performed(house: House, tmp_path: Path) -> None:
    """An actor without permission is refused, and the trail shows the attempt."""
    result = house.bus.send(GreetCommand(name="Otto", book=tmp_path / "book"), Context(""))

    assert isinstance(result.error, ForbiddenError)
    assert "A caller without a name" in result.error.reason
    assert [entry.outcome for entry in house.entries()] == ["denied"]
    assert not (tmp_path / "book").exists()


def test_queries_are_not_recorded(house: House, settings: Settings, tmp_path: Path) -> None:
    """A query leaves no row and does not even open the control database."""
    result = house.bus.send(CountGreetingsQuery(book=tmp_path / "book"))

    assert result.unwrap() == 0
    assert result.correlation_id
    assert not settings.home.exists()


def test_queries_are_authorised(house: House, tmp_path: Path) -> None:
    """A query needs permission as well."""
    result = house.bus.send(CountGreetingsQuery(book=tmp_path / "book"), Context(""))

    assert isinstance(result.error, ForbiddenError)


class OnlyGreetings:
    """Allows one message to everybody: a policy as users will bring it."""

    def allows(self, actor: str, message: str) -> bool:
        """By name."""
        return message == "greetings.Greet"


def test_the_policy_can_be_replaced(settings: Settings, tmp_path: Path) -> None:
    """The slot of authorisation takes any policy, which is asked by the message's public name."""
    house = House(settings, policy=OnlyGreetings())

    assert house.bus.send(GreetCommand(name="Otto")).ok
    error = house.bus.send(CountGreetingsQuery(book=tmp_path)).error

    assert isinstance(error, ForbiddenError)
    assert error.details == {"actor": "anna", "message": "greetings.CountGreetings"}
    house.bus.close()


def test_a_keyed_command_is_performed_once(house: House, tmp_path: Path) -> None:
    """The same key and payload is done once, answered with the first result, and both calls are recorded."""
    command = GreetCommand(name="Otto", book=tmp_path / "book", idempotency_key="k")

    first, second = house.bus.send(command), house.bus.send(command)

    assert first.unwrap() == second.unwrap()
    assert (first.replayed, second.replayed) == (False, True)
    assert (tmp_path / "book").read_text().splitlines() == ["Otto by anna"]
    assert [entry.outcome for entry in house.entries()] == ["succeeded", "replayed"]


def test_an_answer_that_cannot_be_kept_does_not_have_the_work_repeated(house: House, tmp_path: Path) -> None:
    """The work is done: the caller is told so, and the key is not free for it to be done again."""
    command = GreetCommand(name="Otto", book=tmp_path / "book", idempotency_key="k", manner="unspeakable")

    errors = [house.bus.send(command).error for _ in range(2)]

    assert all(isinstance(error, OutcomeNotSavedError) for error in errors)
    assert (tmp_path / "book").read_text().splitlines() == ["Otto by anna"]


def test_without_a_key_every_call_is_performed(house: House, tmp_path: Path) -> None:
    """Commands without a key are independent, however equal."""
    command = GreetCommand(name="Otto", book=tmp_path / "book")

    house.bus.send(command)
    house.bus.send(command)

    assert len((tmp_path / "book").read_text().splitlines()) == 2


def test_a_failed_keyed_command_may_be_retried(house: House, tmp_path: Path) -> None:
    """A failure does not use up the key."""
    command = GreetCommand(name="Otto", book=tmp_path / "book", idempotency_key="k", manner="away")

    assert [house.bus.send(command).ok, house.bus.send(command).ok] == [False, False]

    assert len((tmp_path / "book").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "change",
    [{"name": "Emil"}, {"password": SecretStr("other")}, {"options": {"a": SecretStr("other")}}, {"seconds": 0.001}],
)
def test_a_key_with_another_payload_is_refused(house: House, change: Mapping[str, object]) -> None:
    """Another payload is refused, also when only a secret is another."""
    fields = {"name": "Otto", "password": SecretStr("hunter2"), "options": {"a": SecretStr("x")}}
    house.bus.send(GreetCommand(**fields, idempotency_key="k")).unwrap()

    error = house.bus.send(GreetCommand(**{**fields, **change}, idempotency_key="k")).error

    assert isinstance(error, IdempotencyConflictError)
    assert house.bus.send(GreetCommand(**fields, idempotency_key="k")).replayed
    assert [entry.outcome for entry in house.entries()] == ["succeeded", "failed", "replayed"]


def test_secrets_do_not_reach_the_control_database(house: House, settings: Settings) -> None:
    """No byte of the database's files holds a secret, wherever in a message it stood."""
    house.bus.send(
        GreetCommand(
            name="Otto",
            password=SecretStr("hunter2hunter2"),
            options={"token": "hunter2hunter2", "deep": [{"x": SecretStr("hunter2hunter2")}]},
            idempotency_key="k",
        )
    ).unwrap()

    files = list(settings.home.glob("control.db*"))
    assert files
    assert all(b"hunter2" not in file.read_bytes() for file in files)


def test_one_correlation_id_for_what_follows_from_one_request(house: House) -> None:
    """A context that is passed on keeps its id; calls without one have their own."""
    context = Context("anna", correlation_id="request-1")

    ids = [house.bus.send(GreetCommand(name="Otto"), context).correlation_id for _ in range(2)]
    ids += [house.bus.send(GreetCommand(name="Otto")).correlation_id for _ in range(2)]

    assert ids[:2] == ["request-1", "request-1"]
    assert len(set(ids)) == 3
    assert [entry.correlation_id for entry in house.entries()] == ids


class AwayTrail:
    """A trail whose database goes away: before the command, or between its two rows."""

    def __init__(self, *, begins: bool) -> None:
        self.begins = begins

    def begin(self, **_: object) -> int:
        """The row before."""
        if not self.begins:
            raise UnavailableError("The control database does not answer")
        return 7

    def end(self, *_: object, **__: object) -> None:
        """The row after."""
        raise UnavailableError("The control database does not answer")


def test_what_cannot_be_recorded_is_not_performed(settings: Settings, tmp_path: Path) -> None:
    """When the row before cannot be written, the command is not performed and may be tried again."""
    house = House(settings, audit=AwayTrail(begins=False))

    error = house.bus.send(GreetCommand(name="Otto", book=tmp_path / "book")).error

    assert isinstance(error, UnavailableError)
    assert not (tmp_path / "book").exists()


def test_an_outcome_that_cannot_be_recorded_is_told(settings: Settings, tmp_path: Path) -> None:
    """When the outcome cannot be written, the caller learns that the command was performed, and not to repeat it."""
    house = House(settings, audit=AwayTrail(begins=True))

    error = house.bus.send(GreetCommand(name="Otto", book=tmp_path / "book")).error

    assert isinstance(error, OutcomeNotSavedError)
    assert not error.retryable
    assert error.details["audit_number"] == 7
    assert (tmp_path / "book").exists()


def test_a_failure_that_cannot_be_recorded_stays_the_failure(settings: Settings) -> None:
    """When the outcome of a failed command cannot be written, its own error is still the one that is seen."""
    house = House(settings, audit=AwayTrail(begins=True))

    error = house.bus.send(GreetCommand(name="Otto", manner="unknown")).error

    assert isinstance(error, NotFoundError)
    assert "audit trail (row 7)" in error.__notes__[0]


def test_a_dispatch_costs_microseconds(house: House, tmp_path: Path) -> None:
    """A query through all behaviours costs less than a tenth of a millisecond."""
    query = CountGreetingsQuery(book=tmp_path / "none")

    def batch() -> float:
        started = time.perf_counter()
        for _ in range(50):
            house.bus.send(query)
        return (time.perf_counter() - started) / 50

    assert min(batch() for _ in range(20)) < 1e-4
