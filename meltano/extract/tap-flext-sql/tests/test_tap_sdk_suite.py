"""singer-sdk's own test suite for taps."""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.columns import Column, Kind
from singer_sdk.testing import get_tap_test_class
from tap_postgresql_server import PostgresServer
from tap_running import Tables, discover

from tap_flext_sql.catalog import FoundTable, catalog_entry
from tap_flext_sql.table_ref import TableRef
from tap_flext_sql.tap import TapFlextSQL

_FOLDER = Path(tempfile.mkdtemp(prefix="tap-flext-sql-suite-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


def _sqlite_file() -> str:
    """The suite asks for the streams while the tests are collected, so the file must be there at import."""
    path = _FOLDER / "suite.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, code TEXT NOT NULL, price DECIMAL(12, 2), weight REAL,"
            " active BOOLEAN, created TIMESTAMP, shipped DATE, picked TIME, label BLOB, extra JSON)"
        )
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, 12.5, 0.25, 1, '2024-01-01 10:00:00', '2024-01-02', '10:00', x'00ff',"
            " '{\"a\": [1]}')",
            [(number, f"code {number}") for number in range(200)],
        )
        connection.execute("CREATE VIEW recent AS SELECT id, code FROM orders WHERE id > 100")
    connection.close()
    return str(path)


TestSqlite = get_tap_test_class(TapFlextSQL, config={"dialect": "sqlite", "database": _sqlite_file()})

_TABLE = FoundTable(
    TableRef("public", "suite_orders"),
    (
        Column("id", Kind.INTEGER, nullable=False, declared="BIGINT"),
        Column("price", Kind.DECIMAL, precision=12, scale=2, declared="NUMERIC(12, 2)"),
        Column("created", Kind.TIMESTAMP_TZ, declared="TIMESTAMP WITH TIME ZONE"),
        Column("day", Kind.DATE, declared="DATE"),
        Column("extra", Kind.JSON, declared="JSONB"),
    ),
    ("id",),
)
_CATALOG = {"streams": [catalog_entry(_TABLE, "suite_orders", {})]}
_CATALOG["streams"][0]["metadata"][-1]["metadata"]["selected"] = True
_CONFIG: dict[str, Any] = {"dialect": "postgresql", "sqlalchemy_url": "postgresql://set-by-the-fixture/x"}

_PostgresSuite = get_tap_test_class(TapFlextSQL, config=_CONFIG, catalog=_CATALOG)


@pytest.mark.postgres
class TestPostgres(_PostgresSuite):  # type: ignore[misc, valid-type] # the SDK makes the class at run time
    """The suite on PostgreSQL; its server is started by a fixture, after the collection."""

    params = _PostgresSuite.params

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _filled(cls, postgres: PostgresServer) -> None:
        tables = Tables(postgres.url())
        tables.run(
            "DROP TABLE IF EXISTS suite_orders",
            "CREATE TABLE suite_orders (id bigint PRIMARY KEY, price numeric(12, 2), created timestamptz, day date,"
            " extra jsonb)",
            "INSERT INTO suite_orders SELECT n, n / 100.0, now(), current_date, '{\"a\": 1}'"
            " FROM generate_series(1, 200) n",
        )
        tables.close()
        _CONFIG["sqlalchemy_url"] = postgres.url()

    def test_discovery_finds_what_the_suite_was_told(self) -> None:
        """Discovery of a real PostgreSQL table gives the catalog entry that the suite above used."""
        found = discover({**_CONFIG, "tables": ["suite_orders"]})["streams"][0]

        assert found["schema"] == _CATALOG["streams"][0]["schema"]
