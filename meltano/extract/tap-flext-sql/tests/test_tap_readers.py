"""The contract of readers, kept by each of them on its own database."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.columns import Column, Kind
from tap_oracle_fake import FakeOracleConnection
from tap_running import Tables

from tap_flext_sql.errors import TableMissingError
from tap_flext_sql.query import Bound, TableQuery
from tap_flext_sql.readers.oracle import OracleReader
from tap_flext_sql.readers.postgresql import PostgresReader
from tap_flext_sql.readers.protocol import Reader
from tap_flext_sql.readers.rows import RowsReader
from tap_flext_sql.readers.sqlite import SqliteReader
from tap_flext_sql.source import source_from_config
from tap_flext_sql.table_ref import TableRef

_ID = Column("id", Kind.INTEGER, nullable=False, declared="INTEGER")
_NAME = Column("name", Kind.TEXT, declared="TEXT")
_KEY = Column("k", Kind.INTEGER, declared="INTEGER")
_ROWS = [(n, f"name {n}", None if n == 3 else n * 10) for n in range(10)]
_CREATE = "CREATE TABLE o (id INTEGER PRIMARY KEY, name TEXT, k INTEGER)"


def _in_sqlite(make: Any) -> Path:
    path: Path = make(_CREATE, o=_ROWS)
    return path


@pytest.fixture(
    params=[
        "sqlite", "rows on sqlite", "fake oracle",
        pytest.param("postgresql", marks=pytest.mark.postgres),
        pytest.param("rows on postgresql", marks=pytest.mark.postgres),
    ]
)  # fmt: skip
def reader(request: pytest.FixtureRequest, sqlite_tables: Any) -> Iterator[Reader]:
    """Each reader with the same ten rows, three per fetch."""
    made: Reader
    if "sqlite" in request.param:
        path = _in_sqlite(sqlite_tables)
        source = source_from_config({"sqlalchemy_url": f"sqlite:///{path}"})
        made = SqliteReader(str(path), 3) if request.param == "sqlite" else RowsReader(source, 3)
    elif request.param == "fake oracle":
        made = OracleReader(FakeOracleConnection(_in_sqlite(sqlite_tables)), 3, FakeOracleConnection.Error)
    else:
        tables: Tables = request.getfixturevalue("postgres_tables")
        values = ", ".join(f"({i}, '{name}', {'NULL' if k is None else k})" for i, name, k in _ROWS)
        tables.run(_CREATE, f"INSERT INTO o VALUES {values}")
        source = source_from_config({"sqlalchemy_url": tables.url})
        made = PostgresReader(source, 3) if request.param == "postgresql" else RowsReader(source, 3)
    with contextlib.closing(made):
        yield made


def _query(**more: Any) -> TableQuery:
    return TableQuery(TableRef(None, "o"), (_ID, _NAME, _KEY), **more)


def _ids(reader: Reader, query: TableQuery) -> list[int]:
    return [i for chunk in reader.chunks(query) for i in chunk.batch.column("id").to_pylist()]


def test_all_rows_come_in_chunks_of_the_contract_types(reader: Reader) -> None:
    """Every row once, no chunk above the fetch size, the columns' Arrow types as declared."""
    chunks = list(reader.chunks(_query()))

    rows = [tuple(row.values()) for chunk in chunks for row in chunk.batch.to_pylist()]
    assert sorted(rows) == _ROWS
    assert all(0 < chunk.batch.num_rows <= 3 and not chunk.misfits for chunk in chunks)
    assert {str(kind) for chunk in chunks for kind in chunk.batch.schema.types} == {"int64", "string"}


def test_bounds_and_order_hold(reader: Reader) -> None:
    """Bounds are kept, rows come in the order of the key, NULL keys only where they are asked for."""
    keyed = _query(key=_KEY, null_keys=False, bounds=(Bound(_KEY, ">=", 20), Bound(_KEY, "<", 90)))

    assert _ids(reader, keyed) == [2, 4, 5, 6, 7, 8]
    assert _ids(reader, _query(key=_KEY, null_keys=True)) == [3]
    assert _ids(reader, _query(key=_ID, null_keys=False, limit=4)) == [0, 1, 2, 3]


def test_questions_are_answered(reader: Reader) -> None:
    """Count of NULL keys, ends of a key, and a clock within a minute of ours."""
    assert reader.count_null_keys(TableRef(None, "o"), _KEY) == 1
    assert reader.key_range(_query(), _KEY) == (0, 90)
    empty = _query(bounds=(Bound(_KEY, ">=", 1000),))
    assert reader.key_range(empty, _KEY) == (None, None)
    assert abs(reader.clock() - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)


def test_a_missing_table_is_named(reader: Reader) -> None:
    """The database's complaint becomes ours, with the table's name."""
    with pytest.raises(TableMissingError, match="'gone'"):
        list(reader.chunks(TableQuery(TableRef(None, "gone"), (_ID,))))


def test_closing_twice_is_harmless(reader: Reader) -> None:
    """Close may be called again."""
    reader.close()
    reader.close()
