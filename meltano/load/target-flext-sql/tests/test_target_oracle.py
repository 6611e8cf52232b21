"""Oracle: every statement and every bound frame of a load, seen at the connection.

No server can be installed here. A hand-written connection records what would be sent; sqlglot is not asked, the text
itself is compared, since it was written after Oracle's manual (SQL Language Reference 19c).
"""

from __future__ import annotations

import re
from typing import Any

import oracledb
import pyarrow as pa
import pytest
from target_harness import INTEGER, TEXT, records, schema, state

from target_flext_sql.columns import ColumnType
from target_flext_sql.dialects.base import TableColumn
from target_flext_sql.dialects.oracle import OracleDialect
from target_flext_sql.drivers.oracle import OracleDriver, connect_arguments
from target_flext_sql.errors import WarehouseError
from target_flext_sql.naming import NamingRules
from target_flext_sql.session import Session
from target_flext_sql.warehouse import Warehouse

SETTINGS = {"user": "u", "password": "hunter2", "host": "h", "database": "WMS"}


class RecordedCursor:
    """A cursor of :class:`RecordedConnection`."""

    def __init__(self, connection: RecordedConnection) -> None:
        self._connection = connection
        self.rowcount = 0
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str) -> None:
        """Record a statement and give the answer that the connection has for it."""
        self._connection.statements.append(statement)
        if self._connection.fault is not None and statement.startswith(self._connection.fault[0]):
            raise oracledb.DatabaseError(self._connection.fault[1])
        self._rows = next((rows for part, rows in self._connection.answers.items() if part in statement), [])
        self.rowcount = self._connection.staged if statement.startswith(("MERGE", "INSERT")) else 0

    def executemany(self, statement: str, parameters: Any) -> None:
        """Record an insert and its frame, which python-oracledb must be able to convert."""
        oracledb.from_arrow(parameters)
        self._connection.statements.append(statement)
        self._connection.frames.append(parameters)
        if "ORA$PTT" in statement:
            self._connection.staged = parameters.num_rows
            counts = [(parameters.num_rows, parameters.num_rows)]
            self._connection.answers["COUNT(*)"] = counts

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the answer."""
        return self._rows

    def close(self) -> None:
        """Nothing to close."""


class RecordedConnection:
    """A connection that records what an Oracle server would be sent."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.frames: list[pa.Table] = []
        self.answers: dict[str, list[tuple[Any, ...]]] = {"MAX(": [(None,)]}
        self.staged = 0
        self.fault: tuple[str, str] | None = None

    def cursor(self) -> RecordedCursor:
        """Open a cursor."""
        return RecordedCursor(self)

    def commit(self) -> None:
        """Record it."""
        self.statements.append("COMMIT")

    def rollback(self) -> None:
        """Record it."""
        self.statements.append("ROLLBACK")

    def close(self) -> None:
        """Record it."""
        self.statements.append("CLOSE")


def session(connection: RecordedConnection, **config: Any) -> Session:
    """Return a session on a recorded connection."""
    settings = {**SETTINGS, "default_target_schema": "oic", **config}
    driver = OracleDriver(settings, connect=lambda **_: connection)
    return Session(settings, Warehouse(OracleDialect(), driver), lambda line: line, lambda _: lambda _: None)


def load(connection: RecordedConnection, shape: Any, rows: list[dict[str, Any]], **config: Any) -> None:
    """Send rows through a session."""
    run = session(connection, **config)
    bookmarks = shape.get("bookmark_properties", [])
    run.schema("wms-order_hdr", shape["schema"], shape["key_properties"], bookmarks, "wms-order_hdr")
    for message in records("wms-order_hdr", rows):
        run.record("wms-order_hdr", message["record"], message, 10)
    run.state(state()["value"])
    run.drain(at_state=True)


PROPERTIES: dict[str, Any] = {
    "id": INTEGER,
    "order_nbr": {**TEXT, "maxLength": 50},
    "note": TEXT,
    "qty": {"type": ["string", "null"], "format": "singer.decimal", "precision": 12, "scale": 4},
    "free": {"type": ["string", "null"], "format": "singer.decimal"},
    "wide": {"type": ["string", "null"], "format": "singer.decimal", "precision": 60, "scale": 2},
    "mod_ts": {"type": ["string", "null"], "format": "date-time"},
    "local_ts": {"type": ["string", "null"], "format": "date-time", "x-timezone": "none", "x-precision": 9},
    "day": {"type": ["string", "null"], "format": "date"},
    "clock": {"type": ["string", "null"], "format": "time"},
    "flag": {"type": ["boolean", "null"]},
    "ratio": {"type": ["number", "null"]},
    "raw": {"type": ["string", "null"], "contentEncoding": "base64"},
    "doc": {"type": ["object", "null"]},
}
ROW = {
    "id": 1,
    "order_nbr": "A",
    "note": "n",
    "qty": "1.5",
    "free": "1E+3",
    "wide": "9" * 50,
    "mod_ts": "2024-01-01T00:00:00+02:00",
    "local_ts": "2024-01-01T00:00:00.123456789",
    "day": "2024-01-01",
    "clock": "10:00:00",
    "flag": True,
    "ratio": 0.5,
    "raw": "AP8=",
    "doc": {"a": 1},
}


def test_tables_are_made_with_exact_types() -> None:
    """Names are upper-cased and quoted; no type is text that need not be."""
    connection = RecordedConnection()

    load(connection, schema("wms-order_hdr", PROPERTIES, ["id"]), [ROW])

    (made,) = [s for s in connection.statements if s.startswith('CREATE TABLE "OIC"."ORDER_HDR" ')]
    assert made == (
        'CREATE TABLE "OIC"."ORDER_HDR" ("ID" NUMBER(19), "ORDER_NBR" VARCHAR2(50 CHAR), "NOTE" CLOB, '
        '"QTY" NUMBER(12,4), "FREE" NUMBER, "WIDE" VARCHAR2(63 CHAR), "MOD_TS" TIMESTAMP(6) WITH TIME ZONE, '
        '"LOCAL_TS" TIMESTAMP(9), "DAY" DATE, "CLOCK" VARCHAR2(18 CHAR), "FLAG" NUMBER(1), "RATIO" BINARY_DOUBLE, '
        '"RAW" BLOB, "DOC" CLOB, "_FLEXT_BATCH_ID" NUMBER(19), PRIMARY KEY ("ID"))'
    )


def test_a_batch_is_staged_and_merged_in_one_transaction() -> None:
    """Between two commits: private temporary table, frame, MERGE, bookkeeping; no DDL that commits."""
    connection = RecordedConnection()

    load(connection, schema("wms-order_hdr", PROPERTIES, ["id"]), [ROW, {**ROW, "id": 2}])

    merge = next(i for i, s in enumerate(connection.statements) if s.startswith("MERGE"))
    first = max(i for i, s in enumerate(connection.statements[:merge]) if s == "COMMIT")
    last = next(i for i, s in enumerate(connection.statements) if i > merge and s == "COMMIT")
    inside = connection.statements[first + 1 : last]
    assert not [s for s in inside if re.match(r"(CREATE (?!PRIVATE)|ALTER|DROP|TRUNCATE)", s)]
    assert [s for s in inside if s.startswith("CREATE PRIVATE TEMPORARY TABLE")]
    assert sum("_FLEXT_LOADS" in s and s.startswith("INSERT") for s in inside) == 2
    assert connection.statements[merge].startswith(
        'MERGE INTO "OIC"."ORDER_HDR" t USING "ORA$PTT_FLEXT_STAGE" s ON (t."ID" = s."ID") WHEN MATCHED THEN '
        "UPDATE SET "
        '"ORDER_NBR" = s."ORDER_NBR", "NOTE" = s."NOTE", "QTY" = s."QTY", "FREE" = CAST(s."FREE" AS NUMBER)'
    )
    assert '"MOD_TS" = FROM_TZ(s."MOD_TS", \'UTC\')' in connection.statements[merge]


def test_frames_hold_exact_values() -> None:
    """What is bound is the value, in a type that python-oracledb converts without rounding."""
    connection = RecordedConnection()

    load(connection, schema("wms-order_hdr", PROPERTIES, ["id"]), [ROW])

    stage = next(frame for frame in connection.frames if "QTY" in frame.column_names)
    assert str(stage["QTY"][0].as_py()) == "1.5000"
    assert stage["FREE"].to_pylist() == ["1E+3"]
    assert stage["WIDE"].to_pylist() == ["9" * 50 + ".00"]
    assert stage["LOCAL_TS"].cast(pa.int64()).to_pylist() == [1_704_067_200_123_456_789]
    assert stage["MOD_TS"].cast(pa.int64()).to_pylist() == [1_704_060_000_000_000]
    assert (stage["FLAG"].to_pylist(), stage["CLOCK"].to_pylist()) == ([1], ["10:00:00.000000"])
    assert (stage["RAW"].to_pylist(), stage["DOC"].to_pylist()) == ([b"\x00\xff"], ['{"a":1}'])


def test_duplicates_of_a_key_are_merged_once() -> None:
    """MERGE may meet a row once only (ORA-30926): the last of each key is picked in the same statement."""
    connection = RecordedConnection()
    run = session(connection)
    run.schema("wms-order_hdr", {"properties": {"id": INTEGER, "v": TEXT}}, ["id"], [], "wms-order_hdr")
    dialect = OracleDialect()

    source = dialect.last_by_key('"S"', ["ID", "V"], ["ID"])

    assert source == (
        '(SELECT "ID", "V" FROM (SELECT s."ID", s."V", s."_FLEXT_ROW", ROW_NUMBER() OVER (PARTITION BY s."ID" '
        'ORDER BY s."_FLEXT_ROW" DESC) AS "_FLEXT_RANK" FROM "S" s) r WHERE "_FLEXT_RANK" = 1)'
    )


def test_an_append_with_keys_replaces_delivered_again_rows() -> None:
    """PK (ID, MOD_TS) keeps history: only the same version of a row is replaced."""
    connection = RecordedConnection()
    shape = schema("wms-order_hdr", {"id": INTEGER, "mod_ts": PROPERTIES["mod_ts"]}, ["id"], "mod_ts")

    load(connection, shape, [{"id": 1, "mod_ts": ROW["mod_ts"]}], load_method="append")

    (delete,) = [s for s in connection.statements if s.startswith('DELETE FROM "OIC"."ORDER_HDR"')]
    assert delete == (
        'DELETE FROM "OIC"."ORDER_HDR" t WHERE EXISTS (SELECT 1 FROM "ORA$PTT_FLEXT_STAGE" s WHERE t."ID" = s."ID" '
        'AND DECODE(t."MOD_TS", FROM_TZ(s."MOD_TS", \'UTC\'), 1, 0) = 1)'
    )


def test_an_append_without_keys_compares_a_hash_of_the_row() -> None:
    """LOBs cannot be grouped: their head and length stand for them."""
    dialect = OracleDialect()
    columns = [
        TableColumn(n, dialect.storage(t)) for n, t in {"RK": ColumnType("integer"), "T": ColumnType("text")}.items()
    ]

    sql = dialect.delete_same_rows('"T"', '"S"', columns, columns[0], 5)

    assert sql.startswith('DELETE FROM "T" WHERE rowid IN (SELECT x.rid FROM (SELECT rid, c0, ROW_NUMBER() OVER')
    assert "STANDARD_HASH(DBMS_LOB.SUBSTR(t.\"T\", 1000, 1), 'MD5')" in sql
    assert "DECODE(x.c0, y.c0, 1, 0) = 1" in sql


def test_an_overwrite_replaces_rows_without_ddl() -> None:
    """DELETE and INSERT in one transaction: readers see the old rows or the new ones, grants stay."""
    dialect = OracleDialect()

    assert dialect.replace_rows('"T"', '"T__FLEXT_NEW"', ["ID"]) == [
        'DELETE FROM "T"',
        'INSERT INTO "T" ("ID") SELECT "ID" FROM "T__FLEXT_NEW"',
    ]


def test_tables_are_widened_in_oracles_words() -> None:
    """ADD and MODIFY take parentheses."""
    dialect = OracleDialect()
    column = TableColumn("QTY", dialect.storage(ColumnType("decimal", 20, 4)))

    assert dialect.add_column('"T"', column) == 'ALTER TABLE "T" ADD ("QTY" NUMBER(20,4))'
    assert dialect.alter_type('"T"', "QTY", "NUMBER(20,4)") == 'ALTER TABLE "T" MODIFY ("QTY" NUMBER(20,4))'


@pytest.mark.parametrize(
    "column_type",
    [
        ColumnType("integer"),
        ColumnType("decimal", 12, 4),
        ColumnType("decimal"),
        ColumnType("float"),
        ColumnType("date"),
        ColumnType("timestamp", 6),
        ColumnType("timestamp", 9),
        ColumnType("timestamptz", 6),
        ColumnType("timestamptz", 9),
        ColumnType("binary"),
        ColumnType("text"),
        ColumnType("text", length=50),
    ],
    ids=str,
)
def test_a_table_that_was_made_is_recognised(column_type: ColumnType) -> None:
    """The type read from the dictionary is the one that was written."""
    dialect = OracleDialect()
    storage = dialect.storage(column_type)

    assert dialect.carrier_of(storage.native) == storage.carrier


def test_names_have_128_bytes() -> None:
    """Longer names are shortened, the same way at every run, and never two to one."""
    naming: NamingRules = OracleDialect().naming
    long = "é" * 100

    first, second = naming.fit(long + "1"), naming.fit(long + "2")

    assert first != second
    assert first == naming.fit(long + "1")
    assert max(len(first.encode()), len(second.encode())) <= 128
    assert first.startswith("É" * 50)


@pytest.mark.parametrize(
    ("code", "step"),
    [
        ("ORA-01031: insufficient privileges", "grant the user"),
        ("DPY-4011: the database or network closed the connection", "run again"),
        ("ORA-01653: unable to extend table", "extend the tablespace"),
    ],
)
def test_a_fault_rolls_back_and_says_what_to_do(code: str, step: str) -> None:
    """Oracle's error becomes ours, without the password that a message may repeat."""
    connection = RecordedConnection()
    connection.fault = ("MERGE", f"{code} (hunter2)")

    with pytest.raises(WarehouseError, match=step) as caught:
        load(connection, schema("wms-order_hdr", {"id": INTEGER}, ["id"]), [{"id": 1}])

    assert "hunter2" not in str(caught.value)
    assert connection.statements[-1] == "ROLLBACK"


def test_connect_arguments_come_from_the_settings() -> None:
    """Host, port and service name, or a whole connect string."""
    assert connect_arguments(SETTINGS) == {
        "user": "u",
        "password": "hunter2",
        "host": "h",
        "port": 1521,
        "service_name": "WMS",
        "protocol": "tcp",
        "tcp_connect_timeout": 15.0,
    }
    assert connect_arguments({**SETTINGS, "dsn": "h/WMS"}) == {"user": "u", "password": "hunter2", "dsn": "h/WMS"}


def test_an_empty_key_is_rejected() -> None:
    """The empty text is null in Oracle, and a key is never null."""
    connection = RecordedConnection()

    load(connection, schema("wms-order_hdr", {"id": {**TEXT, "maxLength": 9}}, ["id"]), [{"id": ""}, {"id": "a"}])

    rejected = next(frame for frame in connection.frames if "REASON" in frame.column_names)
    assert rejected["REASON"].to_pylist() == ["the empty text is null in Oracle, and the column is required"]
