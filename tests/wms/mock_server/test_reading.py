"""Reading collections: pages, cursors, filters, order, representations; as the REST guide describes them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.wms.mock_server.entities import ENTITIES, Kind
from flext_pipelines.wms.mock_server.generator import Generator
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.mock_server.query import Selections, parse_query
from flext_pipelines.wms.mock_server.serving import running

if TYPE_CHECKING:
    from flext_pipelines.wms.mock_server.serving import Running

Json = dict[str, Any]


def all_rows(client: httpx.Client, entity: str, **params: str) -> list[Json]:
    """Every row, by following the links."""
    rows: list[Json] = []
    answer = client.get(f"/{entity}/", params=params)
    while answer.status_code == 200:
        body = answer.json()
        rows += body["results"]
        if not body["next_page"]:
            return rows
        answer = client.get(body["next_page"])
    return rows


def test_the_root_lists_the_entities_with_their_urls(reader: httpx.Client) -> None:
    """A sorted object of names and base URLs."""
    listed = reader.get("/").json()

    assert list(listed) == sorted(ENTITIES)
    assert listed["item"].endswith("/entity/item")


def test_describe_tells_parameters_from_fields(reader: httpx.Client) -> None:
    """A set is a field, but nothing can be filtered by it."""
    told = reader.get("/order_hdr/describe/").json()

    assert told["fields"]["order_nbr"] == {"type": "varchar", "required": "X", "allow_blank": False, "max_length": 50}
    assert told["fields"]["facility_id"]["type"] == "relation"
    assert "order_dtl_set" in told["fields"]
    assert "order_dtl_set" not in told["parameters"]


def test_a_paged_answer_counts(reader: httpx.Client) -> None:
    """Count of rows and pages, number and links of pages."""
    body = reader.get("/order_hdr/", params={"page_size": 30, "page": 2}).json()

    assert (body["result_count"], body["page_count"], body["page_nbr"]) == (100, 4, 2)
    assert len(body["results"]) == 30
    assert "page=3" in body["next_page"]
    assert "page=1" in body["previous_page"]


def test_a_sequenced_answer_has_a_cursor_and_no_counts(reader: httpx.Client) -> None:
    """Only links and rows."""
    body = reader.get("/order_hdr/", params={"page_size": 30, "page_mode": "sequenced"}).json()

    assert body.keys() == {"next_page", "previous_page", "results"}
    assert "cursor=" in body["next_page"]


@pytest.mark.parametrize("mode", ["paged", "sequenced"])
@pytest.mark.parametrize("ordering", ["", "id", "-id", "mod_ts", "-mod_ts", "shipto_city,-order_nbr", "req_ship_date"])
def test_every_row_comes_once_in_the_wanted_order(reader: httpx.Client, mode: str, ordering: str) -> None:
    """In both modes, by any field, falling or not."""
    rows = all_rows(reader, "order_hdr", page_mode=mode, ordering=ordering, page_size="7")

    assert sorted(row["id"] for row in rows) == list(range(1, 101))
    if ordering == "shipto_city,-order_nbr":
        cities = [row["shipto_city"] for row in rows]
        assert cities == sorted(cities)
    elif ordering and "," not in ordering:
        values = [row[ordering.lstrip("-")] for row in rows]
        assert values == sorted(values, reverse=ordering.startswith("-"))


@pytest.mark.parametrize(
    ("params", "holds"),
    [
        ({"order_nbr": "SO00000007"}, lambda row: row["order_nbr"] == "SO00000007"),
        ({"status_id__in": "20,90"}, lambda row: row["status_id"] in {20, 90}),
        ({"status_id__range": "20,90"}, lambda row: 20 <= row["status_id"] <= 90),
        ({"id__gte": "10", "id__lt": "20"}, lambda row: 10 <= row["id"] < 20),
        ({"order_nbr__contains": "0009"}, lambda row: "0009" in row["order_nbr"]),
        ({"order_nbr__istartswith": "so0000001"}, lambda row: row["order_nbr"].startswith("SO0000001")),
        ({"order_shipped_ts__isnull": "true"}, lambda row: row["order_shipped_ts"] is None),
        ({"mod_ts__month": "3"}, lambda row: row["mod_ts"][5:7] == "03"),
        ({"facility_id__code": "DC02"}, lambda row: row["facility_id"]["key"] == "DC02"),
        ({"facility_id__code__in": "DC02,DC03"}, lambda row: row["facility_id"]["key"] != "DC01"),
        ({"facility_id__parent_company_id__code": "ACME"}, lambda row: True),
        ({"status_id!": "90"}, lambda row: row["status_id"] != 90),
        ({"mod_ts__gte": "2026-06-01T00:00:00"}, lambda row: row["mod_ts"] >= "2026-06-01"),
        ({"mod_ts__gte": "2026-06-01T02:00:00+02:00"}, lambda row: row["mod_ts"] >= "2026-06-01"),
    ],
)
def test_filters_keep_exactly_what_they_say(reader: httpx.Client, params: dict[str, str], holds: Any) -> None:
    """Lookups, references, negation, times with and without a zone."""
    everything = all_rows(reader, "order_hdr", page_size="1250")

    kept = all_rows(reader, "order_hdr", page_size="1250", **params)

    assert [row["id"] for row in kept] == [row["id"] for row in everything if holds(row)]
    assert kept


def test_nothing_found_is_a_404_with_the_documented_body(reader: httpx.Client) -> None:
    """A collection without rows, a page beyond the last, an id that is not there."""
    answers = [reader.get(path) for path in ("/item/?code=NOPE", "/item/?page=99", "/item/999999", "/iblpn/")]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert answers[0].json().keys() == {"reference", "code", "message"}


@pytest.mark.parametrize(
    "query", ["nope=1", "page_size=1251", "page_size=0", "page_mode=odd", "ordering=nope", "status_id=abc",
              "fields=nope", "mod_ts__gte=yesterday", "order_nbr__like=x", "cursor=odd&page_mode=sequenced",
              "order_dtl_set=1"]
)  # fmt: skip
def test_a_wrong_parameter_is_refused_by_name(reader: httpx.Client, query: str) -> None:
    """400 with details."""
    answer = reader.get(f"/order_hdr/?{query}")

    assert answer.status_code == 400
    assert answer.json()["code"] == "VALIDATION_ERROR"
    assert answer.json()["details"]


def test_references_and_sets_are_links(reader: httpx.Client) -> None:
    """A reference has id, key and URL, a set its count and URL; a status is only its id; the links lead there."""
    order = reader.get("/order_hdr/1").json()

    facility = order["facility_id"]
    assert (facility["id"], facility["key"]) == (2, "DC02")
    assert reader.get(facility["url"]).json()["code"] == "DC02"
    assert order["order_dtl_set"]["result_count"] == 3
    assert reader.get(order["order_dtl_set"]["url"]).json()["result_count"] == 3
    assert isinstance(order["status_id"], int)


def test_fields_and_values_list_choose_what_is_shown(reader: httpx.Client) -> None:
    """``fields`` keeps the shape, ``values_list`` follows references and renames."""
    fields = reader.get("/order_dtl/1?fields=id,ord_qty").json()
    values = reader.get("/order_dtl/", params={"id": "1", "values_list": "id,order_id__order_nbr:order"}).json()

    assert fields.keys() == {"id", "ord_qty"}
    assert values["results"] == [{"id": 1, "order": "SO00000001"}]


def test_xml_is_spoken_too(reader: httpx.Client) -> None:
    """A list is one ``list-item`` after the other, NULL an empty tag."""
    text = reader.get("/company/?format=xml").text

    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>')
    assert "<results><list-item><id>1</id>" in text
    assert "<parent_company_id></parent_company_id>" in text


def test_times_may_be_shown_with_an_offset() -> None:
    """The same instant, in the zone that was asked for."""
    zone = dt.timezone(dt.timedelta(hours=-3))
    with running(make_server(orders=10, zone=zone)) as started:
        shown = httpx.get(f"{started.entity_url}/order_hdr/1", auth=("mock", "mock")).json()["mod_ts"]

    plain = Generator(10).row("order_hdr", 1)
    assert plain is not None
    assert shown.endswith("-03:00")
    assert dt.datetime.fromisoformat(shown) == dt.datetime.fromisoformat(plain["mod_ts"]).replace(tzinfo=dt.UTC)


def test_a_cursor_survives_changes_and_deletions(client: httpx.Client, server: Running) -> None:
    """Rows that nobody touches come exactly once, whatever happens to others between the pages."""
    warehouse = server.server.warehouse
    rows = client.get("/item/", params={"page_mode": "sequenced", "page_size": 5, "ordering": "id"}).json()
    seen = [row["id"] for row in rows["results"]]
    while rows["next_page"]:
        warehouse.touch("item", 1, "somebody", remove=True)
        warehouse.touch("item", 1, "somebody")
        rows = client.get(rows["next_page"]).json()
        seen += [row["id"] for row in rows["results"]]

    left = {row["id"] for row in all_rows(client, "item", page_size="1250")}
    assert left <= set(seen)
    assert len(seen) == len(set(seen))


def test_a_changed_row_moves_to_the_end_of_the_changes(client: httpx.Client, server: Running) -> None:
    """``mod_ts`` follows every change, so that an incremental reader finds it."""
    before = all_rows(client, "item", ordering="mod_ts", page_size="1250")

    (touched,) = server.server.warehouse.touch("item", 1, "somebody")

    after = all_rows(client, "item", ordering="mod_ts", page_size="1250")
    assert after[-1]["id"] == touched
    assert after[-1]["mod_ts"] > before[-1]["mod_ts"]
    assert len(after) == len(before)


@given(st.sampled_from(sorted(ENTITIES)), st.integers(1, 40), st.data())
def test_generated_rows_keep_their_description(entity: str, orders: int, data: st.DataObject) -> None:
    """Whatever the size: ids without gaps, references that lead somewhere, times that rise, values of their kind."""
    made = Generator(orders)
    ids = made.ids(entity)
    if not ids:
        return
    number = data.draw(st.sampled_from(list(ids)))
    row = made.row(entity, number)

    assert row is not None
    for field in ENTITIES[entity].fields:
        value = row.get(field.name)
        if value is None:
            assert not field.required, field.name
        elif field.kind is Kind.RELATION:
            assert made.row(field.target, value) is not None, field.name
        elif field.kind is Kind.DECIMAL:
            assert Decimal(value).is_finite()
        elif field.kind is Kind.DATETIME:
            assert dt.datetime.fromisoformat(value).tzinfo is None
    following = made.row(entity, number + 1)
    assert following is None or following["mod_ts"] >= row["mod_ts"]


@given(
    st.dictionaries(
        st.sampled_from([f"{name}__{lookup}" for name in ("id", "mod_ts") for lookup in ("gte", "gt", "lt", "lte")]),
        st.integers(0, 400),
        max_size=3,
    ),
    st.sampled_from(["", "id", "-id", "mod_ts", "-mod_ts"]),
)
def test_ranges_are_found_as_a_scan_would_find_them(bounds: dict[str, int], ordering: str) -> None:
    """The quick way, by bisection, gives what looking at every row gives."""
    warehouse = make_server(orders=30).warehouse
    warehouse.touch("order_dtl", 3, "somebody")
    warehouse.touch("order_dtl", 2, "somebody", remove=True)
    start = dt.datetime(2026, 1, 1)  # noqa: DTZ001  as the server holds it
    given_ = {
        name: str(value) if name.startswith("id") else (start + dt.timedelta(days=value)).isoformat()
        for name, value in bounds.items()
    }
    query = parse_query(ENTITIES["order_dtl"], {**given_, "ordering": ordering, "page_size": "1250"})

    rows = list(warehouse.rows("order_dtl", warehouse.all_ids("order_dtl")))
    wanted = {row["id"] for row in rows if all(one.holds(row, warehouse) for one in query.conditions)}

    found = Selections(warehouse).page(query).rows if wanted else ()
    assert {row["id"] for row in found} == wanted
