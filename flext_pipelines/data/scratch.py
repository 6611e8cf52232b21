"""Folders for work in progress that makes no version: each belongs to a living process, or is removed.

Making one and removing dead ones take turns under one lock. Else somebody would take a folder for dead whose maker had
made its lock file and not yet locked it.

What belongs here: these folders. What does not: what is written in them.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.data.storage import locked
from flext_pipelines.errors import AlreadyRunningError
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

WORK = ".work"
_TURN = ".work.lock"
_LOCK = ".lock"


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A new folder below ``root``; gone afterwards, and when its process dies at the next one's making.

    Raises:
        OSError: It cannot be made.
    """
    work = make_private(root / WORK)
    with ExitStack() as held:
        with locked(root / _TURN, "the scratch folders", wait=True):
            _remove_dead(work)
            folder = Path(tempfile.mkdtemp(dir=work))
            held.callback(shutil.rmtree, folder, ignore_errors=True)
            held.enter_context(locked(folder / _LOCK, "its own scratch folder"))
        yield folder


def sweep_scratch(root: Path) -> list[str]:
    """Remove the folders that nobody works in; their names come back."""
    work = root / WORK
    if not work.is_dir():
        return []
    with locked(root / _TURN, "the scratch folders", wait=True):
        return _remove_dead(work)


def _remove_dead(work: Path) -> list[str]:
    """Folders whose lock nobody holds; called with the turn's lock held, so that nobody is just making one."""
    removed = []
    for folder in sorted(work.iterdir()):
        with suppress(AlreadyRunningError, FileNotFoundError):
            if (folder / _LOCK).exists():
                with locked(folder / _LOCK, folder.name):
                    pass
            shutil.rmtree(folder, ignore_errors=True)
            removed.append(folder.name)
    return removed
