"""How long a user waits between pressing Launch and the first line of our op.

``dagster dev`` runs over this checkout's code location, once on the home that we generate and once on a stock one
(an empty home, as Dagster comes). The same job is launched by GraphQL as the launchpad does; the time is that of the
op's first line in the run's events, less that of the request. Both kinds are measured in this call.

Run as ``python -m benchmarks.launch_latency``.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import DagsterInstance

from benchmarks.figures import Figure, at_most, main, note
from flext_pipelines.runs.home import prepare_home
from flext_pipelines.runs.location import MESSAGE_JOB, message_run_config
from flext_pipelines.settings import Settings
from tests.assets.server import Server, served, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT_SECONDS = 1.5
FIRST_LINE = "Sending wms.SeedSample"


def seconds(rounds: int = 5) -> tuple[float, float]:
    """Median seconds on the generated home and on a stock one.

    Args:
        rounds: Launches on each, after one that is not counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder, "flext"))
        environment = {"FLEXT_HOME": str(settings.home)}
        stock = Path(folder, "stock")
        stock.mkdir()
        (stock / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
        return _of(prepare_home(settings), environment, rounds), _of(stock, environment, rounds)


def _of(home: Path, environment: Mapping[str, str], rounds: int) -> float:
    logs = Path(tempfile.mkdtemp(dir=home.parent))
    with served(home, environment, logs) as server, DagsterInstance.from_config(str(home)) as instance:
        taken = [_one(server, instance) for _ in range(rounds + 1)]
    return statistics.median(taken[1:])


def _one(server: Server, instance: DagsterInstance) -> float:
    config = message_run_config("wms.SeedSample", {"orders": 1})
    started = time.time()
    run = server.launch(MESSAGE_JOB, runConfigData=config)
    written = wait_for(lambda: _first_line(instance, run), 60, "first line")
    server.ended(run)
    return written - started


def _first_line(instance: DagsterInstance, run: str) -> float | None:
    """When the op wrote its first line."""
    for record in instance.get_records_for_run(run, limit=200).records:
        if record.event_log_entry.user_message == FIRST_LINE:
            return record.event_log_entry.timestamp
    return None


def measure(*, quick: bool = False) -> list[Figure]:
    """Ours against its limit, with a stock home beside it."""
    ours, stock = seconds(3 if quick else 5)
    return [
        at_most("launch by GraphQL to the op's first line, generated dagster.yaml", ours, LIMIT_SECONDS, "s"),
        note("  stock dagster dev", f"{stock:.2f} s"),
    ]


if __name__ == "__main__":
    sys.exit(main(measure))
