"""Database errors become ours here: one answer for SQLite, PostgreSQL and Oracle.

SQLite says what happened by its result code's name, PostgreSQL by its SQLSTATE (the first two characters are a class),
Oracle by codes of its own (``oracle/failures``), and a connection that fails before any of them by its text.

What belongs here: what an error is, whether the session is lost, whether the transaction may be sent again. What does
not: sending it again (``outcomes``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus

from flext_pipelines.errors import (
    ConfigError,
    ConflictError,
    DataDamagedError,
    FlextError,
    InternalError,
    StorageFullError,
    TimedOutError,
    UnavailableError,
)

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Verdict(NamedTuple):
    """What a database error is.

    Attributes:
        type: Which error of ours.
        reason: What happened, to be followed by the database's place.
        instruction: What to do.
        lost: The session is gone: what it had not committed is undone.
        again: The transaction is undone and likely to succeed if it is sent once more.
        duplicate: Another row has this key.
    """

    type: type[FlextError]
    reason: str
    instruction: str
    lost: bool = False
    again: bool = False
    duplicate: bool = False


_NAME = "The warehouse-management database"
AWAY = Verdict(
    UnavailableError, f"{_NAME} does not answer", "Check FLEXT_WMS_URL, and that the database runs", lost=True
)
_SHUT = Verdict(UnavailableError, f"{_NAME} takes no connections now", "Try again in a moment", lost=True)
_BUSY = Verdict(
    UnavailableError, f"{_NAME} is locked by somebody else", "Try again; if it stays so, look who holds it", again=True
)
_AGAIN = Verdict(UnavailableError, f"{_NAME} undid a transaction that met another one", "Try again", again=True)
_FULL = Verdict(StorageFullError, f"{_NAME} has no room left", "Free some room, then try again")
_LIMIT = Verdict(UnavailableError, f"{_NAME} has no resources left", "Raise its limits, or try again later")
_SLOW = Verdict(
    TimedOutError, f"{_NAME} cancelled a statement that took too long", "Raise FLEXT_WMS_CALL_TIMEOUT_SECONDS"
)
_DENIED = Verdict(ConfigError, f"{_NAME} refuses access", "Check user, password and rights in FLEXT_WMS_URL")
_MISSING = Verdict(ConfigError, f"{_NAME} is not there", "Create the database that FLEXT_WMS_URL names")
_CLOSED = Verdict(
    UnavailableError,
    f"{_NAME} cannot be opened or written",
    "Check FLEXT_WMS_URL, and that this user may create and write tables in it",
)
_DAMAGED = Verdict(DataDamagedError, f"{_NAME} is damaged, or its file is no database", "Restore it from a backup")
_DUPLICATE = Verdict(ConflictError, f"{_NAME} has a row of this key already", "Use another key", duplicate=True)
_RULE = Verdict(ConflictError, f"{_NAME} refuses a row that breaks a rule of a table", "Correct what the rule is about")
_VALUE = Verdict(ConflictError, f"{_NAME} cannot hold a value", "Shorten or correct the value")
_OURS = Verdict(
    InternalError,
    f"{_NAME} refuses a statement of ours",
    "This is a fault in flext-pipelines, or the schema was changed by hand; the log holds the traceback",
)
_UNFIT = _OURS._replace(again=True)
"""On PostgreSQL also where a table was changed since a session prepared its statement; a new session knows better."""

_SQLITE = {
    "SQLITE_BUSY": _BUSY, "SQLITE_LOCKED": _BUSY, "SQLITE_PROTOCOL": _BUSY, "SQLITE_ABORT": _BUSY,
    "SQLITE_CONSTRAINT_UNIQUE": _DUPLICATE, "SQLITE_CONSTRAINT_PRIMARYKEY": _DUPLICATE, "SQLITE_CONSTRAINT": _RULE,
    "SQLITE_FULL": _FULL, "SQLITE_NOMEM": _LIMIT, "SQLITE_CANTOPEN": _CLOSED, "SQLITE_READONLY": _CLOSED,
    "SQLITE_PERM": _CLOSED, "SQLITE_AUTH": _CLOSED, "SQLITE_IOERR": _CLOSED, "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED, "SQLITE_FORMAT": _DAMAGED, "SQLITE_INTERRUPT": _SLOW, "SQLITE_TOOBIG": _VALUE,
}  # fmt: skip
"""By the extended result code, else by its beginning; what is not here is a fault of ours."""

_SQLSTATE = {
    "08": AWAY, "0A000": _UNFIT, "0L": _DENIED, "0P": _DENIED, "22": _VALUE, "22003": _VALUE, "23": _RULE,
    "23505": _DUPLICATE, "25006": _CLOSED, "26000": _AGAIN, "28": _DENIED, "3D": _MISSING, "3F": _MISSING, "40": _AGAIN,
    "40003": AWAY, "42501": _DENIED, "44": _RULE, "53": _LIMIT, "53100": _FULL, "53300": _LIMIT, "54": _LIMIT,
    "55P03": _BUSY, "55": _BUSY, "57": _SHUT, "57014": _SLOW, "58": AWAY, "72": _AGAIN, "F0": _DAMAGED, "XX": _DAMAGED,
}  # fmt: skip
"""By SQLSTATE, or by its class; the longer key wins. https://www.postgresql.org/docs/current/errcodes-appendix.html"""

_TEXTS = (
    ("authentication failed", _DENIED),
    ("no password supplied", _DENIED),
    ("no pg_hba.conf entry", _DENIED),
    ("role", _DENIED),
    ("does not exist", _MISSING),
    ("too many clients", _LIMIT),
)
"""What libpq says of a connection that did not come about has no SQLSTATE."""


def verdict(error: BaseException) -> Verdict:
    """What an error of SQLAlchemy or a driver is."""
    original = getattr(error, "orig", None)
    inner = original if isinstance(original, BaseException) else error
    if type(inner).__module__.startswith("oracledb"):
        return _of_oracle(inner)
    name = getattr(inner, "sqlite_errorname", None)
    if isinstance(name, str):
        return _SQLITE.get(name) or _SQLITE.get("_".join(name.split("_")[:2]), _OURS)
    state = getattr(inner, "sqlstate", None)
    if isinstance(state, str):
        return _SQLSTATE.get(state) or _SQLSTATE.get(state[:2], _OURS)
    if isinstance(inner, OSError):
        return _CLOSED
    kinds = {kind.__name__ for kind in type(inner).__mro__}
    if "TimeoutError" in kinds:
        return Verdict(TimedOutError, "No connection became free in time", "Raise FLEXT_WMS_POOL_SIZE, or try later")
    if kinds & {"OperationalError", "InterfaceError", "DisconnectionError"}:
        text = str(inner)
        return next((found for part, found in _TEXTS if part in text), AWAY)
    return _VALUE if kinds & {"DataError"} else _OURS


def _of_oracle(error: BaseException) -> Verdict:
    from flext_pipelines.wms.oracle.failures import finding

    found = finding(error)
    told = found.verdict
    # A connection that does not come about is waited for like one that was lost, if waiting can help.
    lost = told.lost or (found.connecting and told.type.retryable)
    return Verdict(told.type, told.reason, told.instruction, lost, told.again, duplicate=found.code == "ORA-00001")


def foreign(engine: Engine) -> tuple[type[BaseException], ...]:
    """Errors that are not ours: SQLAlchemy's, the driver's, the file system's."""
    from sqlalchemy.exc import SQLAlchemyError

    return (SQLAlchemyError, engine.dialect.loaded_dbapi.Error, OSError)


def place_of(engine: Engine) -> str:
    """The database's URL without its password, for people."""
    return engine.url.render_as_string(hide_password=True).partition("?")[0]


def translate(error: BaseException, engine: Engine) -> FlextError:
    """An error of ours for one of the database's; what it said is given without the password."""
    place, password = place_of(engine), engine.url.password
    secrets = {password, quote(password), quote_plus(password)} if isinstance(password, str) and password else set()
    original = getattr(error, "orig", None) or error
    if type(original).__module__.startswith("oracledb"):
        from flext_pipelines.wms.oracle.failures import translate as translate_oracle

        return translate_oracle(error, place, tuple(secrets))
    found = verdict(error)
    said = " ".join(str(original).split())[:300]
    for secret in secrets:
        said = said.replace(secret, "***")
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None)
    return found.type(
        f"{found.reason} ({place}): {said or type(original).__name__}",
        found.instruction,
        {"database": place, "code": code, "type": type(original).__name__},
    )
