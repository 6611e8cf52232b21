"""A run's own copy of Meltano's working folder, so that runs of one tap do not disturb each other.

``meltano run`` keeps catalog, state and logging files of a plugin in ``.meltano/run/<plugin>/``, the same for all
runs: two at once of one tap failed 6 of 6 times. With a ``MELTANO_SYS_DIR_ROOT`` of its own that links to the shared
plugin folders, 6 of 6 succeeded. The system database stays shared. Meltano's private copies of the log
(``$XDG_STATE_HOME/meltano/log``) grow for ever elsewhere; here they vanish with the sandbox.

What belongs here: making, sharing catalogs with later runs, removing, sweeping after a crash. What does not:
running anything in it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import FlextError, StorageFullError, UnavailableError
from flext_pipelines.meltano import system_database, watchdog
from flext_pipelines.meltano.file_lock import FileLock, is_free
from flext_pipelines.meltano.run_catalog import selected_streams
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Stream
    from flext_pipelines.meltano.project import MeltanoProject

CATALOG_SECONDS = 3600.0
"""How long a discovered catalog is given to further runs. Meltano itself keeps one until the tap's settings change,
and so overlooks new columns for ever; an hour saves discovery (0.4 s) where runs follow each other quickly."""
_CATALOG_FILES = ("tap.properties.json", "tap.properties.cache_key")
_NOT_SHARED = frozenset({"run", "logs"})


class Sandbox:
    """The folder of one run.

    Attributes:
        folder: All of it; removed at the end.
        system_folder: ``MELTANO_SYS_DIR_ROOT``.
        state_home: ``XDG_STATE_HOME``.
        batches: Where plugins put files for each other: ``FLEXT_BATCH_ROOT``.
        lock: Held while the run lasts; also by its watchdog.
    """

    def __init__(self, folder: Path, record: FileLock) -> None:
        self.folder = folder
        self.system_folder = folder / "sys"
        self.state_home = folder / "state"
        self.batches = folder / "batches"
        self.lock = record
        self._cached: dict[str, str] = {}

    @property
    def mark(self) -> str:
        """``NAME=value`` that only processes of this run have in their environment."""
        return f"MELTANO_SYS_DIR_ROOT={self.system_folder}"

    @property
    def variables(self) -> dict[str, str]:
        """What the environment of a run in here needs."""
        return {
            "MELTANO_SYS_DIR_ROOT": str(self.system_folder),
            "XDG_STATE_HOME": str(self.state_home),
            "FLEXT_BATCH_ROOT": str(self.batches),
        }

    def selected_streams(self, tap: str) -> tuple[Stream, ...]:
        """What the run told a tap to extract; none when that is not known."""
        return selected_streams(tap, self.system_folder / "run" / tap / _CATALOG_FILES[0])

    def take_catalogs(self, project: MeltanoProject, taps: Sequence[str]) -> None:
        """Lay catalogs that earlier runs discovered where Meltano looks for them; it checks their key itself."""
        for tap in dict.fromkeys(taps):
            shelf = _shelf(project, tap)
            if not (shelf / _CATALOG_FILES[1]).is_file():
                continue
            with _locked(shelf, shared=True):
                if not _young(shelf):
                    continue
                target = self.system_folder / "run" / tap
                target.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    for name in _CATALOG_FILES:
                        shutil.copyfile(shelf / name, target / name)
                    self._cached[tap] = (target / _CATALOG_FILES[1]).read_text()

    def give_catalogs(self, project: MeltanoProject) -> None:
        """Keep what this run discovered for later ones."""
        for key in (self.system_folder / "run").glob(f"*/{_CATALOG_FILES[1]}"):
            tap = key.parent.name
            text = key.read_text()
            if self._cached.get(tap) == text or not (key.parent / _CATALOG_FILES[0]).is_file():
                continue
            shelf = _shelf(project, tap)
            with _locked(shelf, shared=False):
                for old in shelf.parent.iterdir():
                    if old.is_dir():
                        shutil.rmtree(old, ignore_errors=True)
                shelf.mkdir(parents=True)
                for name in _CATALOG_FILES:
                    shutil.copyfile(key.parent / name, shelf / name)

    def remove(self) -> None:
        """Remove it and give up its lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.path.unlink(missing_ok=True)
        self.lock.release()


def make_sandbox(project: MeltanoProject, run_id: str, what: str) -> Sandbox:
    """A fresh sandbox; what dead runs left is swept first.

    Args:
        project: The project.
        run_id: UUID of the run, under which its rows stand in the system database.
        what: Who holds it, for people: ``run wms``.

    Raises:
        StorageFullError: There is no room.
        UnavailableError: The folder cannot be made.
    """
    try:
        make_private(project.sandboxes)
        sweep(project)
        folder = Path(tempfile.mkdtemp(prefix=f"{run_id}-", dir=project.sandboxes))
        record = _record(folder, what)
        sandbox = Sandbox(folder, record)
        for part in (sandbox.system_folder, sandbox.state_home, sandbox.batches):
            part.mkdir()
        _link_plugins(project, sandbox)
    except OSError as error:
        raise no_folder(project, error) from error
    return sandbox


def no_folder(project: MeltanoProject, error: OSError) -> FlextError:
    """What it means that a sandbox could not be made."""
    where: dict[str, object] = {"folder": str(project.sandboxes)}
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return StorageFullError(f"No room is left in {project.sandboxes}", "Free some space, then run again", where)
    return UnavailableError(
        f"A run cannot get a folder in {project.sandboxes}: {error.strerror or error}",
        "Check that FLEXT_HOME is a folder that you may write to",
        where,
    )


def sweep(project: MeltanoProject) -> None:
    """Clean up after runs whose process and watchdog are both gone.

    Ends what is left of their processes, marks their rows in the system database as failed (they would block
    their state ids for five minutes), and removes their folders.
    """
    for path in project.sandboxes.glob("*.json"):
        lock = FileLock(path)
        before = lock.holder()
        if before is None or not is_free(path) or not lock.acquire(before.what):
            continue
        try:
            folder = path.with_suffix("")
            _end_leftovers(before.pid, folder)
            with contextlib.suppress(FlextError):  # the run itself will say that the database is not there
                system_database.end_runs(project.database_url, [folder.name[:36]])
            shutil.rmtree(folder, ignore_errors=True)
            path.unlink(missing_ok=True)
        finally:
            lock.release()


def _end_leftovers(pid: int, folder: Path) -> None:
    group = watchdog.Group(pid, f"MELTANO_SYS_DIR_ROOT={folder / 'sys'}")
    left = group.marked()
    if left:
        group.signal(left, 15)
        deadline = time.monotonic() + 5
        while group.marked() and time.monotonic() < deadline:
            time.sleep(0.05)
        group.signal(group.marked(), 9)


def _record(folder: Path, what: str) -> FileLock:
    """The lock that says that the run lives; visible under its name only once it is held."""
    path = folder.with_suffix(".json")
    lock = FileLock(folder / "record")
    lock.acquire(what, wait_seconds=5)
    (folder / "record").rename(path)
    lock.path = path
    return lock


def _link_plugins(project: MeltanoProject, sandbox: Sandbox) -> None:
    if not project.system_folder.is_dir():
        return
    for entry in os.scandir(project.system_folder):
        if entry.is_dir() and entry.name not in _NOT_SHARED:
            (sandbox.system_folder / entry.name).symlink_to(entry.path)


def _shelf(project: MeltanoProject, tap: str) -> Path:
    """Where the catalog of a tap is kept: apart for each project and each installation of the tap."""
    installed = project.system_folder / "extractors" / tap / "venv"
    try:
        version = str(installed.stat().st_mtime_ns)
    except OSError:
        version = "none"
    with contextlib.suppress(OSError):
        version += (installed / ".meltano_plugin_fingerprint").read_text()
    home = project.home / "cache" / "tap-catalogs"
    return home / f"{tap}-{_short(str(project.root))}" / _short(version + project.environment)


@contextlib.contextmanager
def _locked(shelf: Path, *, shared: bool) -> Iterator[None]:
    make_private(shelf.parent)
    lock = FileLock(shelf.parent / "lock", shared=shared)
    lock.acquire("catalog", wait_seconds=10)
    try:
        yield
    finally:
        lock.release()


def _young(shelf: Path) -> bool:
    try:
        return time.time() - (shelf / _CATALOG_FILES[1]).stat().st_mtime < CATALOG_SECONDS
    except OSError:
        return False


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
