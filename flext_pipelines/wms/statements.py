"""Every statement that a command sends, once, for every database.

Values go in by name. Lists of ids come in sizes of powers of two, filled up with the last one, so that a database sees
few different statements and keeps their plans. Rows are locked in the order of their ids.

What belongs here: statements. What does not: their order (``operations``) and those of queries (``views``).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa

from flext_pipelines.wms.tables import (
    AVAILABLE,
    allocation,
    facility,
    ib_shipment,
    ib_shipment_dtl,
    inventory,
    item,
    location,
    lot,
    ob_shipment,
    ob_shipment_dtl,
    order_dtl,
    order_hdr,
    receipt,
    stock_movement,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Column, Select, Table

    from flext_pipelines.wms.transaction import Row, Transaction

_MOST_IDS = 256


def _insert(table: Table) -> sa.Insert:
    return sa.insert(table).values({column.name: sa.bindparam(column.name) for column in table.columns})


def _change(table: Table, *names: str) -> sa.Update:
    stamped = (*names, "mod_user", "mod_ts")
    values: dict[str, sa.BindParameter[object]] = {name: sa.bindparam(name) for name in stamped}
    return sa.update(table).where(table.c.id == sa.bindparam("row_id")).values(values)


def _among(column: Column[int] | Column[str], name: str, size: int) -> sa.ColumnElement[bool]:
    return column.in_([sa.bindparam(f"{name}_{place}", type_=column.type) for place in range(size)])


def rows_among(
    transaction: Transaction,
    statement: Callable[[int], Select[tuple[object, ...]]],
    name: str,
    wanted: Sequence[object],
    **values: object,
) -> Iterator[Row]:
    """Rows of a statement that takes a list, 256 values at a time, in the order of the list.

    Args:
        transaction: Which sends it.
        statement: Makes it for a size.
        name: Of the list's parameters.
        wanted: The list; sorted, where the rows are locked.
        **values: Further parameters.
    """
    for first in range(0, len(wanted), _MOST_IDS):
        part = list(wanted[first : first + _MOST_IDS])
        size = 1 << (len(part) - 1).bit_length()
        part += part[-1:] * (size - len(part))
        named = {f"{name}_{place}": value for place, value in enumerate(part)}
        yield from transaction.rows(statement(size), **named, **values)


ORDER_LOCKED = (
    sa.select(
        order_hdr.c.id, order_hdr.c.facility_id, order_hdr.c.status_id, order_hdr.c.order_nbr,
    )
    .where(order_hdr.c.order_nbr == sa.bindparam("order_nbr"))
    .with_for_update()
)  # fmt: skip
ORDER_LOCKED_BY_ID = (
    sa.select(order_hdr.c.id, order_hdr.c.facility_id, order_hdr.c.status_id, order_hdr.c.order_nbr)
    .where(order_hdr.c.id == sa.bindparam("order_id"))
    .with_for_update()
)
ORDER_LINES = (
    sa.select(
        order_dtl.c.id, order_dtl.c.seq_nbr, order_dtl.c.item_id, item.c.code, order_dtl.c.ord_qty,
        order_dtl.c.alloc_qty, order_dtl.c.shipped_qty,
    )
    .join_from(order_dtl, item, item.c.id == order_dtl.c.item_id)
    .where(order_dtl.c.order_id == sa.bindparam("order_id"))
    .order_by(order_dtl.c.seq_nbr)
)  # fmt: skip
CHANGE_ORDER = _change(order_hdr, "status_id", "order_shipped_ts")
CHANGE_LINE = _change(order_dtl, "alloc_qty", "shipped_qty", "status_id")

FACILITY = sa.select(facility.c.id, facility.c.code).where(facility.c.code == sa.bindparam("code"))
FACILITY_BY_ID = sa.select(facility.c.id, facility.c.code).where(facility.c.id == sa.bindparam("facility_id"))
PLACE = (
    sa.select(location.c.id, location.c.facility_id, facility.c.code)
    .join_from(location, facility, facility.c.id == location.c.facility_id)
    .where(location.c.barcode == sa.bindparam("barcode"))
)
_ITEM = sa.select(item.c.id, item.c.code, item.c.perishable_flg, item.c.barcode)


@cache
def items_by_code(size: int) -> Select[tuple[object, ...]]:
    """Items with one of so many codes."""
    return _ITEM.where(_among(item.c.code, "code", size))


@cache
def items_by_barcode(size: int) -> Select[tuple[object, ...]]:
    """Items with one of so many barcodes."""
    return _ITEM.where(_among(item.c.barcode, "barcode", size)).order_by(item.c.id)


_STOCK = sa.select(
    inventory.c.id, inventory.c.facility_id, inventory.c.location_id, inventory.c.item_id, inventory.c.lot_key,
    inventory.c.status_code, inventory.c.batch_nbr, inventory.c.expiry_date, inventory.c.on_hand_qty,
    inventory.c.allocated_qty,
)  # fmt: skip


@cache
def free_stock(size: int) -> Select[tuple[object, ...]]:
    """What may be allocated of so many items in a facility, unlocked: where to look, not what to rely on."""
    return sa.select(
        inventory.c.id, inventory.c.item_id, inventory.c.expiry_date,
        inventory.c.on_hand_qty - inventory.c.allocated_qty,
    ).where(
        inventory.c.facility_id == sa.bindparam("facility_id"),
        _among(inventory.c.item_id, "item", size),
        inventory.c.status_code == sa.literal_column(f"'{AVAILABLE}'"),
        sa.or_(inventory.c.expiry_date.is_(None), inventory.c.expiry_date >= sa.bindparam("today", type_=sa.Date())),
        inventory.c.on_hand_qty > inventory.c.allocated_qty,
    )  # fmt: skip


@cache
def stock_locked(size: int) -> Select[tuple[object, ...]]:
    """So many rows of stock, locked."""
    return _STOCK.where(_among(inventory.c.id, "stock", size)).order_by(inventory.c.id).with_for_update()


@cache
def stock_at_locked(size: int) -> Select[tuple[object, ...]]:
    """All stock of so many items in one or two locations, locked."""
    return (
        _STOCK.where(
            _among(inventory.c.item_id, "item", size),
            inventory.c.location_id.in_([sa.bindparam("first_location"), sa.bindparam("second_location")]),
        )
        .order_by(inventory.c.id)
        .with_for_update()
    )


@cache
def places_of(size: int) -> Select[tuple[object, ...]]:
    """The barcodes of so many locations."""
    return sa.select(location.c.id, location.c.barcode).where(_among(location.c.id, "location", size))


@cache
def lots_of(size: int) -> Select[tuple[object, ...]]:
    """The lots with one of so many keys, of whatever item."""
    return sa.select(lot.c.item_id, lot.c.lot_key, lot.c.expiry_date).where(
        _among(lot.c.item_id, "item", size), _among(lot.c.lot_key, "key", size)
    )


CHANGE_STOCK = _change(inventory, "on_hand_qty", "allocated_qty")
ADD_STOCK = _insert(inventory)
ADD_LOT = _insert(lot)
ADD_MOVEMENT = _insert(stock_movement)

OUTBOUND_TAKEN = sa.select(ob_shipment.c.id).where(ob_shipment.c.shipment_nbr == sa.bindparam("shipment_nbr"))
OUTBOUND = (
    sa.select(ob_shipment.c.id, ob_shipment.c.order_id, ob_shipment.c.facility_id, facility.c.code)
    .join_from(ob_shipment, facility, facility.c.id == ob_shipment.c.facility_id)
    .where(ob_shipment.c.shipment_nbr == sa.bindparam("shipment_nbr"))
)
OUTBOUND_LOCKED = (
    sa.select(ob_shipment.c.id, ob_shipment.c.status_id)
    .where(ob_shipment.c.id == sa.bindparam("shipment_id"))
    .with_for_update()
)
OUTBOUND_LINES = (
    sa.select(
        ob_shipment_dtl.c.id, ob_shipment_dtl.c.order_dtl_id, ob_shipment_dtl.c.seq_nbr, ob_shipment_dtl.c.item_id,
        item.c.code, ob_shipment_dtl.c.requested_qty, ob_shipment_dtl.c.alloc_qty,
    )
    .join_from(ob_shipment_dtl, item, item.c.id == ob_shipment_dtl.c.item_id)
    .where(ob_shipment_dtl.c.ob_shipment_id == sa.bindparam("shipment_id"))
    .order_by(ob_shipment_dtl.c.seq_nbr)
)  # fmt: skip
ALLOCATIONS = (
    sa.select(
        allocation.c.id, allocation.c.order_dtl_id, allocation.c.from_inventory_id, allocation.c.alloc_qty,
    )
    .where(allocation.c.ob_shipment_id == sa.bindparam("shipment_id"))
    .order_by(allocation.c.id)
)  # fmt: skip
ADD_OUTBOUND = _insert(ob_shipment)
ADD_OUTBOUND_LINE = _insert(ob_shipment_dtl)
ADD_ALLOCATION = _insert(allocation)
CHANGE_OUTBOUND = _change(ob_shipment, "status_id", "shipped_ts")
CHANGE_OUTBOUND_LINE = _change(ob_shipment_dtl, "alloc_qty", "shipped_qty")
CHANGE_ALLOCATION = _change(allocation, "status_id", "picked_qty", "pick_user", "picked_ts")

INBOUND_LOCKED = (
    sa.select(
        ib_shipment.c.id, ib_shipment.c.facility_id, ib_shipment.c.status_id, ib_shipment.c.po_nbr,
    )
    .where(ib_shipment.c.shipment_nbr == sa.bindparam("shipment_nbr"))
    .with_for_update()
)  # fmt: skip
INBOUND_LINES = (
    sa.select(
        ib_shipment_dtl.c.id, ib_shipment_dtl.c.seq_nbr, ib_shipment_dtl.c.item_id, item.c.code,
        item.c.perishable_flg, ib_shipment_dtl.c.expected_qty, ib_shipment_dtl.c.received_qty,
    )
    .join_from(ib_shipment_dtl, item, item.c.id == ib_shipment_dtl.c.item_id)
    .where(ib_shipment_dtl.c.ib_shipment_id == sa.bindparam("shipment_id"))
    .order_by(ib_shipment_dtl.c.seq_nbr)
)  # fmt: skip
ADD_INBOUND = _insert(ib_shipment)
ADD_INBOUND_LINE = _insert(ib_shipment_dtl)
CHANGE_INBOUND = _change(ib_shipment, "status_id", "received_ts")
CHANGE_INBOUND_LINE = _change(ib_shipment_dtl, "received_qty")
ADD_RECEIPT = _insert(receipt)
