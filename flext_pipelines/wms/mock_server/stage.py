"""The stage interface of the legacy API: orders and inbound shipments come in as XML, and answers are XML too.

An HTTP 200 can carry ``<success>False</success>``: that is a failure (wms.md 3.1).
"""

from __future__ import annotations

import decimal
import threading
import time
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from flext_pipelines.wms.mock_server.auth import check_facility
from flext_pipelines.wms.mock_server.entities import (
    CREATED,
    IBLPN_RECEIVED,
    IN_TRANSIT,
    OBLPN_SHIPPED,
    PICKED,
    SHIPPED,
    Plain,
)
from flext_pipelines.wms.mock_server.problems import NotAllowedError
from flext_pipelines.wms.mock_server.representation import as_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.wms.mock_server.auth import User
    from flext_pipelines.wms.mock_server.entities import Row
    from flext_pipelines.wms.mock_server.warehouse import Warehouse

_STATUS_OF = {"ib_shipment": ("ib_shipment", "shipment_nbr"), "order": ("order_hdr", "order_nbr"),
              "lpn": ("iblpn", "container_nbr")}  # fmt: skip
_INQUIRED = {
    "order": ("order_hdr", "order_nbr"), "item": ("item", "code"), "company": ("company", "code"),
    "iblpn": ("iblpn", "container_nbr"), "oblpn": ("oblpn", "container_nbr"),
}  # fmt: skip


class StageRefusedError(Exception):
    """The interface refuses; answered by ``success`` False inside HTTP 200."""


def answer(message: str, *, success: bool = True, errors: list[str] | None = None, data: Plain = None) -> bytes:
    """The body of every answer of the legacy API."""
    return as_xml(
        "root",
        {
            "success": "True" if success else "False",
            "response": {"message": message, "errors": {"error": errors[0]} if errors else None, "data": data},
        },
    )


class StageInterface:
    """The legacy API of one server.

    Args:
        warehouse: Whose rows it changes.
        delay_seconds: How long data wait in the stage tables when they are processed asynchronously.
    """

    def __init__(self, warehouse: Warehouse, delay_seconds: float = 0.1) -> None:
        self._warehouse = warehouse
        self._delay = delay_seconds
        self._lock = threading.Lock()
        self._staged: list[tuple[float, Callable[[], None]]] = []
        self._failures: dict[str, str] = {}
        self._group = 0

    def call(self, name: str, user: User, form: Mapping[str, str]) -> bytes:
        """Perform one call of the legacy API and give its XML answer.

        Raises:
            NotAllowedError: The user may not use the stage interface.
            KeyError: There is no such call.
        """
        if not user.stage_interface:
            raise NotAllowedError("User lacks permission can_run_ws_stage_interface.")
        calls: dict[str, Callable[[User, Mapping[str, str]], bytes]] = {
            "init_stage_interface": self._init,
            "run_stage_interface": self._run,
            "get_status": self._status,
            "ship_oblpn": self._ship,
            "receive_lpn": self._receive_lpn,
            "get_next_numbers": self._next_numbers,
        }
        handler = calls[name]
        self.settle()
        try:
            if form.get("facility_code"):
                check_facility(user, form["facility_code"])
            return handler(user, form)
        except StageRefusedError as refused:
            return answer("Request failed", success=False, errors=[str(refused)])

    def settle(self, *, all_of_it: bool = False) -> None:
        """Process what has waited long enough in the stage tables."""
        with self._lock:
            now = time.monotonic()
            due = [job for until, job in self._staged if all_of_it or until <= now]
            self._staged = [] if all_of_it else [one for one in self._staged if one[0] > now]
        for job in due:
            job()

    # Stage tables

    def _init(self, user: User, form: Mapping[str, str]) -> bytes:
        if bool(form.get("xml_data")) == bool(form.get("flat_data")):
            raise StageRefusedError("Either xml_data or flat_data must be passed - not both")
        if form.get("flat_data"):
            raise StageRefusedError("flat_data is not served by this sample server; send xml_data")
        root = _parsed(form["xml_data"])
        entity = (root.findtext("Header/Entity") or "").strip().lower()
        if entity not in {"order", "ib_shipment"}:
            raise StageRefusedError(f"Entity '{entity}' is not supported")
        self._group += 1
        group = 41_415_000 + self._group

        def process() -> None:
            try:
                self._load(entity, user, root)
            except StageRefusedError as refused:
                for number in _numbers(entity, root):
                    self._failures[number] = str(refused)

        if form.get("async", "True").lower() in {"true", "1"}:
            with self._lock:
                self._staged.append((time.monotonic() + self._delay, process))
            return answer(f"Process stage {entity} submitted for file group {group}")
        self._load(entity, user, root)
        return answer(f"Process stage {entity} completed for file group {group}")

    def _run(self, user: User, form: Mapping[str, str]) -> bytes:
        del user
        self.settle(all_of_it=True)
        return answer(f"Process stage {form.get('entity', 'all')} submitted")

    def _load(self, entity: str, user: User, root: ElementTree.Element) -> None:
        with self._warehouse.lock:
            if entity == "order":
                for element in root.iter("order"):
                    self._load_order(user, element)
            else:
                for element in root.iter("ib_shipment"):
                    self._load_shipment(user, element)

    def _load_order(self, user: User, element: ElementTree.Element) -> None:
        header = _texts(element.find("order_hdr"))
        facility, company = self._context(user, header)
        number = header.get("order_nbr", "")
        if not number:
            raise StageRefusedError("order_nbr is required")
        if self._warehouse.find("order_hdr", "order_nbr", number):
            raise StageRefusedError(f"Order {number} already exists")
        lines = [self._line(_texts(line), "ord_qty") for line in element.iter("order_dtl")]
        if not lines:
            raise StageRefusedError(f"Order {number} has no details")
        order = self._warehouse.add(
            "order_hdr", user.name, facility_id=facility["id"], company_id=company["id"], order_nbr=number,
            order_type_id=self._order_type(header.get("order_type", "STANDARD")), status_id=CREATED, priority=0,
            ord_date=(header.get("ord_date") or self._warehouse.now())[:10], req_ship_date=header.get("req_ship_date"),
            cust_name=header.get("cust_name", ""), shipto_city=header.get("shipto_city", ""),
            spl_instr=header.get("spl_instr", ""), ref_nbr=header.get("ref_nbr", ""),
        )  # fmt: skip
        for place, (item, units, _) in enumerate(lines, start=1):
            self._warehouse.add(
                "order_dtl", user.name, order_id=order["id"], seq_nbr=place, item_id=item["id"], ord_qty=units,
                orig_ord_qty=units, alloc_qty="0.000", shipped_qty="0.000", status_id=CREATED,
            )  # fmt: skip

    def _load_shipment(self, user: User, element: ElementTree.Element) -> None:
        header = _texts(element.find("ib_shipment_hdr"))
        facility, company = self._context(user, header)
        number = header.get("shipment_nbr", "")
        if not number:
            raise StageRefusedError("shipment_nbr is required")
        if self._warehouse.find("ib_shipment", "shipment_nbr", number):
            raise StageRefusedError(f"Shipment {number} already exists")
        lines = [self._line(_texts(line), "shipped_qty") for line in element.iter("ib_shipment_dtl")]
        total = sum((decimal.Decimal(units) for _, units, _ in lines), decimal.Decimal(0))
        shipment = self._warehouse.add(
            "ib_shipment", user.name, facility_id=facility["id"], company_id=company["id"], shipment_nbr=number,
            po_nbr=header.get("po_nbr", ""), trailer_nbr=header.get("trailer_nbr", ""), status_id=IN_TRANSIT,
            shipped_date=header.get("shipped_date"), orig_shipped_units=f"{total:.3f}", rcvd_units="0.000",
        )  # fmt: skip
        for place, (item, units, line) in enumerate(lines, start=1):
            self._warehouse.add(
                "ib_shipment_dtl", user.name, ib_shipment_id=shipment["id"], seq_nbr=place, item_id=item["id"],
                shipped_qty=units, received_qty="0.000", batch_nbr=line.get("batch_nbr", ""),
                expiry_date=line.get("expiry_date"), container_nbr=line.get("lpn_nbr", ""),
            )  # fmt: skip

    def _line(self, line: Mapping[str, str], quantity: str) -> tuple[Row, str, Mapping[str, str]]:
        for name, field in (("item_alternate_code", "item_alternate_code"), ("item_barcode", "item_barcode"),
                            ("item_code", "code")):  # fmt: skip
            if line.get(name):
                item = self._warehouse.find("item", field, line[name])
                if item is None:
                    raise StageRefusedError(f"Item {line[name]} is invalid")
                break
        else:
            raise StageRefusedError("A detail names no item")
        try:
            units = decimal.Decimal(line.get(quantity, ""))
        except decimal.InvalidOperation:
            raise StageRefusedError(f"{quantity} is not a number") from None
        if not units.is_finite() or units <= 0:
            raise StageRefusedError(f"{quantity} must be greater than zero")
        return item, f"{units:.3f}", line

    def _context(self, user: User, header: Mapping[str, str]) -> tuple[Row, Row]:
        facility = self._warehouse.find("facility", "code", header.get("facility_code"))
        company = self._warehouse.find("company", "code", header.get("company_code"))
        if facility is None or company is None:
            raise StageRefusedError("Invalid facility_code or company_code")
        check_facility(user, str(facility["code"]))
        return facility, company

    def _order_type(self, code: str) -> int:
        row = self._warehouse.find("order_type", "code", code)
        if row is None:
            raise StageRefusedError(f"Order type {code} is invalid")
        return int(row["id"])

    # The rest of the legacy API

    def _status(self, user: User, form: Mapping[str, str]) -> bytes:
        del user
        entity, key = form.get("entity", ""), form.get("key", "")
        if entity not in _STATUS_OF:
            raise StageRefusedError(f"Entity '{entity}' is not supported")
        row = self._warehouse.find(*_STATUS_OF[entity], key)
        if row is None:
            raise StageRefusedError(self._failures.get(key, f"{entity} {key} does not exist"))
        return answer("", data={"status": row["status_id"]})

    def _ship(self, user: User, form: Mapping[str, str]) -> bytes:
        number = form.get("oblpn_nbr", "")
        with self._warehouse.lock:
            lpn = self._warehouse.find("oblpn", "container_nbr", number)
            if lpn is None:
                raise StageRefusedError(f"OBLPN {number} does not exist")
            if lpn["status_id"] >= OBLPN_SHIPPED:
                raise StageRefusedError(f"OBLPN {number} is already shipped")
            order = self._warehouse.get("order_hdr", lpn["order_id"])
            if order is None or order["status_id"] < PICKED:
                raise StageRefusedError(f"OBLPN {number} is not packed")
            stamp = self._warehouse.now()
            tracking = form.get("tracking_nbr", lpn["tracking_nbr"])
            self._warehouse.change("oblpn", lpn["id"], user.name, status_id=OBLPN_SHIPPED, tracking_nbr=tracking)
            self._warehouse.change("order_hdr", order["id"], user.name, status_id=SHIPPED, order_shipped_ts=stamp)
            for line in self._warehouse.find_ids("order_dtl", "order_id", order["id"]):
                row = self._warehouse.get("order_dtl", line)
                assert row is not None
                self._warehouse.change("order_dtl", line, user.name, shipped_qty=row["alloc_qty"], status_id=SHIPPED)
            self._warehouse.add(
                "ob_shipment", user.name, facility_id=order["facility_id"], company_id=order["company_id"],
                order_id=order["id"], shipment_nbr=f"OB{order['id']:08d}", carrier_code=form.get("carrier_code", ""),
                tracking_nbr=tracking, status_id=SHIPPED, shipped_ts=stamp,
            )  # fmt: skip
        return answer(f"OBLPN {number} shipped")

    def _receive_lpn(self, user: User, form: Mapping[str, str]) -> bytes:
        number = form.get("lpn_nbr", "")
        lpn = self._warehouse.find("iblpn", "container_nbr", number)
        if lpn is None:
            raise StageRefusedError(f"LPN {number} does not exist")
        self._warehouse.change(
            "iblpn", lpn["id"], user.name, status_id=IBLPN_RECEIVED, rcvd_ts=self._warehouse.now(),
            rcvd_trailer_nbr=form.get("rcvd_trailer_nbr", ""),
        )  # fmt: skip
        return answer(f"LPN {number} received")

    def _next_numbers(self, user: User, form: Mapping[str, str]) -> bytes:
        del user
        counter = form.get("counter_code") or "NUMBER"
        with self._lock:
            self._group += 1
            return answer("", data={"next_number": f"{counter}{self._group:08d}"})

    def inquire(self, entity: str, key: str) -> Row | None:
        """One object by its number or code, as ``/wms/api/entity/{entity}/{key}`` gives it.

        Raises:
            KeyError: The entity cannot be inquired.
        """
        return self._warehouse.find(*_INQUIRED[entity], key)


def _parsed(text: str) -> ElementTree.Element:
    if "<!" in text:
        raise StageRefusedError("xml_data must not declare a document type")
    try:
        return ElementTree.fromstring(text)  # noqa: S314  no document type, hence no entities to expand
    except ElementTree.ParseError as error:
        raise StageRefusedError(f"xml_data is not well-formed: {error}") from None


def _texts(element: ElementTree.Element | None) -> dict[str, str]:
    return {} if element is None else {child.tag: (child.text or "").strip() for child in element}


def _numbers(entity: str, root: ElementTree.Element) -> list[str]:
    tag = "order_nbr" if entity == "order" else "shipment_nbr"
    return [(element.text or "").strip() for element in root.iter(tag)]
