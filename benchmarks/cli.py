"""How long ``flext`` takes to say something: ``flext --help``, and ``flext status`` in a home of ten thousand runs.

Whole processes, in turns with a bare ``python -c pass``, which shows what the machine itself takes.

Run as ``python -m benchmarks.cli``.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Figure, at_most, main, note
from benchmarks.processes import seconds_of
from benchmarks.project import FLEXT
from benchmarks.run_queries import prepare

HELP_LIMIT_MS = 150.0
STATUS_LIMIT_MS = 500.0


def measure(*, quick: bool = False) -> list[Figure]:
    """Median milliseconds of each."""
    with tempfile.TemporaryDirectory(prefix="flext-bench-") as name:
        folder = Path(name)
        home = folder / "flext"
        prepare(home, events=1_000)
        env, log = {"FLEXT_HOME": str(home)}, folder / "output.log"
        commands: dict[str, list[str | Path]] = {
            "help": [FLEXT, "--help"],
            "status": [FLEXT, "status"],
            "python": [Path(sys.executable), "-c", "pass"],
        }
        taken: dict[str, list[float]] = {command: [] for command in commands}
        for number in range((5 if quick else 21) + 1):
            for command, argv in commands.items():
                milliseconds = seconds_of(argv, env, folder, log) * 1000
                if number:
                    taken[command].append(milliseconds)
    median = {command: statistics.median(found) for command, found in taken.items()}
    return [
        at_most("flext --help", median["help"], HELP_LIMIT_MS, "ms"),
        at_most("flext status, 10,000 runs", median["status"], STATUS_LIMIT_MS, "ms"),
        note("  a bare Python on this machine", f"{median['python']:.0f} ms"),
    ]


if __name__ == "__main__":
    sys.exit(main(measure))
