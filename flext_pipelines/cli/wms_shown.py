"""Answers of warehouse management for people.

What belongs here: tables and fields. What does not: which commands there are (``wms``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output

if TYPE_CHECKING:
    from flext_pipelines.wms.values import (
        CommandOutcome,
        CorrectedStock,
        OrderPage,
        OutboundShipment,
        Receipt,
        ShipmentStatus,
        StockPage,
        WmsHealth,
    )

_LOOK_AGAIN = "`flext wms health` shows where it was looked; `flext wms seed` fills an empty database with a sample."


def show_stock(answer: object) -> None:
    """Stock, one row per lot, location or item; only the columns in which something stands."""
    page = cast("StockPage", answer)
    columns = ("item", "facility", "location", "batch", "expires", "on hand", "allocated", "available", "quarantine")
    rows = [
        (
            one.item_code, one.facility_code, one.location_barcode, one.batch_nbr, one.expiry_date,
            one.on_hand, one.allocated, one.available, "yes" if one.quarantined else None,
        )
        for one in page.rows
    ]  # fmt: skip
    told = [
        index for index, name in enumerate(columns) if name == "item" or any(row[index] is not None for row in rows)
    ]
    output.table(
        "",
        [columns[index] for index in told],
        [[row[index] for index in told] for row in rows],
        empty=f"There is no such stock. {_LOOK_AGAIN}",
    )
    _tell_more(page.next_cursor)


def show_orders(answer: object) -> None:
    """Orders."""
    page = cast("OrderPage", answer)
    columns = ("order", "status", "facility", "type", "ordered", "required", "shipped", "customer", "to")
    rows = [
        (
            one.order_nbr, one.status, one.facility_code, one.order_type, one.ord_date, one.req_ship_date,
            one.order_shipped_ts, one.customer, one.shipto_city,
        )
        for one in page.rows
    ]  # fmt: skip
    output.table("", columns, rows, empty=f"There are no such orders. {_LOOK_AGAIN}")
    _tell_more(page.next_cursor)


def _tell_more(cursor: str | None) -> None:
    if cursor:
        click.echo(f"There is more: the same command with --cursor {cursor}")


def show_shipment(answer: object) -> None:
    """A shipment with its lines."""
    one = cast("ShipmentStatus", answer)
    output.fields(
        {
            "shipment": one.shipment_nbr,
            "direction": one.direction,
            "status": one.status,
            "facility": one.facility_code,
            "order": one.order_nbr,
            "purchase order": one.po_nbr,
            "carrier": one.carrier_code,
            "expected": one.expected_ts,
            "shipped" if one.direction == "outbound" else "received": one.done_ts,
        }
    )
    outbound = one.direction == "outbound"
    columns = (
        ("line", "item", "asked for", "allocated", "shipped") if outbound else ("line", "item", "expected", "came")
    )
    rows = [
        (line.seq_nbr, line.item_code, line.expected, line.allocated, line.done)
        if outbound
        else (line.seq_nbr, line.item_code, line.expected, line.done)
        for line in one.lines
    ]
    output.table("", columns, rows, empty="It has no lines.")


def show_outbound(answer: object) -> None:
    """What a shipment takes, from where, and what is short."""
    one = cast("OutboundShipment", answer)
    output.fields(
        {
            "shipment": one.shipment_nbr,
            "order": one.order_nbr,
            "facility": one.facility_code,
            "status": one.status,
            "complete": one.complete,
            "note": _REPLAYED if one.replayed else None,
        }
    )
    rows = [(line.seq_nbr, line.item_code, line.requested, line.allocated, line.short) for line in one.lines]
    output.table("", ("line", "item", "asked for", "allocated", "short"), rows, empty="It has no lines.")
    if one.picks:
        columns = ("line", "take", "of", "from", "batch", "expires")
        picks = [
            (pick.seq_nbr, pick.qty, pick.item_code, pick.location_barcode, pick.batch_nbr, pick.expiry_date)
            for pick in one.picks
        ]
        output.table("", columns, picks, empty="")


def show_correction(answer: object) -> None:
    """The stock before and after."""
    one = cast("CorrectedStock", answer)
    output.fields(
        {
            "location": one.location_barcode,
            "facility": one.facility_code,
            "item": one.item_code,
            "batch": one.batch_nbr,
            "expires": one.expiry_date,
            "quarantine": one.quarantined or None,
            "before": one.before,
            "change": one.change,
            "on hand": one.on_hand,
            "allocated": one.allocated,
            "available": one.available,
            "note": _REPLAYED if one.replayed else None,
        }
    )


def show_receipt(answer: object) -> None:
    """What came, and where it is."""
    one = cast("Receipt", answer)
    output.fields(
        {
            "shipment": one.shipment_nbr,
            "purchase order": one.po_nbr,
            "facility": one.facility_code,
            "status": one.status,
            "closed": one.closed,
            "note": _REPLAYED if one.replayed else None,
        }
    )
    columns = ("item", "came", "expected", "so far", "location", "batch", "expires", "quarantine")
    rows = [
        (
            line.item_code, line.qty, line.expected, line.received, line.location_barcode,
            line.batch_nbr, line.expiry_date, line.quarantine_reason,
        )
        for line in one.lines
    ]  # fmt: skip
    output.table("", columns, rows, empty="Nothing came.")


def show_outcome(answer: object) -> None:
    """Whether a command was performed."""
    one = cast("CommandOutcome", answer)
    if not one.performed:
        click.echo(f"No command with the key {one.key} was performed: it may be sent.")
        return
    output.fields({"key": one.key, "command": one.command, "performed": f"{one.at} UTC", "by": one.actor})
    output.print_json(one.answer)


def show_health(answer: object) -> None:
    """How warehouse management does."""
    one = cast("WmsHealth", answer)
    output.fields(
        {
            "backend": one.backend,
            "place": one.place,
            "healthy": one.healthy,
            "version": one.version,
            "answered in": f"{one.seconds * 1000:.1f} ms",
            "checked": one.checked,
        }
    )
    for problem in one.problems:
        click.secho(problem, fg="red")


_REPLAYED = "an earlier call with this key did it"
