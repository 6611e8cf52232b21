"""What one error code of Oracle means to us: which error, in which words, and what is left of the session."""

from __future__ import annotations

from typing import NamedTuple

from flext_pipelines.errors import (
    ConfigError,
    ConflictError,
    DataDamagedError,
    FlextError,
    ForbiddenError,
    InternalError,
    NotFoundError,
    RecordError,
    StorageFullError,
    TimedOutError,
    UnavailableError,
)


class Verdict(NamedTuple):
    """Which error of ours an error of Oracle is.

    Attributes:
        type: The class; it says whether trying again can help.
        reason: What happened, in words that a warehouse engineer knows.
        instruction: What to do.
        lost: The session is gone. What it had not committed is undone; whether a COMMIT under way was kept is
            unknown, and must be looked up.
        again: The whole transaction, undone and sent once more at once, is likely to succeed.
    """

    type: type[FlextError]
    reason: str
    instruction: str
    lost: bool = False
    again: bool = False


def conflict(reason: str, instruction: str) -> Verdict:
    """A rule of a table refuses the change."""
    return Verdict(ConflictError, reason, instruction)


def missing(reason: str, instruction: str) -> Verdict:
    """What the statement looks for is not there."""
    return Verdict(NotFoundError, reason, instruction)


def record(reason: str, instruction: str) -> Verdict:
    """One value of one row does not fit its column."""
    return Verdict(RecordError, reason, instruction)


def setup(reason: str, instruction: str) -> Verdict:
    """The connection, the user or the schema is not as it must be; a person has to change it."""
    return Verdict(ConfigError, reason, instruction)


def forbidden(reason: str, instruction: str) -> Verdict:
    """The user may not."""
    return Verdict(ForbiddenError, reason, instruction)


def damaged(reason: str, instruction: str) -> Verdict:
    """Stored blocks or indices are not what was written."""
    return Verdict(DataDamagedError, reason, instruction)


def full(reason: str, instruction: str) -> Verdict:
    """No room, of whatever kind."""
    return Verdict(StorageFullError, reason, instruction)


def busy(reason: str, instruction: str) -> Verdict:
    """Somebody else holds it; the transaction may be sent again."""
    return Verdict(UnavailableError, reason, instruction, again=True)


def away(reason: str, instruction: str) -> Verdict:
    """The database, its listener or a resource of it is not there now."""
    return Verdict(UnavailableError, reason, instruction)


def cut(reason: str, instruction: str) -> Verdict:
    """The session ended under us."""
    return Verdict(UnavailableError, reason, instruction, lost=True)


def slow(reason: str, instruction: str, *, lost: bool = False) -> Verdict:
    """It took longer than it was given."""
    return Verdict(TimedOutError, reason, instruction, lost=lost)


def ours(reason: str) -> Verdict:
    """A statement or a call of ours that Oracle or the driver does not take."""
    return Verdict(
        InternalError,
        reason,
        "This is a fault in flext-pipelines, or the schema was changed by hand; report it with the code",
    )
