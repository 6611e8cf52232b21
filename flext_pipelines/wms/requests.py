"""What can be asked of a warehouse-management system, whichever backend answers.

The messages of ``commands/wms`` take their fields from these classes, so that a field is described once and a backend
needs to know no message. Quantities are exact decimals with three places. Texts are measured in bytes where Oracle
measures bytes.

What belongs here: requests and what makes one impossible before any database is asked. What does not: answers
(``values``) and work.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from flext_pipelines.values import Value

MOST_LINES = 1_000
"""Lines of one command: more would hold their locks for too long."""

MOST_ROWS = 1_250
"""Rows of one page, as in Oracle WMS Cloud."""

NOTE_BYTES = 4_000
"""What Oracle's VARCHAR2 holds, in bytes of UTF-8."""

LARGEST_WHOLE = 2**31 - 1
"""What a column of whole numbers holds on PostgreSQL; a larger one is refused there, and breaks SQLite's driver."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WRITTEN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _storable(text: str) -> str:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        message = "holds a character that no database stores (NUL, or half a surrogate pair)"
        raise ValueError(message)
    return text


def _of_one_line(text: str) -> str:
    """Codes stand in tables, labels and logs: a line break or an escape sequence in one is a fault or a trick."""
    found = _CONTROL.search(text)
    if found:
        message = f"holds a control character (U+{ord(found[0]):04X} at position {found.start() + 1})"
        raise ValueError(message)
    return text


def _written_out(value: object) -> object:
    """Pydantic would take a number for seconds since 1970."""
    if isinstance(value, date) or (isinstance(value, str) and _WRITTEN_DATE.match(value.strip())):
        return value
    message = "must begin with a date, written YYYY-MM-DD"
    raise ValueError(message)


def _in_utc(moment: datetime) -> datetime:
    """Without a zone, as the columns are."""
    try:
        return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        message = "lies outside the years 1 to 9999 in UTC"
        raise ValueError(message) from None


def _fits_oracle(text: str) -> str:
    size = len(text.encode())
    if size > NOTE_BYTES:
        message = f"has {size:,} bytes; Oracle's VARCHAR2 holds {NOTE_BYTES:,}"
        raise ValueError(message)
    return text


Code = Annotated[
    str,
    StringConstraints(min_length=1, max_length=50, strip_whitespace=True),
    AfterValidator(_storable),
    AfterValidator(_of_one_line),
]
"""A code or number that people gave: of an item, location, order, shipment, batch."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_storable)]
"""A name of somebody or something."""

Note = Annotated[str, StringConstraints(min_length=1), AfterValidator(_storable), AfterValidator(_fits_oracle)]
"""Free text for Oracle's ``VARCHAR2(4000)``."""

Day = Annotated[date, BeforeValidator(_written_out)]
"""A day, as ``2026-11-23``."""

Moment = Annotated[datetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""A time, as ``2026-11-23T08:00:00``; one with a zone is turned into UTC."""

Whole = Annotated[int, Field(ge=0, le=LARGEST_WHOLE)]
"""A number of a status."""

Quantity = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=3)]
"""None or some of an item; at most 15 digits, which SQLite keeps exactly."""

Positive = Annotated[Decimal, Field(gt=0, max_digits=15, decimal_places=3)]
"""Some of an item."""

Change = Annotated[Decimal, Field(max_digits=15, decimal_places=3)]
"""More or less of an item."""

_ITEM = "either item_code or item_barcode must be given, not both"
_CURSOR = "Where the page before ended, as its `next_cursor` said."


class ItemNamed(Value):
    """An item, by its code or its barcode."""

    item_code: Code | None = Field(default=None, description="Item, by its code.")
    item_barcode: Code | None = Field(default=None, description="Item, by its barcode, instead of its code.")

    @model_validator(mode="after")
    def _one_name(self) -> Self:
        if (self.item_code is None) is (self.item_barcode is None):
            raise ValueError(_ITEM)
        return self


class ShipmentLine(Value):
    """A part of an order that is to be shipped."""

    seq_nbr: int = Field(ge=1, le=LARGEST_WHOLE, description="Line of the order.")
    qty: Positive | None = Field(default=None, description="How much of it; by default all that is still open.")
    item_code: Code | None = Field(
        default=None,
        description="Item of the line, to be sure; needed where the order is new to Oracle WMS Cloud.",
    )


class ShipmentRequest(Value):
    """Stock for an order: allocated to its lines, earliest expiry first, and kept for an outbound shipment."""

    order_nbr: Code = Field(description="Order to be shipped.")
    shipment_nbr: Code | None = Field(default=None, description="Number of the new shipment; by default one is made.")
    facility_code: Code | None = Field(default=None, description="Facility that ships; by default the order's.")
    company_code: Code | None = Field(default=None, description="Company of the order, where the backend needs it.")
    carrier_code: Code | None = Field(default=None, description="Who carries it.")
    policy: Literal["all_or_nothing", "partial"] = Field(
        default="all_or_nothing",
        description="`all_or_nothing` refuses when stock is short; `partial` allocates what there is.",
    )
    lines: tuple[ShipmentLine, ...] = Field(
        default=(), max_length=MOST_LINES, description="Lines of the order to ship; none means every open line in full."
    )
    ship: bool = Field(default=False, description="Ship it at once: the stock leaves. Otherwise it is only allocated.")

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        numbers = [line.seq_nbr for line in self.lines]
        if len(numbers) != len(set(numbers)):
            message = "lines name a line of the order twice"
            raise ValueError(message)
        return self


class ShipmentClosing(Value):
    """The end of an outbound shipment: its stock leaves, or is available again."""

    shipment_nbr: Code = Field(description="Outbound shipment.")
    facility_code: Code | None = Field(default=None, description="Facility of the shipment.")
    company_code: Code | None = Field(default=None, description="Company of the shipment, where the backend needs it.")
    action: Literal["ship", "cancel"] = Field(
        default="ship", description="`ship`: the allocated stock leaves; `cancel`: it becomes available again."
    )


class StockCorrection(ItemNamed):
    """A change of the stock of one item in one location: by so much, or to what was counted."""

    location_barcode: Code = Field(description="Location.")
    facility_code: Code | None = Field(default=None, description="Facility; by default the location's.")
    company_code: Code | None = Field(default=None, description="Company of the item, where the backend needs it.")
    adjustment_qty: Change | None = Field(default=None, description="How much more, or less than zero: how much less.")
    actual_qty: Quantity | None = Field(default=None, description="What was counted, instead of an adjustment.")
    reason_code: Code = Field(description="Why, by a code of yours: COUNT, DAMAGE, FOUND, ...")
    batch_nbr: Code | None = Field(default=None, description="Batch, where the location holds several of the item.")
    expiry_date: Day | None = Field(default=None, description="Expiry date of the batch.")
    quarantined: bool = Field(default=False, description="It is about stock in quarantine.")
    note: Note | None = Field(default=None, description="More about it, 4,000 bytes at most.")

    @model_validator(mode="after")
    def _one_quantity(self) -> Self:
        if (self.adjustment_qty is None) is (self.actual_qty is None):
            message = "either adjustment_qty or actual_qty must be given, not both"
            raise ValueError(message)
        if self.adjustment_qty is not None and not self.adjustment_qty:
            message = "adjustment_qty must not be zero"
            raise ValueError(message)
        return self


class ReceiptLine(ItemNamed):
    """Some of one item that came."""

    qty: Positive = Field(description="How much came.")
    batch_nbr: Code | None = Field(default=None, description="Its batch.")
    expiry_date: Day | None = Field(default=None, description="Its expiry date; a perishable item needs one.")
    condition: Literal["good", "damaged"] = Field(default="good", description="Damaged goods go into quarantine.")


class ReceiptRequest(Value):
    """Goods that came: of an inbound shipment, or blind by purchase order, which makes the shipment."""

    shipment_nbr: Code | None = Field(default=None, description="Inbound shipment.")
    po_nbr: Code | None = Field(default=None, description="Purchase order, where no shipment was announced.")
    location_barcode: Code = Field(description="Where the goods are put.")
    quarantine_location_barcode: Code | None = Field(
        default=None, description="Where damaged and expired goods are put; by default the same place."
    )
    container_nbr: Code | None = Field(default=None, description="Container (LPN) that they came in.")
    trailer_nbr: Code | None = Field(default=None, description="Trailer that brought them.")
    facility_code: Code | None = Field(default=None, description="Facility; by default the location's.")
    company_code: Code | None = Field(default=None, description="Company of the goods, where the backend needs it.")
    lines: tuple[ReceiptLine, ...] = Field(
        default=(), max_length=MOST_LINES, description="What came; none means all that the shipment still expects."
    )
    over_receipt_tolerance_percent: Annotated[Decimal, Field(ge=0, le=100)] = Field(
        default=Decimal(0), description="How much more than expected may come, in percent of each item."
    )
    close: bool = Field(
        default=False, description="Nothing more will come: close the shipment even if some is missing."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.shipment_nbr is None) is (self.po_nbr is None):
            message = "either shipment_nbr or po_nbr must be given, not both"
            raise ValueError(message)
        if self.po_nbr is not None and not self.lines:
            message = "a receipt by po_nbr needs lines: nothing says what is expected"
            raise ValueError(message)
        return self


class StockFilter(Value):
    """Which stock to look at, and how finely."""

    facility_code: Code | None = Field(default=None, description="Only this facility.")
    company_code: Code | None = Field(default=None, description="Company of the items, where the backend needs it.")
    item_code: Code | None = Field(default=None, description="Only this item.")
    location_barcode: Code | None = Field(default=None, description="Only this location.")
    batch_nbr: Code | None = Field(default=None, description="Only this batch.")
    by: Literal["lot", "location", "item"] = Field(
        default="lot", description="One row per item, location and lot, per item and location, or per item."
    )
    limit: int = Field(default=100, ge=1, le=MOST_ROWS, description="Rows of a page.")
    cursor: str | None = Field(default=None, min_length=1, max_length=2_000, description=_CURSOR)


OrderSort = Literal["ord_date", "-ord_date", "mod_ts", "-mod_ts", "order_nbr", "-order_nbr"]


class OrderFilter(Value):
    """Which orders to look for, and in which order."""

    order_nbr: Code | None = Field(
        default=None, description="Order number; with a `*` at its end, all numbers that begin so."
    )
    status_ids: tuple[Whole, ...] = Field(
        default=(), max_length=8, description="Only orders with one of these statuses."
    )
    facility_code: Code | None = Field(default=None, description="Only this facility.")
    company_code: Code | None = Field(default=None, description="Company of the orders, where the backend needs it.")
    customer: Name | None = Field(default=None, description="Only this customer, by its whole name.")
    ordered_from: Day | None = Field(default=None, description="Ordered on this day or later.")
    ordered_to: Day | None = Field(default=None, description="Ordered on this day or before.")
    changed_since: Moment | None = Field(default=None, description="Changed at this time (UTC) or later.")
    sort: OrderSort = Field(default="-ord_date", description="Sorted by this column, with `-` the last first.")
    limit: int = Field(default=50, ge=1, le=MOST_ROWS, description="Rows of a page.")
    cursor: str | None = Field(default=None, min_length=1, max_length=2_000, description=_CURSOR)


class ShipmentNamed(Value):
    """One shipment, inbound or outbound."""

    shipment_nbr: Code = Field(description="Number of the shipment.")
    direction: Literal["inbound", "outbound"] | None = Field(
        default=None, description="Which kind; by default whichever has the number."
    )
    facility_code: Code | None = Field(default=None, description="Facility of the shipment.")
    company_code: Code | None = Field(default=None, description="Company of the shipment, where the backend needs it.")


class OutcomeAsked(Value):
    """What came of a command, asked by its idempotency key."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)] = Field(
        description="Idempotency key of the command."
    )


class HealthAsked(Value):
    """How the system of warehouse management does."""

    deep: bool = Field(
        default=False, description="Also compare all stock with its ledger and allocations, which reads everything."
    )
