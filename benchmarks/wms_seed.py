"""How long the sample warehouse of 1,000,000 orders takes on SQLite: about seven million rows, with every index.

``--quick`` makes a tenth and measures it against a tenth of the time. Run as ``python -m benchmarks.wms_seed``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from pydantic import SecretStr

from benchmarks.figures import Figure, at_most, main, note
from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.sample import seed

ORDERS, LIMIT_S = 1_000_000, 60.0


def measure(*, quick: bool) -> list[Figure]:
    """Seconds of the whole seed, rows and their number."""
    share = 10 if quick else 1
    orders = ORDERS // share
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "wms.db"
        engine = open_engine(SecretStr(f"sqlite:///{file}"))
        started, own = time.perf_counter(), time.process_time()
        report = seed(engine, orders=orders)
        seconds, own = time.perf_counter() - started, time.process_time() - own
        engine.dispose()
        size = file.stat().st_size
    return [
        at_most(f"seeding {orders:,} orders into SQLite", seconds, LIMIT_S / share, "s"),
        note("  of that at work on a processor", f"{own:.1f} s"),
        note("  rows, all tables", f"{report.changed:,}"),
        note("  rows a second", f"{report.changed / seconds:,.0f}"),
        note("  file", f"{size / 1e6:,.0f} MB"),
    ]


if __name__ == "__main__":
    sys.exit(main(measure))
