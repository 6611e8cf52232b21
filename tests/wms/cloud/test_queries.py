"""Queries on Oracle WMS Cloud: every row once, summed exactly, page by page to the end."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from flext_pipelines.errors import CursorRefusedError, NotFoundError, UnavailableError
from flext_pipelines.wms.mock_server.serving import Running
from flext_pipelines.wms.requests import HealthAsked, OrderFilter, ShipmentNamed, StockFilter
from flext_pipelines.wms.values import OrderRow, StockRow
from tests.wms.cloud.conftest import Cloud, client_of

Rows = Callable[..., list[dict[str, Any]]]


def all_stock(cloud: Cloud, **asked: Any) -> list[StockRow]:
    """Every row of a search for stock, page by page."""
    found: list[StockRow] = []
    cursor = None
    while True:
        page = cloud.backend.inventory(StockFilter(cursor=cursor, **asked))
        found += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return found


def all_orders(cloud: Cloud, **asked: Any) -> list[OrderRow]:
    """Every row of a search for orders, page by page."""
    found: list[OrderRow] = []
    cursor = None
    while True:
        page = cloud.backend.orders(OrderFilter(cursor=cursor, **asked))
        found += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize(
    ("by", "limit"), [("lot", 7), ("lot", 1250), ("location", 7), ("location", 1250), ("item", 1), ("item", 1250)]
)
def test_stock_is_summed_over_all_pages(cloud: Cloud, rows: Rows, by: str, limit: int) -> None:
    """Whatever the size of a page, each group comes once, and the sums are those of the cloud's rows."""
    expected: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in rows("inventory"):
        expected[row["item_id"]["key"]][0] += Decimal(row["curr_qty"])
        expected[row["item_id"]["key"]][1] += Decimal(row["allocated_qty"])

    found = all_stock(cloud, by=by, limit=limit)

    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for one in found:
        sums[one.item_code][0] += one.on_hand
        sums[one.item_code][1] += one.allocated
    assert sums == expected
    groups = [(one.item_code, one.facility_code, one.location_barcode, one.batch_nbr) for one in found]
    assert len(groups) == len(set(groups))


def test_stock_is_filtered_by_the_cloud(cloud: Cloud, rows: Rows) -> None:
    """Item, location and facility narrow the search there, not here."""
    row = next(row for row in rows("inventory") if row["location_id"] and Decimal(row["curr_qty"]) > 0)

    (found,) = all_stock(
        cloud, item_code=row["item_id"]["key"], location_barcode=row["location_id"]["key"],
        facility_code=row["facility_id"]["key"],
    )  # fmt: skip

    assert (found.on_hand, found.allocated) == (Decimal(row["curr_qty"]), Decimal(row["allocated_qty"]))
    assert found.available == found.on_hand - found.allocated
    assert any("location_id__barcode" in one.query for one in cloud.running.server.seen)


def test_nothing_found_is_an_empty_page(cloud: Cloud) -> None:
    """404 on a collection means that it has no such rows."""
    page = cloud.backend.inventory(StockFilter(item_code="NO-SUCH"))

    assert page.rows == ()
    assert page.next_cursor is None


@pytest.mark.parametrize(
    ("options", "asked", "says"),
    [
        ({}, {"facility_code": "DC99"}, "no facility DC99"),
        ({}, {"company_code": "NOBODY"}, "no company NOBODY"),
        ({"facility": "DC99"}, {}, "no facility DC99"),
    ],
)
def test_an_unknown_facility_is_told_from_an_empty_one(
    server: Running, options: dict[str, Any], asked: dict[str, Any], says: str
) -> None:
    """The cloud answers both with 404; whoever mistyped a code must not read that there is no stock."""
    with closing(client_of(server, **options).backend) as backend:
        with pytest.raises(NotFoundError, match=says):
            backend.inventory(StockFilter(**asked))
        with pytest.raises(NotFoundError, match=says):
            backend.orders(OrderFilter(**asked))


def test_an_address_without_the_tenant_is_not_an_empty_warehouse(server: Running) -> None:
    """Every collection answers 404 there."""
    with (
        closing(client_of(server, url=server.url.replace("/mock", "/elsewhere")).backend) as backend,
        pytest.raises(NotFoundError, match="names the tenant"),
    ):
        backend.inventory(StockFilter())


def test_who_may_not_look_facilities_up_sees_an_empty_page(cloud: Cloud) -> None:
    """Nothing more can be found out for such a user."""
    cloud.fault("forbidden", path="entity/facility", times=9)

    assert cloud.backend.inventory(StockFilter(facility_code="DC01", item_code="NO-SUCH")).rows == ()


def test_expired_stock_is_not_available(cloud: Cloud, rows: Rows) -> None:
    """It is on hand, and nothing of it may be allocated."""
    row = next(row for row in rows("inventory") if row["location_id"] and Decimal(row["curr_qty"]) > 0)
    cloud.running.server.warehouse.change("inventory", row["id"], "x", expiry_date="2020-01-01")

    found = all_stock(cloud, item_code=row["item_id"]["key"], location_barcode=row["location_id"]["key"])

    assert found[0].on_hand > 0
    assert found[0].available == 0


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_lots_without_a_number_are_told_apart_by_their_date(cloud: Cloud, rows: Rows, limit: int) -> None:
    """Rows of two dates and of quarantine lie mixed in a location: each is shown once, with its sum."""
    template = next(row for row in rows("inventory") if row["location_id"] and row["batch_number_id"] is None)
    warehouse = cloud.running.server.warehouse
    place = {"facility_id": template["facility_id"]["id"], "company_id": 1, "item_id": template["item_id"]["id"],
             "location_id": template["location_id"]["id"], "allocated_qty": "0", "status_id": 30}  # fmt: skip
    lpn = warehouse.add("iblpn", "x", facility_id=place["facility_id"], company_id=1, container_nbr="QC-2",
                        status_id=10, marked_for_qc_flg=True)  # fmt: skip
    for turn in range(3):
        warehouse.add("inventory", "x", **place, curr_qty="1.5", expiry_date="2040-01-01")
        warehouse.add("inventory", "x", **place, curr_qty="2", expiry_date="2041-01-01")
        warehouse.add("inventory", "x", **place, curr_qty=f"{turn}", expiry_date="2040-01-01", container_id=lpn["id"])

    found = all_stock(
        cloud, item_code=template["item_id"]["key"], location_barcode=template["location_id"]["key"], limit=limit
    )

    dated = {(one.expiry_date, one.quarantined): one.on_hand for one in found if one.expiry_date}
    assert dated == {
        (dt.date(2040, 1, 1), False): Decimal("4.5"), (dt.date(2040, 1, 1), True): Decimal(3),
        (dt.date(2041, 1, 1), False): Decimal(6),
    }  # fmt: skip
    assert len(found) == 4


def test_stock_in_a_container_for_quality_control_is_in_quarantine(cloud: Cloud, rows: Rows) -> None:
    """The container's mark counts for what is in it."""
    row = next(row for row in rows("inventory") if Decimal(row["curr_qty"]) > 0)
    warehouse = cloud.running.server.warehouse
    lpn = warehouse.add("iblpn", "x", facility_id=row["facility_id"]["id"], company_id=1, container_nbr="QC-1",
                        status_id=10, marked_for_qc_flg=True)  # fmt: skip
    warehouse.change("inventory", row["id"], "x", container_id=lpn["id"])

    found = all_stock(cloud, item_code=row["item_id"]["key"], location_barcode=row["location_id"]["key"])

    assert found[0].quarantined
    assert found[0].available == 0


@pytest.mark.parametrize("sort", ["ord_date", "-ord_date", "order_nbr", "-order_nbr"])
def test_orders_come_sorted_and_once(cloud: Cloud, rows: Rows, sort: str) -> None:
    """Pages of 30 give the same orders as one read, each once, in the order asked for."""
    found = all_orders(cloud, sort=sort, limit=30)

    keys = [getattr(one, sort.lstrip("-")) for one in found]
    assert keys == sorted(keys, reverse=sort.startswith("-"))
    assert sorted(one.order_nbr for one in found) == sorted(row["order_nbr"] for row in rows("order_hdr"))


def test_orders_are_filtered(cloud: Cloud, rows: Rows) -> None:
    """Number, beginning of a number, status, customer and dates narrow the search there."""
    order = rows("order_hdr")[3]
    one_day = dt.date.fromisoformat(order["ord_date"])

    assert [one.order_nbr for one in all_orders(cloud, order_nbr=order["order_nbr"])] == [order["order_nbr"]]
    assert len(all_orders(cloud, order_nbr="SO0000001*")) == 10
    assert {one.status_id for one in all_orders(cloud, status_ids=(20, 30))} == {20, 30}
    assert {one.customer for one in all_orders(cloud, customer=order["cust_name"])} == {order["cust_name"]}
    found = all_orders(cloud, ordered_from=one_day, ordered_to=one_day)
    assert order["order_nbr"] in {one.order_nbr for one in found}
    assert {one.ord_date.date() for one in found if one.ord_date} == {one_day}


def test_a_status_has_the_words_of_the_site(cloud: Cloud) -> None:
    """Status ids are the cloud's, and so are their names."""
    names = {one.status_id: one.status for one in all_orders(cloud)}

    assert names[20] == "Allocated"


def test_markup_and_sql_in_a_filter_are_values(cloud: Cloud) -> None:
    """What looks like another parameter, or like SQL, is only a number that nothing has."""
    assert all_orders(cloud, order_nbr="x&status_id__in=0,90") == []
    assert all_orders(cloud, customer="'; DROP TABLE order_hdr; --") == []


@pytest.mark.parametrize("cursor", ["x", "e30", "bm9uc2Vuc2U", "W10", "A" * 2000])
def test_a_cursor_of_nobody_is_refused(cloud: Cloud, cursor: str) -> None:
    """A cursor that was typed, cut off or made up does not become a page."""
    with pytest.raises(CursorRefusedError):
        cloud.backend.orders(OrderFilter(cursor=cursor))
    with pytest.raises(CursorRefusedError):
        cloud.backend.inventory(StockFilter(cursor=cursor))


def test_a_cursor_of_another_search_is_refused(cloud: Cloud) -> None:
    """Its place means nothing among other rows."""
    cursor = cloud.backend.orders(OrderFilter(limit=5)).next_cursor

    with pytest.raises(CursorRefusedError):
        cloud.backend.orders(OrderFilter(limit=5, status_ids=(90,), cursor=cursor))


def test_a_page_that_comes_twice_is_an_error(cloud: Cloud) -> None:
    """The link to the next page leads back: reading on would never end."""
    second = cloud.backend.orders(OrderFilter(limit=5)).next_cursor
    assert second is not None
    cloud.fault("repeat", path="order_hdr")

    with pytest.raises(UnavailableError, match="same page"):
        cloud.backend.orders(OrderFilter(limit=5, cursor=second))


def test_an_inbound_shipment_stands_with_its_lines(cloud: Cloud, rows: Rows) -> None:
    """Expected and received, line by line."""
    header = next(row for row in rows("ib_shipment") if row["verified_ts"])

    found = cloud.backend.shipment(ShipmentNamed(shipment_nbr=header["shipment_nbr"]))

    assert found.direction == "inbound"
    assert found.closed
    assert found.po_nbr == header["po_nbr"]
    assert sum(line.done for line in found.lines) == Decimal(header["rcvd_units"])


def test_an_outbound_shipment_stands_with_the_lines_of_its_order(cloud: Cloud, rows: Rows) -> None:
    """Asked for, allocated and shipped."""
    header = rows("ob_shipment")[0]

    found = cloud.backend.shipment(ShipmentNamed(shipment_nbr=header["shipment_nbr"], direction="outbound"))

    assert found.direction == "outbound"
    assert found.closed
    assert found.order_nbr == header["order_id"]["key"]
    assert len(found.lines) == 3


def test_a_shipment_of_the_other_direction_is_not_found(cloud: Cloud, rows: Rows) -> None:
    """The direction that is asked for is the only one that is searched."""
    number = rows("ob_shipment")[0]["shipment_nbr"]

    with pytest.raises(NotFoundError, match=number):
        cloud.backend.shipment(ShipmentNamed(shipment_nbr=number, direction="inbound"))


def test_times_with_a_zone_become_utc(server: Any) -> None:
    """A site that writes +02:00 means the same moment."""
    cloud = client_of(server)
    plain = cloud.backend.orders(OrderFilter(limit=1, sort="order_nbr")).rows[0]
    server.server.zone = dt.timezone(dt.timedelta(hours=2))

    zoned = cloud.backend.orders(OrderFilter(limit=1, sort="order_nbr")).rows[0]

    assert zoned.mod_ts == plain.mod_ts
    cloud.backend.close()


def test_health_looks_at_what_is_needed(cloud: Cloud) -> None:
    """A cloud that answers is healthy; deep, every entity that is needed is described."""
    found = cloud.backend.health(HealthAsked(deep=True))

    assert found.healthy, found.problems
    assert found.backend == "cloud"
    assert {"entities", "company", "inventory", "order_hdr"} <= set(found.checked)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"facility": "DC99"}, "DC99"),
        ({"user": "nobody"}, "does not know the user"),
        ({"url": "http://127.0.0.1:1/mock"}, "cannot be reached"),
    ],
)
def test_health_tells_what_is_wrong(server: Any, more: dict[str, Any], says: str) -> None:
    """An unknown facility, a wrong user and a server that is away are problems, not exceptions."""
    cloud = client_of(server, **more)

    found = cloud.backend.health(HealthAsked())

    assert not found.healthy
    assert says in " ".join(found.problems)
    cloud.backend.close()
