"""The end of an outbound shipment: its stock leaves, or is available again.

What belongs here: shipping and cancelling what was allocated. What does not: allocating (``shipments``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.errors import NotFoundError, ShipmentClosedError
from flext_pipelines.wms import statements, status
from flext_pipelines.wms.operations.shipments import OrderLine, settle_order
from flext_pipelines.wms.operations.stock import NOTHING, Ledger, Why, lock_stock
from flext_pipelines.wms.values import OutboundShipment, ShippedLine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from flext_pipelines.wms.outcomes import Call
    from flext_pipelines.wms.requests import ShipmentClosing
    from flext_pipelines.wms.transaction import Row, Transaction


def close_shipment(
    transaction: Transaction, call: Call, request: ShipmentClosing, labels: status.Labels
) -> OutboundShipment:
    """Let an outbound shipment leave, or cancel it.

    Raises:
        NotFoundError: There is no such shipment, or not of that facility.
        ShipmentClosedError: It has left or was cancelled.
    """
    found = transaction.row(statements.OUTBOUND, shipment_nbr=request.shipment_nbr)
    if found is None or (request.facility_code is not None and found[3] != request.facility_code):
        raise NotFoundError(
            f"There is no outbound shipment {request.shipment_nbr!r}"
            + (f" of facility {request.facility_code}" if request.facility_code else ""),
            "Check its number",
            {"shipment_nbr": request.shipment_nbr},
        )
    shipment_id, order_id, _, facility_code = found
    order = transaction.row(statements.ORDER_LOCKED_BY_ID, order_id=order_id)
    locked = transaction.row(statements.OUTBOUND_LOCKED, shipment_id=shipment_id)
    assert order is not None
    assert locked is not None
    if locked[1] >= status.SHIPPED:
        raise ShipmentClosedError(
            f"Shipment {request.shipment_nbr} is {labels.of('outbound', locked[1])} already",
            "Nothing more can happen to it; make another shipment",
            {"shipment_nbr": request.shipment_nbr, "status_id": locked[1]},
        )
    lines = [OrderLine(*row) for row in transaction.rows(statements.ORDER_LINES, order_id=order_id)]
    allocations = transaction.rows(statements.ALLOCATIONS, shipment_id=shipment_id)
    parts = transaction.rows(statements.OUTBOUND_LINES, shipment_id=shipment_id)
    ship = request.action == "ship"
    state = status.SHIPPED if ship else status.CANCELLED
    _move_stock(transaction, call, request, allocations)
    _close_rows(transaction, call, shipment_id, state, allocations, parts, ship=ship)
    sums: dict[int, Decimal] = {}
    for _, line_id, _, qty in allocations:
        sums[line_id] = sums.get(line_id, NOTHING) + qty
    freed = {} if ship else {line_id: -qty for line_id, qty in sums.items()}
    settle_order(transaction, call, order_id, lines, freed, sums if ship else {})
    shown = tuple(
        ShippedLine(
            seq_nbr=part[2], item_code=part[4], requested=part[5], allocated=part[6] if ship else NOTHING,
            short=part[5] - (part[6] if ship else NOTHING), shipped=part[6] if ship else NOTHING,
        )
        for part in parts
    )  # fmt: skip
    return OutboundShipment(
        shipment_nbr=request.shipment_nbr, order_nbr=order[3], facility_code=facility_code, status_id=state,
        status=labels.of("outbound", state), complete=all(not line.short for line in shown), lines=shown,
    )  # fmt: skip


def _move_stock(transaction: Transaction, call: Call, request: ShipmentClosing, allocations: Sequence[Row]) -> None:
    stocks = {stock.id: stock for stock in lock_stock(transaction, (row[2] for row in allocations))}
    ledger = Ledger(transaction, call)
    for _, _, stock_id, qty in allocations:
        if request.action == "ship":
            why = Why("SHIP", reference_nbr=request.shipment_nbr)
            ledger.move(stocks[stock_id], why, on_hand=-qty, allocated=-qty)
        else:
            ledger.move(stocks[stock_id], Why("RELEASE", reference_nbr=request.shipment_nbr), allocated=-qty)
    ledger.write()


def _close_rows(
    transaction: Transaction,
    call: Call,
    shipment_id: int,
    state: int,
    allocations: Sequence[Row],
    parts: Sequence[Row],
    *,
    ship: bool,
) -> None:
    stamped = {"mod_user": call.actor, "mod_ts": call.now}
    picked = {"pick_user": call.actor, "picked_ts": call.now} if ship else {"pick_user": None, "picked_ts": None}
    transaction.send_many(
        statements.CHANGE_ALLOCATION,
        [
            {"row_id": row[0], "status_id": state, "picked_qty": row[3] if ship else NOTHING, **picked, **stamped}
            for row in allocations
        ],
    )
    transaction.send_many(
        statements.CHANGE_OUTBOUND_LINE,
        [
            {
                "row_id": part[0], "alloc_qty": part[6] if ship else NOTHING,
                "shipped_qty": part[6] if ship else NOTHING, **stamped,
            }
            for part in parts
        ],
    )  # fmt: skip
    transaction.send(
        statements.CHANGE_OUTBOUND, row_id=shipment_id, status_id=state, shipped_ts=call.now if ship else None,
        **stamped,
    )  # fmt: skip
