"""Tables: their names, schemas and metadata columns."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from target_harness import (
    INTEGER,
    KEYED,
    ROWS,
    TEXT,
    Place,
    arrow,
    batch,
    load,
    parquet,
    records,
    schema,
)

from target_flext_sql.errors import (
    IdentifierError,
)


def test_names_are_quoted_and_kept_apart(place: Place) -> None:
    """Odd names arrive as they are; two that differ only in case stay two columns on every database."""
    name = 'We"ird; DROP -- ü'
    shape = schema("s", {"id": INTEGER, "ID": TEXT, name: TEXT, "select": TEXT}, ["id"])

    load(place.config, shape, records("s", [{"id": 1, "ID": "two", name: "x", "select": "y"}]))

    names = list(place.types("s"))
    assert names[0] == "id"
    assert names[1].startswith("ID")
    assert names[2:] == [name, "select"]
    columns = ", ".join('"' + column.replace('"', '""') + '"' for column in names)
    assert place.rows("s", columns, "1") == [(1, "two", "x", "y")]


def test_long_names_are_shortened_and_stay_apart(place: Place) -> None:
    """Names beyond the database's limit keep their start and get a hash; two of them never become one."""
    long = "x" * 300
    shape = schema("s" * 250, {"id": INTEGER, long + "1": TEXT, long + "2": TEXT}, ["id"])

    for _ in range(2):
        load(place.config, shape, records("s" * 250, [{"id": 1, long + "1": "one", long + "2": "two"}]))

    tables = place.sql(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{place.schema}'")
    table = next(name for (name,) in tables if name.startswith("sss"))
    assert len(table.encode()) <= 200
    one, two = list(place.types(table))[1:]
    assert place.rows(table, f'"{one}", "{two}"') == [("one", "two")]


def test_two_streams_never_share_a_table(place: Place) -> None:
    """default_target_schema would merge a-orders and b-orders: the target refuses."""
    with pytest.raises(IdentifierError, match="'a-orders' and 'b-orders' would both be loaded"):
        load(place.config, schema("a-orders", {"id": INTEGER}), schema("b-orders", {"id": INTEGER}))


def test_stream_schemas_are_used_without_a_default(duckdb_place: Place) -> None:
    """Without default_target_schema a-orders goes to schema a; a prefix and upper case are settings."""
    config = {**duckdb_place.config, "default_target_schema": None, "table_prefix": "wms_", "naming": "upper"}

    load(config, schema("a-orders", {"id": INTEGER}), records("a-orders", [{"id": 1}]))

    assert duckdb_place.sql('SELECT "ID" FROM "A"."WMS_ORDERS"') == [(1,)]


def test_metadata_columns_are_added_on_request(place: Place, tmp_path: Path) -> None:
    """add_record_metadata fills the SDK's columns for records and for batches."""
    config = {**place.config, "add_record_metadata": True}
    record = {**records("s", ROWS[:1], 7)[0], "time_extracted": "2024-05-01T10:00:00+02:00"}

    load(config, KEYED, record, batch("s", parquet(tmp_path / "b.parquet", arrow(ROWS[1:]))))

    rows = place.rows("s", "id, _sdc_extracted_at, _sdc_table_version, _sdc_received_at IS NOT NULL, _sdc_sequence > 0")
    extracted = dt.datetime(2024, 5, 1, 8, tzinfo=dt.UTC)
    assert rows == [(1, extracted, 7, True, True), (2, None, None, True, True), (3, None, None, True, True)]
