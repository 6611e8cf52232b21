"""A lock on a file, held by the operating system and so never stale, and who holds it.

What belongs here: the lock. What does not: what is locked with it (``locks``, ``sandbox``).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flext_pipelines.settings import make_private


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, as the holder wrote it.

    Attributes:
        pid: Its process.
        what: What it does: ``run wms``, ``install tap-x``.
        since: When it began, ISO 8601 in UTC.
    """

    pid: int
    what: str
    since: str

    def __str__(self) -> str:
        """``run wms (process 4711, since 2026-01-02T03:04:05Z)``."""
        return f"{self.what} (process {self.pid}, since {self.since})"


class FileLock:
    """One lock file, held from ``acquire`` until ``release`` or the death of every process that has its descriptor.

    A descriptor passed on to a child keeps the lock when this process dies; ``release`` frees it for all.

    Args:
        path: The lock file; it is left in place, since removing a lock file races with its next user.
        shared: Whether others may hold it shared at the same time.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self.path = path
        self._mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._handle: int | None = None

    @property
    def handle(self) -> int | None:
        """The descriptor, for a child that shall keep the lock."""
        return self._handle

    def acquire(self, what: str, *, wait_seconds: float = 0) -> bool:
        """Take the lock; False when somebody else still has it after the wait.

        An exclusive holder writes down who it is, for ``holder``.
        """
        make_private(self.path.parent)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait_seconds
        try:
            while not _try(handle, self._mode):
                if time.monotonic() >= deadline:
                    os.close(handle)
                    return False
                time.sleep(0.05)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        if self._mode == fcntl.LOCK_EX:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"pid": os.getpid(), "what": what, "since": now}).encode(), 0)
        return True

    def release(self) -> None:
        """Give it up; nothing happens when it is not held."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)

    def holder(self) -> Holder | None:
        """Who last took it exclusively, if that can be read."""
        try:
            values = json.loads(self.path.read_bytes())
            return Holder(int(values["pid"]), str(values["what"]), str(values["since"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None


def _try(handle: int, mode: int) -> bool:
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock file."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return _try(handle, fcntl.LOCK_EX)
    finally:
        os.close(handle)
