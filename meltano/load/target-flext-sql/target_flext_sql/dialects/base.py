"""What a dialect must say, and the SQL that all three databases share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from target_flext_sql.columns import ColumnType
from target_flext_sql.forbidden import ForbiddenText
from target_flext_sql.naming import NamingRules

STAMP_COLUMN = "_flext_batch_id"
ROW_COLUMN = "_flext_row"
RANK_COLUMN = "_flext_rank"


@dataclass(frozen=True, slots=True)
class Storage:
    """How a database keeps a column type.

    Attributes:
        native: The type in DDL.
        carrier: The type of the values that are fed to it.
    """

    native: str
    carrier: ColumnType


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column in DDL: name, storage and whether it is part of the key."""

    name: str
    storage: Storage
    key: bool = False


class Dialect(ABC):
    """The SQL of one database.

    A *source* below is anything that can stand after FROM and has the batch's columns and ``_flext_row``.
    """

    name: str
    naming: NamingRules
    transactional_ddl = True
    enforces_keys = True

    def quote(self, name: str) -> str:
        """Quote an identifier."""
        return '"' + name.replace('"', '""') + '"'

    def own(self, name: str) -> str:
        """Return one of the target's own names in the database's case, unquoted."""
        return name.upper() if self.naming.case == "upper" else name

    def q_own(self, name: str) -> str:
        """Return one of the target's own names, quoted."""
        return self.quote(self.own(name))

    def ref(self, schema: str | None, table: str) -> str:
        """Return a quoted table reference."""
        return f"{self.quote(schema)}.{self.quote(table)}" if schema else self.quote(table)

    def literal(self, text: str) -> str:
        """Return a text literal."""
        return "'" + text.replace("'", "''") + "'"

    def names(self, columns: Sequence[str], alias: str = "") -> str:
        """Return a comma-separated list of quoted columns."""
        dot = f"{alias}." if alias else ""
        return ", ".join(f"{dot}{self.quote(column)}" for column in columns)

    @abstractmethod
    def storage(self, column_type: ColumnType, *, key: bool = False) -> Storage:
        """Say how a column type is kept; a key must be something that can be indexed."""

    @abstractmethod
    def carrier_of(self, native: str) -> ColumnType | None:
        """Return the type that an existing column's native type carries, or None for one we do not know."""

    @abstractmethod
    def describe(self, schema: str | None, table: str) -> str:
        """Return a query of (column name, native type) of a table, no rows if there is none."""

    @abstractmethod
    def create_schema(self, schema: str) -> str | None:
        """Return the statement that makes a schema if missing, or None where the target must not."""

    @abstractmethod
    def same(self, left: str, right: str) -> str:
        """Return a comparison in which null equals null."""

    forbidden: Sequence[ForbiddenText] = ()

    def column_ddl(self, column: TableColumn) -> str:
        """Return a column definition."""
        return f"{self.quote(column.name)} {column.storage.native}"

    def create_table(self, table: str, columns: Sequence[TableColumn], *, with_key: bool) -> str:
        """Return CREATE TABLE; the key becomes the primary key where the database can use it to merge."""
        parts = [self.column_ddl(column) for column in columns]
        keys = [column.name for column in columns if column.key]
        if with_key and keys and self.enforces_keys:
            parts.append(f"PRIMARY KEY ({self.names(keys)})")
        return f"CREATE TABLE {table} ({', '.join(parts)})"

    def add_column(self, table: str, column: TableColumn) -> str:
        """Return the statement that adds a nullable column."""
        return f"ALTER TABLE {table} ADD COLUMN {self.column_ddl(column)}"

    def alter_type(self, table: str, column: str, native: str) -> str:
        """Return the statement that widens a column."""
        return f"ALTER TABLE {table} ALTER COLUMN {self.quote(column)} TYPE {native}"

    @abstractmethod
    def create_stage(self, stage: str, columns: Sequence[TableColumn]) -> list[str]:
        """Return the statements that give an empty staging table for this transaction."""

    @abstractmethod
    def stage_ref(self, stage: str) -> str:
        """Return the reference of a staging table."""

    @abstractmethod
    def drop_table(self, table: str) -> str:
        """Return the statement that drops a table if it is there."""

    def stage_native(self, column: TableColumn) -> str:
        """Return the type of a column in a staging table."""
        return column.storage.native

    def stage_columns(self, columns: Sequence[TableColumn]) -> str:
        """Return the column definitions of a staging table."""
        return ", ".join(f"{self.quote(column.name)} {self.stage_native(column)}" for column in columns)

    def stage_value(self, column: TableColumn, expression: str) -> str:
        """Return a staged value as the table's column wants it."""
        if self.stage_native(column) == column.storage.native:
            return expression
        return f"CAST({expression} AS {column.storage.native})"

    def distinct_keys(self, source: str, keys: Sequence[str]) -> str:
        """Return a query of (rows, distinct keys) of a source."""
        inner = f"SELECT DISTINCT {self.names(keys)} FROM {source} s"
        return f"SELECT (SELECT COUNT(*) FROM {source} s), (SELECT COUNT(*) FROM ({inner}) d){self.from_dual}"

    from_dual = ""

    def last_by_key(self, source: str, columns: Sequence[str], keys: Sequence[str]) -> str:
        """Return a subquery with only the last row of each key, in order of arrival."""
        rank = (
            f"ROW_NUMBER() OVER (PARTITION BY {self.names(keys, 's')} "
            f"ORDER BY s.{self.quote(self.own(ROW_COLUMN))} DESC)"
        )
        listed = self.names([*columns, self.own(ROW_COLUMN)], "s")
        inner = f"SELECT {listed}, {rank} AS {self.q_own(RANK_COLUMN)} FROM {source} s"
        return f"(SELECT {self.names(columns)} FROM ({inner}) r WHERE {self.q_own(RANK_COLUMN)} = 1)"

    def insert(self, table: str, source: str, columns: Sequence[TableColumn], stamp: int) -> str:
        """Return INSERT of every row of a source, stamped with its batch."""
        listed = self.names([*(column.name for column in columns), self.own(STAMP_COLUMN)])
        values = ", ".join(self.stage_value(column, f"s.{self.quote(column.name)}") for column in columns)
        return f"INSERT INTO {table} ({listed}) SELECT {values}, {stamp} FROM {source} s"

    def upsert(self, table: str, source: str, columns: Sequence[TableColumn], keys: Sequence[str], stamp: int) -> str:
        """Return one statement that updates or inserts every row of a source with one row for each key."""
        match = " AND ".join(f"t.{self.quote(key)} = s.{self.quote(key)}" for key in keys)
        stamp_name = self.q_own(STAMP_COLUMN)
        sets = [
            f"{self.quote(c.name)} = {self.stage_value(c, f's.{self.quote(c.name)}')}"
            for c in columns
            if c.name not in keys
        ]
        sets.append(f"{stamp_name} = {stamp}")
        values = [self.stage_value(c, f"s.{self.quote(c.name)}") for c in columns]
        listed = self.names([c.name for c in columns])
        return (
            f"MERGE INTO {table} t USING {source} s ON ({match}) "
            f"WHEN MATCHED THEN UPDATE SET {', '.join(sets)} "
            f"WHEN NOT MATCHED THEN INSERT ({listed}, {stamp_name}) VALUES ({', '.join(values)}, {stamp})"
        )

    def delete_same_version(
        self, table: str, source: str, keys: Sequence[TableColumn], replication: TableColumn
    ) -> str:
        """Return DELETE of the rows whose key and replication key are delivered again.

        Keys are never null, so they are compared by ``=``, which can be hashed; the replication key may be.
        """
        pairs = [
            (f"t.{self.quote(c.name)}", self.stage_value(c, f"s.{self.quote(c.name)}")) for c in (*keys, replication)
        ]
        match = [f"{left} = {right}" for left, right in pairs[:-1]]
        if replication.name not in {key.name for key in keys}:
            match.append(self.same(*pairs[-1]))
        return f"DELETE FROM {table} t WHERE EXISTS (SELECT 1 FROM {source} s WHERE {' AND '.join(match)})"

    row_id = "rowid"

    def row_identity(self, values: Sequence[str], columns: Sequence[TableColumn]) -> list[str]:
        """Return expressions that are equal for equal rows; null equals null."""
        return list(values)

    def delete_same_rows(
        self, table: str, source: str, columns: Sequence[TableColumn], window: TableColumn, before: int
    ) -> str:
        """Return DELETE of as many equal rows of earlier loads as a keyless batch delivers again.

        Args:
            table: Target table.
            source: The batch.
            columns: All columns of the batch: equal in all of them is the same row.
            window: The replication key; only rows within the batch's range are looked at.
            before: First stamp of this load; its own rows are not touched.
        """
        mine = self.row_identity([f"t.{self.quote(c.name)}" for c in columns], columns)
        theirs = self.row_identity([self.stage_value(c, f"s.{self.quote(c.name)}") for c in columns], columns)
        listed = ", ".join(f"c{i}" for i in range(len(mine)))
        key, staged = self.quote(window.name), self.stage_value(window, f"w.{self.quote(window.name)}")
        old = (
            f"SELECT t.{self.row_id} AS rid, {', '.join(f'{value} AS c{i}' for i, value in enumerate(mine))} "
            f"FROM {table} t WHERE t.{self.q_own(STAMP_COLUMN)} < {before} "
            f"AND ((t.{key} >= (SELECT MIN({staged}) FROM {source} w) "
            f"AND t.{key} <= (SELECT MAX({staged}) FROM {source} w)) OR t.{key} IS NULL)"
        )
        new = f"SELECT {', '.join(f'{value} AS c{i}' for i, value in enumerate(theirs))} FROM {source} s"
        ranked = f"SELECT rid, {listed}, ROW_NUMBER() OVER (PARTITION BY {listed} ORDER BY rid) AS rn FROM ({old}) o"
        counted = f"SELECT {listed}, COUNT(*) AS n FROM ({new}) b GROUP BY {listed}"
        match = " AND ".join(self.same(f"x.c{i}", f"y.c{i}") for i in range(len(mine)))
        return (
            f"DELETE FROM {table} WHERE {self.row_id} IN "
            f"(SELECT x.rid FROM ({ranked}) x JOIN ({counted}) y ON {match} WHERE x.rn <= y.n)"
        )

    def delete_stamps(self, table: str, low: int, high: int) -> str:
        """Return DELETE of the rows stamped from `low` to below `high`."""
        stamp = self.q_own(STAMP_COLUMN)
        return f"DELETE FROM {table} WHERE {stamp} >= {low} AND {stamp} < {high}"

    def delete_older(self, table: str, stamp: int) -> str:
        """Return DELETE of the rows that were not loaded since `stamp` (activate version, hard)."""
        name = self.q_own(STAMP_COLUMN)
        return f"DELETE FROM {table} WHERE {name} < {stamp} OR {name} IS NULL"

    def mark_deleted(self, table: str, column: str, stamp: int) -> str:
        """Return UPDATE that marks the rows that were not loaded since `stamp` (activate version, soft)."""
        name, at = self.q_own(STAMP_COLUMN), self.quote(column)
        return f"UPDATE {table} SET {at} = {self.now} WHERE ({name} < {stamp} OR {name} IS NULL) AND {at} IS NULL"

    now = "CURRENT_TIMESTAMP"

    replaces_by_rename = False

    def rename_table(self, table: str, new_name: str) -> str:
        """Return the statement that renames a table within its schema."""
        return f"ALTER TABLE {table} RENAME TO {self.quote(new_name)}"

    def replace_rows(self, table: str, shadow: str, columns: Sequence[str]) -> list[str]:
        """Return the statements of one transaction that replace a table's rows by a shadow's (grants stay)."""
        listed = self.names(columns)
        return [self.empty_table(table), f"INSERT INTO {table} ({listed}) SELECT {listed} FROM {shadow}"]

    def empty_table(self, table: str) -> str:
        """Return the statement that removes all rows in the open transaction."""
        return f"DELETE FROM {table}"

    def unique_keys(self, schema: str | None, table: str) -> str | None:
        """Return a query of (index, column) of the unique indexes of a table, None where keys are not enforced."""
        return None

    def add_key(self, table: str, index: str, keys: Sequence[str]) -> str:
        """Return the statement that makes a unique index on the key."""
        return f"CREATE UNIQUE INDEX {self.quote(index)} ON {table} ({self.names(keys)})"
