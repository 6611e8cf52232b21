"""Whether the stock is what the ledger, the allocations and the rules of stock say.

What belongs here: the questions whose answer must be nothing. What does not: repairing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from flext_pipelines.wms import status
from flext_pipelines.wms.tables import allocation, inventory, order_dtl, stock_movement

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from flext_pipelines.wms.transaction import Reader

_CLOSE: sa.ColumnClause[float] = sa.literal_column("0.0005")
"""SQLite adds decimals as floats: half of the smallest quantity is as good as nothing."""


def _differ(left: ColumnElement[object], right: ColumnElement[object]) -> ColumnElement[bool]:
    return sa.func.abs(sa.func.coalesce(left, sa.literal_column("0")) - right) > _CLOSE


def _moved() -> sa.Subquery:
    return (
        sa.select(
            stock_movement.c.inventory_id,
            sa.func.sum(stock_movement.c.on_hand_change).label("on_hand"),
            sa.func.sum(stock_movement.c.allocated_change).label("allocated"),
        )
        .group_by(stock_movement.c.inventory_id)
        .subquery("moved")
    )


def _kept() -> sa.Subquery:
    return (
        sa.select(allocation.c.from_inventory_id, sa.func.sum(allocation.c.alloc_qty).label("qty"))
        .where(allocation.c.status_id < status.PICKED)
        .group_by(allocation.c.from_inventory_id)
        .subquery("kept")
    )


def _count(*conditions: ColumnElement[bool], table: sa.FromClause) -> Select[tuple[int]]:
    return sa.select(sa.func.count()).select_from(table).where(*conditions)


_MOVED, _KEPT = _moved(), _kept()

CHECKS: dict[str, tuple[str, Select[tuple[int]]]] = {
    "stock": (
        "{} rows of stock are below zero, or more of them is allocated than there is",
        _count(
            sa.or_(
                inventory.c.on_hand_qty < 0,
                inventory.c.allocated_qty < 0,
                inventory.c.allocated_qty > inventory.c.on_hand_qty,
            ),
            table=inventory,
        ),
    ),
    "ledger": (
        "{} rows of stock are not the sum of their ledger",
        _count(
            sa.or_(
                _differ(_MOVED.c.on_hand, inventory.c.on_hand_qty),
                _differ(_MOVED.c.allocated, inventory.c.allocated_qty),
            ),
            table=inventory.outerjoin(_MOVED, _MOVED.c.inventory_id == inventory.c.id),
        ),
    ),
    "allocations": (
        "{} rows of stock are not allocated as their allocations say",
        _count(
            _differ(_KEPT.c.qty, inventory.c.allocated_qty),
            table=inventory.outerjoin(_KEPT, _KEPT.c.from_inventory_id == inventory.c.id),
        ),
    ),
    "orders": (
        "{} lines of orders have more allocated or shipped than was ordered",
        _count(
            sa.or_(order_dtl.c.alloc_qty > order_dtl.c.ord_qty, order_dtl.c.shipped_qty > order_dtl.c.alloc_qty),
            table=order_dtl,
        ),
    ),
}
"""What is wrong, in words, and the question how often."""


def problems(reader: Reader) -> list[str]:
    """What is wrong with the stock, in words; reads all of it."""
    found = ((text, reader.rows(statement)[0][0]) for text, statement in CHECKS.values())
    return [text.format(f"{count:,}") for text, count in found if count]
