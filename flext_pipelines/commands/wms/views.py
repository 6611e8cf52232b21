"""Queries of warehouse management: stock, orders, shipments, what came of a command, health.

Their fields are those of ``wms/requests``.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Protocol

from flext_pipelines.commands.message import Query
from flext_pipelines.wms.requests import HealthAsked, OrderFilter, OutcomeAsked, ShipmentNamed, StockFilter
from flext_pipelines.wms.values import CommandOutcome, OrderPage, ShipmentStatus, StockPage, WmsHealth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.wms.backend import WmsBackend


class KeptResult(Protocol):
    """What the bus keeps of a command."""

    @property
    def message(self) -> str:
        """Public name of the command."""
        ...

    @property
    def result(self) -> str:
        """Its answer as JSON; empty where there was none."""
        ...

    @property
    def ended_at(self) -> int:
        """When, in microseconds since 1970."""
        ...


class KeptResults(Protocol):
    """What the bus keeps of commands whose backend cannot."""

    def kept(self, key: str) -> KeptResult | None:
        """What came of a command; None where none with this key was performed."""
        ...


class GetInventoryQuery(Query[StockPage], StockFilter):
    """What is on hand, allocated and available, by item, location and lot: a page."""


class SearchOrdersQuery(Query[OrderPage], OrderFilter):
    """Orders by number, status, facility, customer and dates: a page.

    ``next_cursor`` of a page, given as ``cursor`` with the same filters, reads on behind it, whatever was added or
    changed before it in the meantime.
    """


class GetShipmentStatusQuery(Query[ShipmentStatus], ShipmentNamed):
    """How a shipment stands, inbound or outbound, with its lines."""


class GetCommandOutcomeQuery(Query[CommandOutcome], OutcomeAsked):
    """Whether the command with an idempotency key was performed, and what it answered.

    For whoever lost the connection in the middle of it.
    """


class GetWmsHealthQuery(Query[WmsHealth], HealthAsked):
    """Whether warehouse management answers, and if asked, whether its stock is as its ledger says."""


def get_inventory(query: GetInventoryQuery, *, wms_backend: WmsBackend) -> StockPage:
    """A page of stock."""
    return wms_backend.inventory(query)


def search_orders(query: SearchOrdersQuery, *, wms_backend: WmsBackend) -> OrderPage:
    """A page of orders."""
    return wms_backend.orders(query)


def get_shipment_status(query: GetShipmentStatusQuery, *, wms_backend: WmsBackend) -> ShipmentStatus:
    """One shipment."""
    return wms_backend.shipment(query)


def get_command_outcome(query: GetCommandOutcomeQuery, *, wms_backend: WmsBackend, keys: KeptResults) -> CommandOutcome:
    """What came of a command: asked of the bus first, where it keeps the backend's outcomes."""
    kept = None if wms_backend.keeps_outcomes else keys.kept(query.key)
    if kept is None:
        return wms_backend.outcome(query)
    return CommandOutcome(
        key=query.key,
        performed=True,
        command=kept.message,
        at=dt.datetime.fromtimestamp(kept.ended_at / 1e6, dt.UTC).replace(tzinfo=None),
        answer=json.loads(kept.result) if kept.result else None,
    )


def get_wms_health(query: GetWmsHealthQuery, *, wms_backend: WmsBackend) -> WmsHealth:
    """How it does."""
    return wms_backend.health(query)


HANDLERS: Mapping[type, Callable[..., object]] = {
    GetInventoryQuery: get_inventory,
    SearchOrdersQuery: search_orders,
    GetShipmentStatusQuery: get_shipment_status,
    GetCommandOutcomeQuery: get_command_outcome,
    GetWmsHealthQuery: get_wms_health,
}
