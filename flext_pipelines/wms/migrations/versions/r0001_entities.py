"""The ten entities that pipelines read.

Revision ID: 0001
Revises:
Create Date: 2026-11-22
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_QUANTITY = sa.Numeric(18, 3)
_AMOUNT = sa.Numeric(18, 4)


def _id() -> sa.Column[Any]:
    return sa.Column("id", _WIDE, primary_key=True, autoincrement=False)


def _stamps() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("create_user", sa.String(60), nullable=False),
        sa.Column("create_ts", sa.DateTime, nullable=False),
        sa.Column("mod_user", sa.String(60), nullable=False),
        sa.Column("mod_ts", sa.DateTime, nullable=False),
    )


def _reference(table: str, name: str = "") -> sa.Column[Any]:
    return sa.Column(name or f"{table}_id", _WIDE, nullable=False)


def _refers(table: str, target: str, name: str = "") -> sa.ForeignKeyConstraint:
    column = name or f"{target}_id"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")


def _make(table: str, *parts: Any, refers: tuple[tuple[str, str], ...] = (), unique: str = "") -> None:  # noqa: ANN401  columns of every type
    constraints: list[Any] = [sa.PrimaryKeyConstraint("id", name=f"pk_{table}")]
    constraints += [_refers(table, target, name) for target, name in refers]
    if unique:
        constraints.append(sa.UniqueConstraint(unique, name=f"uq_{table}_{unique}"))
    op.create_table(table, _id(), *parts, *_stamps(), *constraints)
    for target, name in refers:
        column = name or f"{target}_id"
        op.create_index(f"ix_{table}_{column}", table, [column])
    op.create_index(f"ix_{table}_mod_ts", table, ["mod_ts"])


def upgrade() -> None:
    """Make the tables, parents first."""
    _masters()
    _make(
        "inventory", _reference("facility"), _reference("location"), _reference("item"),
        sa.Column("batch_nbr", sa.String(50)), sa.Column("expiry_date", sa.Date),
        sa.Column("on_hand_qty", _QUANTITY, nullable=False), sa.Column("allocated_qty", _QUANTITY, nullable=False),
        refers=(("facility", ""), ("location", ""), ("item", "")),
    )  # fmt: skip
    _orders()
    _make(
        "ib_shipment", _reference("facility"), sa.Column("shipment_nbr", sa.String(50), nullable=False),
        sa.Column("po_nbr", sa.String(50)), sa.Column("status_id", sa.Integer, nullable=False),
        sa.Column("expected_ts", sa.DateTime), sa.Column("received_ts", sa.DateTime),
        refers=(("facility", ""),), unique="shipment_nbr",
    )  # fmt: skip
    _make(
        "ob_shipment", _reference("facility"), _reference("order_hdr", "order_id"),
        sa.Column("shipment_nbr", sa.String(50), nullable=False), sa.Column("carrier_code", sa.String(50)),
        sa.Column("status_id", sa.Integer, nullable=False), sa.Column("shipped_ts", sa.DateTime),
        refers=(("facility", ""), ("order_hdr", "order_id")), unique="shipment_nbr",
    )  # fmt: skip


def _named() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
    )


def _masters() -> None:
    _make("company", *_named(), unique="code")
    _make(
        "facility", *_named(), sa.Column("city", sa.String(100)), sa.Column("country", sa.String(2)),
        unique="code",
    )  # fmt: skip
    _make(
        "item", _reference("company"), sa.Column("code", sa.String(50), nullable=False),
        sa.Column("barcode", sa.String(50), nullable=False), sa.Column("description", sa.String(500)),
        sa.Column("unit_weight", _AMOUNT), sa.Column("unit_volume", _AMOUNT), sa.Column("unit_cost", _AMOUNT),
        sa.Column("perishable_flg", sa.SmallInteger, nullable=False), refers=(("company", ""),), unique="code",
    )  # fmt: skip
    _make(
        "location", _reference("facility"), sa.Column("barcode", sa.String(50), nullable=False),
        sa.Column("aisle", sa.String(10)), sa.Column("bay", sa.String(10)), sa.Column("level", sa.String(10)),
        sa.Column("type_code", sa.String(50), nullable=False), refers=(("facility", ""),), unique="barcode",
    )  # fmt: skip


def _orders() -> None:
    _make(
        "order_hdr", _reference("facility"), _reference("company"),
        sa.Column("order_nbr", sa.String(50), nullable=False), sa.Column("order_type", sa.String(50), nullable=False),
        sa.Column("status_id", sa.Integer, nullable=False), sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("ord_date", sa.DateTime, nullable=False), sa.Column("req_ship_date", sa.Date),
        sa.Column("order_shipped_ts", sa.DateTime), sa.Column("cust_name", sa.String(255)),
        sa.Column("shipto_city", sa.String(100)), sa.Column("spl_instr", sa.Text),
        refers=(("facility", ""), ("company", "")), unique="order_nbr",
    )  # fmt: skip
    op.create_index("ix_order_hdr_status_id", "order_hdr", ["status_id"])
    _make(
        "order_dtl", _reference("order_hdr", "order_id"), sa.Column("seq_nbr", sa.Integer, nullable=False),
        _reference("item"), sa.Column("ord_qty", _QUANTITY, nullable=False),
        sa.Column("alloc_qty", _QUANTITY, nullable=False), sa.Column("shipped_qty", _QUANTITY, nullable=False),
        sa.Column("sale_price", _AMOUNT), sa.Column("status_id", sa.Integer, nullable=False),
        refers=(("order_hdr", "order_id"), ("item", "")),
    )  # fmt: skip
    op.create_index("ix_order_dtl_order_seq", "order_dtl", ["order_id", "seq_nbr"], unique=True)
    _make(
        "allocation", _reference("order_dtl"), _reference("inventory", "from_inventory_id"),
        sa.Column("alloc_qty", _QUANTITY, nullable=False), sa.Column("picked_qty", _QUANTITY, nullable=False),
        sa.Column("status_id", sa.Integer, nullable=False), sa.Column("pick_user", sa.String(60)),
        sa.Column("picked_ts", sa.DateTime), refers=(("order_dtl", ""), ("inventory", "from_inventory_id")),
    )  # fmt: skip


def downgrade() -> None:
    """Refused: stock is not removed by a program.

    Raises:
        NotImplementedError: Always.
    """
    message = "a warehouse is not removed by a program: restore a backup instead"
    raise NotImplementedError(message)
