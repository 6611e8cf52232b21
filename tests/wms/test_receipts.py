"""Facts about goods that come."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from flext_pipelines.errors import ConflictError, NotFoundError, OverReceiptError, ShipmentClosedError
from flext_pipelines.wms.requests import ReceiptLine, ReceiptRequest, ShipmentNamed
from tests.wms.warehouse import TODAY

if TYPE_CHECKING:
    from tests.wms.warehouse import Warehouse

PAST, FUTURE = TODAY - dt.timedelta(days=1), TODAY + dt.timedelta(days=30)


def line(item: str, qty: float | str, **fields: object) -> ReceiptLine:
    """Some of an item."""
    return ReceiptLine.model_validate({"item_code": item, "qty": str(qty), **fields})


def test_a_whole_shipment_is_received(warehouse: Warehouse) -> None:
    """Without lines all that is expected came, and the shipment is closed."""
    warehouse.announce("IB1", ("PUMP", 10), ("VALVE", 4))

    receipt = warehouse.receive(shipment_nbr="IB1")

    assert (receipt.status, receipt.closed) == ("received", True)
    assert [(row.item_code, row.on_hand) for row in warehouse.stock()] == [("PUMP", 10), ("VALVE", 4)]
    with pytest.raises(ShipmentClosedError, match="IB1 is received"):
        warehouse.receive(shipment_nbr="IB1")


def test_a_shipment_comes_in_parts(warehouse: Warehouse) -> None:
    """It stays open until all of it has come, or until it is said that nothing more will."""
    warehouse.announce("IB1", ("PUMP", 10), ("VALVE", 4))

    first = warehouse.receive(line("PUMP", 6), shipment_nbr="IB1")
    second = warehouse.receive(line("PUMP", 4), shipment_nbr="IB1")

    assert (first.status, first.lines[0].received, second.closed) == ("receiving", 6, False)
    found = warehouse.backend.shipment(ShipmentNamed(shipment_nbr="IB1"))
    assert [(one.expected, one.done) for one in found.lines] == [(10, 10), (4, 0)]
    assert warehouse.receive(line("VALVE", 1), shipment_nbr="IB1", close=True).closed


def test_more_than_expected_is_refused(warehouse: Warehouse) -> None:
    """Over all receipts of the shipment, and nothing of the receipt is kept."""
    warehouse.announce("IB1", ("PUMP", 10))
    warehouse.receive(line("PUMP", 6), shipment_nbr="IB1")

    with pytest.raises(OverReceiptError, match=r"expects 10 of item PUMP, and 11 would have come"):
        warehouse.receive(line("PUMP", 5), shipment_nbr="IB1")
    with pytest.raises(OverReceiptError, match=r"expects 0 of item VALVE"):
        warehouse.receive(line("VALVE", 1), shipment_nbr="IB1")
    assert warehouse.stock()[0].on_hand == 6


def test_the_tolerance_is_in_percent_of_what_is_expected(warehouse: Warehouse) -> None:
    """Ten percent of ten is one more, and not two."""
    warehouse.announce("IB1", ("PUMP", 10))
    warehouse.announce("IB2", ("PUMP", 10))

    assert warehouse.receive(line("PUMP", 11), shipment_nbr="IB1", over_receipt_tolerance_percent=10).closed
    with pytest.raises(OverReceiptError, match="tolerance 10 %"):
        warehouse.receive(line("PUMP", "11.001"), shipment_nbr="IB2", over_receipt_tolerance_percent=10)


def test_lines_of_one_item_are_filled_in_turn(warehouse: Warehouse) -> None:
    """Two lines of one item take what comes one after the other, whatever the receipt's lines are."""
    warehouse.announce("IB1", ("PUMP", 5), ("PUMP", 5))

    warehouse.receive(line("PUMP", 3), line("PUMP", 4), shipment_nbr="IB1")

    assert [row["received_qty"] for row in warehouse.rows("ib_shipment_dtl")] == [5, 2]
    assert [row["received_qty"] for row in warehouse.rows("receipt")] == [3, 2, 2]


def test_damaged_and_expired_goods_go_into_quarantine(warehouse: Warehouse) -> None:
    """They are on hand, and none of them is available, in a place of their own if one is named."""
    warehouse.announce("IB1", ("PUMP", 9), ("MILK", 5))

    receipt = warehouse.receive(
        line("PUMP", 7), line("PUMP", 2, condition="damaged"), line("MILK", 5, batch_nbr="M", expiry_date=PAST),
        shipment_nbr="IB1", quarantine_location_barcode="Q1",
    )  # fmt: skip

    assert [one.quarantine_reason for one in receipt.lines] == [None, "damaged", "expired"]
    found = [(row.item_code, row.location_barcode, row.quarantined, row.available) for row in warehouse.stock()]
    assert found == [("PUMP", "DOCK", False, 7), ("PUMP", "Q1", True, 0), ("MILK", "Q1", True, 0)]


def test_a_known_batch_needs_no_date(warehouse: Warehouse) -> None:
    """Its date is known, also that it has passed."""
    warehouse.put("MILK", "A1", 1, batch="OLD", expiry=PAST)
    warehouse.put("MILK", "A1", 1, batch="NEW", expiry=FUTURE)

    receipt = warehouse.receive(line("MILK", 1, batch_nbr="OLD"), line("MILK", 1, batch_nbr="NEW"), po_nbr="PO1")

    assert [(one.expiry_date, one.quarantine_reason) for one in receipt.lines] == [(PAST, "expired"), (FUTURE, None)]
    with pytest.raises(ConflictError, match="MILK is perishable"):
        warehouse.receive(line("MILK", 1, batch_nbr="UNKNOWN"), po_nbr="PO1")
    with pytest.raises(ConflictError, match="'NEW' of item MILK expires on"):
        warehouse.receive(line("MILK", 1, batch_nbr="NEW", expiry_date=PAST), po_nbr="PO1")


def test_a_blind_receipt_makes_its_shipment(warehouse: Warehouse) -> None:
    """By purchase order, without a limit, and more may come for it under the number that was made."""
    receipt = warehouse.receive(line("PUMP", 3), line("PUMP", 2), po_nbr="PO77", container_nbr="LPN1")

    found = warehouse.backend.shipment(ShipmentNamed(shipment_nbr=receipt.shipment_nbr))
    assert (found.po_nbr, found.closed, [one.expected for one in found.lines]) == ("PO77", False, [None])
    again = warehouse.receive(line("PUMP", 1), shipment_nbr=receipt.shipment_nbr, close=True)
    assert (again.closed, again.lines[0].received) == (True, 6)
    assert {row["container_nbr"] for row in warehouse.rows("receipt")} == {"LPN1", None}


def test_goods_are_received_in_their_facility(warehouse: Warehouse) -> None:
    """A location elsewhere, and unknown names, are refused."""
    warehouse.announce("IB1", ("PUMP", 10))

    with pytest.raises(ConflictError, match="goes to another facility than DC02"):
        warehouse.receive(shipment_nbr="IB1", location_barcode="B1")
    with pytest.raises(NotFoundError, match="no inbound shipment 'IB9'"):
        warehouse.receive(shipment_nbr="IB9")
    with pytest.raises(NotFoundError, match="no item 'NOR', 'NOSUCH'"):
        warehouse.receive(line("NOSUCH", 1), line("NOR", 1), shipment_nbr="IB1")
    with pytest.raises(NotFoundError, match="no location 'B1' in facility DC01"):
        warehouse.receive(line("PUMP", 1), shipment_nbr="IB1", quarantine_location_barcode="B1")


def test_nothing_more_can_be_expected(warehouse: Warehouse) -> None:
    """A shipment of which nothing is expected cannot be received as a whole."""
    warehouse.announce("IB1", ("PUMP", 0))

    with pytest.raises(ConflictError, match="expects nothing more"):
        warehouse.receive(shipment_nbr="IB1")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"shipment_nbr": "IB1", "po_nbr": "PO1"},
        {"po_nbr": "PO1"},
        {"shipment_nbr": None},
        {"shipment_nbr": "IB1", "lines": [{"item_code": "PUMP", "qty": 0}]},
        {"shipment_nbr": "IB1", "lines": [{"item_code": "PUMP", "qty": -1}]},
        {"shipment_nbr": "IB1", "lines": [{"qty": 1}]},
        {"shipment_nbr": "IB1", "over_receipt_tolerance_percent": 101},
        {"shipment_nbr": "IB1", "lines": [{"item_code": "PUMP", "qty": 1}] * 1001},
    ],
    ids=lambda fields: repr(fields)[:60],
)
def test_what_makes_no_sense_is_refused_before_any_database(fields: dict[str, object]) -> None:
    """Both or neither source, blind without lines, quantities below or at zero, too many lines."""
    with pytest.raises(ValidationError):
        ReceiptRequest.model_validate({"location_barcode": "DOCK", **fields})


def test_many_lines_are_one_transaction(warehouse: Warehouse) -> None:
    """Hundreds of batches come at once, and one that is wrong undoes them all."""
    many = [line("MILK", 1, batch_nbr=f"B{number}", expiry_date=FUTURE) for number in range(300)]

    warehouse.receive(*many, po_nbr="PO1")

    assert sum(row.on_hand for row in warehouse.stock(limit=1000)) == Decimal(300)
    with pytest.raises(ConflictError):
        warehouse.receive(*many, line("MILK", 1, batch_nbr="B1", expiry_date=PAST), po_nbr="PO1")
    assert sum(row.on_hand for row in warehouse.stock(limit=1000)) == Decimal(300)
