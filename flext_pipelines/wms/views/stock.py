"""Stock by item, location and lot, in that order: one row per lot, per location, or per item.

What belongs here: the question and its page. What does not: cursors (``paging``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from flext_pipelines.errors import NotFoundError
from flext_pipelines.wms.tables import AVAILABLE, QUARANTINE, Exact, facility, inventory, item, location
from flext_pipelines.wms.values import StockPage, StockRow
from flext_pipelines.wms.views.paging import Cursors, Key, beyond

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Row, Select

    from flext_pipelines.wms.requests import StockFilter

_KEYS = {
    "lot": (inventory.c.item_id, inventory.c.location_id, inventory.c.id),
    "location": (inventory.c.item_id, inventory.c.location_id),
    "item": (inventory.c.item_id,),
}
_QUANTITY = Exact(18, 3)


def stock_page(connection: Connection, request: StockFilter, cursors: Cursors, today: dt.date) -> StockPage:
    """A page of stock.

    Raises:
        NotFoundError: The item, location or facility is not there.
        CursorRefusedError: The cursor is not of this search.
    """
    conditions = _conditions(connection, request)
    key = cursors.read(request, request.cursor) if request.cursor else None
    rows = connection.execute(stock_statement(request, conditions, key, today)).all()
    shown = rows[: request.limit]
    width = len(_KEYS[request.by])
    following = cursors.make(request, list(shown[-1][:width])) if len(rows) > request.limit else None
    return StockPage(rows=tuple(_row(row, width) for row in shown), next_cursor=following)


def stock_statement(
    request: StockFilter, conditions: Sequence[ColumnElement[bool]], key: Sequence[Key] | None, today: dt.date
) -> Select[Any]:
    """The question for one page and one row more, which says whether there is another page."""
    keys = _KEYS[request.by]
    usable = sa.and_(
        inventory.c.status_code == sa.literal_column(f"'{AVAILABLE}'"),
        sa.or_(inventory.c.expiry_date.is_(None), inventory.c.expiry_date >= today),
    )
    free = sa.case((usable, inventory.c.on_hand_qty - inventory.c.allocated_qty), else_=sa.literal_column("0"))
    amounts = {"on_hand": inventory.c.on_hand_qty, "allocated": inventory.c.allocated_qty, "free": free}
    if request.by == "lot":
        about = [inventory.c.facility_id, inventory.c.batch_nbr, inventory.c.expiry_date, inventory.c.status_code]
        columns = [*keys, *about, *(sa.type_coerce(one, _QUANTITY).label(name) for name, one in amounts.items())]
        inner = sa.select(*columns)
    else:
        summed = [sa.type_coerce(sa.func.sum(one), _QUANTITY).label(name) for name, one in amounts.items()]
        place = [sa.func.min(inventory.c.facility_id).label("facility_id")] if request.by == "location" else []
        inner = sa.select(*keys, *place, *summed).group_by(*keys)
    inner = inner.where(*conditions)
    if key is not None:
        inner = inner.where(beyond(keys, key))
    page = inner.order_by(*keys).limit(request.limit + 1).subquery("page")
    return _named(request, page, [page.c[column.name] for column in keys])


def _named(request: StockFilter, page: sa.Subquery, keys: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """A page of ids with what people call them."""
    nothing: ColumnElement[Any] = sa.null()
    joined = page.join(item, item.c.id == page.c.item_id)
    code, barcode = nothing, nothing
    if request.by != "item":
        joined = joined.join(location, location.c.id == page.c.location_id)
        joined = joined.join(facility, facility.c.id == page.c.facility_id)
        code, barcode = facility.c.code, location.c.barcode
    lot = ("batch_nbr", "expiry_date", "status_code")
    about = [page.c[name] for name in lot] if request.by == "lot" else [nothing, nothing, nothing]
    return (
        sa.select(
            *keys, code.label("facility_code"), item.c.code.label("item_code"), barcode.label("location_barcode"),
            *(one.label(name) for one, name in zip(about, lot, strict=True)),
            page.c.on_hand, page.c.allocated, page.c.free,
        )
        .select_from(joined)
        .order_by(*keys)
    )  # fmt: skip


def _conditions(connection: Connection, request: StockFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if request.facility_code is not None:
        found = find_id(connection, facility.c.id, facility.c.code, request.facility_code, "facility", "facility_code")
        conditions.append(inventory.c.facility_id == found)
    if request.item_code is not None:
        found = find_id(connection, item.c.id, item.c.code, request.item_code, "item", "item_code")
        conditions.append(inventory.c.item_id == found)
    if request.location_barcode is not None:
        found = find_id(
            connection, location.c.id, location.c.barcode, request.location_barcode, "location", "location_barcode"
        )
        conditions.append(inventory.c.location_id == found)
    if request.batch_nbr is not None:
        conditions.append(inventory.c.batch_nbr == request.batch_nbr)
    return conditions


def find_id(
    connection: Connection, number: sa.Column[int], name: sa.Column[str], wanted: str, what: str, field: str
) -> int:
    """The id of what people call so.

    Raises:
        NotFoundError: There is none.
    """
    found = connection.scalar(sa.select(number).where(name == wanted))
    if found is None:
        raise NotFoundError(f"There is no {what} {wanted!r}", "Check its code", {field: wanted})
    return found


def _row(row: Row[Any], width: int) -> StockRow:
    code, item_code, barcode, batch, expiry, status_code, on_hand, allocated, free = row[width:]
    return StockRow(
        facility_code=code, item_code=item_code, location_barcode=barcode, batch_nbr=batch, expiry_date=expiry,
        quarantined=status_code == QUARANTINE, on_hand=on_hand, allocated=allocated, available=free,
    )  # fmt: skip
