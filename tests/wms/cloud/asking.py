"""Requests that the tests of cloud commands make of the sample server's rows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from flext_pipelines.wms.requests import (
    ReceiptRequest,
    StockCorrection,
)

Rows = Callable[..., list[dict[str, Any]]]


def stocked(rows: Rows) -> dict[str, Any]:
    """A row of stock with some on hand that is not allocated."""
    return next(
        row for row in rows("inventory")
        if row["location_id"] and Decimal(row["curr_qty"]) - Decimal(row["allocated_qty"]) > 10
    )  # fmt: skip


def correction(row: dict[str, Any], **more: Any) -> StockCorrection:
    """A correction of a row of stock."""
    given = {
        "item_code": row["item_id"]["key"], "location_barcode": row["location_id"]["key"],
        "facility_code": row["facility_id"]["key"], "reason_code": "COUNT", **more,
    }  # fmt: skip
    return StockCorrection(**given)


def expected_shipment(rows: Rows) -> tuple[str, str, list[dict[str, Any]]]:
    """An inbound shipment that nothing has come of: its number, its facility, its lines."""
    header = next(row for row in rows("ib_shipment") if row["rcvd_ts"] is None)
    return (
        header["shipment_nbr"],
        header["facility_id"]["key"],
        rows("ib_shipment_dtl", ib_shipment_id=str(header["id"])),
    )


def receipt(rows: Rows, **more: Any) -> ReceiptRequest:
    """A receipt of the first line of an expected shipment, into a location of its facility."""
    number, facility, lines = expected_shipment(rows)
    location = rows("location", facility_id__code=facility)[0]["barcode"]
    line = {"item_code": lines[0]["item_id"]["key"], "qty": lines[0]["shipped_qty"], "batch_nbr": "B-TEST"}
    given = {"shipment_nbr": number, "location_barcode": location, "lines": [line], **more}
    return ReceiptRequest(**given)
