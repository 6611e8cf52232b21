"""Orders by number, status, facility, customer and date.

Each status that is asked for is a question of its own, read in the wanted order and cut at a page; together they are
merged. So an index answers any number of statuses without reading what lies between.

What belongs here: the question and its page. What does not: cursors (``paging``).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from flext_pipelines.wms.tables import facility, order_hdr
from flext_pipelines.wms.values import OrderPage, OrderRow
from flext_pipelines.wms.views.paging import Cursors, Key, beyond
from flext_pipelines.wms.views.stock import find_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, RowMapping, Select

    from flext_pipelines.wms.requests import OrderFilter
    from flext_pipelines.wms.status import Labels

_LAST_LETTER = chr(0x10FFFF)
_COLUMNS = (
    "order_nbr", "order_type", "status_id", "priority", "ord_date", "req_ship_date", "order_shipped_ts", "cust_name",
    "shipto_city", "mod_ts",
)  # fmt: skip


def order_page(connection: Connection, request: OrderFilter, cursors: Cursors, labels: Labels) -> OrderPage:
    """A page of orders.

    Raises:
        NotFoundError: There is no such facility.
        CursorRefusedError: The cursor is not of this search.
    """
    where = None
    if request.facility_code is not None:
        where = find_id(connection, facility.c.id, facility.c.code, request.facility_code, "facility", "facility_code")
    key = cursors.read(request, request.cursor) if request.cursor else None
    rows = connection.execute(order_statement(request, where, key)).mappings().all()
    shown = rows[: request.limit]
    following = None
    if len(rows) > request.limit:
        last = shown[-1]
        following = cursors.make(request, [last[request.sort.removeprefix("-")], last["id"]])
    return OrderPage(rows=tuple(_row(row, labels) for row in shown), next_cursor=following)


def order_statement(request: OrderFilter, facility_id: int | None, key: Sequence[Key] | None) -> Select[Any]:
    """The question for one page and one row more, which says whether there is another page."""
    sort, descending = order_hdr.c[request.sort.removeprefix("-")], request.sort.startswith("-")
    keys = (sort, order_hdr.c.id)
    conditions = _conditions(request)
    if facility_id is not None:
        conditions.append(order_hdr.c.facility_id == facility_id)
    if key is not None:
        conditions.append(beyond(keys, key, descending=descending))
    columns = [order_hdr.c.id, order_hdr.c.facility_id, *(order_hdr.c[name] for name in _COLUMNS)]

    def part(*more: ColumnElement[bool]) -> Select[Any]:
        ordered = [column.desc() if descending else column.asc() for column in keys]
        return sa.select(*columns).where(*conditions, *more).order_by(*ordered).limit(request.limit + 1)

    statuses = sorted(set(request.status_ids))
    if len(statuses) > 1:
        parts = [sa.select(part(order_hdr.c.status_id == one).subquery()) for one in statuses]
        found = sa.union_all(*parts).subquery("page")
    else:
        found = part(*(order_hdr.c.status_id == one for one in statuses)).subquery("page")
    ordered = [found.c[column.name].desc() if descending else found.c[column.name].asc() for column in keys]
    return (
        sa.select(found, facility.c.code.label("facility_code"))
        .select_from(found.join(facility, facility.c.id == found.c.facility_id))
        .order_by(*ordered)
        .limit(request.limit + 1)
    )


def _conditions(request: OrderFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    column = order_hdr.c
    if request.order_nbr is not None and request.order_nbr.endswith("*"):
        begin = request.order_nbr[:-1]
        conditions += [column.order_nbr >= begin, column.order_nbr < begin + _LAST_LETTER]
    elif request.order_nbr is not None:
        conditions.append(column.order_nbr == request.order_nbr)
    if request.customer is not None:
        conditions.append(column.cust_name == request.customer)
    if request.ordered_from is not None:
        conditions.append(column.ord_date >= _midnight(request.ordered_from))
    if request.ordered_to is not None:
        conditions.append(column.ord_date < _midnight(request.ordered_to + dt.timedelta(days=1)))
    if request.changed_since is not None:
        conditions.append(column.mod_ts >= _as_utc(request.changed_since))
    return conditions


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def _as_utc(moment: dt.datetime) -> dt.datetime:
    """Without a zone, as the columns are."""
    return moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)


def _row(values: RowMapping, labels: Labels) -> OrderRow:
    same = {name: values[name] for name in _COLUMNS if name != "cust_name"}
    return OrderRow(
        facility_code=values["facility_code"], status=labels.of("order", values["status_id"]),
        customer=values["cust_name"], **same,
    )  # fmt: skip
