"""How long the queries on runs take: pages of a run of 100,000 events, and how things stand over 10,000 runs.

The run is written straight into a SQLite home; every call is the port's own, in a process that has imported no
dagster, as a shell's is. The first line is the whole of a ``GetStatus`` in a fresh Python, imports included.

Run as ``python -m benchmarks.run_queries``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, at_most, main, note

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 100_000
RUNS = 10_000
PAGE_LIMIT_MS = 50.0
STATUS_LIMIT_MS = 500.0

_STATUS = "from flext_pipelines.runs.gateway import Runs; from flext_pipelines.settings import Settings; "
_STATUS += "Runs(Settings()).overview()"


def prepare(home: Path, events: int = EVENTS) -> str:
    """A home with that many runs, the last of which has that many events; the last one's id."""
    import sqlite3

    from dagster import DagsterRunStatus

    from flext_pipelines.runs.instance import open_instance
    from flext_pipelines.runs.location import Tag
    from flext_pipelines.settings import Settings
    from tests.runs.stories import fill, make_run

    settings = Settings(home=home)
    with open_instance(settings) as instance:
        first = make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "shop"})
        run_id = make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "shop"})
        instance.event_log_storage.get_logs_for_run(run_id)
        fill(settings, run_id, events, begin=1_700_000_000.0)
    with sqlite3.connect(settings.dagster_home / "history" / "runs.db") as connection:
        columns = "pipeline_name, status, run_body, create_timestamp, update_timestamp, start_time, end_time"
        row = connection.execute(f"SELECT {columns} FROM runs WHERE run_id = ?", (first,)).fetchone()
        ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(RUNS)]
        connection.executemany(
            f"INSERT INTO runs (run_id, {columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(one, *row[:2], row[2].replace(first, one), *row[3:]) for one in ids],
        )
        connection.executemany(
            "INSERT INTO run_tags (run_id, key, value) VALUES (?, ?, ?)",
            [(one, Tag.PIPELINE, f"pipeline {number % 20}") for number, one in enumerate(ids)],
        )
    connection.close()
    return run_id


def milliseconds(rounds: int = 9) -> dict[str, float]:
    """Median milliseconds by what was asked."""
    from flext_pipelines.runs.gateway import Runs
    from flext_pipelines.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "flext")
        run_id = prepare(home)
        runs = Runs(Settings(home=home))
        asked: dict[str, Callable[[], object]] = {
            "GetStatus, a whole process": lambda: _in_a_process(home),
            "GetStatus": runs.overview,
            "ListRuns, a page of 25": runs.list_runs,
            "ListRuns of a pipeline": lambda: runs.list_runs(pipeline="pipeline 7"),
            "GetPipelineStatus": lambda: runs.status(run_id),
            "logs, first page of 100": lambda: runs.events(run_id),
            "logs, last page of 100": lambda: runs.events(run_id, cursor=str(EVENTS - 100)),
            "logs, page of 1,000": lambda: runs.events(run_id, limit=1000),
            "logs, errors only": lambda: runs.events(run_id, level="error"),
        }
        found = {name: _median(call, rounds) for name, call in asked.items()}
        runs.close()
    return found


def _in_a_process(home: Path) -> None:
    from flext_pipelines.settings import environment

    subprocess.run([sys.executable, "-c", _STATUS], check=True, env={**environment(), "FLEXT_HOME": str(home)})


def _median(call: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def measure(*, quick: bool = False) -> list[Figure]:
    """Pages of logs and the whole of a status against their limits; the other queries beside them."""
    figures = []
    for name, taken in milliseconds(3 if quick else 9).items():
        limit = PAGE_LIMIT_MS if name.startswith("logs") else STATUS_LIMIT_MS if "whole process" in name else None
        figures.append(at_most(name, taken, limit, "ms") if limit else note(name, f"{taken:.1f} ms"))
    return figures


if __name__ == "__main__":
    sys.exit(main(measure))
