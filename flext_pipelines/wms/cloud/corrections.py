"""Stock corrections: ``location/{id}/update_active_inventory``, one location and one item."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from flext_pipelines.errors import InsufficientStockError, InvalidMessageError
from flext_pipelines.wms.cloud.finding import context, facility_of, item_of, location_of
from flext_pipelines.wms.cloud.pages import read_all
from flext_pipelines.wms.cloud.performing import CannotTellError, perform
from flext_pipelines.wms.cloud.records import required_text, whole
from flext_pipelines.wms.cloud.stock import Stock, available, stock_of
from flext_pipelines.wms.quantities import written
from flext_pipelines.wms.values import CorrectedStock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from flext_pipelines.wms.cloud.calls import CloudCalls, Row
    from flext_pipelines.wms.requests import StockCorrection

_NONE = Decimal("0.000")


def correct(calls: CloudCalls, request: StockCorrection, *, key: str | None) -> CorrectedStock:
    """Correct the stock of an item in a location, and tell what there is now.

    An adjustment carries no number of its own, so that a second sending would count twice. When its answer is lost,
    the stock itself is looked up: unchanged since before means that it was not done, changed by exactly so much, by
    our user, that it was.

    Raises:
        NotFoundError: No such location or item.
        InsufficientStockError: Less would remain than nothing, or than is allocated.
        CommandInDoubtError: The answer was lost, and the stock does not tell.
    """
    if request.quarantined:
        raise InvalidMessageError(
            "Oracle WMS Cloud corrects active stock only; stock in quarantine is in a container",
            "Correct the container in Oracle WMS Cloud",
            {"problems": [{"field": "quarantined", "reason": "not with Oracle WMS Cloud"}]},
        )
    location = location_of(calls, request.location_barcode, request.facility_code or calls.options.facility)
    placed = context(calls, request, facility=facility_of(location))
    item = item_of(calls, request, placed["company_id__code"])
    before = _lots(calls, location, item, request)
    target = _target(calls, request, before)
    body = _body(request, required_text(item, "code"))

    def send() -> Sequence[Stock]:
        calls.change(f"location/{whole(location, 'id')}/update_active_inventory", body)
        return _lots(calls, location, item, request)

    def look_up() -> Sequence[Stock] | None:
        return _done(calls, before, _lots(calls, location, item, request), target)

    after = perform(
        calls,
        send,
        look_up,
        what=f"the correction of {required_text(item, 'code')} in {request.location_barcode}",
        key=key,
        once_only=request.actual_qty is not None,
        resendable=False,
    )
    return _answer(request, location, item, before, after)


def _lots(calls: CloudCalls, location: Row, item: Row, request: StockCorrection) -> list[Stock]:
    query = {"location_id": str(location["id"]), "item_id": str(item["id"]), "ordering": "id"}
    if request.batch_nbr:
        query["batch_number_id__batch_nbr"] = request.batch_nbr
    return [stock_of(row) for row in read_all(calls, "inventory", query)]


def _target(calls: CloudCalls, request: StockCorrection, before: Sequence[Stock]) -> Decimal:
    """What should be there afterwards."""
    on_hand, allocated = _sums(before)
    target = on_hand + request.adjustment_qty if request.adjustment_qty is not None else request.actual_qty
    assert target is not None
    if target < max(allocated, _NONE):
        raise InsufficientStockError(
            f"{request.location_barcode} holds {written(on_hand)} of {request.item_code or request.item_barcode}, of "
            f"which {written(allocated)} are allocated: {written(target)} would not be enough",
            "Correct the quantity, or have the allocations cancelled first",
            {
                "url": calls.options.place,
                "location_barcode": request.location_barcode,
                "on_hand": str(on_hand),
                "allocated": str(allocated),
                "wanted": str(target),
            },
        )
    return target


def _body(request: StockCorrection, item_code: str) -> dict[str, JsonValue]:
    options: dict[str, JsonValue] = {"item_code": item_code, "reason_code": request.reason_code}
    for name, value in (("adjustment_qty", request.adjustment_qty), ("actual_qty", request.actual_qty)):
        if value is not None:
            options[name] = f"{value:f}"
    if request.batch_nbr:
        options["batch_nbr"] = request.batch_nbr
    if request.expiry_date:
        options["expiry_date"] = request.expiry_date.isoformat()
    return {"options": options}


def _sums(lots: Sequence[Stock]) -> tuple[Decimal, Decimal]:
    return sum((one.on_hand for one in lots), _NONE), sum((one.allocated for one in lots), _NONE)


def _done(calls: CloudCalls, before: Sequence[Stock], now: Sequence[Stock], target: Decimal) -> Sequence[Stock] | None:
    """The stock, if it is what it should be, changed by us; None if nobody has changed it since.

    Raises:
        CannotTellError: It has changed, but not to what it should be, or not by us.
    """
    known = {one.id: one.stamp for one in before}
    changed = [one for one in now if known.get(one.id) != one.stamp]
    gone = known.keys() - {one.id for one in now}
    if not changed and not gone:
        return None
    ours = all(not calls.options.user or one.user == calls.options.user for one in changed)
    if ours and _sums(now)[0] == target:
        return now
    raise CannotTellError


def _answer(
    request: StockCorrection, location: Row, item: Row, before: Sequence[Stock], after: Sequence[Stock]
) -> CorrectedStock:
    was, (on_hand, allocated) = _sums(before)[0], _sums(after)
    lot = after[0] if len(after) == 1 else None
    expiry = request.expiry_date or (lot.expiry if lot else None)
    return CorrectedStock(
        facility_code=facility_of(location),
        location_barcode=request.location_barcode,
        item_code=required_text(item, "code"),
        batch_nbr=request.batch_nbr or (lot.batch if lot else None),
        expiry_date=expiry,
        before=was,
        change=on_hand - was,
        on_hand=on_hand,
        allocated=allocated,
        available=available(on_hand, allocated, expiry, quarantined=False),
    )
