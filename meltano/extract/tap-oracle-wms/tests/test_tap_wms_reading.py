"""Every row comes once, in every mode, and what leaves says what the server says."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from singer_columnar.testing import batches_in
from tap_running import discover, sync
from tap_wms_server import WmsServer

MODES = [
    pytest.param({"page_mode": mode, "concurrency": parallel}, id=f"{mode}-{parallel}")
    for mode in ("sequenced", "paged")
    for parallel in (1, 4)
]
METHODS = [pytest.param({"enable_incremental": wanted}, id=f"incremental-{wanted}") for wanted in (True, False)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", METHODS)
def test_every_row_comes_exactly_once(wms: WmsServer, mode: dict[str, object], method: dict[str, object]) -> None:
    """Pages of 7 rows, followed or counted, one at a time or four: the ids are those of the server, none twice."""
    output = sync(wms.config("order_dtl", page_size=7, **mode, **method))

    ids = [record["id"] for record in output.records]
    assert len(ids) == len(set(ids))
    assert sorted(ids) == wms.ids("order_dtl")


def test_an_incremental_stream_comes_in_the_order_of_its_key(wms: WmsServer) -> None:
    """Read in four windows at a time, rows still leave from the oldest change to the newest."""
    keys = [record["mod_ts"] for record in sync(wms.config("order_dtl", page_size=20)).records]

    assert keys == sorted(keys)


def test_a_full_stream_comes_from_the_highest_id_down(wms: WmsServer) -> None:
    """So that a stopped read goes on below the lowest id."""
    ids = [record["id"] for record in sync(wms.config("order_dtl", page_size=20, enable_incremental=False)).records]

    assert ids == sorted(ids, reverse=True)


def test_pages_are_asked_for_side_by_side(wms: WmsServer) -> None:
    """With concurrency 4, several requests are under way at once; with 1 never more than one."""
    wms.fault("slow", seconds=0.05, times=500, path="order_dtl/?")
    sync(wms.config("order_dtl", page_size=20, concurrency=4, use_metadata_only=True))
    several = max(one["at_once"] for one in wms.seen("order_dtl"))
    wms.reset()

    sync(wms.config("order_dtl", page_size=20, concurrency=1, use_metadata_only=True))

    assert 2 <= several <= 4
    assert max(one["at_once"] for one in wms.seen("order_dtl")) == 1


def test_parquet_and_records_hold_the_same_rows(wms: WmsServer, tmp_path: Path) -> None:
    """A BATCH of Parquet has exactly the values of the RECORD lines, decimals and instants included."""
    entities = ("order_hdr", "inventory", "item")
    records = sync(wms.config(*entities))
    batches = sync({**wms.config(*entities), **batches_in(tmp_path)})

    for entity in entities:
        lines = [message["record"] for message in records.of("RECORD") if message["stream"] == entity]
        tables = [file for file in batches.files if file.name.startswith(entity)]
        import pyarrow.parquet as pq

        rows = [row for file in tables for row in pq.read_table(file).to_pylist()]
        assert [row["id"] for row in rows] == [line["id"] for line in lines]
        assert [row["mod_ts"].isoformat(timespec="microseconds") for row in rows] == [line["mod_ts"] for line in lines]
        if entity == "inventory":
            assert [row["curr_qty"] for row in rows] == [Decimal(line["curr_qty"]) for line in lines]


def test_references_and_sets_become_flat_columns(wms: WmsServer) -> None:
    """``facility_id`` {id, key, url} becomes id and key, ``order_dtl_set`` its count; a status stays one number."""
    (order,) = [r for r in sync(wms.config("order_hdr")).records if r["id"] == 1]

    assert (order["facility_id"], order["facility_key"]) == (2, "DC02")
    assert (order["company_id"], order["company_key"]) == (1, "ACME")
    assert (order["order_dtl_set"], order["order_dtl_set_count"]) == (None, 3)
    assert order["status_id"] == 90
    assert not any(name.endswith("_url") or name == "url" for name in order)


def test_discovery_reads_fields_and_not_parameters(wms: WmsServer) -> None:
    """``order_dtl_set`` is a field but no filter parameter, and is in the catalog all the same."""
    (stream,) = discover(wms.config("order_hdr"))["streams"]

    assert {"order_dtl_set_count", "order_nbr", "mod_ts"} <= stream["schema"]["properties"].keys()
    assert stream["key_properties"] == ["id"]
    assert (stream["replication_method"], stream["replication_key"]) == ("INCREMENTAL", "mod_ts")


def test_an_entity_without_rows_is_an_empty_stream(wms: WmsServer) -> None:
    """The server's 404 on a collection means no rows: no error, a SCHEMA, a STATE."""
    output = sync(wms.config("iblpn"))

    assert output.records == []
    assert output.kinds[0] == "SCHEMA"
    assert output.kinds[-1] == "STATE"


def test_facility_and_company_narrow_what_is_read(wms: WmsServer) -> None:
    """Entities with a facility by it, others by the filter that the settings name, entities with neither not at all."""
    config = wms.config(
        "order_hdr", "order_dtl", "order_type", facility_code="DC01",
        facility_filters={"order_dtl": "order_id__facility_id__code"},
    )  # fmt: skip

    output = sync(config)

    by_stream = {
        stream: {m["record"]["id"] for m in output.of("RECORD") if m["stream"] == stream}
        for stream in ("order_hdr", "order_dtl", "order_type")
    }
    assert by_stream["order_hdr"] == set(wms.ids("order_hdr", facility_id__code="DC01"))
    assert by_stream["order_dtl"] == set(wms.ids("order_dtl", order_id__facility_id__code="DC01"))
    assert by_stream["order_type"] == set(wms.ids("order_type"))
    assert 0 < len(by_stream["order_hdr"]) < len(wms.ids("order_hdr"))


def test_only_selected_fields_are_asked_for(wms: WmsServer) -> None:
    """Deselected fields are neither sent nor fetched; the id and the replication key always are."""
    catalog = discover(wms.config("item"))
    for entry in catalog["streams"][0]["metadata"]:
        entry["metadata"]["selected"] = not entry["breadcrumb"] or entry["breadcrumb"][1] == "code"
    wms.reset()

    output = sync(wms.config("item"), catalog=catalog)

    assert set(output.schema) == {"id", "mod_ts", "code"}
    assert {tuple(record) for record in output.records} == {("id", "mod_ts", "code")}
    assert all(
        "fields=code%2Cid%2Cmod_ts" in one["query"] or "page_size=1" in one["query"] for one in wms.seen("item/")
    )


def test_the_schema_survives_the_catalog(wms: WmsServer) -> None:
    """A sync by the catalog that discovery wrote sends the same messages as one without a catalog."""
    config = wms.config("order_hdr", "inventory")
    entities = ("SCHEMA", "RECORD")

    with_catalog = sync(config, catalog=discover(config))

    def told(output: object) -> list[object]:
        messages = output.messages  # type: ignore[attr-defined]
        return [{k: v for k, v in m.items() if k != "time_extracted"} for m in messages if m["type"] in entities]

    assert told(with_catalog) == told(sync(config))
