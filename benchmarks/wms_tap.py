"""``python -m benchmarks.wms_tap [--quick]``: tap-oracle-wms against a tap that reads page by page, RECORD by RECORD.

Both read the same entity of the same mock server, in turns, as processes; the server answers after a tenth of a second,
as one across the internet does. Once more it answers at once: then the mock server itself, one process of Python, is
what both wait for most, so that this figure only explains the other. Every row must have come, each once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, at_least, main, note
from benchmarks.processes import ROOT, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FLEXT = Path(sys.executable).with_name("flext")
PLUGINS = ROOT / ".flext-test" / "plugins-venv" / "bin" / "python"
ENTITY = "order_dtl"
WANTED = 3.0
_LINES = 3
_PRODUCTION = {"page_size": 1250, "concurrency": 8}
"""As ``prod`` of the Meltano project sets them; the other one reads pages of 500, as its projects set it."""
_LOGIN = {"username": "mock", "password": "mock"}


def measure(*, quick: bool) -> list[Figure]:
    """Rows per second of both, with and without a distance to the server."""
    if not PLUGINS.exists():
        message = "the plugins have no environment yet: make .flext-test/plugins-venv/.locked"
        raise RuntimeError(message)
    orders, turns = (20_000, 1) if quick else (70_000, 3)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for latency in (0.1, 0.0):
            figures += _compare(Path(folder), orders, turns, latency)
    return figures


def _compare(folder: Path, orders: int, turns: int, latency: float) -> list[Figure]:
    rows, ways = orders * _LINES, {"ours": _ours, "paging": _paging}
    seen: dict[str, list[float]] = {name: [] for name in ways}
    with _server(orders, latency) as url:
        for turn in range(turns):
            for name, way in ways.items():
                place = folder / f"{name}-{turn}-{latency}"
                place.mkdir()
                seen[name].append(rows / _checked(way, place, url, rows))
    ours, paging = (statistics.median(seen[name]) for name in ways)
    what = f"{rows:,} rows, {latency:g} s to the server: tap-oracle-wms over page by page"
    ratio = ours / paging
    return [
        at_least(what, ratio, WANTED, "times") if latency else note(what, f"{ratio:,.2f} times"),
        note("  tap-oracle-wms, concurrent pages and BATCH", f"{ours:,.0f} rows/s"),
        note("  page by page, RECORD", f"{paging:,.0f} rows/s"),
    ]


@contextmanager
def _server(orders: int, latency: float) -> Iterator[str]:
    argv = [str(FLEXT), "wms", "mock-server", "--port", "0", "--orders", str(orders), "--latency", str(latency)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.wait(20)


def _checked(way: Callable[[Path, str], tuple[float, set[int], int]], place: Path, url: str, rows: int) -> float:
    """Seconds of a run that brought every row once.

    Raises:
        RuntimeError: It did not.
    """
    took, ids, count = way(place, url)
    if count != rows or len(ids) != rows:
        message = f"{place.name}: {count:,} rows came, {len(ids):,} different ones, {rows:,} are there"
        raise RuntimeError(message)
    return took


def _run(place: Path, program: list[str], config: dict[str, Any]) -> float:
    (place / "config.json").write_text(json.dumps(config), "utf-8")
    command = " ".join([str(PLUGINS), *program, "--config", "config.json", "> out.jsonl"])
    began = time.perf_counter()
    seconds_of(["sh", "-c", command], {}, place, place / "log")
    return time.perf_counter() - began


def _ours(place: Path, url: str) -> tuple[float, set[int], int]:
    batches = {"encoding": {"format": "parquet", "compression": "zstd"}, "storage": {"root": str(place / "landing")}}
    config = {**_LOGIN, "base_url": url, "entities": [ENTITY], **_PRODUCTION, "batch_config": batches}
    took = _run(place, ["-m", "tap_oracle_wms"], config)
    import pyarrow.parquet as pq

    ids = [
        number
        for file in (place / "landing").glob("*.parquet")
        for number in pq.read_table(file, columns=["id"]).column("id").to_pylist()
    ]
    return took, set(ids), len(ids)


def _paging(place: Path, url: str) -> tuple[float, set[int], int]:
    config = {**_LOGIN, "base_url": url, "entities": [ENTITY]}
    took = _run(place, [str(ROOT / "benchmarks" / "paging_tap.py")], config)
    with (place / "out.jsonl").open("rb") as lines:
        records = (json.loads(line) for line in lines if line.startswith(b'{"type":"RECORD"'))
        ids = [record["record"]["id"] for record in records]
    return took, set(ids), len(ids)


if __name__ == "__main__":
    sys.exit(main(measure))
