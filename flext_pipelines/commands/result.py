"""The one result type: what a message came to.

It exists once, at the bus. Inside, handlers return values and raise errors; a door reads a
``FlextResult`` or calls ``unwrap`` to have the exception back.
"""

from typing import Generic, TypeVar, cast

from flext_pipelines.errors import FlextError

R_co = TypeVar("R_co", covariant=True)


class FlextResult(Generic[R_co]):
    """A value, or an error; never both.

    Args:
        value: What the handler gave; None, like any other value, when there is no error.
        error: Why there is none.
        correlation_id: Under which audit rows and log lines of this call are found.
        seconds: How long the handler itself took; 0 when it was not reached.
        replayed: True when the value is that of an earlier call with the same idempotency key.
        unfinished_attempts: How many earlier attempts with that key died without an outcome; they may have
            done a part.

    Attributes:
        error: The error, or None when the message succeeded.
    """

    __slots__ = ("_value", "correlation_id", "error", "replayed", "seconds", "unfinished_attempts")

    def __init__(
        self,
        value: object,
        error: FlextError | None = None,
        correlation_id: str = "",
        seconds: float = 0.0,
        replayed: bool = False,
        unfinished_attempts: int = 0,
    ) -> None:
        self._value = value
        self.error = error
        self.correlation_id = correlation_id
        self.seconds = seconds
        self.replayed = replayed
        self.unfinished_attempts = unfinished_attempts

    @property
    def ok(self) -> bool:
        """True when there is a value."""
        return self.error is None

    def unwrap(self) -> R_co:
        """The value.

        Raises:
            FlextError: The error, as it was raised, if there is no value.
        """
        if self.error is not None:
            raise self.error
        return cast("R_co", self._value)

    def __repr__(self) -> str:
        """``FlextResult(ok: ...)`` or ``FlextResult(not_found: ...)``."""
        if self.error is not None:
            return f"FlextResult({self.error.code}: {self.error.reason})"
        return f"FlextResult(ok: {self._value!r})"


def error_as_json(error: FlextError) -> dict[str, object]:
    """What a program needs to know of an error: code, reason, instruction, details, retryable."""
    return {
        "code": error.code,
        "reason": error.reason,
        "instruction": error.instruction,
        "details": error.details,
        "retryable": error.retryable,
    }
