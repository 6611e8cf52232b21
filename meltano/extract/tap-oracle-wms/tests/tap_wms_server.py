"""A mock warehouse server: a process of the main package, which has a virtual environment of its own."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

Json = dict[str, Any]
_CHECKOUT = Path(__file__).parents[4]
_FLEXT = _CHECKOUT / ".venv" / "bin" / "flext"
USER = PASSWORD = "mock"


@dataclass(frozen=True)
class WmsServer:
    """A server that answers.

    Attributes:
        url: Base URL with the tenant.
        authority: The file of its certificate authority, over TLS.
    """

    url: str
    authority: Path | None = None

    @property
    def control(self) -> str:
        """Where faults are ordered."""
        return f"{self.url.rsplit('/', 1)[0]}/mock"

    @property
    def entities(self) -> str:
        """Root of the entities."""
        return f"{self.url}/wms/lgfapi/v10/entity"

    def config(self, *entities: str, **more: Any) -> Json:
        """Settings of the tap for it, with short waits."""
        config = {
            "base_url": self.url, "username": USER, "password": PASSWORD, "entities": list(entities) or ["*"],
            "page_size": 50, "backoff_seconds": 0.01, "retry_after_seconds": 0.1, "max_retries": 2, "timeout": 20,
        }  # fmt: skip
        return config | more

    def fault(self, kind: str, **more: Any) -> None:
        """Order a fault for later requests."""
        requests.post(f"{self.control}/faults", json={"kind": kind, **more}, timeout=10).raise_for_status()

    def touch(self, entity: str, rows: int = 1, *, remove: bool = False) -> list[int]:
        """Change or remove rows, as somebody else would."""
        body = {"entity": entity, "rows": rows, "remove": remove}
        ids: list[int] = requests.post(f"{self.control}/touch", json=body, timeout=10).json()["ids"]
        return ids

    def seen(self, part: str = "") -> list[Json]:
        """The requests that came for rows or metadata."""
        listed: list[Json] = requests.get(f"{self.control}/requests", timeout=10).json()
        return [one for one in listed if part in f"{one['path']}?{one['query']}"]

    def reset(self) -> None:
        """Forget faults and requests."""
        requests.delete(f"{self.control}/faults", timeout=10)
        requests.delete(f"{self.control}/requests", timeout=10)

    def ids(self, entity: str, **filters: str) -> list[int]:
        """The ids of an entity's rows, read by the plainest client there is."""
        found: list[int] = []
        params = {"page_size": "1250", "fields": "id", "ordering": "id", **filters}
        page = 1
        while True:
            answer = requests.get(
                f"{self.entities}/{entity}/", params={**params, "page": str(page)}, auth=(USER, PASSWORD), timeout=30
            )
            if answer.status_code == 404:
                return found
            found += [row["id"] for row in answer.json()["results"]]
            page += 1


@contextlib.contextmanager
def running_server(*options: str, authority: Path | None = None) -> Iterator[WmsServer]:
    """A server on a free port, for as long as the block lasts."""
    command = [str(_FLEXT), "wms", "mock-server", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Serving "), first + process.stdout.read()
        yield WmsServer(first.split()[1], authority)  # it listens already
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
