"""Ten rows: ``flext run``, from the key press to the prompt, against dagster-meltano's op in process.

Both start a Python, make a Dagster run and let Meltano run the same pair on the same ten rows; they take turns.
dagster-meltano is measured the two ways in which one can have it in process: ``dagster job execute`` on an in-process
executor, with an ephemeral instance, and a script that calls ``execute_in_process``.

Run as ``python -m benchmarks.tiny``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import orders, project
from benchmarks.figures import Figure, at_most, main, note
from benchmarks.pipelines import run_once
from benchmarks.processes import ROOT, SCRATCH
from benchmarks.project import BIN, OURS, STOCK, Place, flext_run, meltano_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VENV = SCRATCH / "bench-dagster-meltano"
JOB = ROOT / "benchmarks" / "dagster_meltano_job.py"
LIMIT_SECONDS = 3.0
# As resolved, dagster-meltano 1.5.5 gets a dagster-shell of 2021 that dagster 1.13 cannot import.
_REQUIREMENTS = ("dagster==1.13.27", "meltano==4.4.1", "dagster-meltano==1.5.5", "setuptools<81")
_FORCED = "dagster-shell==0.25.13"


def prepare() -> None:
    """Make the rival's virtual environment, once.

    Raises:
        subprocess.CalledProcessError: It cannot be made.
    """
    done = VENV / ".installed"
    if done.exists() and done.read_text("utf-8") == repr(_REQUIREMENTS):
        return
    uv, python = BIN / "uv", VENV / "bin" / "python"
    install: list[str | Path] = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    commands: list[list[str | Path]] = [
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV],
        [*install, *_REQUIREMENTS],
        [*install, "--no-deps", _FORCED],
    ]
    for command in commands:
        subprocess.run(command, check=True, timeout=600)
    done.write_text(repr(_REQUIREMENTS), "utf-8")


def measure(*, quick: bool = False) -> list[Figure]:
    """Measure with our plugins and with the stock ones."""
    prepare()
    project.prepare()
    figures = []
    with tempfile.TemporaryDirectory(prefix="flext-bench-") as folder:
        place = Place.make(Path(folder), 10)
        for pipeline, pair, name in (("stock", STOCK, "stock plugins"), ("ours", OURS, "our plugins")):
            figures += _of(place, pipeline, pair, name, 3 if quick else 9)
    return figures


def _of(place: Place, pipeline: str, pair: tuple[str, str], name: str, rounds: int) -> list[Figure]:
    executed: list[str | Path] = [VENV / "bin" / "dagster", "job", "execute", "-f", JOB, "-j", "rival"]
    env = {
        **place.bare_env,
        "BENCH_PAIR": " ".join(("--no-install", *pair)),
        "MELTANO_PROJECT_ROOT": str(project.FOLDER),
        "PATH": f"{VENV / 'bin'}:{BIN}:/usr/bin:/bin",
    }
    ways: dict[str, tuple[Sequence[str | Path], Mapping[str, str]]] = {
        "flext run": (flext_run(pipeline), place.env),
        "dagster-meltano, dagster job execute": (executed, env),
        "dagster-meltano, a script": ([VENV / "bin" / "python", JOB], env),
        "bare meltano run": (meltano_run(pair), place.bare_env),
    }
    expected = orders.content_of_source(place.source)
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, (argv, variables) in ways.items():
            seconds = run_once(place, argv, variables, expected)
            if number:
                taken[way].append(seconds)
    median = {way: statistics.median(found) for way, found in taken.items()}
    ours, op, script, _ = median.values()
    return [
        at_most(f"ten rows, {name}: flext run", ours, LIMIT_SECONDS, "s"),
        Figure(
            "  over dagster-meltano's op in process, dagster job execute", "below 1 times", f"{ours / op:.2f} times",
            ours < op,
        ),
        Figure(
            "  over dagster-meltano's op in process, a script", "below 1 times", f"{ours / script:.2f} times",
            ours < script,
        ),
        *(note(f"    {way}", f"{seconds:.2f} s") for way, seconds in median.items()),
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(measure))
