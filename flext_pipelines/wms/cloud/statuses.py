"""How a shipment stands: ``ib_shipment`` with its lines, or ``ob_shipment`` with those of its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.errors import NotFoundError
from flext_pipelines.wms.cloud.finding import facility_of, narrowing, one
from flext_pipelines.wms.cloud.pages import read_all
from flext_pipelines.wms.cloud.records import (
    moment,
    quantity,
    reference_id,
    reference_key,
    required_text,
    text,
    whole,
)
from flext_pipelines.wms.values import ShipmentLineStatus, ShipmentStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.wms.cloud.calls import CloudCalls, Row
    from flext_pipelines.wms.requests import ShipmentNamed


def shipment_status(
    calls: CloudCalls, request: ShipmentNamed, inbound: Mapping[int, str], outbound: Mapping[int, str]
) -> ShipmentStatus:
    """How a shipment stands.

    Args:
        calls: The cloud.
        request: Which shipment.
        inbound: Statuses of inbound shipments in words.
        outbound: Statuses of orders, which outbound shipments share, in words.

    Raises:
        NotFoundError: None has this number.
        ConflictError: Several have it: the facility and company say which.
    """
    query = {"shipment_nbr": request.shipment_nbr, **narrowing(calls, request)}
    if request.direction != "outbound":
        found = one(calls, "ib_shipment", query, f"inbound shipment {request.shipment_nbr}")
        if found is not None:
            return _inbound(calls, found, inbound)
    if request.direction != "inbound":
        found = one(calls, "ob_shipment", query, f"outbound shipment {request.shipment_nbr}")
        if found is not None:
            return _outbound(calls, found, outbound)
    raise NotFoundError(
        f"Oracle WMS Cloud ({calls.options.place}) has no shipment {request.shipment_nbr}",
        "Check the number, the facility and the company",
        {"shipment_nbr": request.shipment_nbr, "direction": request.direction},
    )


def inbound_lines(calls: CloudCalls, shipment: Row) -> list[Row]:
    """The lines of an inbound shipment, in their order."""
    return list(read_all(calls, "ib_shipment_dtl", {"ib_shipment_id": str(shipment["id"]), "ordering": "seq_nbr,id"}))


def order_lines(calls: CloudCalls, order: int) -> list[Row]:
    """The lines of an order, in their order."""
    return list(read_all(calls, "order_dtl", {"order_id": str(order), "ordering": "seq_nbr,id"}))


def is_received(shipment: Row) -> bool:
    """Whether nothing more is expected of an inbound shipment."""
    return text(shipment, "verified_ts") is not None


def _inbound(calls: CloudCalls, row: Row, labels: Mapping[int, str]) -> ShipmentStatus:
    status = whole(row, "status_id")
    return ShipmentStatus(
        shipment_nbr=required_text(row, "shipment_nbr"),
        direction="inbound",
        facility_code=facility_of(row),
        status_id=status,
        status=labels.get(status, f"status {status}"),
        closed=is_received(row),
        po_nbr=text(row, "po_nbr"),
        expected_ts=moment(row, "expected_ts"),
        done_ts=moment(row, "rcvd_ts"),
        lines=tuple(
            ShipmentLineStatus(
                seq_nbr=whole(line, "seq_nbr"),
                item_code=reference_key(line, "item_id") or required_text(line, "item_id"),
                expected=quantity(line, "shipped_qty"),
                done=quantity(line, "received_qty"),
            )
            for line in inbound_lines(calls, row)
        ),
    )


def _outbound(calls: CloudCalls, row: Row, labels: Mapping[int, str]) -> ShipmentStatus:
    status, order = whole(row, "status_id"), reference_id(row, "order_id")
    return ShipmentStatus(
        shipment_nbr=required_text(row, "shipment_nbr"),
        direction="outbound",
        facility_code=facility_of(row),
        status_id=status,
        status=labels.get(status, f"status {status}"),
        closed=text(row, "shipped_ts") is not None,
        order_nbr=reference_key(row, "order_id"),
        carrier_code=text(row, "carrier_code"),
        done_ts=moment(row, "shipped_ts"),
        lines=tuple(
            ShipmentLineStatus(
                seq_nbr=whole(line, "seq_nbr"),
                item_code=reference_key(line, "item_id") or required_text(line, "item_id"),
                expected=quantity(line, "ord_qty"),
                allocated=quantity(line, "alloc_qty"),
                done=quantity(line, "shipped_qty"),
            )
            for line in (order_lines(calls, order) if order is not None else [])
        ),
    )
