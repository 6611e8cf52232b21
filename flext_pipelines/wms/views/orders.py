"""Orders by number, status, facility, customer and date.

Each status that is asked for is a question of its own, read in the wanted order and cut at a page; together they are
merged. So an index answers any number of statuses without reading what lies between.

What belongs here: the question and its page. What does not: cursors (``paging``).
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from flext_pipelines.wms.tables import facility, order_hdr
from flext_pipelines.wms.values import OrderPage, OrderRow
from flext_pipelines.wms.views.paging import Cursors, beyond, key_values, leading
from flext_pipelines.wms.views.stock import FACILITY_ID, find_id

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from flext_pipelines.wms.requests import OrderFilter
    from flext_pipelines.wms.status import Labels
    from flext_pipelines.wms.transaction import Reader, Row

_LAST_LETTER = chr(0x10FFFF)
_COLUMNS = (
    "id", "order_nbr", "order_type", "status_id", "priority", "ord_date", "req_ship_date", "order_shipped_ts",
    "cust_name", "shipto_city", "mod_ts",
)  # fmt: skip
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "number": order_hdr.c.order_nbr == sa.bindparam("number"),
    "number_from": order_hdr.c.order_nbr >= sa.bindparam("number_from"),
    "number_before": order_hdr.c.order_nbr < sa.bindparam("number_before"),
    "facility": order_hdr.c.facility_id == sa.bindparam("facility"),
    "customer": order_hdr.c.cust_name == sa.bindparam("customer"),
    "ordered_from": order_hdr.c.ord_date >= sa.bindparam("ordered_from"),
    "ordered_before": order_hdr.c.ord_date < sa.bindparam("ordered_before"),
    "changed_since": order_hdr.c.mod_ts >= sa.bindparam("changed_since"),
}


class OrderShape(NamedTuple):
    """What tells the statements of questions apart; their values are parameters.

    Attributes:
        sort: Column of the order, with ``-`` descending.
        filters: Names of ``_CONDITIONS``, which are those of their parameters.
        statuses: How many statuses will do; parameters ``status_0``, ``status_1``, ...
        follows: Whether a page has gone before.
    """

    sort: str
    filters: tuple[str, ...] = ()
    statuses: int = 0
    follows: bool = False


def order_page(reader: Reader, request: OrderFilter, cursors: Cursors, labels: Labels) -> OrderPage:
    """A page of orders.

    Raises:
        NotFoundError: There is no such facility.
        CursorRefusedError: The cursor is not of this search.
    """
    values = _values(request)
    if request.facility_code is not None:
        values["facility"] = find_id(reader, FACILITY_ID, request.facility_code, "facility", "facility_code")
    statuses = sorted(set(request.status_ids))
    key = cursors.read(request, request.cursor) if request.cursor else []
    shape = OrderShape(request.sort, tuple(sorted(values)), len(statuses), follows=bool(key))
    values |= {f"status_{place}": one for place, one in enumerate(statuses)}
    rows = reader.rows(order_statement(shape), **values, **key_values(key), page_rows=request.limit + 1)
    shown = rows[: request.limit]
    following = None
    if len(rows) > request.limit:
        place = _COLUMNS.index(request.sort.removeprefix("-"))
        following = cursors.make(request, [shown[-1][place], shown[-1][0]])
    return OrderPage(rows=tuple(_row(row, labels) for row in shown), next_cursor=following)


@cache
def order_statement(shape: OrderShape) -> Select[Any]:
    """The question for one page and one row more, which says whether there is another page."""
    descending = shape.sort.startswith("-")
    keys = (order_hdr.c[shape.sort.removeprefix("-")], order_hdr.c.id)
    narrow = {"customer", "number", "number_from"} & set(shape.filters)
    conditions = [_CONDITIONS[name] for name in shape.filters if narrow or name != "facility"]
    by_facility = {"facility": order_hdr.c.facility_id} if "facility" in shape.filters and not narrow else {}
    columns = [*(order_hdr.c[name] for name in _COLUMNS), order_hdr.c.facility_id]
    rows = sa.bindparam("page_rows", type_=sa.Integer())

    def part(status: str | None) -> Select[Any]:
        lead = dict(by_facility)
        more = list(conditions)
        if status is not None and shape.sort.endswith("ord_date") and not narrow:
            lead[status] = order_hdr.c.status_id
        elif status is not None:
            more.append(order_hdr.c.status_id == sa.bindparam(status))
        if lead:
            more.append(leading(list(lead.values()), list(lead)))
        if shape.follows:
            more.append(beyond(keys, list(lead.values()), list(lead), descending=descending))
        ordered = [column.desc() if descending else column.asc() for column in (*lead.values(), *keys)]
        return sa.select(*columns).where(*more).order_by(*ordered).limit(rows)

    statuses = [f"status_{place}" for place in range(shape.statuses)]
    if len(statuses) > 1:
        found = sa.union_all(*(sa.select(part(one).subquery()) for one in statuses)).subquery("page")
    else:
        found = part(statuses[0] if statuses else None).subquery("page")
    ordered = [found.c[column.name].desc() if descending else found.c[column.name].asc() for column in keys]
    return (
        sa.select(*(found.c[name] for name in _COLUMNS), facility.c.code.label("facility_code"))
        .select_from(found.join(facility, facility.c.id == found.c.facility_id))
        .order_by(*ordered)
        .limit(rows)
    )


def _values(request: OrderFilter) -> dict[str, object]:
    """The filters as parameters."""
    values: dict[str, object] = {}
    if request.order_nbr is not None and request.order_nbr.endswith("*"):
        begin = request.order_nbr[:-1]
        values |= {"number_from": begin, "number_before": begin + _LAST_LETTER}
    elif request.order_nbr is not None:
        values["number"] = request.order_nbr
    if request.customer is not None:
        values["customer"] = request.customer
    if request.ordered_from is not None:
        values["ordered_from"] = _midnight(request.ordered_from)
    if request.ordered_to is not None and request.ordered_to < dt.date.max:  # which people write for "without end"
        values["ordered_before"] = _midnight(request.ordered_to + dt.timedelta(days=1))
    if request.changed_since is not None:
        values["changed_since"] = request.changed_since
    return values


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def _row(row: Row, labels: Labels) -> OrderRow:
    _, number, kind, state, priority, placed, required, shipped, customer, city, changed, facility_code = row
    return OrderRow(
        order_nbr=number, order_type=kind, facility_code=facility_code, status_id=state,
        status=labels.of("order", state), priority=priority, ord_date=placed, req_ship_date=required,
        order_shipped_ts=shipped, customer=customer, shipto_city=city, mod_ts=changed,
    )  # fmt: skip
