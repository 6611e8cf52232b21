"""Oracle 18c or newer: staging in private temporary tables, a merge is MERGE.

No server could be reached while this was written: the statements are tested as text only (README, "Oracle").
DDL commits by itself in Oracle, so tables are made and widened before a batch's transaction, and private temporary
tables, whose DDL does not commit, hold the batch inside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from target_flext_sql.columns import ColumnType
from target_flext_sql.dialects.base import Dialect, Storage, TableColumn
from target_flext_sql.forbidden import ForbiddenText
from target_flext_sql.naming import NamingRules

# VARCHAR2 holds 4000 bytes unless MAX_STRING_SIZE is EXTENDED; a character has up to 4.
_VARCHAR_CHARACTERS = 1000
_NAME_CHARACTERS = 500
_HASHED_AT_ONCE = 100
_LOBS = {"CLOB", "BLOB"}
_PLAIN = {
    "boolean": Storage("NUMBER(1)", ColumnType("integer")),
    "integer": Storage("NUMBER(19)", ColumnType("integer")),
    "float": Storage("BINARY_DOUBLE", ColumnType("float")),
    "date": Storage("DATE", ColumnType("date")),
    "time": Storage("VARCHAR2(18 CHAR)", ColumnType("text", length=18)),
    "binary": Storage("BLOB", ColumnType("binary")),
    "json": Storage("CLOB", ColumnType("text")),
}
_KNOWN = {
    "BINARY_DOUBLE": ColumnType("float"),
    "DATE": ColumnType("date"),
    "BLOB": ColumnType("binary"),
    "CLOB": ColumnType("text"),
    "NUMBER": ColumnType("decimal"),
    "NUMBER(19)": ColumnType("integer"),
}


class OracleDialect(Dialect):
    """The SQL of Oracle Database."""

    name = "oracle"
    transactional_ddl = False
    from_dual = " FROM DUAL"
    now = "SYSTIMESTAMP"
    forbidden = (
        ForbiddenText("text", "^$", "the empty text is null in Oracle, and the column is required", required_only=True),
        ForbiddenText("decimal", r"(\d\.?){39,}", "NUMBER keeps 38 digits exactly, this value has more"),
        ForbiddenText("decimal", "[NnIi]", "NUMBER has no NaN and no Infinity"),
    )

    def __init__(self, *, case: str | None = None, table_prefix: str = "") -> None:
        wanted = case if case in {"preserve", "lower"} else "upper"
        self.naming = NamingRules(wanted, 128, folds_case=False, table_prefix=table_prefix)  # type: ignore[arg-type]  # narrowed above

    def storage(self, column_type: ColumnType, *, key: bool = False) -> Storage:
        """Long texts are CLOB, except in a key; decimals beyond 38 digits are exact text."""
        kind, precision = column_type.kind, column_type.precision
        if kind == "text":
            if column_type.length is not None and column_type.length <= _VARCHAR_CHARACTERS:
                return Storage(f"VARCHAR2({column_type.length} CHAR)", ColumnType("text", length=column_type.length))
            if key:
                return Storage(f"VARCHAR2({_NAME_CHARACTERS} CHAR)", ColumnType("text", length=_NAME_CHARACTERS))
            return Storage("CLOB", ColumnType("text"))
        if kind == "decimal":
            if precision is None:
                return Storage("NUMBER", ColumnType("decimal"))
            if precision > 38:
                return Storage(f"VARCHAR2({precision + 3} CHAR)", ColumnType("text", length=precision + 3))
            return Storage(f"NUMBER({precision},{column_type.scale or 0})", column_type)
        if kind in {"timestamp", "timestamptz"}:
            zone = " WITH TIME ZONE" if kind == "timestamptz" else ""
            return Storage(f"TIMESTAMP({precision or 6}){zone}", ColumnType(kind, precision or 6))
        return _PLAIN[kind]

    def carrier_of(self, native: str) -> ColumnType | None:
        """Read a type as `describe` spells it."""
        found = re.fullmatch(r"NUMBER\((\d+)(?:,(-?\d+))?\)", native)
        if found and native not in _KNOWN:
            return ColumnType("decimal", int(found[1]), int(found[2] or 0))
        found = re.fullmatch(r"VARCHAR2\((\d+) CHAR\)", native)
        if found:
            return ColumnType("text", length=int(found[1]))
        found = re.fullmatch(r"TIMESTAMP\((\d)\)( WITH TIME ZONE)?", native)
        if found:
            return ColumnType("timestamptz" if found[2] else "timestamp", int(found[1]))
        return _KNOWN.get(native)

    def describe(self, schema: str | None, table: str) -> str:
        """Columns in table order, types as this dialect spells them."""
        owner = self.literal(schema) if schema else "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
        return (
            "SELECT column_name, CASE "
            "WHEN data_type = 'NUMBER' AND data_precision IS NULL THEN 'NUMBER' "
            "WHEN data_type = 'NUMBER' AND NVL(data_scale, 0) = 0 AND data_precision IN (1, 19) "
            "THEN 'NUMBER(' || data_precision || ')' "
            "WHEN data_type = 'NUMBER' THEN 'NUMBER(' || data_precision || ',' || NVL(data_scale, 0) || ')' "
            "WHEN data_type = 'VARCHAR2' THEN 'VARCHAR2(' || char_length || ' CHAR)' "
            "ELSE data_type END FROM all_tab_columns "
            f"WHERE owner = {owner} AND table_name = {self.literal(table)} ORDER BY column_id"
        )

    def unique_keys(self, schema: str | None, table: str) -> str | None:
        """MERGE compares by itself; an index only makes it fast, and the primary key is made with the table."""
        return None

    def create_schema(self, schema: str) -> str | None:
        """A schema is a user: the target does not make users."""
        return None

    def same(self, left: str, right: str) -> str:
        """Null-safe equality."""
        return f"DECODE({left}, {right}, 1, 0) = 1"

    def add_column(self, table: str, column: TableColumn) -> str:
        """Add a nullable column."""
        return f"ALTER TABLE {table} ADD ({self.column_ddl(column)})"

    def alter_type(self, table: str, column: str, native: str) -> str:
        """Widen a column."""
        return f"ALTER TABLE {table} MODIFY ({self.quote(column)} {native})"

    def stage_native(self, column: TableColumn) -> str:
        """Zoned timestamps come as UTC without a zone, unconstrained decimals as text."""
        storage = column.storage
        if storage.carrier.kind in {"timestamp", "timestamptz"}:
            return f"TIMESTAMP({storage.carrier.precision})"
        return "VARCHAR2(200 CHAR)" if storage.native == "NUMBER" else storage.native

    def stage_value(self, column: TableColumn, expression: str) -> str:
        """Turn a staged value into the column's type."""
        if column.storage.native.endswith("WITH TIME ZONE"):
            return f"FROM_TZ({expression}, 'UTC')"
        return super().stage_value(column, expression)

    def _stage_name(self, stage: str) -> str:
        return f"ORA$PTT{stage}"

    def create_stage(self, stage: str, columns: Sequence[TableColumn]) -> list[str]:
        """A private temporary table: its DDL does not commit, and it goes with the transaction."""
        name = self.stage_ref(stage)
        return [
            self.drop_table(name),
            f"CREATE PRIVATE TEMPORARY TABLE {name} ({self.stage_columns(columns)}) ON COMMIT DROP DEFINITION",
        ]

    def stage_ref(self, stage: str) -> str:
        """The prefix of private temporary tables is fixed by the server (default ORA$PTT_)."""
        return self.quote(self._stage_name(stage))

    def drop_table(self, table: str) -> str:
        """DROP TABLE IF EXISTS came with Oracle 23; ORA-00942 and ORA-14452 variants aside, a block does the same."""
        return (
            f"BEGIN EXECUTE IMMEDIATE {self.literal(f'DROP TABLE {table}')}; "
            "EXCEPTION WHEN OTHERS THEN IF SQLCODE != -942 THEN RAISE; END IF; END;"
        )

    def row_identity(self, values: Sequence[str], columns: Sequence[TableColumn]) -> list[str]:
        """One hash over the row; of a LOB, its length and first 1000 characters or bytes."""
        parts = []
        for value, column in zip(values, columns, strict=True):
            if column.storage.native in _LOBS:
                head = f"DBMS_LOB.SUBSTR({value}, 1000, 1)"
                parts += [f"STANDARD_HASH({head}, 'MD5')", f"STANDARD_HASH(DBMS_LOB.GETLENGTH({value}), 'MD5')"]
            else:
                parts.append(f"STANDARD_HASH({value}, 'MD5')")
        while len(parts) > 1:
            groups = [parts[i : i + _HASHED_AT_ONCE] for i in range(0, len(parts), _HASHED_AT_ONCE)]
            parts = [
                "STANDARD_HASH(" + " || '|' || ".join(f"RAWTOHEX({p})" for p in group) + ", 'MD5')" for group in groups
            ]
        return parts
