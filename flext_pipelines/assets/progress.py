"""Progress of long work as lines of the Dagster log.

A line of the Dagster log is an event row and costs 3 ms and 580 bytes, a line on stdout a microsecond. So milestones,
warnings and errors go there, the latter two up to a limit; counts do not (they become metadata in the end), and the
raw lines of the plugins lie in the compute log of the same run.

What belongs here: which progress becomes a line. What does not: where progress comes from.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flext_pipelines.runs.progress import report

if TYPE_CHECKING:
    import logging

    from flext_pipelines.values import Progress

LIMITS = {"milestone": 500, "warning": 20, "error": 50}
"""Lines of each kind that one step may add to the Dagster log."""
_LEVELS = {"milestone": 20, "warning": 30, "error": 40}


class StepLog:
    """Listener for ``Context.on_progress``; may be called from any thread.

    Args:
        log: The step's ``context.log``.
    """

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._seen: Counter[str] = Counter()

    def __call__(self, progress: Progress) -> None:
        """Write the step's line, unless it is a count or one too many; a shell that performs the run sees every one."""
        report(progress)
        limit = LIMITS.get(progress.kind, 0)
        if not limit:
            return
        self._seen[progress.kind] += 1
        seen = self._seen[progress.kind]
        if seen > limit + 1:
            return
        text = f"{progress.stream}: {progress.text}" if progress.stream else progress.text
        if seen > limit:
            text = f"More {progress.kind}s follow; every line is in the compute log of this step"
        self._log.log(_LEVELS[progress.kind], "%s", text)

    def close(self) -> None:
        """Say how many lines were left out."""
        for kind, seen in self._seen.items():
            if seen > LIMITS[kind]:
                self._log.log(_LEVELS[kind], "%d more %ss are in the compute log only", seen - LIMITS[kind], kind)
