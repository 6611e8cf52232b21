"""Facts about the messages of warehouse management on the bus: keys, the audit trail, errors, JSON both ways."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from flext_pipelines.bootstrap import build_bus
from flext_pipelines.commands import registry
from flext_pipelines.commands.message import Context
from flext_pipelines.commands.wms.operations import CreateShipmentCommand, UpdateInventoryCommand
from flext_pipelines.commands.wms.sample import SeedSampleCommand
from flext_pipelines.commands.wms.views import (
    GetCommandOutcomeQuery,
    GetInventoryQuery,
    GetShipmentStatusQuery,
    GetWmsHealthQuery,
    SearchOrdersQuery,
)
from flext_pipelines.control.audit import AuditTrail
from flext_pipelines.control.engine import ControlDatabase
from flext_pipelines.control.entries import AuditFilter
from flext_pipelines.errors import (
    ConfigError,
    CursorRefusedError,
    IdempotencyConflictError,
    InsufficientStockError,
    InvalidMessageError,
    NotFoundError,
    UnavailableError,
)
from flext_pipelines.settings import Settings
from tests.wms.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flext_pipelines.commands.bus import Bus


@pytest.fixture
def house(settings: Settings) -> Iterator[tuple[Bus, Warehouse]]:
    """A bus on embedded databases, with ten pumps in A1 and an order for four."""
    warehouse = Warehouse(settings.wms_database).fill()
    warehouse.put("PUMP", "A1", 10)
    warehouse.order("SO1", ("PUMP", 4))
    bus = build_bus(settings)
    yield bus, warehouse
    bus.close()
    warehouse.close()


def one_more(**fields: object) -> UpdateInventoryCommand:
    """A pump more."""
    return UpdateInventoryCommand.model_validate(
        {"item_code": "PUMP", "location_barcode": "A1", "adjustment_qty": "1", "reason_code": "FOUND", **fields}
    )


def outcomes(settings: Settings) -> list[tuple[str, str | None]]:
    """Messages of the audit trail with their outcomes, oldest first."""
    database = ControlDatabase.from_settings(settings)
    entries = AuditTrail(database).page(AuditFilter(), 100).entries
    database.close()
    return [(entry.message, entry.outcome) for entry in reversed(entries)]


def test_a_key_is_kept_where_the_work_is(house: tuple[Bus, Warehouse], settings: Settings) -> None:
    """A repeated command is answered from the WMS transaction; the bus keeps no key, and the trail says replayed."""
    bus, warehouse = house

    first = bus.send(one_more(idempotency_key="k"))
    second = bus.send(one_more(idempotency_key="k"))

    assert (first.replayed, second.replayed) == (False, True)
    assert warehouse.stock()[0].on_hand == 11
    assert isinstance(bus.send(one_more(idempotency_key="k", adjustment_qty="2")).error, IdempotencyConflictError)
    assert outcomes(settings) == [
        ("wms.UpdateInventory", "succeeded"),
        ("wms.UpdateInventory", "replayed"),
        ("wms.UpdateInventory", "failed"),
    ]
    database = ControlDatabase.from_settings(settings)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM control_keys").scalar() == 0
    database.close()


def test_who_did_it_is_on_the_rows(house: tuple[Bus, Warehouse]) -> None:
    """The actor of the context stands on the ledger and on the outcome."""
    bus, warehouse = house

    bus.send(one_more(idempotency_key="k"), Context("anna")).unwrap()

    assert warehouse.rows("stock_movement")[-1]["create_user"] == "anna"
    assert bus.send(GetCommandOutcomeQuery(key="k")).unwrap().actor == "anna"


def test_messages_are_json_both_ways(house: tuple[Bus, Warehouse]) -> None:
    """A shipment asked for as JSON, as HTTP or a run config would, is answered as JSON that can be read back."""
    bus, _ = house
    spec = registry.find(registry.all_specs(), "wms.CreateShipment")

    message = registry.parse(spec, json.dumps({"order_nbr": " SO1 ", "lines": [{"seq_nbr": 1, "qty": "2.5"}]}))
    answer = bus.send(message).unwrap()

    assert message == CreateShipmentCommand.model_validate({"order_nbr": "SO1", "lines": [{"seq_nbr": 1, "qty": 2.5}]})
    assert registry.load_result(spec, registry.dump_result(spec, answer)) == answer


@pytest.mark.parametrize(
    ("name", "payload", "path"),
    [
        ("wms.CreateShipment", {"order_nbr": None}, "order_nbr"),
        ("wms.CreateShipment", {"order_nbr": "SO1", "lines": [{"seq_nbr": 1, "qty": -1}]}, "lines.0.qty"),
        ("wms.CreateShipment", {"order_nbr": "SO1", "lines": [{"seq_nbr": 1}, {"seq_nbr": 1}]}, "(the whole message)"),
        ("wms.CreateShipment", {"order_nbr": "SO1", "colour": "red"}, "colour"),
        (
            "wms.UpdateInventory",
            {"location_barcode": "A1", "reason_code": "X", "item_code": ""},
            "item_code",
        ),
        ("wms.GetInventory", {"limit": 5000}, "limit"),
        ("wms.SearchOrders", {"sort": "price"}, "sort"),
    ],
)
def test_what_is_wrong_is_named(name: str, payload: dict[str, object], path: str) -> None:
    """Each problem with the field's path."""
    with pytest.raises(InvalidMessageError) as caught:
        registry.parse(registry.find(registry.all_specs(), name), payload)

    problems = caught.value.details["problems"]
    assert isinstance(problems, list)
    assert path in [problem["path"] for problem in problems]


def test_every_query_answers(house: tuple[Bus, Warehouse]) -> None:
    """Stock, orders, a shipment and health, through the bus."""
    bus, _ = house
    number = bus.send(CreateShipmentCommand(order_nbr="SO1")).unwrap().shipment_nbr

    assert bus.send(GetInventoryQuery(item_code="PUMP")).unwrap().rows[0].available == Decimal(6)
    assert bus.send(SearchOrdersQuery(status_ids=(20,))).unwrap().rows[0].order_nbr == "SO1"
    assert bus.send(GetShipmentStatusQuery(shipment_nbr=number)).unwrap().lines[0].done == 0
    assert bus.send(GetWmsHealthQuery(deep=True)).unwrap().healthy
    assert isinstance(bus.send(GetInventoryQuery(cursor="made-up")).error, CursorRefusedError)


def test_short_stock_is_an_error_that_cannot_pass_by_itself(house: tuple[Bus, Warehouse]) -> None:
    """Programs read its code and what is short."""
    bus, warehouse = house
    warehouse.order("SO2", ("PUMP", 99))

    error = bus.send(CreateShipmentCommand(order_nbr="SO2")).error

    assert isinstance(error, InsufficientStockError)
    assert (error.code, error.retryable) == ("insufficient_stock", False)


def test_a_database_that_is_away_is_told_without_its_password(settings: Settings) -> None:
    """As an error that may pass, and by health as an answer."""
    away = SecretStr("postgresql://flext:hunter2@127.0.0.1:9/nowhere")
    bus = build_bus(Settings(home=settings.home, actor="t", wms_url=away, wms_connect_timeout_seconds=2))

    error = bus.send(GetInventoryQuery()).error
    health = bus.send(GetWmsHealthQuery()).unwrap()

    bus.close()
    assert isinstance(error, UnavailableError)
    assert not health.healthy
    assert "hunter2" not in f"{error} {error.details} {health}"


def test_a_url_that_is_none_names_its_setting(settings: Settings) -> None:
    """Before anything is connected."""
    bus = build_bus(Settings(home=settings.home, actor="t", wms_url=SecretStr("nonsense")))

    error = bus.send(GetInventoryQuery()).error

    bus.close()
    assert isinstance(error, ConfigError)
    assert "FLEXT_WMS_URL" in error.reason


def test_a_mistyped_file_is_named_and_not_made(tmp_path: Path) -> None:
    """Queries, health and commands answer so; the sample is what makes the file, and then they find it."""
    file = tmp_path / "nosuch" / "wms.db"
    url = SecretStr(f"sqlite:///{file}")
    bus = build_bus(Settings(home=tmp_path / "home", actor="t", wms_url=url))
    messages = (
        GetInventoryQuery(),
        GetWmsHealthQuery(),
        CreateShipmentCommand(order_nbr="SO1"),
        CreateShipmentCommand(order_nbr="SO1", idempotency_key="k"),
    )

    errors = [bus.send(message).error for message in messages]
    made = file.parent.exists()
    seeded = bus.send(SeedSampleCommand(orders=5)).unwrap()
    rows = bus.send(GetInventoryQuery()).unwrap().rows

    bus.close()
    assert [type(error) for error in errors] == [NotFoundError] * len(messages)
    assert all(error is not None and f"no such database file {file}" in error.reason for error in errors)
    assert not made
    assert seeded.created
    assert rows


def test_a_first_query_in_a_new_home_finds_an_empty_warehouse(settings: Settings) -> None:
    """The default database belongs to us: it is made by whoever comes first."""
    bus = build_bus(Settings(home=settings.home, actor="t"))

    page = bus.send(GetInventoryQuery()).unwrap()

    bus.close()
    assert page.rows == ()
    assert (settings.home / "wms.db").is_file()
