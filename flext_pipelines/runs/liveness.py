"""Whether the process that performs a run is still there, and which processes belong to a run.

A process number is used again after the process ended. A process is therefore known by number, machine and start
time, and one that does not agree in all three is another one, which is left alone.

What belongs here: looking at processes, and sending them signals. What does not: any storage.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psutil

    from flext_pipelines.runs.record import WorkerProcess

_CLOCK_STEP = 2.0
"""Seconds by which start times of the same process may differ: the kernel counts them in ticks since boot."""

Liveness = Literal["alive", "gone", "elsewhere"]
"""``elsewhere``: the process is on another machine, where we cannot look."""


def host_name() -> str:
    """The name of this machine, as it is written into tags."""
    return socket.gethostname()


def own_start_time() -> float:
    """When this process was started, seconds since the epoch."""
    import psutil

    return psutil.Process().create_time()


def liveness(worker: WorkerProcess) -> Liveness:
    """Whether the worker is there."""
    if worker.host is not None and worker.host != host_name():
        return "elsewhere"
    return "alive" if process_of(worker) is not None else "gone"


def process_of(worker: WorkerProcess) -> psutil.Process | None:
    """The worker's process on this machine, or None when it ended."""
    import psutil

    try:
        process = psutil.Process(worker.pid)
        began = process.create_time()
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
    except psutil.Error:
        return None
    same = abs(began - worker.started) <= _CLOCK_STEP if worker.exact else began <= worker.started + _CLOCK_STEP
    return process if same else None


def processes_of_run(run_id: str, worker: WorkerProcess | None) -> list[psutil.Process]:
    """The processes that perform a run: its worker with all descendants, and those started with ``--run-id=<run id>``.

    Meltano is started with the run's id as an argument, in a session of its own; when the worker was killed, that is
    how what it left behind is found.
    """
    import psutil

    found: dict[int, psutil.Process] = {}
    roots = [process] if worker is not None and (process := process_of(worker)) is not None else []
    roots += [process for process in psutil.process_iter() if _has_run_id(process, run_id)]
    for root in roots:
        for process in [root, *_descendants(root)]:
            found.setdefault(process.pid, process)
    found.pop(os.getpid(), None)
    return list(found.values())


def _has_run_id(process: psutil.Process, run_id: str) -> bool:
    import psutil

    try:
        arguments = process.cmdline()
    except psutil.Error:
        return False
    return f"--run-id={run_id}" in arguments or ("--run-id", run_id) in itertools.pairwise(arguments)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    import psutil

    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def still_there(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; a zombie has."""
    import psutil

    there = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                there.append(process)
        except psutil.Error:
            continue
    return there


def wait_until_gone(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes that may not be our children; those still there are returned."""
    deadline = time.monotonic() + seconds
    while (left := still_there(processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def ask_to_end(process: psutil.Process) -> None:
    """SIGTERM; a process that ended in between is no error."""
    _signal(process, signal.SIGTERM)


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL each; psutil refuses when the number belongs to another process by now."""
    for process in processes:
        _signal(process, signal.SIGKILL)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    import psutil

    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
