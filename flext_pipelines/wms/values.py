"""What a warehouse-management system answers, whichever backend it comes from.

Timestamps carry no zone and are UTC, as in Oracle WMS. ``available`` is on hand less allocated, and nothing where the
stock is in quarantine or expired. A command's answer says by ``replayed`` that an earlier call with its idempotency key
did the work.

What belongs here: answers. What does not: requests (``requests``) and work.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import JsonValue

from flext_pipelines.values import Value


class Performed(Value):
    """The answer of a command.

    Attributes:
        replayed: An earlier call with the same idempotency key did it; this is its answer.
    """

    replayed: bool = False


class Pick(Value):
    """Stock that is kept for a line of an order.

    Attributes:
        seq_nbr: Line of the order.
        item_code: The item.
        location_barcode: Where it lies.
        batch_nbr: Its batch.
        expiry_date: When it expires.
        qty: How much.
    """

    seq_nbr: int
    item_code: str
    location_barcode: str
    batch_nbr: str | None = None
    expiry_date: date | None = None
    qty: Decimal


class ShippedLine(Value):
    """A line of an order in an outbound shipment.

    Attributes:
        seq_nbr: Line of the order.
        item_code: The item.
        requested: How much was asked for.
        allocated: How much is kept for it, or has left.
        short: How much is missing: the pick short.
        shipped: How much has left.
    """

    seq_nbr: int
    item_code: str
    requested: Decimal
    allocated: Decimal
    short: Decimal
    shipped: Decimal = Decimal(0)


class OutboundShipment(Performed):
    """What a new or closed outbound shipment holds.

    Attributes:
        shipment_nbr: Its number.
        order_nbr: The order it is for.
        facility_code: Who ships.
        status_id: Its status.
        status: The same in words.
        complete: Nothing is short.
        lines: What was asked for and what there is; the pick short report.
        picks: Where the stock is taken from, earliest expiry first.
    """

    shipment_nbr: str
    order_nbr: str
    facility_code: str
    status_id: int
    status: str
    complete: bool
    lines: tuple[ShippedLine, ...]
    picks: tuple[Pick, ...] = ()


class CorrectedStock(Performed):
    """The stock of an item in a location after a correction.

    Attributes:
        facility_code: Facility.
        location_barcode: Location.
        item_code: Item.
        batch_nbr: Batch.
        expiry_date: Expiry date.
        quarantined: It is in quarantine.
        before: On hand before.
        change: By how much it changed; zero when a count found what was expected.
        on_hand: On hand now.
        allocated: How much of it is kept for orders.
        available: How much of it is not.
    """

    facility_code: str
    location_barcode: str
    item_code: str
    batch_nbr: str | None = None
    expiry_date: date | None = None
    quarantined: bool = False
    before: Decimal
    change: Decimal
    on_hand: Decimal
    allocated: Decimal
    available: Decimal


class ReceivedLine(Value):
    """Some of one item that was received.

    Attributes:
        item_code: The item.
        qty: How much came now.
        expected: How much the shipment expects of it in all; None for a blind receipt.
        received: How much of it has come so far.
        location_barcode: Where it was put.
        batch_nbr: Batch.
        expiry_date: Expiry date.
        quarantine_reason: Why it is in quarantine; None when it is available.
    """

    item_code: str
    qty: Decimal
    expected: Decimal | None
    received: Decimal
    location_barcode: str
    batch_nbr: str | None = None
    expiry_date: date | None = None
    quarantine_reason: Literal["damaged", "expired"] | None = None


class Receipt(Performed):
    """What was received.

    Attributes:
        shipment_nbr: Inbound shipment; a blind receipt has made it.
        po_nbr: Its purchase order.
        facility_code: Who received.
        status_id: Status of the shipment now.
        status: The same in words.
        closed: Nothing more is expected.
        lines: What came.
    """

    shipment_nbr: str
    po_nbr: str | None = None
    facility_code: str
    status_id: int
    status: str
    closed: bool
    lines: tuple[ReceivedLine, ...]


class StockRow(Value):
    """Stock of an item; place and lot are None where rows are added up over them.

    Attributes:
        facility_code: Facility; None where several are added up.
        item_code: Item.
        location_barcode: Location.
        batch_nbr: Batch.
        expiry_date: Expiry date.
        quarantined: The stock is in quarantine, so that none is available.
        on_hand: What is there.
        allocated: How much of it is kept for orders.
        available: How much of it may still be allocated.
    """

    facility_code: str | None
    item_code: str
    location_barcode: str | None = None
    batch_nbr: str | None = None
    expiry_date: date | None = None
    quarantined: bool = False
    on_hand: Decimal
    allocated: Decimal
    available: Decimal


class StockPage(Value):
    """A page of stock.

    Attributes:
        rows: The stock.
        next_cursor: For the page after it; None at the end.
    """

    rows: tuple[StockRow, ...]
    next_cursor: str | None = None


class OrderRow(Value):
    """An order's header.

    Attributes:
        order_nbr: Its number.
        order_type: Its kind.
        facility_code: Who ships it.
        status_id: Its status.
        status: The same in words.
        priority: The higher, the sooner.
        ord_date: When it was placed (UTC).
        req_ship_date: When it must leave.
        order_shipped_ts: When it left (UTC).
        customer: Who ordered.
        shipto_city: Where it goes.
        mod_ts: When it last changed (UTC).
    """

    order_nbr: str
    order_type: str
    facility_code: str
    status_id: int
    status: str
    priority: int | None = None
    ord_date: datetime | None = None
    req_ship_date: date | None = None
    order_shipped_ts: datetime | None = None
    customer: str | None = None
    shipto_city: str | None = None
    mod_ts: datetime


class OrderPage(Value):
    """A page of orders.

    Attributes:
        rows: The orders.
        next_cursor: For the page after it; None at the end.
    """

    rows: tuple[OrderRow, ...]
    next_cursor: str | None = None


class ShipmentLineStatus(Value):
    """How one line of a shipment stands.

    Attributes:
        seq_nbr: Line.
        item_code: Item.
        expected: Asked for (outbound), or announced (inbound; None when blind).
        allocated: Kept for it (outbound).
        done: Shipped, or received.
    """

    seq_nbr: int
    item_code: str
    expected: Decimal | None
    allocated: Decimal | None = None
    done: Decimal


class ShipmentStatus(Value):
    """How a shipment stands.

    Attributes:
        shipment_nbr: Its number.
        direction: Inbound or outbound.
        facility_code: Facility.
        status_id: Its status.
        status: The same in words.
        closed: Nothing more can happen to it.
        order_nbr: Order (outbound).
        po_nbr: Purchase order (inbound).
        carrier_code: Who carries it (outbound).
        expected_ts: When it is expected (inbound, UTC).
        done_ts: When it was shipped or received (UTC).
        lines: Its lines.
    """

    shipment_nbr: str
    direction: Literal["inbound", "outbound"]
    facility_code: str
    status_id: int
    status: str
    closed: bool
    order_nbr: str | None = None
    po_nbr: str | None = None
    carrier_code: str | None = None
    expected_ts: datetime | None = None
    done_ts: datetime | None = None
    lines: tuple[ShipmentLineStatus, ...] = ()


class CommandOutcome(Value):
    """What is known of a command by its idempotency key.

    Attributes:
        key: The key.
        performed: It was performed; otherwise it was not, and may be sent.
        command: Which command.
        at: When (UTC).
        actor: Who sent it.
        answer: Its answer.
    """

    key: str
    performed: bool
    command: str | None = None
    at: datetime | None = None
    actor: str | None = None
    answer: JsonValue = None


class WmsHealth(Value):
    """How the system of warehouse management does.

    Attributes:
        backend: Which kind answers.
        place: Where it is, without a password.
        healthy: It answers, and nothing is wrong.
        seconds: How long it took to answer.
        version: What it says it is.
        problems: What is wrong, in words.
        checked: What was looked at.
    """

    backend: Literal["database", "cloud"]
    place: str
    healthy: bool
    seconds: float
    version: str | None = None
    problems: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
