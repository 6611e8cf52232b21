"""The bus: one dictionary from message type to composed handler.

The chain of each message is composed once, when the bus is built: behaviours around the handler,
ports bound by keyword. A dispatch is then one look-up and a few calls.

What belongs here: composition and dispatch. What does not: any behaviour (``middleware``), any
message, any port.
"""

import logging
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from inspect import Parameter, signature
from typing import Any, TypeVar

from flext_pipelines.commands.message import Context, Message
from flext_pipelines.commands.registry import Handler, MessageSpec
from flext_pipelines.commands.result import FlextResult
from flext_pipelines.errors import FlextError, InternalError, UnknownMessageError

R = TypeVar("R")
Port = TypeVar("Port")

log = logging.getLogger("flext.bus")


class Call:
    """One message on its way through the behaviours.

    Attributes:
        seconds: Time spent in the handler, set by the ``timing`` behaviour.
        replayed: True when the result is an earlier one, given back for the same idempotency key.
        unfinished_attempts: How many earlier attempts with that key died without an outcome.
    """

    __slots__ = ("context", "message", "replayed", "seconds", "unfinished_attempts")

    def __init__(self, message: Message[object], context: Context) -> None:
        self.message = message
        self.context = context
        self.seconds = 0.0
        self.replayed = False
        self.unfinished_attempts = 0

    def result(self, value: object, error: FlextError | None = None) -> FlextResult[Any]:
        """What it came to; the message's type says of what."""
        return FlextResult(
            value, error, self.context.correlation_id, self.seconds, self.replayed, self.unfinished_attempts
        )


Step = Callable[[Call], object]
Behaviour = Callable[[Step, MessageSpec], Step]
"""Wraps the next step for one message type; gives the step back unchanged where it does not apply."""


class Ports:
    """Gateways by name, each made once, when a handler first needs it.

    Args:
        factories: From the keyword that handlers use to a function that makes the port.
    """

    def __init__(self, factories: Mapping[str, Callable[[], object]] | None = None) -> None:
        self._factories = dict(factories or {})
        self._made: dict[str, object] = {}
        self._making = threading.RLock()

    def __contains__(self, name: str) -> bool:
        """Whether such a port can be had."""
        return name in self._factories

    def provide(self, factories: Mapping[str, Callable[[], object]]) -> None:
        """Add factories, or replace those of the same name."""
        self._factories.update(factories)

    def get(self, name: str) -> object:
        """The port; a factory may get another one. Safe to call from several threads."""
        if name not in self._made:
            with self._making:
                if name not in self._made:
                    self._made[name] = self._factories[name]()
        return self._made[name]

    def close(self) -> None:
        """Close what was made and has a ``close``, last made first; one that fails does not keep the others open."""
        with self._making, ExitStack() as closing:
            for made in self._made.values():
                close = getattr(made, "close", None)
                if close is not None:
                    closing.callback(close)
            self._made.clear()


class Bus:
    """Sends a message to its one handler, through the behaviours.

    Args:
        specs: Every message with its handler.
        behaviours: From the outermost to the innermost.
        ports: What handlers may ask for by keyword.
        default_context: For callers that give none.

    Raises:
        TypeError: A handler asks for a port that does not exist; named with its message.
    """

    def __init__(
        self,
        specs: Sequence[MessageSpec],
        *,
        behaviours: Sequence[Behaviour] = (),
        ports: Ports | None = None,
        default_context: Callable[[], Context] = lambda: Context(actor="nobody"),
    ) -> None:
        self.specs = {spec.type: spec for spec in specs}
        self._ports = ports or Ports({})
        self._behaviours = tuple(behaviours)
        self._default_context = default_context
        self._steps: dict[type[Message[object]], Step] = {
            spec.type: self._compose(spec, wanted_ports(spec, self._ports)) for spec in specs
        }

    def _compose(self, spec: MessageSpec, wanted: tuple[str, ...]) -> Step:
        step = _handler_step(spec.handler, wanted, self._ports)
        for behaviour in reversed(self._behaviours):
            step = behaviour(step, spec)
        return step

    def send(self, message: Message[R], context: Context | None = None) -> FlextResult[R]:
        """Handle one message.

        Every outcome is a result: a ``FlextError`` as it was raised, anything else as ``InternalError``
        with its place in our code. Interrupts (``BaseException``) pass through.

        Raises:
            UnknownMessageError: No handler was registered for this type; a fault of the program.
        """
        step = self._steps.get(type(message))
        if step is None:
            name = type(message).__name__
            raise UnknownMessageError(f"{name} has no handler on this bus", "Register it in its module's HANDLERS")
        call = Call(message, context or self._default_context())
        try:
            return call.result(step(call))
        except FlextError as error:
            return call.result(None, error)
        except Exception as error:
            log.exception("%s failed with an error of ours", type(message).__name__)
            return call.result(None, internal_error(error))

    def close(self) -> None:
        """Close the ports that were used."""
        self._ports.close()


def wanted_ports(spec: MessageSpec, ports: Ports) -> tuple[str, ...]:
    """The keyword-only parameters of a handler, checked against the ports there are.

    Raises:
        TypeError: A parameter names no port.
    """
    wanted = tuple(
        name
        for name, parameter in signature(spec.handler).parameters.items()
        if parameter.kind is Parameter.KEYWORD_ONLY
    )
    for name in wanted:
        if name != "context" and name not in ports:
            message = f"the handler of {spec.name} asks for a port {name!r} that bootstrap does not make"
            raise TypeError(message)
    return wanted


def _handler_step(handler: Handler, wanted: tuple[str, ...], ports: Ports) -> Step:
    """Bind ports when the first message comes, so that building a bus opens nothing."""
    if not wanted:
        return lambda call: handler(call.message)
    names = tuple(name for name in wanted if name != "context")
    with_context = "context" in wanted
    bound: dict[str, object] | None = None

    def step(call: Call) -> object:
        nonlocal bound
        if bound is None:
            bound = {name: ports.get(name) for name in names}
        if with_context:
            return handler(call.message, **bound, context=call.context)
        return handler(call.message, **bound)

    return step


def internal_error(error: BaseException) -> InternalError:
    """An exception that no gateway translated, with its type and place; its text may hold a secret and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "unknown place"
    wrapped = InternalError(
        f"An unexpected {type(error).__name__} was raised in {place}",
        "This is a fault in flext-pipelines; the log of this process holds the traceback",
        {"type": type(error).__name__, "place": place},
    )
    wrapped.__cause__ = error
    return wrapped


def port(value: Port) -> Callable[[], Port]:
    """A factory that gives what exists already, for tests and overrides."""
    return lambda: value
