"""The parts of an export: how many there are, and reading them, in this process or in several.

What belongs here: that choice. What does not: reading (``reading``), processes (``flext_pipelines.oud.workers``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flext_pipelines.oud.ldif.spans import Span
from flext_pipelines.oud.migration.figures import PartResult
from flext_pipelines.oud.migration.plan import MigrationPlan
from flext_pipelines.oud.migration.reading import PartJob, Transform, read_part
from flext_pipelines.oud.workers import Part, answers
from flext_pipelines.values import Progress

_SMALL = 4 << 20
"""Bytes below which starting processes takes longer than reading."""


@dataclass(frozen=True)
class _PartWork:
    """Reading a part in whatever process; it can be sent to one."""

    folder: Path
    transform: Transform
    strict: bool

    def __call__(self, part: Part) -> PartResult:
        return read_part(self._job(part))

    def here(self, part: Part, on_progress: Callable[[Progress], None]) -> PartResult:
        """The same in this process, which tells as it goes."""
        return read_part(self._job(part), on_progress)

    def _job(self, part: Part) -> PartJob:
        folder = self.folder / f"{part.number:06d}"
        folder.mkdir()
        return PartJob(part.path, part.span, folder, self.transform, self.strict)


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
    work = _PartWork(folder, transform, plan.strict)
    size = plan.export.stat().st_size
    if plan.workers == 1 or size < _SMALL:
        return [work.here(Part(0, plan.export, Span(0, size, 1)), on_progress)]
    found, read = [], 0
    for result in answers(plan.export, work, workers=plan.workers):
        found.append(result)
        read += result.read
        on_progress(Progress(kind="count", stream="export", side="extracted", rows=read))
    return found
