"""Goods that came: of an inbound shipment, or blind by purchase order.

What is damaged or past its date goes into quarantine, where nothing is available. More than expected is taken up to the
tolerance, item by item, over the whole shipment.

What belongs here: receiving. What does not: announcing a shipment (pipelines and the ERP do).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

from flext_pipelines.errors import ConflictError, NotFoundError, OverReceiptError, ShipmentClosedError
from flext_pipelines.wms import statements, status
from flext_pipelines.wms.operations.corrections import refuse_undated
from flext_pipelines.wms.operations.masters import Item, Spot, find_items, find_spot
from flext_pipelines.wms.operations.stock import NOTHING, Ledger, Lot, Place, Stock, Why, know_lots, lock_stock_at
from flext_pipelines.wms.quantities import written
from flext_pipelines.wms.tables import AVAILABLE, QUARANTINE
from flext_pipelines.wms.values import Receipt, ReceivedLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flext_pipelines.wms.outcomes import Call
    from flext_pipelines.wms.requests import ReceiptRequest
    from flext_pipelines.wms.transaction import Transaction

_STEP = Decimal("0.001")


class Came(NamedTuple):
    """Some of an item, with its place."""

    item: Item
    qty: Decimal
    lot: Lot
    spot: Spot
    reason: Literal["damaged", "expired"] | None

    @property
    def place(self) -> Place:
        """Where it goes."""
        return Place(self.spot.id, self.item.id, self.lot.key, QUARANTINE if self.reason else AVAILABLE)


class Announced:
    """A line of an inbound shipment; ``expected`` is None where nothing was announced."""

    __slots__ = ("expected", "id", "item", "received", "seq_nbr", "touched")

    def __init__(self, number: int, seq_nbr: int, item: Item, expected: Decimal | None, received: Decimal) -> None:
        self.id = number
        self.seq_nbr = seq_nbr
        self.item = item
        self.expected = expected
        self.received = received
        self.touched = False


class Inbound(NamedTuple):
    """The shipment that goods are received for."""

    id: int
    number: str
    po_nbr: str | None
    lines: list[Announced]
    is_new: bool


def process_receipt(transaction: Transaction, call: Call, request: ReceiptRequest, labels: status.Labels) -> Receipt:
    """Receive goods.

    Raises:
        NotFoundError: The shipment, a location or an item is not there.
        ShipmentClosedError: The shipment was received in full or cancelled.
        OverReceiptError: More came than expected, beyond the tolerance.
        ConflictError: A perishable item has no expiry date, a batch another one, or places are of two facilities.
    """
    shipment = _announced(transaction, request, labels)
    spot = find_spot(transaction, request.location_barcode, request.facility_code)
    quarantine = (
        find_spot(transaction, request.quarantine_location_barcode, spot.facility_code)
        if request.quarantine_location_barcode
        else spot
    )
    if shipment is not None and shipment[1] != spot.facility_id:
        raise ConflictError(
            f"Shipment {request.shipment_nbr} goes to another facility than {spot.facility_code}, "
            f"where location {spot.barcode} is",
            "Receive it in a location of its own facility",
            {"shipment_nbr": request.shipment_nbr, "location_barcode": spot.barcode},
        )
    inbound = _blind(transaction, request) if shipment is None else shipment[0]
    came = _came(transaction, request, inbound, spot, quarantine)
    parts = _share(transaction, request, inbound, came)
    came = _put_away(transaction, call, request, inbound, came, parts, (spot, quarantine))
    complete = all(line.expected is not None and line.received >= line.expected for line in inbound.lines)
    closed = request.close or complete
    state = status.RECEIVED if closed else status.RECEIVING
    transaction.send(
        statements.CHANGE_INBOUND, row_id=inbound.id, status_id=state, received_ts=call.now if closed else None,
        mod_user=call.actor, mod_ts=call.now,
    )  # fmt: skip
    return Receipt(
        shipment_nbr=inbound.number, po_nbr=inbound.po_nbr, facility_code=spot.facility_code, status_id=state,
        status=labels.of("inbound", state), closed=closed, lines=_shown(inbound, came),
    )  # fmt: skip


def _announced(transaction: Transaction, request: ReceiptRequest, labels: status.Labels) -> tuple[Inbound, int] | None:
    """The shipment that was announced, locked, and its facility; None for a blind receipt."""
    if request.shipment_nbr is None:
        return None
    row = transaction.row(statements.INBOUND_LOCKED, shipment_nbr=request.shipment_nbr)
    if row is None:
        raise NotFoundError(
            f"There is no inbound shipment {request.shipment_nbr!r}",
            "Check its number, or receive blind by po_nbr",
            {"shipment_nbr": request.shipment_nbr},
        )
    if row[2] >= status.RECEIVED:
        raise ShipmentClosedError(
            f"Shipment {request.shipment_nbr} is {labels.of('inbound', row[2])}: nothing more can be received for it",
            "Receive what came by po_nbr",
            {"shipment_nbr": request.shipment_nbr, "status_id": row[2]},
        )
    lines = [
        Announced(number, seq_nbr, Item(item_id, code, bool(perishable)), expected, received)
        for number, seq_nbr, item_id, code, perishable, expected, received in transaction.rows(
            statements.INBOUND_LINES, shipment_id=row[0]
        )
    ]
    return Inbound(row[0], request.shipment_nbr, row[3], lines, is_new=False), row[1]


def _blind(transaction: Transaction, request: ReceiptRequest) -> Inbound:
    number = next(transaction.numbers(1))
    return Inbound(number, f"RCV{number}", request.po_nbr, [], is_new=True)


def _came(
    transaction: Transaction, request: ReceiptRequest, inbound: Inbound, spot: Spot, quarantine: Spot
) -> list[Came]:
    """What came, and where it goes unless it is expired; all that is still expected where no lines are given."""
    if not request.lines:
        rest = [(line.item, (line.expected or NOTHING) - line.received) for line in inbound.lines]
        came = [Came(item, qty, Lot(), spot, None) for item, qty in rest if qty > 0]
        if not came:
            raise ConflictError(
                f"Shipment {inbound.number} expects nothing more, and nothing is said to have come",
                "Give lines, or close it",
                {"shipment_nbr": inbound.number},
            )
    else:
        came = []
        for line, item in zip(request.lines, find_items(transaction, request.lines), strict=True):
            lot = Lot(line.batch_nbr, line.expiry_date)
            reason: Literal["damaged", "expired"] | None = "damaged" if line.condition == "damaged" else None
            came.append(Came(item, line.qty + NOTHING, lot, quarantine if reason else spot, reason))
    return came


def _as_known(transaction: Transaction, call: Call, came: Sequence[Came], quarantine: Spot) -> list[Came]:
    """What came with its lots as they are known, new ones made; what is past its date goes into quarantine."""
    lots = know_lots(transaction, call, [(one.item.id, one.item.code, one.lot) for one in came])
    known = []
    for one in came:
        lot = lots.get(Place(0, one.item.id, one.lot.key, ""), one.lot)
        refuse_undated(one.item, lot)
        expired = one.reason is None and lot.is_expired(call.now.date())
        known.append(one._replace(lot=lot, reason="expired", spot=quarantine) if expired else one._replace(lot=lot))
    return known


def _share(
    transaction: Transaction, request: ReceiptRequest, inbound: Inbound, came: Sequence[Came]
) -> list[list[tuple[Announced, Decimal]]]:
    """The lines of the shipment that each part belongs to; a blind shipment gets its lines here."""
    by_item: dict[int, list[Announced]] = {}
    for line in inbound.lines:
        by_item.setdefault(line.item.id, []).append(line)
    if inbound.is_new:
        fresh = {one.item.id: one.item for one in came}
        ids = transaction.numbers(len(fresh))
        for place, (item_id, item) in enumerate(fresh.items(), 1):
            line = Announced(next(ids), place, item, None, NOTHING)
            inbound.lines.append(line)
            by_item[item_id] = [line]
    shares = []
    for one in came:
        lines = by_item.get(one.item.id, [])
        share: list[tuple[Announced, Decimal]] = []
        missing = one.qty
        for line in lines:
            room = missing if line is lines[-1] or line.expected is None else line.expected - line.received
            part = min(missing, max(room, NOTHING))
            if part > 0:
                line.received += part
                line.touched = True
                share.append((line, part))
                missing -= part
        if not lines or (lines[0].expected is not None and _is_over(lines, request.over_receipt_tolerance_percent)):
            expected = sum((line.expected or NOTHING for line in lines), NOTHING)
            received = sum((line.received for line in lines), NOTHING) if lines else one.qty
            raise OverReceiptError(
                f"Shipment {inbound.number} expects {written(expected)} of item {one.item.code}, and "
                f"{written(received)} would have come"
                f" (tolerance {written(request.over_receipt_tolerance_percent)} %)",
                "Count again; allow more by over_receipt_tolerance_percent, or receive the rest by po_nbr",
                {"item_code": one.item.code, "expected": str(expected), "received": str(received)},
            )
        shares.append(share)
    return shares


def _is_over(lines: Sequence[Announced], tolerance: Decimal) -> bool:
    expected = sum((line.expected or NOTHING for line in lines), NOTHING)
    most = (expected * (100 + tolerance) / 100).quantize(_STEP)
    return sum((line.received for line in lines), NOTHING) > most


def _put_away(
    transaction: Transaction,
    call: Call,
    request: ReceiptRequest,
    inbound: Inbound,
    came: Sequence[Came],
    shares: Sequence[Sequence[tuple[Announced, Decimal]]],
    spots: tuple[Spot, Spot],
) -> list[Came]:
    """Write the shipment's lines, lots, stock, ledger and receipts; gives back what came with its lots as known."""
    stamps = call.stamps()
    if inbound.is_new:
        transaction.send(
            statements.ADD_INBOUND, id=inbound.id, facility_id=spots[0].facility_id, shipment_nbr=inbound.number,
            po_nbr=inbound.po_nbr, status_id=status.RECEIVING, expected_ts=None, received_ts=None, **stamps,
        )  # fmt: skip
    _write_lines(transaction, call, inbound)
    known = _as_known(transaction, call, came, spots[1])
    there = lock_stock_at(transaction, (one.item.id for one in came), (spots[0].id, spots[1].id))
    ledger = Ledger(transaction, call)
    rows: list[dict[str, object]] = []
    for one, share in zip(known, shares, strict=True):
        stock = there.get(one.place)
        if stock is None:
            stock = there[one.place] = Stock(
                next(transaction.numbers(1)), one.spot.facility_id, one.spot.id, one.item.id, one.lot.key,
                one.place.status_code, one.lot.batch_nbr, one.lot.expiry_date, NOTHING, NOTHING, is_new=True,
            )  # fmt: skip
        reason = one.reason.upper() if one.reason else None
        ledger.move(stock, Why("RECEIVE", reason, inbound.number), on_hand=one.qty)
        rows += [
            {
                "ib_shipment_dtl_id": line.id, "inventory_id": stock.id, "container_nbr": request.container_nbr,
                "trailer_nbr": request.trailer_nbr, "received_qty": part, "quarantine_reason": one.reason, **stamps,
            }
            for line, part in share
        ]  # fmt: skip
    ledger.write()
    ids = transaction.numbers(len(rows))
    transaction.send_many(statements.ADD_RECEIPT, [{"id": next(ids), **row} for row in rows])
    return known


def _write_lines(transaction: Transaction, call: Call, inbound: Inbound) -> None:
    if inbound.is_new:
        transaction.send_many(
            statements.ADD_INBOUND_LINE,
            [
                {
                    "id": line.id, "ib_shipment_id": inbound.id, "seq_nbr": line.seq_nbr, "item_id": line.item.id,
                    "expected_qty": line.expected, "received_qty": line.received, **call.stamps(),
                }
                for line in inbound.lines
            ],
        )  # fmt: skip
        return
    transaction.send_many(
        statements.CHANGE_INBOUND_LINE,
        [
            {"row_id": line.id, "received_qty": line.received, "mod_user": call.actor, "mod_ts": call.now}
            for line in inbound.lines
            if line.touched
        ],
    )


def _shown(inbound: Inbound, came: Sequence[Came]) -> tuple[ReceivedLine, ...]:
    expected: dict[int, Decimal | None] = {}
    received: dict[int, Decimal] = {}
    for line in inbound.lines:
        before = expected.get(line.item.id)
        expected[line.item.id] = line.expected if before is None else before + (line.expected or NOTHING)
        received[line.item.id] = received.get(line.item.id, NOTHING) + line.received
    return tuple(
        ReceivedLine(
            item_code=one.item.code, qty=one.qty, expected=expected[one.item.id], received=received[one.item.id],
            location_barcode=one.spot.barcode, batch_nbr=one.lot.batch_nbr, expiry_date=one.lot.expiry_date,
            quarantine_reason=one.reason,
        )
        for one in came
    )  # fmt: skip
