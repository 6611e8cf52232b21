"""What the entities can do besides being read: receive, adjust, patch. Rules and names are those of the REST guide."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

from flext_pipelines.wms.mock_server.auth import check_facility
from flext_pipelines.wms.mock_server.conditions import utc_text
from flext_pipelines.wms.mock_server.entities import (
    IBLPN_RECEIVED,
    RECEIVED,
    RECEIVING,
    SHIPPED,
    STOCKED,
    VERIFIED,
    Row,
)
from flext_pipelines.wms.mock_server.problems import InvalidRequestError, NoRowsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.wms.mock_server.auth import User
    from flext_pipelines.wms.mock_server.warehouse import Warehouse

Body = dict[str, Any]
_PATCHED = {
    "priority": int, "ref_nbr": str, "spl_instr": str, "sales_channel": str, "gift_msg": str, "req_ship_date": str,
    "start_ship_date": str, "stop_ship_date": str, "cust_field_1": str, "cust_number_1": int, "cust_date_1": str,
}  # fmt: skip


class Operations:
    """The operations of one server.

    Args:
        warehouse: Whose rows they change.
        over_receipt_percent: How much more than was shipped may be received.
    """

    def __init__(self, warehouse: Warehouse, over_receipt_percent: float = 0) -> None:
        self._warehouse = warehouse
        self._tolerance = decimal.Decimal(str(over_receipt_percent)) / 100

    def context(self, user: User, given: Mapping[str, Any]) -> tuple[Row, Row]:
        """The facility and company that a request names, by id or by code.

        Raises:
            InvalidRequestError: One is not named, or there is none of that name.
            NotAllowedError: The user is not eligible for the facility.
        """
        found = []
        for entity in ("facility", "company"):
            number, code = given.get(f"{entity}_id"), given.get(f"{entity}_id__code")
            if number is None and not code:
                raise InvalidRequestError({f"{entity}_id__code": "This field is required."})
            by_code = self._warehouse.find(entity, "code", code)
            row = by_code if number is None else self._warehouse.get(entity, int(number))
            if row is None:
                raise InvalidRequestError({f"{entity}_id__code": f"Invalid {entity}."})
            found.append(row)
        check_facility(user, str(found[0]["code"]))
        return found[0], found[1]

    def receive(self, user: User, body: Body) -> Row:
        """``iblpn/receive``: one container with its items, against a shipment or a purchase order.

        Raises:
            InvalidRequestError: Something is missing, unknown, closed, or more than was shipped.
        """
        warehouse = self._warehouse
        with warehouse.lock:
            facility, company = self.context(user, body)
            container = str(body.get("container_nbr") or "")
            if not container:
                raise InvalidRequestError({"container_nbr": "This field is required."})
            if warehouse.find("iblpn", "container_nbr", container):
                raise InvalidRequestError({"container_nbr": f"LPN {container} already exists."})
            lines = self._lines(body)
            shipment = self._shipment(user, body, facility, company, lines)
            self._check_quantities(shipment, lines)
            return self._put_away(user, body, shipment, lines, container)

    def _lines(self, body: Body) -> list[tuple[Row, decimal.Decimal, Body]]:
        given = body.get("item_list")
        if not isinstance(given, list) or not given:
            raise InvalidRequestError({"item_list": "This field is required."})
        lines = []
        for one in given:
            item = self._warehouse.find("item", "item_barcode", str(one.get("item_barcode")))
            if item is None:
                raise InvalidRequestError({"item_barcode": f"Invalid item barcode {one.get('item_barcode')}."})
            lines.append((item, _quantity("qty", one.get("qty"), above=0), one))
        return lines

    def _shipment(
        self, user: User, body: Body, facility: Row, company: Row, lines: list[tuple[Row, decimal.Decimal, Body]]
    ) -> Row:
        """The shipment to receive against; a purchase order makes one of what is received."""
        number, order = str(body.get("shipment_nbr") or ""), str(body.get("po_nbr") or "")
        if bool(number) == bool(order):
            raise InvalidRequestError({"shipment_nbr": "Either shipment_nbr or po_nbr is required."})
        if order:
            known = [
                row for row in map(self._ib_shipment, self._warehouse.find_ids("ib_shipment", "po_nbr", order))
                if row["status_id"] < RECEIVED and row["facility_id"] == facility["id"]
            ]  # fmt: skip
            return known[0] if known else self._make_shipment(user, order, facility, company, lines)
        shipment = self._warehouse.find("ib_shipment", "shipment_nbr", number)
        if shipment is None or shipment["facility_id"] != facility["id"]:
            raise InvalidRequestError({"shipment_nbr": f"Invalid shipment {number}."})
        if shipment["status_id"] >= RECEIVED:
            raise InvalidRequestError({"shipment_nbr": f"Shipment {number} is already received or verified."})
        return shipment

    def _ib_shipment(self, number: int) -> Row:
        row = self._warehouse.get("ib_shipment", number)
        assert row is not None
        return row

    def _make_shipment(
        self, user: User, order: str, facility: Row, company: Row, lines: list[tuple[Row, decimal.Decimal, Body]]
    ) -> Row:
        shipment = self._warehouse.add(
            "ib_shipment", user.name, facility_id=facility["id"], company_id=company["id"], shipment_nbr=f"PO-{order}",
            po_nbr=order, status_id=RECEIVING, orig_shipped_units=_text(sum(units for _, units, _ in lines)),
            rcvd_units="0.000",
        )  # fmt: skip
        for place, (item, units, _) in enumerate(lines, start=1):
            self._warehouse.add(
                "ib_shipment_dtl", user.name, ib_shipment_id=shipment["id"], seq_nbr=place, item_id=item["id"],
                shipped_qty=_text(units), received_qty="0.000", batch_nbr="",
            )  # fmt: skip
        return shipment

    def details_of(self, shipment: Row) -> list[Row]:
        """The lines of an inbound shipment."""
        numbers = self._warehouse.find_ids("ib_shipment_dtl", "ib_shipment_id", shipment["id"])
        return list(self._warehouse.rows("ib_shipment_dtl", numbers))

    def _check_quantities(self, shipment: Row, lines: list[tuple[Row, decimal.Decimal, Body]]) -> None:
        wanted: dict[int, decimal.Decimal] = {}
        for item, units, _ in lines:
            wanted[item["id"]] = wanted.get(item["id"], decimal.Decimal(0)) + units
        details = self.details_of(shipment)
        for item_id, units in wanted.items():
            mine = [row for row in details if row["item_id"] == item_id]
            if not mine:
                raise InvalidRequestError({"item_barcode": "Item is not in the shipment."})
            shipped = sum(decimal.Decimal(row["shipped_qty"]) for row in mine) * (1 + self._tolerance)
            if sum(decimal.Decimal(row["received_qty"]) for row in mine) + units > shipped:
                raise InvalidRequestError({"qty": "Received quantity exceeds shipped quantity."})

    def _put_away(
        self, user: User, body: Body, shipment: Row, lines: list[tuple[Row, decimal.Decimal, Body]], container: str
    ) -> Row:
        warehouse, name = self._warehouse, user.name
        stamp = warehouse.now()
        dock = warehouse.find("location", "barcode", body.get("recv_dock_nbr_or_location_barcode"))
        lpn = warehouse.add(
            "iblpn", name, facility_id=shipment["facility_id"], company_id=shipment["company_id"],
            container_nbr=container, ib_shipment_id=shipment["id"], pallet_nbr=str(body.get("pallet_nbr") or ""),
            curr_location_id=dock["id"] if dock else None, status_id=IBLPN_RECEIVED, rcvd_ts=stamp,
            rcvd_trailer_nbr=str(body.get("trailer_nbr") or ""),
            marked_for_qc_flg=bool(body.get("marked_for_qc_flg", False)),
        )  # fmt: skip
        for item, units, given in lines:
            self._count_received(name, shipment, item, units)
            warehouse.add(
                "inventory", name, facility_id=shipment["facility_id"], company_id=shipment["company_id"],
                item_id=item["id"], location_id=dock["id"] if dock else None, container_id=lpn["id"],
                batch_number_id=self._batch(name, item, given), curr_qty=_text(units), allocated_qty="0.000",
                orig_qty=_text(units), expiry_date=given.get("expiry_date"), status_id=IBLPN_RECEIVED,
            )  # fmt: skip
        received = sum(decimal.Decimal(row["received_qty"]) for row in self.details_of(shipment))
        warehouse.change(
            "ib_shipment", shipment["id"], name, status_id=RECEIVING, rcvd_ts=stamp, rcvd_units=_text(received)
        )
        return lpn

    def _count_received(self, name: str, shipment: Row, item: Row, units: decimal.Decimal) -> None:
        """Fill the lines of the item one after the other; what is over goes to the last."""
        mine = [row for row in self.details_of(shipment) if row["item_id"] == item["id"]]
        for place, row in enumerate(mine):
            open_units = max(
                decimal.Decimal(row["shipped_qty"]) - decimal.Decimal(row["received_qty"]), decimal.Decimal(0)
            )
            here = units if place == len(mine) - 1 else min(units, open_units)
            if here:
                total = decimal.Decimal(row["received_qty"]) + here
                self._warehouse.change("ib_shipment_dtl", row["id"], name, received_qty=_text(total))
                units -= here

    def _batch(self, name: str, item: Row, given: Body) -> int | None:
        number = str(given.get("batch_nbr") or "")
        if not number:
            if item["req_batch_nbr_flg"]:
                raise InvalidRequestError({"batch_nbr": f"Item {item['code']} requires a batch number."})
            return None
        known = [
            row for row in self._warehouse.rows(
                "batch_number", self._warehouse.find_ids("batch_number", "batch_nbr", number)
            ) if row["item_id"] == item["id"]
        ]  # fmt: skip
        if known:
            return int(known[0]["id"])
        row = self._warehouse.add(
            "batch_number", name, company_id=item["company_id"], item_id=item["id"], batch_nbr=number,
            expiry_date=given.get("expiry_date"),
        )  # fmt: skip
        return int(row["id"])

    def receive_entire_shipment(self, user: User, body: Body) -> Body:
        """``ib_shipment/receive_entire_shipment``: everything that is still open, in one container.

        Raises:
            InvalidRequestError: The shipment is unknown or closed.
        """
        given = body.get("parameters") if isinstance(body.get("parameters"), dict) else {}
        assert isinstance(given, dict)
        with self._warehouse.lock:
            facility, company = self.context(user, given)
            shipment = self._shipment(user, {"shipment_nbr": given.get("shipment_nbr")}, facility, company, [])
            lines = []
            for row in self.details_of(shipment):
                item = self._warehouse.get("item", row["item_id"])
                units = decimal.Decimal(row["shipped_qty"]) - decimal.Decimal(row["received_qty"])
                if item is not None and units > 0:
                    lines.append((item, units, {"batch_nbr": row["batch_nbr"] or f"B-{row['id']}"}))
            container = f"LPN-{shipment['shipment_nbr']}"
            self._put_away(user, {}, shipment, lines, container)
            self._warehouse.change("ib_shipment", shipment["id"], user.name, status_id=VERIFIED,
                                   verified_ts=self._warehouse.now())  # fmt: skip
        return {"record_count": 1, "success_count": 1, "failure_count": 0, "details": None}

    def update_active_inventory(self, user: User, number: int | None, body: Body) -> None:
        """``location/update_active_inventory``: one item in one location, by difference or by count.

        Raises:
            InvalidRequestError: Neither or both quantities, an unknown item or location, or less than nothing.
            NoRowsError: There is no such location.
        """
        options = body.get("options") if isinstance(body.get("options"), dict) else {}
        assert isinstance(options, dict)
        with self._warehouse.lock:
            location = self._location(user, number, body)
            item = self._item(options)
            if not options.get("reason_code"):
                raise InvalidRequestError({"reason_code": "This field is required."})
            given = [name for name in ("adjustment_qty", "actual_qty") if options.get(name) is not None]
            if len(given) != 1:
                raise InvalidRequestError({"adjustment_qty": "Only one of adjustment_qty and actual_qty is allowed."})
            amount = _quantity(given[0], options[given[0]], above=None)
            if (given[0] == "adjustment_qty" and not amount) or (given[0] == "actual_qty" and amount < 0):
                raise InvalidRequestError({given[0]: "Invalid quantity."})
            self._adjust(user, location, item, options, amount, counted=given[0] == "actual_qty")

    def _location(self, user: User, number: int | None, body: Body) -> Row:
        if number is None:
            given = body.get("parameters")
            if not isinstance(given, dict) or not given.get("barcode"):
                raise InvalidRequestError({"parameters": "A location barcode is required."})
            facility, _ = self.context(user, {"company_id": 1, **given})
            row = self._warehouse.find("location", "barcode", given["barcode"])
            row = row if row and row["facility_id"] == facility["id"] else None
        else:
            row = self._warehouse.get("location", number)
        if row is None:
            raise NoRowsError("Location not found.")
        return row

    def _item(self, options: Body) -> Row:
        fields = {"item_code": "code", "item_barcode": "item_barcode", "item_alternate_code": "item_alternate_code"}
        given = [name for name in fields if options.get(name)]
        if len(given) != 1:
            raise InvalidRequestError(
                {"item_code": "Only one of item_code, item_barcode, item_alternate_code is allowed."}
            )
        item = self._warehouse.find("item", fields[given[0]], str(options[given[0]]))
        if item is None:
            raise InvalidRequestError({given[0]: "Invalid item."})
        return item

    def _adjust(
        self, user: User, location: Row, item: Row, options: Body, amount: decimal.Decimal, *, counted: bool
    ) -> None:
        warehouse = self._warehouse
        lot = self._batch(user.name, item, options)
        held = [
            row for row in warehouse.rows("inventory", warehouse.find_ids("inventory", "location_id", location["id"]))
            if row["item_id"] == item["id"] and row["batch_number_id"] == lot and row["container_id"] is None
        ]  # fmt: skip
        before = decimal.Decimal(held[0]["curr_qty"]) if held else decimal.Decimal(0)
        after = amount if counted else before + amount
        reserved = decimal.Decimal(held[0]["allocated_qty"]) if held else decimal.Decimal(0)
        if after < reserved:
            raise InvalidRequestError({"quantity": f"{_text(after)} would be less than what is allocated."})
        if held:
            warehouse.change("inventory", held[0]["id"], user.name, curr_qty=_text(after))
        elif after:
            warehouse.add(
                "inventory", user.name, facility_id=location["facility_id"], company_id=item["company_id"],
                item_id=item["id"], location_id=location["id"], batch_number_id=lot, curr_qty=_text(after),
                allocated_qty="0.000", orig_qty=_text(after), expiry_date=options.get("expiry_date"), status_id=STOCKED,
            )  # fmt: skip

    def patch_order(self, user: User, number: int, body: Body) -> Row:
        """``PATCH order_hdr/{id}``: some fields of an order that is not shipped.

        Raises:
            InvalidRequestError: A field that may not be changed, or the order is shipped.
            NoRowsError: There is no such order.
        """
        with self._warehouse.lock:
            order = self._warehouse.get("order_hdr", number)
            if order is None:
                raise NoRowsError
            fields = body.get("fields")
            if not isinstance(fields, dict) or not fields:
                raise InvalidRequestError({"fields": "This field is required."})
            unknown = [name for name in fields if name not in _PATCHED]
            if unknown:
                raise InvalidRequestError(dict.fromkeys(unknown, "This field may not be updated."))
            if order["status_id"] >= SHIPPED:
                raise InvalidRequestError({"status_id": "Order is shipped or cancelled."})
            changes: dict[str, Any] = {}
            for name, value in fields.items():
                try:
                    changes[name] = _PATCHED[name](value)
                    if name.endswith("_date") and value:
                        changes[name] = utc_text(str(value))[:10]
                except (TypeError, ValueError):
                    raise InvalidRequestError({name: "Invalid value."}) from None
            return self._warehouse.change("order_hdr", number, user.name, **changes)


def _quantity(name: str, value: object, *, above: int | None) -> decimal.Decimal:
    try:
        number = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise InvalidRequestError({name: "A valid number is required."}) from None
    if not number.is_finite() or (above is not None and number <= above):
        raise InvalidRequestError({name: "Invalid quantity."})
    return number


def _text(number: decimal.Decimal | int) -> str:
    return f"{number:.3f}"
