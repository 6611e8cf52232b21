"""Oracle by python-oracledb's Arrow fetch.

The driver gives most types as Arrow without loss. Where it would not, the server writes the text: NUMBER without a
size (the driver makes it a double), nine digits of a second (its timestamps pass through Python's microseconds),
intervals, ROWIDs, XML and JSON. A timestamp with a time zone is read as its instant in UTC.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from singer_columnar.columns import MICROSECOND_DIGITS, Column, Kind
from singer_columnar.errors import SettingsError, TapError
from singer_columnar.texts import iso_duration
from sqlalchemy.dialects import oracle

from tap_flext_sql.errors import explain
from tap_flext_sql.query import compile_for, dialect_of, select_count_of_null_keys, select_key_range, select_rows
from tap_flext_sql.readers.arrow_rows import chunk_from_batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_columnar.chunk import Chunk

    from tap_flext_sql.query import Bound, TableQuery
    from tap_flext_sql.source import Source
    from tap_flext_sql.table_ref import TableRef

_DIALECT: Final = dialect_of("oracle")
_LOB_ROWS: Final = 500
"""Rows per fetch of a table with LOB columns, whose size no declaration bounds."""

_CONNECT_SECONDS: Final = 10.0
_INTERVAL: Final = re.compile(r"(?P<sign>[+-]?)(?P<days>\d+) (?P<h>\d+):(?P<m>\d+):(?P<s>\d+)(?:\.(?P<f>\d+))?")
_YEARS: Final = re.compile(r"(?P<sign>[+-]?)(?P<years>\d+)-(?P<months>\d+)")


class OracleConnection(Protocol):
    """What is used of an ``oracledb.Connection``."""

    def fetch_df_batches(
        self,
        statement: str,
        parameters: dict[str, Any] | None = None,
        size: int | None = None,
        *,
        fetch_decimals: bool | None = None,
    ) -> Iterator[Any]:
        """Data frames with the Arrow PyCapsule interface."""
        ...  # fmt: skip

    def cursor(self) -> Any:
        """A DB-API cursor."""
        ...

    def cancel(self) -> None:
        """Break a running call."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class OracleReader:
    """One connection in one read-only transaction."""

    def __init__(self, connection: OracleConnection, fetch_rows: int, errors: type[Exception]) -> None:
        self._connection = connection
        self._fetch_rows = fetch_rows
        self._errors = (errors, OSError, pa.ArrowException)
        self._closed = False

    @classmethod
    def connect(cls, source: Source, fetch_rows: int) -> OracleReader:
        """Connect in the driver's thin mode, which needs no Oracle client.

        Raises:
            TapError: If the database cannot be opened.
        """
        import oracledb

        place = oracle_place(source)
        try:
            connection = oracledb.connect(
                user=place.user, password=place.password, dsn=place.dsn, tcp_connect_timeout=_CONNECT_SECONDS
            )
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
        except (oracledb.Error, OSError) as error:
            raise explain(error, f"Oracle at {place.dsn}, user {place.user}") from error
        return cls(connection, fetch_rows, oracledb.Error)

    def chunks(self, query: TableQuery) -> Iterator[Chunk]:
        """Read rows in chunks; see ``Reader.chunks``."""
        statement = compile_for(_DIALECT, select_rows(query, expression, bind))
        lobs = any(_is_lob(column) for column in query.columns)
        size = min(self._fetch_rows, _LOB_ROWS) if lobs else self._fetch_rows
        try:
            for frame in self._connection.fetch_df_batches(
                statement.sql, dict(statement.parameters), size=size, fetch_decimals=True
            ):
                for batch in pa.table(frame).to_batches():
                    if batch.num_rows:
                        yield chunk_from_batch(_finish_texts(batch, query.columns), query.columns)
        except TapError:
            raise
        except self._errors as error:
            raise explain(error, f"table '{query.table}'") from error

    def _one_row(self, sql: str, parameters: dict[str, Any], where: str) -> tuple[Any, ...]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                row: tuple[Any, ...] = cursor.fetchone()
                return row
        except self._errors as error:
            raise explain(error, where) from error

    def clock(self) -> dt.datetime:
        """The server's time."""
        sql = "SELECT TO_CHAR(SYS_EXTRACT_UTC(SYSTIMESTAMP), 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6') FROM DUAL"
        (text,) = self._one_row(sql, {}, "the database's clock")
        return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)

    def count_null_keys(self, table: TableRef, key: Column) -> int:
        """How many rows have NULL in the replication key."""
        statement = compile_for(_DIALECT, select_count_of_null_keys(table, key))
        return int(self._one_row(statement.sql, dict(statement.parameters), f"table '{table}'")[0])

    def key_range(self, query: TableQuery, key: Column) -> tuple[Any, Any]:
        """Smallest and largest key."""
        statement = compile_for(_DIALECT, select_key_range(query, key, bind))
        where = f"column '{key.name}' of table '{query.table}'"
        low, high = self._one_row(statement.sql, dict(statement.parameters), where)
        if key.kind is Kind.TIMESTAMP_TZ and low is not None:
            # The driver drops the offset; a day more at both ends loses no row of a range.
            day = dt.timedelta(days=1)
            return (low - day).replace(tzinfo=dt.UTC), (high + day).replace(tzinfo=dt.UTC)
        return low, high

    def share_snapshot(self) -> None:
        """Reading as of a system change number needs a privilege of its own; ranges are read one by one."""
        return

    def cancel(self) -> None:
        """Break the running call."""
        self._connection.cancel()

    def close(self) -> None:
        """Close the connection."""
        if not self._closed:
            self._closed = True
            self._connection.close()


class OraclePlace:
    """Where to connect to, from a SQLAlchemy URL."""

    def __init__(self, dsn: str, user: str | None, password: str | None) -> None:
        self.dsn = dsn
        self.user = user
        self.password = password


def oracle_place(source: Source) -> OraclePlace:
    """The connect string of a URL: ``host:port/service``, a SID descriptor, or a TNS alias or descriptor as host.

    Raises:
        SettingsError: If the URL names neither a service, a SID nor a DSN.
    """
    url = source.sqlalchemy_url()
    password = str(url.password) if url.password is not None else None
    service = url.query.get("service_name")
    if url.host is None:
        raise SettingsError("No Oracle server is configured", "Set host with service_name, or dsn.")
    port = url.port or 1521
    if service:
        return OraclePlace(f"{url.host}:{port}/{service}", url.username, password)
    if url.database:
        sid = f"(CONNECT_DATA=(SID={url.database}))"
        address = f"(ADDRESS=(PROTOCOL=TCP)(HOST={url.host})(PORT={port}))"
        return OraclePlace(f"(DESCRIPTION={address}{sid})", url.username, password)
    return OraclePlace(url.host, url.username, password)


def _is_lob(column: Column) -> bool:
    return column.declared.upper().startswith(("CLOB", "NCLOB", "BLOB", "LONG", "XMLTYPE", "JSON"))


def expression(column: Column) -> sa.ColumnElement[Any]:
    """How a column is read without loss."""
    value: sa.ColumnElement[Any] = sa.column(column.name)
    declared = column.declared.upper()
    nanos = column.fraction_digits > MICROSECOND_DIGITS
    if column.kind is Kind.EXACT_NUMBER:
        return sa.func.to_char(value, sa.literal_column("'TM9'"), sa.literal_column("'NLS_NUMERIC_CHARACTERS=''.,'''"))
    if column.kind is Kind.TIMESTAMP_TZ:
        if "LOCAL" in declared:
            value = sa.cast(value, oracle.TIMESTAMP(timezone=True))
        value = sa.func.sys_extract_utc(value)
        return _nano_text(value, "Z") if nanos else value
    if column.kind is Kind.TIMESTAMP and nanos:
        return _nano_text(value, "")
    if column.kind is Kind.JSON:
        return sa.literal_column(f"JSON_SERIALIZE({_quoted(column)} RETURNING CLOB)")
    if declared.startswith("XMLTYPE"):
        return sa.literal_column(f"XMLSERIALIZE(CONTENT {_quoted(column)} AS CLOB)")
    if declared.startswith(("ROWID", "UROWID")):
        return sa.func.rowidtochar(value)
    if declared.startswith("INTERVAL"):
        return sa.func.to_char(value)
    return value


def _quoted(column: Column) -> str:
    return str(_DIALECT.identifier_preparer.quote(column.name))


def _nano_text(value: sa.ColumnElement[Any], suffix: str) -> sa.ColumnElement[Any]:
    form = 'YYYY-MM-DD"T"HH24:MI:SS.FF9' + (f'"{suffix}"' if suffix else "")
    return sa.func.to_char(value, sa.literal_column(f"'{form}'"))


def bind(bound: Bound, number: int) -> sa.ColumnElement[Any]:
    """A bound's value: texts of timestamps with their format, so that the driver's date binding cuts nothing off."""
    value, kind = bound.value, bound.column.kind
    name = f"bound_{number}"
    text: sa.ColumnElement[Any]
    if kind is Kind.TIMESTAMP_TZ:
        text = sa.bindparam(name, value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00"))
        return sa.func.to_timestamp_tz(text, sa.literal_column("'YYYY-MM-DD\"T\"HH24:MI:SS.FF6TZH:TZM'"))
    if kind is Kind.TIMESTAMP and bound.column.declared.upper() == "DATE":
        # Compared with a TIMESTAMP, an indexed DATE column would be converted row by row.
        text = sa.bindparam(name, value.strftime("%Y-%m-%dT%H:%M:%S"))
        return sa.func.to_date(text, sa.literal_column("'YYYY-MM-DD\"T\"HH24:MI:SS'"))
    if kind is Kind.TIMESTAMP:
        text = sa.bindparam(name, value.strftime("%Y-%m-%dT%H:%M:%S.%f"))
        return sa.func.to_timestamp(text, sa.literal_column("'YYYY-MM-DD\"T\"HH24:MI:SS.FF6'"))
    return sa.bindparam(name, value)


def _finish_texts(batch: pa.RecordBatch, columns: tuple[Column, ...]) -> pa.RecordBatch:
    """What the server's texts and the driver's types still lack to be conformed."""
    arrays = []
    for array, column in zip(batch.columns, columns, strict=True):
        if column.declared.upper().startswith("INTERVAL"):
            array = pa.array([None if text is None else interval_text(text) for text in array.to_pylist()], pa.string())
        elif column.kind is Kind.TIMESTAMP_TZ and pa.types.is_timestamp(array.type) and array.type.tz is None:
            array = pc.assume_timezone(array, "UTC")
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def interval_text(text: str) -> str:
    """An interval from Oracle's text to ISO 8601: ``+02 03:04:05.6`` is ``P2DT3H4M5.6S``, ``-01-06`` is ``-P1Y6M``."""
    match = _INTERVAL.fullmatch(text.strip())
    if match:
        fraction = (match["f"] or "")[:MICROSECOND_DIGITS].ljust(MICROSECOND_DIGITS, "0")
        duration = dt.timedelta(
            days=int(match["days"]), hours=int(match["h"]), minutes=int(match["m"]), seconds=int(match["s"]),
            microseconds=int(fraction),
        )  # fmt: skip
        return iso_duration(-duration if match["sign"] == "-" else duration)
    match = _YEARS.fullmatch(text.strip())
    if match:
        return f"{'-' if match['sign'] == '-' else ''}P{int(match['years'])}Y{int(match['months'])}M"
    return text
