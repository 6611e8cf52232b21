"""Rows from the tables of a warehouse-management database, under the names that the API gives them."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING

from flext_pipelines.wms.mock_server.entities import ENTITIES, STOCKED, Kind, Plain, Row
from flext_pipelines.wms.mock_server.generator import Generator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Engine

_Columns = dict[str, str]
_RENAMED: dict[str, _Columns] = {
    "item": {"item_alternate_code": "code", "item_barcode": "barcode"},
    "location": {"locn_str": "barcode", "area": "type_code"},
    "inventory": {"curr_qty": "on_hand_qty", "orig_qty": "on_hand_qty"},
    "order_dtl": {"orig_ord_qty": "ord_qty"},
    "allocation": {"packed_qty": "picked_qty"},
    "ib_shipment": {"rcvd_ts": "received_ts"},
    "ib_shipment_dtl": {"shipped_qty": "expected_qty"},
}
"""Fields of the API whose column has another name in the table."""

_ORDER_TYPES = {"STANDARD": 1, "EXPRESS": 2, "TRANSFER": 3}
_FIXED: dict[str, dict[str, Callable[[Mapping[str, Plain]], Plain]]] = {
    "item": {
        "req_batch_nbr_flg": lambda row: bool(row.get("perishable_flg")),
        "require_expiry_flg": lambda row: bool(row.get("perishable_flg")),
    },
    "location": {
        "type": lambda row: "A" if row.get("type_code") == "ACTIVE" else "R",
        "to_be_counted_flg": lambda _: False,
    },
    "inventory": {"status_id": lambda _: STOCKED},
    "order_hdr": {"order_type_id": lambda row: _ORDER_TYPES.get(str(row.get("order_type")), 1)},
    "allocation": {"is_picking_flg": lambda row: not row.get("picked_ts")},
}


def read_tables(engine: Engine) -> dict[str, Sequence[Row]]:
    """Read every entity that has a table; what the tables do not have comes from the sample's reference data.

    Args:
        engine: A database whose tables are there.

    Returns:
        Rows per entity, as the API holds them.
    """
    from sqlalchemy import MetaData, inspect, select

    present = set(inspect(engine).get_table_names())
    metadata = MetaData()
    metadata.reflect(engine, only=[name for name in (*ENTITIES, "lot") if name in present], resolve_fks=False)
    found: dict[str, list[Row]] = {}
    with engine.connect() as connection:
        for name, table in metadata.tables.items():
            found[name] = [dict(row) for row in connection.execute(select(table)).mappings()]
    _number_batches(found)
    read: dict[str, Sequence[Row]] = {name: [_row(name, row) for row in rows] for name, rows in found.items()}
    reference = Generator(0)
    for name in ("order_type", "order_status", "ib_shipment_status"):
        read[name] = [row for number in reference.ids(name) if (row := reference.row(name, number)) is not None]
    _complete(read)
    return read


def _number_batches(found: dict[str, list[Row]]) -> None:
    """The lots that have a number are the API's batches; stock refers to them by id."""
    batches = [row for row in found.pop("lot", []) if row["batch_nbr"] is not None]
    ids = {(row["item_id"], row["batch_nbr"]): row["id"] for row in batches}
    for row in found.get("inventory", []):
        row["batch_number_id"] = ids.get((row["item_id"], row.get("batch_nbr")))
    found["batch_number"] = batches


def _complete(read: dict[str, Sequence[Row]]) -> None:
    """Fields that the tables do not have, but other rows tell: the company, an allocation's facility."""
    company = next((row["id"] for row in read.get("company", ())), None)
    facility_of = {row["id"]: row["facility_id"] for row in read.get("inventory", ())}
    for name, rows in read.items():
        fields = ENTITIES[name].by_name
        for row in rows:
            if "company_id" in fields and row.get("company_id") is None:
                row["company_id"] = company
            if name == "allocation" and row.get("facility_id") is None:
                row["facility_id"] = facility_of.get(row["from_inventory_id"])


def _row(name: str, columns: Mapping[str, Plain]) -> Row:
    renamed, fixed = _RENAMED.get(name, {}), _FIXED.get(name, {})
    row: Row = {}
    for field in ENTITIES[name].fields:
        if field.kind is Kind.SET:
            continue
        if field.name in fixed:
            row[field.name] = fixed[field.name](columns)
        else:
            row[field.name] = _plain(columns.get(renamed.get(field.name, field.name)), field.kind)
    return row


def _plain(value: Plain, kind: Kind) -> Plain:
    match value:
        case None:
            return "" if kind in {Kind.VARCHAR, Kind.TEXT} else None
        case dt.datetime() if kind is Kind.DATE:
            return value.date().isoformat()
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(timespec="microseconds")
        case dt.date():
            return value.isoformat()
        case decimal.Decimal() | float():
            return str(value) if kind is Kind.DECIMAL else value
        case _:
            return str(value) if kind in {Kind.DECIMAL, Kind.VARCHAR, Kind.TEXT} else value
