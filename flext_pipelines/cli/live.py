"""Long work as it goes: a table that grows at a terminal, plain lines elsewhere.

While Dagster performs a step in this process, it catches file descriptors 1 and 2 for its compute log. So what a
person watches is written to a copy of the descriptor, made before.

What belongs here: the display of ``Progress``. What does not: where it comes from.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import click

from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.live import Live
    from rich.table import Table

_COLOURS = {"milestone": "cyan", "warning": "yellow", "error": "red"}


class Lines:
    """Milestones, warnings and errors, a line each.

    Args:
        out: Where to.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, step: Progress) -> None:
        """Write one step's line, if it is worth one."""
        if step.kind != "count" and step.text:
            click.echo(f"{click.style('·', fg=_COLOURS[step.kind])} {step.text}", file=self._out)


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

            self.live.console.print(Text.assemble(("· ", _COLOURS[step.kind]), step.text))

    def __rich__(self) -> Table | str:
        """The table as it stands; nothing before the first count."""
        from rich import box
        from rich.table import Table

        if not self._counts:
            return ""
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
    with _own_stderr() as out:
        if not out.isatty():
            yield Lines(out)
            return
        from rich.console import Console
        from rich.live import Live

        table = StreamTable()
        # Nothing of ours prints elsewhere meanwhile; redirecting would catch what Dagster keeps as the compute log.
        with Live(
            table,
            console=Console(file=out),
            transient=True,
            refresh_per_second=5,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            table.live = live
            yield table


@contextmanager
def _own_stderr() -> Iterator[TextIO]:
    """Standard error under a descriptor of its own; as it is where it has none, as under a test."""
    try:
        descriptor = os.dup(sys.stderr.fileno())
    except (OSError, ValueError):
        yield sys.stderr
        return
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", buffering=1) as out:
        yield out
