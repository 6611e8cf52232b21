"""Tables in the database: made, widened, and loaded inside one transaction.

A dialect gives the SQL, a driver runs it; this module decides which statement is needed.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from target_flext_sql.columns import Column, ColumnType
from target_flext_sql.dialects.base import STAMP_COLUMN, Dialect, Storage, TableColumn
from target_flext_sql.drivers import Driver
from target_flext_sql.errors import SchemaChangeError
from target_flext_sql.widening import join

logger = logging.getLogger("target-flext-sql")


@dataclass(slots=True)
class Table:
    """A table as it is now.

    Attributes:
        schema: Its schema, None for the connection's own.
        name: Its name.
        ref: The quoted reference.
        types: Native type of each column.
    """

    schema: str | None
    name: str
    ref: str
    types: dict[str, str] = field(default_factory=dict)


class Warehouse:
    """One database through one connection, opened at first use.

    Args:
        dialect: Its SQL.
        driver: Its connection.
    """

    def __init__(self, dialect: Dialect, driver: Driver) -> None:
        self.dialect = dialect
        self.driver = driver
        self._open = False
        self._schemas: set[str] = set()

    def open(self) -> None:
        """Connect, once."""
        if not self._open:
            self.driver.connect()
            self._open = True

    def close(self) -> None:
        """Disconnect."""
        if self._open:
            self.driver.close()
            self._open = False

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit when the block ends well, roll back when it does not."""
        self.open()
        self.driver.begin()
        try:
            yield
            self.driver.commit()
        except BaseException:
            self.driver.rollback()
            raise

    def storage(self, column_type: ColumnType, *, key: bool = False) -> Storage:
        """Say how a column type is kept here."""
        return self.dialect.storage(column_type, key=key)

    def table_columns(self, columns: Sequence[Column]) -> list[TableColumn]:
        """Return a stream's columns as DDL columns."""
        return [TableColumn(column.name, self.storage(column.type, key=column.key), column.key) for column in columns]

    def plain_columns(self, **types: ColumnType) -> list[TableColumn]:
        """Return DDL columns for one of the target's own tables."""
        return [TableColumn(self.dialect.own(name), self.storage(column_type)) for name, column_type in types.items()]

    def stamp_column(self) -> TableColumn:
        """The load stamp: which batch of which load wrote the row."""
        return TableColumn(self.dialect.own(STAMP_COLUMN), self.storage(ColumnType("integer")))

    def look(self, schema: str | None, name: str) -> Table:
        """Read a table's columns; `types` is empty when there is no such table."""
        self.open()
        table = Table(schema, name, self.dialect.ref(schema, name))
        table.types = {str(row[0]): str(row[1]) for row in self.driver.query(self.dialect.describe(schema, name))}
        return table

    def make_schema(self, schema: str | None) -> None:
        """Make the schema if it is missing, once."""
        if schema is None or schema in self._schemas:
            return
        statement = self.dialect.create_schema(schema)
        if statement:
            self.driver.execute(statement)
        self._schemas.add(schema)

    def make_table(
        self, stream: str, schema: str | None, name: str, columns: Sequence[TableColumn], *, with_key: bool
    ) -> Table:
        """Make a table, or bring an existing one up to the columns: missing ones are added, narrow ones widened.

        Args:
            stream: Stream name, for errors.
            schema: Schema of the table.
            name: Table name.
            columns: The columns it must have.
            with_key: Make the key a primary key.

        Returns:
            The table as it is afterwards.

        Raises:
            SchemaChangeError: A column's type cannot be widened without losing values.
        """
        table = self.look(schema, name)
        if not table.types:
            self.make_schema(schema)
            self.driver.execute(self.dialect.create_table(table.ref, columns, with_key=with_key))
            table.types = {column.name: column.storage.native for column in columns}
            return table
        have = {self._folded(column): column for column in table.types}
        for column in columns:
            present = have.get(self._folded(column.name))
            if present is None:
                logger.info("Stream '%s': adding column %s %s", stream, column.name, column.storage.native)
                self.driver.execute(self.dialect.add_column(table.ref, column))
                table.types[column.name] = column.storage.native
            else:
                self._widen(stream, table, present, column)
        if with_key:
            self._need_key(table, [column.name for column in columns if column.key])
        return table

    def _need_key(self, table: Table, keys: Sequence[str]) -> None:
        """A merge by key needs a unique index where the database merges through one."""
        question = self.dialect.unique_keys(table.schema, table.name)
        if question is None or not keys:
            return
        indexes: dict[str, set[str]] = {}
        for index, column in self.driver.query(question):
            indexes.setdefault(str(index), set()).add(str(column))
        if set(keys) not in indexes.values():
            logger.info("Table %s: making a unique index on %s", table.ref, ", ".join(keys))
            index = self.dialect.naming.fit(f"{table.name}_flext_key")
            self.driver.execute(self.dialect.add_key(table.ref, index, keys))

    def _folded(self, name: str) -> str:
        return name.lower() if self.dialect.naming.folds_case else name

    def _widen(self, stream: str, table: Table, present: str, column: TableColumn) -> None:
        native = table.types[present]
        if native == column.storage.native:
            return
        old, new = self.dialect.carrier_of(native), column.storage.carrier
        joined = join(old, new) if old is not None else None
        wanted = self.dialect.storage(joined) if joined is not None else None
        if wanted is None or wanted.carrier.kind != (joined.kind if joined else ""):
            raise SchemaChangeError(
                f"Stream '{stream}', column '{column.name}' of {table.ref}: the table has {native}, "
                f"the stream now sends {column.storage.native}",
                "no type holds the values of both exactly",
                "rename the column in a stream map, cast it in the tap, load with overwrite into a new table, "
                "or drop the old column yourself",
            )
        if joined == old:
            return
        logger.info("Stream '%s': widening column %s from %s to %s", stream, present, native, wanted.native)
        self.driver.execute(self.dialect.alter_type(table.ref, present, wanted.native))
        table.types[present] = wanted.native

    def stage(self, name: str, columns: Sequence[TableColumn]) -> str:
        """Make an empty staging table for this transaction and return its reference."""
        for statement in self.dialect.create_stage(name, columns):
            self.driver.execute(statement)
        return self.dialect.stage_ref(name)

    def value(self, sql: str) -> Any:
        """Run a query of one value."""
        rows = self.driver.query(sql)
        return rows[0][0] if rows else None

    def count(self, source: str) -> int:
        """Count the rows of a source."""
        return int(self.value(f"SELECT COUNT(*) FROM {source} s"))

    def ingest_rows(self, table: Table, columns: Sequence[TableColumn], rows: Sequence[Sequence[Any]]) -> None:
        """Append a few rows of the target's own to one of its tables."""
        import pyarrow as pa

        from target_flext_sql.values import arrow_type

        arrays = [
            pa.array([row[index] for row in rows], type=arrow_type(column.storage.carrier))
            for index, column in enumerate(columns)
        ]
        data = pa.table(arrays, names=[column.name for column in columns])
        self.driver.ingest(table.schema, table.name, data)
