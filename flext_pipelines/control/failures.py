"""Database errors become ours here: one table for SQLAlchemy, SQLite and PostgreSQL.

SQLite says what happened by its result code's name, PostgreSQL by its SQLSTATE (the first two characters
are a class), and a connection that fails before either exists by its text. ``tests/control/test_failures.py``
proves that every exception class and every code of the three libraries has an answer.

What belongs here: the table and the wording. What does not: retries (``engine``).
"""

from __future__ import annotations

from typing import NamedTuple

from flext_pipelines.errors import (
    ConfigError,
    ConflictError,
    FlextError,
    ForbiddenError,
    InternalError,
    StorageFullError,
    TimedOutError,
    UnavailableError,
)
from flext_pipelines.secrets import MASK


class Verdict(NamedTuple):
    """Which error of ours a foreign one is, in words.

    Attributes:
        type: The class.
        reason: What happened, to be followed by the database's place.
        instruction: What to do.
    """

    type: type[FlextError]
    reason: str
    instruction: str


_AWAY = Verdict(
    UnavailableError, "The control database does not answer", "Check that it runs and can be reached, then try again"
)
_BUSY = Verdict(
    UnavailableError,
    "The control database is locked by another process",
    "Try again; if it stays so, look for a process that holds a long transaction on it",
)
_FULL = Verdict(
    StorageFullError,
    "No room is left for the control database",
    "Free some room, or raise its quota or `ulimit -f`, then try again",
)
_LIMIT = Verdict(UnavailableError, "The control database has no resources left", "Raise its limits, or try again later")
_SLOW = Verdict(TimedOutError, "The control database cancelled a statement", "Try again; raise its statement_timeout")
_DENIED = Verdict(
    ConfigError, "The control database refuses access", "Check user, password and rights in FLEXT_CONTROL_URL"
)
_MISSING = Verdict(
    ConfigError, "The control database does not exist", "Create the database that FLEXT_CONTROL_URL names"
)
_READ_ONLY = Verdict(
    ConfigError, "The control database cannot be written", "Give this user the right to write to it and to its folder"
)
_DAMAGED = Verdict(
    ConfigError,
    "The control database's file is damaged or no database",
    "Move it aside and restore it from a backup; `flext audit verify` says whether the trail is whole",
)
_EXISTS = Verdict(
    ConflictError, "The control database refuses a row that breaks a rule of a table", "Report this fault"
)
_APPEND_ONLY = Verdict(ForbiddenError, "The audit trail is append-only", "Rows are added by commands and never changed")
_URL = Verdict(ConfigError, "The control database cannot be used as it is named", "Correct FLEXT_CONTROL_URL")
_OURS = Verdict(
    InternalError,
    "The control database refuses a statement of ours",
    "This is a fault in flext-pipelines, or the schema was changed by hand; the log holds the traceback",
)

_SQLITE = {
    "SQLITE_ABORT": _BUSY, "SQLITE_AUTH": _DENIED, "SQLITE_BUSY": _BUSY, "SQLITE_CANTOPEN": _READ_ONLY,
    "SQLITE_CONSTRAINT": _EXISTS, "SQLITE_CORRUPT": _DAMAGED, "SQLITE_EMPTY": _DAMAGED, "SQLITE_ERROR": _OURS,
    "SQLITE_FORMAT": _DAMAGED, "SQLITE_FULL": _FULL, "SQLITE_INTERNAL": _OURS, "SQLITE_INTERRUPT": _SLOW,
    "SQLITE_IOERR": _AWAY, "SQLITE_LOCKED": _BUSY, "SQLITE_MISMATCH": _OURS, "SQLITE_MISUSE": _OURS,
    "SQLITE_NOLFS": _LIMIT, "SQLITE_NOMEM": _LIMIT, "SQLITE_NOTADB": _DAMAGED, "SQLITE_NOTFOUND": _OURS,
    "SQLITE_PERM": _READ_ONLY, "SQLITE_PROTOCOL": _BUSY, "SQLITE_RANGE": _OURS, "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_SCHEMA": _OURS, "SQLITE_TOOBIG": _OURS,
}  # fmt: skip
"""By primary result code; an extended one (``SQLITE_BUSY_SNAPSHOT``) is looked up by its beginning."""

_SQLSTATE = {
    "00": _OURS, "01": _OURS, "02": _OURS, "03": _OURS, "08": _AWAY, "09": _OURS, "0A": _OURS, "0B": _OURS,
    "0F": _OURS, "0L": _DENIED, "0P": _DENIED, "0Z": _OURS, "20": _OURS, "21": _OURS, "22": _OURS, "23": _EXISTS,
    "24": _OURS, "25": _OURS, "25006": _READ_ONLY, "26": _OURS, "27": _OURS, "28": _DENIED, "2B": _OURS,
    "2D": _OURS, "2F": _OURS, "34": _OURS, "38": _OURS, "39": _OURS, "3B": _OURS, "3D": _MISSING, "3F": _MISSING,
    "40": _BUSY, "42": _OURS, "42501": _DENIED, "44": _EXISTS, "53": _LIMIT, "53100": _FULL, "54": _LIMIT,
    "55": _BUSY, "57": _AWAY, "57014": _SLOW, "58": _AWAY, "72": _BUSY, "F0": _DAMAGED, "HV": _OURS,
    "P0": _OURS, "P0001": _APPEND_ONLY, "XX": _DAMAGED, "10": _OURS,
}  # fmt: skip
"""By SQLSTATE, or by its class; the longer key wins. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_TEXTS = (
    ("append-only", _APPEND_ONLY),
    ("authentication failed", _DENIED),
    ("no password supplied", _DENIED),
    ("no pg_hba.conf entry", _DENIED),
    ("role", _DENIED),
    ("does not exist", _MISSING),
    ("too many clients", _LIMIT),
    ("invalid", _URL),
)
"""What libpq says of a connection that did not come about has no SQLSTATE."""

_CLASSES = {
    "ArgumentError": _URL, "NoSuchModuleError": _URL, "InterfaceError": _AWAY, "OperationalError": _AWAY,
    "DisconnectionError": _AWAY, "TimeoutError": _BUSY, "IntegrityError": _EXISTS, "DatabaseError": _DAMAGED,
    "DataError": _OURS, "InternalError": _OURS, "NotSupportedError": _OURS, "ProgrammingError": _OURS,
}  # fmt: skip
"""When there is no code: by the class's own name. Every other class of the three libraries is a fault of ours."""


def verdict(error: BaseException) -> Verdict:
    """Which error of ours a database error is."""
    original = getattr(error, "orig", None)
    if isinstance(original, BaseException):
        error = original
    name = getattr(error, "sqlite_errorname", None)
    if isinstance(name, str):
        if name == "SQLITE_CONSTRAINT_TRIGGER":
            return _APPEND_ONLY
        if name in {"SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_TRUNCATE"}:
            return _FULL  # a quota or a limit of file sizes; SQLITE_FULL is a full disk alone
        return _SQLITE.get("_".join(name.split("_")[:2]), _OURS)
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _SQLSTATE.get(state) or _SQLSTATE.get(state[:2], _OURS)
    if isinstance(error, OSError):
        return _of_file(error)
    if type(error).__name__ == "OperationalError":
        text = str(error)
        return next((found for part, found in _TEXTS if part in text), _AWAY)
    return next((_CLASSES[base.__name__] for base in type(error).__mro__ if base.__name__ in _CLASSES), _OURS)


def _of_file(error: OSError) -> Verdict:
    import errno

    return _FULL if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else _READ_ONLY


def translate(error: BaseException, place: str, secrets: tuple[str, ...] = ()) -> FlextError:
    """An error of ours for one of the database's.

    Args:
        error: Of SQLAlchemy, sqlite3, psycopg or the file system.
        place: The database's URL without its password.
        secrets: Texts that must not appear; what the database said is given only without them.
    """
    found = verdict(error)
    original = getattr(error, "orig", None) or error
    said = " ".join(str(original).split())[:300]
    for secret in secrets:
        said = said.replace(secret, MASK)
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return found.type(
        f"{found.reason} ({place}): {said or type(original).__name__}",
        found.instruction,
        {"database": place, "code": code, "type": type(original).__name__},
    )
