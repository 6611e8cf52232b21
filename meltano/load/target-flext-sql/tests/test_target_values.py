"""Every value arrives exactly, whichever way it came."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from target_harness import INTEGER, TEXT, Place, batch, load, parquet, records, schema, state

from target_flext_sql.columns import ColumnType, property_type
from target_flext_sql.conform import from_arrow
from target_flext_sql.values import arrow_type, build

DECIMAL = ColumnType("decimal", 38, 9)
exact_decimals = st.decimals(min_value=-(10**28), max_value=10**28, allow_nan=False, places=9)
texts = st.text(st.characters(exclude_categories=("Cs",)))
moments = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
aware = st.datetimes(dt.datetime(1, 1, 3), dt.datetime(9999, 12, 29), timezones=offsets)

CASES: dict[str, tuple[ColumnType, st.SearchStrategy[Any], Any, Any]] = {
    "integer": (ColumnType("integer"), st.integers(-(2**63), 2**63 - 1), lambda v: v, lambda v: v),
    "float": (ColumnType("float"), st.floats(allow_nan=False), lambda v: v, lambda v: v),
    "boolean": (ColumnType("boolean"), st.booleans(), lambda v: v, lambda v: v),
    "decimal": (DECIMAL, exact_decimals, str, lambda v: v),
    "unconstrained decimal": (ColumnType("decimal"), exact_decimals, str, str),
    "text": (ColumnType("text"), texts, lambda v: v, lambda v: v),
    "date": (ColumnType("date"), st.dates(), lambda v: v.isoformat(), lambda v: v),
    "time": (ColumnType("time", 6), st.times(), lambda v: v.isoformat(), lambda v: v),
    "timestamp": (ColumnType("timestamp", 6), moments, lambda v: v.isoformat(), lambda v: v),
    "timestamptz": (ColumnType("timestamptz", 6), aware, lambda v: v.isoformat(), lambda v: v.astimezone(dt.UTC)),
    "binary": (ColumnType("binary"), st.binary(), lambda v: base64.b64encode(v).decode(), lambda v: v),
}


@pytest.mark.parametrize("kind", CASES)
@given(data=st.data())
def test_json_values_keep_their_value_in_arrow(kind: str, data: st.DataObject) -> None:
    """What the contract writes as JSON is the same value in Arrow, nulls included."""
    column_type, strategy, to_json, expected = CASES[kind]
    values = data.draw(st.lists(st.none() | strategy, max_size=8))

    array, reasons = build([None if v is None else to_json(v) for v in values], column_type)

    assert reasons == {}
    assert array.type == arrow_type(column_type)
    assert array.to_pylist() == [None if v is None else expected(v) for v in values]


@pytest.mark.parametrize("kind", CASES)
@given(data=st.data())
def test_a_bad_neighbour_changes_no_value(kind: str, data: st.DataObject) -> None:
    """Value by value (which a bad row forces) gives the same as the whole column at once."""
    column_type, strategy, to_json, expected = CASES[kind]
    values = data.draw(st.lists(strategy, min_size=1, max_size=5))
    bad: Any = {"not": "a scalar"}

    array, reasons = build([*(to_json(v) for v in values), bad], column_type)

    assert list(reasons) == [len(values)]
    assert array.to_pylist() == [*(expected(v) for v in values), None]


@given(st.lists(st.integers(-(2**63) + 1, 2**63 - 1), min_size=1, max_size=5))
def test_nanoseconds_are_kept(values: list[int]) -> None:
    """Nine fractional digits survive text and Arrow."""
    source = pa.array(values, pa.timestamp("ns", tz="UTC"))
    text = [str(v).replace(" ", "T") for v in pa.compute.cast(source, pa.string()).to_pylist()]

    array, reasons = build(text, ColumnType("timestamptz", 9))

    assert reasons == {}
    assert array.cast(pa.int64()).to_pylist() == values


@pytest.mark.parametrize("value", [1.5, "1", True, 2**63, math.nan, math.inf, [1]])
def test_what_is_no_integer_is_no_integer(value: Any) -> None:
    """Nothing is rounded, parsed or taken for a number."""
    array, reasons = build([value, 1], ColumnType("integer"))

    assert (array.to_pylist(), list(reasons)) == ([None, 1], [0])


REFUSED = {
    "too many digits": (ColumnType("decimal", 4, 2), "100.00"),
    "too fine": (ColumnType("decimal", 4, 2), "1.005"),
    "no number": (ColumnType("decimal", 4, 2), "1_0"),
    "not finite": (ColumnType("decimal", 4, 2), "NaN"),
    "signalling": (ColumnType("decimal"), "sNaN"),
    "astronomical": (ColumnType("decimal"), "1E+999999"),
    "integer beyond a double": (ColumnType("float"), 10**400),
    "number as text": (ColumnType("text"), 5),
    "half a surrogate": (ColumnType("text"), "\ud800"),
    "day 30 of February": (ColumnType("date"), "2020-02-30"),
    "date with a time": (ColumnType("date"), "2020-02-20T10:00:00"),
    "time with a zone": (ColumnType("time", 6), "10:00:00+01:00"),
    "zone where there is none": (ColumnType("timestamp", 6), "2020-01-01T00:00:00Z"),
    "word": (ColumnType("timestamptz", 6), "yesterday"),
    "year beyond nanoseconds": (ColumnType("timestamp", 9), "2300-01-01T00:00:00"),
    "no base64": (ColumnType("binary"), "AP8"),
    "one as true": (ColumnType("boolean"), 1),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_value_that_would_change_is_refused(case: str) -> None:
    """A value that cannot be kept exactly is named, never bent."""
    column_type, value = REFUSED[case]

    array, reasons = build([value], column_type)

    assert array.to_pylist() == [None]
    assert reasons[0]


UNDERSTOOD = {
    "exponent": (ColumnType("decimal", 8, 2), "1E+3", Decimal("1000.00")),
    "number for a decimal": (ColumnType("decimal", 8, 2), 0.1, Decimal("0.10")),
    "integral float": (ColumnType("integer"), 3.0, 3),
    "timestamp without offset is UTC": (
        ColumnType("timestamptz", 6),
        "2020-01-01T00:00:00",
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
    ),
    "digits beyond microseconds are cut": (
        ColumnType("timestamptz", 6),
        "2020-01-01T00:00:00.123456789Z",
        dt.datetime(2020, 1, 1, 0, 0, 0, 123456, dt.UTC),
    ),
    "midnight for a date": (ColumnType("date"), "2020-01-01T00:00:00", dt.date(2020, 1, 1)),
    "blank for T": (ColumnType("timestamp", 6), "2020-01-01 10:00:00.5", dt.datetime(2020, 1, 1, 10, 0, 0, 500_000)),
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_what_other_taps_write_is_understood(case: str) -> None:
    """Common spellings that mean one value are taken for it."""
    column_type, value, expected = UNDERSTOOD[case]

    array, reasons = build([value], column_type)

    assert (array.to_pylist(), reasons) == ([expected], {})


TYPES: dict[str, tuple[dict[str, Any], str, bool]] = {
    "nullable integer": ({"type": ["integer", "null"]}, "integer", True),
    "plain integer": ({"type": "integer"}, "integer", False),
    "wide integer": ({"type": "integer", "maximum": 2**64}, "decimal(38,0)", False),
    "decimal": (
        {"type": ["string", "null"], "format": "singer.decimal", "precision": 12, "scale": 2},
        "decimal(12,2)",
        True,
    ),
    "free decimal": ({"type": "string", "format": "singer.decimal"}, "decimal", False),
    "number with a step": ({"type": "number", "multipleOf": 0.01}, "decimal(38,2)", False),
    "number with a tiny step": ({"type": "number", "multipleOf": 1e-10}, "decimal(38,10)", False),
    "number": ({"type": "number"}, "float", False),
    "naive timestamp": ({"type": "string", "format": "date-time", "x-timezone": "none"}, "timestamp", False),
    "nanoseconds": ({"type": "string", "format": "date-time", "x-precision": 9}, "timestamptz(9)", False),
    "nullable by anyOf": ({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}, "date", True),
    "date or any text": ({"anyOf": [{"type": "string", "format": "date"}, {"type": "string"}]}, "text", False),
    "integer or number": ({"type": ["integer", "number"]}, "float", False),
    "integer or text": ({"type": ["integer", "string"]}, "text", False),
    "text or array": ({"type": ["string", "array"]}, "json", False),
    "anything": ({}, "json", True),
}


@pytest.mark.parametrize("case", TYPES)
def test_schema_types(case: str) -> None:
    """A property becomes the narrowest type that holds all its values exactly."""
    prop, expected, nullable = TYPES[case]

    found, null = property_type(prop)

    assert (str(found), null) == (expected, nullable)


ARROW: dict[str, tuple[pa.Array, ColumnType, list[Any]]] = {
    "decimal256 as text": (
        pa.array([Decimal(10) ** 60], pa.decimal256(70, 3)),
        ColumnType("decimal"),
        ["1" + "0" * 60 + ".000"],
    ),
    "int32": (pa.array([1], pa.int32()), ColumnType("integer"), [1]),
    "integral decimal": (pa.array([Decimal(5)], pa.decimal128(10, 0)), ColumnType("integer"), [5]),
    "milliseconds": (
        pa.array([1], pa.timestamp("ms")),
        ColumnType("timestamp", 6),
        [dt.datetime(1970, 1, 1, 0, 0, 0, 1000)],
    ),
    "another zone": (
        pa.array([0], pa.timestamp("us", tz="Asia/Tokyo")),
        ColumnType("timestamptz", 6),
        [dt.datetime(1970, 1, 1, tzinfo=dt.UTC)],
    ),
    "list as JSON": (pa.array([[1, 2]]), ColumnType("json"), ["[1,2]"]),
    "struct as JSON": (pa.array([{"a": Decimal("1.10")}]), ColumnType("json"), ['{"a":1.10}']),
    "ISO text": (
        pa.array(["2020-01-01T00:00:00Z"]),
        ColumnType("timestamptz", 6),
        [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)],
    ),
    "nothing": (pa.nulls(1), ColumnType("date"), [None]),
}


@pytest.mark.parametrize("case", ARROW)
def test_parquet_columns_of_other_writers_are_understood(case: str) -> None:
    """A column whose Arrow type differs from the contract's is brought to it without losing a value."""
    array, column_type, expected = ARROW[case]

    found, reasons = from_arrow(array, column_type)

    assert (found.to_pylist(), reasons) == (expected, {})


# Through the databases


EDGES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "largest NUMBER(38)": ({"format": "singer.decimal", "precision": 38, "scale": 0}, "9" * 38, Decimal("9" * 38)),
    "smallest NUMBER(38,38)": (
        {"format": "singer.decimal", "precision": 38, "scale": 38},
        "-0." + "9" * 38,
        Decimal("-0." + "9" * 38),
    ),
    "microsecond": (
        {"format": "date-time"},
        "2024-02-29T23:59:59.999999-14:00",
        dt.datetime(2024, 3, 1, 13, 59, 59, 999999, dt.UTC),
    ),
    "first year": ({"format": "date-time", "x-timezone": "none"}, "0001-01-01T00:00:00", dt.datetime(1, 1, 1)),
    "last date": ({"format": "date"}, "9999-12-31", dt.date(9999, 12, 31)),
    "last microsecond": ({"format": "time"}, "23:59:59.999999", dt.time(23, 59, 59, 999999)),
    "zero bytes": ({"contentEncoding": "base64"}, "AAAA/w==", b"\0\0\0\xff"),
    "empty bytes": ({"contentEncoding": "base64"}, "", b""),
    "empty text": ({}, "", ""),
    "long text": ({}, "ü€😀" * 400_000, "ü€😀" * 400_000),
}


@pytest.mark.parametrize("case", EDGES)
def test_edge_values_arrive_exactly(place: Place, case: str) -> None:
    """The values at the edge of each type are the same in the table."""
    prop, value, expected = EDGES[case]
    shape = schema("s", {"id": INTEGER, "v": {"type": ["string", "null"], **prop}}, ["id"])

    load(place.config, shape, records("s", [{"id": 1, "v": value}, {"id": 2, "v": None}]))

    assert place.rows("s") == [(1, expected), (2, None)]


@pytest.mark.parametrize("precision", [70, None])
def test_decimals_beyond_38_digits_are_exact(place: Place, tmp_path: Path, precision: int | None) -> None:
    """DuckDB keeps them as text, PostgreSQL as numeric; RECORD and Parquet agree."""
    digits = "1234567890" * 5 + ".125"
    prop = {"type": ["string", "null"], "format": "singer.decimal"} | (
        {"precision": 70, "scale": 3} if precision else {}
    )
    table = pa.table({"id": [2], "v": pa.array([Decimal(digits)], pa.decimal256(70, 3))})

    load(
        place.config,
        schema("s", {"id": INTEGER, "v": prop}, ["id"]),
        records("s", [{"id": 1, "v": digits}]),
        batch("s", parquet(tmp_path / "b.parquet", table)),
    )

    value = digits if place.dialect == "duckdb" else Decimal(digits)
    assert place.rows("s") == [(1, value), (2, value)]


def test_nanoseconds_arrive_exactly(place: Place, tmp_path: Path) -> None:
    """DuckDB has a type for them; PostgreSQL keeps the ISO text."""
    prop = {"type": ["string", "null"], "format": "date-time", "x-precision": 9}
    table = pa.table({"id": [2], "v": pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", tz="UTC"))})

    load(
        place.config,
        schema("s", {"id": INTEGER, "v": prop}, ["id"]),
        records("s", [{"id": 1, "v": "2023-11-14T23:13:20.123456789+01:00"}]),
        batch("s", parquet(tmp_path / "b.parquet", table)),
    )

    cast = "CAST(CAST(v AS VARCHAR) AS VARCHAR)" if place.dialect == "duckdb" else "v"
    found = [str(v).replace(" ", "T").replace("+00", "Z") for _, v in place.rows("s", f"id, {cast}")]
    assert found == ["2023-11-14T22:13:20.123456789Z"] * 2


def test_json_keeps_its_numbers(place: Place) -> None:
    """A fraction inside of JSON keeps every digit."""
    raw = '{"type":"RECORD","stream":"s","record":{"id":1,"v":{"a":[0.1234567890123456789012345,1e5],"ü":null}}}'

    load(place.config, schema("s", {"id": INTEGER, "v": {"type": ["object", "null"]}}, ["id"]), raw)

    ((text,),) = place.sql(f"SELECT CAST(v AS VARCHAR(200)) FROM {place.ref('s')}")
    assert json.loads(text, parse_float=Decimal) == {
        "a": [Decimal("0.1234567890123456789012345"), Decimal("1E+5")],
        "ü": None,
    }


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"NaN"', '"Infinity"', '"-Infinity"'])
def test_not_a_number_is_a_double(place: Place, value: str) -> None:
    """NaN and the infinities arrive, as Python writes them and as JSON strings (tap-flext-sql)."""
    raw = f'{{"type":"RECORD","stream":"s","record":{{"id":1,"v":{value}}}}}'

    load(place.config, schema("s", {"id": INTEGER, "v": {"type": ["number", "null"]}}, ["id"]), raw)

    ((found,),) = place.sql(f"SELECT v FROM {place.ref('s')}")
    assert str(found) == str(float(value.strip('"')))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.tuples(exact_decimals, texts.map(lambda t: t.replace("\0", "")), aware), min_size=1, max_size=4)
)
def test_any_values_arrive_exactly(duckdb_place: Place, values: list[tuple[Decimal, str, dt.datetime]]) -> None:
    """Decimals, texts and timestamps of any kind go through RECORD, upsert and the file unchanged."""
    props = {
        "id": INTEGER,
        "n": {"type": ["string", "null"], "format": "singer.decimal", "precision": 38, "scale": 9},
        "t": TEXT,
        "moment": {"type": ["string", "null"], "format": "date-time"},
    }
    rows = [{"id": i, "n": str(n), "t": t, "moment": at.isoformat()} for i, (n, t, at) in enumerate(values)]

    load(
        {**duckdb_place.config, "load_method": "overwrite", "publish_on": "end_of_input"},
        schema("s", props, ["id"]),
        records("s", rows),
        state(s={}),
    )

    expected = [(i, n, t, at.astimezone(dt.UTC)) for i, (n, t, at) in enumerate(values)]
    assert duckdb_place.rows("s", "id, n, t, moment", "1") == expected
