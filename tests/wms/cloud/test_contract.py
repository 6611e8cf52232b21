"""One contract, two backends: what the database answers, Oracle WMS Cloud answers too, over the same rows."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import (
    ConflictError,
    CursorRefusedError,
    FlextError,
    InsufficientStockError,
    NotFoundError,
    OverReceiptError,
    ShipmentClosedError,
)
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.requests import (
    HealthAsked,
    OrderFilter,
    OutcomeAsked,
    ReceiptRequest,
    ShipmentNamed,
    ShipmentRequest,
    StockCorrection,
    StockFilter,
)
from tests.wms.cloud.conftest import PASSWORD, client_of
from tests.wms.listening import Listener
from tests.wms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from flext_pipelines.wms.backend import WmsBackend
    from flext_pipelines.wms.values import OrderRow, StockRow

LATER = dt.date(2031, 1, 1)


def fill(warehouse: Warehouse) -> None:
    """Stock, orders and announced shipments."""
    warehouse.put("PUMP", "A1", 12)
    warehouse.put("PUMP", "A2", 5)
    warehouse.put("VALVE", "A2", 30)
    warehouse.put("VALVE", "B1", 7.5)
    warehouse.put("MILK", "A1", 9, batch="M1", expiry=LATER)
    for number in range(1, 8):
        warehouse.order(f"SO{number}", ("PUMP", 1), ("VALVE", 2))
    warehouse.ship("SO1")
    warehouse.announce("IB1", ("PUMP", 10), ("VALVE", 4))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the warehouse that every test begins with."""
    path = tmp_path_factory.mktemp("contract") / "wms.db"
    warehouse = Warehouse(SecretStr(f"sqlite:///{path}")).fill()
    fill(warehouse)
    warehouse.close()
    return path


@pytest.fixture(params=["database", "cloud"])
def backend(request: pytest.FixtureRequest, template: Path, tmp_path: Path, listener: Listener) -> Iterator[WmsBackend]:
    """The same warehouse behind each backend."""
    url = SecretStr(f"sqlite:///{shutil.copy(template, tmp_path)}")
    if request.param == "database":
        database = DatabaseBackend(open_engine(url))
        yield database
        database.close()
        return
    made = make_server(database=url, password=SecretStr(PASSWORD), over_receipt_percent=10)
    with listener.serving(made) as server:
        cloud = client_of(server)
        yield cloud.backend
        cloud.backend.close()


def stock(backend: WmsBackend, **asked: Any) -> list[StockRow]:
    """Stock on all pages."""
    found: list[StockRow] = []
    cursor = None
    while True:
        page = backend.inventory(StockFilter(cursor=cursor, **asked))
        found += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return found


def orders(backend: WmsBackend, **asked: Any) -> list[OrderRow]:
    """Orders on all pages."""
    found: list[OrderRow] = []
    cursor = None
    while True:
        page = backend.orders(OrderFilter(cursor=cursor, **asked))
        found += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return found


def correct(backend: WmsBackend, item: str, place: str, **more: Any) -> Any:
    """Send a correction."""
    given = {"item_code": item, "location_barcode": place, "reason_code": "COUNT", **more}
    return backend.update_inventory(StockCorrection(**given), actor="ann", key=None)


def receive(backend: WmsBackend, *lines: tuple[str, float], key: str | None = None, **more: Any) -> Any:
    """Send a receipt into A1."""
    given = [{"item_code": item, "qty": str(qty)} for item, qty in lines]
    request = ReceiptRequest.model_validate({"location_barcode": "A1", "lines": given, **more})
    return backend.process_receipt(request, actor="ann", key=key)


def test_stock_is_the_same(backend: WmsBackend) -> None:
    """By lot, location and item: what is on hand, allocated, available."""
    by_lot = {(row.item_code, row.location_barcode): row for row in stock(backend)}

    assert {key: row.on_hand for key, row in by_lot.items()} == {
        ("PUMP", "A1"): 12, ("PUMP", "A2"): 5, ("VALVE", "A2"): 30, ("VALVE", "B1"): Decimal("7.5"), ("MILK", "A1"): 9,
    }  # fmt: skip
    assert by_lot["MILK", "A1"].batch_nbr == "M1"
    assert by_lot["MILK", "A1"].expiry_date == LATER
    assert by_lot["VALVE", "B1"].facility_code == "DC02"
    by_item: dict[str, object] = {
        row.item_code: (row.on_hand, row.allocated, row.available) for row in stock(backend, by="item")
    }
    assert by_item == {
        "PUMP": (17, 1, 16), "VALVE": (Decimal("37.5"), 2, Decimal("35.5")), "MILK": (9, 0, 9),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"item_code": "PUMP"}, {("PUMP", "A1"), ("PUMP", "A2")}),
        ({"location_barcode": "A2"}, {("PUMP", "A2"), ("VALVE", "A2")}),
        ({"facility_code": "DC02"}, {("VALVE", "B1")}),
        ({"batch_nbr": "M1"}, {("MILK", "A1")}),
        ({"item_code": "PUMP", "location_barcode": "B1"}, set()),
    ],
)
def test_stock_is_filtered(backend: WmsBackend, asked: dict[str, str], expected: set[tuple[str, str]]) -> None:
    """The same filters find the same rows."""
    assert {(row.item_code, row.location_barcode) for row in stock(backend, **asked)} == expected


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pages_hold_every_row_once(backend: WmsBackend, limit: int) -> None:
    """Whatever the size of a page."""
    found = [(row.item_code, row.location_barcode) for row in stock(backend, limit=limit)]

    assert len(found) == len(set(found)) == 5
    numbers = [row.order_nbr for row in orders(backend, limit=limit, sort="order_nbr")]
    assert numbers == [f"SO{number}" for number in range(1, 8)]


def test_orders_are_found(backend: WmsBackend) -> None:
    """By number, beginning, customer and facility, sorted as asked."""
    assert [row.order_nbr for row in orders(backend, order_nbr="SO3")] == ["SO3"]
    assert len(orders(backend, order_nbr="SO*")) == 7
    assert orders(backend, order_nbr="XX*") == []
    assert len(orders(backend, customer="Ann")) == 7
    assert orders(backend, customer="Nobody") == []
    assert orders(backend, facility_code="DC02") == []
    assert orders(backend, sort="-order_nbr")[0].order_nbr == "SO7"
    (row,) = orders(backend, order_nbr="SO3")
    assert (row.facility_code, row.customer, row.priority) == ("DC01", "Ann", 1)


def test_a_cursor_of_another_search_is_refused(backend: WmsBackend) -> None:
    """So is one that nobody gave."""
    cursor = backend.orders(OrderFilter(limit=2)).next_cursor

    with pytest.raises(CursorRefusedError):
        backend.orders(OrderFilter(limit=2, order_nbr="SO*", cursor=cursor))
    with pytest.raises(CursorRefusedError):
        backend.inventory(StockFilter(cursor="nonsense"))


def test_an_inbound_shipment_stands(backend: WmsBackend) -> None:
    """Announced, nothing of it received yet."""
    found = backend.shipment(ShipmentNamed(shipment_nbr="IB1"))

    assert (found.direction, found.facility_code, found.closed) == ("inbound", "DC01", False)
    lines: list[object] = [(line.item_code, line.expected, line.done) for line in found.lines]
    assert lines == [("PUMP", 10, 0), ("VALVE", 4, 0)]


def test_a_shipment_of_nobody_is_not_found(backend: WmsBackend) -> None:
    """Neither in nor out."""
    with pytest.raises(NotFoundError, match="NONE"):
        backend.shipment(ShipmentNamed(shipment_nbr="NONE"))


def test_an_adjustment_adds_and_takes_away(backend: WmsBackend) -> None:
    """The answer and the stock agree."""
    done = correct(backend, "PUMP", "A1", adjustment_qty="-2.5")

    assert (done.before, done.change, done.on_hand) == (12, Decimal("-2.5"), Decimal("9.5"))
    (row,) = stock(backend, item_code="PUMP", location_barcode="A1")
    assert row.on_hand == Decimal("9.5")
    assert (done.facility_code, done.item_code, done.location_barcode) == ("DC01", "PUMP", "A1")


def test_a_count_sets_what_was_counted(backend: WmsBackend) -> None:
    """By barcode too, also where nothing was."""
    assert correct(backend, "VALVE", "A2", actual_qty=28).change == -2
    request = StockCorrection(item_barcode="4001", location_barcode="DOCK", actual_qty=Decimal(3), reason_code="FOUND")
    done = backend.update_inventory(request, actor="ann", key=None)
    assert done.item_code == "PUMP"
    assert (int(done.before), int(done.on_hand)) == (0, 3)


@pytest.mark.parametrize(
    ("item", "place", "change", "expected"),
    [
        ("NONE", "A1", 1, NotFoundError),
        ("PUMP", "NONE", 1, NotFoundError),
        ("PUMP", "A1", -13, InsufficientStockError),
        ("PUMP", "A1", -12, InsufficientStockError),
        ("'; DROP TABLE item; --", "A1", 1, NotFoundError),
    ],
)
def test_a_correction_that_cannot_be_changes_nothing(
    backend: WmsBackend, item: str, place: str, change: int, expected: type[FlextError]
) -> None:
    """Unknown, less than nothing, less than is allocated."""
    with pytest.raises(expected):
        correct(backend, item, place, adjustment_qty=change)

    assert {row.item_code: row.on_hand for row in stock(backend, by="item")}["PUMP"] == 17


def test_a_receipt_counts(backend: WmsBackend) -> None:
    """Against the shipment's lines, and in the stock."""
    done = receive(backend, ("PUMP", 6), shipment_nbr="IB1")

    (line,) = done.lines
    assert (line.item_code, line.qty, line.expected, line.received) == ("PUMP", 6, 10, 6)
    assert (done.shipment_nbr, done.facility_code, done.closed) == ("IB1", "DC01", False)
    assert {row.item_code: row.on_hand for row in stock(backend, by="item")}["PUMP"] == 23


def test_a_receipt_without_lines_takes_all(backend: WmsBackend) -> None:
    """And the shipment is closed."""
    done = receive(backend, shipment_nbr="IB1")

    assert done.closed
    assert {line.item_code: line.received for line in done.lines} == {"PUMP": 10, "VALVE": 4}
    with pytest.raises(ShipmentClosedError):
        receive(backend, ("PUMP", 1), shipment_nbr="IB1")


def test_more_than_expected_is_taken_within_the_tolerance(backend: WmsBackend) -> None:
    """Beyond it, nothing is taken."""
    with pytest.raises(OverReceiptError):
        receive(backend, ("PUMP", 11), shipment_nbr="IB1")

    done = receive(backend, ("PUMP", 11), shipment_nbr="IB1", over_receipt_tolerance_percent=10)
    assert done.lines[0].received == 11


@pytest.mark.parametrize(
    ("lines", "more"),
    [
        ([("PUMP", 1)], {"shipment_nbr": "NONE"}),
        ([("NONE", 1)], {"shipment_nbr": "IB1"}),
        ([("PUMP", 1)], {"shipment_nbr": "IB1", "location_barcode": "NONE"}),
    ],
    ids=["shipment", "item", "location"],
)
def test_what_a_receipt_names_must_be_there(
    backend: WmsBackend, lines: list[tuple[str, float]], more: dict[str, str]
) -> None:
    """Nothing is received otherwise."""
    with pytest.raises(NotFoundError, match="NONE"):
        receive(backend, *lines, **more)
    assert {row.item_code: row.on_hand for row in stock(backend, by="item")}["PUMP"] == 17


def test_a_blind_receipt_is_done_once_for_its_key(backend: WmsBackend) -> None:
    """The second time its answer comes again; another payload is refused."""
    first = receive(backend, ("VALVE", 3), po_nbr="PO9", key="truck-1")
    again = receive(backend, ("VALVE", 3), po_nbr="PO9", key="truck-1")

    assert (first.po_nbr, first.replayed, again.replayed) == ("PO9", False, True)
    assert again.shipment_nbr == first.shipment_nbr
    with pytest.raises(ConflictError):
        receive(backend, ("VALVE", 4), po_nbr="PO9", key="truck-1")
    assert {row.item_code: row.on_hand for row in stock(backend, by="item")}["VALVE"] == Decimal("40.5")
    assert backend.outcome(OutcomeAsked(key="truck-1")).performed


def test_damaged_goods_are_on_hand_and_not_available(backend: WmsBackend) -> None:
    """They are in quarantine, and the answer says why."""
    lines = [{"item_code": "PUMP", "qty": "2", "condition": "damaged"}]

    done = receive(backend, shipment_nbr="IB1", lines=lines)

    assert done.lines[0].quarantine_reason == "damaged"
    (row,) = (one for one in stock(backend, item_code="PUMP") if one.quarantined)
    assert (int(row.on_hand), int(row.available)) == (2, 0)


def test_an_order_of_nobody_cannot_be_shipped(backend: WmsBackend) -> None:
    """It is not found."""
    with pytest.raises(NotFoundError, match="SO99"):
        backend.create_shipment(ShipmentRequest(order_nbr="SO99", ship=True), actor="ann", key=None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [({"seq_nbr": 9}, NotFoundError), ({"seq_nbr": 1, "item_code": "VALVE"}, ConflictError)],
    ids=["unknown", "of another item"],
)
def test_a_line_must_be_the_orders(backend: WmsBackend, line: dict[str, Any], expected: type[FlextError]) -> None:
    """An unknown line, or one that is said to be of another item, ships nothing."""
    request = ShipmentRequest.model_validate({"order_nbr": "SO2", "ship": True, "policy": "partial", "lines": [line]})

    with pytest.raises(expected, match="SO2"):
        backend.create_shipment(request, actor="ann", key=None)
    assert {row.item_code: row.on_hand for row in stock(backend, by="item")}["PUMP"] == 17


def test_health_is_good(backend: WmsBackend) -> None:
    """Both say where they are, and that nothing is wrong."""
    found = backend.health(HealthAsked())

    assert found.healthy, found.problems
    assert found.place
    assert PASSWORD not in str(found)
