"""What can go wrong, said in one line: what happened, where, why, and what to do next.

TapError
├── SettingsError           a setting is missing or contradicts another
├── UnreachableError        no connection: refused, unknown host, time-out, broken again and again
├── CertificateError        the server's certificate is not one to trust
├── AccessDeniedError       401 or 403: wrong credentials, or no right to an entity
├── EntityMissingError      the server does not know an entity
├── RequestRefusedError     400, or ``success`` False: the server refuses what we ask
├── ThrottledError          429 again and again
├── ServerFailedError       5xx again and again
├── AnswerMalformedError    an answer that is not the documented JSON, again and again
├── PageRepeatedError       a page came a second time: reading on would never end
├── ValueMisfitError        a value does not fit its type and ``on_misfit`` is ``fail``
├── LandingFailedError      a batch file could not be written (disk full, folder not writable)
└── OutputClosedError       the reader of our standard output went away
"""

from __future__ import annotations


class TapError(Exception):
    """A failure that the user can act on; printed as one line, without a traceback.

    Attributes:
        reason: What happened, where and why.
        instruction: What to do next.
    """

    def __init__(self, reason: str, instruction: str) -> None:
        self.reason = " ".join(reason.split())
        self.instruction = instruction
        super().__init__(f"{self.reason.rstrip('.')}. {instruction}")


class SettingsError(TapError):
    """A setting is missing, or contradicts another."""


class UnreachableError(TapError):
    """No connection, or it broke more often than retries are allowed."""


class CertificateError(TapError):
    """The server's certificate is not one to trust."""


class AccessDeniedError(TapError):
    """The server does not let this user in, or not to this entity."""


class EntityMissingError(TapError):
    """The server does not know the entity."""


class RequestRefusedError(TapError):
    """The server refuses the request itself."""


class ThrottledError(TapError):
    """The server said "too many requests" more often than retries are allowed."""


class ServerFailedError(TapError):
    """The server failed more often than retries are allowed."""


class AnswerMalformedError(TapError):
    """An answer is not what the API documents."""


class PageRepeatedError(TapError):
    """A page came a second time."""


class ValueMisfitError(TapError):
    """A value does not fit its column's type and the setting ``on_misfit`` is ``fail``."""


class LandingFailedError(TapError):
    """A batch file could not be written."""


class OutputClosedError(TapError):
    """The process that reads our standard output has gone."""
