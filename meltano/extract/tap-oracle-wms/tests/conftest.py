"""Fixtures: a mock warehouse server, started as a process from the main package's environment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings
from singer_columnar.testing import own_signal_handlers
from tap_wms_server import WmsServer, running_server

settings.register_profile("tap-oracle-wms", deadline=None, database=None)
settings.load_profile("tap-oracle-wms")


@pytest.fixture(autouse=True)
def _own_signal_handlers() -> Iterator[None]:
    """The SDK's plugins set signal handlers of the whole process; give pytest's back."""
    with own_signal_handlers():
        yield


@pytest.fixture(scope="session")
def shared_server() -> Iterator[WmsServer]:
    """One server with 200 orders for the session."""
    with running_server("--orders", "200") as server:
        yield server


@pytest.fixture
def wms(shared_server: WmsServer) -> Iterator[WmsServer]:
    """The server, without faults and with an empty list of requests."""
    shared_server.reset()
    yield shared_server
    shared_server.reset()
