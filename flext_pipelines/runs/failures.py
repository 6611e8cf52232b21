"""What an error of the run storage means: a damaged file, no room left, or a database that does not answer.

What belongs here: SQLite's and PostgreSQL's errors as ours, where Dagster or we met them. What does not: failures of
what a run does (``flext_pipelines.assets.failures``).
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.errors import DataDamagedError, FlextError, StorageFullError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_NOT_WRITTEN = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
"""What SQLite says of a quota or a limit of file sizes, and of a broken disk; ``SQLITE_FULL`` is a full disk alone."""
_NO_ROOM = ("database or disk is full", "disk i/o error", "no space left on device")
_FREE = (
    "Free room on its disk, or raise the quota or the limit of file sizes (`ulimit -f`), then run it again; "
    "where there is plenty, look at the disk itself"
)


def storage_error(error: BaseException | None, place: str) -> FlextError:
    """Ours for an error of the run storage.

    Args:
        error: The driver's own.
        place: The file, or the folder of all files.
    """
    code = getattr(error, "sqlite_errorcode", 0)
    # The last byte of an extended result code is the primary one; the driver's own errors have none.
    if code & 0xFF in _DAMAGED:
        return DataDamagedError(
            f"The run storage {place} is damaged: {error}",
            "Stop Dagster and restore the file from a backup; without one move it aside, and run history starts anew "
            "(bookmarks and audit are kept elsewhere)",
            {"file": place},
        )
    if code & 0xFF == sqlite3.SQLITE_FULL or code in _NOT_WRITTEN or getattr(error, "sqlstate", None) == "53100":
        return StorageFullError(f"No room is left for the run storage {place}: {error}", _FREE, {"file": place})
    return UnavailableError(
        f"The run storage {place} does not answer: {error if code else type(error).__name__}",
        "For SQLite, check that this user may read and write the file and its folder; for PostgreSQL, that the server "
        "of FLEXT_DAGSTER_POSTGRES_URL is up and that its user may connect",
        {"file": place},
    )


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Errors of the storage's database inside become ours; Dagster lets them through as they are.

    Raises:
        DataDamagedError: A file is no database any more.
        StorageFullError: No room is left.
        UnavailableError: It does not answer.
    """
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except DBAPIError as error:
        raise storage_error(error.orig, place) from error


def told_by_storage(text: str) -> StorageFullError | None:
    """The error behind the words that Dagster kept of a step which could not store an event; None for others."""
    first = text.splitlines()[0] if text else ""
    if "sqlite3." in first and any(words in first.lower() for words in _NO_ROOM):
        return StorageFullError(f"No room is left for the run storage: {first.rpartition(') ')[2]}", _FREE)
    return None
