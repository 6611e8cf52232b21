"""Orders as records, and a short way to extract them.

What belongs here: what tests of extraction share. What does not: fixtures (``conftest``).
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from flext_pipelines.data.extract import Extraction, extract
from flext_pipelines.data.extract_request import ExtractRequest
from tests.data.samples import ScriptedTap, line, record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flext_pipelines.data.landing import LandingZone


ROWS = [
    record(id=1, status="new", amount="1.10", updated="2026-01-01T00:00:00Z"),
    record(id=2, status="old", amount="99999999.99", updated="2026-01-02T03:00:00.123456+01:00"),
    record(id=3, status=None, amount=None, updated=None),
]


def run(landing: LandingZone, tap: ScriptedTap | Iterable[bytes], **fields: Any) -> Extraction:
    """Extract the orders."""
    scripted = tap if isinstance(tap, ScriptedTap) else ScriptedTap(tap)
    wanted = {"dataset": "orders", "tap": "tap-x", "stream": "orders", "mode": "full", **fields}
    return extract(landing, ExtractRequest(**wanted), scripted)


def batch(folder: Path, name: str, table: pa.Table) -> bytes:
    """Write a Parquet batch and give its message."""
    pq.write_table(table, folder / name)
    encoding = {"format": "parquet", "compression": "zstd"}
    return line(type="BATCH", stream="orders", encoding=encoding, manifest=[(folder / name).as_uri()])


COLUMNS: list[tuple[str, pa.DataType]] = [
    ("id", pa.int64()),
    ("status", pa.string()),
    ("amount", pa.decimal128(12, 2)),
    ("updated", pa.timestamp("us", "UTC")),
]


ARROW = pa.schema(COLUMNS)


def orders(*ids: int) -> pa.Table:
    """Orders as Arrow."""
    rows = [{"id": number, "status": "s", "amount": Decimal(number), "updated": None} for number in ids]
    return pa.Table.from_pylist(rows, ARROW)
