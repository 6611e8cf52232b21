"""What every backend of warehouse management can do: our database, or Oracle WMS Cloud over HTTP.

Chosen by ``FLEXT_WMS_BACKEND``. One contract test runs on each.

What belongs here: the Protocol. What does not: any backend (``database``, ``cloud``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
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
    from flext_pipelines.wms.values import (
        CommandOutcome,
        CorrectedStock,
        OrderPage,
        OutboundShipment,
        Receipt,
        ShipmentStatus,
        StockPage,
        WmsHealth,
    )


class WmsBackend(Protocol):
    """Commands and queries of warehouse management.

    Every command takes the ``actor`` who is answerable, and the idempotency ``key`` of the caller, if there is one.
    What they raise is of ``errors``: ``NotFoundError`` for what has no such code, ``ConflictError`` and below for what
    the state does not allow, ``InvalidMessageError`` for what makes no sense to this backend, ``UnavailableError`` when
    nothing was done, ``OutcomeUnknownError`` when it could not be found out whether it was.
    """

    @property
    def keeps_outcomes(self) -> bool:
        """Whether it keeps what came of a key itself, in the transaction of the work; otherwise the bus does."""
        ...

    def create_shipment(self, request: ShipmentRequest, *, actor: str, key: str | None) -> OutboundShipment:
        """Allocate stock to an order's lines, and ship it at once if asked to."""
        ...

    def close_shipment(self, request: ShipmentClosing, *, actor: str, key: str | None) -> OutboundShipment:
        """Let an outbound shipment leave, or cancel it."""
        ...

    def update_inventory(self, request: StockCorrection, *, actor: str, key: str | None) -> CorrectedStock:
        """Correct the stock of an item in a location."""
        ...

    def process_receipt(self, request: ReceiptRequest, *, actor: str, key: str | None) -> Receipt:
        """Receive goods."""
        ...

    def inventory(self, request: StockFilter) -> StockPage:
        """A page of stock."""
        ...

    def orders(self, request: OrderFilter) -> OrderPage:
        """A page of orders."""
        ...

    def shipment(self, request: ShipmentNamed) -> ShipmentStatus:
        """How a shipment stands."""
        ...

    def outcome(self, request: OutcomeAsked) -> CommandOutcome:
        """What came of a command."""
        ...

    def health(self, request: HealthAsked) -> WmsHealth:
        """How the system does; one that does not answer is told in ``problems``, not raised."""
        ...

    def close(self) -> None:
        """Give back connections."""
        ...
