"""PostgreSQL through ADBC: Arrow goes into COPY in binary form, without Python rows."""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from target_flext_sql.errors import WarehouseBusyError, WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

# SQLSTATE classes (https://www.postgresql.org/docs/current/errcodes-appendix.html) and what to do.
_NEXT_STEPS = {
    "08": "check that the server runs and can be reached; nothing of this batch was kept, run again",
    "28": "check user and password",
    "3D": "check the setting 'database'",
    "42501": "grant the user the right that is missing, or choose another default_target_schema",
    "53": "free space, memory or connections on the server, and run again",
    "55P03": "another session holds the table; run again later or raise lock_timeout",
    "57": "the server was shut down or cancelled the load; nothing of this batch was kept, run again",
    "23505": "rows of the table are not unique by the stream's keys; remove duplicates or load into a new table",
}


def connection_uri(settings: Mapping[str, Any]) -> str:
    """Return libpq's URI for the settings.

    Args:
        settings: `sqlalchemy_url`, or `host`, `port`, `database`, `user`, `password`; `ssl_mode`, `connect_timeout`.
    """
    url = settings.get("sqlalchemy_url")
    if url:
        base = "postgresql" + str(url)[str(url).index(":") :]
    else:
        password = f":{quote(str(settings['password']), safe='')}" if settings.get("password") else ""
        user = quote(str(settings.get("user") or ""), safe="")
        host = str(settings.get("host") or "")
        host = f"[{host}]" if ":" in host else host
        database = quote(str(settings.get("database") or ""), safe="")
        base = f"postgresql://{user}{password}@{host}:{settings.get('port') or 5432}/{database}"
    options = {"application_name": "target-flext-sql", "connect_timeout": str(settings.get("connect_timeout") or 15)}
    if settings.get("ssl_mode"):
        options["sslmode"] = str(settings["ssl_mode"])
    present = urlsplit(base).query
    added = "&".join(f"{name}={quote(value)}" for name, value in options.items() if f"{name}=" not in present)
    return f"{base}{'&' if present else '?'}{added}"


class PostgresDriver:
    """One connection to a PostgreSQL server.

    Args:
        settings: See :func:`connection_uri`, and `lock_timeout`.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._uri = connection_uri(settings)
        parts = urlsplit(self._uri)
        place = parts.netloc.rpartition("@")[2]
        self._where = f"PostgreSQL {place}{parts.path}"
        self._secret = parts.password
        self._lock_timeout = float(settings.get("lock_timeout") or 0)
        self._connection: Any = None

    def warm(self) -> None:
        """Import the driver."""
        import adbc_driver_postgresql.dbapi  # noqa: F401 - imported for its effect

    def _error(self, doing: str, error: Exception) -> WarehouseError:
        message = str(error)
        for secret in {self._secret, quote(self._secret or "", safe="")} - {None, ""}:
            message = message.replace(str(secret), "***")
        code = str(getattr(error, "sqlstate", None) or "")
        found = (step for prefix, step in _NEXT_STEPS.items() if code.startswith(prefix))
        fallback = "nothing of this batch was kept; run again when the cause is gone"
        return WarehouseError(f"{self._where}: {doing} failed", message, next(found, fallback))

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        from adbc_driver_manager.dbapi import Error

        try:
            yield
        except Error as error:
            raise self._error(doing, error) from None

    def connect(self) -> None:
        """Connect, with UTC as the session's zone and a limit on waiting for locks."""
        if self._connection is not None:
            return
        import adbc_driver_postgresql.dbapi as postgresql

        try:
            self._connection = postgresql.connect(self._uri)
        except postgresql.Error as error:
            raise WarehouseError(
                f"{self._where} cannot be reached",
                str(self._error("connecting", error).why),
                "check host, port, database, user and password, and that the server runs",
            ) from None
        self.execute("SET TIME ZONE 'UTC'")
        self.execute(f"SET lock_timeout = {int(self._lock_timeout * 1000)}")
        self.commit()

    def close(self) -> None:
        """Close the connection; the server rolls back what is open."""
        from adbc_driver_manager.dbapi import Error

        if self._connection is not None:
            with contextlib.suppress(Error, RuntimeError):
                self._connection.close()
            self._connection = None

    def begin(self) -> None:
        """ADBC opens a transaction with the first statement; end one that a look at the catalog opened."""
        self.commit()

    def commit(self) -> None:
        """Commit."""
        with self._translated("commit"):
            self._connection.commit()

    def rollback(self) -> None:
        """Roll back, unless the connection is gone."""
        from adbc_driver_manager.dbapi import Error

        if self._connection is not None:
            with contextlib.suppress(Error):
                self._connection.rollback()

    def execute(self, sql: str) -> int:
        """Run a statement."""
        with self._translated(sql.split("(")[0][:60].strip()), self._connection.cursor() as cursor:
            statement = cursor.adbc_statement
            statement.set_sql_query(sql)
            return int(statement.execute_update())

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query."""
        with self._translated("a query"), self._connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def ingest(self, schema: str | None, table: str, data: pa.Table, *, stage: bool = False) -> int:
        """COPY an Arrow table, columns by name."""
        with self._translated(f"loading rows into {table}"), self._connection.cursor() as cursor:
            if stage:
                cursor.adbc_ingest(table, data, mode="append", temporary=True)
            else:
                cursor.adbc_ingest(table, data, mode="append", db_schema_name=schema)
        return int(data.num_rows)

    def lock(self, name: str) -> None:
        """Hold an advisory lock, so that two loads of one table follow each other."""
        number = zlib.crc32(f"target-flext-sql:{name}".encode())
        deadline = time.monotonic() + self._lock_timeout
        while not self.query(f"SELECT pg_try_advisory_lock({number})")[0][0]:
            if time.monotonic() >= deadline:
                raise WarehouseBusyError(
                    f"{self._where}: table {name} is being loaded by another process",
                    f"its lock was not free for {self._lock_timeout:g} s",
                    "wait for the other load to end, or raise lock_timeout",
                )
            time.sleep(0.2)
