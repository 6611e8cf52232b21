"""The messages of warehouse management over the cloud: chosen by a setting, performed once, audited without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from flext_pipelines.bootstrap import build_bus, default_ports
from flext_pipelines.commands.bus import Ports
from flext_pipelines.commands.message import Context
from flext_pipelines.commands.wms.operations import ProcessReceiptCommand, UpdateInventoryCommand
from flext_pipelines.commands.wms.views import (
    GetCommandOutcomeQuery,
    GetInventoryQuery,
    GetWmsHealthQuery,
    SearchOrdersQuery,
)
from flext_pipelines.settings import Settings
from flext_pipelines.wms.cloud.backend import CloudBackend
from tests.wms.cloud.conftest import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from flext_pipelines.commands.bus import Bus
    from flext_pipelines.wms.mock_server.serving import Running


@pytest.fixture
def bus(server: Running, tmp_path: Path) -> Iterator[Bus]:
    """A bus whose warehouse management is the sample server."""
    settings = Settings(
        home=tmp_path / "home", wms_backend="cloud", wms_cloud_url=server.url, wms_cloud_user="mock",
        wms_cloud_password=SecretStr(PASSWORD), wms_cloud_company="ACME", wms_cloud_retries=1,
        wms_cloud_retry_wait_seconds=0.1, wms_status_labels={"order": {20: "released"}},
    )  # fmt: skip
    backend = default_ports(settings, Ports())["wms_backend"]()
    assert isinstance(backend, CloudBackend)
    yield build_bus(settings, wms_backend=backend)
    backend.close()


CONTEXT = Context(actor="ann", source="python")


def test_a_setting_chooses_the_cloud(bus: Bus, server: Running) -> None:
    """FLEXT_WMS_BACKEND=cloud: the same query is answered over HTTP."""
    page = bus.send(GetInventoryQuery(limit=3), CONTEXT).unwrap()

    assert len(page.rows) == 3
    assert any("inventory" in one.path for one in server.server.seen)
    assert bus.send(GetWmsHealthQuery(), CONTEXT).unwrap().backend == "cloud"


def test_the_sites_words_for_statuses_can_be_replaced(bus: Bus) -> None:
    """FLEXT_WMS_STATUS_LABELS counts for the cloud too."""
    page = bus.send(SearchOrdersQuery(status_ids=(20,), limit=1), CONTEXT).unwrap()

    assert page.rows[0].status == "released"


def test_a_command_is_performed_once_for_its_key(bus: Bus, server: Running) -> None:
    """The cloud knows no keys: the bus keeps what came of them, also of corrections that leave no number there."""
    stock = bus.send(GetInventoryQuery(limit=1), CONTEXT).unwrap().rows[0]
    command = UpdateInventoryCommand(
        item_code=stock.item_code, location_barcode=str(stock.location_barcode), adjustment_qty="2",
        reason_code="FOUND", batch_nbr=stock.batch_nbr, idempotency_key="found-1",
    )  # fmt: skip

    first, second = bus.send(command, CONTEXT).unwrap(), bus.send(command, CONTEXT).unwrap()

    assert first.on_hand == second.on_hand == stock.on_hand + 2
    assert (first.replayed, second.replayed) == (False, True)
    assert sum("update_active_inventory" in one.path for one in server.server.seen) == 1
    outcome = bus.send(GetCommandOutcomeQuery(key="found-1"), CONTEXT).unwrap()
    assert (outcome.performed, outcome.command) == (True, "wms.UpdateInventory")
    assert outcome.answer == first.model_dump(mode="json")


def test_a_refusal_is_an_error_of_ours_with_its_code(bus: Bus) -> None:
    """What the cloud does not know is not found, for whoever asks through whichever door."""
    result = bus.send(
        ProcessReceiptCommand(
            shipment_nbr="NONE", location_barcode="L000-00-1-1", lines=({"item_code": "ITEM-000001", "qty": "1"},)
        ),
        CONTEXT,
    )

    assert result.error is not None
    assert result.error.code == "not_found"


def test_the_audit_trail_holds_no_secret(bus: Bus, tmp_path: Path) -> None:
    """Neither the password nor a header of it reaches the control database."""
    bus.send(
        UpdateInventoryCommand(item_code="NONE", location_barcode="NONE", adjustment_qty="1", reason_code="X"), CONTEXT
    )

    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path
