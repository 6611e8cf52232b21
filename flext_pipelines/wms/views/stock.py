"""Stock by item, location and lot, in that order: one row per lot, per location, or per item.

What belongs here: the question and its page. What does not: cursors (``paging``).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import sqlalchemy as sa

from flext_pipelines.errors import NotFoundError
from flext_pipelines.wms.tables import AVAILABLE, QUARANTINE, Exact, facility, inventory, item, location
from flext_pipelines.wms.values import StockPage, StockRow
from flext_pipelines.wms.views.paging import Cursors, beyond, key_values, leading

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select

    from flext_pipelines.wms.requests import StockFilter
    from flext_pipelines.wms.transaction import Reader, Row

_KEYS = {
    "lot": (inventory.c.item_id, inventory.c.location_id, inventory.c.id),
    "location": (inventory.c.item_id, inventory.c.location_id),
    "item": (inventory.c.item_id,),
}
_QUANTITY = Exact(18, 3)
_LOT = ("batch_nbr", "expiry_date", "status_code")

FACILITY_ID = sa.select(facility.c.id).where(facility.c.code == sa.bindparam("name"))
ITEM_ID = sa.select(item.c.id).where(item.c.code == sa.bindparam("name"))
LOCATION_ID = sa.select(location.c.id).where(location.c.barcode == sa.bindparam("name"))


class StockShape(NamedTuple):
    """What tells the statements of questions apart; their values are parameters.

    Attributes:
        by: How fine the rows are.
        filters: Columns of ``inventory`` that must have a value: ``facility_id``, ``item_id``, ``location_id``,
            ``batch_nbr``; the parameter has the column's name.
        follows: Whether a page has gone before.
    """

    by: Literal["lot", "location", "item"]
    filters: tuple[str, ...] = ()
    follows: bool = False


def stock_page(reader: Reader, request: StockFilter, cursors: Cursors, today: dt.date) -> StockPage:
    """A page of stock.

    Raises:
        NotFoundError: The item, location or facility is not there.
        CursorRefusedError: The cursor is not of this search.
    """
    values = _values(reader, request)
    key = cursors.read(request, request.cursor) if request.cursor else []
    shape = StockShape(request.by, tuple(sorted(values)), follows=bool(key))
    more = {"today": today, "page_rows": request.limit + 1, **key_values(key)}
    rows = reader.rows(stock_statement(shape), **values, **more)
    shown = rows[: request.limit]
    width = len(_KEYS[request.by])
    following = cursors.make(request, list(shown[-1][:width])) if len(rows) > request.limit else None
    return StockPage(rows=tuple(_row(row, width) for row in shown), next_cursor=following)


@cache
def stock_statement(shape: StockShape) -> Select[Any]:
    """The question for one page and one row more, which says whether there is another page."""
    keys = _KEYS[shape.by]
    usable = sa.and_(
        inventory.c.status_code == sa.literal_column(f"'{AVAILABLE}'"),
        sa.or_(inventory.c.expiry_date.is_(None), inventory.c.expiry_date >= sa.bindparam("today", type_=sa.Date())),
    )
    free = sa.case((usable, inventory.c.on_hand_qty - inventory.c.allocated_qty), else_=sa.literal_column("0"))
    amounts = {"on_hand": inventory.c.on_hand_qty, "allocated": inventory.c.allocated_qty, "free": free}
    if shape.by == "lot":
        about = [inventory.c.facility_id, *(inventory.c[name] for name in _LOT)]
        inner = sa.select(*keys, *about, *(sa.type_coerce(one, _QUANTITY).label(name) for name, one in amounts.items()))
    else:
        summed = [sa.type_coerce(sa.func.sum(one), _QUANTITY).label(name) for name, one in amounts.items()]
        place = [sa.func.min(inventory.c.facility_id).label("facility_id")] if shape.by == "location" else []
        inner = sa.select(*keys, *place, *summed)
    # The facility, else the batch, leads the index in whose order the page is read; an item or location has few rows.
    led = [name for name in ("facility_id", "batch_nbr") if name in shape.filters][:1]
    if "location_id" in shape.filters:
        led = []
    lead = [inventory.c[name] for name in led]
    inner = inner.where(*(inventory.c[name] == sa.bindparam(name) for name in shape.filters if name not in led))
    if led:
        inner = inner.where(leading(lead, led))
    if shape.follows:
        inner = inner.where(beyond(keys, lead, led))
    if shape.by != "lot":
        inner = inner.group_by(*lead, *keys)
    page = inner.order_by(*lead, *keys).limit(sa.bindparam("page_rows", type_=sa.Integer())).subquery("page")
    return _named(shape, page, [page.c[column.name] for column in keys])


def _named(shape: StockShape, page: sa.Subquery, keys: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """A page of ids with what people call them."""
    nothing: ColumnElement[Any] = sa.null()
    joined = page.join(item, item.c.id == page.c.item_id)
    code, barcode = nothing, nothing
    if shape.by != "item":
        joined = joined.join(location, location.c.id == page.c.location_id)
        joined = joined.join(facility, facility.c.id == page.c.facility_id)
        code, barcode = facility.c.code, location.c.barcode
    about = [page.c[name] for name in _LOT] if shape.by == "lot" else [nothing, nothing, nothing]
    return (
        sa.select(
            *keys, code.label("facility_code"), item.c.code.label("item_code"), barcode.label("location_barcode"),
            *(one.label(name) for one, name in zip(about, _LOT, strict=True)),
            page.c.on_hand, page.c.allocated, page.c.free,
        )
        .select_from(joined)
        .order_by(*keys)
    )  # fmt: skip


def _values(reader: Reader, request: StockFilter) -> dict[str, object]:
    """The filters as values of columns."""
    values: dict[str, object] = {}
    if request.facility_code is not None:
        values["facility_id"] = find_id(reader, FACILITY_ID, request.facility_code, "facility", "facility_code")
    if request.item_code is not None:
        values["item_id"] = find_id(reader, ITEM_ID, request.item_code, "item", "item_code")
    if request.location_barcode is not None:
        values["location_id"] = find_id(reader, LOCATION_ID, request.location_barcode, "location", "location_barcode")
    if request.batch_nbr is not None:
        values["batch_nbr"] = request.batch_nbr
    return values


def find_id(reader: Reader, statement: Select[tuple[int]], name: str, what: str, field: str) -> int:
    """The id of what people call so.

    Raises:
        NotFoundError: There is none.
    """
    row = reader.row(statement, name=name)
    if row is None:
        raise NotFoundError(f"There is no {what} {name!r}", "Check its code", {field: name})
    number: int = row[0]
    return number


def _row(row: Row, width: int) -> StockRow:
    code, item_code, barcode, batch, expiry, status_code, on_hand, allocated, free = row[width:]
    return StockRow(
        facility_code=code, item_code=item_code, location_barcode=barcode, batch_nbr=batch, expiry_date=expiry,
        quarantined=status_code == QUARANTINE, on_hand=on_hand, allocated=allocated, available=free,
    )  # fmt: skip
