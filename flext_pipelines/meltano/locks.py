"""What processes of this machine keep each other from.

Four things must not happen at once: installing plugins while a pipeline uses them (Meltano's installer
empties the run folders of live jobs), two runs with one Singer state (Meltano checks its job table and then
inserts, which is not atomic), two changes of the project's files (one would be lost, or undone with the other), and
the first migration of the system database by several runs.

What belongs here: these locks, and who holds them. What does not: the lock itself (``file_lock``), what is done under
it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.errors import AlreadyRunningError, InstallInProgressError
from flext_pipelines.meltano.file_lock import FileLock, Holder, is_free
from flext_pipelines.meltano.system_database import make_private_database, sqlite_file
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from pathlib import Path

    from flext_pipelines.meltano.project import MeltanoProject

EDIT_WAIT_SECONDS = 10.0
"""How long who wants to change the project's files waits for another; a change of settings takes half a second."""


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


def running(project: MeltanoProject) -> list[Holder]:
    """Who runs pipelines of this home right now."""
    held = [path for path in project.sandboxes.glob("*.json") if not is_free(path)]
    return [holder for path in held if (holder := FileLock(path).holder()) is not None]


@contextmanager
def hold_for_install(project: MeltanoProject, what: str, *, wait_seconds: float = 0) -> Iterator[None]:
    """Keep every pipeline of the project from running while plugins change.

    Raises:
        InstallInProgressError: A pipeline runs, or another installation; the error names which.
    """
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

    @property
    def pending(self) -> bool:
        """Whether it is this run that does it."""
        return self._lock is not None

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
    url = project.database_url.get_secret_value()
    stamp = f"{url} {project.executable} {project.executable.stat().st_mtime_ns}"
    file = sqlite_file(project.database_url)
    mark = project.home / "cache" / f"migrated-{_short(stamp)}"
    lock = FileLock(project.locks / f"migration-{_short(url)}.lock")
    done = mark.exists() and (file is None or (file.exists() and file.stat().st_size > 0))
    if not done:
        make_private(mark.parent)
        lock.acquire("first migration", wait_seconds=wait_seconds)
        make_private_database(project.database_url)
    migration = Migration(None if done or lock.handle is None else lock, mark)
    try:
        yield migration
    finally:
        migration.release()
