"""Commands of warehouse management: shipments, corrections of stock, receipts.

Their fields are those of ``wms/requests``. Where the backend keeps what came of an idempotency key in the transaction
of the work, the bus leaves the key to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from flext_pipelines.commands.message import Command
from flext_pipelines.wms.requests import ReceiptRequest, ShipmentClosing, ShipmentRequest, StockCorrection
from flext_pipelines.wms.values import CorrectedStock, OutboundShipment, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.commands.message import Context
    from flext_pipelines.wms.backend import WmsBackend


class CreateShipmentCommand(Command[OutboundShipment], ShipmentRequest):
    """Allocate stock to an order's lines, earliest expiry first, and make an outbound shipment of it.

    With ``all_or_nothing`` short stock refuses the whole; with ``partial`` the answer's lines are the pick short
    report. Stock in quarantine or past its expiry date is never allocated.
    """

    outcome_kept_by: ClassVar[str] = "wms_backend"


class CloseShipmentCommand(Command[OutboundShipment], ShipmentClosing):
    """End an outbound shipment: ``ship`` lets its stock leave, ``cancel`` makes it available again."""

    outcome_kept_by: ClassVar[str] = "wms_backend"


class UpdateInventoryCommand(Command[CorrectedStock], StockCorrection):
    """Correct the stock of one item in one location: by so much, or to what was counted.

    Never below zero, nor below what is allocated to orders.
    """

    outcome_kept_by: ClassVar[str] = "wms_backend"


class ProcessReceiptCommand(Command[Receipt], ReceiptRequest):
    """Receive goods of an inbound shipment, or blind by purchase order.

    Damaged and expired goods go into quarantine. More than expected is taken up to the tolerance only.
    """

    outcome_kept_by: ClassVar[str] = "wms_backend"


def create_shipment(command: CreateShipmentCommand, *, wms_backend: WmsBackend, context: Context) -> OutboundShipment:
    """Allocate, and ship if asked to."""
    return wms_backend.create_shipment(command, actor=context.actor, key=command.idempotency_key)


def close_shipment(command: CloseShipmentCommand, *, wms_backend: WmsBackend, context: Context) -> OutboundShipment:
    """Ship or cancel."""
    return wms_backend.close_shipment(command, actor=context.actor, key=command.idempotency_key)


def update_inventory(command: UpdateInventoryCommand, *, wms_backend: WmsBackend, context: Context) -> CorrectedStock:
    """Correct stock."""
    return wms_backend.update_inventory(command, actor=context.actor, key=command.idempotency_key)


def process_receipt(command: ProcessReceiptCommand, *, wms_backend: WmsBackend, context: Context) -> Receipt:
    """Receive goods."""
    return wms_backend.process_receipt(command, actor=context.actor, key=command.idempotency_key)


HANDLERS: Mapping[type, Callable[..., object]] = {
    CreateShipmentCommand: create_shipment,
    CloseShipmentCommand: close_shipment,
    UpdateInventoryCommand: update_inventory,
    ProcessReceiptCommand: process_receipt,
}
