"""Opening the control database: its engine, its file, its newest revision.

What belongs here: what happens once, before the first statement. What does not: connections of threads and their
transactions (``engine``), the revisions themselves (``migrations``).
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from flext_pipelines.control.migrations import HEAD, VERSION_TABLE
from flext_pipelines.errors import ConfigError
from flext_pipelines.postgres import session_arguments
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection

BEGIN = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "BEGIN"}
_MIGRATION_LOCK = 0x464C455854  # "FLEXT": the PostgreSQL advisory lock under which a database is migrated
_MAKING_FILES = threading.Lock()
_DRIVERS = {"sqlite": "sqlite+pysqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_VERSION_TABLE_THERE = {
    "sqlite": f"SELECT name FROM sqlite_master WHERE name = '{VERSION_TABLE}'",  # noqa: S608  constant
    "postgresql": f"SELECT to_regclass('{VERSION_TABLE}')",
}


def make_engine(text: str, busy_seconds: float) -> sa.Engine:
    """An engine that leaves transactions to us and keeps no pool.

    Raises:
        ConfigError: The URL cannot be read, or is of another kind of database.
    """
    try:
        url = make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "FLEXT_CONTROL_URL is not a database URL", "Write sqlite:///file or postgresql://user:password@host/name"
        ) from None
    backend = url.get_backend_name()
    if url.drivername not in {*_DRIVERS, *_DRIVERS.values()} or (backend == "sqlite" and not url.database):
        raise ConfigError(
            f"The control database cannot be {url.drivername} ({url.render_as_string(hide_password=True)})",
            "Write sqlite:///file or postgresql://user:password@host/name in FLEXT_CONTROL_URL",
        )
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if backend == "postgresql":
        return sa.create_engine(
            url,
            poolclass=sa.NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={
                "connect_timeout": 10,
                "prepare_threshold": 1,
                "application_name": "flext",
                **session_arguments(url, {"lock_timeout": int(busy_seconds * 1000)}),
            },
        )
    engine = sa.create_engine(
        url,
        poolclass=sa.NullPool,
        paramstyle="named",
        connect_args={"timeout": busy_seconds, "isolation_level": None, "check_same_thread": False},
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _: object) -> None:
    """Readers do not stop writers (WAL), a commit is on the disk, references hold, waiting is not an error."""
    driver: Any = connection
    driver.execute("PRAGMA journal_mode = WAL")
    driver.execute("PRAGMA synchronous = FULL")
    driver.execute("PRAGMA foreign_keys = ON")


def make_room(url: sa.URL) -> None:
    """A SQLite file that only its owner may read, in a folder that exists."""
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        make_private(path.parent)
        # Only a file that is not there yet: closing one gives up every lock that this process has on it,
        # SQLite's too, and another process would remove the log that our connections go on writing to.
        with _MAKING_FILES, suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def bring_to_head(connection: sa.Connection, place: str) -> None:
    """Migrate when the database is older than the code; two look-ups when it is not.

    Args:
        connection: That nobody else uses; whoever it fails on closes it, which undoes what was begun.
        place: The database, for people.

    Raises:
        ConfigError: The database is newer than this version of the code.
    """
    driver = cast("Any", connection.connection.driver_connection)
    dialect = connection.dialect.name
    if _revision(driver, dialect) == HEAD:
        return
    driver.execute(BEGIN[dialect])
    connection.begin()  # tells Alembic that the transaction is ours
    if dialect == "postgresql":
        driver.execute(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
    if _revision(driver, dialect) != HEAD:  # another process may have migrated it while we waited
        _upgrade(connection, place)
    driver.execute("COMMIT")
    connection.rollback()


def _revision(driver: Any, dialect: str) -> object:  # noqa: ANN401  a connection of either driver
    there = driver.execute(_VERSION_TABLE_THERE[dialect]).fetchone()
    if there is None or there[0] is None:
        return None
    row = driver.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608  constant
    return row[0] if row else None


def _upgrade(connection: sa.Connection, place: str) -> None:
    """Run the migrations that the database lacks, in the transaction that the caller began.

    Raises:
        ConfigError: It has a revision that this code does not know.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            f"The control database ({place}) was made by a newer flext-pipelines: {error}",
            "Upgrade flext-pipelines, or point FLEXT_CONTROL_URL at another database",
        ) from error
