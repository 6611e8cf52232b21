"""Stock, as ``entity/inventory`` holds it: one row per item, place, lot and container, added up as asked."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.wms.cloud.finding import narrowing, refuse_unknown
from flext_pipelines.wms.cloud.pages import LARGEST_PAGE, Place, opened, read_page, repeated, sealed
from flext_pipelines.wms.cloud.records import day, quantity, reference_id, reference_key, required_text, whole
from flext_pipelines.wms.values import StockPage, StockRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
        id=whole(row, "id"),
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
        NotFoundError: There is no such facility or company.
        UnavailableError: The cloud does not answer, or gives a page twice.
    """
    place = opened(request, request.cursor, min(LARGEST_PAGE, max(_PAGE, request.limit)))
    found: list[StockRow] = []
    given = place.given
    for group in _groups(calls, request, place):
        shown = group.shown(request.by)
        room = request.limit - len(found)
        if room == 0 or len(shown) - given > room:
            found += shown[given : given + room]
            following = Place(group.cursor, group.index, place.size, given + room)
            return StockPage(rows=tuple(found), next_cursor=sealed(request, following))
        found += shown[given:]
        given = 0
    if not found and request.cursor is None:
        refuse_unknown(calls, request)
    return StockPage(rows=tuple(found))


def _groups(calls: CloudCalls, request: StockFilter, place: Place) -> Iterator[_Group]:
    """Rows that belong together, from a place on."""
    query, same = _query(calls, request), _sameness(request.by)
    cursor, passed, seen = place.cursor, place.passed, {place.cursor}
    group: _Group | None = None
    while True:
        page = read_page(calls, "inventory", query, cursor, place.size)
        rows = [stock_of(row) for row in page.rows]
        held = _in_quarantine(calls, rows)
        for index in range(passed, len(rows)):
            row = rows[index]
            if group is None or group.key != same(row):
                if group is not None:
                    yield group
                group = _Group(same(row), cursor, index)
            group.add(row, quarantined=row.container in held)
        if not page.following:
            break
        if page.following in seen:
            raise repeated(calls, "inventory")
        seen.add(page.following)
        cursor, passed = page.following, 0
    if group is not None:
        yield group


def _query(calls: CloudCalls, request: StockFilter) -> dict[str, str]:
    asked = {
        "item_id__code": request.item_code,
        "location_id__barcode": request.location_barcode,
        "batch_number_id__batch_nbr": request.batch_nbr,
    }
    given = {name: value for name, value in asked.items() if value is not None}
    return {"ordering": _ORDERED_BY[request.by], **narrowing(calls, request), **given}


def _sameness(by: str) -> Callable[[Stock], tuple[object, ...]]:
    """What rows that stand beside each other have in common."""
    if by == "item":
        return lambda row: (row.item,)
    if by == "location":
        return lambda row: (row.item, row.facility, row.location)
    return lambda row: (row.item, row.facility, row.location, row.batch)


class _Group:
    """Rows that stand beside each other and are shown as one, or by lot as one for each expiry date and quarantine.

    Attributes:
        key: What they have in common.
        cursor: Of the page that the first of them is on.
        index: Of the first of them on that page.
    """

    def __init__(self, key: tuple[object, ...], cursor: str, index: int) -> None:
        self.key = key
        self.cursor = cursor
        self.index = index
        self._rows: list[tuple[Stock, bool]] = []

    def add(self, row: Stock, *, quarantined: bool) -> None:
        """One more row."""
        self._rows.append((row, quarantined))

    def shown(self, by: str) -> list[StockRow]:
        """What is shown of them."""
        if by != "lot":
            return [_summed(by, self._rows)]
        parts: dict[tuple[dt.date, bool], list[tuple[Stock, bool]]] = {}
        for row, quarantined in self._rows:
            parts.setdefault((row.expiry or dt.date.max, quarantined), []).append((row, quarantined))
        return [_summed(by, parts[part]) for part in sorted(parts)]


def _summed(by: str, rows: Sequence[tuple[Stock, bool]]) -> StockRow:
    first, quarantined = rows[0]
    facilities = {row.facility for row, _ in rows}
    free = (available(row.on_hand, row.allocated, row.expiry, quarantined=held) for row, held in rows)
    return StockRow(
        facility_code=first.facility if len(facilities) == 1 else None,
        item_code=first.item,
        location_barcode=None if by == "item" else first.location,
        batch_nbr=first.batch if by == "lot" else None,
        expiry_date=first.expiry if by == "lot" else None,
        quarantined=by == "lot" and quarantined,
        on_hand=sum((row.on_hand for row, _ in rows), Decimal(0)),
        allocated=sum((row.allocated for row, _ in rows), Decimal(0)),
        available=sum(free, Decimal(0)),
    )


def _in_quarantine(calls: CloudCalls, rows: Sequence[Stock]) -> set[int]:
    """The containers among the rows' that are marked for quality control."""
    wanted = sorted({row.container for row in rows if row.container is not None})
    found: set[int] = set()
    for start in range(0, len(wanted), 100):
        part = ",".join(map(str, wanted[start : start + 100]))
        page = read_page(calls, "iblpn", {"id__in": part, "ordering": "id"}, size=100)
        found |= {whole(row, "id") for row in page.rows if row.get("marked_for_qc_flg") in {True, "true", "Y"}}
    return found
