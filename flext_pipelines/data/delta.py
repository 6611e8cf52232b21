"""What changed: of the rows a tap sent, those that the dataset does not hold already.

With keys, a row is compared with the latest row of its key in the versions since the last full one; without keys,
with any row. A row counts as unchanged when every column is equal, nulls included.

What belongs here: that comparison. What does not: where the rows come from (``extract``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.data.engine import Engine, identifier
from flext_pipelines.data.retention import chain_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from flext_pipelines.data.dataset import Manifest
    from flext_pipelines.data.dataset_writer import DatasetWriter
    from flext_pipelines.data.extract_request import ExtractRequest
    from flext_pipelines.data.landing import LandingZone


def versions_to_compare(landing: LandingZone, dataset: str, stream: str) -> list[Manifest]:
    """The last version that holds everything, and those after it; oldest first."""
    return chain_of(landing.manifests(dataset), stream)[::-1]


def write_changes(
    landing: LandingZone,
    request: ExtractRequest,
    keys: Sequence[str],
    candidates: Sequence[Path],
    writer: DatasetWriter,
) -> int:
    """Append the changed rows to the writer, in order; the number of unchanged ones comes back."""
    earlier = versions_to_compare(landing, request.dataset, request.stream)
    known = [path for manifest in earlier for path in landing.files(manifest)]
    with Engine(writer.scratch() / "delta", read=[*candidates, *known]) as engine:
        engine.view("candidates", candidates)
        total = engine.number("SELECT count(*) FROM candidates")
        query = "SELECT * FROM candidates"
        if known:
            query = _changed(engine, known, keys)
        before = writer.rows
        for batch in engine.stream(query):
            writer.append(batch)
        return total - (writer.rows - before)


def _changed(engine: Engine, known: Sequence[Path], keys: Sequence[str]) -> str:
    engine.view("known", known)
    have = engine.columns("known")
    names = [identifier(name) for name in engine.columns("candidates")]
    base = "SELECT * FROM known"
    if keys and all(key in have for key in keys):
        listed = ", ".join(identifier(key) for key in keys)
        base = (
            "SELECT * FROM (SELECT *, row_number() OVER () AS __n FROM known) "  # noqa: S608  quoted names
            f"QUALIFY row_number() OVER (PARTITION BY {listed} ORDER BY __n DESC) = 1"
        )
    # A column that the dataset does not have yet was null in it.
    equal = " AND ".join(
        f"c.{name} IS NOT DISTINCT FROM k.{name}" if name[1:-1].replace('""', '"') in have else f"c.{name} IS NULL"
        for name in names
    )
    return (
        f"SELECT c.* EXCLUDE (__n) FROM (SELECT *, row_number() OVER () AS __n FROM candidates) c "  # noqa: S608  quoted names only
        f"ANTI JOIN ({base}) k ON {equal} ORDER BY c.__n"
    )
