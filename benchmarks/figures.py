"""What a benchmark gives: figures with what was wanted of them, and the table they make."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple, Protocol

from benchmarks.processes import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterable


class Figure(NamedTuple):
    """One measured figure.

    Attributes:
        what: What was measured.
        wanted: The limit in words; empty for a figure that only explains another.
        seen: The measurement, with its unit.
        met: Whether it keeps the limit; None without one.
    """

    what: str
    wanted: str
    seen: str
    met: bool | None = None


class Measure(Protocol):
    """A benchmark."""

    def __call__(self, *, quick: bool) -> list[Figure]:
        """Measure; ``quick`` takes fewer turns and no long runs."""
        ...


def at_most(what: str, value: float, limit: float, unit: str) -> Figure:
    """A figure that must not be above its limit."""
    return Figure(what, f"at most {limit:g} {unit}".rstrip(), f"{value:,.2f} {unit}".rstrip(), value <= limit)


def at_least(what: str, value: float, limit: float, unit: str) -> Figure:
    """A figure that must not be below its limit."""
    return Figure(what, f"at least {limit:g} {unit}".rstrip(), f"{value:,.2f} {unit}".rstrip(), value >= limit)


def note(what: str, seen: str) -> Figure:
    """A figure without a limit."""
    return Figure(what, "", seen)


def print_table(figures: Iterable[Figure]) -> bool:
    """Print them, and say whether none is missed."""
    rows = [(one.what, one.wanted or "-", one.seen, {True: "met", False: "MISSED", None: ""}[one.met], one.met)
            for one in figures]  # fmt: skip
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]  # type: ignore[arg-type]
    for *cells, verdict, _ in rows:
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(cells, widths, strict=True))
        sys.stdout.write(f"{line}  {verdict}".rstrip() + "\n")
    sys.stdout.flush()
    return all(row[-1] is not False for row in rows)


def main(measure: Measure) -> int:
    """What ``python -m benchmarks.<name>`` does: measure, print, 1 when a figure is missed."""
    clean_environment()
    return int(not print_table(measure(quick="--quick" in sys.argv)))
