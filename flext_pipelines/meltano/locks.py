"""Locks between processes of this machine, held by the operating system and so never stale.

Four things must not happen at once: installing plugins while a pipeline uses them (Meltano's installer
empties the run folders of live jobs), two runs with one Singer state (Meltano checks its job table and then
inserts, which is not atomic), two changes of the project's files (one would be lost, or undone with the other), and
the first migration of the system database by several runs.

What belongs here: the locks, and who holds them. What does not: what is done under them.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import AlreadyRunningError, InstallInProgressError
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject

EDIT_WAIT_SECONDS = 10.0
"""How long who wants to change the project's files waits for another; a change of settings takes half a second."""


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


def install_lock_path(project: MeltanoProject) -> Path:
    """The lock that runs hold shared and installations exclusively; one per project folder."""
    return project.locks / f"plugins-{_short(str(project.root))}.lock"


def state_lock_path(project: MeltanoProject, state_id: str) -> Path:
    """The lock of one Singer state."""
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "_", state_id)[:80]
    return project.locks / "states" / f"{readable}-{_short(f'{project.root} {state_id}')}.lock"


def hold_for_run(project: MeltanoProject, what: str, *, wait_seconds: float = 0) -> FileLock:
    """Hold the plugins as they are while a pipeline runs.

    Raises:
        InstallInProgressError: Plugins are being installed.
    """
    lock = FileLock(install_lock_path(project), shared=True)
    if lock.acquire(what, wait_seconds=wait_seconds):
        return lock
    holder = lock.holder()
    raise InstallInProgressError(
        f"Plugins of {project.root} are being installed by {holder or 'another process'}",
        "Wait until it has finished, then start the pipeline again",
        {"holder": str(holder or ""), "project": str(project.root)},
    )


@contextmanager
def hold_for_install(project: MeltanoProject, what: str, *, wait_seconds: float = 0) -> Iterator[None]:
    """Keep every pipeline of the project from running while plugins change.

    Raises:
        InstallInProgressError: A pipeline runs, or another installation; the error names which.
    """
    from flext_pipelines.meltano.sandbox import running

    lock = FileLock(install_lock_path(project))
    if not lock.acquire(what, wait_seconds=wait_seconds):
        runs = [str(holder) for holder in running(project)]
        holders = runs or [str(lock.holder() or "another process")]
        raise InstallInProgressError(
            f"Plugins of {project.root} are in use by {', '.join(holders)}",
            "Wait until it has finished, or stop it with `flext stop`, then try again",
            {"holders": holders, "project": str(project.root)},
        )
    try:
        yield
    finally:
        lock.release()


@contextmanager
def hold_files(project: MeltanoProject, what: str) -> Iterator[None]:
    """Be the only one who changes the project's files; what was read from them stays true meanwhile.

    Raises:
        AlreadyRunningError: Somebody else still changes them after a short wait.
    """
    lock = FileLock(install_lock_path(project).with_suffix(".edit.lock"))
    if not lock.acquire(what, wait_seconds=EDIT_WAIT_SECONDS):
        holder = lock.holder()
        raise AlreadyRunningError(
            f"The files of {project.root} are being changed by {holder or 'another process'}",
            "Try again when it has finished",
            {"holder": str(holder or ""), "project": str(project.root)},
        )
    try:
        yield
    finally:
        lock.release()


def hold_states(project: MeltanoProject, state_ids: tuple[str, ...], what: str) -> list[FileLock]:
    """Hold the Singer states that a run writes; all of them or none.

    Raises:
        AlreadyRunningError: Another run of ours has one of them.
    """
    held: list[FileLock] = []
    for state_id in sorted(set(state_ids)):
        lock = FileLock(state_lock_path(project, state_id))
        if not lock.acquire(what):
            for other in held:
                other.release()
            holder = lock.holder()
            raise AlreadyRunningError(
                f"Singer state {state_id} is in use by {holder or 'another run'}",
                "Wait until that run has finished, or stop it with `flext stop`",
                {"state_id": state_id, "holder": str(holder or "")},
            )
        held.append(lock)
    return held


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Migration:
    """The first migration of a system database, which several Meltanos at once would do on top of each other.

    Whoever comes first holds a lock until its Meltano is past the migration; others wait for it. Once that is known
    to be done, nobody locks any more.

    Args:
        lock: The lock, held; None when nothing is to be done.
        mark: File that says that it is done.
    """

    def __init__(self, lock: FileLock | None, mark: Path) -> None:
        self._lock = lock
        self._mark = mark

    def done(self) -> None:
        """Meltano is past it; may be said more than once."""
        if self._lock is not None:
            self._mark.touch()
            self.release()

    def release(self) -> None:
        """It ended before it was past it."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


@contextmanager
def first_migration(project: MeltanoProject, *, wait_seconds: float = 60) -> Iterator[Migration]:
    """Hold back while another run brings the system database up to date.

    Known by database, Meltano's executable and, for SQLite, the file itself: another Meltano or a new file migrates
    anew.
    """
    from flext_pipelines.meltano.system_database import sqlite_file

    url = project.database_url.get_secret_value()
    stamp = f"{url} {project.executable} {project.executable.stat().st_mtime_ns}"
    file = sqlite_file(project.database_url)
    mark = project.home / "cache" / f"migrated-{_short(stamp)}"
    lock = FileLock(project.locks / f"migration-{_short(url)}.lock")
    done = mark.exists() and (file is None or file.exists())
    if not done:
        make_private(mark.parent)
        lock.acquire("first migration", wait_seconds=wait_seconds)
        if file is not None:
            make_private(file.parent)
    migration = Migration(None if done or lock.handle is None else lock, mark)
    try:
        yield migration
    finally:
        migration.release()
