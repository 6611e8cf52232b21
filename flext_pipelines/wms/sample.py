"""Sample data: a small warehouse that looks like a real one, the same on every machine.

``seed`` fills an empty database; on a filled one it does nothing, so it can be run before every pipeline.
``advance`` lets some time pass in it: new orders come, open ones move on, ``mod_ts`` follows.
"""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flext_pipelines.errors import ConflictError
from flext_pipelines.values import Value
from flext_pipelines.wms.engine import beginning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import BindParameter, Connection, Engine, Table

EPOCH = dt.datetime(2026, 1, 5, 6, 0)  # noqa: DTZ001  WMS timestamps carry no zone (wms.md 3.2)
ORDERED, ALLOCATED, PICKED, SHIPPED = 0, 20, 30, 90

_NOUNS = ("bracket", "bearing", "filter", "gasket", "hinge", "lamp", "motor", "pump", "relay", "sensor", "valve")
_KINDS = ("steel", "brass", "light", "heavy", "compact", "outdoor", "spare", "twin", "silent", "rapid")
_CITIES = ("Lisbon", "Porto", "Recife", "Lyon", "Ghent", "Turin", "Leeds", "Graz")
_CHUNK = 5_000
_MAKER = "sample"
_PERIOD = 270 * 24 * 60  # minutes: everything happens within nine months, however many orders

Row = dict[str, Any]


class SeedReport(Value):
    """What the sample database holds, and what this call changed.

    Attributes:
        created: False when the database was already filled.
        tables: Rows per table now.
        changed: Rows that this call wrote.
    """

    created: bool
    tables: dict[str, int]
    changed: int


def seed(engine: Engine, *, orders: int) -> SeedReport:
    """Create the tables and fill them; does nothing when they hold rows.

    Args:
        engine: The database; any that SQLAlchemy knows.
        orders: Order headers to make; everything else is in proportion.

    Raises:
        ConflictError: The database has tables of these names with other columns.
        UnavailableError: It does not answer, or refuses.
    """
    from sqlalchemy import func, inspect, select

    from flext_pipelines.wms import tables

    with beginning(engine) as connection:
        present = set(inspect(connection).get_table_names())
        if tables.order_hdr.name in present:
            if connection.scalar(select(func.count()).select_from(tables.order_hdr)):
                return SeedReport(created=False, tables=_counts(connection), changed=0)
            _refuse_foreign(connection)
        tables.METADATA.create_all(connection)
        for table, rows in _all_rows(orders):
            _insert(connection, table, rows)
        counts = _counts(connection)
    return SeedReport(created=True, tables=counts, changed=sum(counts.values()))


def advance(engine: Engine, *, changes: int) -> SeedReport:
    """Let time pass: about half the changes are open orders moving on, half are new orders.

    Args:
        engine: A database that ``seed`` filled.
        changes: Orders to touch; each new order brings its lines with it.

    Raises:
        ConflictError: The database was not filled by ``seed``.
        UnavailableError: It does not answer, or refuses.
    """
    from sqlalchemy import bindparam, func, inspect, select, update

    from flext_pipelines.wms.tables import item, order_dtl, order_hdr

    written = 0
    with beginning(engine) as connection:
        if order_hdr.name not in inspect(connection).get_table_names():
            raise ConflictError("The warehouse-management database is empty", "Run `flext wms seed` first")
        latest, last_order, items = connection.execute(
            select(
                func.max(order_hdr.c.mod_ts),
                func.max(order_hdr.c.id),
                select(func.count()).select_from(item).scalar_subquery(),
            )
        ).one()
        if latest is None:
            raise ConflictError("The warehouse-management database is empty", "Run `flext wms seed` first")
        _refuse_real(connection)
        now = latest + dt.timedelta(minutes=15)
        moving = connection.scalars(
            select(order_hdr.c.id).where(order_hdr.c.status_id < SHIPPED).order_by(order_hdr.c.id).limit(changes // 2)
        ).all()
        if moving:
            moment: BindParameter[dt.datetime] = bindparam("moment")
            order: BindParameter[int] = bindparam("order_number")
            steps = [{"order_number": number, "moment": now + _apart(place)} for place, number in enumerate(moving)]
            next_status = order_hdr.c.status_id + 10
            changed = {"mod_ts": moment, "mod_user": "wave"}
            connection.execute(
                update(order_hdr).where(order_hdr.c.id == order).values(status_id=next_status, **changed), steps
            )
            lines = connection.execute(
                update(order_dtl).where(order_dtl.c.order_id == order).values(status_id=ALLOCATED, **changed), steps
            )
            written += len(moving) + lines.rowcount
        fresh = range(last_order + 1, last_order + 1 + changes - len(moving))
        times = {number: now + _apart(len(moving) + place) for place, number in enumerate(fresh)}
        headers = [_order(number, times[number]) for number in fresh]
        details = [line for number in fresh for line in _lines(number, times[number], items)]
        _insert(connection, order_hdr, headers)
        _insert(connection, order_dtl, details)
        return SeedReport(created=False, tables=_counts(connection), changed=written + len(headers) + len(details))


def _refuse_real(connection: Connection) -> None:
    """Orders that the sample has not made are somebody's business: time does not pass in them."""
    from sqlalchemy import select

    from flext_pipelines.wms.tables import company

    makers = set(connection.scalars(select(company.c.create_user).distinct()))
    if makers != {_MAKER}:
        raise ConflictError(
            "The warehouse-management database was not filled by the sample, so that its orders are left alone",
            "Point FLEXT_WMS_URL at a database of the sample to let time pass in it",
        )


def _apart(place: int) -> dt.timedelta:
    """Changes are moments apart, as in life, so that few rows share the bookmark and are read a second time."""
    return dt.timedelta(milliseconds=10 * place)


def _refuse_foreign(connection: Connection) -> None:
    """A table of ours with other columns belongs to somebody else: leave it alone."""
    from sqlalchemy import inspect

    from flext_pipelines.wms.tables import METADATA

    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    for table in METADATA.sorted_tables:
        if table.name in present:
            found = {column["name"] for column in inspector.get_columns(table.name)}
            if found != set(table.columns.keys()):
                raise ConflictError(
                    f"Table {table.name} exists with other columns than the sample's",
                    "Point FLEXT_WMS_URL at an empty database; the sample never changes tables of yours",
                    {"table": table.name, "unexpected": sorted(found ^ set(table.columns.keys()))},
                )


def _counts(connection: Connection) -> dict[str, int]:
    from sqlalchemy import func, select

    from flext_pipelines.wms.tables import METADATA

    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in METADATA.sorted_tables
    }


def _insert(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    from itertools import islice

    source = iter(rows)
    while chunk := list(islice(source, _CHUNK)):
        connection.execute(table.insert(), chunk)


def _stamps(created: dt.datetime, changed: dt.datetime | None = None) -> Row:
    return {"create_user": _MAKER, "create_ts": created, "mod_user": _MAKER, "mod_ts": changed or created}


def _all_rows(orders: int) -> Iterator[tuple[Table, Iterable[Row]]]:
    """Every table with its rows, parents first; each row depends on its number alone."""
    from flext_pipelines.wms import tables

    facilities, items = 3, max(20, min(orders // 5, 50_000))
    locations = max(30, items * 2)
    yield tables.company, [{"id": 1, "code": "ACME", "name": "Acme Parts", **_stamps(EPOCH)}]
    yield tables.facility, (_facility(number) for number in range(1, facilities + 1))
    yield tables.item, (_item(number) for number in range(1, items + 1))
    yield tables.location, (_location(number, facilities) for number in range(1, locations + 1))
    yield tables.inventory, (_inventory(number, items, facilities) for number in range(1, locations + 1))
    yield tables.order_hdr, (_order(number) for number in range(1, orders + 1))
    yield tables.order_dtl, (line for number in range(1, orders + 1) for line in _lines(number, None, items))
    yield tables.allocation, (row for number in range(1, orders + 1) for row in _allocations(number, items, locations))
    yield tables.ib_shipment, (_inbound(number, facilities) for number in range(1, max(2, orders // 20) + 1))
    yield tables.ob_shipment, (_outbound(number) for number in range(1, orders + 1) if _status(number) == SHIPPED)


def _facility(number: int) -> Row:
    city = _CITIES[number % len(_CITIES)]
    return {
        "id": number,
        "code": f"DC{number:02d}",
        "name": f"{city} distribution centre",
        "city": city,
        "country": "PT",
        **_stamps(EPOCH, EPOCH + _apart(number)),
    }


def _item(number: int) -> Row:
    dice = random.Random(number)  # noqa: S311  sample data, not a secret
    name = f"{dice.choice(_KINDS)} {dice.choice(_NOUNS)}"
    return {
        "id": number,
        "company_id": 1,
        "code": f"ITEM-{number:06d}",
        "barcode": f"{4_000_000_000_000 + number}",
        "description": name,
        "unit_weight": Decimal(dice.randint(10, 250_000)) / 1000,
        "unit_volume": Decimal(dice.randint(1, 9_999)) / 10_000,
        "unit_cost": Decimal(dice.randint(50, 990_000)) / 10_000,
        "perishable_flg": int(number % 11 == 0),
        **_stamps(EPOCH + dt.timedelta(minutes=number)),
    }


def _location(number: int, facilities: int) -> Row:
    aisle, bay, level = number // 200, number // 10 % 20, number % 10
    return {
        "id": number,
        "facility_id": number % facilities + 1,
        "barcode": f"L{aisle:03d}-{bay:02d}-{level}-{number}",
        "aisle": f"{aisle:03d}",
        "bay": f"{bay:02d}",
        "level": str(level),
        "type_code": "RESERVE" if level > 2 else "ACTIVE",
        **_stamps(EPOCH, EPOCH + _apart(number)),
    }


def _inventory(number: int, items: int, facilities: int) -> Row:
    dice = random.Random(number * 31)  # noqa: S311  sample data, not a secret
    item_id = number % items + 1
    perishable = item_id % 11 == 0
    on_hand = dice.randint(0, 400)
    return {
        "id": number,
        "facility_id": number % facilities + 1,
        "location_id": number,
        "item_id": item_id,
        "batch_nbr": f"B{number % 97:03d}" if perishable else None,
        "expiry_date": EPOCH.date() + dt.timedelta(days=dice.randint(30, 400)) if perishable else None,
        "on_hand_qty": Decimal(on_hand),
        "allocated_qty": Decimal(dice.randint(0, on_hand)),
        **_stamps(EPOCH, EPOCH + dt.timedelta(minutes=number)),
    }


def _status(order: int) -> int:
    return (SHIPPED, SHIPPED, PICKED, ALLOCATED, ORDERED)[order % 5]


def _placed(order: int) -> dt.datetime:
    return EPOCH + dt.timedelta(minutes=7 * order % _PERIOD)


def _order(number: int, placed: dt.datetime | None = None) -> Row:
    dice = random.Random(number * 7)  # noqa: S311  sample data, not a secret
    status = ORDERED if placed else _status(number)
    when = placed or _placed(number)
    changed = when + dt.timedelta(hours=status // 10)
    return {
        "id": number,
        "facility_id": number % 3 + 1,
        "company_id": 1,
        "order_nbr": f"SO{number:08d}",
        "order_type": "EXPRESS" if number % 9 == 0 else "STANDARD",
        "status_id": status,
        "priority": number % 5,
        "ord_date": when,
        "req_ship_date": when.date() + dt.timedelta(days=dice.randint(1, 6)),
        "order_shipped_ts": changed if status == SHIPPED else None,
        "cust_name": f"Customer {dice.randint(1, 500):03d}",
        "shipto_city": dice.choice(_CITIES),
        "spl_instr": "Leave at the gate" if number % 13 == 0 else None,
        **_stamps(when, changed),
    }


def _lines(order: int, placed: dt.datetime | None, items: int) -> Iterator[Row]:
    dice = random.Random(order * 13)  # noqa: S311  sample data, not a secret
    status = ORDERED if placed else _status(order)
    when = placed or _placed(order)
    for sequence in range(1, order % 4 + 2):
        ordered = dice.randint(1, 40)
        yield {
            "id": order * 10 + sequence,
            "order_id": order,
            "seq_nbr": sequence,
            "item_id": dice.randint(1, items),
            "ord_qty": Decimal(ordered),
            "alloc_qty": Decimal(ordered if status >= ALLOCATED else 0),
            "shipped_qty": Decimal(ordered if status == SHIPPED else 0),
            "sale_price": Decimal(dice.randint(100, 2_000_000)) / 10_000,
            "status_id": status,
            **_stamps(when, when + dt.timedelta(hours=status // 10)),
        }


def _allocations(order: int, items: int, locations: int) -> Iterator[Row]:
    status = _status(order)
    if status < ALLOCATED:
        return
    for line in _lines(order, None, items):
        picked = status >= PICKED
        yield {
            "id": line["id"],
            "order_dtl_id": line["id"],
            "from_inventory_id": line["id"] % locations + 1,
            "alloc_qty": line["ord_qty"],
            "picked_qty": line["ord_qty"] if picked else Decimal(0),
            "status_id": status,
            "pick_user": f"picker{line['id'] % 7}" if picked else None,
            "picked_ts": line["mod_ts"] if picked else None,
            **_stamps(line["create_ts"], line["mod_ts"]),
        }


def _inbound(number: int, facilities: int) -> Row:
    expected = EPOCH + dt.timedelta(minutes=300 * number % _PERIOD)
    received = expected + dt.timedelta(hours=3) if number % 3 else None
    return {
        "id": number,
        "facility_id": number % facilities + 1,
        "shipment_nbr": f"IB{number:08d}",
        "po_nbr": f"PO{number:08d}",
        "status_id": SHIPPED if received else ORDERED,
        "expected_ts": expected,
        "received_ts": received,
        **_stamps(EPOCH, received or expected),
    }


def _outbound(order: int) -> Row:
    shipped = _placed(order) + dt.timedelta(hours=SHIPPED // 10)
    return {
        "id": order,
        "facility_id": order % 3 + 1,
        "order_id": order,
        "shipment_nbr": f"OB{order:08d}",
        "carrier_code": ("TRUCK", "AIR", "RAIL")[order % 3],
        "status_id": SHIPPED,
        "shipped_ts": shipped,
        **_stamps(shipped),
    }
