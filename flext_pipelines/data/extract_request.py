"""What is to be extracted, and under which conditions.

What belongs here: the request. What does not: extracting (``extract``), taking in what a tap sends (``intake``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from flext_pipelines.data.conditions import Condition
from flext_pipelines.data.formats import OutputFormat

ExtractMode = Literal["full", "incremental", "delta", "snapshot"]


@dataclass(frozen=True, slots=True)
class ExtractRequest:
    """What to extract; see ``ExtractDataCommand`` for the meaning of each field."""

    dataset: str
    tap: str
    stream: str
    mode: ExtractMode
    conditions: tuple[Condition, ...] = ()
    replication_key: str | None = None
    watermark: str | None = None
    end: str | None = None
    scope: str | None = None
    output_format: OutputFormat = "parquet"
    batch_size: int = 10_000
    max_records: int | None = None
    validate_schema: bool = True
    idempotency_key: str | None = None
    fingerprint: str = ""
