"""Every value of SQLite survives, by RECORD and by BATCH."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_columnar.testing import Output, batches_in
from tap_running import sync

_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))
_CENTS = st.integers(-(10**11), 10**11).map(lambda cents: decimal.Decimal(cents).scaleb(-2))
_MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=5,
)

_ROWS = st.lists(
    st.tuples(
        st.none() | _INTEGERS,
        st.none() | _FLOATS,
        st.none() | _TEXTS,
        st.none() | st.binary(max_size=20),
        st.none() | _CENTS,
        st.none() | st.booleans(),
        st.none() | _MOMENTS,
        st.none() | st.dates(),
        st.none() | _JSON,
        st.none() | st.times(),
    ),
    min_size=1,
    max_size=12,
)
_TABLE = (
    "CREATE TABLE v (id INTEGER PRIMARY KEY, i INTEGER, f DOUBLE, t TEXT, b BLOB, d DECIMAL(13, 2), o BOOLEAN,"
    " m TIMESTAMP, y DATE, j JSON, c TIME)"
)


def _stored(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row as an application writes it to SQLite."""
    i, f, t, b, d, o, m, y, j, c = row
    return (i, f, t, b, None if d is None else float(d), o, m and m.isoformat(sep=" "), y and y.isoformat(),
            None if j is None else json.dumps(j, indent=1), c and c.isoformat())  # fmt: skip


def _read(rows: list[tuple[Any, ...]], fetch_rows: int) -> tuple[Output, list[dict[str, Any]]]:
    """The rows by RECORD, and the same by BATCH."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.db"
        connection = sqlite3.connect(path)
        connection.execute(_TABLE)
        connection.executemany(
            "INSERT INTO v VALUES (?,?,?,?,?,?,?,?,?,?,?)", [(n, *_stored(row)) for n, row in enumerate(rows)]
        )
        connection.commit()
        connection.close()
        config = {"dialect": "sqlite", "database": str(path), "fetch_rows": fetch_rows}
        batched = sync({**config, **batches_in(Path(folder) / "landing")})
        return sync(config), batched.table.to_pylist()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=_ROWS, fetch_rows=st.integers(1, 5))
def test_every_value_survives_as_record_and_as_batch(rows: list[tuple[Any, ...]], fetch_rows: int) -> None:
    """Whatever fits its declared type arrives equal, in RECORD lines and in Parquet files alike."""
    output, table = _read(rows, fetch_rows)

    assert [row["id"] for row in table] == list(range(len(rows)))
    for expected, row, record in zip(rows, table, output.records, strict=True):
        i, f, t, b, d, o, m, y, j, c = expected
        assert (row["i"], row["f"], row["t"], row["b"], row["d"]) == (i, f, t, b, d)
        assert (row["o"], row["m"], row["y"], row["c"]) == (o, m, y, c)
        assert (None if row["j"] is None else json.loads(row["j"])) == j
        assert (record["i"], record["f"], record["t"], record["o"], record["j"]) == (i, f, t, o, j)
        assert record["b"] == (None if b is None else base64.b64encode(b).decode())
        assert record["d"] == (None if d is None else f"{d:.2f}")
        assert (record["m"] and dt.datetime.fromisoformat(record["m"])) == m
        assert (record["y"] and dt.date.fromisoformat(record["y"])) == y
        assert (record["c"] and dt.time.fromisoformat(record["c"])) == c


def test_the_declared_type_decides_when_the_first_rows_are_null(sqlite_tables: Any, tmp_path: Path) -> None:
    """A column whose first rows are all NULL keeps its declared type, though the driver would guess integer."""
    rows = [(n, None, None, None) for n in range(3000)] + [(3000, 1.5, "x", b"\x00")]
    path = sqlite_tables("CREATE TABLE n (id INTEGER, f REAL, t TEXT, b BLOB)", n=rows)

    table = sync({"dialect": "sqlite", "database": str(path), **batches_in(tmp_path / "landing")}).table

    assert table.num_rows == 3001
    assert table.to_pylist()[-1] == {"id": 3000, "f": 1.5, "t": "x", "b": b"\x00"}
    assert [str(kind) for kind in table.schema.types] == ["int64", "double", "string", "binary"]


def test_an_empty_table_has_its_schema_and_no_rows(sqlite_tables: Any, tmp_path: Path) -> None:
    """A table without rows is announced and completed, in both modes."""
    path = sqlite_tables("CREATE TABLE e (id INTEGER PRIMARY KEY, t TEXT)")
    config = {"dialect": "sqlite", "database": str(path)}

    assert sync(config).kinds == ["SCHEMA", "ACTIVATE_VERSION", "STATE"]
    assert sync({**config, **batches_in(tmp_path / "landing")}).kinds == ["SCHEMA", "ACTIVATE_VERSION", "STATE"]


def test_a_text_of_a_megabyte_and_zero_bytes_survive(sqlite_tables: Any, tmp_path: Path) -> None:
    """A CLOB above 1 MB and a RAW with zero bytes arrive whole, in chunks that stay small."""
    clob, raw = "ä" * 1_500_000, bytes(range(256)) * 5000
    path = sqlite_tables(
        "CREATE TABLE big (id INTEGER PRIMARY KEY, c CLOB, r RAW)", big=[(n, clob, raw) for n in range(3)]
    )
    config = {"dialect": "sqlite", "database": str(path)}

    table = sync({**config, **batches_in(tmp_path / "landing")}).table
    records = sync(config).records

    assert table.column("c").to_pylist() == [clob] * 3
    assert table.column("r").to_pylist() == [raw] * 3
    assert [base64.b64decode(record["r"]) for record in records] == [raw] * 3
    assert {record["c"] for record in records} == {clob}


def test_timestamps_with_an_offset_are_instants(sqlite_tables: Any, tmp_path: Path) -> None:
    """A column whose texts carry offsets is one with a time zone: the instant survives, whatever the offset."""
    texts = ["2024-01-01T10:00:00Z", "2024-01-01 12:00:00.5+02:00", "2023-12-31T23:00:00-11:00"]
    path = sqlite_tables("CREATE TABLE z (id INTEGER PRIMARY KEY, t TIMESTAMP)", z=list(enumerate(texts)))
    config = {"dialect": "sqlite", "database": str(path)}

    output = sync(config)
    table = sync({**config, **batches_in(tmp_path / "landing")}).table

    expected = [dt.datetime.fromisoformat(text) for text in texts]
    assert table.column("t").to_pylist() == expected
    assert [dt.datetime.fromisoformat(record["t"]) for record in output.records] == expected
    assert "x-timezone" not in output.schema["t"]


def test_nine_digits_of_a_second_survive(sqlite_tables: Any, tmp_path: Path) -> None:
    """A TIMESTAMP(9) keeps its nanoseconds."""
    path = sqlite_tables(
        "CREATE TABLE ns (id INTEGER PRIMARY KEY, t TIMESTAMP(9))", ns=[(1, "2024-01-01 10:00:00.123456789")]
    )
    config = {"dialect": "sqlite", "database": str(path)}

    output = sync(config)
    table = sync({**config, **batches_in(tmp_path / "landing")}).table

    assert output.schema["t"]["x-precision"] == 9
    assert output.records[0]["t"] == "2024-01-01T10:00:00.123456789"
    assert str(table.column("t")[0].cast("string")) == "2024-01-01 10:00:00.123456789"


def test_numbers_without_a_size_keep_every_digit(sqlite_tables: Any, tmp_path: Path) -> None:
    """An unconstrained NUMBER is sent as the exact text of what SQLite stores, without an exponent."""
    stored = [2**63 - 1, 2**53 + 1, 0.1, 1e-7, 12345.678, -3]
    path = sqlite_tables("CREATE TABLE x (id INTEGER PRIMARY KEY, n NUMBER)", x=list(enumerate(stored)))
    config = {"dialect": "sqlite", "database": str(path)}
    expected = ["9223372036854775807", "9007199254740993", "0.1", "0.0000001", "12345.678", "-3"]

    assert [record["n"] for record in sync(config).records] == expected
    assert sync({**config, **batches_in(tmp_path / "l")}).table.column("n").to_pylist() == expected
