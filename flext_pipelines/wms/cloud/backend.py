"""The cloud as a backend: each command and query of ``wms/backend`` in the words of its documented API."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from flext_pipelines.errors import FlextError, OutcomeUnknownError
from flext_pipelines.wms.cloud.calls import CloudCalls
from flext_pipelines.wms.cloud.corrections import correct
from flext_pipelines.wms.cloud.finding import labels, one, reference_of
from flext_pipelines.wms.cloud.options import cloud_options
from flext_pipelines.wms.cloud.orders import order_page
from flext_pipelines.wms.cloud.receipts import receive
from flext_pipelines.wms.cloud.records import moment, required_text, text
from flext_pipelines.wms.cloud.shipping import close_shipment, create_shipment
from flext_pipelines.wms.cloud.statuses import shipment_status
from flext_pipelines.wms.cloud.stock import stock_page
from flext_pipelines.wms.values import CommandOutcome, WmsHealth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.settings import Settings
    from flext_pipelines.wms.cloud.calls import Row
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
    from flext_pipelines.wms.status import Kind
    from flext_pipelines.wms.values import (
        CorrectedStock,
        OrderPage,
        OutboundShipment,
        Receipt,
        ShipmentStatus,
        StockPage,
    )


def open_cloud(settings: Settings) -> CloudBackend:
    """The backend of the settings ``FLEXT_WMS_CLOUD_*``; nothing is sent yet.

    Raises:
        ConfigError: An address or the credentials are missing or cannot be used.
    """
    return CloudBackend(CloudCalls(cloud_options(settings)), settings.wms_status_labels)


class CloudBackend:
    """Oracle WMS Cloud.

    The actor of a command is our user's name there, as the cloud logs who is logged in; who asked us stands in our
    audit trail.

    Args:
        calls: What it sends with.
        own_labels: What statuses are called, where the site's own words are not wanted.
    """

    def __init__(self, calls: CloudCalls, own_labels: Mapping[Kind, Mapping[int, str]] | None = None) -> None:
        self._calls = calls
        self._own_labels = own_labels or {}
        self._lock = threading.Lock()
        self._labels: dict[str, dict[int, str]] = {}

    @property
    def keeps_outcomes(self) -> bool:
        """False: the cloud knows no idempotency keys; the bus keeps what came of them."""
        return False

    def create_shipment(self, request: ShipmentRequest, *, actor: str, key: str | None) -> OutboundShipment:  # noqa: ARG002  the Protocol's
        """Bring an order in by the stage interface, or let the packed containers of one leave."""
        return create_shipment(self._calls, request, self._words("order_status", "order"), key=key)

    def close_shipment(self, request: ShipmentClosing, *, actor: str, key: str | None) -> OutboundShipment:  # noqa: ARG002  the Protocol's
        """Let packed containers leave."""
        return close_shipment(self._calls, request, self._words("order_status", "order"), key=key)

    def update_inventory(self, request: StockCorrection, *, actor: str, key: str | None) -> CorrectedStock:  # noqa: ARG002  the Protocol's
        """Correct the active stock of an item in a location."""
        return correct(self._calls, request, key=key)

    def process_receipt(self, request: ReceiptRequest, *, actor: str, key: str | None) -> Receipt:  # noqa: ARG002  the Protocol's
        """Receive containers, or a whole shipment."""
        return receive(self._calls, request, self._words("ib_shipment_status", "inbound"), key=key)

    def inventory(self, request: StockFilter) -> StockPage:
        """A page of stock."""
        return stock_page(self._calls, request)

    def orders(self, request: OrderFilter) -> OrderPage:
        """A page of orders."""
        return order_page(self._calls, request, self._words("order_status", "order"))

    def shipment(self, request: ShipmentNamed) -> ShipmentStatus:
        """How a shipment stands."""
        inbound = self._words("ib_shipment_status", "inbound")
        return shipment_status(self._calls, request, inbound, self._words("order_status", "outbound"))

    def outcome(self, request: OutcomeAsked) -> CommandOutcome:
        """What came of a command, as far as the cloud can tell: by the container or the order that carries the key.

        Raises:
            OutcomeUnknownError: Neither is there. A stock correction leaves no number, so that this proves nothing.
        """
        mark = reference_of(request.key)
        for entity, query, command in (
            ("iblpn", {"container_nbr": mark}, "ProcessReceipt"),
            ("order_hdr", {"ref_nbr": mark}, "CreateShipment"),
        ):
            found = one(self._calls, entity, query, mark)
            if found is not None:
                return _known(request.key, command, found)
        raise OutcomeUnknownError(
            f"Nothing in Oracle WMS Cloud ({self._calls.options.place}) carries the key {request.key}",
            "A receipt or an order of this key was not made; whether a stock correction was, only the stock tells",
            {"idempotency_key": request.key, "reference": mark},
        )

    def health(self, request: HealthAsked) -> WmsHealth:
        """How the cloud does: it is asked what entities it has, and for the facility and company of the settings."""
        began = time.monotonic()
        problems: list[str] = []
        checked = ["entities"]
        try:
            if not (self._calls.read("") or {}):
                problems.append("It has no entities: FLEXT_WMS_CLOUD_URL may lack the tenant")
            else:
                for name, code in (
                    ("facility", self._calls.options.facility),
                    ("company", self._calls.options.company),
                ):
                    if code is not None:
                        checked.append(name)
                        if one(self._calls, name, {"code": code}, f"{name} {code}") is None:
                            problems.append(f"It has no {name} {code}, or our user is not eligible for it")
            if request.deep:
                problems += self._deep(checked)
        except FlextError as error:
            problems.append(str(error))
        return WmsHealth(
            backend="cloud",
            place=self._calls.options.place,
            healthy=not problems,
            seconds=round(time.monotonic() - began, 3),
            version="lgfapi v10",
            problems=tuple(problems),
            checked=tuple(checked),
        )

    def close(self) -> None:
        """Give back connections."""
        self._calls.close()

    def _deep(self, checked: list[str]) -> list[str]:
        """Whether the entities that commands and queries need can be read."""
        missing = []
        for entity in ("inventory", "order_hdr", "order_dtl", "ib_shipment", "ib_shipment_dtl", "location", "item"):
            checked.append(entity)
            if not (self._calls.read(f"{entity}/describe/") or {}).get("fields"):
                missing.append(f"{entity} cannot be described: the user may lack the right to read it")
        return missing

    def _words(self, entity: str, kind: Kind) -> dict[int, str]:
        """Statuses in words; a site that does not show them is asked once and then left alone."""
        with self._lock:
            if entity not in self._labels:
                self._labels[entity] = labels(self._calls, entity)
            return {**self._labels[entity], **self._own_labels.get(kind, {})}


def _known(key: str, command: str, row: Row) -> CommandOutcome:
    return CommandOutcome(
        key=key,
        performed=True,
        command=command,
        at=moment(row, "create_ts"),
        actor=text(row, "create_user"),
        answer={
            "id": row["id"],
            "number": required_text(row, "container_nbr" if "container_nbr" in row else "order_nbr"),
        },
    )
