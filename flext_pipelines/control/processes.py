"""Which process wrote a row, and whether it still lives.

A process id alone says little: ids are used again, containers count their own, and wall clocks jump. A
mark therefore holds the boot id of the kernel, the process-id namespace, the process id and its start in
ticks since boot, none of which a clock change touches.

What belongs here: the mark and its reading. What does not: ending a process.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_STATE, _START_TICKS = 0, 19  # fields 3 and 22 of proc(5), counted after the command's closing bracket


class ProcessMark(NamedTuple):
    """A process of this or another machine.

    Attributes:
        host: For people.
        world: Kernel boot and process-id namespace: marks of one world can be compared.
        pid: The process id in that world.
        started: When it started, in units of that world's own clock.
    """

    host: str
    world: str
    pid: int
    started: int

    def __str__(self) -> str:
        """``host/world/pid/started``, as it is stored."""
        return f"{self.host}/{self.world}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> ProcessMark | None:
        """The mark of a stored text, or None when it is none."""
        parts = text.rsplit("/", 3)
        if len(parts) != len(cls._fields) or not (parts[2].isdecimal() and parts[3].isdecimal()):
            return None
        return cls(parts[0], parts[1], int(parts[2]), int(parts[3]))


def this_process() -> ProcessMark:
    """The mark of the process that asks."""
    return _mark_of(os.getpid())


def is_alive(text: str) -> bool | None:
    """Whether the process of a stored mark lives; None when it cannot be known from here."""
    mark = ProcessMark.parse(text)
    if mark is None or mark.world != this_process().world:
        return None
    return _started(mark.pid) == mark.started


@lru_cache(maxsize=8)
def _mark_of(pid: int) -> ProcessMark:
    """Cached by process id, so that a fork finds its own."""
    return ProcessMark(socket.gethostname().replace("/", "_"), _world(), pid, _started(pid) or 0)


@lru_cache(maxsize=1)
def _world() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        namespace = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    except OSError:
        import psutil

        return f"boot-{int(psutil.boot_time())}"
    return f"{boot}-{namespace}"


def _started(pid: int) -> int | None:
    """Start of a living process, in ticks since boot; None when there is none, or only its corpse."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return _started_by_psutil(pid) if not Path("/proc/self/stat").exists() else None
    return None if fields[_STATE] in "ZX" else int(fields[_START_TICKS])


def _started_by_psutil(pid: int) -> int | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 100)
    except psutil.Error:
        return None
