"""What can be done: receive, adjust, patch, the stage interface; and who may."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from flext_pipelines.wms.mock_server.serving import Running

Json = dict[str, Any]
CONTEXT = {"facility_id__code": "DC01", "company_id__code": "ACME"}
OPEN_SHIPMENT, OPEN_ID = "IB00000003", 3


def _details(client: httpx.Client) -> list[Json]:
    rows: list[Json] = client.get("/ib_shipment_dtl/", params={"ib_shipment_id": OPEN_ID}).json()["results"]
    return rows


def _barcode(client: httpx.Client, line: Json) -> str:
    return str(client.get(f"/item/{line['item_id']['id']}").json()["item_barcode"])


def _receive(client: httpx.Client, **more: Any) -> httpx.Response:
    body = {**CONTEXT, "container_nbr": "LPN1", "shipment_nbr": OPEN_SHIPMENT, **more}
    return client.post("/iblpn/receive", json=body)


def _line(client: httpx.Client, qty: object) -> Json:
    return {"item_barcode": _barcode(client, _details(client)[0]), "qty": qty, "batch_nbr": "B1"}


def test_a_receipt_moves_shipment_container_and_stock(client: httpx.Client) -> None:
    """The line counts what came, the container is there, and inventory lies in it."""
    answer = _receive(client, item_list=[_line(client, 1)])

    assert answer.status_code == 200
    assert answer.json()["container_nbr"] == "LPN1"
    assert Decimal(_details(client)[0]["received_qty"]) == 1
    stock = client.get("/inventory/", params={"container_id__container_nbr": "LPN1"}).json()["results"]
    assert [Decimal(row["curr_qty"]) for row in stock] == [1]
    assert client.get(f"/ib_shipment/{OPEN_ID}").json()["status_id"] == 20


def test_a_purchase_order_makes_its_shipment(client: httpx.Client) -> None:
    """Received blind: a shipment of the order appears with what came."""
    answer = _receive(client, shipment_nbr=None, po_nbr="PO77", item_list=[_line(client, 5)])

    assert answer.status_code == 200
    (shipment,) = client.get("/ib_shipment/", params={"po_nbr": "PO77"}).json()["results"]
    assert Decimal(shipment["rcvd_units"]) == 5


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"container_nbr": ""}, "container_nbr"),
        ({"shipment_nbr": None}, "shipment_nbr"),
        ({"po_nbr": "PO1"}, "shipment_nbr"),
        ({"shipment_nbr": "NOPE"}, "shipment_nbr"),
        ({"shipment_nbr": "IB00000002"}, "shipment_nbr"),
        ({"facility_id__code": "DC09"}, "facility_id__code"),
        ({"item_list": []}, "item_list"),
        ({"item_list": [{"item_barcode": "nope", "qty": 1}]}, "item_barcode"),
    ],
)
def test_a_receipt_that_cannot_be_is_refused_by_field(reader: httpx.Client, more: Json, field: str) -> None:
    """Missing, both or neither, unknown, closed; and nothing is changed."""
    given = {"item_list": [_line(reader, 1)], **more}

    answer = _receive(reader, **given)

    assert answer.status_code == 400
    assert field in answer.json()["details"]
    assert all(Decimal(line["received_qty"]) == 0 for line in _details(reader))


@pytest.mark.parametrize("qty", [-1, 0, "many", 1_000_000])
def test_a_quantity_that_cannot_be_is_refused(reader: httpx.Client, qty: object) -> None:
    """Negative, nothing, no number, more than was shipped."""
    answer = _receive(reader, item_list=[_line(reader, qty)])

    assert answer.status_code == 400
    assert "qty" in answer.json()["details"]


def test_a_container_is_received_once(client: httpx.Client) -> None:
    """Its number a second time is refused."""
    assert _receive(client, item_list=[_line(client, 1)]).status_code == 200

    assert "container_nbr" in _receive(client, item_list=[_line(client, 1)]).json()["details"]


def test_an_entire_shipment_is_received_to_the_last_unit(client: httpx.Client) -> None:
    """Every line is full, and the shipment is verified; a second time it is closed."""
    body = {"parameters": {**CONTEXT, "shipment_nbr": OPEN_SHIPMENT}}

    first = client.post("/ib_shipment/receive_entire_shipment/", json=body)
    second = client.post("/ib_shipment/receive_entire_shipment/", json=body)

    assert (first.status_code, first.json()["success_count"]) == (200, 1)
    assert all(line["received_qty"] == line["shipped_qty"] for line in _details(client))
    assert second.status_code == 400


def _stock(client: httpx.Client) -> Json:
    row: Json = client.get("/inventory/3").json()
    return row


def _adjust(client: httpx.Client, stock: Json, **options: Any) -> httpx.Response:
    item = client.get(f"/item/{stock['item_id']['id']}").json()
    body = {"options": {"item_code": item["code"], "reason_code": "CC", **options}}
    return client.post(f"/location/{stock['location_id']['id']}/update_active_inventory/", json=body)


def test_stock_is_counted_or_adjusted(client: httpx.Client) -> None:
    """``actual_qty`` sets it, ``adjustment_qty`` adds to it; both answer 204."""
    stock = _stock(client)
    counted = _adjust(client, stock, actual_qty="900")
    adjusted = _adjust(client, stock, adjustment_qty="-0.5")

    assert (counted.status_code, adjusted.status_code) == (204, 204)
    assert Decimal(_stock(client)["curr_qty"]) == Decimal("899.5")
    assert _stock(client)["mod_ts"] > stock["mod_ts"]


@pytest.mark.parametrize(
    "options",
    [
        {}, {"actual_qty": 1, "adjustment_qty": 1}, {"adjustment_qty": 0}, {"actual_qty": -1}, {"actual_qty": "x"},
        {"actual_qty": 5, "reason_code": ""}, {"actual_qty": 5, "item_code": "nope"},
        {"actual_qty": 5, "item_barcode": "1"}, {"adjustment_qty": -1_000_000},
    ],
)  # fmt: skip
def test_a_correction_that_cannot_be_changes_nothing(reader: httpx.Client, options: Json) -> None:
    """Both or neither quantity, nothing, less than nothing, no reason, an unknown item."""
    before = _stock(reader)

    assert _adjust(reader, before, **options).status_code == 400

    assert _stock(reader) == before


def test_an_open_order_is_patched_and_a_shipped_one_is_not(client: httpx.Client) -> None:
    """Priority and dates below Shipped; other fields never."""
    open_order = client.get("/order_hdr/", params={"status_id": "0"}).json()["results"][0]["id"]
    shipped = client.get("/order_hdr/", params={"status_id": "90"}).json()["results"][0]["id"]

    patched = client.patch(f"/order_hdr/{open_order}/", json={"fields": {"priority": 9, "req_ship_date": "2026-12-24"}})

    assert (patched.status_code, patched.json()["priority"], patched.json()["req_ship_date"]) == (200, 9, "2026-12-24")
    assert client.patch(f"/order_hdr/{shipped}/", json={"fields": {"priority": 9}}).status_code == 400
    assert client.patch(f"/order_hdr/{open_order}/", json={"fields": {"status_id": 90}}).status_code == 400


ORDER = """<LgfData><Header><Entity>order</Entity></Header><ListOfOrders><order><order_hdr>
<facility_code>DC01</facility_code><company_code>ACME</company_code><order_nbr>{number}</order_nbr>
</order_hdr><order_dtl><seq_nbr>1</seq_nbr><item_alternate_code>{item}</item_alternate_code><ord_qty>{qty}</ord_qty>
</order_dtl></order></ListOfOrders></LgfData>"""


def _legacy(client: httpx.Client, name: str, **form: str) -> str:
    url = f"{str(client.base_url).partition('/wms/')[0]}/wms/api/{name}/"
    return client.post(url, data=form).text


def test_an_order_comes_through_the_stage_tables(client: httpx.Client) -> None:
    """Asynchronously it is there a moment later; its status then answers."""
    xml = ORDER.format(number="N1", item="ITEM-000001", qty="3")

    said = _legacy(client, "init_stage_interface", xml_data=xml)
    early = _legacy(client, "get_status", entity="order", key="N1")
    _legacy(client, "run_stage_interface", entity="order")
    late = _legacy(client, "get_status", entity="order", key="N1")

    assert "<success>True</success>" in said
    assert "<success>False</success>" in early
    assert "<success>True</success>" in late
    (order,) = client.get("/order_hdr/", params={"order_nbr": "N1"}).json()["results"]
    assert order["order_dtl_set"]["result_count"] == 1


@pytest.mark.parametrize(
    "form",
    [
        {}, {"xml_data": "<a>"}, {"xml_data": "<!DOCTYPE a><a/>"}, {"xml_data": "<a/>", "flat_data": "x"},
        {"xml_data": ORDER.format(number="SO00000001", item="ITEM-000001", qty="1"), "async": "False"},
        {"xml_data": ORDER.format(number="N2", item="nope", qty="1"), "async": "False"},
        {"xml_data": ORDER.format(number="N3", item="ITEM-000001", qty="-1"), "async": "False"},
    ],
)  # fmt: skip
def test_the_stage_interface_refuses_inside_http_200(reader: httpx.Client, form: dict[str, str]) -> None:
    """``success`` False: malformed, a document type, a number that exists, an unknown item, a negative quantity."""
    assert "<success>False</success>" in _legacy(reader, "init_stage_interface", **form)


def test_a_packed_container_is_shipped_once(client: httpx.Client) -> None:
    """Order, container and shipment follow; a second time is refused."""
    lpn = client.get("/oblpn/", params={"status_id": "50"}).json()["results"][0]
    number, order = lpn["container_nbr"], lpn["order_id"]["id"]

    first = _legacy(client, "ship_oblpn", oblpn_nbr=number)
    second = _legacy(client, "ship_oblpn", oblpn_nbr=number)

    assert "<success>True</success>" in first
    assert "<success>False</success>" in second
    assert client.get(f"/order_hdr/{order}").json()["status_id"] == 90
    assert client.get("/ob_shipment/", params={"order_id": str(order)}).json()["result_count"] == 1


def test_who_may_not_is_told_so(server: Running) -> None:
    """Wrong password 401, another facility 403, no right to the stage interface 403; own rows only."""
    wrong = httpx.get(f"{server.entity_url}/item/", auth=("mock", "wrong"))
    nobody = httpx.get(f"{server.entity_url}/item/")
    limited = ("limited", "limited")
    other = httpx.get(f"{server.entity_url}/order_hdr/", params={"facility_id__code": "DC02"}, auth=limited)
    stage = httpx.post(f"{server.url}/wms/api/get_status/", data={"entity": "order", "key": "x"}, auth=limited)
    mine = httpx.get(f"{server.entity_url}/order_hdr/", params={"page_size": "1250"}, auth=limited).json()

    assert [answer.status_code for answer in (wrong, nobody, other, stage)] == [401, 401, 403, 403]
    assert {row["facility_id"]["key"] for row in mine["results"]} == {"DC01"}


def test_a_token_opens_the_door_until_it_is_revoked(server: Running) -> None:
    """Client credentials give a bearer token; without a grant, or with a wrong secret, there is none."""
    endpoint = f"{server.url}/oauth2/v1/token"
    given = httpx.post(endpoint, data={"grant_type": "client_credentials"}, auth=("mock", "mock")).json()
    header = {"Authorization": f"Bearer {given['access_token']}"}

    before = httpx.get(f"{server.entity_url}/item/1", headers=header).status_code
    httpx.delete(f"{server.control_url}/tokens")
    after = httpx.get(f"{server.entity_url}/item/1", headers=header).status_code

    assert (before, after) == (200, 401)
    assert httpx.post(endpoint, data={"grant_type": "client_credentials"}, auth=("mock", "no")).status_code == 401
    assert httpx.post(endpoint, data={"grant_type": "magic"}, auth=("mock", "mock")).status_code == 401
