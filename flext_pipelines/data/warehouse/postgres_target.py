"""PostgreSQL as a target, through ADBC: rows go in by COPY from Arrow, without passing through Python.

What belongs here: its connection, staging and errors. What does not: what is loaded.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.data.engine import identifier
from flext_pipelines.data.warehouse.dialect import Dialect
from flext_pipelines.data.warehouse.target import no_such_table
from flext_pipelines.errors import (
    ConfigError,
    ContractBrokenError,
    FlextError,
    LoadFailedError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from adbc_driver_manager import dbapi

    from flext_pipelines.data.warehouse.table_name import TableName

_STAGE = "flext_stage"
_LOUD = re.compile(r"^\w+: \[libpq\] |\s*Query was:.*|\s*SQLSTATE: \w+", re.DOTALL)
_DECIMAL = re.compile(r"numeric\((\d+),(\d+)\)")
_ARROW_DIGITS = 38
_BY_CLASS: dict[str, tuple[type[FlextError], str]] = {
    "08": (UnavailableError, "See that the server runs, then run it again"),
    "57": (UnavailableError, "See that the server runs, then run it again"),
    "53": (StorageFullError, "Free space or memory on the server, then run it again"),
    "28": (ConfigError, "Correct user and password of the warehouse (FLEXT_WAREHOUSE_URL)"),
    "3D": (ConfigError, "Create the database, or name another (FLEXT_WAREHOUSE_URL)"),
    "3F": (NotFoundError, "Create the schema, or name another"),
    "42": (LoadFailedError, "See the reason; nothing of this batch was kept"),
    "22": (ContractBrokenError, "Transform the rows, or change the table"),
    "23": (ContractBrokenError, "Transform the rows, or change the table"),
    "40": (UnavailableError, "Another transaction was in the way; run it again"),
}
_READ_AS_IS = {"bigint", "integer", "smallint", "text", "character varying", "double precision", "real", "boolean"}
_READ_AS_IS |= {"date", "timestamp without time zone", "timestamp with time zone", "time without time zone", "bytea"}


class PostgresTarget:
    """A PostgreSQL database.

    Args:
        url: ``postgresql://user:password@host/database``.

    Raises:
        UnavailableError: The server does not answer.
        ConfigError: It lets nobody in with that name and password.
    """

    def __init__(self, url: str) -> None:
        import adbc_driver_manager
        from adbc_driver_postgresql import dbapi

        self.dialect = Dialect("postgresql")
        self._staged: pa.Schema | None = None
        try:
            self._connection = dbapi.connect(url)
            self.execute("SET TIME ZONE 'UTC'")
        except adbc_driver_manager.Error as error:
            raise _ours(error) from error

    def columns(self, table: TableName) -> dict[str, str]:
        """Database type by column."""
        rows = self.fetch(
            "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a "
            "WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            [self.dialect.table(table)],
        )
        return {str(name): str(kind) for name, kind in rows}

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement."""
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(sql, parameters=tuple(parameters) or None)
            return int(cursor.rowcount)

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query."""
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(sql, parameters=tuple(parameters) or None)
            return list(cursor.fetchall())

    def stage(self, rows: pa.Table, *, append: bool = False) -> str:
        """Put rows into a temporary table, by COPY."""
        rows = _without_nanoseconds(rows)
        if not append:
            self.execute(f"DROP TABLE IF EXISTS pg_temp.{_STAGE}")
            columns = ", ".join(
                f"{identifier(field.name)} {self.dialect.column_type(field.type)}" for field in rows.schema
            )
            self.execute(f"CREATE TEMPORARY TABLE {_STAGE} ({columns}) ON COMMIT DROP")
        with _translated(), self._connection.cursor() as cursor:
            cursor.adbc_ingest(_STAGE, rows, mode="append", temporary=True)
        if not append:
            # Without statistics the planner takes the fresh table for tiny and joins it row by row.
            self.execute(f"ANALYZE pg_temp.{_STAGE}")
        return f"pg_temp.{_STAGE}"

    def lock(self, table: TableName) -> None:
        """One load of a table at a time; others wait. Readers and other writers are not kept out."""
        self.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text", [f"flext load {table}"])

    @contextmanager
    def rows(self, table: TableName) -> Iterator[pa.RecordBatchReader]:
        """The rows of a table; types that Arrow has no equal for come as text, as does NUMERIC without a precision."""
        columns = self.columns(table)
        if not columns:
            raise no_such_table(self, table, "the warehouse")
        listed = ", ".join(
            identifier(name) if kind in _READ_AS_IS else f"{identifier(name)}::text AS {identifier(name)}"
            for name, kind in columns.items()
        )
        with _translated(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT {listed} FROM {self.dialect.table(table)}")  # noqa: S608  quoted names
            yield _with_decimals(cursor.fetch_record_batch(), columns)

    def commit(self) -> None:
        """Make the changes last."""
        with _translated():
            self._connection.commit()

    def rollback(self) -> None:
        """Undo them."""
        with _translated():
            self._connection.rollback()

    def close(self) -> None:
        """Undo what is not committed, and leave."""
        self._connection.close()


def _with_decimals(rows: pa.RecordBatchReader, columns: dict[str, str]) -> pa.RecordBatchReader:
    """Columns of NUMERIC as Arrow's decimals: the driver only gives them as text, with which no query can reckon."""
    import pyarrow as pa

    kinds = {
        name: pa.decimal128(int(found[1]), int(found[2]))
        for name, kind in columns.items()
        if (found := _DECIMAL.fullmatch(kind)) and int(found[1]) <= _ARROW_DIGITS
    }
    schema = pa.schema([field.with_type(kinds.get(field.name, field.type)) for field in rows.schema])
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows))


def _without_nanoseconds(rows: pa.Table) -> pa.Table:
    """PostgreSQL keeps microseconds: values with finer digits are refused rather than cut."""
    import pyarrow as pa

    fields = []
    for field in rows.schema:
        kind = field.type
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            kind = pa.timestamp("us", kind.tz)
        elif pa.types.is_null(kind):
            kind = pa.string()
        fields.append(pa.field(field.name, kind))
    try:
        return rows.cast(pa.schema(fields))
    except pa.ArrowInvalid as error:
        raise ContractBrokenError(
            f"PostgreSQL keeps microseconds, and some times have more digits: {error}",
            "Turn the column into text, or round it, in a transform",
        ) from error


@contextmanager
def _translated() -> Iterator[None]:
    import adbc_driver_manager

    try:
        yield
    except adbc_driver_manager.Error as error:
        raise _ours(error) from error


def _ours(error: dbapi.Error) -> FlextError:
    """Ours for an error of PostgreSQL, by its SQLSTATE. Passwords never stand in libpq's messages."""
    state = str(getattr(error, "sqlstate", None) or "")
    text = " ".join(_LOUD.sub("", str(error)).split())
    details: dict[str, object] = {"sqlstate": state} if state else {}
    if "password authentication failed" in text or "no password supplied" in text:
        return ConfigError(f"PostgreSQL lets nobody in: {text}", _BY_CLASS["28"][1], details)
    if "does not exist" in text and "FATAL" in text:
        return ConfigError(f"PostgreSQL lets nobody in: {text}", _BY_CLASS["3D"][1], details)
    if "is of type" in text and "but expression is of type" in text:
        return ContractBrokenError(f"The rows do not fit the table: {text}", _BY_CLASS["22"][1], details)
    lost = not state and any(words in text for words in ("onnect", "server closed", "terminat", "no COPY"))
    kind, instruction = _BY_CLASS.get("08" if lost else state[:2], (LoadFailedError, "See the reason, run it again"))
    return kind(f"PostgreSQL: {text}", instruction, details)
