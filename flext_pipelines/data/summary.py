"""What there is in the landing zone, a line for each dataset.

What belongs here: the summary and how it is had. What does not: a version in full (``landing``).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from flext_pipelines.data.dataset import Mode
from flext_pipelines.errors import DataDamagedError
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone


class DatasetSummary(Value):
    """One dataset.

    Attributes:
        dataset: Its name.
        version: Its latest version.
        versions: How many there are.
        mode: How the latest came to be.
        rows: Rows of the latest.
        bytes: Size of the latest.
        created: When the latest was made.
        watermark: Replication key value of the latest.
        problem: Why its manifest cannot be read, and what to do; the rest is unknown then.
    """

    dataset: str
    version: str
    versions: int
    mode: Mode | None = None
    rows: int | None = None
    bytes: int | None = None
    created: datetime | None = None
    watermark: str | None = None
    problem: str | None = None


def summaries(landing: LandingZone) -> tuple[DatasetSummary, ...]:
    """Every dataset; of one whose latest manifest is damaged, the reason."""
    return tuple(_summary(landing, name) for name in landing.datasets())


def _summary(landing: LandingZone, name: str) -> DatasetSummary:
    versions = landing.versions(name)
    try:
        latest = landing.read(name)
    except DataDamagedError as error:
        return DatasetSummary(dataset=name, version=versions[-1], versions=len(versions), problem=str(error))
    return DatasetSummary(
        dataset=name,
        version=latest.version,
        versions=len(versions),
        mode=latest.mode,
        rows=latest.rows,
        bytes=latest.bytes,
        created=latest.created,
        watermark=latest.watermark,
    )
