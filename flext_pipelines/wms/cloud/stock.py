"""Stock, as ``entity/inventory`` holds it: one row per item, place, lot and container, added up as asked."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.wms.cloud.finding import narrowing
from flext_pipelines.wms.cloud.pages import LARGEST_PAGE, Place, opened, read_page, repeated, sealed
from flext_pipelines.wms.cloud.records import day, quantity, reference_id, reference_key, required_text
from flext_pipelines.wms.values import StockPage, StockRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flext_pipelines.wms.cloud.calls import CloudCalls, Row
    from flext_pipelines.wms.requests import StockFilter

_PAGE = 500
_ORDERED_BY = {
    "lot": "item_id,location_id,batch_number_id,id",
    "location": "item_id,location_id,id",
    "item": "item_id,id",
}
"""Rows that are added up stand beside each other."""


class Stock(NamedTuple):
    """One row of the cloud's inventory.

    Attributes:
        id: Its id.
        stamp: When it last changed, as the cloud writes it.
        user: Who changed it.
        facility: Facility code.
        item: Item code.
        location: Barcode of its location; None inside a container that lies nowhere yet.
        batch: Batch.
        expiry: Expiry date.
        container: Id of its container.
        on_hand: How much there is.
        allocated: How much of it is kept for orders.
    """

    id: int
    stamp: str
    user: str
    facility: str | None
    item: str
    location: str | None
    batch: str | None
    expiry: dt.date | None
    container: int | None
    on_hand: Decimal
    allocated: Decimal


def stock_of(row: Row) -> Stock:
    """Read a row of ``entity/inventory``."""
    return Stock(
        id=int(str(row.get("id"))),
        stamp=str(row.get("mod_ts") or ""),
        user=str(row.get("mod_user") or ""),
        facility=reference_key(row, "facility_id"),
        item=reference_key(row, "item_id") or required_text(row, "item_id"),
        location=reference_key(row, "location_id"),
        batch=reference_key(row, "batch_number_id"),
        expiry=day(row, "expiry_date"),
        container=reference_id(row, "container_id"),
        on_hand=quantity(row, "curr_qty"),
        allocated=quantity(row, "allocated_qty"),
    )


def available(on_hand: Decimal, allocated: Decimal, expiry: dt.date | None, *, quarantined: bool) -> Decimal:
    """How much may still be allocated: nothing of what is in quarantine or expired."""
    if quarantined or (expiry is not None and expiry < dt.datetime.now(dt.UTC).date()):
        return Decimal(0)
    return max(on_hand - allocated, Decimal(0))


def stock_page(calls: CloudCalls, request: StockFilter) -> StockPage:
    """A page of stock.

    Raises:
        CursorRefusedError: The cursor is of another search.
        UnavailableError: The cloud does not answer, or gives a page twice.
    """
    place = opened(request, request.cursor, min(LARGEST_PAGE, max(_PAGE, request.limit)))
    query = _query(calls, request)
    same, sums, seen = _grouping(request.by), list[_Sum](), {place.cursor}
    cursor, passed = place.cursor, place.passed
    while True:
        page = read_page(calls, "inventory", query, cursor, place.size)
        rows = [stock_of(row) for row in page.rows]
        held = _in_quarantine(calls, rows)
        for index in range(passed, len(rows)):
            row = rows[index]
            if not sums or sums[-1].group != same(row):
                if len(sums) == request.limit:
                    following = sealed(request, Place(cursor, index, place.size))
                    return StockPage(rows=tuple(one.row(request.by) for one in sums), next_cursor=following)
                sums.append(_Sum(same(row), row))
            sums[-1].add(row, quarantined=row.container in held)
        if not page.following:
            return StockPage(rows=tuple(one.row(request.by) for one in sums))
        if page.following in seen:
            raise repeated(calls, "inventory")
        seen.add(page.following)
        cursor, passed = page.following, 0


def _query(calls: CloudCalls, request: StockFilter) -> dict[str, str]:
    asked = {
        "item_id__code": request.item_code,
        "location_id__barcode": request.location_barcode,
        "batch_number_id__batch_nbr": request.batch_nbr,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return {"ordering": _ORDERED_BY[request.by], **narrowing(calls, request), **given}


def _grouping(by: str) -> Callable[[Stock], tuple[object, ...]]:
    if by == "item":
        return lambda row: (row.item,)
    if by == "location":
        return lambda row: (row.item, row.facility, row.location)
    return lambda row: (row.item, row.facility, row.location, row.batch, row.expiry)


class _Sum:
    """Rows that are shown as one."""

    def __init__(self, group: tuple[object, ...], first: Stock) -> None:
        self.group = group
        self._first = first
        self._facilities: set[str | None] = set()
        self._on_hand = self._allocated = self._available = self._held = Decimal(0)

    def add(self, row: Stock, *, quarantined: bool) -> None:
        """Add a row up."""
        self._facilities.add(row.facility)
        self._on_hand += row.on_hand
        self._allocated += row.allocated
        self._available += available(row.on_hand, row.allocated, row.expiry, quarantined=quarantined)
        self._held += row.on_hand if quarantined else 0

    def row(self, by: str) -> StockRow:
        """What is shown."""
        first = self._first
        return StockRow(
            facility_code=first.facility if len(self._facilities) == 1 else None,
            item_code=first.item,
            location_barcode=None if by == "item" else first.location,
            batch_nbr=first.batch if by == "lot" else None,
            expiry_date=first.expiry if by == "lot" else None,
            quarantined=by == "lot" and self._held > 0 and self._held == self._on_hand,
            on_hand=self._on_hand,
            allocated=self._allocated,
            available=self._available,
        )


def _in_quarantine(calls: CloudCalls, rows: Sequence[Stock]) -> set[int]:
    """The containers among the rows' that are marked for quality control."""
    wanted = sorted({row.container for row in rows if row.container is not None})
    found: set[int] = set()
    for start in range(0, len(wanted), 100):
        part = ",".join(map(str, wanted[start : start + 100]))
        page = read_page(calls, "iblpn", {"id__in": part, "ordering": "id"}, size=100)
        found |= {int(str(row["id"])) for row in page.rows if row.get("marked_for_qc_flg") in {True, "true", "Y"}}
    return found
