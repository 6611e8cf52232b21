"""Splitting a full table by its key."""

from __future__ import annotations

import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_columnar.columns import Column, Kind
from singer_columnar.errors import SettingsError
from singer_columnar.testing import batches_in
from tap_running import discover, sync

from tap_flext_sql.errors import ColumnMissingError
from tap_flext_sql.query import TableQuery
from tap_flext_sql.ranges import split
from tap_flext_sql.table_ref import TableRef

_TABLE = "CREATE TABLE o (id INTEGER PRIMARY KEY, k INTEGER, m TIMESTAMP, t TEXT)"
_START = dt.datetime(2024, 1, 1)


def _rows(count: int) -> list[tuple[object, ...]]:
    return [
        (n, None if n % 50 == 7 else (n * 37) % 1000, (_START + dt.timedelta(hours=n)).isoformat(), f"text {n}")
        for n in range(count)
    ]


@pytest.mark.parametrize("key", ["id", "k", "m"])
@pytest.mark.parametrize("ranges", [2, 7, 100])
def test_a_split_read_equals_an_unsplit_one(sqlite_tables: Any, tmp_path: Path, key: str, ranges: int) -> None:
    """Whatever the key and the number of ranges: the same rows, each once, in the order of the key."""
    path = sqlite_tables(_TABLE, o=_rows(500))
    config = {"dialect": "sqlite", "database": str(path), "fetch_rows": 20, "split_parallel": 3}
    options = {"table_options": {"o": {"split_key": key, "split_ranges": ranges}}}
    plain = sync({**config, **batches_in(tmp_path / "plain")}).table.sort_by("id")

    output = sync({**config, **options, **batches_in(tmp_path / "split")})

    assert output.table.sort_by("id").equals(plain)
    keys = [value for value in output.table.column(key).to_pylist() if value is not None]
    assert keys == sorted(keys)
    assert output.kinds[-2:] == ["ACTIVATE_VERSION", "STATE"]


def test_the_primary_key_is_the_default_split_key(sqlite_tables: Any) -> None:
    """split_ranges alone splits by a single integer primary key."""
    path = sqlite_tables(_TABLE, o=_rows(100))

    records = sync({"dialect": "sqlite", "database": str(path), "split_ranges": 5}).records

    assert [record["id"] for record in records] == list(range(100))


def test_a_text_column_cannot_split(sqlite_tables: Any) -> None:
    """A split key that is no integer, date or timestamp is refused by name."""
    config = {"dialect": "sqlite", "database": str(sqlite_tables(_TABLE)), "split_ranges": 2}

    with pytest.raises(SettingsError, match="'o' cannot be split by 't'"):
        sync({**config, "table_options": {"o": {"split_key": "t"}}})


def test_an_error_while_ranges_are_read_is_raised(sqlite_tables: Any) -> None:
    """A column that is gone is named, also by the threads that read ranges."""
    path = sqlite_tables(_TABLE, o=_rows(100))
    config = {"dialect": "sqlite", "database": str(path), "split_ranges": 3}
    catalog = discover(config)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE o DROP COLUMN t")
    connection.close()

    with pytest.raises(ColumnMissingError, match="table 'o' has not all the columns"):
        sync(config, catalog)


@given(low=st.integers(-(2**62), 2**62), width=st.integers(0, 2**62), ranges=st.integers(1, 50), data=st.data())
def test_every_key_is_in_exactly_one_range(low: int, width: int, ranges: int, data: st.DataObject) -> None:
    """Ranges touch and do not overlap; keys outside of the known ends belong to the first and the last."""
    key = Column("k", Kind.INTEGER, nullable=False)
    value = data.draw(st.integers(low - 5, low + width + 5))

    parts = split(TableQuery(TableRef(None, "t"), (key,)), key, low, low + width, ranges)

    def holds(part: TableQuery) -> bool:
        return all(value >= b.value if b.operator == ">=" else value < b.value for b in part.bounds)

    assert sum(holds(part) for part in parts) == 1
    assert len(parts) <= ranges
