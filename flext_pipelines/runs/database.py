"""The databases of a run storage, opened for reading: SQLite files directly, PostgreSQL through SQLAlchemy.

The schema is checked before anything is read: Dagster keeps the number of its last migration in the storage, and a
number that is not in ``KNOWN_REVISIONS`` raises ``UnknownSchemaError``, whereupon ``records`` reads through Dagster.

What belongs here: connections and the check. What does not: the questions (``sql_records``).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flext_pipelines.errors import UnavailableError
from flext_pipelines.runs.failures import storage_error

if TYPE_CHECKING:
    from sqlalchemy import Engine

KNOWN_REVISIONS = frozenset({"29b539ebc72a"})
"""The last migration of Dagster 1.13.27 (dagster/_core/storage/alembic/versions)."""

_BUSY_SECONDS = 5.0
Row = Sequence[Any]
Parameters = Mapping[str, object]


class UnknownSchemaError(Exception):
    """The storage has a schema that this module does not know."""


class Database(Protocol):
    """The three databases of a run storage, which are one on PostgreSQL."""

    def runs(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from the tables of runs."""
        ...

    def events(self, run_id: str, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from the event log that holds this run."""
        ...

    def assets(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from the index of assets."""
        ...

    def schedules(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from the tables of schedules and sensors."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


class SqliteFiles:
    """The embedded storage: ``history/runs.db``, one file per run in ``history/runs``, ``schedules/schedules.db``."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: dict[Path, sqlite3.Connection] = {}

    def runs(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from ``runs.db``; none before the first run."""
        return self._read(self._home / "history" / "runs.db", sql, parameters)

    def events(self, run_id: str, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from the file of the run; none before its first event."""
        return self._read(self._home / "history" / "runs" / f"{run_id}.db", sql, parameters)

    def assets(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from ``index.db``."""
        return self._read(self._home / "history" / "runs" / "index.db", sql, parameters)

    def schedules(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows from ``schedules.db``."""
        return self._read(self._home / "schedules" / "schedules.db", sql, parameters)

    def close(self) -> None:
        """Close the files that were read."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _read(self, file: Path, sql: str, parameters: Parameters) -> Sequence[Row]:
        try:
            connection = self._connection(file)
            return connection.execute(sql, dict(parameters)).fetchall() if connection else []
        except sqlite3.DatabaseError as error:
            raise storage_error(error, str(file)) from error

    def _connection(self, file: Path) -> sqlite3.Connection | None:
        if file in self._open:
            return self._open[file]
        if not file.exists():
            return None
        # Followed runs come one by one, and each has its own file: keep two event logs open, not hundreds.
        if len(self._open) > 3:
            oldest = next(iter(self._open))
            self._open.pop(oldest).close()
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS, check_same_thread=False
        )
        # A file that Dagster is just making has no tables, then no revision: there is nothing in it yet.
        made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall() if made else []
        if not revision:
            connection.close()
            return None
        self._open[file] = connection
        return connection

    def check_revisions(self) -> None:
        """Whether we know the schema of the files that all runs share; Dagster upgrades them together."""
        for name in ("history/runs.db", "history/runs/index.db", "schedules/schedules.db"):
            rows = self._read(self._home / name, "SELECT version_num FROM alembic_version", {})
            if rows:
                check_revision(rows, name)


class PostgresDatabase:
    """The storage on PostgreSQL: every table in one database."""

    def __init__(self, url: str) -> None:
        import sqlalchemy

        self._engine: Engine = sqlalchemy.create_engine(url, pool_size=1, max_overflow=4)

    def runs(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows of any table."""
        import sqlalchemy
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.connect() as connection:
                return connection.execute(sqlalchemy.text(sql), dict(parameters)).fetchall()
        except DBAPIError as error:
            if "does not exist" in str(error.orig) and "relation" in str(error.orig):
                message = "the database holds no tables of Dagster yet"
                raise UnknownSchemaError(message) from None
            raise UnavailableError(
                f"The run storage on PostgreSQL does not answer: {type(error.orig).__name__}",
                "Check that the server of FLEXT_DAGSTER_POSTGRES_URL is up and that its user may connect",
            ) from None

    def events(self, run_id: str, sql: str, parameters: Parameters) -> Sequence[Row]:  # noqa: ARG002  one log for all
        """Rows of any table."""
        return self.runs(sql, parameters)

    def assets(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows of any table."""
        return self.runs(sql, parameters)

    def schedules(self, sql: str, parameters: Parameters) -> Sequence[Row]:
        """Rows of any table."""
        return self.runs(sql, parameters)

    def close(self) -> None:
        """Close the pool."""
        self._engine.dispose()


def check_revision(rows: Sequence[Row], where: str) -> None:
    """Whether we know the schema.

    Raises:
        UnknownSchemaError: We do not.
    """
    found = {str(row[0]) for row in rows}
    if not found or not found <= KNOWN_REVISIONS:
        message = f"{where} has schema {', '.join(sorted(found)) or 'unknown'}, known is {', '.join(KNOWN_REVISIONS)}"
        raise UnknownSchemaError(message)
