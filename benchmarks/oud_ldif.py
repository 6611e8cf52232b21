"""LDIF: reading and transforming an OID-flavoured export, against python-ldap's LDIFParser, and with two workers.

All ways take turns on one generated file, each in a process of its own; CPU seconds are compared, best of the turns,
because others may use the machine. Two workers are compared by the clock, so that row needs two free cores; starting
them and cutting the file are counted. The start of Python, imports, rules and schema are counted for nobody, and told.
The rival cannot read raw Latin-1, so the file has none.

Run as ``python -m benchmarks oud_ldif``, ``--quick`` for 10,000 entries instead of 100,000; with ``--full`` the memory
of 1,000,000 entries is measured instead of only shown to be flat.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Figure, at_least, at_most, main, note
from benchmarks.processes import ROOT, SCRATCH
from tests.oud.oid_sample import write_export

VENV = SCRATCH / "bench-python-ldap"
TURN = ROOT / "benchmarks" / "ldif_turn.py"
_REQUIREMENT = "python-ldap==3.4.8"

READ, TRANSFORM, WORKERS, MEMORY_MB = 3.0, 2.5, 1.7, 200.0


class Turn(NamedTuple):
    """What one turn took: CPU seconds, seconds by the clock, CPU seconds of its start, records, peak memory in MB."""

    seconds: float
    clock: float
    start: float
    records: int
    memory: float


def prepare() -> None:
    """Make the rival's virtual environment, once. It is built from source: libldap-dev, libsasl2-dev and a compiler.

    Raises:
        subprocess.CalledProcessError: It cannot be made.
    """
    done = VENV / ".installed"
    if done.exists() and done.read_text("utf-8") == _REQUIREMENT:
        return
    uv = Path(sys.executable).with_name("uv")
    commands: tuple[list[str | Path], ...] = (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV],
        [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", VENV / "bin" / "python", _REQUIREMENT],
    )
    for command in commands:
        subprocess.run(command, check=True, timeout=600)
    done.write_text(_REQUIREMENT, "utf-8")


def take(way: str, path: Path, *words: object) -> Turn:
    """One turn.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    python = VENV / "bin" / "python" if way == "python-ldap" else sys.executable
    argv = [str(word) for word in (python, TURN, way, path, *words)]
    ran = subprocess.run(argv, check=True, capture_output=True, cwd=ROOT)
    return Turn(**json.loads(ran.stdout))


def measure(*, quick: bool = False, full: bool = False) -> list[Figure]:
    """Measure all of it; see above."""
    prepare()
    count = 10_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="flext-bench-") as name:
        folder = Path(name)
        path, out = folder / "export.ldif", folder / "out.ldif"
        write_export(path, count, latin_1=False)
        ways = ("python-ldap", "lazy", "attributes", "entries", "transform")
        turns: dict[str, list[Turn]] = {way: [] for way in ways}
        for _ in range(3):
            for way in ways:
                turns[way].append(take(way, path, *([out] if way == "transform" else [])))
        figures = _speed(turns, path.stat().st_size / 1e6, count)
        figures += _workers(path, folder, 3)
        return figures + _memory(folder, turns["transform"][0].memory, 1_000_000 if full else count * 2)


def _speed(turns: dict[str, list[Turn]], megabytes: float, count: int) -> list[Figure]:
    wrong = {way: turn.records for way, found in turns.items() for turn in found if turn.records != count}
    if wrong:
        message = f"{count} entries were written, and read: {wrong}"
        raise RuntimeError(message)
    best = {way: min(turn.seconds for turn in found) for way, found in turns.items()}
    rival = best["python-ldap"]
    return [
        at_least(f"LDIF of {count:,} entries: read to entries (name and attributes) over python-ldap",
                 rival / best["attributes"], READ, "times"),
        at_least("  the same to dictionaries of lists, as python-ldap gives", rival / best["entries"], READ, "times"),
        note("  the same to records, judged and not taken apart", f"{rival / best['lazy']:.2f} times"),
        at_least("  read, transform, write, over python-ldap merely reading", rival / best["transform"], TRANSFORM,
                 "times"),
        note("    the same with the start counted on both sides",
             f"{_with_start(turns['python-ldap']) / _with_start(turns['transform']):.2f} times"),
        *(note(f"    {way}", f"{megabytes / seconds:,.0f} MB/s, {count / seconds:,.0f} entries/s")
          for way, seconds in best.items()),
    ]  # fmt: skip


def _with_start(turns: list[Turn]) -> float:
    return min(turn.seconds + turn.start for turn in turns)


def _workers(path: Path, folder: Path, rounds: int) -> list[Figure]:
    """One process against two, cutting included: by the clock, and by CPU seconds, which shows what it costs."""
    alone, together = [], []
    for _ in range(rounds):
        alone.append(take("transform", path, folder / "whole.ldif"))
        together.append(take("workers", path, folder / "part", 2))
    if _digest(*sorted(folder.glob("part-*"))) != _digest(folder / "whole.ldif"):
        message = "two workers wrote something else than one"
        raise RuntimeError(message)
    wall = min(turn.clock for turn in alone) / min(turn.clock for turn in together)
    cost = min(turn.seconds for turn in together) / min(turn.seconds for turn in alone)
    return [
        at_least("  the same with two workers over one, by the clock", wall, WORKERS, "times"),
        note("    CPU seconds of both over those of one", f"{cost:.2f} times"),
    ]


def _digest(*paths: Path) -> bytes:
    found = hashlib.blake2b()
    for path in paths:
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                found.update(data)
    return found.digest()


def _memory(folder: Path, before: float, count: int) -> list[Figure]:
    path = folder / "large.ldif"
    write_export(path, count, latin_1=False)
    turn = take("transform", path, folder / "out.ldif")
    return [
        at_most(f"  memory of read, transform, write at {count:,} entries", turn.memory, MEMORY_MB, "MB"),
        at_most("  over that of the smaller file", turn.memory / before, 1.1, "times"),
    ]


if __name__ == "__main__":
    sys.exit(main(measure))
