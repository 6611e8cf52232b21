"""SQLite by ADBC: declared types decide, and every value survives.

The ADBC driver takes a column's type from the first rows it sees. Here the first row is ours: each SELECT begins with
one made-up row (``SELECT 0, '', 0.5 UNION ALL ...``) whose values pin the types to the declared ones, and is cut off
again. A later value of another storage class then makes the driver stop instead of guess; the chunk in which that
happens is read again with every value tagged by ``typeof()``, value by value.
"""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import adbc_driver_manager
import adbc_driver_sqlite.dbapi as adbc_sqlite
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from singer_columnar.chunk import Chunk
from singer_columnar.columns import INT64_MIN, Column, Kind
from singer_columnar.errors import SettingsError, TapError

from tap_flext_sql.conform import conform
from tap_flext_sql.errors import explain
from tap_flext_sql.misfits import chunk_from_rows
from tap_flext_sql.query import (
    Statement,
    compile_for,
    conditions,
    dialect_of,
    select_count_of_null_keys,
    select_key_range,
    select_rows,
    table_clause,
)
from tap_flext_sql.sqlite_types import affinity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_flext_sql.query import Bound, TableQuery
    from tap_flext_sql.table_ref import TableRef

_DIALECT: Final = dialect_of("sqlite", paramstyle="qmark")
_CHUNK_BYTES: Final = 32 * 1024 * 1024
_SAMPLE_ROWS: Final = 200
_DRIVER_ERRORS: Final = (OSError, adbc_driver_manager.Error, pa.ArrowException)

_PINS: Final[dict[Kind, str]] = {
    Kind.INTEGER: "0",
    Kind.BOOLEAN: "0",
    Kind.FLOAT: "0.5",
    Kind.DECIMAL: "0.5",
    Kind.EXACT_NUMBER: "0.5",
    Kind.BINARY: "x''",
}
_TEXT_PIN: Final = "''"


class SqliteReader:
    """One read-only connection to a SQLite file, within one read transaction."""

    def __init__(self, path: str, fetch_rows: int) -> None:
        self._fetch_rows = fetch_rows
        uri = f"file:{quote(path)}?mode=ro"
        try:
            self._connection = adbc_sqlite.connect(uri, autocommit=False)
        except _DRIVER_ERRORS as error:
            raise explain(error, f"SQLite file {path}") from error
        self._closed = False
        self._cursor: Any = None

    def chunks(self, query: TableQuery) -> Iterator[Chunk]:
        """Read rows in chunks; see ``Reader.chunks``."""
        try:
            yield from self._chunks(query)
        except TapError:
            raise
        except _DRIVER_ERRORS as error:
            raise explain(error, f"table '{query.table}'") from error

    def _chunks(self, query: TableQuery) -> Iterator[Chunk]:
        rows = self._rows_per_chunk(query)
        in_order = self._keys_in_text_order(query)
        done, window = 0, rows
        while True:
            try:
                for batch in self._batches(query, rows, done):
                    chunk = Chunk(_conform_sqlite(batch, query.columns), in_order=in_order)
                    done += batch.num_rows
                    yield _after_bounds(chunk, query)
                return
            except _DRIVER_ERRORS as error:
                if not _is_misfit(error):
                    raise
            tagged = self._tagged_rows(query, window, done)
            if not tagged:
                return
            for start in range(0, len(tagged), rows):
                chunk = chunk_from_rows(tagged[start : start + rows], query.columns)
                chunk.in_order = in_order
                yield _after_bounds(chunk, query)
            done += len(tagged)
            window = min(window * 2, rows * 8)

    def _batches(self, query: TableQuery, rows: int, skip: int) -> Iterator[pa.RecordBatch]:
        """The rows after ``skip``, the driver's types pinned to the declared ones."""
        pins = sa.select(*[sa.literal_column(_pin(column)).label(column.name) for column in query.columns])
        select = self._in_fixed_order(select_rows(query, _expression, _bind), query)
        if skip:
            # SQLite takes an OFFSET only after a LIMIT; -1 means no limit.
            limit = -1 if query.limit is None else max(query.limit - skip, 0)
            select = select.limit(sa.literal_column(str(limit))).offset(sa.literal_column(str(skip)))
        rest = select.subquery("rest")
        statement = compile_for(_DIALECT, pins.union_all(sa.select(*rest.c)))
        pinned = True
        for batch in self._execute(statement, rows):
            found = batch.slice(1) if pinned else batch
            pinned = False
            if found.num_rows:
                yield found

    def _execute(self, statement: Statement, rows: int) -> Iterator[pa.RecordBatch]:
        cursor = self._connection.cursor(adbc_stmt_kwargs={"adbc.sqlite.query.batch_rows": str(rows)})
        self._cursor = cursor
        try:
            cursor.execute(statement.sql, statement.parameters or None)
            reader = cursor.fetch_record_batch()
            try:
                yield from reader
            finally:
                reader.close()
        finally:
            self._cursor = None
            cursor.close()

    def _tagged_rows(self, query: TableQuery, limit: int, skip: int) -> list[list[Any]]:
        """Rows read without any guess of types: each value as its storage class and its bytes."""
        if query.limit is not None:
            limit = min(limit, query.limit - skip)
        pins = sa.select(*[sa.literal_column("x''").label(column.name) for column in query.columns])
        select = self._in_fixed_order(select_rows(query, _tagged, _bind), query)
        rest = select.limit(sa.literal_column(str(limit))).offset(sa.literal_column(str(skip))).subquery("rest")
        statement = compile_for(_DIALECT, pins.union_all(sa.select(*rest.c)))
        rows: list[list[Any]] = []
        for batch in self._execute(statement, limit + 1):
            columns = [[_untag(value) for value in array.to_pylist()] for array in batch.columns]
            rows.extend(list(row) for row in zip(*columns, strict=True))
        return rows[1:]

    def _in_fixed_order(self, select: sa.Select[Any], query: TableQuery) -> sa.Select[Any]:
        """The same order at every execution, so that reading can go on at an offset in the same transaction."""
        name = self._rowid_name(query)
        return select if name is None else select.order_by(sa.literal_column(name))

    def _rowid_name(self, query: TableQuery) -> str | None:
        """The name of the table's rowid; None for a view or a table WITHOUT ROWID."""
        taken = {column.name.lower() for column in query.columns}
        for name in ("rowid", "_rowid_", "oid"):
            if name in taken:
                continue
            try:
                self._scalars(
                    sa.select(sa.func.max(sa.literal_column(name)))
                    .where(sa.false())
                    .select_from(table_clause(query.table))
                )
            except _DRIVER_ERRORS:
                return None
            return name
        return None

    def _keys_in_text_order(self, query: TableQuery) -> bool:
        """Whether the order of the key's texts is the order in time: true when all of them have one form."""
        if query.key is None or not query.key.is_instant or query.null_keys:
            return True
        key: sa.ColumnClause[Any] = sa.column(query.key.name)
        form: sa.ColumnElement[Any] = sa.func.substr(key, 11, 1)
        if query.key.kind is Kind.TIMESTAMP_TZ:
            # "05Z" sorts after "05.5Z", but "05+00:00" before "05.5+00:00".
            zulu = sa.literal_column("'Z'").concat(sa.func.instr(key, ".") > 0)
            form = form.concat(sa.case((sa.func.substr(key, -1) == "Z", zulu), else_=sa.func.substr(key, -6)))
        select = sa.select(sa.func.min(form), sa.func.max(form)).select_from(table_clause(query.table))
        first, last = self._scalars(select.where(*conditions(query, _bind)))
        return bool(first == last)

    def _rows_per_chunk(self, query: TableQuery) -> int:
        """Fewer rows per chunk when a sample of them is wide, so that memory stays flat."""
        wide = [c for c in query.columns if c.kind in {Kind.TEXT, Kind.BINARY, Kind.JSON} and not c.max_length]
        if not wide:
            return self._fetch_rows
        sample = sa.select(*[sa.column(c.name) for c in wide]).select_from(table_clause(query.table))
        few = sample.limit(sa.literal_column(str(_SAMPLE_ROWS))).subquery("few")
        sizes = [sa.func.coalesce(sa.func.length(sa.cast(column, sa.LargeBinary)), 0) for column in few.c]
        total: sa.ColumnElement[Any] = sizes[0]
        for size in sizes[1:]:
            total = total + size
        largest = self._scalars(sa.select(sa.func.max(total)))[0] or 0
        return max(1, min(self._fetch_rows, _CHUNK_BYTES // (int(largest) + 1)))

    def _scalars(self, select: sa.Select[Any]) -> tuple[Any, ...]:
        """The one row of a query of aggregates, its values as they are stored."""
        statement = compile_for(_DIALECT, select)
        with self._connection.cursor() as cursor:
            cursor.execute(statement.sql, statement.parameters or None)
            row: tuple[Any, ...] = cursor.fetchone() or ()
            return row

    def clock(self) -> dt.datetime:
        """SQLite has no server: its clock is this machine's, asked through SQLite."""
        (text,) = self._scalars(sa.select(sa.func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now")))
        return dt.datetime.fromisoformat(text)

    def count_null_keys(self, table: TableRef, key: Column) -> int:
        """How many rows have NULL in the replication key."""
        try:
            return int(self._scalars(select_count_of_null_keys(table, key))[0])
        except _DRIVER_ERRORS as error:
            raise explain(error, f"table '{table}'") from error

    def key_range(self, query: TableQuery, key: Column) -> tuple[Any, Any]:
        """Smallest and largest key."""
        try:
            low, high = self._scalars(select_key_range(query, key, _bind))
        except _DRIVER_ERRORS as error:
            raise explain(error, f"column '{key.name}' of table '{query.table}'") from error
        if low is None:
            return None, None
        ends = chunk_from_rows([[low], [high]], [key])
        if ends.misfits:
            raise SettingsError(
                f"Column '{key.name}' of table '{query.table}' cannot be a split key: {ends.misfits[0].reason}",
                "Choose another split_key for the table, or none.",
            )
        smallest, largest = ends.batch.column(0).to_pylist()
        return smallest, largest

    def share_snapshot(self) -> None:
        """SQLite connections cannot share one."""
        return

    def cancel(self) -> None:
        """Ask the driver to stop; it does so at the next batch at the latest."""
        cursor = self._cursor
        if cursor is not None:
            cursor.adbc_cancel()

    def close(self) -> None:
        """Close the connection."""
        if not self._closed:
            self._closed = True
            self._connection.close()


def _pin(column: Column) -> str:
    return _PINS.get(column.kind, _TEXT_PIN)


def _is_misfit(error: BaseException) -> bool:
    """Whether a value is the matter, and not the database."""
    text = str(error)
    return isinstance(error, pa.ArrowInvalid | UnicodeError) or "Type mismatch" in text or "integer overflow" in text


def _expression(column: Column) -> sa.ColumnElement[Any]:
    """How the fast path reads a column: as it is, unless the driver would let a value of another class pass.

    A text column without TEXT affinity may hold a real number, which the driver would make a text of 15 digits: a
    byte that is no UTF-8 in its place sends the chunk to the slow path. A number in a blob column would become the
    bytes of its text: an integer overflow in its place does the same.
    """
    value: sa.ColumnElement[Any] = sa.column(column.name)
    if column.kind in {Kind.TEXT, Kind.JSON} and affinity(column.declared) != "TEXT":
        return sa.case((sa.func.typeof(value) == sa.literal_column("'real'"), sa.literal_column("x'ff'")), else_=value)
    if column.kind is Kind.BINARY:
        number = sa.func.typeof(value).in_([sa.literal_column("'integer'"), sa.literal_column("'real'")])
        smallest: sa.ColumnElement[Any] = (
            sa.literal_column(str(INT64_MIN + 1)) - sa.func.coalesce(sa.func.length(value), 0) * 0 - 1
        )
        return sa.case((number, sa.func.abs(smallest)), else_=value)
    return value


def _tagged(column: Column) -> sa.ColumnElement[Any]:
    value: sa.ColumnClause[Any] = sa.column(column.name)
    tagged = sa.case(
        (sa.func.typeof(value) == sa.literal_column("'integer'"), sa.literal_column("'i'").concat(value)),
        (
            sa.func.typeof(value) == sa.literal_column("'real'"),
            sa.literal_column("'r'").concat(sa.func.printf(sa.literal_column("'%!.17g'"), value)),
        ),
        (sa.func.typeof(value) == sa.literal_column("'text'"), sa.literal_column("'t'").concat(value)),
        (sa.func.typeof(value) == sa.literal_column("'blob'"), sa.literal_column("'b'").concat(sa.func.hex(value))),
    )
    return sa.cast(tagged, sa.LargeBinary)


def _untag(tagged: bytes | None) -> Any:
    if not tagged:
        return None
    tag, body = tagged[:1], tagged[1:]
    if tag == b"i":
        return int(body)
    if tag == b"r":
        return float(body)
    if tag == b"b":
        return bytes.fromhex(body.decode())
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _bind(bound: Bound, number: int) -> sa.ColumnElement[Any]:
    return sa.bindparam(f"bound_{number}", stored_bound(bound))


def stored_bound(bound: Bound) -> Any:
    """A key's bound in the form that SQLite compares.

    Timestamps are stored as ISO texts, with ``T`` or a space, with or without a fraction, perhaps with an offset. The
    bound for ``>=`` is a text that is not above any form of the wanted instant: the space form (a space sorts before
    ``T``), cut to the second, a day earlier where offsets may differ. What is read too much is cut by
    ``_after_bounds``.
    """
    value = bound.value
    if isinstance(value, dt.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
        return _lowest_text(bound, value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _lowest_text(bound: Bound, value: dt.datetime) -> str:
    zoned = bound.column.kind is Kind.TIMESTAMP_TZ
    if bound.operator in {">=", ">"}:
        return (value - dt.timedelta(days=1) if zoned else value).replace(microsecond=0).isoformat(sep=" ")
    # The highest text of a day: ':' sorts after every digit and letter 'T' after the space.
    return (value + dt.timedelta(days=1 if zoned else 0)).date().isoformat() + "U"


def _conform_sqlite(batch: pa.RecordBatch, columns: tuple[Column, ...]) -> pa.RecordBatch:
    """Conform, and refuse what SQLite lets pass: text that is not UTF-8, JSON that is not JSON."""
    result = conform(batch, columns)
    for index, column in enumerate(columns):
        if column.kind in {Kind.TEXT, Kind.JSON}:
            result.column(index).validate(full=True)
        if column.kind is Kind.JSON:
            _check_json(result.column(index))
    return result


def _check_json(texts: pa.Array) -> None:
    for text in texts.to_pylist():
        if text is not None:
            try:
                msgspec.json.decode(text)
            except msgspec.DecodeError as error:
                raise pa.ArrowInvalid("not JSON text") from error


_COMPARE: Final = {">=": pc.greater_equal, ">": pc.greater, "<": pc.less, "<=": pc.less_equal}


def _after_bounds(chunk: Chunk, query: TableQuery) -> Chunk:
    """Cut off the rows that only the text form of a timestamp bound let in."""
    for bound in query.bounds:
        if bound.column.is_instant and bound.column in query.columns:
            keys = chunk.batch.column(query.columns.index(bound.column))
            inside = _COMPARE[bound.operator](keys, pa.scalar(bound.value, keys.type))
            if not pc.all(inside).as_py():
                chunk.batch = chunk.batch.filter(inside)
    return chunk
