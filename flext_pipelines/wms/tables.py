"""The warehouse-management tables, for SQLite, PostgreSQL and Oracle alike, as the newest migration leaves them.

Names follow the entities of Oracle WMS (``order_hdr``, ``order_dtl``, ``ib_shipment``, ...). Every entity
carries ``id``, ``create_ts`` and ``mod_ts``; ``mod_ts`` moves with every change and is what incremental
pipelines read by. Status ids are numbers whose meaning is configuration, because public sources disagree.
Indexes are those of the queries in ``reading``: each ends in the key that pages go on from.

``tests/wms/test_migrations.py`` proves that they agree with the migrations.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
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

NO_LOT = "-"
"""The lot key of stock that has no lot; not empty, because Oracle takes that for NULL."""
AVAILABLE, QUARANTINE = "AVAILABLE", "QUARANTINE"
"""Status codes of stock."""

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
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

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Decimal | None] | None:
        """The declared scale on Oracle too, whose NUMBER keeps no zeros at its end."""
        inner = super().result_processor(dialect, coltype)
        if dialect.name != "oracle":
            return inner
        numeric = self.impl_instance
        assert isinstance(numeric, Numeric)
        step = Decimal(1).scaleb(-(numeric.scale or 0))

        def exact(value: Any) -> Decimal | None:  # noqa: ANN401  what the driver gives
            found = inner(value) if inner else value
            return None if found is None else Decimal(found).quantize(step)

        return exact


def _id() -> Column[int]:
    # SQLite gives an automatic row id only to INTEGER; the others need 64 bits.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)


def _stamps(*, index: bool = True) -> tuple[Column[Any], ...]:
    return (
        Column("create_user", String(60), nullable=False),
        Column("create_ts", DateTime, nullable=False),
        Column("mod_user", String(60), nullable=False),
        Column("mod_ts", DateTime, nullable=False, index=index),
    )


def _reference(table: str, *, name: str = "", nullable: bool = False, index: bool = True) -> Column[int]:
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column(name or f"{table}_id", kind, ForeignKey(f"{table}.id"), nullable=nullable, index=index)


def _number(length: int = 50) -> String:
    """Numbers that people give are compared byte by byte everywhere, so that a range of them is a prefix."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


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
    Column("code", String(50), nullable=False, unique=True), Column("barcode", String(50), nullable=False, index=True),
    Column("description", String(500)), Column("unit_weight", Exact(18, 4)), Column("unit_volume", Exact(18, 4)),
    Column("unit_cost", Exact(18, 4)), Column("perishable_flg", SmallInteger, nullable=False, default=0), *_stamps(),
)  # fmt: skip
location = Table(
    "location", METADATA, _id(), _reference("facility"),
    Column("barcode", String(50), nullable=False, unique=True), Column("aisle", String(10)), Column("bay", String(10)),
    Column("level", String(10)), Column("type_code", String(50), nullable=False), *_stamps(),
)  # fmt: skip
lot = Table(
    "lot", METADATA, _id(), _reference("item", index=False), Column("lot_key", String(60), nullable=False),
    Column("batch_nbr", String(50)), Column("expiry_date", Date), *_stamps(),
)  # fmt: skip
"""A batch of an item, or what expires on one day where batches have no number. A batch has one expiry date."""

inventory = Table(
    "inventory", METADATA, _id(), _reference("facility", index=False), _reference("location", index=False),
    _reference("item", index=False), Column("batch_nbr", String(50)), Column("expiry_date", Date),
    Column("on_hand_qty", Exact(18, 3), nullable=False), Column("allocated_qty", Exact(18, 3), nullable=False),
    *_stamps(),
    Column("lot_key", String(60), nullable=False, server_default=NO_LOT),
    Column("status_code", String(20), nullable=False, server_default=AVAILABLE),
    CheckConstraint("on_hand_qty >= 0 AND allocated_qty >= 0 AND allocated_qty <= on_hand_qty", name="stock"),
)  # fmt: skip
"""One row per location, item, lot and status. The check is the last guard; commands refuse with words before it."""

order_hdr = Table(
    "order_hdr", METADATA, _id(), _reference("facility", index=False), _reference("company"),
    Column("order_nbr", _number(), nullable=False, unique=True), Column("order_type", String(50), nullable=False),
    Column("status_id", Integer, nullable=False), Column("priority", SmallInteger, nullable=False),
    Column("ord_date", DateTime, nullable=False), Column("req_ship_date", Date), Column("order_shipped_ts", DateTime),
    Column("cust_name", String(255)), Column("shipto_city", String(100)), Column("spl_instr", Text),
    *_stamps(index=False),
)  # fmt: skip
order_dtl = Table(
    "order_dtl", METADATA, _id(), _reference("order_hdr", name="order_id", index=False),
    Column("seq_nbr", Integer, nullable=False),
    _reference("item"), Column("ord_qty", Exact(18, 3), nullable=False),
    Column("alloc_qty", Exact(18, 3), nullable=False), Column("shipped_qty", Exact(18, 3), nullable=False),
    Column("sale_price", Exact(18, 4)), Column("status_id", Integer, nullable=False), *_stamps(),
)  # fmt: skip
ob_shipment = Table(
    "ob_shipment", METADATA, _id(), _reference("facility"), _reference("order_hdr", name="order_id"),
    Column("shipment_nbr", String(50), nullable=False, unique=True), Column("carrier_code", String(50)),
    Column("status_id", Integer, nullable=False), Column("shipped_ts", DateTime), *_stamps(),
)  # fmt: skip
ob_shipment_dtl = Table(
    "ob_shipment_dtl", METADATA, _id(), _reference("ob_shipment", index=False), _reference("order_dtl", index=False),
    Column("seq_nbr", Integer, nullable=False), _reference("item", index=False),
    Column("requested_qty", Exact(18, 3), nullable=False), Column("alloc_qty", Exact(18, 3), nullable=False),
    Column("shipped_qty", Exact(18, 3), nullable=False), *_stamps(),
)  # fmt: skip
allocation = Table(
    "allocation", METADATA, _id(), _reference("order_dtl"), _reference("inventory", name="from_inventory_id"),
    Column("alloc_qty", Exact(18, 3), nullable=False), Column("picked_qty", Exact(18, 3), nullable=False),
    Column("status_id", Integer, nullable=False), Column("pick_user", String(60)), Column("picked_ts", DateTime),
    *_stamps(), _reference("ob_shipment", nullable=True),
)  # fmt: skip
ib_shipment = Table(
    "ib_shipment", METADATA, _id(), _reference("facility"),
    Column("shipment_nbr", String(50), nullable=False, unique=True), Column("po_nbr", String(50), index=True),
    Column("status_id", Integer, nullable=False), Column("expected_ts", DateTime), Column("received_ts", DateTime),
    *_stamps(),
)  # fmt: skip
ib_shipment_dtl = Table(
    "ib_shipment_dtl", METADATA, _id(), _reference("ib_shipment", index=False),
    Column("seq_nbr", Integer, nullable=False), _reference("item", index=False),
    Column("expected_qty", Exact(18, 3)), Column("received_qty", Exact(18, 3), nullable=False), *_stamps(),
)  # fmt: skip
"""What a shipment brings of one item; ``expected_qty`` is null where nothing was announced (blind receipt)."""

receipt = Table(
    "receipt", METADATA, _id(), _reference("ib_shipment_dtl"), _reference("inventory", index=False),
    Column("container_nbr", String(50)), Column("trailer_nbr", String(50)),
    Column("received_qty", Exact(18, 3), nullable=False), Column("quarantine_reason", String(20)), *_stamps(),
)  # fmt: skip
stock_movement = Table(
    "stock_movement", METADATA, _id(), _reference("inventory"), _reference("facility", index=False),
    _reference("item", index=False), _reference("location", index=False),
    Column("type_code", String(20), nullable=False), Column("on_hand_change", Exact(18, 3), nullable=False),
    Column("allocated_change", Exact(18, 3), nullable=False), Column("reason_code", String(50)),
    Column("reference_nbr", String(50)), Column("note", String(4000)), Column("outcome_key", String(200)), *_stamps(),
)  # fmt: skip
"""The ledger: a row for all that changes stock, never changed itself. Its sums are the stock."""

command_outcome = Table(
    "command_outcome", METADATA, Column("outcome_key", String(200), primary_key=True),
    Column("command", String(50), nullable=False), Column("fingerprint", String(64), nullable=False),
    Column("answer", Text), Column("create_user", String(60), nullable=False),
    Column("create_ts", DateTime, nullable=False, index=True),
)  # fmt: skip
"""What came of a command, written in the transaction of its work: no row, no work."""

wms_meta = Table(
    "wms_meta", METADATA, Column("name", String(50), primary_key=True), Column("number", BigInteger),
    Column("text", String(200)),
)  # fmt: skip
"""The next free id, and the secret under which cursors are signed."""

Index("ix_order_dtl_order_seq", order_dtl.c.order_id, order_dtl.c.seq_nbr, unique=True)
Index("ix_lot_item_key", lot.c.item_id, lot.c.lot_key, unique=True)
Index("ix_ib_shipment_dtl_seq", ib_shipment_dtl.c.ib_shipment_id, ib_shipment_dtl.c.seq_nbr, unique=True)
Index("ix_ob_shipment_dtl_seq", ob_shipment_dtl.c.ob_shipment_id, ob_shipment_dtl.c.seq_nbr, unique=True)
Index("ix_stock_movement_place", stock_movement.c.item_id, stock_movement.c.location_id)

_stock = inventory.c
Index("ix_inventory_place", _stock.location_id, _stock.item_id, _stock.lot_key, _stock.status_code, unique=True)
Index("ix_inventory_item", _stock.item_id, _stock.location_id, _stock.id)
Index("ix_inventory_facility", _stock.facility_id, _stock.item_id, _stock.location_id, _stock.id)
Index("ix_inventory_batch", _stock.batch_nbr, _stock.item_id, _stock.location_id, _stock.id)

_order = order_hdr.c
Index("ix_order_hdr_date", _order.ord_date, _order.id)
Index("ix_order_hdr_status", _order.status_id, _order.ord_date, _order.id)
Index("ix_order_hdr_facility", _order.facility_id, _order.ord_date, _order.id)
Index("ix_order_hdr_facility_status", _order.facility_id, _order.status_id, _order.ord_date, _order.id)
Index("ix_order_hdr_customer", _order.cust_name, _order.ord_date, _order.id)
Index("ix_order_hdr_changed", _order.mod_ts, _order.id)
Index("ix_order_hdr_facility_changed", _order.facility_id, _order.mod_ts, _order.id)
