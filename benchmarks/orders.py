"""The rows that pipelines move: one table of twelve columns, and a checksum over it that every database agrees on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = """
CREATE TABLE orders (
  id INTEGER PRIMARY KEY, code VARCHAR(20) NOT NULL, facility VARCHAR(8), customer_id INTEGER, status VARCHAR(12),
  quantity INTEGER, price FLOAT, weight FLOAT, note VARCHAR(200), is_rush BOOLEAN, ordered_at TIMESTAMP,
  changed_at TIMESTAMP)
"""
# Every 17th row has no note, every 19th no weight; the times advance by a minute and have microseconds.
_ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO orders SELECT
  i, printf('ORD-%010d', i), printf('WH%02d', i % 40), i * 7919 % 100003,
  CASE i % 5 WHEN 0 THEN 'created' WHEN 1 THEN 'allocated' WHEN 2 THEN 'picked' WHEN 3 THEN 'shipped' ELSE 'closed' END,
  i % 250 + 1, (i * 31 % 100000) / 100.0, CASE WHEN i % 19 THEN (i % 1000) / 8.0 END,
  CASE WHEN i % 17 THEN 'leave at dock ' || (i % 24) || ', ring twice, ref ' || (i * 104729 % 1000003) END,
  i % 3 = 0,
  strftime('%Y-%m-%d %H:%M:%S', 1577836800 + i % 2000000 * 60, 'unixepoch') || printf('.%06d', i % 1000000),
  strftime('%Y-%m-%d %H:%M:%S', 1577840400 + i % 2000000 * 60, 'unixepoch') || printf('.%06d', i * 7 % 1000000)
FROM n
"""
_CHECKSUM = """
SELECT count(*), count(DISTINCT id), bit_xor(hash(
  id::BIGINT, code::VARCHAR, facility::VARCHAR, customer_id::BIGINT, status::VARCHAR, quantity::BIGINT, price::DOUBLE,
  weight::DOUBLE, note::VARCHAR, is_rush::BOOLEAN::INTEGER, epoch_us(ordered_at::TIMESTAMP),
  epoch_us(changed_at::TIMESTAMP)))
FROM {table}
"""


class Content(NamedTuple):
    """What a table holds.

    Attributes:
        rows: Its rows.
        keys: Its different ids: fewer than rows means that some came twice.
        checksum: Over every value of every row, in any order.
    """

    rows: int
    keys: int
    checksum: int


def fill(database: Path, rows: int) -> None:
    """Make a SQLite file with the table and so many rows in it."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute(_TABLE)
        connection.execute(_ROWS, (rows,))
        connection.commit()


def content_of_source(database: Path) -> Content:
    """What the SQLite file holds."""
    import adbc_driver_sqlite.dbapi
    import duckdb

    with (
        adbc_driver_sqlite.dbapi.connect(f"file:{database}") as source,
        source.cursor() as cursor,
        duckdb.connect() as connection,
    ):
        cursor.execute("SELECT * FROM orders")
        connection.register("orders", cursor.fetch_record_batch())
        return _content(connection.execute(_CHECKSUM.format(table="orders")).fetchone())


def content_of_warehouse(database: Path) -> Content:
    """What the one table ``orders`` of a DuckDB file holds, in whatever schema it is."""
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT table_schema FROM information_schema.tables WHERE table_name = 'orders'"
        ).fetchall()
        ((schema,),) = found
        return _content(connection.execute(_CHECKSUM.format(table=f'"{schema}".orders')).fetchone())


def _content(row: tuple[int, int, int] | None) -> Content:
    assert row is not None
    return Content(*row)
