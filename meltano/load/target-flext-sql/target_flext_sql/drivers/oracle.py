"""Oracle through python-oracledb in thin mode: Arrow tables are bound as data frames, without Python rows.

Not run against a server (README, "Oracle"). The connection is a small Protocol, so that the tests can see every
statement that would be sent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from target_flext_sql.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_DML = ("INSERT", "DELETE", "UPDATE", "MERGE")
# https://docs.oracle.com/en/error-help/db/
_NEXT_STEPS = {
    "ORA-01017": "check user and password",
    "ORA-01031": "grant the user the right that is missing, or choose another default_target_schema",
    "ORA-01918": "the schema (user) does not exist: create it or choose another default_target_schema",
    "ORA-00054": "another session holds the table; run again later",
    "ORA-00001": "rows of the table are not unique by the stream's keys; remove duplicates or load into a new table",
    "ORA-01653": "extend the tablespace and run again; nothing of this batch was kept",
    "ORA-01536": "raise the user's quota and run again; nothing of this batch was kept",
    "DPY-6005": "check host, port and service name, and that the listener runs",
    "DPY-4011": "the connection was lost; nothing of this batch was kept, run again",
}


class Cursor(Protocol):
    """What is used of an oracledb cursor."""

    rowcount: int

    def execute(self, statement: str) -> Any:
        """Run a statement."""

    def executemany(self, statement: str, parameters: Any) -> Any:
        """Run a statement for every row of a data frame."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""

    def close(self) -> None:
        """Close the cursor."""


class Connection(Protocol):
    """What is used of an oracledb connection."""

    def cursor(self) -> Cursor:
        """Open a cursor."""

    def commit(self) -> None:
        """Commit."""

    def rollback(self) -> None:
        """Roll back."""

    def close(self) -> None:
        """Disconnect."""


def connect_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``oracledb.connect`` for the settings."""
    arguments: dict[str, Any] = {"user": settings.get("user"), "password": settings.get("password")}
    if settings.get("dsn"):
        return {**arguments, "dsn": settings["dsn"]}
    return {
        **arguments,
        "host": settings.get("host"),
        "port": int(settings.get("port") or 1521),
        "service_name": settings.get("database"),
        "protocol": settings.get("protocol") or "tcp",
        "tcp_connect_timeout": float(settings.get("connect_timeout") or 15),
    }


def _connect(**arguments: Any) -> Connection:
    import oracledb

    return cast(Connection, oracledb.connect(**arguments))


class OracleDriver:
    """One connection to an Oracle database.

    Args:
        settings: `user`, `password`, and `dsn` or `host`, `port`, `database`, `protocol`.
        connect: Opens a connection; tests give their own.
    """

    def __init__(self, settings: Mapping[str, Any], connect: Callable[..., Connection] = _connect) -> None:
        self._arguments = connect_arguments(settings)
        place = (
            settings.get("dsn") or f"{settings.get('host')}:{settings.get('port') or 1521}/{settings.get('database')}"
        )
        self._where = f"Oracle {str(place).rpartition('@')[2]}"
        self._connect = connect
        self._connection: Connection | None = None

    def warm(self) -> None:
        """Import the driver."""
        import oracledb  # noqa: F401 - imported for its effect

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        import oracledb

        try:
            yield
        except oracledb.Error as error:
            message = str(error)
            password = str(self._arguments.get("password") or "")
            if password:
                message = message.replace(password, "***")
            steps = (step for code, step in _NEXT_STEPS.items() if code in message)
            fallback = "nothing of this batch was kept; run again when the cause is gone"
            raise WarehouseError(f"{self._where}: {doing} failed", message, next(steps, fallback)) from None

    @contextlib.contextmanager
    def _cursor(self, doing: str) -> Iterator[Cursor]:
        if self._connection is None:
            raise WarehouseError(f"{self._where} is not connected")
        with self._translated(doing), contextlib.closing(self._connection.cursor()) as cursor:
            yield cursor

    def connect(self) -> None:
        """Connect, with UTC as the session's zone and a point as the decimal sign."""
        if self._connection is None:
            with self._translated("connecting"):
                self._connection = self._connect(**self._arguments)
            self.execute("ALTER SESSION SET TIME_ZONE = 'UTC'")
            self.execute("ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'")

    def close(self) -> None:
        """Disconnect; the server rolls back what is open."""
        if self._connection is not None:
            with contextlib.suppress(WarehouseError), self._translated("closing"):
                self._connection.close()
            self._connection = None

    def begin(self) -> None:
        """Oracle opens a transaction with the first statement; end one that DDL or a query left."""
        self.commit()

    def commit(self) -> None:
        """Commit."""
        if self._connection is not None:
            with self._translated("commit"):
                self._connection.commit()

    def rollback(self) -> None:
        """Roll back, unless the connection is gone."""
        if self._connection is not None:
            with contextlib.suppress(WarehouseError), self._translated("rollback"):
                self._connection.rollback()

    def execute(self, sql: str) -> int:
        """Run a statement; only DML has a count."""
        with self._cursor(sql.split("(")[0][:60].strip()) as cursor:
            cursor.execute(sql)
            return cursor.rowcount if sql.startswith(_DML) else -1

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query."""
        with self._cursor("a query") as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def ingest(self, schema: str | None, table: str, data: pa.Table, *, stage: bool = False) -> int:
        """Bind an Arrow table as a data frame."""
        name = f"ORA$PTT{table}" if stage else table
        quoted = [f'"{column}"' for column in data.column_names]
        home = f'"{schema}".' if schema and not stage else ""
        places = ", ".join(f":{number}" for number in range(1, len(quoted) + 1))
        with self._cursor(f"loading rows into {table}") as cursor:
            cursor.executemany(f'INSERT INTO {home}"{name}" ({", ".join(quoted)}) VALUES ({places})', data)
        return int(data.num_rows)

    def lock(self, name: str) -> None:
        """No lock: DBMS_LOCK needs a grant. Do not run two loads of one table at once."""
