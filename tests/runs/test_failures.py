"""What an error of the run storage means, judged on errors of a real SQLite."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from flext_pipelines.errors import DataDamagedError, FlextError, StorageFullError, UnavailableError
from flext_pipelines.runs.failures import storage_error, storage_errors, told_by_storage


def full(file: Path) -> sqlite3.Error:
    """What SQLite says when its file may not grow."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as caught:
            database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    return caught.value


def damaged(file: Path) -> sqlite3.Error:
    """What SQLite says of a file that is no database."""
    file.write_bytes(b"no database" * 100)
    with closing(sqlite3.connect(file)) as database, pytest.raises(sqlite3.Error) as caught:
        database.execute("SELECT * FROM sqlite_master")
    return caught.value


def locked(file: Path) -> sqlite3.Error:
    """What SQLite says of a file that somebody else writes."""
    with closing(sqlite3.connect(file)) as holder, closing(sqlite3.connect(file, timeout=0)) as database:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.Error) as caught:
            database.execute("CREATE TABLE t (a)")
    return caught.value


@pytest.mark.parametrize(
    ("made", "kind", "words"),
    [
        (full, StorageFullError, "No room is left for the run storage"),
        (damaged, DataDamagedError, "is damaged"),
        (locked, UnavailableError, "does not answer: database is locked"),
    ],
)
def test_an_error_of_the_storage_is_called_what_it_is(
    tmp_path: Path, made: object, kind: type[FlextError], words: str
) -> None:
    """With the place, and what to do about it."""
    assert callable(made)
    error = made(tmp_path / "runs.db")

    with pytest.raises(kind, match=words) as caught, storage_errors(str(tmp_path)):
        raise OperationalError("INSERT", {}, error)

    assert str(tmp_path) in caught.value.reason


LIMITED = """
import resource, sqlite3, sys
from flext_pipelines.runs.failures import storage_error

database = sqlite3.connect(sys.argv[1])
database.execute("CREATE TABLE t (a)")
resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
try:
    database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    database.commit()
except sqlite3.Error as error:
    print(type(storage_error(error, "x")).__name__, error)
"""


def test_a_limit_of_file_sizes_is_no_room(tmp_path: Path) -> None:
    """SQLite calls it a disk I/O error, as it calls a used-up quota."""
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "runs.db")], capture_output=True, text=True, check=True
    )

    assert told.stdout == "StorageFullError disk I/O error\n"


def test_a_server_without_a_code_does_not_answer() -> None:
    """The class says more than nothing; its text may hold a password."""
    error = storage_error(ConnectionError("secret"), "on PostgreSQL")

    assert isinstance(error, UnavailableError)
    assert error.reason == "The run storage on PostgreSQL does not answer: ConnectionError"


@pytest.mark.parametrize(
    ("text", "full_storage"),
    [
        ("(sqlite3.OperationalError) disk I/O error\n(Background on this error at: https://x)", True),
        ("(sqlite3.OperationalError) database or disk is full", True),
        ("(sqlite3.OperationalError) database is locked", False),
        ("disk I/O error of a tap", False),
        ("", False),
    ],
)
def test_what_dagster_kept_of_a_step_that_could_not_store_an_event_is_understood(text: str, full_storage: bool) -> None:
    """Its words are all that is left of the error."""
    told = told_by_storage(text)

    assert (told is not None) is full_storage
    if told is not None:
        assert "sqlite3" not in told.reason
        assert "http" not in told.reason
