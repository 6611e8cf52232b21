"""The parts of an export: how many there are, and reading them, in this process or in several.

What belongs here: that choice. What does not: reading (``reading``), processes (``flext_pipelines.oud.workers``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flext_pipelines.oud.ldif.spans import spans
from flext_pipelines.oud.migration.plan import MigrationPlan
from flext_pipelines.oud.migration.reading import PartJob, PartResult, Transform, read_part
from flext_pipelines.values import Progress

_SMALL = 4 << 20
"""Bytes below which starting processes takes longer than reading."""


def read_parts(
    plan: MigrationPlan, transform: Transform, folder: Path, *, on_progress: Callable[[Progress], None]
) -> list[PartResult]:
    """Read the export into spools.

    Args:
        plan: What is asked.
        transform: What becomes of a record.
        folder: Gets a folder for each part.
        on_progress: Told how many records are read.

    Returns:
        What was read of each part, in the order of the export.
    """
    parts = plan.workers if plan.export.stat().st_size >= _SMALL else 1
    found = spans(plan.export, parts) if parts > 1 else [None]
    jobs = []
    for number, span in enumerate(found):
        part = folder / f"{number:04d}"
        part.mkdir()
        jobs.append(PartJob(plan.export, span, part, transform, plan.strict))
    if len(jobs) == 1:
        return [read_part(jobs[0], on_progress)]
    from flext_pipelines.oud.workers import in_processes

    return in_processes(read_part, jobs)
