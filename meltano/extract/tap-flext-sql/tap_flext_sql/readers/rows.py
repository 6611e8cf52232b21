"""Any database that SQLAlchemy knows: rows from a server-side cursor, converted to Arrow chunk by chunk."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from singer_columnar.errors import TapError

from tap_flext_sql.errors import explain
from tap_flext_sql.misfits import chunk_from_rows
from tap_flext_sql.query import select_count_of_null_keys, select_key_range, select_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_columnar.chunk import Chunk
    from singer_columnar.columns import Column

    from tap_flext_sql.query import TableQuery
    from tap_flext_sql.source import Source
    from tap_flext_sql.table_ref import TableRef

_CHUNK_BYTES: Final = 32 * 1024 * 1024
_DRIVER_ERRORS: Final = (sa.exc.SQLAlchemyError, OSError)


class RowsReader:
    """One SQLAlchemy connection."""

    def __init__(self, source: Source, fetch_rows: int) -> None:
        self._fetch_rows = fetch_rows
        self._engine = source.engine()
        try:
            self._connection = self._engine.connect().execution_options(
                stream_results=True, max_row_buffer=min(fetch_rows, 1_000)
            )
        except (*_DRIVER_ERRORS, ImportError) as error:
            raise explain(error, f"the {source.dialect} database") from error

    def chunks(self, query: TableQuery) -> Iterator[Chunk]:
        """Read rows in chunks; see ``Reader.chunks``."""
        try:
            rows: list[Any] = []
            size = 0
            with self._connection.execute(select_rows(query)) as result:
                for row in result:
                    rows.append(row)
                    size += sum(len(value) for value in row if isinstance(value, str | bytes))
                    if len(rows) >= self._fetch_rows or size >= _CHUNK_BYTES:
                        yield chunk_from_rows(rows, query.columns)
                        rows, size = [], 0
            if rows:
                yield chunk_from_rows(rows, query.columns)
        except TapError:
            raise
        except _DRIVER_ERRORS as error:
            raise explain(error, f"table '{query.table}'") from error

    def clock(self) -> dt.datetime:
        """The database's current timestamp; one without a zone is taken as UTC."""
        try:
            now: Any = self._connection.execute(sa.select(sa.func.current_timestamp())).scalar_one()
        except _DRIVER_ERRORS as error:
            raise explain(error, "the database's clock") from error
        moment: dt.datetime = dt.datetime.fromisoformat(now) if isinstance(now, str) else now
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)

    def count_null_keys(self, table: TableRef, key: Column) -> int:
        """How many rows have NULL in the replication key."""
        try:
            return int(self._connection.execute(select_count_of_null_keys(table, key)).scalar_one())
        except _DRIVER_ERRORS as error:
            raise explain(error, f"table '{table}'") from error

    def key_range(self, query: TableQuery, key: Column) -> tuple[Any, Any]:
        """Smallest and largest key."""
        try:
            low, high = self._connection.execute(select_key_range(query, key)).one()
        except _DRIVER_ERRORS as error:
            raise explain(error, f"column '{key.name}' of table '{query.table}'") from error
        return low, high

    def share_snapshot(self) -> None:
        """Not every database can."""
        return

    def cancel(self) -> None:
        """There is no way that every driver knows; the process ends without waiting for the query."""

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._engine.dispose()
