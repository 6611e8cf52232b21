"""A change whose answer was lost is looked up, never guessed.

A call is sent; when its answer is lost, what it should have done is looked for. Found: it was done. Not found: if the
server has finished with the call, or the call carries a number that the cloud takes only once, it is sent again;
otherwise nobody can know, and that is said (``OutcomeUnknownError``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from flext_pipelines.errors import ConflictError, InvalidMessageError, OutcomeUnknownError, TransientError
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

    Raises:
        OutcomeUnknownError: It could not be found out what came of it.
        FlextError: It was refused, or nothing was done.
    """
    for attempt in range(calls.options.retries + 1):
        try:
            return send()
        except UnansweredError as unanswered:
            found = _looked_up(calls, look_up, unanswered, what, key)
            if found is not None:
                return found
            if not (once_only or unanswered.over):
                raise _unknown(unanswered, what, key) from unanswered
            if attempt == calls.options.retries:
                if unanswered.over:
                    raise unanswered.cause from unanswered
                raise _unknown(unanswered, what, key) from unanswered
            calls.pause(attempt)
        except (ConflictError, InvalidMessageError):
            # The first sending may have been at work still when we looked, and this refusal be of the second.
            found = look_up() if attempt else None
            if found is None:
                raise
            return found
    raise AssertionError("unreachable: the last attempt returns or raises")


def _looked_up(
    calls: CloudCalls, look_up: Callable[[], T | None], unanswered: UnansweredError, what: str, key: str | None
) -> T | None:
    """Look at once, and again while the server may still be at work."""
    for look in range(1 if unanswered.over else _LOOKS):
        if look:
            calls.pause(look)
        try:
            found = look_up()
        except (TransientError, CannotTellError) as error:
            raise _unknown(unanswered, what, key) from error
        if found is not None:
            return found
    return None


def _unknown(unanswered: UnansweredError, what: str, key: str | None) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"What came of {what} is not known: {unanswered.cause.reason}",
        "Look how things stand before you send it again; with the same idempotency key it is looked up first",
        {**unanswered.cause.details, "idempotency_key": key},
    )
