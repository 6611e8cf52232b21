"""Facts about outbound shipments: what is allocated, in which order, and what is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.errors import ConflictError, InsufficientStockError, NotFoundError, ShipmentClosedError
from flext_pipelines.wms.requests import ShipmentClosing, ShipmentNamed
from tests.wms.warehouse import TODAY

if TYPE_CHECKING:
    from tests.wms.warehouse import Warehouse


def day(distance: int) -> dt.date:
    return TODAY + dt.timedelta(days=distance)


def test_the_lot_that_expires_first_goes_first(warehouse: Warehouse) -> None:
    """Stock is taken by expiry date, and what never expires last."""
    warehouse.put("PUMP", "A1", 5)
    warehouse.put("PUMP", "A2", 5, batch="LATE", expiry=day(90))
    warehouse.put("PUMP", "DOCK", 5, batch="SOON", expiry=day(3))
    warehouse.order("SO1", ("PUMP", 12))

    shipment = warehouse.ship("SO1")

    assert [(pick.batch_nbr, pick.qty) for pick in shipment.picks] == [("SOON", 5), ("LATE", 5), (None, 2)]
    assert shipment.complete


def test_allocated_stock_is_not_available_and_still_on_hand(warehouse: Warehouse) -> None:
    """Allocation keeps stock; only shipping takes it away."""
    warehouse.put("PUMP", "A1", 10)
    warehouse.order("SO1", ("PUMP", 4))

    shipment = warehouse.ship("SO1")

    (row,) = warehouse.stock()
    assert (row.on_hand, row.allocated, row.available) == (10, 4, 6)
    assert shipment.status == "allocated"
    warehouse.backend.close_shipment(ShipmentClosing(shipment_nbr=shipment.shipment_nbr), actor="t", key=None)
    (row,) = warehouse.stock()
    assert (row.on_hand, row.allocated, row.available) == (6, 0, 6)
    (header,) = warehouse.rows("order_hdr")
    assert (header["status_id"], header["order_shipped_ts"] is not None) == (90, True)


def test_a_shipment_may_leave_at_once(warehouse: Warehouse) -> None:
    """With ``ship`` the stock leaves in the same transaction."""
    warehouse.put("PUMP", "A1", 10)
    warehouse.order("SO1", ("PUMP", 4))

    shipment = warehouse.ship("SO1", ship=True)

    assert [(one.on_hand, one.allocated) for one in warehouse.stock()] == [(6, 0)]
    assert (shipment.status, shipment.lines[0].shipped) == ("shipped", 4)


def test_a_cancelled_shipment_gives_its_stock_back(warehouse: Warehouse) -> None:
    """Its order is open again and can be shipped by another one."""
    warehouse.put("PUMP", "A1", 4)
    warehouse.order("SO1", ("PUMP", 4))
    first = warehouse.ship("SO1")

    warehouse.backend.close_shipment(
        ShipmentClosing(shipment_nbr=first.shipment_nbr, action="cancel"), actor="t", key=None
    )

    assert warehouse.stock()[0].available == 4
    assert warehouse.ship("SO1").complete


def test_short_stock_refuses_the_whole(warehouse: Warehouse) -> None:
    """More than is available is not shipped, and nothing is kept of the attempt."""
    warehouse.put("PUMP", "A1", 5)
    warehouse.put("VALVE", "A2", 1)
    warehouse.order("SO1", ("PUMP", 5), ("VALVE", 2))

    with pytest.raises(InsufficientStockError, match=r"needs 2 of VALVE.*1 available") as caught:
        warehouse.ship("SO1")

    assert caught.value.details["short"] == [
        {"seq_nbr": 2, "item_code": "VALVE", "requested": "2.000", "available": "1.000"}
    ]
    assert all(row.allocated == 0 for row in warehouse.stock())
    assert warehouse.rows("ob_shipment") == []


def test_a_partial_shipment_reports_what_is_short(warehouse: Warehouse) -> None:
    """The pick short report says line by line how much is missing; the rest can be shipped later."""
    warehouse.put("PUMP", "A1", 5)
    warehouse.order("SO1", ("PUMP", 8), ("VALVE", 2))

    shipment = warehouse.ship("SO1", policy="partial")

    assert [(line.requested, line.allocated, line.short) for line in shipment.lines] == [(8, 5, 3), (2, 0, 2)]
    assert not shipment.complete
    warehouse.put("PUMP", "A2", 3)
    warehouse.put("VALVE", "A2", 2)
    assert [line.requested for line in warehouse.ship("SO1").lines] == [3, 2]


def test_nothing_at_all_is_no_partial_shipment(warehouse: Warehouse) -> None:
    """An empty shipment is refused even where a partial one will do."""
    warehouse.order("SO1", ("PUMP", 8))

    with pytest.raises(InsufficientStockError, match="needs 8"):
        warehouse.ship("SO1", policy="partial")


def test_stock_that_cannot_be_sold_is_left(warehouse: Warehouse) -> None:
    """Expired lots, quarantine and other facilities serve no order."""
    warehouse.put("PUMP", "A1", 5, batch="OLD", expiry=day(-1))
    warehouse.put("PUMP", "B1", 5)
    warehouse.correct("PUMP", "Q1", adjustment_qty=5, quarantined=True)
    warehouse.order("SO1", ("PUMP", 1))

    with pytest.raises(InsufficientStockError, match="has 0 available"):
        warehouse.ship("SO1")
    assert warehouse.ship("SO1", facility_code="DC02").picks[0].location_barcode == "B1"


def test_a_lot_can_be_sold_on_its_last_day(warehouse: Warehouse) -> None:
    """The expiry date itself is the last good day."""
    warehouse.put("MILK", "A1", 1, batch="M", expiry=TODAY)
    warehouse.order("SO1", ("MILK", 1))

    assert warehouse.ship("SO1").complete


def test_two_lines_of_one_item_share_its_stock(warehouse: Warehouse) -> None:
    """What one line takes, the next one cannot."""
    warehouse.put("PUMP", "A1", 5)
    warehouse.order("SO1", ("PUMP", 3), ("PUMP", 3))

    shipment = warehouse.ship("SO1", policy="partial")

    assert [line.allocated for line in shipment.lines] == [3, 2]


def test_chosen_lines_only(warehouse: Warehouse) -> None:
    """Lines and quantities may be chosen; more than is open, or an unknown line, is refused."""
    warehouse.put("PUMP", "A1", 50)
    warehouse.order("SO1", ("PUMP", 10), ("VALVE", 1))

    shipment = warehouse.ship("SO1", lines=[{"seq_nbr": 1, "qty": 4}])

    assert [(line.seq_nbr, line.allocated) for line in shipment.lines] == [(1, 4)]
    with pytest.raises(ConflictError, match="has 6 open"):
        warehouse.ship("SO1", lines=[{"seq_nbr": 1, "qty": 7}])
    with pytest.raises(NotFoundError, match="no line 3"):
        warehouse.ship("SO1", lines=[{"seq_nbr": 3}])


def test_what_is_shipped_stays_shipped(warehouse: Warehouse) -> None:
    """Neither a shipped order nor a closed shipment takes anything more."""
    warehouse.put("PUMP", "A1", 50)
    warehouse.order("SO1", ("PUMP", 10))
    number = warehouse.ship("SO1", ship=True).shipment_nbr

    with pytest.raises(ShipmentClosedError, match="Order SO1 is shipped"):
        warehouse.ship("SO1")
    for action in ("ship", "cancel"):
        closing = ShipmentClosing.model_validate({"shipment_nbr": number, "action": action})
        with pytest.raises(ShipmentClosedError, match="is shipped already"):
            warehouse.backend.close_shipment(closing, actor="t", key=None)


def test_an_order_that_is_allocated_has_nothing_open(warehouse: Warehouse) -> None:
    """The same order is not allocated twice."""
    warehouse.put("PUMP", "A1", 50)
    warehouse.order("SO1", ("PUMP", 10))
    warehouse.ship("SO1")

    with pytest.raises(ConflictError, match="Nothing of order SO1 is open"):
        warehouse.ship("SO1")


def test_a_number_is_used_once(warehouse: Warehouse) -> None:
    """Another shipment cannot have the number of one that is there."""
    warehouse.put("PUMP", "A1", 50)
    warehouse.order("SO1", ("PUMP", 1))
    warehouse.order("SO2", ("PUMP", 1))
    warehouse.ship("SO1", shipment_nbr="MINE")

    with pytest.raises(ConflictError, match="an outbound shipment 'MINE' already"):
        warehouse.ship("SO2", shipment_nbr="MINE")


def test_every_unit_has_a_ledger_row(warehouse: Warehouse) -> None:
    """Allocating and shipping are written in the ledger with what they changed and for what."""
    warehouse.put("PUMP", "A1", 5)
    warehouse.order("SO1", ("PUMP", 5))
    number = warehouse.ship("SO1", key="k").shipment_nbr
    warehouse.backend.close_shipment(ShipmentClosing(shipment_nbr=number), actor="anna", key="c")

    rows = warehouse.rows("stock_movement")[1:]

    assert [(row["type_code"], row["on_hand_change"], row["allocated_change"]) for row in rows] == [
        ("ALLOCATE", 0, 5),
        ("SHIP", -5, -5),
    ]
    assert [(row["reference_nbr"], row["outcome_key"], row["create_user"]) for row in rows] == [
        (number, "k", "tester"),
        (number, "c", "anna"),
    ]


def test_how_a_shipment_stands(warehouse: Warehouse) -> None:
    """Its status is found by its number, with what was asked, kept and shipped."""
    warehouse.put("PUMP", "A1", 5)
    warehouse.order("SO1", ("PUMP", 8))
    number = warehouse.ship("SO1", policy="partial", carrier_code="TRUCK").shipment_nbr

    found = warehouse.backend.shipment(ShipmentNamed(shipment_nbr=number))

    assert (found.direction, found.status, found.order_nbr, found.carrier_code) == (
        "outbound", "allocated", "SO1", "TRUCK",
    )  # fmt: skip
    line = found.lines[0]
    assert (line.expected, line.allocated, line.done) == (Decimal(8), Decimal(5), Decimal(0))
    with pytest.raises(NotFoundError, match="no inbound shipment"):
        warehouse.backend.shipment(ShipmentNamed(shipment_nbr=number, direction="inbound"))
    with pytest.raises(NotFoundError, match="of facility DC02"):
        warehouse.backend.shipment(ShipmentNamed(shipment_nbr=number, facility_code="DC02"))


def test_more_lines_than_one_statement_takes(warehouse: Warehouse) -> None:
    """Hundreds of rows of stock are locked and changed in pieces."""
    for batch in range(300):
        warehouse.put("PUMP", "A1", 1, batch=f"B{batch}", expiry=day(batch + 1))
    warehouse.order("SO1", ("PUMP", 300))

    shipment = warehouse.ship("SO1", ship=True)

    assert len(shipment.picks) == 300
    assert sum(row.on_hand for row in warehouse.stock(limit=500)) == 0
