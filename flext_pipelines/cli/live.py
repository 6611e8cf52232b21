"""Long work as it goes: a table that grows at a terminal, plain lines elsewhere.

What belongs here: the display of ``Progress``. What does not: where it comes from.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.cli.session import print_progress
from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.live import Live
    from rich.table import Table


class StreamTable:
    """Rows per stream so far, drawn anew a few times a second; lines of note scroll above it."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}
        self._lock = threading.Lock()
        self.live: Live | None = None

    def __call__(self, step: Progress) -> None:
        """Take one step; may be called from any thread."""
        if step.kind == "count":
            if step.stream and step.side and step.rows is not None:
                with self._lock:
                    self._counts.setdefault(step.stream, {})[step.side] = step.rows
        elif step.text and self.live is not None:
            from rich.text import Text

            colour = {"milestone": "cyan", "warning": "yellow", "error": "red"}[step.kind]
            self.live.console.print(Text.assemble(("· ", colour), step.text))

    def __rich__(self) -> Table:
        """The table as it stands."""
        from rich import box
        from rich.table import Table

        drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        drawn.add_column("stream")
        for side in ("extracted", "loaded", "rejected"):
            drawn.add_column(side, justify="right")
        with self._lock:
            for stream, counts in self._counts.items():
                drawn.add_row(stream, *(f"{counts.get(side, 0):,}" for side in ("extracted", "loaded", "rejected")))
        return drawn


@contextmanager
def watching(*, as_json: bool) -> Iterator[Callable[[Progress], None]]:
    """A listener for the time of some long work.

    Args:
        as_json: Say nothing: a program reads the answer.
    """
    if as_json:
        yield ignore_progress
        return
    if not sys.stderr.isatty():
        yield print_progress
        return
    from rich.console import Console
    from rich.live import Live

    table = StreamTable()
    with Live(table, console=Console(stderr=True), transient=True, refresh_per_second=5) as live:
        table.live = live
        yield table
