"""A Meltano warmed up beforehand, so that its imports (0.65 of 0.95 s) overlap with ours.

``prewarm`` starts one; the next run of the same project takes it if it is exactly what a cold start would be, and
starts cold on any doubt: another executable or folder, variables that matter to a starting Python, a process that
died or does not answer. It serves one run only, so nothing of one run is seen by the next.

What belongs here: keeping and handing over. What does not: the waiting program (``warm_child``), the run (``run``).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import select
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import FlextError
from flext_pipelines.meltano import warm_child
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.meltano.process import Invocation, spawn
from flext_pipelines.meltano.running import Child, Pipes
from flext_pipelines.settings import environment as process_environment

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject

_ANSWER_SECONDS = 15.0
_MATTERS_AT_START = ("PYTHON*", "LD_*", "DYLD_*", "LC_*", "MALLOC_*", "LANG", "TZ", "HOME", "PATH", "NO_UTC", "*COLOR")
"""Variables that a Python or Meltano reads while it starts; later values would come too late."""
# A script of pip or uv: its Python in the first line or, where that would be too long, in a line for the shell.
_PYTHON_LINE = re.compile(rb"#!\s*(/\S*python[\d.]*)\s*\n|#!/bin/sh\n'''exec' [\"']?(/[^\"'\n]*python[\d.]*)[\"']? ")

_kept: dict[tuple[object, ...], Warm] = {}
_lock = threading.Lock()


@dataclass
class Warm:
    """A waiting Meltano.

    Attributes:
        process: It.
        pipes: What it will write to.
        env: The environment that it started with.
        control: Writing end of the pipe through which it gets its request.
        status: Reading end of the pipe through which it says that it has begun.
        owner: Our process id: a fork of ours must not use it too.
    """

    process: Child
    pipes: Pipes
    env: Mapping[str, str] = field(repr=False)
    control: int
    status: int
    owner: int

    def suits(self, invocation: Invocation) -> bool:
        """Whether it can become this run just as a cold start would."""
        if self.owner != os.getpid() or self.process.poll() is not None:
            return False
        changed = {name for name, value in {**self.env, **invocation.env}.items() if value != self.env.get(name)}
        changed |= self.env.keys() - invocation.env.keys()
        return not any(fnmatchcase(name, pattern) for name in changed for pattern in _MATTERS_AT_START)

    def hand_over(self, invocation: Invocation) -> bool:
        """Make it the run; False when it does not answer, and then it has done nothing."""
        request = {"argv": list(invocation.argv), "env": dict(invocation.env), "cwd": str(invocation.cwd)}
        try:
            with os.fdopen(self.control, "wb") as pipe:
                pipe.write(json.dumps(request).encode() + b"\n")
            ready, _, _ = select.select([self.status], [], [], _ANSWER_SECONDS)
            return bool(ready) and os.read(self.status, 64).startswith(b"started")
        except BrokenPipeError:
            return False
        finally:
            os.close(self.status)

    def discard(self) -> None:
        """End it; nothing of it is left."""
        for handle in (self.control, self.status, self.pipes.read_out, self.pipes.read_err):
            with contextlib.suppress(OSError):
                os.close(handle)
        if self.owner == os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def prewarm(project: MeltanoProject) -> bool:
    """Start a Meltano that waits for the project's next run; False when that cannot be done.

    Costs this process a few milliseconds. To be called as early as possible, before heavy imports.
    """
    python = _python_of(project.executable)
    if python is None or not project.file.is_file():
        return False
    key = _key(project)
    with _lock:
        if key in _kept:
            return True
    env = child_environment(project, process_environment())
    control_read, control_write = os.pipe()
    status_read, status_write = os.pipe()
    pipes = Pipes.make()
    argv = (str(python), warm_child.__file__, str(control_read), str(status_write), str(project.executable))
    try:
        process = spawn(Invocation(argv, env, project.root), pipes, pass_fds=(control_read, status_write))
    except FlextError:
        os.close(control_write)
        os.close(status_read)
        return False
    finally:
        os.close(control_read)
        os.close(status_write)
    with _lock:
        if not _kept:
            atexit.register(discard_all)
        _kept[key] = Warm(process, pipes, env, control_write, status_read, os.getpid())
    return True


def take(project: MeltanoProject, invocation: Invocation) -> Warm | None:
    """The waiting Meltano that this run may have, if there is one."""
    with _lock:
        warm = _kept.pop(_key(project), None)
    if warm is None:
        return None
    if warm.suits(invocation):
        return warm
    warm.discard()
    return None


def discard_all() -> None:
    """End every waiting Meltano; called when this process ends."""
    with _lock:
        left = list(_kept.values())
        _kept.clear()
    for warm in left:
        warm.discard()


def _key(project: MeltanoProject) -> tuple[object, ...]:
    try:
        stamp = project.executable.stat()
    except OSError:
        return (project.root, project.executable)
    return (project.root, project.executable, stamp.st_mtime_ns, stamp.st_ino)


def _python_of(executable: Path) -> Path | None:
    """The Python that a ``meltano`` script is run by; None for anything that is no such script."""
    try:
        with executable.open("rb") as file:
            found = _PYTHON_LINE.match(file.read(1024))
    except OSError:
        return None
    return Path((found[1] or found[2]).decode()) if found else None
