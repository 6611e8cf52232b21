"""The SQL of a load, as text: types, quoting, and how staged rows become rows of a table.

What belongs here: what can be written without a connection, and so tested for each database without one.
What does not: running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from flext_pipelines.data.engine import identifier

if TYPE_CHECKING:
    import pyarrow as pa

    from flext_pipelines.data.warehouse.table_name import TableName

Name = Literal["duckdb", "postgresql", "oracle"]

JOURNAL_COLUMNS = (
    ("load_id", "key"),
    ("dataset", "text"),
    ("checksum", "text"),
    ("target_table", "text"),
    ("load_mode", "text"),
    ("rows_total", "whole"),
    ("rows_done", "whole"),
    ("inserted", "whole"),
    ("updated", "whole"),
    ("deleted", "whole"),
    ("rows_before", "whole"),
    ("batches", "whole"),
    ("finished", "whole"),
    ("loaded_at", "text"),
)
"""What a load remembers in the target: how many of its rows are in, written with those rows."""

_JOURNAL_TYPES: dict[Name, dict[str, str]] = {
    "duckdb": {"key": "VARCHAR PRIMARY KEY", "text": "VARCHAR", "whole": "BIGINT"},
    "postgresql": {"key": "text PRIMARY KEY", "text": "text", "whole": "bigint"},
    "oracle": {"key": "VARCHAR2(64) PRIMARY KEY", "text": "VARCHAR2(1000)", "whole": "NUMBER(19)"},
}
_SIMPLE: dict[Name, dict[str, str]] = {
    "duckdb": {
        "bool": "BOOLEAN",
        "int8": "TINYINT",
        "int16": "SMALLINT",
        "int32": "INTEGER",
        "int64": "BIGINT",
        "float": "FLOAT",
        "double": "DOUBLE",
        "date32[day]": "DATE",
        "time64[us]": "TIME",
        "time64[ns]": "TIME_NS",
        "binary": "BLOB",
        "string": "VARCHAR",
    },
    "postgresql": {
        "bool": "boolean",
        "int8": "smallint",
        "int16": "smallint",
        "int32": "integer",
        "int64": "bigint",
        "float": "real",
        "double": "double precision",
        "date32[day]": "date",
        "time64[us]": "time",
        "time64[ns]": "text",
        "binary": "bytea",
        "string": "text",
    },
    "oracle": {
        "bool": "NUMBER(1)",
        "int8": "NUMBER(3)",
        "int16": "NUMBER(5)",
        "int32": "NUMBER(10)",
        "int64": "NUMBER(19)",
        "float": "BINARY_FLOAT",
        "double": "BINARY_DOUBLE",
        "date32[day]": "DATE",
        "time64[us]": "VARCHAR2(20)",
        "time64[ns]": "VARCHAR2(20)",
        "binary": "BLOB",
        "string": "VARCHAR2(4000)",
    },
}
_PARTS = {"large_string": "string", "string_view": "string", "large_binary": "binary", "null": "string"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database says it."""

    name: Name

    def table(self, table: TableName) -> str:
        """A table's quoted name."""
        return f"{identifier(table.schema)}.{identifier(table.name)}" if table.schema else identifier(table.name)

    def mark(self, number: int) -> str:
        """Parameter number so-and-so, from 1."""
        return f":{number}" if self.name == "oracle" else f"${number}"

    def column_type(self, kind: pa.DataType) -> str:
        """The database's type for an Arrow type; what it does not know becomes text."""
        import pyarrow as pa

        if pa.types.is_decimal(kind):
            return f"{'NUMBER' if self.name == 'oracle' else 'DECIMAL'}({kind.precision},{kind.scale})"
        if pa.types.is_timestamp(kind):
            return self._timestamp(cast("pa.TimestampType[Literal['us', 'ns'], str]", kind))
        known = _SIMPLE[self.name]
        return known.get(_PARTS.get(str(kind), str(kind)), known["string"])

    def _timestamp(self, kind: pa.TimestampType[Literal["us", "ns"], str]) -> str:
        if self.name == "oracle":
            return f"TIMESTAMP({9 if kind.unit == 'ns' else 6}){' WITH TIME ZONE' if kind.tz else ''}"
        if kind.tz:
            return "timestamptz"
        return "TIMESTAMP_NS" if self.name == "duckdb" and kind.unit == "ns" else "timestamp"

    def tables(self) -> str:
        """A query for the names of the tables there are, as ``schema.table``; on Oracle those of the user's schema."""
        if self.name == "oracle":
            own = "sys_context('userenv', 'current_schema')"
            return f"SELECT owner || '.' || table_name FROM all_tables WHERE owner = {own} ORDER BY 1"  # noqa: S608  a text of ours
        return (
            "SELECT table_schema || '.' || table_name FROM information_schema.tables "
            "WHERE table_schema NOT IN ('information_schema', 'pg_catalog') ORDER BY 1"
        )

    def schema_exists(self) -> str | None:
        """A query for the schema of that name; None where a schema is a user and nothing to create (Oracle)."""
        if self.name == "oracle":
            return None
        return f"SELECT 1 FROM information_schema.schemata WHERE schema_name = {self.mark(1)}"  # noqa: S608  a mark of ours

    def create_schema(self, table: TableName) -> str:
        """The schema of a table."""
        return f"CREATE SCHEMA IF NOT EXISTS {identifier(table.schema or '')}"

    def create_table(self, table: TableName, schema: pa.Schema, keys: Sequence[str]) -> str:
        """A new table. On PostgreSQL and Oracle the keys are its primary key, without which an upsert reads it all."""
        columns = [f"{identifier(field.name)} {self.column_type(field.type)}" for field in schema]
        if keys and self.name != "duckdb":
            columns.append(f"PRIMARY KEY ({', '.join(identifier(key) for key in keys)})")
        return f"CREATE TABLE {self.table(table)} ({', '.join(columns)})"

    def add_column(self, table: TableName, field: pa.Field[pa.DataType]) -> str:
        """One more column, null in the rows that are there."""
        kind = f"{identifier(field.name)} {self.column_type(field.type)}"
        added = f"({kind})" if self.name == "oracle" else f"COLUMN {kind}"
        return f"ALTER TABLE {self.table(table)} ADD {added}"

    def create_journal(self, journal: TableName) -> str:
        """The table of loads."""
        kinds = _JOURNAL_TYPES[self.name]
        columns = ", ".join(f"{name} {kinds[kind]}" for name, kind in JOURNAL_COLUMNS)
        exists = "" if self.name == "oracle" else "IF NOT EXISTS "
        return f"CREATE TABLE {exists}{self.table(journal)} ({columns})"

    def insert(self, table: TableName, stage: str, columns: Sequence[str]) -> str:
        """Every staged row."""
        names = ", ".join(identifier(column) for column in columns)
        return f"INSERT INTO {self.table(table)} ({names}) SELECT {names} FROM {stage}"  # noqa: S608  quoted names

    def insert_new(self, table: TableName, stage: str, columns: Sequence[str], keys: Sequence[str]) -> str:
        """Staged rows whose key the table does not hold."""
        names = ", ".join(identifier(column) for column in columns)
        selected = ", ".join(f"s.{identifier(column)}" for column in columns)
        return (
            f"INSERT INTO {self.table(table)} ({names}) SELECT {selected} FROM {stage} s "  # noqa: S608  quoted names only
            f"WHERE NOT EXISTS (SELECT 1 FROM {self.table(table)} t WHERE {_equal(keys)})"
        )

    def update_existing(
        self, table: TableName, stage: str, columns: Sequence[str], keys: Sequence[str], *, changed_only: bool
    ) -> str | None:
        """Rows whose key the table holds take the staged values; None when there are no columns besides the keys.

        Args:
            table: The table.
            stage: Where the rows are staged.
            columns: Columns of the staged rows; others of the table stay as they are.
            keys: Which of them tell rows apart.
            changed_only: Leave rows alone that are equal in every column.
        """
        others = [column for column in columns if column not in keys]
        if not others:
            return None
        if self.name == "oracle":
            return self._oracle_merge(table, stage, others, keys, changed_only=changed_only)
        values = ", ".join(f"{identifier(column)} = s.{identifier(column)}" for column in others)
        different = " OR ".join(f"t.{identifier(name)} IS DISTINCT FROM s.{identifier(name)}" for name in others)
        only = f" AND ({different})" if changed_only else ""
        return f"UPDATE {self.table(table)} AS t SET {values} FROM {stage} s WHERE {_equal(keys)}{only}"  # noqa: S608  quoted names only

    def _oracle_merge(
        self, table: TableName, stage: str, others: Sequence[str], keys: Sequence[str], *, changed_only: bool
    ) -> str:
        values = ", ".join(f"t.{identifier(column)} = s.{identifier(column)}" for column in others)
        # DECODE takes two nulls for equal.
        different = " OR ".join(f"DECODE(t.{identifier(name)}, s.{identifier(name)}, 0, 1) = 1" for name in others)
        only = f" WHERE {different}" if changed_only else ""
        return (
            f"MERGE INTO {self.table(table)} t USING {stage} s ON ({_equal(keys)}) "
            f"WHEN MATCHED THEN UPDATE SET {values}{only}"
        )

    def delete_missing(self, table: TableName, stage: str, keys: Sequence[str]) -> str:
        """Rows of the table whose key is not staged go."""
        return (
            f"DELETE FROM {self.table(table)} t WHERE NOT EXISTS "  # noqa: S608  quoted names only
            f"(SELECT 1 FROM {stage} s WHERE {_equal(keys)})"
        ).replace(" t WHERE", " AS t WHERE" if self.name != "oracle" else " t WHERE", 1)

    def missing(self, table: TableName, stage: str, keys: Sequence[str]) -> str:
        """How many staged keys the table does not hold."""
        return (
            f"SELECT count(*) FROM {stage} s WHERE NOT EXISTS "  # noqa: S608  quoted names only
            f"(SELECT 1 FROM {self.table(table)} t WHERE {_equal(keys)})"
        )


def _equal(keys: Sequence[str]) -> str:
    return " AND ".join(f"t.{identifier(key)} = s.{identifier(key)}" for key in keys)
