"""What happens around every handler, as composed functions.

Each behaviour takes the next step and the message's spec and gives a step back; where it does not
apply it gives the next step back unchanged, so that it costs nothing. Their order is the tuple
``BEHAVIOURS`` in ``bootstrap``.

What belongs here: behaviours. What does not: storage; they write through ports (Protocols below),
which ``control`` implements.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from flext_pipelines.commands.bus import Behaviour, Call, Step, internal_error
from flext_pipelines.commands.message import Command, new_correlation_id
from flext_pipelines.commands.result import error_as_json
from flext_pipelines.errors import FlextError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.commands.message import Message
    from flext_pipelines.commands.registry import MessageSpec


class Policy(Protocol):
    """Who may send what."""

    def allows(self, actor: str, message: str) -> bool:
        """Whether the actor may send the message of that public name."""
        ...


class Trail(Protocol):
    """The append-only audit trail."""

    def begin(
        self, *, message: str, payload: str, actor: str, source: str, correlation_id: str, dagster_run_id: str | None
    ) -> int:
        """Write the row before a command; its number comes back."""
        ...

    def end(self, begun: int, *, outcome: str, seconds: float, error: Mapping[str, object] | None) -> None:
        """Write the row after it: ``succeeded``, ``replayed``, ``failed``, ``denied`` or ``interrupted``."""
        ...


class KeyStore(Protocol):
    """Results by idempotency key."""

    def run_once(self, *, key: str, message: str, payload: str, perform: Callable[[], str]) -> tuple[str, bool]:
        """Perform and keep the JSON result, or give the first one back; the flag says that it is an earlier one."""
        ...


def correlation(step: Step, _: MessageSpec) -> Step:
    """Every call has an id, under which its audit rows and log lines are found."""

    def correlated(call: Call) -> object:
        if not call.context.correlation_id:
            call.context.correlation_id = new_correlation_id()
        return step(call)

    return correlated


def audit(trail: Callable[[], Trail], payload_of: Callable[[Message[object]], str]) -> Behaviour:
    """A row before each command and its outcome after it; a missing outcome is a crash in between."""

    def behaviour(step: Step, spec: MessageSpec) -> Step:
        if not spec.is_command:
            return step

        def audited(call: Call) -> object:
            rows, context = trail(), call.context
            begun = rows.begin(
                message=spec.name,
                payload=payload_of(call.message),
                actor=context.actor,
                source=context.source,
                correlation_id=context.correlation_id,
                dagster_run_id=context.dagster_run_id,
            )
            started = perf_counter()
            try:
                value = step(call)
            except BaseException as error:
                rows.end(begun, outcome=_outcome(error), seconds=perf_counter() - started, error=_described(error))
                raise
            outcome = "replayed" if call.replayed else "succeeded"
            rows.end(begun, outcome=outcome, seconds=perf_counter() - started, error=None)
            return value

        return audited

    return behaviour


def _outcome(error: BaseException) -> str:
    if isinstance(error, ForbiddenError):
        return "denied"
    return "failed" if isinstance(error, Exception) else "interrupted"


def _described(error: BaseException) -> Mapping[str, object]:
    return error_as_json(error if isinstance(error, FlextError) else internal_error(error))


def authorisation(policy: Callable[[], Policy]) -> Behaviour:
    """The actor must be allowed to send this message."""

    def behaviour(step: Step, spec: MessageSpec) -> Step:
        def authorised(call: Call) -> object:
            if not policy().allows(call.context.actor, spec.name):
                raise ForbiddenError(
                    f"{call.context.actor} may not send {spec.name}",
                    "Ask an administrator for the permission of that name",
                    {"actor": call.context.actor, "message": spec.name},
                )
            return step(call)

        return authorised

    return behaviour


def idempotency(
    keys: Callable[[], KeyStore],
    payload_of: Callable[[Message[object]], str],
    dump: Callable[[MessageSpec, object], str],
    load: Callable[[MessageSpec, str], object],
) -> Behaviour:
    """The same key and payload is performed once; whoever asks again has the first result."""

    def behaviour(step: Step, spec: MessageSpec) -> Step:
        if not spec.is_command:
            return step

        def once(call: Call) -> object:
            message = call.message
            key = message.idempotency_key if isinstance(message, Command) else None
            if key is None:
                return step(call)
            made: list[object] = []

            def perform() -> str:
                made.append(step(call))
                return dump(spec, made[0])

            kept, call.replayed = keys().run_once(
                key=key, message=spec.name, payload=payload_of(message), perform=perform
            )
            return load(spec, kept) if call.replayed else made[0]

        return once

    return behaviour


def timing(step: Step, _: MessageSpec) -> Step:
    """How long the handler itself took."""

    def timed(call: Call) -> object:
        started = perf_counter()
        try:
            return step(call)
        finally:
            call.seconds = perf_counter() - started

    return timed
