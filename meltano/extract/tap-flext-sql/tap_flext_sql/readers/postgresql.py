"""PostgreSQL by ADBC: binary COPY into Arrow, within one read-only transaction.

COPY takes no parameters, so bounds travel by ``set_config`` with bound parameters, and the query compares with
``current_setting``, which the planner knows as a constant.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from typing import TYPE_CHECKING, Any, Final

import adbc_driver_manager
import adbc_driver_postgresql.dbapi as adbc_postgresql
import pyarrow as pa
import sqlalchemy as sa
from singer_columnar.columns import Column, Kind
from singer_columnar.errors import TapError

from tap_flext_sql.errors import explain
from tap_flext_sql.query import compile_for, dialect_of, select_count_of_null_keys, select_key_range, select_rows
from tap_flext_sql.readers.arrow_rows import chunk_from_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_columnar.chunk import Chunk

    from tap_flext_sql.query import Bound, TableQuery
    from tap_flext_sql.source import Source
    from tap_flext_sql.table_ref import TableRef

_DIALECT: Final = dialect_of("postgresql", paramstyle="numeric_dollar")
_DRIVER_ERRORS: Final = (adbc_driver_manager.Error, OSError, pa.ArrowException)
_SNAPSHOT_NAME: Final = re.compile(r"[0-9A-Fa-f-]+")
_CONNECT_SECONDS: Final = "10"
_CHUNK_BYTES: Final = 8 * 1024 * 1024
_TEXTS_OF_THE_DRIVER: Final = ("VARCHAR", "TEXT", "CHAR", "NAME", "BPCHAR", '"CHAR"')
"""Types that the driver gives as text; of every other one the server makes the text."""

_BOUND_TYPES: Final[dict[Kind, sa.types.TypeEngine[Any]]] = {
    Kind.INTEGER: sa.BigInteger(),
    Kind.DECIMAL: sa.Numeric(),
    Kind.EXACT_NUMBER: sa.Numeric(),
    Kind.DATE: sa.Date(),
    Kind.TIMESTAMP: sa.TIMESTAMP(),
    Kind.TIMESTAMP_TZ: sa.TIMESTAMP(timezone=True),
    Kind.TEXT: sa.Text(),
}


class PostgresReader:
    """One connection in one repeatable-read transaction."""

    def __init__(self, source: Source, fetch_rows: int, snapshot: str | None = None) -> None:
        self._fetch_rows = fetch_rows
        self._cursor: Any = None
        self._closed = False
        try:
            self._connection = adbc_postgresql.connect(_libpq_url(source), autocommit=False)
        except _DRIVER_ERRORS as error:
            raise explain(error, f"PostgreSQL at {_place(source)}") from error
        try:
            self._command("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            if snapshot is not None:
                if not _SNAPSHOT_NAME.fullmatch(snapshot):
                    raise ValueError(f"not a snapshot name: {snapshot}")
                self._command(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            # Intervals have no Arrow type that every target knows: ISO 8601 text has one meaning.
            self._command("SET LOCAL intervalstyle = 'iso_8601'")
        except _DRIVER_ERRORS as error:
            self.close()
            raise explain(error, f"PostgreSQL at {_place(source)}") from error

    def chunks(self, query: TableQuery) -> Iterator[Chunk]:
        """Read rows in chunks; see ``Reader.chunks``."""
        try:
            self._set_bounds(query)
            statement = compile_for(_DIALECT, select_rows(query, _expression, _bind))
            options = {"adbc.postgresql.batch_size_hint_bytes": str(_CHUNK_BYTES)}
            self._cursor = cursor = self._connection.cursor(adbc_stmt_kwargs=options)
            try:
                cursor.execute(statement.sql)
                for batch in cursor.fetch_record_batch():
                    for start in range(0, batch.num_rows, self._fetch_rows):
                        yield chunk_from_batch(batch.slice(start, self._fetch_rows), query.columns)
            finally:
                self._cursor = None
                cursor.close()
        except TapError:
            raise
        except _DRIVER_ERRORS as error:
            raise explain(error, f"table '{query.table}'") from error

    def _set_bounds(self, query: TableQuery) -> None:
        for number, bound in enumerate(query.bounds):
            self._one_row("SELECT set_config($1, $2, true)", (_setting(number), _bound_text(bound.value)))

    def _command(self, sql: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(sql)

    def _one_row(self, sql: str, parameters: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            row: tuple[Any, ...] = cursor.fetchone() or ()
            return row

    def clock(self) -> dt.datetime:
        """The server's time when the transaction began: what was committed later is not in its snapshot."""
        try:
            now: dt.datetime = self._one_row("SELECT transaction_timestamp()")[0]
        except _DRIVER_ERRORS as error:
            raise explain(error, "the server's clock") from error
        return now.astimezone(dt.UTC)

    def count_null_keys(self, table: TableRef, key: Column) -> int:
        """How many rows have NULL in the replication key."""
        statement = compile_for(_DIALECT, select_count_of_null_keys(table, key))
        try:
            return int(self._one_row(statement.sql)[0])
        except _DRIVER_ERRORS as error:
            raise explain(error, f"table '{table}'") from error

    def key_range(self, query: TableQuery, key: Column) -> tuple[Any, Any]:
        """Smallest and largest key; infinite timestamps do not count."""
        select = select_key_range(query, key, _bind)
        if key.kind in {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ}:
            select = select.where(sa.func.isfinite(sa.column(key.name)))
        try:
            self._set_bounds(query)
            low, high = self._one_row(compile_for(_DIALECT, select).sql)
        except _DRIVER_ERRORS as error:
            raise explain(error, f"column '{key.name}' of table '{query.table}'") from error
        return low, high

    def share_snapshot(self) -> str | None:
        """Export the transaction's snapshot; it can be used while this reader is open."""
        try:
            name = self._one_row("SELECT pg_export_snapshot()")[0]
        except _DRIVER_ERRORS:
            # A hot standby, or a pooler between: ranges are then read each in its own snapshot.
            return None
        return str(name)

    def cancel(self) -> None:
        """Cancel the running query on the server."""
        cursor = self._cursor
        if cursor is not None:
            cursor.adbc_cancel()

    def close(self) -> None:
        """End the transaction and close the connection."""
        if not self._closed:
            self._closed = True
            self._connection.close()


def _libpq_url(source: Source) -> str:
    url = source.sqlalchemy_url().set(drivername="postgresql")
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": _CONNECT_SECONDS})
    return url.render_as_string(hide_password=False)


def _place(source: Source) -> str:
    url = source.sqlalchemy_url()
    return f"{url.host or 'the default host'}:{url.port or 5432}, database {url.database}, user {url.username}"


def _setting(number: int) -> str:
    return f"tap_flext_sql.bound_{number}"


def _bind(bound: Bound, number: int) -> sa.ColumnElement[Any]:
    setting: sa.ColumnElement[Any] = sa.literal_column(f"current_setting('{_setting(number)}')")
    return sa.cast(setting, _BOUND_TYPES[bound.column.kind])


def _bound_text(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


def _expression(column: Column) -> sa.ColumnElement[Any]:
    """How a column is read: as it is where the driver gives its exact value, as the server's text otherwise."""
    value: sa.ColumnElement[Any] = sa.column(column.name)
    declared = column.declared.upper()
    if column.kind is Kind.JSON and "[]" in declared:
        value = sa.func.to_json(value)
    if column.kind is Kind.JSON or (column.kind is Kind.TEXT and not declared.startswith(_TEXTS_OF_THE_DRIVER)):
        return sa.cast(value, sa.Text)
    return value
