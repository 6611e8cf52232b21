"""Lots, shipment lines, receipts, the ledger, outcomes of commands; indexes by which pages are read.

Revision ID: 0002
Revises: 0001
Create Date: 2026-11-23
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_QUANTITY = sa.Numeric(18, 3)
_FIRST_ID = 10_000_000_000
"""Ids below it are the loader's; those that commands give begin here."""

_STOCK_CHECK = "on_hand_qty >= 0 AND allocated_qty >= 0 AND allocated_qty <= on_hand_qty"


def _stamps() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("create_user", sa.String(60), nullable=False),
        sa.Column("create_ts", sa.DateTime, nullable=False),
        sa.Column("mod_user", sa.String(60), nullable=False),
        sa.Column("mod_ts", sa.DateTime, nullable=False),
    )


def _refers(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}")


def _make(table: str, *parts: Any, refers: dict[str, str]) -> None:  # noqa: ANN401  columns of every type
    keys = [_refers(table, column, target) for column, target in refers.items()]
    references = [sa.Column(column, _WIDE, nullable=False) for column in refers]
    op.create_table(
        table, sa.Column("id", _WIDE, autoincrement=False), *references, *parts, *_stamps(),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"), *keys,
    )  # fmt: skip
    op.create_index(f"ix_{table}_mod_ts", table, ["mod_ts"])


def upgrade() -> None:
    """Widen what is there, then add what is new."""
    _agree_on_stock()
    _widen_stock()
    _index_orders()
    op.create_index("ix_item_barcode", "item", ["barcode"])
    op.create_index("ix_ib_shipment_po_nbr", "ib_shipment", ["po_nbr"])
    op.drop_index("ix_order_dtl_order_id", "order_dtl")
    _make(
        "lot", sa.Column("lot_key", sa.String(60), nullable=False), sa.Column("batch_nbr", sa.String(50)),
        sa.Column("expiry_date", sa.Date), refers={"item_id": "item"},
    )  # fmt: skip
    op.create_index("ix_lot_item_key", "lot", ["item_id", "lot_key"], unique=True)
    _name_lots()
    _add_shipment_lines()
    _add_ledger()


def _agree_on_stock() -> None:
    """Until now only the sample has filled these tables, and what it called allocated agreed with no allocation."""
    stock = sa.table("inventory", *map(sa.column, ("id", "on_hand_qty", "allocated_qty")))
    kept = sa.table("allocation", *map(sa.column, ("from_inventory_id", "alloc_qty", "status_id")))
    sums = (
        sa.select(sa.func.coalesce(sa.func.sum(kept.c.alloc_qty), 0))
        .where(kept.c.from_inventory_id == stock.c.id, kept.c.status_id < 30)
        .scalar_subquery()
    )
    op.execute(
        stock.update().values(on_hand_qty=stock.c.on_hand_qty - stock.c.allocated_qty + sums, allocated_qty=sums)
    )


def _widen_stock() -> None:
    for column in ("facility_id", "item_id", "location_id"):
        op.drop_index(f"ix_inventory_{column}", "inventory")
    op.add_column("inventory", sa.Column("lot_key", sa.String(60), nullable=False, server_default="-"))
    status = sa.Column("status_code", sa.String(20), nullable=False, server_default="AVAILABLE")
    if op.get_bind().dialect.name == "sqlite":
        # SQLite takes a check only with a column, and tests the rows that are there against it.
        op.execute(
            "ALTER TABLE inventory ADD COLUMN status_code VARCHAR(20) DEFAULT 'AVAILABLE' NOT NULL "
            f"CONSTRAINT ck_inventory_stock CHECK ({_STOCK_CHECK})"
        )
        op.execute(
            "ALTER TABLE allocation ADD COLUMN ob_shipment_id INTEGER "
            "CONSTRAINT fk_allocation_ob_shipment_id REFERENCES ob_shipment (id)"
        )
    else:
        op.add_column("inventory", status)
        op.create_check_constraint("ck_inventory_stock", "inventory", _STOCK_CHECK)
        op.add_column("allocation", sa.Column("ob_shipment_id", _WIDE))
        op.create_foreign_key("fk_allocation_ob_shipment_id", "allocation", "ob_shipment", ["ob_shipment_id"], ["id"])
    op.create_index("ix_allocation_ob_shipment_id", "allocation", ["ob_shipment_id"])
    stock = sa.table("inventory", sa.column("lot_key", sa.String), sa.column("batch_nbr", sa.String))
    op.execute(stock.update().values(lot_key=sa.func.coalesce(stock.c.batch_nbr, "-")))
    op.create_index(
        "ix_inventory_place", "inventory", ["location_id", "item_id", "lot_key", "status_code"], unique=True
    )
    op.create_index("ix_inventory_item", "inventory", ["item_id", "location_id", "id"])
    op.create_index("ix_inventory_facility", "inventory", ["facility_id", "item_id", "location_id", "id"])
    op.create_index("ix_inventory_batch", "inventory", ["batch_nbr", "item_id", "location_id", "id"])


def _index_orders() -> None:
    for column in ("facility_id", "status_id", "mod_ts"):
        op.drop_index(f"ix_order_hdr_{column}", "order_hdr")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("order_hdr", "order_nbr", type_=sa.String(50, collation="C"))
    for name, columns in {
        "date": ("ord_date",),
        "status": ("status_id", "ord_date"),
        "facility": ("facility_id", "ord_date"),
        "facility_status": ("facility_id", "status_id", "ord_date"),
        "customer": ("cust_name", "ord_date"),
        "changed": ("mod_ts",),
        "facility_changed": ("facility_id", "mod_ts"),
    }.items():
        op.create_index(f"ix_order_hdr_{name}", "order_hdr", [*columns, "id"])


def _name_lots() -> None:
    """The batches of stock that is there already, each under the id of its first row."""
    names = ("item_id", "lot_key", "batch_nbr", "create_user", "create_ts", "mod_user", "mod_ts")
    stock = sa.table("inventory", *map(sa.column, ("id", "expiry_date", *names)))
    lots = sa.table("lot", *map(sa.column, ("id", "expiry_date", *names)))
    first = [sa.func.min(stock.c[name]) for name in ("id", "expiry_date", *names[3:])]
    grouped = [stock.c[name] for name in names[:3]]
    found = sa.select(*first[:2], *grouped, *first[2:]).where(stock.c.batch_nbr.is_not(None)).group_by(*grouped)
    op.execute(lots.insert().from_select(["id", "expiry_date", *names], found))


def _add_shipment_lines() -> None:
    _make(
        "ob_shipment_dtl", sa.Column("seq_nbr", sa.Integer, nullable=False),
        sa.Column("requested_qty", _QUANTITY, nullable=False),
        sa.Column("alloc_qty", _QUANTITY, nullable=False), sa.Column("shipped_qty", _QUANTITY, nullable=False),
        refers={"ob_shipment_id": "ob_shipment", "order_dtl_id": "order_dtl", "item_id": "item"},
    )  # fmt: skip
    op.create_index("ix_ob_shipment_dtl_seq", "ob_shipment_dtl", ["ob_shipment_id", "seq_nbr"], unique=True)
    _make(
        "ib_shipment_dtl", sa.Column("seq_nbr", sa.Integer, nullable=False), sa.Column("expected_qty", _QUANTITY),
        sa.Column("received_qty", _QUANTITY, nullable=False),
        refers={"ib_shipment_id": "ib_shipment", "item_id": "item"},
    )  # fmt: skip
    op.create_index("ix_ib_shipment_dtl_seq", "ib_shipment_dtl", ["ib_shipment_id", "seq_nbr"], unique=True)
    _make(
        "receipt", sa.Column("container_nbr", sa.String(50)), sa.Column("trailer_nbr", sa.String(50)),
        sa.Column("received_qty", _QUANTITY, nullable=False), sa.Column("quarantine_reason", sa.String(20)),
        refers={"ib_shipment_dtl_id": "ib_shipment_dtl", "inventory_id": "inventory"},
    )  # fmt: skip
    op.create_index("ix_receipt_ib_shipment_dtl_id", "receipt", ["ib_shipment_dtl_id"])


def _add_ledger() -> None:
    _make(
        "stock_movement", sa.Column("type_code", sa.String(20), nullable=False),
        sa.Column("on_hand_change", _QUANTITY, nullable=False),
        sa.Column("allocated_change", _QUANTITY, nullable=False), sa.Column("reason_code", sa.String(50)),
        sa.Column("reference_nbr", sa.String(50)), sa.Column("note", sa.String(4000)),
        sa.Column("outcome_key", sa.String(200)),
        refers={
            "inventory_id": "inventory", "facility_id": "facility", "item_id": "item", "location_id": "location",
        },
    )  # fmt: skip
    op.create_index("ix_stock_movement_inventory_id", "stock_movement", ["inventory_id"])
    op.create_index("ix_stock_movement_place", "stock_movement", ["item_id", "location_id"])
    op.create_table(
        "command_outcome", sa.Column("outcome_key", sa.String(200)),
        sa.Column("command", sa.String(50), nullable=False), sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text), sa.Column("create_user", sa.String(60), nullable=False),
        sa.Column("create_ts", sa.DateTime, nullable=False),
        sa.PrimaryKeyConstraint("outcome_key", name="pk_command_outcome"),
    )  # fmt: skip
    op.create_index("ix_command_outcome_create_ts", "command_outcome", ["create_ts"])
    meta = op.create_table(
        "wms_meta", sa.Column("name", sa.String(50)), sa.Column("number", sa.BigInteger),
        sa.Column("text", sa.String(200)), sa.PrimaryKeyConstraint("name", name="pk_wms_meta"),
    )  # fmt: skip
    op.bulk_insert(
        meta,
        [
            {"name": "next_id", "number": _FIRST_ID, "text": None},
            {"name": "cursor", "number": None, "text": secrets.token_hex(32)},
        ],
    )
    _open_ledger()


def _open_ledger() -> None:
    """Stock that is there already begins the ledger, under ids that are its own."""
    names = ("id", "facility_id", "item_id", "location_id", "create_user", "create_ts", "mod_user", "mod_ts")
    stock = sa.table("inventory", *map(sa.column, (*names, "on_hand_qty", "allocated_qty")))
    ledger = sa.table(
        "stock_movement",
        *map(sa.column, (*names, "inventory_id", "type_code", "on_hand_change", "allocated_change", "reason_code")),
    )
    same = [stock.c[name] for name in names]
    opening = sa.select(
        *same, stock.c.id, sa.literal_column("'OPENING'"), stock.c.on_hand_qty, stock.c.allocated_qty,
        sa.literal_column("'OPENING'"),
    )  # fmt: skip
    columns = [*names, "inventory_id", "type_code", "on_hand_change", "allocated_change", "reason_code"]
    op.execute(ledger.insert().from_select(columns, opening))


def downgrade() -> None:
    """Refused: stock is not removed by a program.

    Raises:
        NotImplementedError: Always.
    """
    message = "a warehouse is not removed by a program: restore a backup instead"
    raise NotImplementedError(message)
