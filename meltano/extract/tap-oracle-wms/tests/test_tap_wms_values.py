"""Types by metadata, name and sample; flat columns; and values that do not fit."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_columnar.columns import Kind

from tap_oracle_wms.columns import EntityColumn, Part, entity_column_from_schema
from tap_oracle_wms.field_types import FieldType, type_of
from tap_oracle_wms.flattening import columns_of, is_reference
from tap_oracle_wms.rows import Converter

NUMBER = FieldType(Kind.DECIMAL)
INSTANT = FieldType(Kind.TIMESTAMP_TZ)
FLAG = FieldType(Kind.BOOLEAN)


def text(length: int | None) -> FieldType:
    return FieldType(Kind.TEXT, length)


@pytest.mark.parametrize(
    ("described", "found"),
    [
        ("pk", FieldType(Kind.INTEGER)), ("varchar", text(255)), ("char", text(10)), ("number", NUMBER),
        ("decimal", NUMBER), ("integer", FieldType(Kind.INTEGER)), ("boolean", FLAG), ("datetime", INSTANT),
        ("date", FieldType(Kind.DATE)), ("time", FieldType(Kind.TIME)), ("text", text(4000)), ("clob", text(None)),
    ],
)  # fmt: skip
def test_metadata_decide_first(described: str, found: FieldType) -> None:
    """Whatever the field is called: the type of ``describe`` wins."""
    assert type_of("some_qty_flg_ts", {"type": described}) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("id", FieldType(Kind.INTEGER)), ("wave_id", FieldType(Kind.INTEGER)), ("item_key", text(255)),
        ("alloc_qty", NUMBER), ("sale_price", NUMBER), ("unit_weight", NUMBER), ("cust_decimal_3", NUMBER),
        ("cust_number_2", NUMBER), ("cust_date_1", INSTANT), ("picked_ts", INSTANT), ("ship_date", INSTANT),
        ("to_be_counted_flg", FLAG), ("is_active", FLAG), ("item_description", text(500)), ("pack_note", text(500)),
        ("reason_code", text(100)), ("cust_name", text(255)), ("cust_addr", text(500)), ("anything", text(255)),
    ],
)  # fmt: skip
def test_names_decide_where_metadata_say_nothing(name: str, found: FieldType) -> None:
    """The patterns of field names, then text."""
    assert type_of(name, None) == found


def test_a_sample_decides_where_the_name_says_nothing() -> None:
    """And the length that the metadata give wins over the usual one; beyond 4,000 it is no limit."""
    assert type_of("anything", None, sample=7) == FieldType(Kind.INTEGER)
    assert type_of("code", {"type": "varchar", "max_length": 30}) == text(30)
    assert type_of("note", {"type": "text", "max_length": 100_000}) == text(None)


def _columns(fields: dict[str, Any], samples: dict[str, Any] | None = None, **more: Any) -> dict[str, EntityColumn]:
    options = {"scale": 3, "dates_as_timestamps": True, "text_limit": 4000, **more}
    return {column.name: column for column in columns_of(fields, samples or {}, **options)}


def test_a_link_is_told_from_an_object() -> None:
    """It has an id or a key, and most of its names are those of a link."""
    assert is_reference({"id": 1, "key": "A", "url": "x"})
    assert is_reference({"key": "A"})
    assert not is_reference({"id": 1, "name": "A", "city": "B"})
    assert not is_reference({"url": "x"})


def test_references_sets_and_objects_become_columns() -> None:
    """Each by its own rule; statuses stay numbers, and no column takes the name of another."""
    columns = _columns(
        {"id": {"type": "pk"}, "item_id": {"type": "relation"}, "status_id": {"type": "relation"},
         "item_key": {"type": "varchar"}, "order_dtl_set": {"type": "set"}},
        {"vendor": {"id": 1, "key": "V", "url": ""}, "dims": {"size": {"length": 1, "unit": "m"}},
         "required_serial_nbr_list": [1]},
    )  # fmt: skip

    assert list(columns) == [
        "id", "item_id", "item_key", "status_id", "item_key_1", "order_dtl_set", "order_dtl_set_count",
        "order_dtl_set_total", "vendor_id", "vendor_key", "dims_size_length", "dims_size_unit",
        "required_serial_nbr_list", "required_serial_nbr_list_count", "required_serial_nbr_list_total",
    ]  # fmt: skip
    assert columns["item_key"].part is Part.REFERENCE_KEY
    assert columns["dims_size_length"].path == ("dims", "size", "length")


def test_a_column_is_the_same_after_the_catalog() -> None:
    """What discovery wrote into the schema is read back as it was."""
    columns = _columns(
        {"id": {"type": "pk"}, "item_id": {"type": "relation"}, "d": {"type": "date"}, "t": {"type": "time"},
         "n": {"type": "decimal"}, "f_flg": {"type": "boolean"}, "lines_set": {"type": "set"},
         "ts": {"type": "datetime"}}
    )  # fmt: skip

    for name, column in columns.items():
        assert entity_column_from_schema(name, json.loads(json.dumps(column.json_schema()))) == column


def _chunk(kind: Kind, *values: Any, timezone: str = "UTC", **more: Any) -> Any:
    column = EntityColumn("v", kind, path=("v",), **more)
    return Converter([column], timezone).chunk([{"v": value} for value in values])


def _fitted(kind: Kind, *values: Any, **more: Any) -> list[Any]:
    chunk = _chunk(kind, *values, **more)
    assert chunk.misfits == []
    found: list[Any] = chunk.batch.column(0).to_pylist()
    return found


def test_values_arrive_exactly() -> None:
    """Decimals as texts or numbers, truth in four spellings, instants with and without a zone, JSON texts."""
    assert _fitted(Kind.DECIMAL, "1.500", 2, Decimal("0.125"), None, scale=3) == [
        Decimal("1.500"), Decimal("2.000"), Decimal("0.125"), None,
    ]  # fmt: skip
    assert _fitted(Kind.BOOLEAN, True, "yes", "0", "", None) == [True, True, False, None, None]
    assert _fitted(Kind.INTEGER, 1, "2", "", None) == [1, 2, None, None]
    utc = dt.datetime(2026, 1, 5, 6, tzinfo=dt.UTC)
    assert _fitted(Kind.TIMESTAMP_TZ, "2026-01-05T06:00:00", "2026-01-05T06:00:00.000000", "") == [utc, utc, None]
    assert _fitted(Kind.TIMESTAMP_TZ, "2026-01-05T11:30:00+05:30", None) == [utc, None]
    assert _fitted(Kind.TEXT, "a", 5, [1, {"b": None}], True) == ["a", "5", '[1,{"b":null}]', "true"]


def test_instants_with_and_without_zones_may_be_mixed() -> None:
    """One page can hold both: those without are in the zone of the settings."""
    seven = dt.datetime(2026, 7, 1, 6, tzinfo=dt.UTC)

    found = _fitted(Kind.TIMESTAMP_TZ, "2026-07-01T07:00:00", "2026-07-01T06:00:00Z", timezone="Europe/Lisbon")

    assert found == [seven, seven]


@pytest.mark.parametrize(
    ("kind", "value", "reason", "more"),
    [
        (Kind.INTEGER, "many", "not a number", {}),
        (Kind.INTEGER, 2**63, "more than 64 bits", {}),
        (Kind.INTEGER, "1.5", "not a whole number", {}),
        (Kind.DECIMAL, "1.2345", "more than 3 digits after the point", {"scale": 3}),
        (Kind.DECIMAL, "NaN", "not a finite number", {"scale": 3}),
        (Kind.BOOLEAN, "perhaps", "neither true nor false", {}),
        (Kind.TIMESTAMP_TZ, "yesterday", "not an ISO 8601 date and time", {}),
        (Kind.TIMESTAMP, "2026-13-01", "not an ISO 8601 text of that type", {}),
        (Kind.TEXT, "x" * 11, "11 characters, 10 allowed", {"max_length": 10}),
    ],
)
def test_a_row_that_does_not_fit_leaves_alone(kind: Kind, value: Any, reason: str, more: dict[str, Any]) -> None:
    """It is named with its reason and sent with its raw value; the rows around it are sent as ever."""
    chunk = _chunk(kind, None, value, None, **more)

    (misfit,) = chunk.misfits
    assert misfit.reason.endswith(reason)
    assert misfit.record == {"v": value}
    assert misfit.position == 1
    assert chunk.batch.num_rows == 2


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(_JSON, max_size=8), st.sampled_from(Kind))
def test_no_row_is_lost_whatever_the_server_sends(values: list[Any], kind: Kind) -> None:
    """Any JSON in any column: each row is in the batch or among the misfits, and can be written as JSON."""
    chunk = _chunk(kind, *values, scale=3)

    assert chunk.batch.num_rows + len(chunk.misfits) == len(values)
    assert chunk.batch.schema.types == [EntityColumn("v", kind, path=("v",), scale=3).arrow_type()]
    msgspec.json.encode([misfit.record for misfit in chunk.misfits])


@given(st.decimals(min_value=-(10**20), max_value=10**20, places=3))
def test_decimals_keep_every_digit(number: Decimal) -> None:
    """As text and as JSON number alike."""
    as_text, as_number = _fitted(Kind.DECIMAL, str(number), number, scale=3)

    assert as_text == as_number == number
    assert as_text.as_tuple().exponent == -3
