"""DuckDB: no primary keys (their index lives in memory), a merge is a hash join."""

from __future__ import annotations

import re
from collections.abc import Sequence

from target_flext_sql.columns import ColumnType
from target_flext_sql.dialects.base import Dialect, Storage, TableColumn
from target_flext_sql.naming import NamingRules

_TEXT = ColumnType("text")
_PLAIN = {
    "boolean": "BOOLEAN",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "text": "VARCHAR",
    "date": "DATE",
    "binary": "BLOB",
    "json": "JSON",
}
_KNOWN = {
    "BOOLEAN": ColumnType("boolean"),
    "DOUBLE": ColumnType("float"),
    "VARCHAR": _TEXT,
    "DATE": ColumnType("date"),
    "BLOB": ColumnType("binary"),
    "JSON": ColumnType("json"),
    "TIME": ColumnType("time", 6),
    "TIME_NS": ColumnType("time", 9),
    "TIMESTAMP": ColumnType("timestamp", 6),
    "TIMESTAMP_NS": ColumnType("timestamp", 9),
    "TIMESTAMP WITH TIME ZONE": ColumnType("timestamptz", 6),
    "TIMESTAMPTZ_NS": ColumnType("timestamptz", 9),
    "BIGINT": ColumnType("integer"),
    # Narrower integers of a table that somebody else made: they hold a part of ours and are widened.
    "INTEGER": ColumnType("decimal", 9, 0),
    "SMALLINT": ColumnType("decimal", 4, 0),
    "TINYINT": ColumnType("decimal", 2, 0),
}
_TEMPORAL = {
    ("time", 6): "TIME",
    ("time", 9): "TIME_NS",
    ("timestamp", 6): "TIMESTAMP",
    ("timestamp", 9): "TIMESTAMP_NS",
    ("timestamptz", 6): "TIMESTAMP WITH TIME ZONE",
    ("timestamptz", 9): "TIMESTAMPTZ_NS",
}


class DuckDBDialect(Dialect):
    """The SQL of DuckDB 1.4 or newer (MERGE INTO)."""

    name = "duckdb"
    enforces_keys = False
    replaces_by_rename = True  # DDL is transactional and views find tables by name

    def __init__(self, *, case: str | None = None, table_prefix: str = "") -> None:
        wanted = case if case in {"lower", "upper"} else "preserve"
        self.naming = NamingRules(wanted, 200, folds_case=True, table_prefix=table_prefix)  # type: ignore[arg-type]  # narrowed above

    def storage(self, column_type: ColumnType, *, key: bool = False) -> Storage:
        """Decimals beyond 38 digits, or without a precision, are exact text."""
        if column_type.kind == "decimal":
            if column_type.precision is None or column_type.precision > 38:
                return Storage("VARCHAR", _TEXT)
            return Storage(f"DECIMAL({column_type.precision},{column_type.scale or 0})", column_type)
        if column_type.kind in {"time", "timestamp", "timestamptz"}:
            return Storage(_TEMPORAL[column_type.kind, column_type.precision or 6], column_type)
        carrier = _TEXT if column_type.kind == "text" else column_type
        return Storage(_PLAIN[column_type.kind], carrier)

    def carrier_of(self, native: str) -> ColumnType | None:
        """Read a type as `duckdb_columns()` shows it."""
        found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", native)
        if found:
            return ColumnType("decimal", int(found[1]), int(found[2]))
        return _KNOWN.get(native)

    def describe(self, schema: str | None, table: str) -> str:
        """Columns in table order, of this database only."""
        return (
            "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() "
            f"AND lower(schema_name) = lower({self.literal(schema or 'main')}) "
            f"AND lower(table_name) = lower({self.literal(table)}) ORDER BY column_index"
        )

    def create_schema(self, schema: str) -> str | None:
        """Make the schema."""
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(schema)}"

    def same(self, left: str, right: str) -> str:
        """Null-safe equality."""
        return f"{left} IS NOT DISTINCT FROM {right}"

    def create_stage(self, stage: str, columns: Sequence[TableColumn]) -> list[str]:
        """A temporary table, which may spill to disk under the memory limit."""
        return [f"CREATE OR REPLACE TEMP TABLE {self.quote(stage)} ({self.stage_columns(columns)})"]

    def stage_ref(self, stage: str) -> str:
        """Temporary tables live in their own catalog."""
        return f"temp.main.{self.quote(stage)}"

    def drop_table(self, table: str) -> str:
        """Drop if there."""
        return f"DROP TABLE IF EXISTS {table}"
