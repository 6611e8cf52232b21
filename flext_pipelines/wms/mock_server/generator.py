"""Rows made from their numbers alone: a warehouse of any size that takes no memory and is the same on every machine.

Row ``n`` of an entity is a pure function of ``n``, and ``mod_ts`` rises with ``id``, so that a filter by either is a
range. Ids run without gaps, apart from the statuses, whose ids mean something.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from flext_pipelines.wms.mock_server.entities import (
    ALLOCATED,
    CANCELLED,
    CREATED,
    IN_TRANSIT,
    OBLPN_PACKED,
    OBLPN_SHIPPED,
    PICKED,
    SHIPPED,
    STOCKED,
    VERIFIED,
    Row,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EPOCH = dt.datetime(2026, 1, 5, 6, 0)  # noqa: DTZ001  WMS timestamps carry no zone (wms.md 3.2)
_YEAR_SECONDS = 300 * 24 * 3600
_LINES = 3
_FACILITIES = ("DC01", "DC02", "DC03")
_COMPANIES = ("ACME",)
_ORDER_TYPES = ("STANDARD", "EXPRESS", "TRANSFER")
_ORDER_STATUSES = {
    CREATED: "Created",
    ALLOCATED: "Allocated",
    PICKED: "Picked",
    SHIPPED: "Shipped",
    CANCELLED: "Cancelled",
}
_SHIPMENT_STATUSES = {IN_TRANSIT: "In Transit", 20: "Receiving Started", 80: "Received", VERIFIED: "Verified"}
_STATUSES = {"order_status": _ORDER_STATUSES, "ib_shipment_status": _SHIPMENT_STATUSES}
_CITIES = ("Lisbon", "Porto", "Recife", "Lyon", "Ghent", "Turin", "Leeds", "Graz")
_NOUNS = ("bracket", "bearing", "filter", "gasket", "hinge", "lamp", "motor", "pump", "relay", "sensor", "valve")
_BATCH_EVERY = 11


def _mix(number: int, salt: int) -> int:
    """A number that looks drawn by lot, from 0 to 2**31: Knuth's multiplicative hash."""
    return ((number * 2_654_435_761) ^ (salt * 40_503)) >> 1 & 0x7FFFFFFF


class Generator:
    """A sample warehouse with so many orders, everything else in proportion.

    Args:
        orders: Order headers.
    """

    def __init__(self, orders: int) -> None:
        self.orders = orders
        self.items = max(20, min(orders // 5, 50_000))
        self.locations = self.items * 2
        self.shipments = max(3, orders // 20)
        self._step = _YEAR_SECONDS / max(1, orders)
        lines, lots = orders * _LINES, self.items // _BATCH_EVERY
        self._made: dict[str, tuple[int, Callable[[int], Row]]] = {
            "company": (len(_COMPANIES), self._company),
            "facility": (len(_FACILITIES), self._facility),
            "item": (self.items, self._item),
            "location": (self.locations, self._location),
            "batch_number": (lots, self._batch_number),
            "inventory": (self.locations, self._inventory),
            "order_type": (len(_ORDER_TYPES), self._order_type),
            "order_hdr": (orders, self._order_hdr),
            "order_dtl": (lines, self._order_dtl),
            "allocation": (_count(orders, 4) * _LINES, self._allocation),
            "ib_shipment": (self.shipments, self._ib_shipment),
            "ib_shipment_dtl": (self.shipments * 2, self._ib_shipment_dtl),
            "ob_shipment": (_count(orders, 2), self._ob_shipment),
            "oblpn": (_count(orders, 3), self._oblpn),
        }

    def ids(self, entity: str) -> Sequence[int]:
        """The ids of an entity's rows, rising."""
        if entity in _STATUSES:
            return sorted(_STATUSES[entity])
        return range(1, self._made[entity][0] + 1) if entity in self._made else ()

    def row(self, entity: str, number: int) -> Row | None:
        """The row of that id; None when there is none."""
        if entity in _STATUSES:
            return _status(_STATUSES[entity], number)
        last, make = self._made.get(entity, (0, self._company))
        return make(number) if 0 < number <= last else None

    def _moment(self, place: float, hours: float = 0) -> str:
        return (EPOCH + dt.timedelta(seconds=round(place * self._step, 6), hours=hours)).isoformat(
            timespec="microseconds"
        )

    def _day(self, place: float, days: int = 0) -> str:
        return (EPOCH + dt.timedelta(seconds=place * self._step, days=days)).date().isoformat()

    def _stamped(self, number: int, place: float, **fields: object) -> Row:
        moment = self._moment(place)
        return {
            "id": number, "create_user": "sample", "create_ts": moment, "mod_user": "sample", "mod_ts": moment, **fields
        }  # fmt: skip

    def _company(self, number: int) -> Row:
        code = _COMPANIES[number - 1]
        return self._stamped(number, number / 1000, code=code, name=f"{code.title()} Parts", parent_company_id=None)

    def _facility(self, number: int) -> Row:
        city = _CITIES[number % len(_CITIES)]
        return self._stamped(
            number, number / 1000, code=_FACILITIES[number - 1], name=f"{city} distribution centre",
            parent_company_id=1, city=city, country="PT", timezone="UTC",
        )  # fmt: skip

    def _item(self, number: int) -> Row:
        dice = _mix(number, 1)
        perishable = number % _BATCH_EVERY == 0
        return self._stamped(
            number, number * self.orders / self.items, company_id=1, code=f"ITEM-{number:06d}",
            item_alternate_code=f"ITEM-{number:06d}", item_barcode=f"{4_000_000_000_000 + number}",
            description=f"{_NOUNS[dice % len(_NOUNS)]} no. {number}", unit_weight=f"{dice % 250_000 / 1000:.4f}",
            unit_volume=f"{dice % 9_999 / 10_000:.4f}", unit_cost=f"{(dice % 990_000 + 50) / 10_000:.4f}",
            req_batch_nbr_flg=perishable, require_expiry_flg=perishable,
        )  # fmt: skip

    def _location(self, number: int) -> Row:
        aisle, bay, level = number // 200, number // 10 % 20, number % 10
        locn = f"L{aisle:03d}-{bay:02d}-{level}-{number}"
        return self._stamped(
            number, number * self.orders / self.locations, facility_id=number % len(_FACILITIES) + 1, barcode=locn,
            locn_str=locn, area="A" if level <= 2 else "R", aisle=f"{aisle:03d}", bay=f"{bay:02d}", level=str(level),
            type="A" if level <= 2 else "R", to_be_counted_flg=False, cust_field_1="",
        )  # fmt: skip

    def _batch_number(self, number: int) -> Row:
        return self._stamped(
            number, number * self.orders / self.items, company_id=1, item_id=number * _BATCH_EVERY,
            batch_nbr=f"B{number:05d}", expiry_date=self._day(0, 200 + _mix(number, 2) % 400),
        )  # fmt: skip

    def _inventory(self, number: int) -> Row:
        item = number % self.items + 1
        lot = item // _BATCH_EVERY if item % _BATCH_EVERY == 0 else None
        units = _mix(number, 3) % 400
        return self._stamped(
            number, number * self.orders / self.locations, facility_id=number % len(_FACILITIES) + 1, company_id=1,
            item_id=item, location_id=number, container_id=None, batch_number_id=lot, curr_qty=f"{units}.000",
            allocated_qty=f"{_mix(number, 4) % (units + 1)}.000", orig_qty=f"{units}.000",
            expiry_date=self._day(0, 200 + _mix(lot, 2) % 400) if lot else None, status_id=STOCKED,
        )  # fmt: skip

    def _order_type(self, number: int) -> Row:
        code = _ORDER_TYPES[number - 1]
        return self._stamped(number, number / 1000, code=code, description=code.title())

    def status_of(self, order: int) -> int:
        """The status of an order that nobody has touched."""
        return (SHIPPED, SHIPPED, PICKED, ALLOCATED, CREATED)[order % 5]

    def _order_hdr(self, number: int) -> Row:
        dice, status = _mix(number, 5), self.status_of(number)
        return self._stamped(
            number, number, facility_id=number % len(_FACILITIES) + 1, company_id=1, order_nbr=f"SO{number:08d}",
            order_type_id=1 if number % 9 else 2, status_id=status, priority=number % 5, ref_nbr="",
            ord_date=self._day(number), exp_date=None, req_ship_date=self._day(number, 1 + dice % 6),
            sched_ship_date=None, start_ship_date=None, stop_ship_date=None,
            order_shipped_ts=self._moment(number, 9) if status == SHIPPED else None,
            cust_name=f"Customer {dice % 500:03d}", cust_addr=f"{dice % 900} Dock Road",
            shipto_city=_CITIES[dice % len(_CITIES)], shipto_country="PT",
            spl_instr="Leave at the gate" if number % 13 == 0 else "", sales_channel="WEB" if number % 2 else "STORE",
            gift_msg="", cust_field_1="", cust_number_1=0, cust_decimal_1="0", cust_date_1=None,
            externally_planned_load_flg=False,
        )  # fmt: skip

    def _order_dtl(self, number: int) -> Row:
        order, place = (number - 1) // _LINES + 1, (number - 1) % _LINES
        status, dice = self.status_of(order), _mix(number, 6)
        ordered = dice % 40 + 1
        allocated = ordered - (1 if status >= ALLOCATED and dice % 17 == 0 else 0)
        return self._stamped(
            number, order + place / 10, order_id=order, seq_nbr=place + 1, item_id=dice % self.items + 1,
            ord_qty=f"{ordered}.000", orig_ord_qty=f"{ordered}.000",
            alloc_qty=f"{allocated if status >= ALLOCATED else 0}.000",
            shipped_qty=f"{allocated if status == SHIPPED else 0}.000",
            sale_price=f"{(dice % 2_000_000 + 100) / 10_000:.4f}", cost="0.0000", batch_number_id=None,
            req_cntr_nbr="", status_id=status,
        )  # fmt: skip

    def _allocation(self, number: int) -> Row:
        order, place = _reached((number - 1) // _LINES + 1, 4), (number - 1) % _LINES
        status = self.status_of(order)
        line, picked = self._order_dtl((order - 1) * _LINES + place + 1), status >= PICKED
        stock = number % self.locations + 1
        return self._stamped(
            number, order + place / 10, facility_id=order % len(_FACILITIES) + 1, order_dtl_id=line["id"],
            from_inventory_id=stock, to_inventory_id=None, alloc_qty=line["alloc_qty"],
            packed_qty=line["alloc_qty"] if picked else "0.000", status_id=status, wave_nbr=f"W{order // 50:06d}",
            pick_user=f"picker{number % 7}" if picked else "", pick_locn_str="",
            picked_ts=self._moment(order, 4) if picked else None,
            final_oblpn_nbr=f"OBLPN{order:08d}" if picked else "", is_picking_flg=not picked, task_seq_nbr=None,
        )  # fmt: skip

    def _ib_shipment(self, number: int) -> Row:
        received = number % 3 != 0
        place = number * self.orders / self.shipments
        units = sum(float(self._ib_units(number * 2 - 1 + which)) for which in (0, 1))
        return self._stamped(
            number, place, facility_id=number % len(_FACILITIES) + 1, company_id=1, shipment_nbr=f"IB{number:08d}",
            status_id=VERIFIED if received else IN_TRANSIT, po_nbr=f"PO{number:08d}",
            trailer_nbr=f"TR{number % 90:03d}", expected_ts=self._moment(place), shipped_date=self._day(place, -2),
            rcvd_ts=self._moment(place, 3) if received else None,
            verified_ts=self._moment(place, 5) if received else None, orig_shipped_units=f"{units:.3f}",
            rcvd_units=f"{units if received else 0:.3f}",
        )  # fmt: skip

    def _ib_units(self, number: int) -> str:
        return f"{_mix(number, 7) % 200 + 1}.000"

    def _ib_shipment_dtl(self, number: int) -> Row:
        shipment = (number + 1) // 2
        item, units = _mix(number, 8) % self.items + 1, self._ib_units(number)
        return self._stamped(
            number, shipment * self.orders / self.shipments, ib_shipment_id=shipment, seq_nbr=(number - 1) % 2 + 1,
            item_id=item, shipped_qty=units, received_qty=units if shipment % 3 else "0.000", batch_nbr="",
            expiry_date=None, container_nbr="",
        )  # fmt: skip

    def _ob_shipment(self, number: int) -> Row:
        order = _reached(number, 2)
        return self._stamped(
            number, order, facility_id=order % len(_FACILITIES) + 1, company_id=1, order_id=order,
            shipment_nbr=f"OB{order:08d}", carrier_code=("TRUCK", "AIR", "RAIL")[order % 3],
            tracking_nbr=f"TRK{order:010d}", status_id=SHIPPED, shipped_ts=self._moment(order, 9),
        )  # fmt: skip

    def _oblpn(self, number: int) -> Row:
        order = _reached(number, 3)
        return self._stamped(
            number, order, facility_id=order % len(_FACILITIES) + 1, company_id=1,
            container_nbr=f"OBLPN{order:08d}", order_id=order, tracking_nbr="", weight="0.000",
            status_id=OBLPN_SHIPPED if self.status_of(order) == SHIPPED else OBLPN_PACKED,
        )  # fmt: skip


def _reached(place: int, of_five: int) -> int:
    """The ``place``-th order, from 1, among those whose number modulo 5 is below ``of_five``: how far orders came."""
    return 5 * (place // of_five) + place % of_five


def _count(orders: int, of_five: int) -> int:
    """How many of the orders 1 to ``orders`` have a number that is below ``of_five`` modulo 5."""
    return orders // 5 * of_five + min(orders % 5, of_five - 1)


def _status(known: dict[int, str], number: int) -> Row | None:
    if number not in known:
        return None
    moment = EPOCH.isoformat(timespec="microseconds")
    return {
        "id": number, "create_user": "sample", "create_ts": moment, "mod_user": "sample", "mod_ts": moment,
        "description": known[number],
    }  # fmt: skip
