"""The connection to the warehouse-management database: SQLite, PostgreSQL or Oracle by its URL.

What belongs here: engines and their time-outs, pools and sessions. What does not: how an Oracle database is reached
(``oracle/connection``), transactions of commands (``transaction``), the schema (``schema``).
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flext_pipelines.errors import ConfigError, NotFoundError
from flext_pipelines.postgres import session_arguments
from flext_pipelines.settings import make_private
from flext_pipelines.values import Value
from flext_pipelines.wms.failures import foreign, translate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr
    from sqlalchemy import URL, Connection, Engine

    from flext_pipelines.settings import Settings
    from flext_pipelines.wms.oracle.connection import OracleOptions

READING = "wms_reading"
"""The execution option of a connection that only reads: on SQLite it does not wait for a writer."""

ONE_BY_ONE = "wms_one_by_one"
"""The execution option of an engine for PostgreSQL whose transactions send each statement for itself."""


class EngineOptions(Value):
    """What a URL does not say.

    Attributes:
        pool_size: Most connections of one process.
        connect_seconds: Longest wait for a connection.
        call_seconds: Longest wait for the answer to one statement.
        lock_seconds: Longest wait for rows that somebody else has locked.
    """

    pool_size: int = 5
    connect_seconds: float = 20
    call_seconds: float = 300
    lock_seconds: float = 30


def open_engine(url: SecretStr, options: EngineOptions | None = None, oracle: OracleOptions | None = None) -> Engine:
    """An engine for the URL; an SQLite file's folder is made if it is missing. Nothing is connected yet.

    Raises:
        ConfigError: The URL is not one, or of another database or of SQLite in memory, or its driver is not installed.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    chosen = options or EngineOptions()
    try:
        parsed = make_url(url.get_secret_value())
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed, chosen)
        if parsed.drivername in {"postgresql", "postgresql+psycopg"}:
            return _open_postgresql(parsed, chosen)
        if parsed.drivername in {"oracle", "oracle+oracledb"}:
            from flext_pipelines.wms.oracle.connection import OracleOptions, open_oracle

            default = OracleOptions(
                connect_seconds=chosen.connect_seconds, call_seconds=chosen.call_seconds, pool_size=chosen.pool_size
            )
            return open_oracle(parsed, oracle or default)
        if parsed.get_backend_name() == "oracle":  # a driver that somebody registered, as the tests do
            return create_engine(parsed)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise ConfigError(
            f"FLEXT_WMS_URL is not a database URL we can open ({type(error).__name__})",
            "Give it as dialect+driver://user:password@host:port/database, for instance sqlite:////data/wms.db",
        ) from error
    raise ConfigError(
        f"FLEXT_WMS_URL begins with {parsed.drivername}, which warehouse management does not know",
        "Give sqlite:////data/wms.db, postgresql://..., or oracle+oracledb://...",
    )


def engine_of(settings: Settings) -> Engine:
    """The engine of ``FLEXT_WMS_URL``, with the pool, time-outs and wallet of the settings.

    Raises:
        ConfigError: The URL is not one, or its driver is not installed.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    options = EngineOptions(
        pool_size=settings.wms_pool_size,
        connect_seconds=settings.wms_connect_timeout_seconds,
        call_seconds=settings.wms_call_timeout_seconds,
    )
    oracle: OracleOptions | None = None
    with suppress(ArgumentError):  # open_engine says what is wrong with the URL
        if make_url(settings.wms_database.get_secret_value()).get_backend_name() == "oracle":
            from flext_pipelines.wms.oracle.connection import OracleOptions

            oracle = OracleOptions(
                **options.model_dump(exclude={"lock_seconds"}),
                wallet_location=settings.wms_wallet_location,
                wallet_password=settings.wms_wallet_password,
            )
    return open_engine(settings.wms_database, options, oracle)


def require_file(url: SecretStr) -> None:
    """Whoever only works in a database opens none that SQLite would make anew, as it does for a mistyped path.

    Args:
        url: Of any database; what is wrong with the URL itself is left to ``open_engine``.

    Raises:
        NotFoundError: It names an SQLite file that is not there; neither the file nor its folder is made.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    try:
        parsed = make_url(url.get_secret_value())
        path = _sqlite_file(parsed) if parsed.get_backend_name() == "sqlite" else None
    except (ArgumentError, NoSuchModuleError, ValueError):
        return
    if path is None:
        return
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(
            f"There is no such database file {path.absolute()}, as FLEXT_WMS_URL names it",
            "Run `flext wms seed` to make the sample there, or correct FLEXT_WMS_URL",
            {"file": str(path.absolute())},
        ) from None
    except (OSError, ValueError):
        return  # it may be there; opening it says what keeps us from it


def _sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite URL, also of one that gives it as ``file:...?uri=true``; None for one in memory."""
    from sqlalchemy.util import asbool

    name = url.database or ""
    if name.startswith("file:") and asbool(url.query.get("uri", False)):
        name = "" if url.query.get("mode") == "memory" else unquote(urlsplit(name).path)
    return None if name in {"", ":memory:"} else Path(name)


def _open_postgresql(url: URL, options: EngineOptions) -> Engine:
    from sqlalchemy import create_engine

    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    # Everything we ask is answered in the order of an index; a bitmap would read a whole facility for one page of it.
    session = {
        "lock_timeout": int(options.lock_seconds * 1000),
        "statement_timeout": int(options.call_seconds * 1000),
        "enable_bitmapscan": "off",
    }
    return create_engine(
        url,
        pool_size=options.pool_size,
        max_overflow=0,
        pool_timeout=options.connect_seconds,
        hide_parameters=True,
        connect_args={
            "connect_timeout": max(2, int(options.connect_seconds)),
            "prepare_threshold": None,  # commands prepare their own (``postgres``)
            "application_name": "flext",
            **session_arguments(url, session),
        },
    )


def _open_sqlite(url: URL, options: EngineOptions) -> Engine:
    """Writers take their turn from the start, so that no transaction fails for having read too early."""
    from sqlalchemy import create_engine, event

    path = _sqlite_file(url)
    if path is None:
        raise ConfigError(
            "FLEXT_WMS_URL names an SQLite database in memory, which every process would begin anew",
            "Name a file, for instance sqlite:////data/wms.db",
        )
    make_private(path.parent)
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": options.lock_seconds, "isolation_level": None, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:  # noqa: ANN401  SQLAlchemy's type for a driver's connection
    """Readers do not stop writers (WAL), a commit is on the disk, references hold."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def beginning(engine: Engine, *, trusted: bool = False) -> Iterator[Connection]:
    """A transaction; kept when the block ends, undone when it raises.

    Args:
        engine: The database.
        trusted: The rows are made by us and refer to what is there: SQLite need not look that up for each of them,
            which would take half of the time of a bulk load.

    Raises:
        UnavailableError: The database does not answer; nothing was changed.
        FlextError: It refuses a statement; nothing was changed.
    """
    try:
        with engine.connect() as connection, _unchecked(connection, wanted=trusted), connection.begin():
            yield connection
    except foreign(engine) as error:
        raise translate(error, engine) from error


@contextmanager
def _unchecked(connection: Connection, *, wanted: bool) -> Iterator[None]:
    if not wanted or connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")  # has no effect within a transaction
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")
