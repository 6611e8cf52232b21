"""The control database: connects late, migrates itself, one connection per thread.

Writers send their few statements as prepared text to the driver (an audit row costs some 100 us; through
SQLAlchemy's execution it would be three times that), readers use SQLAlchemy Core.

What belongs here: connections and transactions. What does not: opening and migrating a database (``opening``), what is
stored (``audit``, ``idempotency``) and the table of errors (``failures``).
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote, quote_plus

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from flext_pipelines.control.failures import translate
from flext_pipelines.control.opening import BEGIN, bring_to_head, make_engine, make_room
from flext_pipelines.postgres import Pipelined, numbered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from flext_pipelines.errors import FlextError
    from flext_pipelines.postgres import Numbered
    from flext_pipelines.settings import Settings

_SNAPSHOT = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


class Cursor(Protocol):
    """What a driver gives back for a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; what is in it is known to the statement only."""
        ...


class _Driver(Protocol):
    """What ``sqlite3.Connection`` and ``psycopg.Connection`` have in common."""

    def execute(self, statement: str, parameters: Mapping[str, object] = ...) -> Cursor: ...


class _Held:
    """A thread's own connection."""

    __slots__ = ("busy", "connection", "driver", "pid", "pipelined", "thread")

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.driver = cast("_Driver", connection.connection.driver_connection)
        self.pipelined = Pipelined(cast("Any", self.driver)) if connection.dialect.name == "postgresql" else None
        self.pid = os.getpid()
        self.thread = threading.current_thread()
        self.busy = False


class Writing:
    """A transaction of a writer: the statements it may send."""

    __slots__ = ("_database", "_driver")

    def __init__(self, database: ControlDatabase, driver: _Driver) -> None:
        self._database = database
        self._driver = driver

    def execute(self, statement: sa.Executable, parameters: Mapping[str, object] = {}) -> Cursor:
        """Send a Core statement with its parameters by name."""
        text, constants = self._database.prepared(statement)
        return self._driver.execute(text, {**constants, **parameters} if constants else parameters)


class ControlDatabase:
    """The control database of a URL. Nothing is opened before it is used; threads and forks are safe.

    Args:
        url: ``sqlite:///file`` or ``postgresql://user:password@host/database``.
        busy_seconds: How long a writer waits for another one's transaction.

    Raises:
        ConfigError: On first use: the URL is neither, or the database cannot be used as it is named.
    """

    def __init__(self, url: SecretStr, *, busy_seconds: float = 30) -> None:
        self._url = url
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._local = threading.local()
        self._open: list[_Held] = []
        self._abandoned: list[_Held] = []
        self._engine: sa.Engine | None = None
        self._prepared: dict[sa.Executable, tuple[str, Mapping[str, object]]] = {}
        self._numbered: dict[sa.Executable, Numbered] = {}
        self._ready = False

    @classmethod
    def from_settings(cls, settings: Settings) -> ControlDatabase:
        """The database of ``FLEXT_CONTROL_URL``, by default ``control.db`` in the home."""
        return cls(settings.control_database)

    @property
    def place(self) -> str:
        """The URL without its password, for people."""
        try:
            return make_url(self._url.get_secret_value()).render_as_string(hide_password=True).partition("?")[0]
        except sa.exc.ArgumentError:
            return "FLEXT_CONTROL_URL"

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._get_engine().dialect.name

    def prepared(self, statement: sa.Executable) -> tuple[str, Mapping[str, object]]:
        """A Core statement as text for the driver, and the constants in it; compiled once."""
        found = self._prepared.get(statement)
        if found is None:
            compiled = cast("sa.ClauseElement", statement).compile(dialect=self._get_engine().dialect)
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._prepared[statement] = (str(compiled), constants)
        return found

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """A transaction that writes; kept when the block ends, undone when it raises.

        Raises:
            UnavailableError: The database is away, or stays locked for ``busy_seconds``; nothing was written.
            StorageFullError: The disk is full; nothing was written.
        """
        try:
            held = self._begun(BEGIN[self.dialect])
            driver = held.driver
            try:
                yield Writing(self, driver)
                driver.execute("COMMIT")
                held.busy = False
            except BaseException:
                self._undo(held)
                raise
        except self._foreign() as error:
            raise self._translated(error) from None

    def append(self, statement: sa.Executable, parameters: Mapping[str, object]) -> tuple[Any, ...] | None:
        """On PostgreSQL: one statement that is a transaction of its own, and the first row that it gives back.

        A connection that the server closed since its last use is replaced before anything is sent on it.

        Raises:
            UnavailableError: The database is away.
            StorageFullError: The disk is full; nothing was written.
        """
        try:
            held = self._held()
            if held.busy:
                self._undo(held)
                held = self._held()
            if self._has_news(held):
                self._forget(held)
                held = self._held()
            assert held.pipelined is not None
            known = self._numbered.get(statement)
            if known is None:
                known = self._numbered[statement] = numbered(cast("sa.ClauseElement", statement))
            try:
                found = held.pipelined.alone(known, parameters)
                return found[0] if found else None
            except BaseException:
                self._undo(held)
                raise
        except self._foreign() as error:
            raise self._translated(error) from None

    @staticmethod
    def _has_news(held: _Held) -> bool:
        """Whether an idle PostgreSQL connection has something to read: that is its end, or a warning before it."""
        number = getattr(held.driver, "fileno", None)
        if number is None:
            return False
        waiting = select.poll()
        waiting.register(number(), select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(waiting.poll(0))

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A snapshot for readers: one state of the database, however long the block lasts.

        Raises:
            UnavailableError: The database is away.
        """
        try:
            held = self._begun(_SNAPSHOT[self.dialect])
            try:
                yield held.connection
            finally:
                self._undo(held)
        except self._foreign() as error:
            raise self._translated(error) from None

    def close(self) -> None:
        """Close every thread's connection; the next use opens new ones."""
        with self._lock:
            for held in self._open:
                if held.pid == os.getpid():
                    self._discard(held)
                else:
                    self._abandoned.append(held)
            self._open.clear()
            self._local = threading.local()

    def _begun(self, begin: str) -> _Held:
        """This thread's connection in a transaction.

        A connection that the server closed since its last use is replaced: nothing was sent on it yet. One that an
        interrupt left busy is cleared first.
        """
        held = self._held()
        if held.busy:
            self._undo(held)
            held = self._held()
        held.busy = True
        try:
            held.driver.execute(begin)
        except self._foreign():
            if not self._is_broken(held):
                raise
            self._forget(held)
            held = self._held()
            held.busy = True
            held.driver.execute(begin)
        return held

    def _held(self) -> _Held:
        held: _Held | None = getattr(self._local, "held", None)
        if held is not None and held.pid == os.getpid():
            return held
        with self._lock:
            if held is not None:
                # A fork's copy of the parent's connection: not even closing it is safe here.
                self._abandoned.append(held)
            for other in [one for one in self._open if one.pid == os.getpid() and not one.thread.is_alive()]:
                self._forget(other)
            engine = self._get_engine()
            if not self._ready:
                make_room(engine.url)
            made = _Held(engine.connect())
            self._open.append(made)
            self._local.held = made
            if not self._ready:
                try:
                    bring_to_head(made.connection, self.place)
                except BaseException:
                    self._forget(made)
                    raise
                self._ready = True
            return made

    def _undo(self, held: _Held) -> None:
        """End the transaction; a connection that cannot even do that is closed."""
        try:
            if held.pipelined is None:
                cast("DBAPIConnection", held.driver).rollback()
            else:  # psycopg's own would forget all that is prepared
                held.pipelined.rollback()
            held.connection.rollback()
            held.busy = False
            if self._is_broken(held):
                self._forget(held)
        except self._foreign():
            self._forget(held)

    def _is_broken(self, held: _Held) -> bool:
        return self.dialect == "postgresql" and bool(getattr(held.driver, "closed", True))

    def _forget(self, held: _Held) -> None:
        with self._lock:
            if held in self._open:
                self._open.remove(held)
            if getattr(self._local, "held", None) is held:
                del self._local.held
        self._discard(held)

    def _discard(self, held: _Held) -> None:
        try:
            held.connection.invalidate()
            held.connection.close()
        except self._foreign():
            pass  # what is broken already need not be closed in order

    def _get_engine(self) -> sa.Engine:
        if self._engine is None:
            with self._lock:
                if self._engine is None:
                    self._engine = make_engine(self._url.get_secret_value(), self._busy_seconds)
        return self._engine

    def _foreign(self) -> tuple[type[BaseException], ...]:
        """Errors that are not ours: SQLAlchemy's, the driver's, the file system's."""
        driver = self._engine.dialect.loaded_dbapi.Error if self._engine else sa.exc.SQLAlchemyError
        return (sa.exc.SQLAlchemyError, driver, OSError)

    def _translated(self, error: BaseException) -> FlextError:
        password = make_url(self._url.get_secret_value()).password
        secrets = {password, quote(password), quote_plus(password)} if isinstance(password, str) else set()
        return translate(error, self.place, tuple(filter(None, secrets)))
