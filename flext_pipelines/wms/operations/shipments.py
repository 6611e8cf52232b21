"""Outbound shipments: stock for an order, earliest expiry first.

Stock is looked for without locks, and what was found is then locked by ascending id. If somebody else was quicker in
between, the transaction begins anew and locks all that could serve, so that "short" is never said of stock that is
there.

What belongs here: creating a shipment. What does not: its end (``closing``).
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.errors import ConflictError, InsufficientStockError, NotFoundError, ShipmentClosedError
from flext_pipelines.wms import statements, status
from flext_pipelines.wms.again import StockMovedError
from flext_pipelines.wms.operations.masters import find_facility
from flext_pipelines.wms.operations.stock import NOTHING, Ledger, Stock, Why, lock_stock
from flext_pipelines.wms.quantities import written
from flext_pipelines.wms.statements import rows_among
from flext_pipelines.wms.values import OutboundShipment, Pick, ShippedLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flext_pipelines.wms.outcomes import Call
    from flext_pipelines.wms.requests import ShipmentRequest
    from flext_pipelines.wms.transaction import Row, Transaction

_LAST_DAY = dt.date.max


class OrderLine(NamedTuple):
    """A line of an order, as it is now."""

    id: int
    seq_nbr: int
    item_id: int
    item_code: str
    ordered: Decimal
    allocated: Decimal
    shipped: Decimal

    @property
    def open(self) -> Decimal:
        """What nothing is kept for yet."""
        return max(self.ordered - self.allocated, NOTHING)


class Wanted(NamedTuple):
    """How much of a line is to be shipped."""

    line: OrderLine
    qty: Decimal


class Taken(NamedTuple):
    """Stock for a line."""

    line: OrderLine
    stock: Stock
    qty: Decimal


def create_shipment(
    transaction: Transaction, call: Call, request: ShipmentRequest, labels: status.Labels, *, thorough: bool = False
) -> OutboundShipment:
    """Allocate stock to an order's lines, and ship it at once if asked to.

    Args:
        transaction: Which sends it.
        call: Who asks, and when.
        request: What is asked.
        labels: What statuses are called.
        thorough: Lock all stock that could serve, not only what seems to be enough.

    Raises:
        StockMovedError: What seemed to be enough no longer was: ask again, thoroughly.
        NotFoundError: The order, a line of it, or the facility is not there.
        ShipmentClosedError: The order is shipped or cancelled.
        ConflictError: Nothing of it is open, more is asked for than is open, or the shipment's number is taken.
        InsufficientStockError: Stock is short; of everything, where a partial shipment will do.
    """
    order = transaction.row(statements.ORDER_LOCKED, order_nbr=request.order_nbr)
    if order is None:
        raise NotFoundError(
            f"There is no order {request.order_nbr!r}", "Check its number", {"order_nbr": request.order_nbr}
        )
    order_id, facility_id, order_status, order_nbr = order
    if order_status >= status.SHIPPED:
        raise ShipmentClosedError(
            f"Order {order_nbr} is {labels.of('order', order_status)}: nothing more can be shipped of it",
            "Ship another order",
            {"order_nbr": order_nbr, "status_id": order_status},
        )
    facility_id, facility_code = _facility(transaction, request.facility_code, facility_id)
    lines = [OrderLine(*row) for row in transaction.rows(statements.ORDER_LINES, order_id=order_id)]
    wanted = _wanted(order_nbr, lines, request)
    taken = _allocate(transaction, facility_id, wanted, call.now.date(), thorough=thorough)
    _refuse_short(order_nbr, facility_code, wanted, taken, partial=request.policy == "partial")
    shipment_id = next(transaction.numbers(1))
    number = _number(transaction, request.shipment_nbr, shipment_id)
    _keep(transaction, call, request, shipment_id, number, facility_id, order_id, wanted, taken)
    settle_order(transaction, call, order_id, lines, _sums(taken), _sums(taken) if request.ship else {})
    return _answer(transaction, request, number, order_nbr, facility_code, wanted, taken, labels)


def _facility(transaction: Transaction, code: str | None, of_order: int) -> tuple[int, str]:
    if code is not None:
        return find_facility(transaction, code)
    row = transaction.row(statements.FACILITY_BY_ID, facility_id=of_order)
    assert row is not None
    return row[0], row[1]


def _wanted(order_nbr: str, lines: Sequence[OrderLine], request: ShipmentRequest) -> list[Wanted]:
    """The lines to ship with their quantities."""
    if not request.lines:
        wanted = [Wanted(line, line.open) for line in lines if line.open > 0]
        if not wanted:
            raise ConflictError(
                f"Nothing of order {order_nbr} is open: all of it is allocated or shipped",
                "`flext wms orders` shows its status; cancel a shipment of it to free its stock",
                {"order_nbr": order_nbr},
            )
        return wanted
    by_number = {line.seq_nbr: line for line in lines}
    wanted = []
    for asked in sorted(request.lines, key=lambda one: one.seq_nbr):
        line = by_number.get(asked.seq_nbr)
        if line is None:
            raise NotFoundError(
                f"Order {order_nbr} has no line {asked.seq_nbr}",
                f"Its lines are {', '.join(str(number) for number in sorted(by_number))}",
                {"order_nbr": order_nbr, "seq_nbr": asked.seq_nbr},
            )
        if asked.item_code not in {None, line.item_code}:
            raise ConflictError(
                f"Line {asked.seq_nbr} of order {order_nbr} is of {line.item_code}, not of {asked.item_code}",
                "Correct the line's number or its item",
                {"order_nbr": order_nbr, "seq_nbr": asked.seq_nbr, "item_code": line.item_code},
            )
        qty = line.open if asked.qty is None else asked.qty
        if qty > line.open or not qty:
            raise ConflictError(
                f"Line {asked.seq_nbr} of order {order_nbr} has {written(line.open)} open; asked for: "
                f"{written(asked.qty) if asked.qty else 'all'}",
                "Ask for no more than is open",
                {"order_nbr": order_nbr, "seq_nbr": asked.seq_nbr, "open": str(line.open)},
            )
        wanted.append(Wanted(line, qty))
    return wanted


def _allocate(
    transaction: Transaction, facility_id: int, wanted: Sequence[Wanted], today: dt.date, *, thorough: bool
) -> list[Taken]:
    """Stock for the lines, locked."""
    items = sorted({one.line.item_id for one in wanted})
    found = list(rows_among(transaction, statements.free_stock, "item", items, facility_id=facility_id, today=today))
    found.sort(key=lambda row: (row[2] or _LAST_DAY, row[0]))
    needed = {row[0] for row in found} if thorough else _chosen(wanted, found)
    taken = _take(wanted, lock_stock(transaction, needed), today)
    if not thorough and sum((one.qty for one in taken), NOTHING) < _coverable(wanted, found):
        raise StockMovedError
    return taken


def _chosen(wanted: Sequence[Wanted], found: Sequence[Row]) -> set[int]:
    """The rows that cover what is needed, of those that were found in the order of expiry."""
    missing: dict[int, Decimal] = {}
    for one in wanted:
        missing[one.line.item_id] = missing.get(one.line.item_id, NOTHING) + one.qty
    chosen = set()
    for number, item_id, _, free in found:
        if missing[item_id] > 0:
            chosen.add(number)
            missing[item_id] -= free
    return chosen


def _coverable(wanted: Sequence[Wanted], found: Sequence[Row]) -> Decimal:
    """How much of what is wanted there seemed to be."""
    free: dict[int, Decimal] = {}
    for _, item_id, _, qty in found:
        free[item_id] = free.get(item_id, NOTHING) + qty
    total = NOTHING
    for one in wanted:
        part = min(one.qty, free.get(one.line.item_id, NOTHING))
        free[one.line.item_id] = free.get(one.line.item_id, NOTHING) - part
        total += part
    return total


def _take(wanted: Sequence[Wanted], stocks: Sequence[Stock], today: dt.date) -> list[Taken]:
    """Share locked stock out, earliest expiry first; the rows themselves stay as they are."""
    by_item: dict[int, list[Stock]] = {}
    for stock in sorted(stocks, key=lambda one: (one.expiry_date or _LAST_DAY, one.id)):
        if stock.expiry_date is None or stock.expiry_date >= today:
            by_item.setdefault(stock.item_id, []).append(stock)
    free = {stock.id: stock.free for stock in stocks}
    taken = []
    for one in wanted:
        missing = one.qty
        for stock in by_item.get(one.line.item_id, []):
            part = min(missing, free[stock.id])
            if part > 0:
                free[stock.id] -= part
                missing -= part
                taken.append(Taken(one.line, stock, part))
            if not missing:
                break
    return taken


def _sums(taken: Sequence[Taken]) -> dict[int, Decimal]:
    """How much was taken for each line, by the line's id."""
    sums: dict[int, Decimal] = {}
    for one in taken:
        sums[one.line.id] = sums.get(one.line.id, NOTHING) + one.qty
    return sums


def _refuse_short(
    order_nbr: str, facility_code: str, wanted: Sequence[Wanted], taken: Sequence[Taken], *, partial: bool
) -> None:
    sums = _sums(taken)
    short = [(one, sums.get(one.line.id, NOTHING)) for one in wanted if sums.get(one.line.id, NOTHING) < one.qty]
    if short and (not partial or not taken):
        first, available = short[0]
        more = f"; {len(short) - 1} more of its lines short" if len(short) > 1 else ""
        raise InsufficientStockError(
            f"Order {order_nbr} needs {written(first.qty)} of {first.line.item_code}, and facility {facility_code} has "
            f"{written(available)} available{more}",
            "Wait for stock" if partial else "Allow a partial shipment, or wait for stock",
            {
                "order_nbr": order_nbr, "facility_code": facility_code,
                "short": [
                    {"seq_nbr": one.line.seq_nbr, "item_code": one.line.item_code, "requested": str(one.qty),
                     "available": str(found)}
                    for one, found in short
                ],
            },
        )  # fmt: skip


def _number(transaction: Transaction, given: str | None, shipment_id: int) -> str:
    if given is None:
        return f"OB{shipment_id}"
    if transaction.row(statements.OUTBOUND_TAKEN, shipment_nbr=given) is not None:
        raise ConflictError(
            f"There is an outbound shipment {given!r} already",
            "Give another number, or none to have one made",
            {"shipment_nbr": given},
        )
    return given


def _keep(
    transaction: Transaction,
    call: Call,
    request: ShipmentRequest,
    shipment_id: int,
    number: str,
    facility_id: int,
    order_id: int,
    wanted: Sequence[Wanted],
    taken: Sequence[Taken],
) -> None:
    """Write the shipment, its lines and allocations, and the stock."""
    stamps = call.stamps()
    state = status.SHIPPED if request.ship else status.ALLOCATED
    transaction.send(
        statements.ADD_OUTBOUND, id=shipment_id, facility_id=facility_id, order_id=order_id, shipment_nbr=number,
        carrier_code=request.carrier_code, status_id=state, shipped_ts=call.now if request.ship else None, **stamps,
    )  # fmt: skip
    sums = _sums(taken)
    ids = transaction.numbers(len(wanted) + len(taken))
    transaction.send_many(
        statements.ADD_OUTBOUND_LINE,
        [
            {
                "id": next(ids), "ob_shipment_id": shipment_id, "order_dtl_id": one.line.id,
                "seq_nbr": one.line.seq_nbr, "item_id": one.line.item_id, "requested_qty": one.qty,
                "alloc_qty": sums.get(one.line.id, NOTHING),
                "shipped_qty": sums.get(one.line.id, NOTHING) if request.ship else NOTHING, **stamps,
            }
            for one in wanted
        ],
    )  # fmt: skip
    user, moment = (call.actor, call.now) if request.ship else (None, None)
    picked = {"pick_user": user, "picked_ts": moment}
    ledger = Ledger(transaction, call)
    rows = []
    for one in taken:
        rows.append(
            {
                "id": next(ids), "order_dtl_id": one.line.id, "from_inventory_id": one.stock.id, "alloc_qty": one.qty,
                "picked_qty": one.qty if request.ship else NOTHING, "status_id": state,
                "ob_shipment_id": shipment_id, **picked, **stamps,
            }
        )  # fmt: skip
        if request.ship:
            ledger.move(one.stock, Why("SHIP", reference_nbr=number), on_hand=-one.qty)
        else:
            ledger.move(one.stock, Why("ALLOCATE", reference_nbr=number), allocated=one.qty)
    ledger.write()
    transaction.send_many(statements.ADD_ALLOCATION, rows)


def settle_order(
    transaction: Transaction,
    call: Call,
    order_id: int,
    lines: Sequence[OrderLine],
    allocated: dict[int, Decimal],
    shipped: dict[int, Decimal],
) -> None:
    """Write what a shipment changes in its order: quantities and status of lines, status of the header.

    Args:
        transaction: Which sends it.
        call: Who did it, and when.
        order_id: The order.
        lines: All its lines, as they were.
        allocated: By how much each line's allocated quantity changes, by the line's id.
        shipped: The same of the shipped quantity.
    """
    after = [
        line._replace(
            allocated=line.allocated + allocated.get(line.id, NOTHING),
            shipped=line.shipped + shipped.get(line.id, NOTHING),
        )
        for line in lines
    ]
    stamped = {"mod_user": call.actor, "mod_ts": call.now}
    transaction.send_many(
        statements.CHANGE_LINE,
        [
            {
                "row_id": line.id, "alloc_qty": line.allocated, "shipped_qty": line.shipped,
                "status_id": state_of([line]), **stamped,
            }
            for line in after
            if line.id in allocated or line.id in shipped
        ],
    )  # fmt: skip
    state = state_of(after)
    transaction.send(
        statements.CHANGE_ORDER, row_id=order_id, status_id=state,
        order_shipped_ts=call.now if state == status.SHIPPED else None, **stamped,
    )  # fmt: skip


def state_of(lines: Sequence[OrderLine]) -> int:
    """The status that follows from the quantities of lines."""
    if all(line.shipped >= line.ordered for line in lines):
        return status.SHIPPED
    if any(line.shipped > 0 for line in lines):
        return status.PARTLY_SHIPPED
    if all(line.allocated >= line.ordered for line in lines):
        return status.ALLOCATED
    return status.PARTLY_ALLOCATED if any(line.allocated > 0 for line in lines) else status.CREATED


def _answer(
    transaction: Transaction,
    request: ShipmentRequest,
    number: str,
    order_nbr: str,
    facility_code: str,
    wanted: Sequence[Wanted],
    taken: Sequence[Taken],
    labels: status.Labels,
) -> OutboundShipment:
    sums = _sums(taken)
    places = sorted({one.stock.location_id for one in taken})
    barcodes = {row[0]: row[1] for row in rows_among(transaction, statements.places_of, "location", places)}
    state = status.SHIPPED if request.ship else status.ALLOCATED
    lines = tuple(
        ShippedLine(
            seq_nbr=one.line.seq_nbr, item_code=one.line.item_code, requested=one.qty,
            allocated=sums.get(one.line.id, NOTHING), short=one.qty - sums.get(one.line.id, NOTHING),
            shipped=sums.get(one.line.id, NOTHING) if request.ship else NOTHING,
        )
        for one in wanted
    )  # fmt: skip
    picks = tuple(
        Pick(
            seq_nbr=one.line.seq_nbr, item_code=one.line.item_code, location_barcode=barcodes[one.stock.location_id],
            batch_nbr=one.stock.batch_nbr, expiry_date=one.stock.expiry_date, qty=one.qty,
        )
        for one in taken
    )  # fmt: skip
    return OutboundShipment(
        shipment_nbr=number, order_nbr=order_nbr, facility_code=facility_code, status_id=state,
        status=labels.of("outbound", state), complete=all(not line.short for line in lines), lines=lines, picks=picks,
    )  # fmt: skip
