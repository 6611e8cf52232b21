"""Values that their declared type does not allow are never changed, never dropped, and named."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.errors import ValueMisfitError
from singer_columnar.testing import batches_in
from tap_running import sync

_TABLE = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, i INTEGER, f REAL, t TEXT, b BLOB, d DECIMAL(10, 2), o BOOLEAN,"
    " m TIMESTAMP, y DATE, j JSON)"
)
_GOOD: dict[str, Any] = {
    "i": 1, "f": 0.5, "t": "x", "b": b"\x00", "d": 12.34, "o": 1, "m": "2024-01-01 10:00:00", "y": "2024-01-01",
    "j": "{}",
}  # fmt: skip
_BAD: list[tuple[str, Any, Any]] = [
    ("i", "abc", "abc"),
    ("i", 5.5, 5.5),
    ("f", "x", "x"),
    ("t", b"\xff\x00", {"base64": "/wA="}),
    ("b", 5, 5),
    ("d", 12.345, 12.345),
    ("d", "much", "much"),
    ("d", 2**60, 2**60),
    ("o", 2, 2),
    ("o", "true", "true"),
    ("m", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
    ("m", 1700000000, 1700000000),
    ("y", "2024-02-30", "2024-02-30"),
    ("j", "{", "{"),
]


def _rows() -> list[tuple[object, ...]]:
    """A good row before, between and after the bad ones."""
    rows: list[dict[str, Any]] = [_GOOD]
    for column, stored, _ in _BAD:
        rows += [{**_GOOD, column: stored}, _GOOD]
    return [(number, *row.values()) for number, row in enumerate(rows)]


@pytest.mark.parametrize("fetch_rows", [1, 3, 1000])
def test_misfit_rows_travel_as_records_between_the_batches(sqlite_tables: Any, tmp_path: Path, fetch_rows: int) -> None:
    """Every good row is in a Parquet file, every other one in a RECORD with its raw value; none is lost or doubled."""
    path = sqlite_tables(_TABLE, t=_rows())
    config = {"dialect": "sqlite", "database": str(path), "fetch_rows": fetch_rows, "batch_rows": 4}

    output = sync({**config, **batches_in(tmp_path / "landing")})

    assert output.table.column("id").to_pylist() == list(range(0, 2 * len(_BAD) + 1, 2))
    assert [record["id"] for record in output.records] == list(range(1, 2 * len(_BAD), 2))
    for (column, _, raw), record in zip(_BAD, output.records, strict=True):
        assert record[column] == raw
        assert record["d"] == "12.34" or column == "d", "the row's other values stand as everywhere"


def test_a_misfit_is_named_with_stream_row_and_column(
    sqlite_tables: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The warning says which row of which stream, which column, what is wrong, and not the value itself."""
    path = sqlite_tables(_TABLE, t=[(7, *{**_GOOD, "i": "topsecret"}.values())])

    with caplog.at_level(logging.WARNING):
        sync({"dialect": "sqlite", "database": str(path), **batches_in(tmp_path / "landing")})

    (warning,) = [record.getMessage() for record in caplog.records if "does not fit" in record.getMessage()]
    assert "Stream 't', row {'id': 7}, column 'i': a text does not fit INTEGER: not an integer" in warning
    assert "topsecret" not in warning


def test_on_misfit_fail_stops_with_the_row(sqlite_tables: Any) -> None:
    """With on_misfit = fail the run ends with one clear error before the row is sent."""
    path = sqlite_tables(_TABLE, t=_rows())

    with pytest.raises(ValueMisfitError, match=r"row \{'id': 1\}, column 'i'.*set on_misfit to record"):
        sync({"dialect": "sqlite", "database": str(path), "on_misfit": "fail"})


def test_a_column_without_a_type_keeps_values_of_any_class(sqlite_tables: Any, tmp_path: Path) -> None:
    """An untyped column is text: numbers keep all their digits, only blobs that are no text are misfits."""
    values = [5, 0.1, 1e300, "text", None, 9007199254740993]
    path = sqlite_tables("CREATE TABLE u (id INTEGER PRIMARY KEY, v)", u=list(enumerate(values)))

    table = sync({"dialect": "sqlite", "database": str(path), **batches_in(tmp_path / "landing")}).table

    assert table.column("v").to_pylist() == ["5", "0.1", "1e+300", "text", None, "9007199254740993"]


def test_many_misfits_cost_no_row(sqlite_tables: Any, tmp_path: Path) -> None:
    """A table in which every tenth row misfits is read whole, the slow path taking over where it must."""
    rows = [(n, "x" if n % 10 == 5 else n) for n in range(5000)]
    path = sqlite_tables("CREATE TABLE m (id INTEGER PRIMARY KEY, v INTEGER)", m=rows)
    config = {"dialect": "sqlite", "database": str(path), "fetch_rows": 100, **batches_in(tmp_path / "landing")}

    output = sync(config)

    sent = output.table.column("id").to_pylist() + [record["id"] for record in output.records]
    assert sorted(sent) == list(range(5000))
    assert len(output.records) == 500
