"""Many rows into a table at once, by the quickest way that a database has.

PostgreSQL takes them by COPY, SQLite by its driver's own loop; elsewhere they go through SQLAlchemy, which wants typed
values. Indexes of a table that is empty are made after its rows are there: that is several times as quick.

What belongs here: writing plain rows. What does not: which rows (``sample_rows``).
"""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from flext_pipelines.wms.tables import Exact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Table

    from flext_pipelines.wms.sample_rows import Row

_CHUNK = 20_000


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Insert rows of plain values: texts (times in ISO 8601), whole numbers, None.

    Args:
        connection: In a transaction.
        table: Where.
        columns: What the cells of a row are.
        rows: The rows; read once.
    """
    driver = connection.dialect.driver
    if driver == "psycopg":
        _copy(connection, table, columns, rows)
        return
    statement = sa.insert(table).values({name: sa.bindparam(name) for name in columns})
    if driver == "pysqlite":
        compiled = statement.compile(dialect=connection.dialect)
        in_order = itemgetter(*(columns.index(name) for name in compiled.positiontup or ()))
        cursor: Any = connection.connection.cursor()
        cursor.executemany(str(compiled), map(in_order, rows))
        return
    source = iter(rows)
    kinds = [_reader(table.c[name].type) for name in columns]
    while chunk := list(islice(source, _CHUNK)):
        typed = [[None if cell is None else kind(cell) for kind, cell in zip(kinds, row, strict=True)] for row in chunk]
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in typed])


def _copy(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    from psycopg import sql

    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(name) for name in columns)
    )
    cursor: Any = connection.connection.cursor()
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _reader(kind: sa.types.TypeEngine[Any]) -> Any:  # noqa: ANN401  a function of whatever type
    if isinstance(kind, sa.DateTime):
        return dt.datetime.fromisoformat
    if isinstance(kind, sa.Date):
        return dt.date.fromisoformat
    return Decimal if isinstance(kind, Exact) else lambda cell: cell


@contextmanager
def indexes_afterwards(connection: Connection, tables: Iterable[Table]) -> Iterator[None]:
    """The tables have no indexes, apart from their keys, until the block ends."""
    waiting = [index for table in tables for index in table.indexes]
    for index in waiting:
        index.drop(connection)
    yield
    for index in waiting:
        index.create(connection)
