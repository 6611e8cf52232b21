"""Outbound shipments: an order that is new to the cloud comes in by the stage interface, packed containers leave.

The cloud allocates and packs by waves and tasks of its own, which no documented call starts. So ``CreateShipment``
does what the documents allow: it brings an order in (``init_stage_interface``), or lets the packed containers of an
order leave (``ship_oblpn``). Each carries a number that the cloud takes once: the order's, the container's; the
idempotency key stands in the order's ``ref_nbr``.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import TYPE_CHECKING

from flext_pipelines.errors import (
    ConflictError,
    InsufficientStockError,
    InvalidMessageError,
    NotFoundError,
    ShipmentClosedError,
    UnavailableError,
)
from flext_pipelines.wms.cloud.finding import context, facility_of, narrowing, one, reference_of
from flext_pipelines.wms.cloud.pages import read_all
from flext_pipelines.wms.cloud.performing import perform
from flext_pipelines.wms.cloud.records import quantity, reference_id, reference_key, required_text, text, whole
from flext_pipelines.wms.cloud.stage import call, stage_order
from flext_pipelines.wms.cloud.statuses import order_lines
from flext_pipelines.wms.values import OutboundShipment, ShippedLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flext_pipelines.wms.cloud.calls import CloudCalls, Row
    from flext_pipelines.wms.requests import ShipmentClosing, ShipmentRequest

_NONE = Decimal("0.000")
_STAGE_LOOKS = 6
"""How often a staged order is looked for before it is told that it is not there yet."""


def create_shipment(
    calls: CloudCalls, request: ShipmentRequest, labels: Mapping[int, str], *, key: str | None
) -> OutboundShipment:
    """Bring an order in, or let the packed containers of one leave.

    Raises:
        NotFoundError: The order is not there, and the lines do not name items to bring it in with.
        InsufficientStockError: ``all_or_nothing``, and less is allocated than asked for.
        ShipmentClosedError: The order has left.
        InvalidMessageError: The cloud has no documented call for it.
        OutcomeUnknownError: The answer was lost, and what is there does not tell.
    """
    order = _order(calls, request.order_nbr, narrowing(calls, request))
    replayed = order is not None and key is not None and text(order, "ref_nbr") == reference_of(key)
    if order is None:
        order = _stage(calls, request, key)
    elif not request.ship and not replayed:
        raise InvalidMessageError(
            f"Order {request.order_nbr} is in Oracle WMS Cloud, which allocates by waves of its own: no documented "
            "call starts one",
            "Run the wave there; then send it with ship, which lets the packed containers leave",
            {"problems": [{"field": "ship", "reason": "must be true for an order that is there"}]},
        )
    _compare_items(calls, order, request)
    if request.ship:
        return _ship_order(calls, order, labels, key=key, policy=request.policy, lines=_asked(request))
    return _shown(calls, order, labels, _asked(request), replayed=replayed)


def close_shipment(
    calls: CloudCalls, request: ShipmentClosing, labels: Mapping[int, str], *, key: str | None
) -> OutboundShipment:
    """Let a packed container leave, or all those of an order, by its number.

    Raises:
        NotFoundError: No container, order or shipment has this number.
        ShipmentClosedError: It has left.
        InvalidMessageError: No documented call cancels.
        OutcomeUnknownError: The answer was lost, and what is there does not tell.
    """
    placed = narrowing(calls, request)
    number = request.shipment_nbr
    if request.action == "cancel":
        raise InvalidMessageError(
            "No documented call of Oracle WMS Cloud cancels an outbound shipment",
            "Cancel it in Oracle WMS Cloud",
            {"problems": [{"field": "action", "reason": "not with Oracle WMS Cloud"}]},
        )
    container = one(calls, "oblpn", {"container_nbr": number, **placed}, f"container {number}")
    if container is not None:
        order = calls.read(f"order_hdr/{reference_id(container, 'order_id')}/")
        if order is None:
            raise NotFoundError(f"The order of container {number} is not there", "Look it up in Oracle WMS Cloud")
        if _has_left(container):
            raise _gone(f"Container {number}")
        _ship_container(calls, container, placed, key)
        return _shown(calls, _again(calls, order), labels, {}, replayed=False)
    if one(calls, "ob_shipment", {"shipment_nbr": number, **placed}, f"outbound shipment {number}") is not None:
        raise _gone(f"Shipment {number}")
    order = _order(calls, number, placed)
    if order is None:
        raise NotFoundError(
            f"Oracle WMS Cloud ({calls.options.place}) has no container, shipment or order {number}",
            "Check the number, the facility and the company",
            {"shipment_nbr": number},
        )
    return _ship_order(calls, order, labels, key=key, policy="partial", lines={})


def _order(calls: CloudCalls, number: str, placed: Mapping[str, str]) -> Row | None:
    return one(calls, "order_hdr", {"order_nbr": number, **placed}, f"order {number}")


def _again(calls: CloudCalls, order: Row) -> Row:
    return calls.read(f"order_hdr/{whole(order, 'id')}/") or order


def _asked(request: ShipmentRequest) -> dict[int, Decimal | None]:
    """How much of which line; nothing means all of every line."""
    return {line.seq_nbr: line.qty for line in request.lines}


def _compare_items(calls: CloudCalls, order: Row, request: ShipmentRequest) -> None:
    """Lines that name an item must be of it."""
    named = {line.seq_nbr: line.item_code for line in request.lines if line.item_code is not None}
    for line in _lines(calls, order, dict.fromkeys(named)) if named else ():
        asked = named[line.seq_nbr]
        if asked != line.item_code:
            raise ConflictError(
                f"Line {line.seq_nbr} of order {request.order_nbr} is of {line.item_code}, not of {asked}",
                "Correct the line's number or its item",
                {"order_nbr": request.order_nbr, "seq_nbr": line.seq_nbr, "item_code": line.item_code},
            )


def _stage(calls: CloudCalls, request: ShipmentRequest, key: str | None) -> Row:
    """Bring the order in; its lines must say what they are of."""
    if not request.lines or any(line.item_code is None or line.qty is None for line in request.lines):
        raise NotFoundError(
            f"Oracle WMS Cloud ({calls.options.place}) has no order {request.order_nbr}",
            "Check the number, the facility and the company; to bring it in, give lines with item_code and qty",
            {"order_nbr": request.order_nbr},
        )
    placed = context(calls, request)
    mark = reference_of(key or uuid.uuid4().hex)
    header = {
        "facility_code": placed["facility_id__code"],
        "company_code": placed["company_id__code"],
        "order_nbr": request.order_nbr,
        "ref_nbr": mark,
        "action_code": "CREATE",
    }
    staged = stage_order(
        header,
        [
            {
                "seq_nbr": str(line.seq_nbr),
                "item_code": str(line.item_code),
                "ord_qty": f"{line.qty:f}",
                "action_code": "CREATE",
            }
            for line in request.lines
        ],
    )

    def look_up() -> Row | None:
        found = _order(calls, request.order_nbr, placed)
        if found is not None and text(found, "ref_nbr") != mark:
            raise ConflictError(
                f"Order {request.order_nbr} is in Oracle WMS Cloud already, and not from this command",
                "Give another order_nbr",
                {"order_nbr": request.order_nbr},
            )
        return found

    def send() -> Row:
        call(calls, "init_stage_interface", {"entity": "order", "xml_data": staged, "async": "False"})
        return _staged(calls, request.order_nbr, look_up())

    return perform(
        calls, send, look_up, what=f"the staging of order {request.order_nbr}", key=key, once_only=True
    )  # fmt: skip


def _staged(calls: CloudCalls, number: str, found: Row | None) -> Row:
    """The order out of the stage tables, for which a site may take its time."""
    for look in range(_STAGE_LOOKS):
        if found is not None:
            return found
        calls.pause(look)
        # Refuses, with the reason, when the stage tables hold it back.
        call(calls, "get_status", {"entity": "order", "key": number}, change=False)
        found = _order(calls, number, {})
    raise UnavailableError(
        f"Order {number} was taken into the stage tables, but has not come out of them yet",
        "Look at the stage interface in Oracle WMS Cloud; with the same idempotency key the order is found later",
        {"order_nbr": number},
    )


def _ship_order(
    calls: CloudCalls,
    order: Row,
    labels: Mapping[int, str],
    *,
    key: str | None,
    policy: str,
    lines: Mapping[int, Decimal | None],
) -> OutboundShipment:
    number, placed = required_text(order, "order_nbr"), _placed(order)
    containers = list(read_all(calls, "oblpn", {"order_id": str(order["id"]), "ordering": "id"}))
    waiting = [one_container for one_container in containers if not _has_left(one_container)]
    if containers and not waiting:
        raise _gone(f"Order {number}")
    short = [line for line in _lines(calls, order, lines) if line.short > 0]
    if policy == "all_or_nothing" and short:
        raise InsufficientStockError(
            f"Order {number} is not allocated in full: "
            + ", ".join(f"line {line.seq_nbr} ({line.item_code}) lacks {line.short}" for line in short),
            "Run a wave in Oracle WMS Cloud, or ship what there is with policy partial",
            {"order_nbr": number, "short": {line.item_code: str(line.short) for line in short}},
        )
    if not waiting:
        raise ConflictError(
            f"Order {number} has no packed container",
            "Have it picked and packed in Oracle WMS Cloud first",
            {"order_nbr": number},
        )
    for container in waiting:
        _ship_container(calls, container, placed, key)
    return _shown(calls, _again(calls, order), labels, lines, replayed=False)


def _placed(row: Row) -> dict[str, str]:
    company = reference_key(row, "company_id")
    return {"facility_id__code": facility_of(row)} | ({"company_id__code": company} if company else {})


def _ship_container(calls: CloudCalls, container: Row, placed: Mapping[str, str], key: str | None) -> None:
    number = required_text(container, "container_nbr")
    facility = placed.get("facility_id__code") or facility_of(container)
    company = placed.get("company_id__code") or reference_key(container, "company_id") or ""
    form = {"facility_code": facility, "company_code": company, "oblpn_nbr": number}

    def send() -> bool:
        call(calls, "ship_oblpn", form)
        return True

    def look_up() -> bool | None:
        now = calls.read(f"oblpn/{whole(container, 'id')}/")
        return True if now is not None and _has_left(now, before=container) else None

    perform(calls, send, look_up, what=f"the shipping of container {number}", key=key, once_only=True)


def _has_left(container: Row, before: Row | None = None) -> bool:
    """Whether a container has left; status 90 is Shipped in Oracle's documents.

    Args:
        container: As it is now.
        before: As it was while it was still there: a higher status since then counts too.
    """
    status = whole(container, "status_id")
    return status >= SHIPPED or (before is not None and status > whole(before, "status_id"))


SHIPPED = 90
"""Status of a container that has left."""


def _lines(calls: CloudCalls, order: Row, asked: Mapping[int, Decimal | None]) -> list[ShippedLine]:
    found = []
    rows = order_lines(calls, whole(order, "id"))
    unknown = set(asked) - {whole(row, "seq_nbr") for row in rows}
    if unknown:
        raise NotFoundError(
            f"Order {required_text(order, 'order_nbr')} has no line {', '.join(map(str, sorted(unknown)))}",
            "Check the line numbers",
            {"order_nbr": required_text(order, "order_nbr"), "lines": sorted(unknown)},
        )
    for row in rows:
        seq = whole(row, "seq_nbr")
        if asked and seq not in asked:
            continue
        requested = asked.get(seq) or quantity(row, "ord_qty")
        allocated, shipped = quantity(row, "alloc_qty"), quantity(row, "shipped_qty")
        kept = max(allocated, shipped)
        found.append(
            ShippedLine(
                seq_nbr=seq,
                item_code=reference_key(row, "item_id") or required_text(row, "item_id"),
                requested=requested,
                allocated=kept,
                short=max(requested - kept, _NONE),
                shipped=shipped,
            )
        )
    return found


def _shown(
    calls: CloudCalls, order: Row, labels: Mapping[int, str], asked: Mapping[int, Decimal | None], *, replayed: bool
) -> OutboundShipment:
    lines = _lines(calls, order, asked)
    shipments: Sequence[Row] = list(read_all(calls, "ob_shipment", {"order_id": str(order["id"]), "ordering": "-id"}))
    status = whole(order, "status_id")
    return OutboundShipment(
        shipment_nbr=required_text(shipments[0], "shipment_nbr") if shipments else required_text(order, "order_nbr"),
        order_nbr=required_text(order, "order_nbr"),
        facility_code=facility_of(order),
        status_id=status,
        status=labels.get(status, f"status {status}"),
        complete=not any(line.short for line in lines),
        lines=tuple(lines),
        replayed=replayed,
    )


def _gone(what: str) -> ShipmentClosedError:
    return ShipmentClosedError(f"{what} has left already", "Nothing more may happen to it", {"what": what})
