"""What loading our code location costs over an empty one.

Both are loaded in fresh processes, taking turns, with the module imported and its repository resolved as a code server
does, so that what is compared is definitions and not Dagster's own import. The catalogue is warm: a first load reads
the project once.

Run as ``python -m benchmarks.location_load``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.figures import Figure, at_most, main, note

EMPTY = "import dagster\ndefs = dagster.Definitions()\n"
LOAD = "from {module} import defs; defs.get_repository_def().get_all_jobs()"
LIMIT_SECONDS = 1.5


def seconds(rounds: int = 7) -> tuple[float, float]:
    """Median seconds of an empty location and of ours, both measured in this call.

    Args:
        rounds: Loads of each, after one of each that is not counted.
    """
    taken_by: dict[str, list[float]] = {"empty_location": [], "flext_pipelines.definitions": []}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "empty_location.py").write_text(EMPTY, "utf-8")
        for number in range(rounds + 1):
            for module, taken in taken_by.items():
                one = _load(module, folder)
                if number:
                    taken.append(one)
    empty, ours = (statistics.median(taken) for taken in taken_by.values())
    return empty, ours


def _load(module: str, folder: str) -> float:
    code = f"import sys; sys.path.insert(0, {folder!r}); {LOAD.format(module=module)}"
    started = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - started


def measure(*, quick: bool = False) -> list[Figure]:
    """What ours takes over an empty one."""
    empty, ours = seconds(3 if quick else 7)
    return [
        at_most("loading our code location, over an empty one", ours - empty, LIMIT_SECONDS, "s"),
        note("  empty, ours", f"{empty:.2f} s, {ours:.2f} s"),
    ]


if __name__ == "__main__":
    sys.exit(main(measure))
