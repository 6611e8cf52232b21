"""Corrections of stock: by so much, or to what was counted.

What belongs here: one item in one location. What does not: goods that came (``receipts``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.errors import ConflictError, ExpiredLotError, InsufficientStockError, NotFoundError
from flext_pipelines.wms.operations.masters import Item, Spot, find_items, find_spot
from flext_pipelines.wms.operations.stock import (
    NOTHING,
    Ledger,
    Lot,
    Place,
    Stock,
    Why,
    know_lots,
    lock_stock_at,
)
from flext_pipelines.wms.quantities import written
from flext_pipelines.wms.tables import AVAILABLE, QUARANTINE
from flext_pipelines.wms.values import CorrectedStock

if TYPE_CHECKING:
    import datetime as dt
    from decimal import Decimal

    from flext_pipelines.wms.outcomes import Call
    from flext_pipelines.wms.requests import StockCorrection
    from flext_pipelines.wms.transaction import Transaction


def update_inventory(transaction: Transaction, call: Call, request: StockCorrection) -> CorrectedStock:
    """Correct the stock of an item in a location.

    Raises:
        NotFoundError: Item, location or stock is not there.
        ConflictError: The location holds several lots of the item, or a batch is said to expire on another day.
        InsufficientStockError: Less would be left than is allocated.
        ExpiredLotError: Stock would be added to a lot that is past its date.
    """
    spot = find_spot(transaction, request.location_barcode, request.facility_code)
    item = find_items(transaction, [request])[0]
    stock = _stock(transaction, call, request, spot, item)
    before = stock.on_hand
    change = request.adjustment_qty if request.actual_qty is None else request.actual_qty - before
    assert change is not None
    change += NOTHING  # three places, as every quantity
    _refuse(stock, request, item, change, call.now.date())
    ledger = Ledger(transaction, call)
    if change or not stock.is_new:
        kind = "ADJUST" if request.actual_qty is None else "COUNT"
        ledger.move(stock, Why(kind, request.reason_code, None, request.note), on_hand=change)
        ledger.write()
    usable = not request.quarantined and not Lot(stock.batch_nbr, stock.expiry_date).is_expired(call.now.date())
    return CorrectedStock(
        facility_code=spot.facility_code, location_barcode=spot.barcode, item_code=item.code,
        batch_nbr=stock.batch_nbr, expiry_date=stock.expiry_date, quarantined=request.quarantined, before=before,
        change=change, on_hand=stock.on_hand, allocated=stock.allocated, available=stock.free if usable else NOTHING,
    )  # fmt: skip


def _stock(transaction: Transaction, call: Call, request: StockCorrection, spot: Spot, item: Item) -> Stock:
    """The one row that is meant, locked; a new one where there is none yet and some is to be there."""
    status_code = QUARANTINE if request.quarantined else AVAILABLE
    there = lock_stock_at(transaction, [item.id], (spot.id, spot.id))
    rows = [stock for place, stock in there.items() if place.status_code == status_code]
    lot = Lot(request.batch_nbr, request.expiry_date)
    if lot == Lot():
        if len(rows) > 1:
            lots = [stock.batch_nbr or str(stock.expiry_date or "no lot") for stock in rows]
            raise ConflictError(
                f"Location {spot.barcode} holds {len(rows)} lots of item {item.code}: {', '.join(sorted(lots))}",
                "Name the batch, or the expiry date",
                {"location_barcode": spot.barcode, "item_code": item.code, "lots": sorted(lots)},
            )
        if rows:
            return rows[0]
    found = there.get(Place(spot.id, item.id, lot.key, status_code))
    if found is not None:
        if lot.expiry_date not in {None, found.expiry_date}:
            know_lots(transaction, call, [(item.id, item.code, lot)])
        return found
    if not (request.actual_qty or (request.adjustment_qty or NOTHING) > 0):
        raise NotFoundError(
            f"Location {spot.barcode} holds no item {item.code}{f' of batch {lot.batch_nbr}' if lot.batch_nbr else ''}"
            f"{' in quarantine' if request.quarantined else ''}",
            "`flext wms inventory` shows what it holds",
            {"location_barcode": spot.barcode, "item_code": item.code, "batch_nbr": lot.batch_nbr},
        )
    return new_stock(transaction, call, spot, item, lot, status_code)


def new_stock(transaction: Transaction, call: Call, spot: Spot, item: Item, lot: Lot, status_code: str) -> Stock:
    """A row for stock that is not there yet.

    Raises:
        ConflictError: The item is perishable and nothing says when this expires.
    """
    known = know_lots(transaction, call, [(item.id, item.code, lot)]).get(Place(0, item.id, lot.key, ""), lot)
    refuse_undated(item, known)
    return Stock(
        next(transaction.numbers(1)), spot.facility_id, spot.id, item.id, lot.key, status_code, known.batch_nbr,
        known.expiry_date, NOTHING, NOTHING, is_new=True,
    )  # fmt: skip


def refuse_undated(item: Item, lot: Lot) -> None:
    """Raise where a perishable item has no expiry date."""
    if item.perishable and lot.expiry_date is None:
        raise ConflictError(
            f"Item {item.code} is perishable: its stock needs an expiry date",
            "Give expiry_date",
            {"item_code": item.code, "batch_nbr": lot.batch_nbr},
        )


def _refuse(stock: Stock, request: StockCorrection, item: Item, change: Decimal, today: dt.date) -> None:
    where = f"of item {item.code} in location {request.location_barcode}"
    if stock.on_hand + change < 0:
        raise InsufficientStockError(
            f"There are {written(stock.on_hand)} {where}: {written(-change)} cannot be taken away",
            "Count it, and give actual_qty",
            {"on_hand": str(stock.on_hand), "change": str(change)},
        )
    if stock.on_hand + change < stock.allocated:
        raise InsufficientStockError(
            f"{written(stock.allocated)} {where} are kept for orders: no less can be left",
            "Cancel shipments that use it first",
            {"on_hand": str(stock.on_hand), "allocated": str(stock.allocated), "change": str(change)},
        )
    if change > 0 and not request.quarantined and Lot(stock.batch_nbr, stock.expiry_date).is_expired(today):
        raise ExpiredLotError(
            f"The lot {where} expired on {stock.expiry_date}: nothing can be added to it",
            "Put it into quarantine (quarantined)",
            {"item_code": item.code, "batch_nbr": stock.batch_nbr, "expiry_date": str(stock.expiry_date)},
        )
