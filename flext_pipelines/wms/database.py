"""The backend of warehouse management on our own database: SQLite, PostgreSQL or Oracle.

What belongs here: the Protocol's methods, each one call of an operation or a view. What does not: their steps
(``operations``, ``views``), repeating (``outcomes``).
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from flext_pipelines.errors import FlextError
from flext_pipelines.wms.again import StockMovedError
from flext_pipelines.wms.engine import engine_of, require_file
from flext_pipelines.wms.failures import place_of
from flext_pipelines.wms.operations.closing import close_shipment
from flext_pipelines.wms.operations.corrections import update_inventory
from flext_pipelines.wms.operations.receipts import process_receipt
from flext_pipelines.wms.operations.shipments import create_shipment
from flext_pipelines.wms.outcomes import Call, Outcomes
from flext_pipelines.wms.status import Labels
from flext_pipelines.wms.tables import wms_meta
from flext_pipelines.wms.transaction import WmsDatabase
from flext_pipelines.wms.values import (
    CommandOutcome,
    CorrectedStock,
    OrderPage,
    OutboundShipment,
    Performed,
    Receipt,
    ShipmentStatus,
    StockPage,
    WmsHealth,
)
from flext_pipelines.wms.views.health import CHECKS, problems
from flext_pipelines.wms.views.orders import order_page
from flext_pipelines.wms.views.paging import Cursors
from flext_pipelines.wms.views.shipments import shipment_status
from flext_pipelines.wms.views.stock import stock_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from sqlalchemy import Engine

    from flext_pipelines.settings import Settings
    from flext_pipelines.wms.requests import (
        HealthAsked,
        OrderFilter,
        OutcomeAsked,
        ReceiptRequest,
        ShipmentClosing,
        ShipmentNamed,
        ShipmentRequest,
        StockCorrection,
        StockFilter,
    )
    from flext_pipelines.wms.transaction import Transaction

    P = TypeVar("P", bound=Performed)

log = logging.getLogger("flext.wms")

_SECRET = sa.select(wms_meta.c.text).where(wms_meta.c.name == sa.literal_column("'cursor'"))


def utc_now() -> dt.datetime:
    """The time without a zone, as the columns are."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)


def open_database(settings: Settings) -> DatabaseBackend:
    """The backend of ``FLEXT_WMS_URL``; nothing is connected yet. The default file in the home may be a new one.

    Raises:
        ConfigError: The URL is not one, or its driver is not installed.
        NotFoundError: It names an SQLite file that is not there.
    """
    if settings.wms_url is not None:
        require_file(settings.wms_url)
    return DatabaseBackend(
        engine_of(settings),
        labels=Labels(settings.wms_status_labels),
        retention=dt.timedelta(days=settings.idempotency_retention_days),
    )


class DatabaseBackend:
    """Commands and queries on a database of ours.

    Args:
        engine: As ``engine.open_engine`` makes it; closed with the backend.
        labels: What statuses are called.
        clock: The time (UTC, without zone).
        retention: How long outcomes are kept by their keys.
        patience_seconds: How long a lost database is waited for to find out what came of a command.
    """

    keeps_outcomes = True

    def __init__(
        self,
        engine: Engine,
        *,
        labels: Labels | None = None,
        clock: Callable[[], dt.datetime] = utc_now,
        retention: dt.timedelta = dt.timedelta(days=30),
        patience_seconds: float = 30,
    ) -> None:
        self._database = WmsDatabase(engine)
        self._outcomes = Outcomes(self._database, patience_seconds=patience_seconds)
        self._labels = labels or Labels()
        self._clock = clock
        self._retention = retention
        self._lock = threading.Lock()
        self._forgotten = False
        self._not_forgotten: FlextError | None = None
        self._cursors: Cursors | None = None

    def create_shipment(self, request: ShipmentRequest, *, actor: str, key: str | None) -> OutboundShipment:
        """See ``operations.shipments.create_shipment``."""
        call = self._call("wms.CreateShipment", request, actor, key)
        thorough = False

        def work(transaction: Transaction) -> OutboundShipment:
            nonlocal thorough
            try:
                return create_shipment(transaction, call, request, self._labels, thorough=thorough)
            except StockMovedError:
                thorough = True
                raise

        return self._perform(call, OutboundShipment, work)

    def close_shipment(self, request: ShipmentClosing, *, actor: str, key: str | None) -> OutboundShipment:
        """See ``operations.closing.close_shipment``."""
        call = self._call("wms.CloseShipment", request, actor, key)
        return self._perform(
            call, OutboundShipment, lambda transaction: close_shipment(transaction, call, request, self._labels)
        )

    def update_inventory(self, request: StockCorrection, *, actor: str, key: str | None) -> CorrectedStock:
        """See ``operations.corrections.update_inventory``."""
        call = self._call("wms.UpdateInventory", request, actor, key)
        return self._perform(call, CorrectedStock, lambda transaction: update_inventory(transaction, call, request))

    def process_receipt(self, request: ReceiptRequest, *, actor: str, key: str | None) -> Receipt:
        """See ``operations.receipts.process_receipt``."""
        call = self._call("wms.ProcessReceipt", request, actor, key)
        return self._perform(
            call, Receipt, lambda transaction: process_receipt(transaction, call, request, self._labels)
        )

    def inventory(self, request: StockFilter) -> StockPage:
        """A page of stock; see ``views.stock.stock_page``."""
        cursors = self._signing()
        today = self._clock().date()
        return self._database.read(lambda reader: stock_page(reader, request, cursors, today))

    def orders(self, request: OrderFilter) -> OrderPage:
        """A page of orders; see ``views.orders.order_page``."""
        cursors = self._signing()
        return self._database.read(lambda reader: order_page(reader, request, cursors, self._labels))

    def shipment(self, request: ShipmentNamed) -> ShipmentStatus:
        """How a shipment stands; see ``views.shipments.shipment_status``."""
        return self._database.read(lambda reader: shipment_status(reader, request, self._labels))

    def outcome(self, request: OutcomeAsked) -> CommandOutcome:
        """What came of a command; see ``outcomes.Outcomes.outcome``."""
        return self._outcomes.outcome(request.key)

    def health(self, request: HealthAsked) -> WmsHealth:
        """Whether the database answers, and if asked, whether its stock is as its ledger says."""
        engine = self._database.engine
        started = time.perf_counter()
        version: str | None = None
        checked = ["connection", "schema"]
        try:
            self._database.read(lambda reader: reader.row(_SECRET))
            seconds = time.perf_counter() - started
            numbers = ".".join(str(part) for part in engine.dialect.server_version_info or ())
            version = f"{engine.dialect.name} {numbers}".strip()
            found = self._database.read(problems) if request.deep else []
            checked += list(CHECKS) if request.deep else []
        except FlextError as error:
            seconds, found = time.perf_counter() - started, [str(error)]
        return WmsHealth(
            backend="database", place=place_of(engine), healthy=not found, seconds=seconds, version=version,
            problems=tuple(found), checked=tuple(checked),
        )  # fmt: skip

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._database.close()

    def _call(self, command: str, request: BaseModel, actor: str, key: str | None) -> Call:
        now = self._clock()
        if not self._forgotten:
            with self._lock:
                if not self._forgotten:
                    self._forgotten = True
                    self._forget(now - self._retention)
        return Call(command, request, actor=actor, key=key, now=now)

    def _forget(self, before: dt.datetime) -> None:
        """Old outcomes go once per process; if that fails, the command itself says whether the database is well."""
        try:
            self._outcomes.forget(before)
        except FlextError as error:
            self._not_forgotten = error

    def _perform(self, call: Call, kind: type[P], work: Callable[[Transaction], P]) -> P:
        """Perform a command; that old outcomes stayed is said only when the command itself did not fail."""
        done = self._outcomes.perform(call, kind, work)
        error, self._not_forgotten = self._not_forgotten, None
        if error is not None:
            log.warning("Old outcomes could not be removed: %s", error)
        return done

    def _signing(self) -> Cursors:
        if self._cursors is None:
            row = self._database.read(lambda reader: reader.row(_SECRET))
            assert row is not None
            self._cursors = Cursors(row[0])
        return self._cursors
