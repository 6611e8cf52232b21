"""Meltano's system database, read and mended directly: two tables, both documented by Meltano.

``state`` holds the Singer state of each state id (when no other backend is configured), ``runs`` one row per
block run. Reading a bookmark here takes a millisecond; importing the Meltano library for it takes 400.

What belongs here: these two tables. What does not: other state backends (``state``).
"""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from flext_pipelines.errors import DataDamagedError, StorageFullError, UnavailableError
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from pydantic import SecretStr

_SQLITE = "sqlite:///"
_BUSY_SECONDS = 10.0
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_WRITTEN = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
"""What SQLite says of a quota or a limit of file sizes; ``SQLITE_FULL`` is a full disk alone."""
_PRIMARY = 0xFF
"""An extended result code of SQLite holds the primary one in its last byte."""


class _Statements(Protocol):
    """What both drivers can do for us."""

    def rows(self, statement: str, values: Mapping[str, object]) -> list[tuple[object, ...]]: ...

    def change(self, statement: str, values: Mapping[str, object]) -> int: ...


def stored_states(url: SecretStr, state_ids: Sequence[str]) -> dict[str, dict[str, object]]:
    """The Singer state that the next run would be given, for each state id that has one.

    Meltano lays the partial state over the completed one (state_store/base.py, json_merged).

    Raises:
        UnavailableError: The database does not answer.
        DataDamagedError: Its file is no database any more.
    """
    found: dict[str, dict[str, object]] = {}
    with _connected(url) as database:
        if database is None:
            return found
        for state_id in state_ids:
            rows = database.rows(
                "SELECT completed_state, partial_state FROM state WHERE state_id = :state_id", {"state_id": state_id}
            )
            if rows:
                completed, partial = (_mapping(value) for value in rows[0])
                found[state_id] = _singer(merged(partial, completed))
    return found


def end_runs(url: SecretStr, run_ids: Sequence[str], state_ids: Sequence[str] = ()) -> int:
    """Mark runs of ours that died as failed; how many there were.

    A Meltano that is killed leaves its row ``RUNNING``, and every other run with that state id is refused for
    five minutes (core/job/job.py, HEARTBEAT_VALID_MINUTES). We know the run ids, so nobody else's row is touched.

    Args:
        url: The database.
        run_ids: Runs that are known to be dead.
        state_ids: Only their rows with these state ids; all when empty.

    Raises:
        UnavailableError: The database does not answer.
        DataDamagedError: Its file is no database any more.
    """
    count = 0
    with _connected(url) as database:
        if database is None:
            return 0
        postgres = url.get_secret_value().startswith("postgres")
        for run_id in run_ids:
            key = str(UUID(run_id)) if postgres else UUID(run_id).hex
            match = "CAST(run_id AS TEXT) = :run_id" if postgres else "run_id = :run_id"
            for state_id in state_ids or (None,):
                which = "" if state_id is None else " AND job_name = :state_id"
                count += database.change(
                    "UPDATE runs SET state = 'FAIL', ended_at = last_heartbeat_at"  # noqa: S608  constants only
                    f" WHERE state = 'RUNNING' AND {match}{which}",
                    {"run_id": key} | ({} if state_id is None else {"state_id": state_id}),
                )
    return count


def merged(over: Mapping[str, object], base: Mapping[str, object]) -> dict[str, object]:
    """The base with the other laid over it, mappings key by key: Meltano's ``merge``."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(value, below) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return result


def sqlite_file(url: SecretStr) -> Path | None:
    """The file of an SQLite URL; None for other databases."""
    text = url.get_secret_value()
    return Path(text.removeprefix(_SQLITE).partition("?")[0]) if text.startswith(_SQLITE) else None


def make_private_database(url: SecretStr) -> None:
    """Make the file of an SQLite database, empty and its owner's alone; one that is there stays as it is.

    Meltano would let everybody read it, bookmarks and all. SQLite gives ``-wal`` and ``-shm`` the mode of their
    database, and an empty file is a database without tables.

    Raises:
        StorageFullError: There is no room for it.
        UnavailableError: It cannot be made for another reason.
    """
    file = sqlite_file(url)
    if file is None or file.exists():
        return
    try:
        make_private(file.parent)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise (_full if error.errno in _FULL else _unavailable)(str(file), error.strerror or str(error)) from error


def _singer(state: Mapping[str, object]) -> dict[str, object]:
    found = state.get("singer_state")
    return dict(found) if isinstance(found, Mapping) else {}


def _mapping(value: object) -> dict[str, object]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


@contextmanager
def _connected(url: SecretStr) -> Iterator[_Statements | None]:
    """A connection, or None when there is no database yet or it has no tables yet."""
    file = sqlite_file(url)
    if file is not None:
        if not file.is_file():
            yield None
            return
        with _sqlite(file) as database:
            yield database
    else:
        with _other(url) as database:
            yield database


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Mapping[str, object]) -> list[tuple[object, ...]]:
        return self._connection.execute(statement, dict(values)).fetchall()

    def change(self, statement: str, values: Mapping[str, object]) -> int:
        return self._connection.execute(statement, dict(values)).rowcount


@contextmanager
def _sqlite(file: Path) -> Iterator[_Statements | None]:
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS)) as connection, connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('state', 'runs')")
            yield _Sqlite(connection) if tables.fetchone()[0] == 2 else None
    except sqlite3.Error as error:
        # A driver's own errors ("Cannot operate on a closed database") have no code.
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _DAMAGED:
            raise DataDamagedError(
                f"Meltano's system database {file} is damaged: {error}",
                "Stop what uses it, then restore it from a backup; without one move it aside, and the next run of each "
                "pipeline reads everything again",
                {"database": str(file)},
            ) from error
        raise (_full if is_full(error) else _unavailable)(str(file), str(error)) from error


@contextmanager
def _other(url: SecretStr) -> Iterator[_Statements | None]:
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.engine import Connection, make_url
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    class Statements:
        def __init__(self, connection: Connection) -> None:
            self._connection = connection

        def rows(self, statement: str, values: Mapping[str, object]) -> list[tuple[object, ...]]:
            return [tuple(row) for row in self._connection.execute(text(statement), dict(values))]

        def change(self, statement: str, values: Mapping[str, object]) -> int:
            return self._connection.execute(text(statement), dict(values)).rowcount

    place = make_url(url.get_secret_value()).render_as_string(hide_password=True)
    try:
        engine = create_engine(url.get_secret_value(), poolclass=NullPool)
        with engine.begin() as connection:
            tables = {"state", "runs"} <= set(inspect(connection).get_table_names())
            yield Statements(connection) if tables else None
    except SQLAlchemyError as error:
        raise _unavailable(place, type(error).__name__) from error


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite could not write for want of room."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & _PRIMARY == sqlite3.SQLITE_FULL or code in _NOT_WRITTEN


def _full(place: str, why: str) -> StorageFullError:
    return StorageFullError(
        f"No room is left for Meltano's system database {place}: {why}",
        "Free room on its disk, or raise the quota or the limit of file sizes (`ulimit -f`), then run it again",
        {"database": place},
    )


def _unavailable(place: str, why: str) -> UnavailableError:
    return UnavailableError(
        f"Meltano's system database {place} cannot be used: {why}",
        "Check that it is reachable (FLEXT_MELTANO_DATABASE_URL) and has room left",
        {"database": place},
    )
