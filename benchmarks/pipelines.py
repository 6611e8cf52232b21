"""A million rows from SQLite to DuckDB: ours against a stock pair, and ``flext run`` against bare ``meltano run``.

The three take turns, each run loads an empty warehouse, and after each the warehouse must hold exactly the source's
rows. Memory is sampled in one more run. With ``--full`` ten million rows follow: time per row and memory must stay.

Run as ``python -m benchmarks.pipelines``, ``--quick`` for one turn, ``--full`` for ten million rows too.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import orders, project
from benchmarks.figures import Figure, at_least, at_most, main, note
from benchmarks.processes import Memory, memory_of, seconds_of
from benchmarks.project import OURS, STOCK, Place, flext_run, meltano_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROWS = 1_000_000
FASTER = 8.0
OVERHEAD = 1.10
MEMORY_MB = 500.0
LINEAR = 1.25
"""Most that ten million rows may take over ten times one million: their share of a run's fixed cost is smaller."""
FLAT = 1.25
"""Most memory that ten million rows may take, over that of one million."""


def measure(*, quick: bool = False, full: bool = False) -> list[Figure]:
    """Measure all of it; see above."""
    project.prepare()
    with tempfile.TemporaryDirectory(prefix="flext-bench-") as folder:
        place = Place.make(Path(folder), ROWS)
        figures, memory = _million(place, 1 if quick else 5)
        if full:
            figures += _ten_million(Place.make(Path(folder), 10 * ROWS), place, memory)
        return figures


def _million(place: Place, rounds: int) -> tuple[list[Figure], Memory]:
    ways: dict[str, tuple[Sequence[str | Path], Mapping[str, str]]] = {
        "flext": (flext_run("ours"), place.env),
        "bare": (meltano_run(OURS), place.bare_env),
        "stock": (meltano_run(STOCK), place.bare_env),
    }
    _warm_up(place)
    expected = orders.content_of_source(place.source)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds):
        # The slow one needs fewer turns; the order of the other two changes, so that neither is always second.
        names = ["flext", "bare"] if number % 2 else ["bare", "flext"]
        for name in [*names, "stock"] if number < 3 else names:
            taken[name].append(run_once(place, *ways[name], expected))
    median = {name: statistics.median(found) for name, found in taken.items()}
    best = {name: min(found) for name, found in taken.items()}
    memory = memory_once(place, flext_run("ours"), place.env, expected)
    stock_memory = memory_once(place, *ways["stock"], expected)
    speed = {name: place.rows / seconds for name, seconds in median.items()}
    figures = [
        at_least("1,000,000 rows: rows/s of flext run over those of the stock pair", speed["flext"] / speed["stock"],
                 FASTER, "times"),
        *(note(f"  {text}", f"{speed[name]:,.0f} rows/s, {median[name]:.2f} s") for name, text in
          (("flext", "flext run"), ("bare", "the same plugins by bare meltano run"), ("stock", "stock pair"))),
        at_most("  memory of the largest process of flext run", memory.largest, MEMORY_MB, "MB"),
        note(f"    which is {memory.name}; all processes together", f"{memory.together:.0f} MB"),
        note("    stock pair: largest, all together", f"{stock_memory.largest:.0f} MB, {stock_memory.together:.0f} MB"),
        at_most("our overhead: flext run over bare meltano run, same plugins", median["flext"] / median["bare"],
                OVERHEAD, "times"),
        note("  the best turn of each, less disturbed by others", f"{best['flext'] / best['bare']:.2f} times"),
    ]  # fmt: skip
    return figures, memory


def _ten_million(place: Place, million: Place, memory: Memory) -> list[Figure]:
    """Ten million rows between turns of one million, so that both see the same machine."""
    expected, fewer = orders.content_of_source(place.source), orders.content_of_source(million.source)
    _warm_up(place)
    run = flext_run("ours")
    before = [run_once(million, run, million.env, fewer) for _ in range(2)]
    took = run_once(place, run, place.env, expected)
    after = [run_once(million, run, million.env, fewer) for _ in range(2)]
    seconds = statistics.median(before + after)
    more = memory_once(place, run, place.env, expected)
    return [
        at_most("10,000,000 rows: seconds over ten times those of 1,000,000", took / (10 * seconds), LINEAR, "times"),
        note(
            "  flext run, and of 1,000,000 beside it", f"{place.rows / took:,.0f} rows/s, {took:.1f} s, {seconds:.2f} s"
        ),
        at_most(
            "  memory of the largest process, over that of 1,000,000", more.largest / memory.largest, FLAT, "times"
        ),
        note("    largest, all together", f"{more.largest:.0f} MB, {more.together:.0f} MB"),
    ]


def _warm_up(place: Place) -> None:
    """Let every database of both ways come into being, and every file into the cache, by a run of ten rows."""
    small = place.folder / "small.db"
    orders.fill(small, 10)
    few = place._replace(source=small)
    few.forget()
    seconds_of(flext_run("ours"), few.env, project.FOLDER, few.log)
    for pair in (OURS, STOCK):
        few.forget()
        seconds_of(meltano_run(pair), few.bare_env, project.FOLDER, few.log)


def run_once(place: Place, argv: Sequence[str | Path], env: Mapping[str, str], expected: orders.Content) -> float:
    """Seconds of one run into an empty warehouse, whose content is then checked."""
    place.forget()
    seconds = seconds_of(argv, env, project.FOLDER, place.log)
    _check(place, argv, expected)
    return seconds


def memory_once(place: Place, argv: Sequence[str | Path], env: Mapping[str, str], expected: orders.Content) -> Memory:
    """Peak memory of one run into an empty warehouse, whose content is then checked."""
    place.forget()
    memory = memory_of(argv, env, project.FOLDER, place.log)
    _check(place, argv, expected)
    return memory


def _check(place: Place, argv: Sequence[str | Path], expected: orders.Content) -> None:
    found = orders.content_of_warehouse(place.warehouse)
    if found != expected:
        words = " ".join(str(word) for word in argv)
        message = f"{words} loaded {found}, the source holds {expected}:\n{place.log.read_text('utf-8')[-2000:]}"
        raise RuntimeError(message)


if __name__ == "__main__":
    sys.exit(main(lambda *, quick: measure(quick=quick, full="--full" in sys.argv)))
