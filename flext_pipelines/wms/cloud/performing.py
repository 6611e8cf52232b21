"""A change whose answer was lost is looked up, never guessed.

A call is sent; when its answer is lost, what it should have done is looked for. Found: it was done. Not found: if the
server has finished with the call, or the call carries a number that the cloud takes only once, it is sent again;
otherwise nobody can know, and that is said: as ``OutcomeUnknownError`` where the whole command may be sent again,
because it would find what was done, else as ``CommandInDoubtError``, which nothing sends again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from flext_pipelines.errors import (
    CommandInDoubtError,
    ConflictError,
    FlextError,
    InvalidMessageError,
    OutcomeUnknownError,
    TransientError,
)
from flext_pipelines.wms.cloud.calls import UnansweredError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.wms.cloud.calls import CloudCalls

T = TypeVar("T")
_LOOKS = 3


class CannotTellError(Exception):
    """What is there tells neither that a change was done nor that it was not: others have changed it too."""


def perform(
    calls: CloudCalls,
    send: Callable[[], T],
    look_up: Callable[[], T | None],
    *,
    what: str,
    key: str | None,
    once_only: bool,
    resendable: bool = True,
) -> T:
    """Send a change until its outcome is known.

    Args:
        calls: The cloud.
        send: Sends it; gives its answer.
        look_up: Gives the answer if it was done; None if no trace of it is there; raises ``CannotTellError`` when
            the traces are mixed with others'.
        what: What it is, for the error: ``the receipt of container C1``.
        key: Idempotency key of the caller.
        once_only: The cloud refuses it a second time, by a number that it carries: sending it again is harmless.
        resendable: The whole command, sent again later by its caller, would find what was done.

    Raises:
        OutcomeUnknownError: It could not be found out what came of it; sent again, the command finds out.
        CommandInDoubtError: The same, but sent again it could be done twice.
        FlextError: It was refused, or nothing was done.
    """
    doubt = _Doubt(what, key, resendable)
    attempt = 0
    while True:
        try:
            return send()
        except UnansweredError as unanswered:
            found = _looked_up(calls, look_up, unanswered, doubt)
            if found is not None:
                return found
            if not (once_only or unanswered.over):
                raise doubt.about(unanswered) from unanswered
            if attempt == calls.options.retries:
                if unanswered.over:
                    raise unanswered.cause from unanswered
                raise doubt.about(unanswered) from unanswered
            calls.pause(attempt)
            attempt += 1
        except (ConflictError, InvalidMessageError):
            # The first sending may have been at work still when we looked, and this refusal be of the second.
            found = look_up() if attempt else None
            if found is None:
                raise
            return found


def _looked_up(
    calls: CloudCalls, look_up: Callable[[], T | None], unanswered: UnansweredError, doubt: _Doubt
) -> T | None:
    """Look at once, and again while the server may still be at work."""
    for look in range(1 if unanswered.over else _LOOKS):
        if look:
            calls.pause(look)
        try:
            found = look_up()
        except (TransientError, CannotTellError) as error:
            raise doubt.about(unanswered) from error
        if found is not None:
            return found
    return None


class _Doubt(NamedTuple):
    """What is said when nobody can know."""

    what: str
    key: str | None
    resendable: bool

    def about(self, unanswered: UnansweredError) -> FlextError:
        """The error, by whether the command may be sent again."""
        reason = f"What came of {self.what} is not known: {unanswered.cause.reason}"
        details = {**unanswered.cause.details, "idempotency_key": self.key}
        if self.resendable:
            return OutcomeUnknownError(reason, "Send it again as it is: what was done is found, not repeated", details)
        return CommandInDoubtError(
            reason,
            "Look how things stand in Oracle WMS Cloud before you send it again: it could be done twice",
            details,
        )
