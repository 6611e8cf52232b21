"""Short ways to make and read datasets, and a tap that says what it is told.

What belongs here: what several tests of this room share. What does not: fixtures (``conftest``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from flext_pipelines.data.dataset import DataReference, Draft, Manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from pathlib import Path

    from flext_pipelines.data.landing import LandingZone

ORDERS: dict[str, Any] = {
    "properties": {
        "id": {"type": "integer"},
        "status": {"type": ["string", "null"]},
        "amount": {"type": ["string", "null"], "format": "singer.decimal", "precision": 12, "scale": 2},
        "updated": {"type": ["string", "null"], "format": "date-time"},
    }
}


def put(landing: LandingZone, name: str, table: pa.Table, mode: Any = "full") -> Manifest:
    """Keep a table as a new version."""
    with landing.writer(name) as writer:
        for batch in table.to_batches():
            writer.append(batch)
        return writer.commit(Draft(mode=mode), schema=table.schema)


def rows_of(landing: LandingZone, reference: DataReference) -> list[dict[str, Any]]:
    """The rows of a version, in order."""
    manifest = landing.resolve(reference)
    tables = [pq.read_table(path) for path in landing.files(manifest)]
    return pa.concat_tables(tables, promote_options="permissive").to_pylist()


def line(**message: object) -> bytes:
    """One Singer message as a line."""
    return json.dumps(message).encode() + b"\n"


def schema(stream: str = "orders", **extra: object) -> bytes:
    """The SCHEMA of the orders."""
    declared = {"schema": ORDERS, "key_properties": ["id"], "bookmark_properties": ["updated"], **extra}
    return line(type="SCHEMA", stream=stream, **declared)


def record(stream: str = "orders", **values: object) -> bytes:
    """One RECORD."""
    return line(type="RECORD", stream=stream, record=values)


def state(watermark: str, stream: str = "orders") -> bytes:
    """A STATE as the SDK writes it."""
    bookmark = {"replication_key": "updated", "replication_key_value": watermark}
    return line(type="STATE", value={"bookmarks": {stream: bookmark}})


class ScriptedTap:
    """Gives fixed lines, and remembers the state it was started with.

    Args:
        lines: What it writes, or a function from the batch folder to that.
        fails: Raised after the last line.
    """

    def __init__(
        self,
        lines: Iterable[bytes] | Callable[[Path], Iterable[bytes]],
        fails: Exception | None = None,
    ) -> None:
        self._lines = lines
        self._fails = fails
        self.states: list[Mapping[str, Any] | None] = []
        self.stopped_early = False

    def __call__(self, *, state: Mapping[str, Any] | None, batches: Path) -> Generator[bytes, None, None]:
        """Run."""
        self.states.append(state)
        finished = False
        try:
            yield from self._lines(batches) if callable(self._lines) else self._lines
            if self._fails is not None:
                raise self._fails
            finished = True
        finally:
            self.stopped_early = not finished
