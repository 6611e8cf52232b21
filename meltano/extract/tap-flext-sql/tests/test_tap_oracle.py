"""Oracle without an Oracle: the types that SQLAlchemy reflects, the SQL that is sent, the Arrow that comes back.

No Oracle server can be installed for the tests. What is tested here is the mapping of reflected types, every
statement as the Oracle dialect compiles it, and the conversion of Arrow batches of the types that python-oracledb's
manual gives for each Oracle type. The README says what has not run against a real Oracle.
"""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import oracledb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from singer_columnar.columns import Column, Kind, column_from_schema
from singer_columnar.errors import SettingsError
from sqlalchemy.dialects import oracle

from tap_flext_sql.query import (
    Bound,
    Statement,
    TableQuery,
    compile_for,
    dialect_of,
    select_count_of_null_keys,
    select_key_range,
    select_rows,
)
from tap_flext_sql.readers.arrow_rows import chunk_from_batch
from tap_flext_sql.readers.oracle import OracleConnection, OracleReader, bind, expression, interval_text, oracle_place
from tap_flext_sql.source import source_from_config
from tap_flext_sql.sql_types import column_from_sql_type
from tap_flext_sql.table_ref import TableRef

_DIALECT = dialect_of("oracle")

_TYPES: list[tuple[sa.types.TypeEngine[Any], dict[str, Any]]] = [
    (oracle.NUMBER(), {"kind": Kind.EXACT_NUMBER}),
    (oracle.NUMBER(38, 0), {"kind": Kind.INTEGER, "maximum": 10**38 - 1}),
    (oracle.NUMBER(10, 0), {"kind": Kind.INTEGER, "maximum": 10**10 - 1}),
    (oracle.NUMBER(12, 2), {"kind": Kind.DECIMAL, "precision": 12, "scale": 2}),
    (oracle.NUMBER(5, -2), {"kind": Kind.INTEGER, "maximum": 10**7 - 1}),
    (oracle.NUMBER(2, 5), {"kind": Kind.DECIMAL, "precision": 5, "scale": 5}),
    (sa.INTEGER(), {"kind": Kind.INTEGER, "maximum": 10**38 - 1}),
    (oracle.FLOAT(126), {"kind": Kind.EXACT_NUMBER}),
    (oracle.BINARY_DOUBLE(), {"kind": Kind.FLOAT}),
    (oracle.DATE(), {"kind": Kind.TIMESTAMP, "fraction_digits": 6}),
    (oracle.TIMESTAMP(), {"kind": Kind.TIMESTAMP}),
    (oracle.TIMESTAMP(timezone=True), {"kind": Kind.TIMESTAMP_TZ}),
    (oracle.TIMESTAMP(local_timezone=True), {"kind": Kind.TIMESTAMP_TZ}),
    (oracle.VARCHAR2(30), {"kind": Kind.TEXT, "max_length": 30}),
    (oracle.NVARCHAR2(30), {"kind": Kind.TEXT, "max_length": 30}),
    (sa.CHAR(3), {"kind": Kind.TEXT, "max_length": 3}),
    (oracle.CLOB(), {"kind": Kind.TEXT}),
    (oracle.NCLOB(), {"kind": Kind.TEXT}),
    (oracle.RAW(16), {"kind": Kind.BINARY}),
    (oracle.BLOB(), {"kind": Kind.BINARY}),
    (oracle.INTERVAL(day_precision=2), {"kind": Kind.TEXT}),
    (oracle.ROWID(), {"kind": Kind.TEXT}),
]


@pytest.mark.parametrize(("sql_type", "expected"), _TYPES, ids=lambda value: str(value)[:40])
def test_reflected_types_become_kinds(sql_type: sa.types.TypeEngine[Any], expected: dict[str, Any]) -> None:
    """Each reflected Oracle type has its kind, and survives the catalog."""
    column = column_from_sql_type("c", sql_type, True, _DIALECT)

    assert {name: getattr(column, name) for name in expected} == expected
    assert column_from_schema("c", column.json_schema()) == column


_NANOS = Column("T9", Kind.TIMESTAMP, fraction_digits=9, declared="TIMESTAMP(9)")
_READ: list[tuple[Column, str]] = [
    (Column("n", Kind.EXACT_NUMBER, declared="NUMBER"), "to_char(n, 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"),
    (Column("n", Kind.INTEGER, declared="NUMBER(38, 0)"), "n"),
    (Column("t", Kind.TIMESTAMP, declared="TIMESTAMP"), "t"),
    (_NANOS, "to_char(\"T9\", 'YYYY-MM-DD\"T\"HH24:MI:SS.FF9')"),
    (Column("z", Kind.TIMESTAMP_TZ, declared="TIMESTAMP WITH TIME ZONE"), "sys_extract_utc(z)"),
    (Column("z", Kind.TIMESTAMP_TZ, declared="TIMESTAMP WITH LOCAL TIME ZONE"),
     "sys_extract_utc(CAST(z AS TIMESTAMP WITH TIME ZONE))"),
    (Column("z", Kind.TIMESTAMP_TZ, fraction_digits=9, declared="TIMESTAMP(9) WITH TIME ZONE"),
     "to_char(sys_extract_utc(z), 'YYYY-MM-DD\"T\"HH24:MI:SS.FF9\"Z\"')"),
    (Column("i", Kind.TEXT, declared="INTERVAL DAY TO SECOND"), "to_char(i)"),
    (Column("r", Kind.TEXT, declared="ROWID"), "rowidtochar(r)"),
    (Column("x", Kind.TEXT, declared="XMLTYPE"), "XMLSERIALIZE(CONTENT x AS CLOB)"),
    (Column("date", Kind.JSON, declared="JSON"), 'JSON_SERIALIZE("date" RETURNING CLOB)'),
    (Column("c", Kind.TEXT, declared="CLOB"), "c"),
    (Column("b", Kind.BINARY, declared="RAW(16)"), "b"),
]  # fmt: skip


@pytest.mark.parametrize(("column", "expected"), _READ, ids=lambda value: getattr(value, "declared", ""))
def test_columns_are_read_without_loss(column: Column, expected: str) -> None:
    """What the driver would round is made a text by the server; everything else is read as it is."""
    query = TableQuery(TableRef("wms", "order_hdr"), (column,))

    sql = compile_for(_DIALECT, select_rows(query, expression, bind)).sql

    assert sql.split(" AS ")[0].startswith(f"SELECT {expected.split(' AS ')[0]}")
    assert expected in sql
    assert "FROM wms.order_hdr" in sql


_BOUND: list[tuple[Column, Any, str, Any]] = [
    (Column("id", Kind.INTEGER), 10**38 - 1, ":bound_0", 10**38 - 1),
    (Column("d", Kind.TIMESTAMP, declared="DATE"), dt.datetime(2024, 1, 1, 2, 3, 4, 567),
     "to_date(:bound_0, 'YYYY-MM-DD\"T\"HH24:MI:SS')", "2024-01-01T02:03:04"),
    (Column("t", Kind.TIMESTAMP, declared="TIMESTAMP"), dt.datetime(2024, 1, 1, 2, 3, 4, 567),
     "to_timestamp(:bound_0, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6')", "2024-01-01T02:03:04.000567"),
    (Column("z", Kind.TIMESTAMP_TZ), dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
     "to_timestamp_tz(:bound_0, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6TZH:TZM')", "2023-12-31T22:00:00.000000+00:00"),
    (Column("s", Kind.TEXT), "'; DROP TABLE o", ":bound_0", "'; DROP TABLE o"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value", "sql", "bound"), _BOUND, ids=lambda value: getattr(value, "name", ""))
def test_bounds_are_bound_and_keep_their_fraction(key: Column, value: Any, sql: str, bound: Any) -> None:
    """A key's value is never in the SQL text, and no digit of it is cut off on the way."""
    query = TableQuery(TableRef(None, "o"), (key,), (Bound(key, ">=", value),), key, False, 7)

    statement = compile_for(_DIALECT, select_rows(query, expression, bind))

    assert f"{key.name} >= {sql}" in statement.sql
    assert f"ORDER BY {key.name}" in statement.sql
    assert "FETCH FIRST 7 ROWS ONLY" in statement.sql
    assert statement.parameters == {"bound_0": bound}


def test_the_questions_compile() -> None:
    """Counts and ends of keys are plain SQL."""
    key, table = Column("k", Kind.INTEGER), TableRef("S", "Mixed Case")

    assert compile_for(_DIALECT, select_count_of_null_keys(table, key)) == Statement(
        'SELECT count(*) AS count_1 \nFROM "S"."Mixed Case" \nWHERE k IS NULL', {}
    )
    assert "min(k)" in compile_for(_DIALECT, select_key_range(TableQuery(table, (key,)), key)).sql


def test_the_drivers_arrow_types_are_conformed_exactly() -> None:
    """Arrow types that python-oracledb documents for each Oracle type end as the contract's, to the last digit."""
    big = decimal.Decimal(10**38 - 1)
    columns = (
        Column("big", Kind.INTEGER, minimum=-(10**38) + 1, maximum=10**38 - 1, declared="NUMBER(38, 0)"),
        Column("small", Kind.INTEGER, declared="NUMBER(9, 0)"),
        Column("price", Kind.DECIMAL, precision=12, scale=2, declared="NUMBER(12, 2)"),
        Column("free", Kind.EXACT_NUMBER, declared="NUMBER"),
        Column("day", Kind.TIMESTAMP, declared="DATE"),
        Column("t9", Kind.TIMESTAMP, fraction_digits=9, declared="TIMESTAMP(9)"),
        Column("raw", Kind.BINARY, declared="RAW(4)"),
        Column("clob", Kind.TEXT, declared="CLOB"),
        Column("blob", Kind.BINARY, declared="BLOB"),
    )
    moment = dt.datetime(2024, 2, 29, 1, 2, 3)
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array([big], pa.decimal128(38, 0)), pa.array([7], pa.int64()),
            pa.array([decimal.Decimal("9999999999.99")], pa.decimal128(12, 2)), pa.array([".5"]),
            pa.array([moment], pa.timestamp("s")), pa.array(["2024-02-29T01:02:03.123456789"]),
            pa.array([b"\x00\x01"]), pa.array(["x" * 2_000_000], pa.large_string()),
            pa.array([b"\x00"], pa.large_binary()),
        ],
        names=[column.name for column in columns],
    )  # fmt: skip

    chunk = chunk_from_batch(batch, columns)

    assert chunk.misfits == []
    row = chunk.batch.drop_columns(["t9"]).to_pylist()[0]
    assert (row["big"], row["small"], row["price"]) == (big, 7, decimal.Decimal("9999999999.99"))
    assert (row["day"], row["raw"], row["blob"], len(row["clob"])) == (moment, b"\x00\x01", b"\x00", 2_000_000)
    assert str(chunk.batch.column("t9").cast("string")[0]) == "2024-02-29 01:02:03.123456789"
    assert decimal.Decimal(row["free"]) == decimal.Decimal("0.5")


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("+02 03:04:05.600000", "P2DT3H4M5.6S"),
        ("-01 00:00:00.000000000", "-P1DT0H0M0S"),
        ("+01-06", "P1Y6M"),
        ("-10-00", "-P10Y0M"),
    ],
)
def test_intervals_become_iso_8601(text: str, iso: str) -> None:
    """Oracle's interval texts become ISO 8601 durations."""
    assert interval_text(text) == iso


@pytest.mark.parametrize(
    ("config", "dsn"),
    [
        ({"dialect": "oracle", "host": "db", "port": 1522, "service_name": "WMS"}, "db:1522/WMS"),
        ({"sqlalchemy_url": "oracle://u:p@db/?service_name=WMS"}, "db:1521/WMS"),
        ({"dialect": "oracle", "dsn": "WMS_HIGH"}, "WMS_HIGH"),
        ({"sqlalchemy_url": "oracle://u:p@db:1521/ORCL"},
         "(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db)(PORT=1521))(CONNECT_DATA=(SID=ORCL)))"),
    ],
)  # fmt: skip
def test_the_connect_string_comes_from_the_settings(config: dict[str, Any], dsn: str) -> None:
    """Service name, SID and TNS alias are told apart."""
    assert oracle_place(source_from_config(config)).dsn == dsn


def test_no_server_is_a_settings_error() -> None:
    """Neither host nor dsn: the error says what to set."""
    with pytest.raises(SettingsError, match="service_name, or dsn"):
        oracle_place(source_from_config({"dialect": "oracle", "user": "u"}))


def test_the_real_driver_has_what_the_protocol_names() -> None:
    """Every method of the Protocol is one of python-oracledb's connection, with the parameters that are used."""
    import inspect

    for name in ("fetch_df_batches", "cursor", "cancel", "close"):
        assert hasattr(oracledb.Connection, name)
        assert hasattr(OracleConnection, name)
    parameters = inspect.signature(oracledb.Connection.fetch_df_batches).parameters
    assert {"statement", "parameters", "size", "fetch_decimals"} <= set(parameters)
    connect = inspect.signature(oracledb.connect).parameters
    assert {"user", "password", "dsn", "tcp_connect_timeout"} <= set(connect)


def test_a_refused_oracle_connection_is_named_without_the_password() -> None:
    """The real driver in thin mode: nothing listens, the error names the place and not the password."""
    from tap_postgresql_server import free_port

    config = {"dialect": "oracle", "host": "127.0.0.1", "port": free_port(), "service_name": "X", "user": "u",
              "password": "t0psecret"}  # fmt: skip

    with pytest.raises(Exception, match=r"Oracle at 127.0.0.1:\d+/X, user u") as caught:
        OracleReader.connect(source_from_config(config), 10)
    assert "t0psecret" not in str(caught.value)
