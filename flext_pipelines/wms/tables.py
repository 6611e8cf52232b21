"""The warehouse-management tables, for SQLite, PostgreSQL and Oracle alike.

Names follow the entities of Oracle WMS (``order_hdr``, ``order_dtl``, ``ib_shipment``, ...). Every table
carries ``id``, ``create_ts`` and ``mod_ts``; ``mod_ts`` moves with every change and is what incremental
pipelines read by. Status ids are numbers whose meaning is configuration, because public sources disagree.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)


class _SqliteNumeric(UserDefinedType[Decimal]):
    """``NUMERIC(p,s)`` on SQLite, bound as text: SQLite has no decimal, and a float would lie about the last digit."""

    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        self.precision = precision
        self.scale = scale

    def get_col_spec(self, **_: object) -> str:
        """The type as the table declares it."""
        return f"NUMERIC({self.precision}, {self.scale})"

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], str | None]:  # noqa: ARG002  the shape of its base class
        """Decimals travel as text; NUMERIC affinity keeps up to 15 digits exactly."""
        return lambda value: None if value is None else str(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[object], Decimal | None]:  # noqa: ARG002  the shape of its base class
        """Whatever SQLite kept, at the declared scale."""
        step = Decimal(1).scaleb(-self.scale)
        return lambda value: None if value is None else Decimal(str(value)).quantize(step)


class Exact(TypeDecorator[Decimal]):
    """An exact decimal on every database."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite needs its own."""
        numeric = self.impl_instance
        assert isinstance(numeric, Numeric)
        if dialect.name == "sqlite":
            return dialect.type_descriptor(_SqliteNumeric(numeric.precision or 18, numeric.scale or 0))
        return numeric


def _id() -> Column[int]:
    # SQLite gives an automatic row id only to INTEGER; the others need 64 bits.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)


def _stamps() -> tuple[Column[Any], ...]:
    return (
        Column("create_user", String(60), nullable=False),
        Column("create_ts", DateTime, nullable=False),
        Column("mod_user", String(60), nullable=False),
        Column("mod_ts", DateTime, nullable=False, index=True),
    )


def _reference(table: str, *, name: str = "", nullable: bool = False) -> Column[int]:
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column(name or f"{table}_id", kind, ForeignKey(f"{table}.id"), nullable=nullable, index=True)


company = Table(
    "company", METADATA, _id(), Column("code", String(20), nullable=False, unique=True),
    Column("name", String(255), nullable=False), *_stamps(),
)  # fmt: skip
facility = Table(
    "facility", METADATA, _id(), Column("code", String(20), nullable=False, unique=True),
    Column("name", String(255), nullable=False), Column("city", String(100)), Column("country", String(2)), *_stamps(),
)  # fmt: skip
item = Table(
    "item", METADATA, _id(), _reference("company"),
    Column("code", String(50), nullable=False, unique=True), Column("barcode", String(50), nullable=False),
    Column("description", String(500)), Column("unit_weight", Exact(18, 4)), Column("unit_volume", Exact(18, 4)),
    Column("unit_cost", Exact(18, 4)), Column("perishable_flg", SmallInteger, nullable=False, default=0), *_stamps(),
)  # fmt: skip
location = Table(
    "location", METADATA, _id(), _reference("facility"),
    Column("barcode", String(50), nullable=False, unique=True), Column("aisle", String(10)), Column("bay", String(10)),
    Column("level", String(10)), Column("type_code", String(50), nullable=False), *_stamps(),
)  # fmt: skip
inventory = Table(
    "inventory", METADATA, _id(), _reference("facility"), _reference("location"), _reference("item"),
    Column("batch_nbr", String(50)), Column("expiry_date", Date),
    Column("on_hand_qty", Exact(18, 3), nullable=False), Column("allocated_qty", Exact(18, 3), nullable=False),
    *_stamps(),
)  # fmt: skip
order_hdr = Table(
    "order_hdr", METADATA, _id(), _reference("facility"), _reference("company"),
    Column("order_nbr", String(50), nullable=False, unique=True), Column("order_type", String(50), nullable=False),
    Column("status_id", Integer, nullable=False, index=True), Column("priority", SmallInteger, nullable=False),
    Column("ord_date", DateTime, nullable=False), Column("req_ship_date", Date), Column("order_shipped_ts", DateTime),
    Column("cust_name", String(255)), Column("shipto_city", String(100)), Column("spl_instr", Text), *_stamps(),
)  # fmt: skip
order_dtl = Table(
    "order_dtl", METADATA, _id(), _reference("order_hdr", name="order_id"), Column("seq_nbr", Integer, nullable=False),
    _reference("item"), Column("ord_qty", Exact(18, 3), nullable=False),
    Column("alloc_qty", Exact(18, 3), nullable=False), Column("shipped_qty", Exact(18, 3), nullable=False),
    Column("sale_price", Exact(18, 4)), Column("status_id", Integer, nullable=False), *_stamps(),
)  # fmt: skip
allocation = Table(
    "allocation", METADATA, _id(), _reference("order_dtl"), _reference("inventory", name="from_inventory_id"),
    Column("alloc_qty", Exact(18, 3), nullable=False), Column("picked_qty", Exact(18, 3), nullable=False),
    Column("status_id", Integer, nullable=False), Column("pick_user", String(60)), Column("picked_ts", DateTime),
    *_stamps(),
)  # fmt: skip
ib_shipment = Table(
    "ib_shipment", METADATA, _id(), _reference("facility"),
    Column("shipment_nbr", String(50), nullable=False, unique=True), Column("po_nbr", String(50)),
    Column("status_id", Integer, nullable=False), Column("expected_ts", DateTime), Column("received_ts", DateTime),
    *_stamps(),
)  # fmt: skip
ob_shipment = Table(
    "ob_shipment", METADATA, _id(), _reference("facility"), _reference("order_hdr", name="order_id"),
    Column("shipment_nbr", String(50), nullable=False, unique=True), Column("carrier_code", String(50)),
    Column("status_id", Integer, nullable=False), Column("shipped_ts", DateTime), *_stamps(),
)  # fmt: skip

Index("ix_order_dtl_order_seq", order_dtl.c.order_id, order_dtl.c.seq_nbr, unique=True)
