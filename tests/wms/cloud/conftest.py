"""A sample server per test, and a backend that speaks to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from flext_pipelines.wms.cloud.backend import CloudBackend
from flext_pipelines.wms.cloud.calls import CloudCalls
from flext_pipelines.wms.cloud.options import CloudOptions
from flext_pipelines.wms.mock_server.auth import User
from flext_pipelines.wms.mock_server.faults import Fault
from flext_pipelines.wms.mock_server.making import make_server
from flext_pipelines.wms.mock_server.serving import Running
from tests.wms.listening import Listener

PASSWORD = "correct-horse-battery"


@dataclass
class Cloud:
    """A running sample server and a client of it.

    Attributes:
        running: The server.
        backend: The backend.
        calls: What the backend sends with.
        waits: How long it would have slept, in seconds.
    """

    running: Running
    backend: CloudBackend
    calls: CloudCalls
    waits: list[float] = field(default_factory=list)

    def fault(self, kind: str, **more: Any) -> None:
        """Let later requests meet a fault."""
        self.running.server.faults.add([Fault.model_validate({"kind": kind, **more})])

    def seen(self, part: str) -> int:
        """How many requests came whose path holds the text."""
        return sum(part in one.path for one in self.running.server.seen)


def options_of(server: Running, **more: Any) -> CloudOptions:
    """How the sample server is reached."""
    given: dict[str, Any] = {
        "url": server.url, "user": "mock", "password": SecretStr(PASSWORD), "facility": None, "company": "ACME",
        "timeout_seconds": 5, "retries": 2, "retry_wait_seconds": 5, **more,
    }  # fmt: skip
    return CloudOptions(**given)


def client_of(server: Running, **more: Any) -> Cloud:
    """A backend for the sample server that does not sleep."""
    waits: list[float] = []
    calls = CloudCalls(options_of(server, **more), wait=waits.append)
    return Cloud(server, CloudBackend(calls), calls, waits)


@pytest.fixture
def server(listener: Listener) -> Iterator[Running]:
    """The sample server, with one user for everything and one for a single facility."""
    made = make_server(
        orders=200, password=SecretStr(PASSWORD),
        more_users=(User("narrow", SecretStr(PASSWORD), frozenset({"DC02"}), stage_interface=False),),
    )  # fmt: skip
    with listener.serving(made) as opened:
        yield opened


@pytest.fixture
def cloud(server: Running) -> Iterator[Cloud]:
    """The backend of the sample server."""
    made = client_of(server)
    yield made
    made.backend.close()


@pytest.fixture
def rows(server: Running) -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Reads rows of the sample server past the backend."""
    with httpx.Client(auth=("mock", PASSWORD), verify=False) as client:  # plain HTTP; certificates take 20 ms to read

        def read(entity: str, **query: str) -> list[dict[str, Any]]:
            answer = client.get(f"{server.entity_url}/{entity}/", params={"page_size": "1250", **query})
            found: list[dict[str, Any]] = answer.json()["results"] if answer.status_code == 200 else []
            return found

        yield read
