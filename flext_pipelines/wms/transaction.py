"""Transactions on the warehouse-management database.

Statements are SQLAlchemy Core, compiled once for the database's dialect. On PostgreSQL writes wait for the next
question or the COMMIT and go out with it (``postgres``): a command has five or six round trips instead of twenty
(benchmarks/wms_commands.py). SQLite and Oracle need SQLAlchemy's conversion of values and go through it.

So a write that the database refuses may say so at a later statement of its transaction, at the latest at the COMMIT,
which is then not performed.

What belongs here: sending statements, commit, undo, lost connections. What does not: which statements
(``statements``), sending a transaction again (``outcomes``).
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from flext_pipelines.errors import UnavailableError
from flext_pipelines.postgres import Pipelined, numbered
from flext_pipelines.wms.again import NumbersMissingError
from flext_pipelines.wms.engine import ONE_BY_ONE, READING
from flext_pipelines.wms.failures import foreign, translate, verdict
from flext_pipelines.wms.numbers import Numbers
from flext_pipelines.wms.schema import bring_to_head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from psycopg import Connection as PsycopgConnection
    from sqlalchemy import ClauseElement, Connection, Engine, Executable

    from flext_pipelines.postgres import Numbered

    Row = Sequence[Any]
    """What a statement selects, in its order; which types those are is known to the statement only."""


R = TypeVar("R")

_SESSION = "flext_pipelined"
"""Under this name a pooled connection keeps what it has prepared."""


class Reader:
    """Questions to the database, one after the other.

    Each is planned for its own values: a plan for any values would not know how few rows a page has.
    """

    __slots__ = ("_connection", "_database", "_driver")

    def __init__(self, database: WmsDatabase, connection: Connection) -> None:
        self._database = database
        self._connection = connection
        self._driver: Any = connection.connection.cursor() if database.direct else None

    def rows(self, statement: Executable, **values: object) -> list[Row]:
        """What a statement selects."""
        if self._driver is None:
            return cast("list[Row]", self._connection.execute(statement, values).fetchall())
        text, constants = self._database.prepared(statement)
        self._driver.execute(text, {**constants, **values}, prepare=False)
        return cast("list[Row]", self._driver.fetchall())

    def row(self, statement: Executable, **values: object) -> Row | None:
        """The first row that a statement selects, if there is one."""
        found = self.rows(statement, **values)
        return found[0] if found else None


class Sender(Protocol):
    """How statements of a transaction come to the database."""

    def rows(self, statement: Executable, values: Mapping[str, object]) -> list[Row]:
        """What a statement selects."""
        ...

    def changed(self, statement: Executable, values: Mapping[str, object]) -> int:
        """How many rows a statement changes."""
        ...

    def send(self, statement: Executable, values: Sequence[Mapping[str, object]]) -> None:
        """The same statement for each of several rows, in their order."""
        ...


class _ThroughSqlAlchemy:
    """Each statement at once, its values converted."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: Executable, values: Mapping[str, object]) -> list[Row]:
        return cast("list[Row]", self._connection.execute(statement, values).fetchall())

    def changed(self, statement: Executable, values: Mapping[str, object]) -> int:
        return self._connection.execute(statement, values).rowcount

    def send(self, statement: Executable, values: Sequence[Mapping[str, object]]) -> None:
        self._connection.execute(statement, list(values))


class _ThroughPipeline:
    """Writes with the next question, or with the COMMIT."""

    __slots__ = ("_numbered", "_session")

    def __init__(self, session: Pipelined, numbered: Callable[[Executable], Numbered]) -> None:
        self._session = session
        self._numbered = numbered

    def rows(self, statement: Executable, values: Mapping[str, object]) -> list[Row]:
        return cast("list[Row]", self._session.rows(self._numbered(statement), values))

    def changed(self, statement: Executable, values: Mapping[str, object]) -> int:
        return self._session.changed(self._numbered(statement), values)

    def send(self, statement: Executable, values: Sequence[Mapping[str, object]]) -> None:
        numbered = self._numbered(statement)
        for one in values:
            self._session.send(numbered, one)


class Transaction:
    """Statements of one transaction, in order.

    Attributes:
        committing: The COMMIT was sent: if the connection is lost now, only the database knows whether it was kept.
    """

    __slots__ = ("_database", "_numbered", "_sender", "committing")

    def __init__(self, database: WmsDatabase, sender: Sender) -> None:
        self._database = database
        self._sender = sender
        self._numbered = 0
        self.committing = False

    def rows(self, statement: Executable, **values: object) -> list[Row]:
        """What a statement selects."""
        return self._sender.rows(statement, values)

    def row(self, statement: Executable, **values: object) -> Row | None:
        """The first row that a statement selects, if there is one."""
        found = self._sender.rows(statement, values)
        return found[0] if found else None

    def changed(self, statement: Executable, **values: object) -> int:
        """Change rows: how many were changed."""
        return self._sender.changed(statement, values)

    def send(self, statement: Executable, **values: object) -> None:
        """Change rows."""
        self._sender.send(statement, (values,))

    def send_many(self, statement: Executable, values: Sequence[Mapping[str, object]]) -> None:
        """The same statement for each of several rows, in their order."""
        if values:
            self._sender.send(statement, values)

    def numbers(self, count: int) -> Iterator[int]:
        """So many new ids.

        Raises:
            NumbersMissingError: Too few are at hand for all that this transaction has wanted so far; it is sent again
                after as many were fetched.
        """
        self._numbered += count
        try:
            return self._database.numbers.take(count)
        except NumbersMissingError:
            raise NumbersMissingError(self._numbered) from None


class WmsDatabase:
    """The database of an engine. Nothing is opened before it is used; threads and forks are safe.

    Args:
        engine: As ``engine.open_engine`` makes it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.direct = engine.dialect.driver == "psycopg"
        self.numbers = Numbers()
        self.pipelined = self.direct and not engine.get_execution_options().get(ONE_BY_ONE)
        self._prepared: dict[Executable, tuple[str, dict[str, object]]] = {}
        self._numbered: dict[Executable, Numbered] = {}
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._ready = False

    def prepared(self, statement: Executable) -> tuple[str, dict[str, object]]:
        """A statement as text for the driver, and the constants in it; compiled once."""
        found = self._prepared.get(statement)
        if found is None:
            compiled = cast("ClauseElement", statement).compile(dialect=self.engine.dialect)
            constants = {name: value for name, value in compiled.params.items() if value is not None}
            found = self._prepared[statement] = (str(compiled), constants)
        return found

    def numbered(self, statement: Executable) -> Numbered:
        """A statement as a pipeline sends it; compiled once."""
        found = self._numbered.get(statement)
        if found is None:
            found = self._numbered[statement] = numbered(cast("ClauseElement", statement))
        return found

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """A transaction that writes; kept when the block ends, undone when it raises.

        What the database refuses is raised as its driver says it: ``outcomes`` decides what follows from it. A
        connection that was lost is thrown away.
        """
        self._prepare()
        with self._in_pipeline() if self.pipelined else self._one_by_one() as transaction:
            yield transaction

    @contextmanager
    def _one_by_one(self) -> Iterator[Transaction]:
        with self.engine.connect() as connection:
            try:
                with connection.begin() as begun:
                    transaction = Transaction(self, _ThroughSqlAlchemy(connection))
                    yield transaction
                    transaction.committing = True
                    begun.commit()
                    transaction.committing = False
            except foreign(self.engine) as error:
                if verdict(error).lost and not connection.invalidated:
                    connection.invalidate()
                raise

    @contextmanager
    def _in_pipeline(self) -> Iterator[Transaction]:
        pooled = self.engine.raw_connection()
        try:
            driver = cast("PsycopgConnection", pooled.driver_connection)
            session: Pipelined | None = pooled.info.get(_SESSION)
            if session is None:
                session = pooled.info[_SESSION] = Pipelined(driver)
            transaction = Transaction(self, _ThroughPipeline(session, self.numbered))
            try:
                session.begin()
                yield transaction
                transaction.committing = True
                session.commit()
                transaction.committing = False
            except BaseException as error:
                session.rollback()
                if driver.closed or (isinstance(error, foreign(self.engine)) and verdict(error).lost):
                    pooled.invalidate()
                raise
        finally:
            pooled.close()

    def read(self, work: Callable[[Reader], R]) -> R:
        """Ask questions, and once more where the session was lost: reading changes nothing.

        Raises:
            UnavailableError: The database is away.
            TimedOutError: A query took too long.
        """
        try:
            self._prepare()
            try:
                return self._read(work)
            except foreign(self.engine) as error:
                if not verdict(error).lost:
                    raise
                return self._read(work)
        except foreign(self.engine) as error:
            raise translate(error, self.engine) from error

    def _read(self, work: Callable[[Reader], R]) -> R:
        with self.engine.connect() as plain:
            options: dict[str, Any] = {READING: True}
            if self.direct:
                options["isolation_level"] = "AUTOCOMMIT"
            connection = plain.execution_options(**options)
            try:
                return work(Reader(self, connection))
            except foreign(self.engine) as error:
                if verdict(error).lost:
                    connection.invalidate()
                    self.engine.dispose()  # the others of the pool are as old
                raise

    def _prepare(self) -> None:
        if self._pid != os.getpid():  # a fork's copies of connections and ids are its parent's
            self.engine.dispose(close=False)
            self.numbers = Numbers()
            self._pid = os.getpid()
        if not self._ready:
            with self._lock:
                try:
                    bring_to_head(self.engine)
                except UnavailableError:  # a session of the pool that was lost since its last use
                    self.engine.dispose()
                    bring_to_head(self.engine)
                self._ready = True

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self.engine.dispose()
