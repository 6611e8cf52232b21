"""Receipts: ``iblpn/receive`` per container, or ``ib_shipment/receive_entire_shipment``.

Every container has a number that the cloud takes only once. It is where the idempotency key goes: a container that the
caller does not name is numbered by the key, so that a receipt that is sent twice is found, not repeated.
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.errors import (
    ConflictError,
    InvalidMessageError,
    NotFoundError,
    OverReceiptError,
    ShipmentClosedError,
)
from flext_pipelines.wms.cloud.finding import context, facility_of, item_of, location_of, one, reference_of
from flext_pipelines.wms.cloud.pages import read_all
from flext_pipelines.wms.cloud.performing import perform
from flext_pipelines.wms.cloud.records import (
    quantity,
    reference_id,
    reference_key,
    required_text,
    text,
    whole,
)
from flext_pipelines.wms.cloud.statuses import inbound_lines, is_received
from flext_pipelines.wms.cloud.stock import stock_of
from flext_pipelines.wms.quantities import written
from flext_pipelines.wms.values import Receipt, ReceivedLine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import JsonValue

    from flext_pipelines.wms.cloud.calls import CloudCalls, Row
    from flext_pipelines.wms.requests import ReceiptLine, ReceiptRequest

_NONE = Decimal("0.000")


class Came(NamedTuple):
    """A line of a receipt, with what the cloud knows of its item.

    Attributes:
        code: Item code.
        barcode: Item barcode, by which the cloud receives.
        line: What came.
        held: Why it goes into quarantine; None when it is good.
    """

    code: str
    barcode: str
    line: ReceiptLine
    held: str | None


class Container(NamedTuple):
    """What is received as one container.

    Attributes:
        number: Its number.
        location: Where it is put.
        lines: What is in it.
        held: Whether it is for quality control.
    """

    number: str
    location: str
    lines: tuple[Came, ...]
    held: bool


def receive(calls: CloudCalls, request: ReceiptRequest, labels: Mapping[int, str], *, key: str | None) -> Receipt:
    """Receive goods.

    Raises:
        NotFoundError: No such shipment, item or location.
        ShipmentClosedError: The shipment is received already.
        OverReceiptError: More came than the tolerance allows.
        ConflictError: The container is there already, with other contents.
        InvalidMessageError: The cloud has no documented call for it.
        OutcomeUnknownError: The answer was lost, and what is there does not tell.
        CommandInDoubtError: The same, and neither a key nor a container would find it later.
    """
    location = location_of(calls, request.location_barcode, request.facility_code or calls.options.facility)
    placed = context(calls, request, facility=facility_of(location))
    if request.close and request.lines:
        raise InvalidMessageError(
            "No documented call of Oracle WMS Cloud closes a shipment of which some is missing",
            "Send the receipt without close, and verify the shipment in Oracle WMS Cloud",
            {"problems": [{"field": "close", "reason": "not with Oracle WMS Cloud"}]},
        )
    if not request.lines:
        return _receive_all(calls, request, placed, labels, key)
    came = [_came(calls, line, placed["company_id__code"]) for line in request.lines]
    containers = _containers(calls, request, came, placed, key)
    done_before = [_contents(calls, one, placed) for one in containers]
    if request.shipment_nbr and not all(done_before):
        _check(calls, request, came, _shipment(calls, request.shipment_nbr, placed))
    for container, done in zip(containers, done_before, strict=True):
        if not done:
            _receive_container(calls, request, container, placed, key)
    shipment = _shipment_of(calls, containers[0], placed)
    return _answer(calls, request, shipment, came, labels, replayed=all(done_before))


def _came(calls: CloudCalls, line: ReceiptLine, company: str) -> Came:
    item = item_of(calls, line, company)
    expired = line.expiry_date is not None and line.expiry_date < dt.datetime.now(dt.UTC).date()
    held = "damaged" if line.condition == "damaged" else "expired" if expired else None
    return Came(required_text(item, "code"), required_text(item, "item_barcode"), line, held)


def _containers(
    calls: CloudCalls, request: ReceiptRequest, came: Sequence[Came], placed: Mapping[str, str], key: str | None
) -> list[Container]:
    """One container for what is good, one for what is not."""
    number = request.container_nbr or reference_of(key or uuid.uuid4().hex)
    good = tuple(one for one in came if one.held is None)
    held = tuple(one for one in came if one.held is not None)
    quarantine = request.quarantine_location_barcode or request.location_barcode
    if held and quarantine != request.location_barcode:
        location_of(calls, quarantine, placed["facility_id__code"])
    found = [Container(number, request.location_barcode, good, held=False)] if good else []
    return found + ([Container(f"{number}-QC" if good else number, quarantine, held, held=True)] if held else [])


def _shipment(calls: CloudCalls, number: str, placed: Mapping[str, str]) -> Row:
    found = one(calls, "ib_shipment", {"shipment_nbr": number, **placed}, f"inbound shipment {number}")
    if found is None:
        raise NotFoundError(
            f"Oracle WMS Cloud ({calls.options.place}) has no inbound shipment {number}",
            "Check the number, the facility and the company",
            {"shipment_nbr": number},
        )
    return found


def _check(calls: CloudCalls, request: ReceiptRequest, came: Sequence[Came], shipment: Row) -> None:
    """What the cloud would refuse without saying which line is meant, and our own tolerance."""
    number = required_text(shipment, "shipment_nbr")
    if is_received(shipment):
        raise ShipmentClosedError(
            f"Shipment {number} is received and verified already", "Receive against another", {"shipment_nbr": number}
        )
    expected, received = _expected(inbound_lines(calls, shipment))
    coming: dict[str, Decimal] = {}
    for one_line in came:
        coming[one_line.code] = coming.get(one_line.code, _NONE) + one_line.line.qty
    for code, units in coming.items():
        if code not in expected:
            raise NotFoundError(
                f"Shipment {number} announces no item {code}",
                "Check the item, or receive it by po_nbr",
                {"shipment_nbr": number, "item_code": code},
            )
        most = expected[code] * (1 + request.over_receipt_tolerance_percent / 100)
        if received[code] + units > most:
            raise OverReceiptError(
                f"Shipment {number} expects {written(expected[code])} of {code}, {written(received[code])} have come: "
                f"{written(units)} more are "
                f"beyond the tolerance of {written(request.over_receipt_tolerance_percent)} %",
                "Count again, or raise the tolerance",
                {"shipment_nbr": number, "item_code": code, "expected": str(expected[code]), "qty": str(units)},
            )


def _expected(lines: Sequence[Row]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Expected and received, by item."""
    expected: dict[str, Decimal] = {}
    received: dict[str, Decimal] = {}
    for line in lines:
        code = reference_key(line, "item_id") or required_text(line, "item_id")
        expected[code] = expected.get(code, _NONE) + quantity(line, "shipped_qty")
        received[code] = received.get(code, _NONE) + quantity(line, "received_qty")
    return expected, received


def _receive_container(
    calls: CloudCalls, request: ReceiptRequest, container: Container, placed: Mapping[str, str], key: str | None
) -> None:
    body: dict[str, JsonValue] = {
        **placed,
        "container_nbr": container.number,
        "recv_dock_nbr_or_location_barcode": container.location,
        "marked_for_qc_flg": container.held,
        "item_list": [_item(came) for came in container.lines],
    }
    asked = {"shipment_nbr": request.shipment_nbr, "po_nbr": request.po_nbr, "trailer_nbr": request.trailer_nbr}
    body |= {name: value for name, value in asked.items() if value is not None}

    def send() -> bool:
        calls.change("iblpn/receive", body)
        return True

    perform(
        calls,
        send,
        lambda: _contents(calls, container, placed) or None,
        what=f"the receipt of container {container.number}",
        key=key,
        once_only=True,
        resendable=key is not None or request.container_nbr is not None,
    )


def _item(came: Came) -> dict[str, JsonValue]:
    line = came.line
    found: dict[str, JsonValue] = {"item_barcode": came.barcode, "qty": f"{line.qty:f}"}
    if line.batch_nbr:
        found["batch_nbr"] = line.batch_nbr
    if line.expiry_date:
        found["expiry_date"] = line.expiry_date.isoformat()
    return found


def _contents(calls: CloudCalls, container: Container, placed: Mapping[str, str]) -> bool:
    """Whether the container is received with just these contents.

    Raises:
        ConflictError: It is there with others.
    """
    lpn = one(calls, "iblpn", {"container_nbr": container.number, **placed}, f"container {container.number}")
    if lpn is None:
        return False
    query = {"container_id": str(lpn["id"]), "ordering": "id"}
    there = [stock_of(row) for row in read_all(calls, "inventory", query)]
    mine = sorted((came.code, came.line.batch_nbr or "", came.line.qty) for came in container.lines)
    if sorted((row.item, row.batch or "", row.on_hand) for row in there) != mine:
        raise ConflictError(
            f"Container {container.number} is in Oracle WMS Cloud already, with other contents",
            "Give another container_nbr, or another idempotency key",
            {"container_nbr": container.number, "items": sorted({row.item for row in there})},
        )
    return True


def _shipment_of(calls: CloudCalls, container: Container, placed: Mapping[str, str]) -> Row:
    """The shipment that a container was received against; a purchase order has made one."""
    lpn = one(calls, "iblpn", {"container_nbr": container.number, **placed}, f"container {container.number}")
    number = reference_id(lpn, "ib_shipment_id") if lpn is not None else None
    found = calls.read(f"ib_shipment/{number}/") if number is not None else None
    if found is None:
        raise NotFoundError(
            f"Container {container.number} was received, but Oracle WMS Cloud does not show its shipment",
            "Look the container up in Oracle WMS Cloud",
            {"container_nbr": container.number},
        )
    return found


def _receive_all(
    calls: CloudCalls, request: ReceiptRequest, placed: Mapping[str, str], labels: Mapping[int, str], key: str | None
) -> Receipt:
    """Everything that a shipment still expects."""
    assert request.shipment_nbr is not None
    shipment = _shipment(calls, request.shipment_nbr, placed)
    before = inbound_lines(calls, shipment)
    _check(calls, request, (), shipment)

    def send() -> Row:
        calls.change(
            "ib_shipment/receive_entire_shipment",
            {"parameters": {**placed, "shipment_nbr": request.shipment_nbr}},
        )
        return _shipment(calls, str(request.shipment_nbr), placed)

    def look_up() -> Row | None:
        now = _shipment(calls, str(request.shipment_nbr), placed)
        return now if is_received(now) else None

    after = perform(
        calls, send, look_up, what=f"the receipt of shipment {request.shipment_nbr}", key=key, once_only=True
    )
    was = {str(row["id"]): quantity(row, "received_qty") for row in before}
    lines = [
        (row, quantity(row, "received_qty") - was.get(str(row["id"]), _NONE)) for row in inbound_lines(calls, after)
    ]
    return _receipt(
        after,
        labels,
        [
            ReceivedLine(
                item_code=reference_key(row, "item_id") or required_text(row, "item_id"),
                qty=units,
                expected=quantity(row, "shipped_qty"),
                received=quantity(row, "received_qty"),
                location_barcode=request.location_barcode,
                batch_nbr=text(row, "batch_nbr"),
            )
            for row, units in lines
            if units > 0
        ],
        replayed=False,
    )


def _answer(
    calls: CloudCalls,
    request: ReceiptRequest,
    shipment: Row,
    came: Sequence[Came],
    labels: Mapping[int, str],
    *,
    replayed: bool,
) -> Receipt:
    expected, received = _expected(inbound_lines(calls, shipment))
    quarantine = request.quarantine_location_barcode or request.location_barcode
    lines = [
        ReceivedLine(
            item_code=one_line.code,
            qty=one_line.line.qty,
            expected=expected.get(one_line.code) if request.shipment_nbr else None,
            received=received.get(one_line.code, _NONE),
            location_barcode=quarantine if one_line.held else request.location_barcode,
            batch_nbr=one_line.line.batch_nbr,
            expiry_date=one_line.line.expiry_date,
            quarantine_reason="damaged"
            if one_line.held == "damaged"
            else "expired"
            if one_line.held == "expired"
            else None,
        )
        for one_line in came
    ]
    return _receipt(shipment, labels, lines, replayed=replayed)


def _receipt(shipment: Row, labels: Mapping[int, str], lines: Sequence[ReceivedLine], *, replayed: bool) -> Receipt:
    status = whole(shipment, "status_id")
    return Receipt(
        shipment_nbr=required_text(shipment, "shipment_nbr"),
        po_nbr=text(shipment, "po_nbr"),
        facility_code=facility_of(shipment),
        status_id=status,
        status=labels.get(status, f"status {status}"),
        closed=is_received(shipment),
        lines=tuple(lines),
        replayed=replayed,
    )
