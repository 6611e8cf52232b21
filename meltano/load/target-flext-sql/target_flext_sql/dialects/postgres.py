"""PostgreSQL 11 or newer: staging tables are temporary, a merge is INSERT ... ON CONFLICT."""

from __future__ import annotations

import re
from collections.abc import Sequence

from target_flext_sql.columns import ColumnType
from target_flext_sql.dialects.base import STAMP_COLUMN, Dialect, Storage, TableColumn
from target_flext_sql.forbidden import ForbiddenText
from target_flext_sql.naming import NamingRules

_TEXT = ColumnType("text")
_PLAIN = {
    "boolean": "boolean",
    "integer": "bigint",
    "float": "double precision",
    "date": "date",
    "binary": "bytea",
    "json": "jsonb",
}
_KNOWN = {
    "boolean": ColumnType("boolean"),
    "bigint": ColumnType("integer"),
    "integer": ColumnType("decimal", 9, 0),
    "smallint": ColumnType("decimal", 4, 0),
    "double precision": ColumnType("float"),
    "numeric": ColumnType("decimal"),
    "text": _TEXT,
    "character varying": _TEXT,
    "date": ColumnType("date"),
    "bytea": ColumnType("binary"),
    "jsonb": ColumnType("json"),
    "time without time zone": ColumnType("time", 6),
    "timestamp without time zone": ColumnType("timestamp", 6),
    "timestamp with time zone": ColumnType("timestamptz", 6),
}
_TEMPORAL = {
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}


class PostgresDialect(Dialect):
    """The SQL of PostgreSQL."""

    name = "postgresql"
    row_id = "ctid"
    forbidden = (
        ForbiddenText("text", "\\x00", "PostgreSQL cannot hold the character U+0000 in a text"),
        ForbiddenText(
            "json", r"(^|[^\\])(\\\\)*\\u0000", "PostgreSQL cannot hold the character U+0000 in JSON (\\u0000)"
        ),
    )

    def __init__(self, *, case: str | None = None, table_prefix: str = "") -> None:
        wanted = case if case in {"lower", "upper"} else "preserve"
        self.naming = NamingRules(wanted, 63, folds_case=False, table_prefix=table_prefix)  # type: ignore[arg-type]  # narrowed above

    def storage(self, column_type: ColumnType, *, key: bool = False) -> Storage:
        """Nanoseconds, which PostgreSQL does not have, are exact ISO 8601 text."""
        kind = column_type.kind
        if kind == "decimal":
            if column_type.precision is None or column_type.precision > 1000:
                return Storage("numeric", ColumnType("decimal"))
            return Storage(f"numeric({column_type.precision},{column_type.scale or 0})", column_type)
        if kind == "text":
            carrier = ColumnType("text", length=column_type.length)
            return Storage(f"character varying({column_type.length})" if column_type.length else "text", carrier)
        if kind in _TEMPORAL:
            if column_type.precision == 9:
                return Storage("text", _TEXT)
            return Storage(_TEMPORAL[kind], column_type)
        return Storage(_PLAIN[kind], column_type)

    def carrier_of(self, native: str) -> ColumnType | None:
        """Read a type as `format_type` shows it."""
        found = re.fullmatch(r"numeric\((\d+),(\d+)\)", native)
        if found:
            return ColumnType("decimal", int(found[1]), int(found[2]))
        found = re.fullmatch(r"character varying\((\d+)\)", native)
        if found:
            return ColumnType("text", length=int(found[1]))
        return _KNOWN.get(native)

    def _regclass(self, schema: str | None, table: str) -> str:
        return f"to_regclass({self.literal(self.ref(schema, table))})"

    def describe(self, schema: str | None, table: str) -> str:
        """Columns in table order."""
        return (
            "SELECT attname::text, format_type(atttypid, atttypmod)::text FROM pg_attribute "
            f"WHERE attrelid = {self._regclass(schema, table)} AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )

    def unique_keys(self, schema: str | None, table: str) -> str | None:
        """Columns of the plain unique indexes."""
        return (
            "SELECT i.indexrelid::bigint, a.attname::text FROM pg_index i "
            "JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) "
            f"WHERE i.indrelid = {self._regclass(schema, table)} AND i.indisunique AND i.indpred IS NULL "
            "AND i.indexprs IS NULL"
        )

    def create_schema(self, schema: str) -> str | None:
        """Make the schema."""
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(schema)}"

    def same(self, left: str, right: str) -> str:
        """Null-safe equality (PostgreSQL cannot hash it: never the only condition of a join)."""
        return f"{left} IS NOT DISTINCT FROM {right}"

    def row_identity(self, values: Sequence[str], columns: Sequence[TableColumn]) -> list[str]:
        """One hash over the row, since null-safe equality cannot be hashed."""
        return [f"md5(ROW({', '.join(values)})::text)"]

    def stage_native(self, column: TableColumn) -> str:
        """What COPY cannot take in its own type comes as text."""
        native, carrier = column.storage.native, column.storage.carrier
        if carrier.kind in {"text", "json"} or (carrier.kind == "decimal" and carrier.precision is None):
            return "text"
        return "numeric" if carrier.kind == "decimal" else native

    def create_stage(self, stage: str, columns: Sequence[TableColumn]) -> list[str]:
        """A temporary table is not logged, and goes with the transaction."""
        quoted = self.quote(stage)
        return [
            f"DROP TABLE IF EXISTS pg_temp.{quoted}",
            f"CREATE TEMP TABLE {quoted} ({self.stage_columns(columns)}) ON COMMIT DROP",
        ]

    def stage_ref(self, stage: str) -> str:
        """Temporary tables have a schema of their own."""
        return f"pg_temp.{self.quote(stage)}"

    def drop_table(self, table: str) -> str:
        """Drop if there."""
        return f"DROP TABLE IF EXISTS {table}"

    def empty_table(self, table: str) -> str:
        """TRUNCATE is transactional; readers wait for the commit."""
        return f"TRUNCATE {table}"

    def upsert(self, table: str, source: str, columns: Sequence[TableColumn], keys: Sequence[str], stamp: int) -> str:
        """INSERT ... ON CONFLICT goes through the primary key and is safe beside other writers."""
        stamp_name = self.quote(STAMP_COLUMN)
        rest = [column.name for column in columns if column.name not in keys]
        sets = [f"{self.quote(name)} = EXCLUDED.{self.quote(name)}" for name in (*rest, STAMP_COLUMN)]
        values = ", ".join(self.stage_value(column, f"s.{self.quote(column.name)}") for column in columns)
        return (
            f"INSERT INTO {table} ({self.names([column.name for column in columns])}, {stamp_name}) "
            f"SELECT {values}, {stamp} FROM {source} s "
            f"ON CONFLICT ({self.names(keys)}) DO UPDATE SET {', '.join(sets)}"
        )
