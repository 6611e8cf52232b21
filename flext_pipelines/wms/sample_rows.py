"""The rows of the sample: each depends on its number alone, so that they are the same on every machine.

Values are plain texts and whole numbers, as every database takes them in bulk: times are ISO 8601 with microseconds,
prices are decimals in text. What is allocated, kept and in the ledger agrees.

What belongs here: rows. What does not: writing them (``bulk``), when (``sample``).
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.wms.status import ALLOCATED, CREATED, IN_TRANSIT, PICKED, RECEIVED, SHIPPED
from flext_pipelines.wms.tables import AVAILABLE, NO_LOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EPOCH = dt.datetime(2026, 1, 5, 6, 0)  # noqa: DTZ001  WMS timestamps carry no zone (wms.md 3.2)
MAKER = "sample"
PERIOD = 270 * 24 * 60
"""Minutes: everything happens within nine months, however many orders."""

_BEGIN = EPOCH.hour * 60

FACILITIES = 3

_NOUNS = ("bracket", "bearing", "filter", "gasket", "hinge", "lamp", "motor", "pump", "relay", "sensor", "valve")
_KINDS = ("steel", "brass", "light", "heavy", "compact", "outdoor", "spare", "twin", "silent", "rapid")
_CITIES = ("Lisbon", "Porto", "Recife", "Lyon", "Ghent", "Turin", "Leeds", "Graz")
_STATUS = (SHIPPED, SHIPPED, PICKED, ALLOCATED, CREATED)

Cell = str | int | None
Row = tuple[Cell, ...]


class Filling(NamedTuple):
    """Rows for a table.

    Attributes:
        table: Its name.
        columns: What the cells of a row are.
        rows: The rows; can be read once.
    """

    table: str
    columns: tuple[str, ...]
    rows: Iterable[Row]


class Size(NamedTuple):
    """How large the sample is.

    Attributes:
        orders: Order headers; everything else is in proportion.
        items: Items.
        locations: Locations, each with one row of stock.
    """

    orders: int
    items: int
    locations: int

    @classmethod
    def of(cls, orders: int) -> Size:
        """The size for so many orders."""
        items = max(20, min(orders // 5, 50_000))
        return cls(orders, items, items * FACILITIES)


def _dice(number: int, salt: int, low: int, high: int) -> int:
    """A number between low and high that looks random; a generator of Python's own would cost ten times as much."""
    mixed = (number * 0x9E3779B1 + salt * 0x85EBCA77) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    return low + (mixed ^ (mixed >> 13)) % (high - low + 1)


def text_of(moment: dt.datetime) -> str:
    """A time as SQLAlchemy keeps it on SQLite, and every database reads it."""
    return moment.isoformat(" ", "microseconds")


@cache
def _minute(minute: int) -> str:
    return text_of(EPOCH + dt.timedelta(minutes=minute))


def _day(minute: int, days: int) -> str:
    return _date((minute + _BEGIN) // 1440 + days)


@cache
def _date(day: int) -> str:
    return (EPOCH.date() + dt.timedelta(days=day)).isoformat()


def apart(place: int) -> dt.timedelta:
    """Changes are moments apart, as in life, so that few rows share the bookmark and are read a second time."""
    return dt.timedelta(milliseconds=10 * place)


_STAMPS = ("create_user", "create_ts", "mod_user", "mod_ts")
ORDER_COLUMNS = (
    "id", "facility_id", "company_id", "order_nbr", "order_type", "status_id", "priority", "ord_date",
    "req_ship_date", "order_shipped_ts", "cust_name", "shipto_city", "spl_instr", *_STAMPS,
)  # fmt: skip
LINE_COLUMNS = (
    "id", "order_id", "seq_nbr", "item_id", "ord_qty", "alloc_qty", "shipped_qty", "sale_price", "status_id", *_STAMPS,
)  # fmt: skip


def fillings(size: Size) -> Iterator[Filling]:
    """Every table that the sample fills, parents first."""
    numbers = range(1, size.orders + 1)
    kept = _kept(size)
    first = (MAKER, _minute(0), MAKER, _minute(0))
    yield Filling("company", ("id", "code", "name", *_STAMPS), [(1, "ACME", "Acme Parts", *first)])
    yield Filling(
        "facility", ("id", "code", "name", "city", "country", *_STAMPS), map(_facility, range(1, FACILITIES + 1))
    )
    yield Filling(
        "item",
        ("id", "company_id", "code", "barcode", "description", "unit_weight", "unit_volume", "unit_cost",
         "perishable_flg", *_STAMPS),
        map(_item, range(1, size.items + 1)),
    )  # fmt: skip
    yield Filling(
        "location", ("id", "facility_id", "barcode", "aisle", "bay", "level", "type_code", *_STAMPS),
        (_location(number, size) for number in range(1, size.locations + 1)),
    )  # fmt: skip
    yield Filling(
        "lot", ("id", "item_id", "lot_key", "batch_nbr", "expiry_date", *_STAMPS),
        (_lot(number, size) for number in range(1, size.locations + 1) if _item_at(number, size) % 11 == 0),
    )  # fmt: skip
    yield Filling(
        "inventory",
        ("id", "facility_id", "location_id", "item_id", "lot_key", "status_code", "batch_nbr", "expiry_date",
         "on_hand_qty", "allocated_qty", *_STAMPS),
        (_inventory(number, size, kept) for number in range(1, size.locations + 1)),
    )  # fmt: skip
    yield Filling(
        "stock_movement",
        ("id", "inventory_id", "facility_id", "item_id", "location_id", "type_code", "on_hand_change",
         "allocated_change", "reason_code", *_STAMPS),
        (_opening(number, size, kept) for number in range(1, size.locations + 1)),
    )  # fmt: skip
    yield Filling("order_hdr", ORDER_COLUMNS, map(order, numbers))
    yield Filling("order_dtl", LINE_COLUMNS, (line for number in numbers for line in lines(number, size.items)))
    yield from _shipments(size)


def _shipments(size: Size) -> Iterator[Filling]:
    numbers = range(1, size.orders + 1)
    shipped = [number for number in numbers if _STATUS[number % 5] == SHIPPED]
    yield Filling(
        "ob_shipment",
        ("id", "facility_id", "order_id", "shipment_nbr", "carrier_code", "status_id", "shipped_ts", *_STAMPS),
        map(_outbound, shipped),
    )
    yield Filling(
        "ob_shipment_dtl",
        ("id", "ob_shipment_id", "order_dtl_id", "item_id", "seq_nbr", "requested_qty", "alloc_qty", "shipped_qty",
         *_STAMPS),
        (
            (line[0], number, line[0], line[3], line[2], line[4], line[4], line[4], MAKER, line[12], MAKER, line[12])
            for number in shipped
            for line in lines(number, size.items)
        ),
    )  # fmt: skip
    yield Filling(
        "allocation",
        ("id", "order_dtl_id", "from_inventory_id", "ob_shipment_id", "alloc_qty", "picked_qty", "status_id",
         "pick_user", "picked_ts", *_STAMPS),
        (row for number in numbers if number % 5 != 4 for row in _allocations(number, size)),
    )  # fmt: skip
    inbound = range(1, max(2, size.orders // 20) + 1)
    yield Filling(
        "ib_shipment",
        ("id", "facility_id", "shipment_nbr", "po_nbr", "status_id", "expected_ts", "received_ts", *_STAMPS),
        map(_inbound, inbound),
    )
    yield Filling(
        "ib_shipment_dtl",
        ("id", "ib_shipment_id", "seq_nbr", "item_id", "expected_qty", "received_qty", *_STAMPS),
        (row for number in inbound for row in _inbound_lines(number, size)),
    )


def _facility(number: int) -> Row:
    city = _CITIES[number % len(_CITIES)]
    changed = text_of(EPOCH + apart(number))
    name = f"{city} distribution centre"
    return (number, f"DC{number:02d}", name, city, "PT", MAKER, _minute(0), MAKER, changed)


def _item(number: int) -> Row:
    name = f"{_KINDS[_dice(number, 1, 0, 9)]} {_NOUNS[_dice(number, 2, 0, 10)]}"
    made = _minute(number % PERIOD)
    return (
        number, 1, f"ITEM-{number:06d}", f"{4_000_000_000_000 + number}", name,
        _thousandths(_dice(number, 3, 10, 250_000), 3), _thousandths(_dice(number, 4, 1, 9_999), 4),
        _thousandths(_dice(number, 5, 50, 990_000), 4), int(number % 11 == 0), MAKER, made, MAKER, made,
    )  # fmt: skip


def _thousandths(value: int, places: int) -> str:
    return f"{value // 10**places}.{value % 10**places:0{places}d}"


def _location(number: int, size: Size) -> Row:
    aisle, bay, level = number // 200, number // 10 % 20, number % 10
    return (
        number, _facility_at(number, size), f"L{aisle:03d}-{bay:02d}-{level}-{number}", f"{aisle:03d}", f"{bay:02d}",
        str(level), "RESERVE" if level > 2 else "ACTIVE", MAKER, _minute(0), MAKER, text_of(EPOCH + apart(number)),
    )  # fmt: skip


def _item_at(location: int, size: Size) -> int:
    """Each location holds one item, and each item lies in every facility once."""
    return (location - 1) % size.items + 1


def _facility_at(location: int, size: Size) -> int:
    return (location - 1) // size.items + 1


def _kept_at(item: int, order_number: int, size: Size) -> int:
    """The location from which an order takes an item: in its own facility."""
    return item + order_number % FACILITIES * size.items


def _kept(size: Size) -> dict[int, int]:
    """What open allocations keep of each row of stock."""
    kept: dict[int, int] = {}
    for number in range(3, size.orders + 1, 5):
        for line in lines(number, size.items):
            place = _kept_at(int(line[3] or 0), number, size)
            kept[place] = kept.get(place, 0) + int(line[4] or 0)
    return kept


def _lot(number: int, size: Size) -> Row:
    made = _minute(number % PERIOD)
    batch = f"B{number:06d}"
    return (number, _item_at(number, size), batch, batch, _expiry(number), MAKER, made, MAKER, made)


def _expiry(number: int) -> str:
    return _day(0, _dice(number, 6, 30, 400))


def _inventory(number: int, size: Size, kept: dict[int, int]) -> Row:
    item = _item_at(number, size)
    batch = f"B{number:06d}" if item % 11 == 0 else None
    allocated = kept.get(number, 0)
    return (
        number, _facility_at(number, size), number, item, batch or NO_LOT, AVAILABLE, batch,
        _expiry(number) if batch else None, _dice(number, 7, 0, 400) + allocated, allocated, MAKER, _minute(0), MAKER,
        _minute(number % PERIOD),
    )  # fmt: skip


def _opening(number: int, size: Size, kept: dict[int, int]) -> Row:
    allocated = kept.get(number, 0)
    return (
        number, number, _facility_at(number, size), _item_at(number, size), number, "OPENING",
        _dice(number, 7, 0, 400) + allocated, allocated, "OPENING", MAKER, _minute(0), MAKER, _minute(0),
    )  # fmt: skip


def _placed(number: int) -> int:
    return 7 * number % PERIOD


def order(number: int, placed: str | None = None) -> Row:
    """An order; one that is placed at a given time is new."""
    state = CREATED if placed else _STATUS[number % 5]
    minute = _placed(number)
    made = placed or _minute(minute)
    changed = placed or _minute(minute + 60 * (state // 10))
    return (
        number, number % FACILITIES + 1, 1, f"SO{number:08d}", "EXPRESS" if number % 9 == 0 else "STANDARD", state,
        number % 5, made,
        _day(minute, _dice(number, 8, 1, 6)) if placed is None else _after(placed, _dice(number, 8, 1, 6)),
        changed if state == SHIPPED else None, f"Customer {_dice(number, 9, 1, 500):03d}",
        _CITIES[_dice(number, 10, 0, 7)], "Leave at the gate" if number % 13 == 0 else None, MAKER, made, MAKER,
        changed,
    )  # fmt: skip


def _after(placed: str, days: int) -> str:
    return (dt.datetime.fromisoformat(placed).date() + dt.timedelta(days=days)).isoformat()


def lines(number: int, items: int, placed: str | None = None) -> Iterator[Row]:
    """The lines of an order."""
    state = CREATED if placed else _STATUS[number % 5]
    minute = _placed(number)
    made = placed or _minute(minute)
    changed = placed or _minute(minute + 60 * (state // 10))
    for sequence in range(1, number % 4 + 2):
        row = number * 10 + sequence
        ordered = _dice(row, 11, 1, 40)
        price = _dice(row, 13, 100, 2_000_000)
        yield (
            row, number, sequence, _dice(row, 12, 1, items), ordered, ordered if state >= ALLOCATED else 0,
            ordered if state == SHIPPED else 0, f"{price // 10_000}.{price % 10_000:04d}", state, MAKER, made, MAKER,
            changed,
        )  # fmt: skip


def _allocations(number: int, size: Size) -> Iterator[Row]:
    state = _STATUS[number % 5]
    picked = state >= PICKED
    shipment = number if state == SHIPPED else None
    for line in lines(number, size.items):
        row, ordered, made, changed = line[0], line[4], line[10], line[12]
        yield (
            row, row, _kept_at(int(line[3] or 0), number, size), shipment, ordered, ordered if picked else 0, state,
            f"picker{number % 7}" if picked else None, changed if picked else None, MAKER, made, MAKER, changed,
        )  # fmt: skip


def _outbound(number: int) -> Row:
    shipped = _minute(_placed(number) + 60 * (SHIPPED // 10))
    return (
        number, number % FACILITIES + 1, number, f"OB{number:08d}", ("TRUCK", "AIR", "RAIL")[number % 3], SHIPPED,
        shipped, MAKER, shipped, MAKER, shipped,
    )  # fmt: skip


def _inbound(number: int) -> Row:
    minute = 300 * number % PERIOD
    received = _minute(minute + 180) if number % 3 else None
    return (
        number, number % FACILITIES + 1, f"IB{number:08d}", f"PO{number:08d}", RECEIVED if received else IN_TRANSIT,
        _minute(minute), received, MAKER, _minute(0), MAKER, received or _minute(minute),
    )  # fmt: skip


def _inbound_lines(number: int, size: Size) -> Iterator[Row]:
    minute = 300 * number % PERIOD
    changed = _minute(minute + 180) if number % 3 else _minute(minute)
    for sequence in (1, 2):
        row = number * 10 + sequence
        expected = _dice(row, 14, 5, 120)
        received = expected if number % 3 else 0
        item = _dice(row, 15, 1, size.items)
        yield (row, number, sequence, item, expected, received, MAKER, _minute(0), MAKER, changed)
