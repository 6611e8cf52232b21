"""Facts about the bus: composition, ports, outcomes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.commands.bus import Bus, Call, Ports, Step, internal_error, port
from flext_pipelines.commands.message import Context, Query
from flext_pipelines.commands.registry import Handler, MessageSpec, collect
from flext_pipelines.errors import ExtractFailedError, InternalError, NotFoundError, UnknownMessageError
from tests.commands import greetings
from tests.commands.greetings import CountGreetingsQuery, GreetCommand

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def bus() -> Bus:
    """The greetings on a bus without behaviours."""
    return Bus(collect([greetings]), default_context=lambda: Context("anna"))


def bus_of(handler: Handler, **ports: object) -> Bus:
    return Bus(
        [MessageSpec("x.Count", CountGreetingsQuery, handler, is_command=False)],
        ports=Ports({name: port(value) for name, value in ports.items()}),
    )


COUNT = CountGreetingsQuery(book=Path("none"))


def test_a_message_reaches_its_handler(bus: Bus) -> None:
    """The handler's value is the result's."""
    result = bus.send(GreetCommand(name="Otto"))

    assert result.ok
    assert result.unwrap().text == "Hello Otto"


def test_an_error_of_ours_becomes_the_result(bus: Bus) -> None:
    """A raised error is the result's error, the very same object."""
    result = bus.send(GreetCommand(name="Otto", manner="unknown"))

    assert isinstance(result.error, NotFoundError)
    assert result.error.instruction == "Ask at the door"


def test_a_transient_error_is_retryable(bus: Bus) -> None:
    """The result keeps whether trying again may help."""
    error = bus.send(GreetCommand(name="Otto", manner="away")).error

    assert isinstance(error, ExtractFailedError)
    assert error.retryable


def test_any_other_exception_becomes_an_internal_error(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    """An exception that no gateway translated is named with its type and place, without its text; the log has all."""
    with caplog.at_level(logging.ERROR):
        error = bus.send(GreetCommand(name="Otto", manner="broken")).error

    assert isinstance(error, InternalError)
    assert error.details["type"] == "RuntimeError"
    assert "greet, line" in str(error.details["place"])
    assert "secret inside" not in f"{error} {error.details}"
    assert isinstance(error.__cause__, RuntimeError)
    assert "GreetCommand failed" in caplog.text


def test_an_interrupt_passes_through(bus: Bus) -> None:
    """Ctrl-C is no result."""
    with pytest.raises(KeyboardInterrupt):
        bus.send(GreetCommand(name="Otto", manner="interrupted"))


def test_a_message_without_handler_is_named(bus: Bus) -> None:
    """Sending a message that the bus does not know is an error with its name."""

    class OtherQuery(Query[int]):
        """Another one."""

    with pytest.raises(UnknownMessageError, match="OtherQuery has no handler"):
        bus.send(OtherQuery())


def test_ports_come_by_keyword() -> None:
    """A handler gets the ports that it names, and the context if it names that."""

    def handler(query: object, *, first: int, context: Context, second: int) -> list[object]:
        return [first, second, context.actor]

    assert bus_of(handler, first=1, second=2).send(COUNT, Context("anna")).unwrap() == [1, 2, "anna"]  # type: ignore[comparison-overlap]  # this handler answers otherwise than the message says


def test_an_unknown_port_fails_at_start() -> None:
    """A handler that asks for a port nobody makes fails when the bus is built, with message and port."""

    def handler(query: object, *, warehouse: object) -> int:
        return 1

    with pytest.raises(TypeError, match=r"x\.Count asks for a port 'warehouse'"):
        bus_of(handler)


def test_building_a_bus_makes_no_port() -> None:
    """A port is made when its handler is first called, and only once."""
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return 7

    def handler(query: object, *, number: int) -> int:
        return number

    spec = MessageSpec("x.Count", CountGreetingsQuery, handler, is_command=False)
    bus = Bus([spec], ports=Ports({"number": make}))
    assert made == []

    assert [bus.send(COUNT).unwrap(), bus.send(COUNT).unwrap()] == [7, 7]
    assert made == [1]


def test_a_port_is_made_once_for_all_threads() -> None:
    """Threads that need a port at the same time get the same one."""
    begin = threading.Barrier(8)
    ports = Ports({"slow": lambda: (threading.Event().wait(0.02), object())[1]})
    seen: list[object] = []

    def work() -> None:
        begin.wait()
        seen.append(ports.get("slow"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(one) for one in seen}) == 1


def test_a_port_may_be_made_of_another() -> None:
    """A factory may get another port."""
    ports = Ports({"one": lambda: 1})
    ports.provide({"two": lambda: [ports.get("one"), 2]})

    assert ports.get("two") == [1, 2]
    assert "two" in ports


class Closable:
    """Remembers that it was closed, and may fail at it."""

    def __init__(self, log: list[str], name: str, *, fails: bool = False) -> None:
        self._log, self._name, self._fails = log, name, fails

    def close(self) -> None:
        """Note it."""
        self._log.append(self._name)
        if self._fails:
            raise RuntimeError(self._name)


def test_closing_closes_what_was_made() -> None:
    """Ports that were used are closed, last made first; one that fails does not keep the others open."""
    log: list[str] = []
    ports = Ports(
        {
            "first": lambda: Closable(log, "first"),
            "second": lambda: Closable(log, "second", fails=True),
            "plain": lambda: 1,
            "unused": lambda: Closable(log, "unused"),
        }
    )
    for name in ("first", "plain", "second"):
        ports.get(name)

    with pytest.raises(RuntimeError, match="second"):
        ports.close()

    assert log == ["second", "first"]
    ports.close()
    assert log == ["second", "first"]


def wrapping(log: list[str], name: str) -> Callable[[Step, MessageSpec], Step]:
    def behaviour(step: Step, spec: MessageSpec) -> Step:
        if spec.is_command and name == "queries only":
            return step

        def wrapped(call: Call) -> object:
            log.append(f"{name} before")
            value = step(call)
            log.append(f"{name} after")
            return value

        return wrapped

    return behaviour


def test_behaviours_stand_around_in_their_order() -> None:
    """The first behaviour is the outermost; one that does not apply to a message costs nothing."""
    log: list[str] = []
    bus = Bus(
        collect([greetings]),
        behaviours=(wrapping(log, "outer"), wrapping(log, "queries only"), wrapping(log, "inner")),
    )

    bus.send(GreetCommand(name="Otto"))

    assert log == ["outer before", "inner before", "inner after", "outer after"]


def test_a_caller_without_context_is_nobody(tmp_path: Path) -> None:
    """A bus that was given no default context says so rather than invent a person."""
    bus = Bus(collect([greetings]))

    bus.send(GreetCommand(name="Otto", book=tmp_path / "book"))

    assert (tmp_path / "book").read_text() == "Otto by nobody\n"


def test_an_error_without_traceback_has_a_place() -> None:
    """An exception that was never raised can still be described."""
    assert internal_error(ValueError("x")).details["place"] == "unknown place"


def test_closing_the_bus_closes_its_ports() -> None:
    """``close`` reaches the ports."""
    log: list[str] = []

    def handler(query: object, *, thing: object) -> int:
        return 1

    bus = bus_of(handler, thing=Closable(log, "thing"))
    bus.send(COUNT).unwrap()

    bus.close()

    assert log == ["thing"]
