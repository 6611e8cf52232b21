"""``python -m benchmarks [NAME ...] [--quick] [--full]``: the figures of this project, wanted and seen.

Without names, every benchmark runs, one after the other, since they would disturb each other. Exit code 1 says that a
figure was missed or a benchmark failed.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from benchmarks.figures import Figure, print_table
from benchmarks.processes import clean_environment

NAMES = {
    "bus": "one dispatch on the bus against the Python buses there are",
    "cli": "flext --help, flext status",
    "location_load": "loading the code location",
    "launch_latency": "from a launch by GraphQL to the op's first line",
    "run_queries": "logs and status of many runs",
    "tiny": "ten rows against dagster-meltano",
    "pipelines": "a million rows against a stock pair, and our overhead",
    "wms_commands": "WMS commands through the bus against the same SQL by hand",
    "wms_queries": "pages of stock and orders on big tables",
    "wms_seed": "a million orders into SQLite",
    "oud_ldif": "reading and transforming an OID export against python-ldap",
    "oud_load": "loading a live directory against ldapadd",
    "oud_migration": "a whole OID migration against slapadd importing the result",
    "wms_tap": "reading Oracle WMS Cloud against a tap that goes page by page",
}


def main() -> int:
    """Run the chosen benchmarks, print each table as it is done, and all missed figures at the end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="The figures of flext-pipelines.")
    listed = "; ".join(f"{name}: {text}" for name, text in NAMES.items())
    parser.add_argument("names", nargs="*", metavar="NAME", help=listed)
    parser.add_argument("--quick", action="store_true", help="fewer turns: for a first look, not for the record")
    parser.add_argument(
        "--full", action="store_true", help="also 10,000,000 rows (pipelines), 1,000,000 entries (oud_...)"
    )
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - NAMES.keys())
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(NAMES)}")
    clean_environment()
    missed: list[str] = []
    for name in chosen.names or NAMES:
        sys.stdout.write(f"\n{name}: {NAMES[name]}\n")
        sys.stdout.flush()
        extra = {"full": True} if chosen.full and name in {"pipelines", "oud_ldif", "oud_migration"} else {}
        try:
            figures = import_module(f"benchmarks.{name}").measure(quick=chosen.quick, **extra)
        except Exception as error:  # noqa: BLE001  one that cannot run must not hide the others
            figures = [Figure(f"{name} failed: {error}", "to run", "", False)]
        print_table(figures)
        missed += [one.what.strip() for one in figures if one.met is False]
    sys.stdout.write("\nevery figure is met\n" if not missed else f"\nmissed: {'; '.join(missed)}\n")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
