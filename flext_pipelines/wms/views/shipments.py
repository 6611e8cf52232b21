"""How a shipment stands, inbound or outbound.

What belongs here: one shipment with its lines. What does not: making and closing them (``operations``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from flext_pipelines.errors import NotFoundError
from flext_pipelines.wms import status
from flext_pipelines.wms.tables import (
    facility,
    ib_shipment,
    ib_shipment_dtl,
    item,
    ob_shipment,
    ob_shipment_dtl,
    order_hdr,
)
from flext_pipelines.wms.values import ShipmentLineStatus, ShipmentStatus

if TYPE_CHECKING:
    from flext_pipelines.wms.requests import ShipmentNamed
    from flext_pipelines.wms.transaction import Reader

_NUMBER: sa.BindParameter[str] = sa.bindparam("shipment_nbr")
_SHIPMENT: sa.BindParameter[int] = sa.bindparam("shipment_id")

OUTBOUND = (
    sa.select(
        ob_shipment.c.id, facility.c.code, ob_shipment.c.status_id, order_hdr.c.order_nbr, ob_shipment.c.carrier_code,
        ob_shipment.c.shipped_ts,
    )
    .join_from(ob_shipment, facility, facility.c.id == ob_shipment.c.facility_id)
    .join(order_hdr, order_hdr.c.id == ob_shipment.c.order_id)
    .where(ob_shipment.c.shipment_nbr == _NUMBER)
)  # fmt: skip
OUTBOUND_LINES = (
    sa.select(
        ob_shipment_dtl.c.seq_nbr, item.c.code, ob_shipment_dtl.c.requested_qty, ob_shipment_dtl.c.alloc_qty,
        ob_shipment_dtl.c.shipped_qty,
    )
    .join_from(ob_shipment_dtl, item, item.c.id == ob_shipment_dtl.c.item_id)
    .where(ob_shipment_dtl.c.ob_shipment_id == _SHIPMENT)
    .order_by(ob_shipment_dtl.c.seq_nbr)
)  # fmt: skip
INBOUND = (
    sa.select(
        ib_shipment.c.id, facility.c.code, ib_shipment.c.status_id, ib_shipment.c.po_nbr, ib_shipment.c.expected_ts,
        ib_shipment.c.received_ts,
    )
    .join_from(ib_shipment, facility, facility.c.id == ib_shipment.c.facility_id)
    .where(ib_shipment.c.shipment_nbr == _NUMBER)
)  # fmt: skip
INBOUND_LINES = (
    sa.select(
        ib_shipment_dtl.c.seq_nbr, item.c.code, ib_shipment_dtl.c.expected_qty, ib_shipment_dtl.c.received_qty,
    )
    .join_from(ib_shipment_dtl, item, item.c.id == ib_shipment_dtl.c.item_id)
    .where(ib_shipment_dtl.c.ib_shipment_id == _SHIPMENT)
    .order_by(ib_shipment_dtl.c.seq_nbr)
)  # fmt: skip


def shipment_status(reader: Reader, request: ShipmentNamed, labels: status.Labels) -> ShipmentStatus:
    """How a shipment stands; of two with one number the outbound one, where no direction is given.

    Raises:
        NotFoundError: There is none.
    """
    found = None
    if request.direction != "inbound":
        found = _outbound(reader, request.shipment_nbr, labels)
    if found is None and request.direction != "outbound":
        found = _inbound(reader, request.shipment_nbr, labels)
    if found is None or (request.facility_code is not None and found.facility_code != request.facility_code):
        raise NotFoundError(
            f"There is no {request.direction + ' ' if request.direction else ''}shipment {request.shipment_nbr!r}"
            + (f" of facility {request.facility_code}" if request.facility_code else ""),
            "Check its number",
            {"shipment_nbr": request.shipment_nbr},
        )
    return found


def _outbound(reader: Reader, number: str, labels: status.Labels) -> ShipmentStatus | None:
    row = reader.row(OUTBOUND, shipment_nbr=number)
    if row is None:
        return None
    lines = reader.rows(OUTBOUND_LINES, shipment_id=row[0])
    return ShipmentStatus(
        shipment_nbr=number, direction="outbound", facility_code=row[1], status_id=row[2],
        status=labels.of("outbound", row[2]), closed=row[2] >= status.SHIPPED, order_nbr=row[3], carrier_code=row[4],
        done_ts=row[5],
        lines=tuple(
            ShipmentLineStatus(seq_nbr=one[0], item_code=one[1], expected=one[2], allocated=one[3], done=one[4])
            for one in lines
        ),
    )  # fmt: skip


def _inbound(reader: Reader, number: str, labels: status.Labels) -> ShipmentStatus | None:
    row = reader.row(INBOUND, shipment_nbr=number)
    if row is None:
        return None
    lines = reader.rows(INBOUND_LINES, shipment_id=row[0])
    return ShipmentStatus(
        shipment_nbr=number, direction="inbound", facility_code=row[1], status_id=row[2],
        status=labels.of("inbound", row[2]), closed=row[2] >= status.RECEIVED, po_nbr=row[3], expected_ts=row[4],
        done_ts=row[5],
        lines=tuple(
            ShipmentLineStatus(seq_nbr=one[0], item_code=one[1], expected=one[2], done=one[3]) for one in lines
        ),
    )  # fmt: skip
