"""Queries of warehouse management: stock, orders, shipments, what came of a command, health.

Their fields are those of ``wms/requests``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.commands.message import Query
from flext_pipelines.wms.requests import HealthAsked, OrderFilter, OutcomeAsked, ShipmentNamed, StockFilter
from flext_pipelines.wms.values import CommandOutcome, OrderPage, ShipmentStatus, StockPage, WmsHealth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.wms.backend import WmsBackend


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


def get_command_outcome(query: GetCommandOutcomeQuery, *, wms_backend: WmsBackend) -> CommandOutcome:
    """What came of a command."""
    return wms_backend.outcome(query)


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
