"""Facts about the translation of database errors: every foreign error has an answer."""

from __future__ import annotations

import errno
import inspect
import sqlite3

import psycopg
import psycopg.errors
import pytest
import sqlalchemy.exc

from flext_pipelines.control.failures import translate, verdict
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

PLACE = "sqlite:///control.db"
SQLITE_CODES = sorted(
    name
    for name in vars(sqlite3)
    if name.startswith("SQLITE_") and (name.count("_") == 1 or name == "SQLITE_CONSTRAINT_TRIGGER")
)
NOT_RESULT_CODES = {
    # Of the module's constants these are actions of an authoriser, answers of it, or no errors at all.
    *(f"SQLITE_{word}" for word in ("ALTER", "ANALYZE", "ATTACH", "DELETE", "DENY", "DETACH", "DONE", "FUNCTION")),
    *(f"SQLITE_{word}" for word in ("IGNORE", "INSERT", "NOTICE", "OK", "PRAGMA", "READ", "RECURSIVE", "REINDEX")),
    *(f"SQLITE_{word}" for word in ("ROW", "SAVEPOINT", "SELECT", "TRANSACTION", "UPDATE", "WARNING")),
}


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorname = name
    return error


def test_every_sqlite_code_is_in_the_table() -> None:
    """No result code of the sqlite3 module is left to chance."""
    from flext_pipelines.control import failures

    codes = {name for name in SQLITE_CODES if name.count("_") == 1} - NOT_RESULT_CODES

    assert codes <= set(failures._SQLITE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SQLITE_FULL", StorageFullError),
        ("SQLITE_BUSY", UnavailableError),
        ("SQLITE_BUSY_SNAPSHOT", UnavailableError),
        ("SQLITE_IOERR_WRITE", StorageFullError),
        ("SQLITE_IOERR_READ", UnavailableError),
        ("SQLITE_CANTOPEN", ConfigError),
        ("SQLITE_READONLY_DBMOVED", ConfigError),
        ("SQLITE_CORRUPT", ConfigError),
        ("SQLITE_NOTADB", ConfigError),
        ("SQLITE_CONSTRAINT_UNIQUE", ConflictError),
        ("SQLITE_CONSTRAINT_TRIGGER", ForbiddenError),
        ("SQLITE_ERROR", InternalError),
    ],
)
def test_sqlite_errors_say_what_happened(name: str, expected: type[FlextError]) -> None:
    """SQLite's result codes, extended ones too, become the error that tells what to do."""
    assert type(translate(sqlite_error(name), PLACE)) is expected


def test_every_sqlstate_is_in_the_table() -> None:
    """No SQLSTATE that psycopg knows is left to chance."""
    from flext_pipelines.control import failures

    states = {
        error.sqlstate
        for error in vars(psycopg.errors).values()
        if inspect.isclass(error) and issubclass(error, psycopg.Error) and error.sqlstate
    }

    assert len(states) > 200
    assert {
        state for state in states if state not in failures._SQLSTATE and state[:2] not in failures._SQLSTATE
    } == set()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.DiskFull(), StorageFullError),
        (psycopg.errors.TooManyConnections(), UnavailableError),
        (psycopg.errors.QueryCanceled(), TimedOutError),
        (psycopg.errors.AdminShutdown(), UnavailableError),
        (psycopg.errors.LockNotAvailable(), UnavailableError),
        (psycopg.errors.DeadlockDetected(), UnavailableError),
        (psycopg.errors.InvalidPassword(), ConfigError),
        (psycopg.errors.InvalidCatalogName(), ConfigError),
        (psycopg.errors.InsufficientPrivilege(), ConfigError),
        (psycopg.errors.ReadOnlySqlTransaction(), ConfigError),
        (psycopg.errors.UniqueViolation(), ConflictError),
        (psycopg.errors.RaiseException(), ForbiddenError),
        (psycopg.errors.UndefinedTable(), InternalError),
        (psycopg.OperationalError("server closed the connection unexpectedly"), UnavailableError),
        (psycopg.OperationalError('FATAL:  password authentication failed for user "x"'), ConfigError),
        (psycopg.OperationalError('FATAL:  database "x" does not exist'), ConfigError),
        (psycopg.OperationalError("FATAL:  sorry, too many clients already"), UnavailableError),
        (OSError(errno.ENOSPC, "No space left on device"), StorageFullError),
        (OSError(errno.EACCES, "Permission denied"), ConfigError),
    ],
)
def test_postgresql_and_file_errors_say_what_happened(error: Exception, expected: type[FlextError]) -> None:
    """SQLSTATEs, libpq's words and errors of the file system become the error that tells what to do."""
    assert type(translate(error, PLACE)) is expected


@pytest.mark.parametrize("module", [sqlite3, psycopg])
def test_every_class_of_a_driver_has_an_answer(module: object) -> None:
    """Each exception class of PEP 249 becomes one of ours with a reason and an instruction."""
    names = (
        "Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError",
        "InternalError", "ProgrammingError", "NotSupportedError",
    )  # fmt: skip
    for name in names:
        made = translate(getattr(module, name)("words"), PLACE)

        assert made.reason
        assert made.instruction


def test_every_class_of_sqlalchemy_has_an_answer() -> None:
    """Each exception class of SQLAlchemy becomes one of ours; unknown ones count as faults of ours."""
    classes = [
        found
        for found in vars(sqlalchemy.exc).values()
        if inspect.isclass(found) and issubclass(found, sqlalchemy.exc.SQLAlchemyError)
    ]
    assert len(classes) > 30

    for found in classes:
        if issubclass(found, sqlalchemy.exc.DBAPIError):
            made: sqlalchemy.exc.SQLAlchemyError = found(
                "SELECT 1", {}, getattr(sqlite3, found.__name__, sqlite3.Error)("words")
            )
        else:
            made = found.__new__(found)
        answer = verdict(made)
        assert issubclass(answer.type, FlextError)
        assert answer.instruction


def test_a_wrapped_error_is_judged_by_what_it_wraps() -> None:
    """SQLAlchemy's wrapper does not hide what SQLite said."""
    wrapped = sqlalchemy.exc.OperationalError("SELECT 1", {}, sqlite_error("SQLITE_FULL"))

    assert type(translate(wrapped, PLACE)) is StorageFullError


def test_secrets_are_left_out() -> None:
    """What the database says is repeated without the password."""
    made = translate(psycopg.OperationalError("cannot connect with hunter2"), PLACE, ("hunter2",))

    assert "hunter2" not in f"{made} {made.details}"
    assert "cannot connect with ***" in made.reason
