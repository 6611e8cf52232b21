"""The sync of Oracle WMS Cloud by its messages: real Meltano, plugins and Dagster runs, a server by real HTTP."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from flext_pipelines.assets.bus import process_bus
from flext_pipelines.bootstrap import build_bus
from flext_pipelines.commands.wms.sync import (
    GetSyncHealthQuery,
    GetSyncStatusQuery,
    SyncWmsCommand,
    ValidateSyncQuery,
)
from flext_pipelines.errors import RunFailedError, UsageError
from flext_pipelines.settings import Settings
from flext_pipelines.wms.mock_server.faults import Fault
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.mock_server.serving import Running, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flext_pipelines.commands.bus import Bus
    from flext_pipelines.wms.syncing import SyncHealth

# The default project is one: its runs and those of the main job wait for each other, and its locks do not.
pytestmark = [pytest.mark.process, pytest.mark.xdist_group("main job")]

PROJECT = Path(__file__).parents[2] / "meltano"
ENTITIES = ("item", "inventory", "order_hdr")


@pytest.fixture
def server() -> Iterator[Running]:
    """A server with 40 orders."""
    with running(make_server(orders=40)) as started:
        yield started


@pytest.fixture
def bus(server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    """The bus of a home of this test; the default project reads the server."""
    assert (PROJECT / ".meltano" / "extractors" / "tap-oracle-wms").is_dir(), "flext plugins install all"
    for name, value in {"BASE_URL": server.url, "USERNAME": "mock", "PASSWORD": "mock"}.items():
        monkeypatch.setenv(f"TAP_ORACLE_WMS_{name}", value)
    # The run reads its settings from the environment, as every process that Dagster starts does.
    monkeypatch.setenv("FLEXT_HOME", str(tmp_path / "home"))
    process_bus.cache_clear()  # another test of this process may have performed a run with its own home
    monkeypatch.delitem(sys.modules, "flext_pipelines.definitions", raising=False)
    made = build_bus(Settings(home=tmp_path / "home", actor="tester", meltano_project_root=PROJECT))
    yield made
    made.close()
    process_bus.cache_clear()


def _rows(tmp_path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(tmp_path / "home" / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def _health(bus: Bus) -> Mapping[str, str]:
    answer: SyncHealth = bus.send(GetSyncHealthQuery()).unwrap()
    return {probe.name: probe.health for probe in answer.probes} | {"all": answer.health}


@pytest.mark.timeout(900)
def test_a_sync_loads_a_facility_and_a_full_one_never_doubles_a_row(bus: Bus, server: Running, tmp_path: Path) -> None:
    """One facility, then everything twice: the tables hold the server's rows, each once and with its load stamp."""
    part = bus.send(SyncWmsCommand(facilities=("DC01",), entities=ENTITIES, attached=True)).unwrap()
    assert [(one.partition, one.status) for one in part.parts] == [("DC01", "completed")], part
    loaded = _rows(tmp_path, "SELECT DISTINCT facility_key FROM oic.wms_order_hdr")
    (changed,) = server.server.warehouse.touch("item", 1, "somebody")
    for _ in range(2):
        bus.send(SyncWmsCommand(mode="full", entities=ENTITIES, attached=True)).unwrap()

    assert loaded == [("DC01",)]
    assert _rows(tmp_path, "SELECT count(*), count(DISTINCT id) FROM oic.wms_order_hdr") == [(40, 40)]
    assert _rows(tmp_path, "SELECT count(*), count(DISTINCT id), count(_sdc_batched_at) FROM oic.wms_item") == [
        (20, 20, 20)
    ]
    assert _rows(tmp_path, f"SELECT mod_user FROM oic.wms_item WHERE id = {changed}") == [("somebody",)]
    status = bus.send(GetSyncStatusQuery()).unwrap()
    known = {one.entity: one for one in status.entities}
    assert (known["item"].rows, known["item"].stale) == (20, False)
    assert (known["allocation"].rows, known["allocation"].stale) == (None, True)
    assert {(one.pipeline, one.partition) for one in status.runs} == {("wms-incremental", "DC01"), ("wms-full", None)}


@pytest.mark.timeout(900)
def test_a_sync_that_fails_says_so_for_every_facility(bus: Bus, server: Running, tmp_path: Path) -> None:
    """A server that lets nobody in: an error with the reason, no table, and health that names the probe."""
    server.server.gate.users = ()

    result = bus.send(SyncWmsCommand(facilities=("DC01", "DC02"), entities=("item",), attached=True))

    assert isinstance(result.error, RunFailedError)
    assert "2 of 2 runs of wms-incremental failed (DC01, DC02)" in result.error.reason
    assert "HTTP 401" in result.error.reason
    assert not result.error.retryable
    assert sum(one.status == 401 for one in server.server.seen) == 2, "another try may lock the account"
    health = _health(bus)
    assert (health["configuration"], health["server"], health["all"]) == ("healthy", "unhealthy", "unhealthy")


@pytest.mark.timeout(900)
def test_a_page_that_comes_again_is_not_asked_for_in_a_further_attempt(bus: Bus, server: Running) -> None:
    """The run ends at the first attempt, though its pipeline declares two more for what may pass."""
    server.server.faults.add([Fault(kind="repeat", times=1000, path="/item/?page_mode=sequenced&page_size=500")])

    error = bus.send(SyncWmsCommand(facilities=("DC01",), entities=("item",), attached=True)).error

    assert isinstance(error, RunFailedError)
    assert "PageRepeatedError" in error.reason
    assert sum(one.fault == "repeat" for one in server.server.seen) == 1, "a page that links to itself, read once"


def test_a_facility_that_nobody_knows_is_refused_before_anything_runs(bus: Bus, server: Running) -> None:
    """With those that the project has; and a full sync knows no facilities."""
    unknown = bus.send(SyncWmsCommand(facilities=("DC09",), attached=True)).error
    full = bus.send(SyncWmsCommand(mode="full", facilities=("DC01",), attached=True)).error

    assert isinstance(unknown, UsageError)
    assert "DC01, DC02, DC03" in unknown.instruction
    assert isinstance(full, UsageError)
    assert list(server.server.seen) == []


def test_missing_credentials_are_named_without_asking_the_server(
    bus: Bus, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For both pipelines, with the variable to set."""
    monkeypatch.delenv("TAP_ORACLE_WMS_PASSWORD")

    report = bus.send(ValidateSyncQuery()).unwrap()

    errors = [(one.plugin, one.message) for one in report.problems if one.severity == "error"]
    assert ("tap-oracle-wms-incremental", "tap-oracle-wms-incremental has no password") in errors
    assert ("tap-oracle-wms-full", "tap-oracle-wms-full has no password") in errors
    assert list(server.server.seen) == []
