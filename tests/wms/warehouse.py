"""A small warehouse of known contents, on an empty database of any kind.

What belongs here: the rows that tests begin with, and short ways to ask for work. What does not: expectations.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from flext_pipelines.settings import make_private
from flext_pipelines.wms import tables
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.requests import (
    OrderFilter,
    ReceiptLine,
    ReceiptRequest,
    ShipmentRequest,
    StockCorrection,
    StockFilter,
)
from flext_pipelines.wms.schema import bring_to_head
from flext_pipelines.wms.transaction import WmsDatabase
from flext_pipelines.wms.views.health import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flext_pipelines.wms.values import CorrectedStock, OutboundShipment, Receipt, StockRow

NOW = dt.datetime(2026, 6, 1, 10, 0)  # noqa: DTZ001  WMS timestamps carry no zone
TODAY = NOW.date()
STAMPS = {"create_user": "erp", "create_ts": NOW, "mod_user": "erp", "mod_ts": NOW}
ITEMS = {"PUMP": 1, "VALVE": 2, "MILK": 3}
"""Milk is perishable."""
PLACES = {"A1": (1, 1), "A2": (2, 1), "DOCK": (3, 1), "Q1": (4, 1), "B1": (5, 2)}
"""Locations with id and facility: A1 to Q1 in DC01, B1 in DC02."""


@cache
def _sqlite_file() -> bytes:
    """A file with the tables and the masters, made once per test process."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "wms.db"
        Warehouse(SecretStr(f"sqlite:///{file}")).fill().close()
        return file.read_bytes()


class Warehouse:
    """A backend with its database, and what tests put into it.

    Attributes:
        backend: The commands and queries.
        engine: The database itself, for looking behind them.
    """

    def __init__(self, url: SecretStr, clock: Callable[[], dt.datetime] = lambda: NOW) -> None:
        self.engine = open_engine(url)
        self.backend = DatabaseBackend(self.engine, clock=clock, patience_seconds=10)
        self._row = 100

    @classmethod
    def filled(cls, url: SecretStr) -> Warehouse:
        """A warehouse with masters on an empty database; on SQLite a copy, which takes a tenth of the time."""
        database = make_url(url.get_secret_value())
        if database.get_backend_name() != "sqlite":
            return cls(url).fill()
        file = Path(str(database.database))
        make_private(file.parent)
        file.write_bytes(_sqlite_file())
        return cls(url)

    def fill(self) -> Warehouse:
        """Masters, without stock or orders."""
        bring_to_head(self.engine)
        self.insert("company", [{"id": 1, "code": "ACME", "name": "Acme"}])
        self.insert("facility", [{"id": number, "code": f"DC0{number}", "name": "x"} for number in (1, 2)])
        self.insert(
            "item",
            [
                {
                    "id": number,
                    "company_id": 1,
                    "code": code,
                    "barcode": f"400{number}",
                    "perishable_flg": int(number == 3),
                }
                for code, number in ITEMS.items()
            ],
        )
        self.insert(
            "location",
            [
                {"id": number, "facility_id": facility, "barcode": barcode, "type_code": "ACTIVE"}
                for barcode, (number, facility) in PLACES.items()
            ],
        )
        return self

    def insert(self, table: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Rows with stamps."""
        with self.engine.begin() as connection:
            connection.execute(sa.insert(tables.METADATA.tables[table]), [{**STAMPS, **row} for row in rows])

    def number(self) -> int:
        """An id below those that commands give."""
        self._row += 1
        return self._row

    def put(
        self, item: str, place: str, qty: float, *, batch: str | None = None, expiry: dt.date | None = None
    ) -> CorrectedStock:
        """Stock, found somewhere; what is expired got so after it came."""
        request = StockCorrection(
            item_code=item, location_barcode=place, adjustment_qty=Decimal(str(qty)), reason_code="FOUND",
            batch_nbr=batch, expiry_date=expiry,
        )  # fmt: skip
        if expiry is None or expiry >= TODAY:
            return self.backend.update_inventory(request, actor="tester", key=None)
        past = DatabaseBackend(self.engine, clock=lambda: NOW - dt.timedelta(days=1000))
        return past.update_inventory(request, actor="tester", key=None)

    def order(self, number: str, *lines: tuple[str, float | Decimal], facility: int = 1) -> str:
        """An order with its lines."""
        header = self.number()
        self.insert(
            "order_hdr",
            [
                {
                    "id": header, "facility_id": facility, "company_id": 1, "order_nbr": number,
                    "order_type": "STANDARD", "status_id": 0, "priority": 1, "ord_date": NOW, "cust_name": "Ann",
                }
            ],
        )  # fmt: skip
        self.insert(
            "order_dtl",
            [
                {
                    "id": self.number(), "order_id": header, "seq_nbr": place, "item_id": ITEMS[item],
                    "ord_qty": Decimal(str(qty)), "alloc_qty": Decimal(0), "shipped_qty": Decimal(0), "status_id": 0,
                }
                for place, (item, qty) in enumerate(lines, 1)
            ],
        )  # fmt: skip
        return number

    def announce(self, number: str, *lines: tuple[str, float], facility: int = 1) -> str:
        """An inbound shipment with its lines."""
        header = self.number()
        self.insert("ib_shipment", [{"id": header, "facility_id": facility, "shipment_nbr": number, "status_id": 0}])
        self.insert(
            "ib_shipment_dtl",
            [
                {
                    "id": self.number(), "ib_shipment_id": header, "seq_nbr": place, "item_id": ITEMS[item],
                    "expected_qty": Decimal(str(qty)), "received_qty": Decimal(0),
                }
                for place, (item, qty) in enumerate(lines, 1)
            ],
        )  # fmt: skip
        return number

    def ship(self, order: str, *, key: str | None = None, **fields: object) -> OutboundShipment:
        """Send ``CreateShipment``."""
        request = ShipmentRequest.model_validate({"order_nbr": order, **fields})
        return self.backend.create_shipment(request, actor="tester", key=key)

    def receive(self, *lines: ReceiptLine, key: str | None = None, **fields: object) -> Receipt:
        """Send ``ProcessReceipt``, by default at the dock."""
        request = ReceiptRequest.model_validate({"location_barcode": "DOCK", "lines": lines, **fields})
        return self.backend.process_receipt(request, actor="tester", key=key)

    def correct(self, item: str, place: str, *, key: str | None = None, **fields: object) -> CorrectedStock:
        """Send ``UpdateInventory``."""
        request = StockCorrection.model_validate(
            {"item_code": item, "location_barcode": place, "reason_code": "TEST", **fields}
        )
        return self.backend.update_inventory(request, actor="tester", key=key)

    def stock(self, **fields: object) -> tuple[StockRow, ...]:
        """Send ``GetInventory``."""
        return self.backend.inventory(StockFilter.model_validate(fields)).rows

    def orders(self, **fields: object) -> list[str]:
        """Numbers of the orders that ``SearchOrders`` finds."""
        return [one.order_nbr for one in self.backend.orders(OrderFilter.model_validate(fields)).rows]

    def rows(self, table: str) -> list[sa.RowMapping]:
        """All rows of a table, by id where it has one."""
        found = tables.METADATA.tables[table]
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(found).order_by(*found.primary_key)).mappings())

    def problems(self) -> list[str]:
        """What is wrong with the stock; must be nothing, whatever was done."""
        return WmsDatabase(self.engine).read(problems)

    def close(self) -> None:
        """Close the connections."""
        self.backend.close()
