"""Orders that come in and containers that leave, on Oracle WMS Cloud."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flext_pipelines.errors import (
    ConflictError,
    FlextError,
    ForbiddenError,
    InsufficientStockError,
    InvalidMessageError,
    NotFoundError,
    OutcomeUnknownError,
    ShipmentClosedError,
)
from flext_pipelines.wms.requests import (
    OutcomeAsked,
    ShipmentClosing,
    ShipmentLine,
    ShipmentRequest,
)
from tests.wms.cloud.asking import Rows
from tests.wms.cloud.conftest import Cloud, client_of


def order_of(rows: Rows, status: int) -> dict[str, Any]:
    """An order of a status."""
    return rows("order_hdr", status_id=str(status))[0]


def test_a_packed_order_leaves(cloud: Cloud, rows: Rows) -> None:
    """Its containers are shipped, and the shipment that the cloud makes is named."""
    order = order_of(rows, 30)
    request = ShipmentRequest(order_nbr=order["order_nbr"], ship=True, policy="partial")

    done = cloud.backend.create_shipment(request, actor="ann", key=None)

    assert done.order_nbr == order["order_nbr"]
    assert all(line.shipped == line.allocated for line in done.lines)
    assert done.shipment_nbr in {row["shipment_nbr"] for row in rows("ob_shipment", order_id=str(order["id"]))}
    with pytest.raises(ShipmentClosedError):
        cloud.backend.create_shipment(request, actor="ann", key=None)


@pytest.mark.parametrize("kind", ["lost", "dropped", "html", "truncated", "server_error"])
def test_a_container_leaves_once_whatever_becomes_of_the_answer(cloud: Cloud, rows: Rows, kind: str) -> None:
    """A broken answer is looked up by the container's status."""
    order = order_of(rows, 30)
    cloud.fault(kind, path="ship_oblpn")

    done = cloud.backend.create_shipment(
        ShipmentRequest(order_nbr=order["order_nbr"], ship=True, policy="partial"), actor="ann", key=None
    )

    assert sum(line.shipped for line in done.lines) > 0
    assert len(rows("ob_shipment", order_id=str(order["id"]))) == 1


def test_a_refusal_of_the_stage_interface_inside_a_success_is_told(cloud: Cloud, rows: Rows) -> None:
    """HTTP 200, success False: the words of the interface are the reason."""
    cloud.fault("refused", path="ship_oblpn")

    with pytest.raises(ConflictError, match="not available"):
        cloud.backend.create_shipment(
            ShipmentRequest(order_nbr=order_of(rows, 30)["order_nbr"], ship=True, policy="partial"),
            actor="ann", key=None,
        )  # fmt: skip


def test_an_order_without_packed_containers_cannot_leave(cloud: Cloud, rows: Rows) -> None:
    """The cloud picks and packs itself; the advice says so."""
    with pytest.raises(ConflictError, match="no packed container"):
        cloud.backend.create_shipment(
            ShipmentRequest(order_nbr=order_of(rows, 20)["order_nbr"], ship=True, policy="partial"),
            actor="ann", key=None,
        )  # fmt: skip


def test_all_or_nothing_needs_everything_allocated(cloud: Cloud, rows: Rows) -> None:
    """An order that is allocated in part does not leave in part unasked."""
    order = order_of(rows, 0)

    with pytest.raises(InsufficientStockError, match="lacks"):
        cloud.backend.create_shipment(ShipmentRequest(order_nbr=order["order_nbr"], ship=True), actor="ann", key=None)


def test_the_cloud_allocates_by_itself(cloud: Cloud, rows: Rows) -> None:
    """Asking for an allocation of an order that is there is refused with the way that there is."""
    with pytest.raises(InvalidMessageError, match="waves"):
        cloud.backend.create_shipment(ShipmentRequest(order_nbr=order_of(rows, 0)["order_nbr"]), actor="ann", key=None)


def new_order(rows: Rows, number: str = "NEW-1") -> ShipmentRequest:
    """An order that the cloud does not know, with two lines."""
    items = [row["code"] for row in rows("item")[:2]]
    lines = tuple(ShipmentLine(seq_nbr=n, item_code=code, qty=Decimal(n)) for n, code in enumerate(items, start=1))
    return ShipmentRequest(order_nbr=number, facility_code="DC01", lines=lines, policy="partial")


def test_a_new_order_comes_in_by_the_stage_interface(cloud: Cloud, rows: Rows) -> None:
    """It is there afterwards, with its lines, and carries the key."""
    done = cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77")

    assert [line.requested for line in done.lines] == [Decimal(1), Decimal(2)]
    assert not done.complete
    assert len(rows("order_hdr", order_nbr="NEW-1")) == 1
    assert cloud.backend.outcome(OutcomeAsked(key="erp-77")).command == "CreateShipment"


@pytest.mark.parametrize("kind", ["lost", "dropped", "html", "truncated", "server_error"])
def test_a_new_order_comes_in_once_whatever_becomes_of_the_answer(cloud: Cloud, rows: Rows, kind: str) -> None:
    """The order is looked up by its number and its key."""
    cloud.fault(kind, path="init_stage_interface")

    done = cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77")

    assert done.order_nbr == "NEW-1"
    assert len(rows("order_hdr", order_nbr="NEW-1")) == 1


def test_a_new_order_sent_twice_with_its_key_is_found(cloud: Cloud, rows: Rows) -> None:
    """The second answer says that it is a repetition."""
    cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77")

    assert cloud.backend.create_shipment(new_order(rows), actor="ann", key="erp-77").replayed
    assert cloud.seen("init_stage_interface") == 1


def test_markup_in_a_number_stays_text(cloud: Cloud, rows: Rows) -> None:
    """XML is written, not joined: angle brackets, quotes and ampersands come through as they are."""
    number = """A<b>&"'; DROP--"""

    done = cloud.backend.create_shipment(new_order(rows, number), actor="ann", key=None)

    assert done.order_nbr == number
    assert len(rows("order_hdr", order_nbr=number)) == 1


def test_an_unknown_item_in_a_new_order_is_the_interfaces_word(cloud: Cloud) -> None:
    """What it says inside HTTP 200 reaches the user."""
    request = ShipmentRequest(
        order_nbr="NEW-2", facility_code="DC01", lines=(ShipmentLine(seq_nbr=1, item_code="NO-SUCH", qty=Decimal(1)),)
    )

    with pytest.raises(ConflictError, match="NO-SUCH is invalid"):
        cloud.backend.create_shipment(request, actor="ann", key=None)


def test_an_unknown_order_without_items_is_not_found(cloud: Cloud) -> None:
    """Nothing says what it would be of."""
    with pytest.raises(NotFoundError, match="SO-NONE"):
        cloud.backend.create_shipment(ShipmentRequest(order_nbr="SO-NONE"), actor="ann", key=None)


def test_a_container_is_closed_by_its_number(cloud: Cloud, rows: Rows) -> None:
    """CloseShipment of a packed container lets it leave; once more, and it has left already."""
    container = rows("oblpn", status_id="50")[0]

    done = cloud.backend.close_shipment(ShipmentClosing(shipment_nbr=container["container_nbr"]), actor="ann", key=None)

    assert done.order_nbr == container["order_id"]["key"]
    with pytest.raises(ShipmentClosedError):
        cloud.backend.close_shipment(ShipmentClosing(shipment_nbr=container["container_nbr"]), actor="ann", key=None)


@pytest.mark.parametrize(
    ("closing", "expected"),
    [
        (ShipmentClosing(shipment_nbr="NONE"), NotFoundError),
        (ShipmentClosing(shipment_nbr="OB00000001"), ShipmentClosedError),
        (ShipmentClosing(shipment_nbr="OB00000001", action="cancel"), InvalidMessageError),
    ],
)
def test_what_cannot_be_closed_says_why(cloud: Cloud, closing: ShipmentClosing, expected: type[FlextError]) -> None:
    """Unknown, gone, or not in the documents."""
    with pytest.raises(expected):
        cloud.backend.close_shipment(closing, actor="ann", key=None)


def test_the_stage_interface_needs_a_right(server: Any, rows: Rows) -> None:
    """can_run_ws_stage_interface is what the advice names."""
    cloud = client_of(server, user="narrow", facility="DC02")
    request = new_order(rows).model_copy(update={"facility_code": "DC02"})

    with pytest.raises(ForbiddenError) as caught:
        cloud.backend.create_shipment(request, actor="ann", key=None)
    assert "can_run_ws_stage_interface" in caught.value.instruction
    cloud.backend.close()


def test_an_outcome_that_the_cloud_cannot_know_is_not_made_up(cloud: Cloud) -> None:
    """No trace of a key proves nothing about stock corrections."""
    with pytest.raises(OutcomeUnknownError):
        cloud.backend.outcome(OutcomeAsked(key="never-seen"))
