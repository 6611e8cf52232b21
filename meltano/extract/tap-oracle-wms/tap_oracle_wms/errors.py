"""What can go wrong with a server, said in one line: what happened, where, why, and what to do next.

TapError                    of singer_columnar, with those of settings, values and output
├── UnreachableError        no connection: refused, unknown host, time-out, broken again and again
├── CertificateError        the server's certificate is not one to trust
├── AccessDeniedError       401 or 403: wrong credentials, or no right to an entity
├── EntityMissingError      the server does not know an entity
├── RequestRefusedError     400, or ``success`` False: the server refuses what we ask
├── ThrottledError          429 again and again
├── ServerFailedError       5xx again and again
├── AnswerMalformedError    an answer that is not the documented JSON, again and again
└── PageRepeatedError       a page came a second time: reading on would never end
"""

from __future__ import annotations

from singer_columnar.errors import TapError


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
