"""A server in a thread of the test's process, and a client that is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from flext_pipelines.wms.mock_server.auth import User
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.mock_server.serving import Running, running
from tests.wms.listening import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITED = User("limited", SecretStr("limited"), facilities=frozenset({"DC01"}), stage_interface=False)


@pytest.fixture
def server(listener: Listener) -> Iterator[Running]:
    """A server with 100 orders."""
    with listener.serving(make_server(orders=100, more_users=(LIMITED,), stage_delay_seconds=0.5)) as started:
        yield started


@pytest.fixture(scope="session")
def reader() -> Iterator[httpx.Client]:
    """A client of a server of the session, for tests that change nothing."""
    with (
        running(make_server(orders=100, more_users=(LIMITED,))) as started,
        httpx.Client(base_url=started.entity_url, auth=("mock", "mock"), timeout=20) as made,
    ):
        yield made


@pytest.fixture
def client(server: Running) -> Iterator[httpx.Client]:
    """A client whose URLs begin at the entities."""
    # Plain HTTP; to read certificates takes 20 ms.
    with httpx.Client(base_url=server.entity_url, auth=("mock", "mock"), timeout=20, verify=False) as made:
        yield made
