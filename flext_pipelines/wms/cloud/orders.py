"""Orders, as ``entity/order_hdr`` holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.errors import DataDamagedError
from flext_pipelines.wms.cloud.finding import facility_of, narrowing, refuse_unknown
from flext_pipelines.wms.cloud.pages import Place, opened, read_page, sealed
from flext_pipelines.wms.cloud.records import day, moment, reference_key, required_text, text, whole
from flext_pipelines.wms.values import OrderPage, OrderRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.wms.cloud.calls import CloudCalls, Row
    from flext_pipelines.wms.requests import OrderFilter


def order_page(calls: CloudCalls, request: OrderFilter, labels: Mapping[int, str]) -> OrderPage:
    """A page of orders.

    Args:
        calls: The cloud.
        request: Which orders.
        labels: Statuses in words.

    Raises:
        CursorRefusedError: The cursor is of another search.
        NotFoundError: There is no such facility or company.
        UnavailableError: The cloud does not answer, or gives a page twice.
    """
    place = opened(request, request.cursor, request.limit)
    page = read_page(calls, "order_hdr", _query(calls, request), place.cursor, place.size)
    if not page.rows and request.cursor is None:
        refuse_unknown(calls, request)
    following = sealed(request, Place(page.following, 0, place.size)) if page.following else None
    return OrderPage(rows=tuple(_order(row, labels) for row in page.rows), next_cursor=following)


def _query(calls: CloudCalls, request: OrderFilter) -> dict[str, str]:
    query = {"ordering": f"{request.sort},id", **narrowing(calls, request)}
    number = request.order_nbr
    if number is not None:
        beginning = number.endswith("*")
        query["order_nbr__startswith" if beginning else "order_nbr"] = number.removesuffix("*")
    if request.status_ids:
        query["status_id__in"] = ",".join(map(str, sorted(set(request.status_ids))))
    asked = {
        "cust_name": request.customer,
        "ord_date__gte": request.ordered_from and request.ordered_from.isoformat(),
        "ord_date__lte": request.ordered_to and request.ordered_to.isoformat(),
        "mod_ts__gte": request.changed_since and request.changed_since.isoformat(),
    }
    return query | {name: value for name, value in asked.items() if value}


def _order(row: Row, labels: Mapping[int, str]) -> OrderRow:
    status, changed = whole(row, "status_id"), moment(row, "mod_ts")
    if changed is None:
        raise DataDamagedError("An order of Oracle WMS Cloud has no mod_ts", "Ask Oracle's support", {"id": row["id"]})
    return OrderRow(
        order_nbr=required_text(row, "order_nbr"),
        order_type=reference_key(row, "order_type_id") or "",
        facility_code=facility_of(row),
        status_id=status,
        status=labels.get(status, f"status {status}"),
        priority=whole(row, "priority") if text(row, "priority") is not None else None,
        ord_date=moment(row, "ord_date"),
        req_ship_date=day(row, "req_ship_date"),
        order_shipped_ts=moment(row, "order_shipped_ts"),
        customer=text(row, "cust_name"),
        shipto_city=text(row, "shipto_city"),
        mod_ts=changed,
    )
