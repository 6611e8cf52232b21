"""What happens around every handler, as composed functions.

Each behaviour takes the next step and the message's spec and gives a step back; where it does not
apply it gives the next step back unchanged, so that it costs nothing. Their order is the tuple
``BEHAVIOURS`` in ``bootstrap``.

What belongs here: behaviours. What does not: storage; they write through ports (Protocols below),
which ``control`` implements.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING, Literal, Protocol

from flext_pipelines.commands.bus import Behaviour, Call, Step, internal_error
from flext_pipelines.commands.message import Command, new_correlation_id
from flext_pipelines.commands.result import error_as_json
from flext_pipelines.errors import FlextError, ForbiddenError, OutcomeNotSavedError
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.commands.message import Message
    from flext_pipelines.commands.registry import MessageSpec


log = logging.getLogger("flext.bus")

Outcome = Literal["succeeded", "replayed", "failed", "denied", "interrupted"]
"""How a command ended: ``interrupted`` by Ctrl-C or the end of its process, ``replayed`` from an earlier result."""


_NO_ANSWER = ""
"""Kept instead of an answer that is no JSON; no answer in JSON is empty."""


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

    def end(
        self,
        begun: int,
        *,
        outcome: Outcome,
        seconds: float,
        error: Mapping[str, object] | None = None,
        note: str | None = None,
    ) -> None:
        """Write the row after it."""
        ...


class Once(Protocol):
    """What came of a keyed command."""

    @property
    def result(self) -> str:
        """Its result as JSON."""
        ...

    @property
    def replayed(self) -> bool:
        """Whether an earlier call performed it."""
        ...

    @property
    def unfinished_attempts(self) -> int:
        """How many earlier attempts died without an outcome."""
        ...


class Keeper(Protocol):
    """A port that may keep what came of idempotency keys itself."""

    @property
    def keeps_outcomes(self) -> bool:
        """Whether it does."""
        ...


class KeyStore(Protocol):
    """Results by idempotency key."""

    def run_once(self, *, key: str, message: str, payload: str, perform: Callable[[], str]) -> Once:
        """Perform and keep the JSON result, or give the first one back."""
        ...


def correlation(step: Step, _: MessageSpec) -> Step:
    """Every call has an id, under which its audit rows and log lines are found."""

    def correlated(call: Call) -> object:
        context = call.context
        if not context.correlation_id:
            context.correlation_id = new_correlation_id()
        return step(call)

    return correlated


def audit(trail: Callable[[], Trail], payload_of: Callable[[Message[object]], str]) -> Behaviour:
    """A row before each command and its outcome after it; a missing outcome is a crash in between.

    Without the first row the command is not performed. If the second cannot be written, the error of a failed
    command stays the one that is seen, and a successful one becomes ``OutcomeNotSavedError``, so that nobody
    takes it for undone and repeats it.
    """

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
                _end_failed(rows, begun, call, error, perf_counter() - started)
                raise
            outcome: Outcome = "replayed" if call.replayed else "succeeded"
            try:
                rows.end(begun, outcome=outcome, seconds=perf_counter() - started, note=_note(call))
            except FlextError as error:
                raise OutcomeNotSavedError(
                    f"{spec.name} {outcome}, but this could not be written in the audit trail: {error.reason}",
                    f"Do not send it again for that reason; audit row {begun} stays unfinished",
                    {"message": spec.name, "audit_number": begun, "cause": error.code},
                ) from error
            return value

        return audited

    return behaviour


def _end_failed(rows: Trail, begun: int, call: Call, error: BaseException, seconds: float) -> None:
    try:
        rows.end(begun, outcome=_outcome(error), seconds=seconds, error=_described(error), note=_note(call))
    except FlextError as unsaved:
        error.add_note(f"Its outcome could not be written in the audit trail (row {begun}): {unsaved}")
        log.warning("Audit row %d stays unfinished: %s", begun, unsaved)


def _note(call: Call) -> str | None:
    count = call.unfinished_attempts
    return f"{count} earlier attempt(s) with this idempotency key died without an outcome" if count else None


def _outcome(error: BaseException) -> Outcome:
    if isinstance(error, ForbiddenError):
        return "denied"
    return "failed" if isinstance(error, Exception) else "interrupted"


def _described(error: BaseException) -> Mapping[str, object]:
    return error_as_json(error if isinstance(error, FlextError) else internal_error(error))


def authorisation(policy: Callable[[], Policy]) -> Behaviour:
    """The actor must be allowed to send this message."""

    def behaviour(step: Step, spec: MessageSpec) -> Step:
        allows: Callable[[str, str], bool] | None = None
        name = spec.name

        def authorised(call: Call) -> object:
            nonlocal allows
            if allows is None:
                allows = policy().allows
            if not allows(call.context.actor, name):
                raise ForbiddenError(
                    f"{call.context.actor or 'A caller without a name'} may not send {name}",
                    "Ask an administrator for the permission of that name",
                    {"actor": call.context.actor, "message": name},
                )
            return step(call)

        return authorised

    return behaviour


def idempotency(
    keys: Callable[[], KeyStore],
    payload_of: Callable[[Message[object]], str],
    dump: Callable[[MessageSpec, object], str],
    load: Callable[[MessageSpec, str], object],
    keeps_outcomes: Callable[[str], bool] = lambda _: False,
) -> Behaviour:
    """The same key and payload is performed once; whoever asks again has the first result.

    A port that keeps what came of a key in the transaction of the work is better than any row of ours beside it: then
    the key is left to it, and its answer says by ``replayed`` that an earlier call did the work.

    An answer that cannot be written as JSON comes after the work is done: then the key keeps that there is none, so
    that nobody who sends the command again has it done twice.
    """

    def behaviour(step: Step, spec: MessageSpec) -> Step:
        if not spec.is_command:
            return step

        keeper = spec.type.outcome_kept_by if issubclass(spec.type, Command) else ""

        def performed_once(call: Call) -> object:
            message = call.message
            key = message.idempotency_key if isinstance(message, Command) else None
            if key is None:
                return step(call)
            if keeper and keeps_outcomes(keeper):
                answer = step(call)
                call.replayed = getattr(answer, "replayed", False) is True
                return answer
            made: list[object] = []

            def perform() -> str:
                made.append(step(call))
                try:
                    return dump(spec, made[0])
                except (TypeError, ValueError, RecursionError):  # pydantic's own error is a ValueError
                    log.exception("The answer of %s cannot be written as JSON", spec.name)
                    return _NO_ANSWER

            once = keys().run_once(key=key, message=spec.name, payload=payload_of(message), perform=perform)
            call.replayed, call.unfinished_attempts = once.replayed, once.unfinished_attempts
            if once.result == _NO_ANSWER:
                raise OutcomeNotSavedError(
                    f"{spec.name} was performed, but its answer could not be kept under its idempotency key",
                    "Check what it did before you send it again with another key",
                    {"key": key, "message": spec.name},
                )
            return _replay(load(spec, once.result)) if once.replayed else made[0]

        return performed_once

    return behaviour


def _replay(answer: object) -> object:
    """An earlier answer; one that can say so itself does."""
    if isinstance(answer, Value) and "replayed" in type(answer).model_fields:
        return answer.model_copy(update={"replayed": True})
    return answer


def timing(step: Step, _: MessageSpec) -> Step:
    """How long the handler itself took."""

    def timed(call: Call) -> object:
        started = perf_counter()
        try:
            return step(call)
        finally:
            call.seconds = perf_counter() - started

    return timed
