"""The Meltano project that benchmarks run: our plugins, and the stock ones that they are compared with.

It lies in the scratch folder with the plugins' virtual environments, made once and renewed when the plugins' source
changes. What a run reads and writes lies in a temporary folder, a ``Place``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks import orders
from benchmarks.processes import ROOT, SCRATCH

FOLDER = SCRATCH / "bench-project"
BIN = Path(sys.executable).parent
FLEXT = BIN / "flext"
MELTANO = BIN / "meltano"

OURS = ("tap-ours", "target-ours")
STOCK = ("tap-stock", "target-duckdb")

_MELTANO_YML = """
project_id: 6e6d7a3c-8e9b-4d0e-8f0b-3d6f5c1b7a55
send_anonymous_usage_stats: false
default_environment: dev
include_paths:
  - ./flext-plugins.meltano.yml
environments:
  - name: dev
plugins:
  extractors:
    - name: tap-ours
      inherit_from: tap-flext-sql
      config:
        sqlalchemy_url: $FLEXT_WMS_DATABASE_URL
        batch_config:
          encoding: {format: parquet, compression: zstd}
      select: [orders.*]
    - name: tap-stock
      namespace: tap_stock
      pip_url: ./tap-stock
      executable: tap-stock
      capabilities: [catalog, discover, state]
      settings:
        - {name: sqlalchemy_url, kind: string, sensitive: true}
      config:
        sqlalchemy_url: $FLEXT_WMS_DATABASE_URL
      select: ["*orders.*"]
  loaders:
    - name: target-ours
      inherit_from: target-flext-sql
      config:
        sqlalchemy_url: $FLEXT_WAREHOUSE_URL
        default_target_schema: bench
        load_method: upsert
        remove_loaded_batches: true
    # Newer duckdb loses the first row of each load with this target.
    - name: target-duckdb
      namespace: target_duckdb
      pip_url: target-duckdb==0.8.0 duckdb==1.1.3
      executable: target-duckdb
      settings:
        - {name: path, kind: string}
        - {name: default_target_schema, kind: string}
      config:
        path: $BENCH_WAREHOUSE
        default_target_schema: bench
jobs:
  - name: ours
    tasks: [tap-ours target-ours]
  - name: stock
    tasks: [tap-stock target-duckdb]
"""


def prepare() -> Path:
    """The project, with its plugins installed by ``flext`` itself; its folder.

    Raises:
        RuntimeError: A plugin cannot be installed; with what was said.
    """
    left_out = shutil.ignore_patterns("tests", "__pycache__", "*.egg-info", "build")
    for source, name in (
        (ROOT / "meltano" / "singer-columnar", "singer-columnar"),
        (ROOT / "meltano" / "extract" / "tap-flext-sql", "extract/tap-flext-sql"),
        (ROOT / "meltano" / "extract" / "tap-oracle-wms", "extract/tap-oracle-wms"),
        (ROOT / "meltano" / "load" / "target-flext-sql", "load/target-flext-sql"),
        (ROOT / "benchmarks" / "stock_tap", "tap-stock"),
    ):
        shutil.rmtree(FOLDER / name, ignore_errors=True)
        shutil.copytree(source, FOLDER / name, ignore=left_out)
    shutil.copy(ROOT / "meltano" / "flext-plugins.meltano.yml", FOLDER)
    (FOLDER / "meltano.yml").write_text(_MELTANO_YML, "utf-8")
    ran = subprocess.run(
        [FLEXT, "plugins", "install", "all"],
        env={**os.environ, "FLEXT_HOME": str(FOLDER / "home"), "FLEXT_MELTANO_PROJECT_ROOT": str(FOLDER)},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        message = f"the plugins cannot be installed:\n{ran.stdout}{ran.stderr}"
        raise RuntimeError(message)
    return FOLDER


class Place(NamedTuple):
    """A source and a warehouse in a temporary folder, and how a command is told of them.

    Attributes:
        folder: The temporary folder.
        source: SQLite file with the rows.
        rows: How many.
    """

    folder: Path
    source: Path
    rows: int

    @classmethod
    def make(cls, folder: Path, rows: int) -> Place:
        """A new one below the folder."""
        place = cls(folder / f"rows-{rows}", folder / f"rows-{rows}" / "source.db", rows)
        place.folder.mkdir()
        orders.fill(place.source, rows)
        return place

    @property
    def warehouse(self) -> Path:
        """The DuckDB file that runs load."""
        return self.folder / "warehouse.duckdb"

    @property
    def log(self) -> Path:
        """Output of the last command."""
        return self.folder / "output.log"

    @property
    def env(self) -> dict[str, str]:
        """Variables for ``flext``."""
        return {
            "FLEXT_HOME": str(self.folder / "home"),
            "FLEXT_MELTANO_PROJECT_ROOT": str(FOLDER),
            "FLEXT_WMS_URL": f"sqlite:///{self.source}",
            "FLEXT_WAREHOUSE_URL": f"duckdb:///{self.warehouse}",
            "BENCH_WAREHOUSE": str(self.warehouse),
        }

    @property
    def bare_env(self) -> dict[str, str]:
        """Variables for ``meltano`` alone: the same places, and what makes its start quicker."""
        batches = self.folder / "batches"
        batches.mkdir(exist_ok=True)
        return {
            "FLEXT_WMS_DATABASE_URL": f"sqlite:///{self.source}",
            "FLEXT_WAREHOUSE_URL": f"duckdb:///{self.warehouse}",
            "FLEXT_BATCH_ROOT": str(batches),
            "BENCH_WAREHOUSE": str(self.warehouse),
            "MELTANO_DATABASE_URI": f"sqlite:///{self.folder / 'meltano.db'}",
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
            "NO_COLOR": "1",
        }

    def forget(self) -> None:
        """Remove the warehouse, so that the next run loads into an empty one."""
        for path in self.folder.glob("warehouse.duckdb*"):
            path.unlink()


def flext_run(pipeline: str) -> list[str | Path]:
    """A whole Dagster run from a shell."""
    return [FLEXT, "run", pipeline]


def meltano_run(pair: tuple[str, str]) -> list[str | Path]:
    """The same plugins by Meltano alone."""
    return [MELTANO, "run", "--no-install", *pair]
