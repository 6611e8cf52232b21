"""Running a command and taking its time, or the memory of everything it starts.

Memory is sampled in a run of its own: looking at a process takes time from it.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = Path(os.environ.get("BENCH_FOLDER", ROOT / ".flext-test"))
"""Where benchmarks keep what is dear to make: virtual environments. `make clean` removes the default one."""
_SAMPLE_SECONDS = 0.05
_DISTORTING = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPATH", "VIRTUAL_ENV")
"""A user's machine has none of them, and the first two make every start 2 to 3 times slower."""


def clean_environment() -> None:
    """Measure as on a user's machine: no variables that slow Python down or lead it astray, our package compiled.

    Also no setting of ours (``FLEXT_``, ``MELTANO_``, ``DAGSTER_``) that this shell may have.
    """
    for name in list(os.environ):
        if name in _DISTORTING or name.startswith(("FLEXT_", "MELTANO_", "DAGSTER_")):
            del os.environ[name]
    compileall.compile_dir(str(ROOT / "flext_pipelines"), quiet=2)


def seconds_of(argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: Path) -> float:
    """Seconds from start to end of a command.

    Args:
        argv: The command.
        env: Variables over those of this process.
        cwd: Its folder.
        log: Its output goes there.

    Raises:
        RuntimeError: It failed; with the end of its output.
    """
    with log.open("wb") as output:
        began = time.perf_counter()
        ran = subprocess.run(
            [str(word) for word in argv],
            env={**os.environ, **env},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        took = time.perf_counter() - began
    _check(argv, ran.returncode, log)
    return took


class Memory(NamedTuple):
    """Peak resident memory of a command and everything below it, in MB (10^6 bytes).

    Attributes:
        largest: Of its largest process.
        name: Which that was.
        together: Of all of them at one moment. Pages that they share are counted once (PSS).
    """

    largest: float
    name: str
    together: float


def memory_of(argv: Sequence[str | Path], env: Mapping[str, str], cwd: Path, log: Path) -> Memory:
    """Peak memory of a command and of all processes below it, sampled while it runs; see ``seconds_of``."""
    largest, name, together = 0.0, "", 0.0
    with log.open("wb") as output:
        process = psutil.Popen(
            [str(word) for word in argv],
            env={**os.environ, **env},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        while process.poll() is None:
            total = 0.0
            for one in [process, *_below(process)]:
                try:
                    info = one.memory_full_info()
                    if info.rss / 1e6 > largest:
                        largest, name = info.rss / 1e6, _name(one)
                    total += info.pss / 1e6
                except psutil.Error:
                    continue
            together = max(together, total)
            time.sleep(_SAMPLE_SECONDS)
    _check(argv, process.returncode, log)
    return Memory(largest, name, together)


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _name(process: psutil.Process) -> str:
    words = [Path(word).name for word in process.cmdline()[:2]]
    return words[-1] if words else process.name()


def _check(argv: Sequence[str | Path], code: int, log: Path) -> None:
    if code:
        words = " ".join(str(word) for word in argv)
        message = f"{words} ended with {code}:\n{log.read_text('utf-8', 'replace')[-3000:]}"
        raise RuntimeError(message)
