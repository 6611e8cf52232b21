"""From the rows of a batch to the rows of the table, by the stream's load method, with the counts checked.

README, "Load algebra", says why each method replaces what it replaces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from target_flext_sql.columns import Column, StreamSchema
from target_flext_sql.dialects.base import TableColumn
from target_flext_sql.errors import CountMismatchError
from target_flext_sql.warehouse import Table, Warehouse

LoadMethod = Literal["append", "upsert", "overwrite"]


def expect(stream: str, expected: int, done: int, what: str) -> None:
    """Raise when the database took another number of rows than it was given.

    Args:
        stream: Stream name.
        expected: Rows given.
        done: Rows that the database reports, -1 if it does not.
        what: What was done with them.

    Raises:
        CountMismatchError: They differ.
    """
    if done not in {expected, -1}:
        raise CountMismatchError(
            f"Stream '{stream}': {expected} rows should have been {what}, the database says {done}",
            next_step="the batch was rolled back; run again, and report it if it stays",
        )


def identity(schema: StreamSchema, method: LoadMethod) -> tuple[Column, ...]:
    """Return the columns that make two rows the same row: the key, and for an append the replication key too.

    Args:
        schema: The stream's columns.
        method: Its load method.

    Returns:
        No column where every row counts for itself.
    """
    keys = schema.key_columns
    if method != "append":
        return keys
    if not keys or schema.replication_key is None:
        return ()
    replication = schema.column(schema.replication_key)
    return keys if replication is None or replication in keys else (*keys, replication)


def merge(
    warehouse: Warehouse,
    schema: StreamSchema,
    method: LoadMethod,
    table: Table,
    source: str,
    rows: int,
    stamp: int,
    first_stamp: int,
) -> int:
    """Bring a batch's good rows into the table, in the open transaction.

    Args:
        warehouse: The database.
        schema: The stream's columns.
        method: Its load method.
        table: The table, or the shadow table of an overwrite.
        source: The batch as something that can stand after FROM.
        rows: Its rows.
        stamp: Its number.
        first_stamp: The first number of this load.

    Returns:
        Rows that are in the table now: of each key the last.

    Raises:
        CountMismatchError: The database took another number of rows than it was given.
    """
    if not rows:
        return 0
    dialect, driver = warehouse.dialect, warehouse.driver
    columns = warehouse.table_columns(schema.columns)
    names = [column.name for column in identity(schema, method)]
    expected = rows
    if names:
        total, expected = (int(number) for number in driver.query(dialect.distinct_keys(source, names))[0])
        expect(schema.stream, rows, total, "staged")
        if expected < total:
            source = dialect.last_by_key(source, [column.name for column in columns], names)
    if method == "append":
        _remove_delivered_again(warehouse, schema, table, source, columns, first_stamp)
    if method == "append" or not schema.keys:
        done = driver.execute(dialect.insert(table.ref, source, columns, stamp))
    else:
        done = driver.execute(dialect.upsert(table.ref, source, columns, names, stamp))
    expect(schema.stream, expected, done, "loaded")
    return expected


def _remove_delivered_again(
    warehouse: Warehouse,
    schema: StreamSchema,
    table: Table,
    source: str,
    columns: Sequence[TableColumn],
    first_stamp: int,
) -> None:
    """Remove what an incremental append delivers a second time: the same version, or without keys the same row."""
    replication = schema.column(schema.replication_key) if schema.replication_key else None
    if replication is None:
        return
    dialect, driver = warehouse.dialect, warehouse.driver
    by_name = {column.name: column for column in columns}
    window = by_name[replication.name]
    if schema.keys:
        keys = [by_name[column.name] for column in schema.key_columns]
        driver.execute(dialect.delete_same_version(table.ref, source, keys, window))
    else:
        driver.execute(dialect.delete_same_rows(table.ref, source, columns, window, first_stamp))
