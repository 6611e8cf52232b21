"""Columns and their values: what a catalog keeps of a column, what a RECORD keeps of a value."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from singer_columnar.columns import Column, Kind, arrow_schema, column_from_schema
from singer_columnar.record_lines import RecordLines, plain_records

_OF_KIND: dict[Kind, tuple[Column, st.SearchStrategy[Any]]] = {
    Kind.INTEGER: (Column("v", Kind.INTEGER), st.integers(-(2**63), 2**63 - 1)),
    Kind.DECIMAL: (Column("v", Kind.DECIMAL, precision=20, scale=9), st.decimals(-(10**9), 10**9, places=9)),
    Kind.FLOAT: (Column("v", Kind.FLOAT), st.floats(allow_nan=False, allow_infinity=False)),
    Kind.BOOLEAN: (Column("v", Kind.BOOLEAN), st.booleans()),
    Kind.DATE: (Column("v", Kind.DATE), st.dates()),
    Kind.TIMESTAMP: (Column("v", Kind.TIMESTAMP), st.datetimes()),
    Kind.TIMESTAMP_TZ: (Column("v", Kind.TIMESTAMP_TZ), st.datetimes(timezones=st.just(dt.UTC))),
    Kind.TIME: (Column("v", Kind.TIME), st.times()),
    Kind.TEXT: (Column("v", Kind.TEXT), st.text(st.characters(codec="utf-8"))),
}


def _read(text: Any, kind: Kind) -> Any:
    match kind:
        case Kind.DECIMAL:
            return decimal.Decimal(text)
        case Kind.DATE:
            return dt.date.fromisoformat(text)
        case Kind.TIMESTAMP | Kind.TIMESTAMP_TZ:
            return dt.datetime.fromisoformat(text)
        case Kind.TIME:
            return dt.time.fromisoformat(text)
        case _:
            return text


@given(kind=st.sampled_from(sorted(_OF_KIND)), data=st.data())
def test_a_record_keeps_every_value(kind: Kind, data: st.DataObject) -> None:
    """The line of a RECORD is one line of JSON, and holds what went in, NULL too."""
    column, values = _OF_KIND[kind]
    wanted = [data.draw(values), None]
    batch = pa.RecordBatch.from_arrays([pa.array(wanted, column.arrow_type())], schema=arrow_schema([column]))

    lines = RecordLines("s", [column], version=7).encode(batch, "2026-01-01T00:00:00+00:00").decode()

    messages = [json.loads(line) for line in lines.removesuffix("\n").split("\n")]
    assert [one["version"] for one in messages] == [7, 7]
    assert [_read(one["record"]["v"], kind) if one["record"]["v"] is not None else None for one in messages] == wanted
    assert plain_records(batch, [column]) == [one["record"] for one in messages]


@pytest.mark.parametrize(("value", "text"), [(float("nan"), "NaN"), (float("-inf"), "-Infinity")])
def test_floats_that_json_has_no_number_for_go_as_texts(value: float, text: str) -> None:
    """They are not lost as NULL."""
    column = Column("v", Kind.FLOAT)
    batch = pa.RecordBatch.from_arrays([pa.array([value])], schema=arrow_schema([column]))

    assert plain_records(batch, [column]) == [{"v": text}]


@given(
    kind=st.sampled_from(sorted(Kind)),
    nullable=st.booleans(),
    digits=st.sampled_from([6, 9]),
    declared=st.sampled_from(["", "NUMBER(5)"]),
)
def test_a_column_survives_the_catalog(kind: Kind, nullable: bool, digits: int, declared: str) -> None:
    """What its JSON schema says is read back as the same column."""
    size = {"precision": 12, "scale": 3} if kind is Kind.DECIMAL else {}
    fraction = {"fraction_digits": digits} if kind in {Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.TIME} else {}
    column = Column("v", kind, nullable=nullable, declared=declared, **size, **fraction)

    assert column_from_schema("v", json.loads(json.dumps(column.json_schema()))) == column
