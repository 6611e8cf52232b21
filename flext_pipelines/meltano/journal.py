"""A change to plugins that is made wholly or not at all, also when the machine stops in the middle.

Before anything is touched, a journal entry is written: copies of the files that will change, and that the plugin's
venv is about to be moved aside (a rename within one file system). Committing removes the entry; until then everything
can be put back, by the same process after an error or by the next one after a crash, byte for byte.

What belongs here: keeping and putting back. What does not: what the change is (``install``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.meltano.project_files import write_atomically
from flext_pipelines.meltano.venvs import distribution_of

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject

ASIDE = ".flext-before"
"""What a venv's folder name ends in while its successor is made."""


def journal_folder(project: MeltanoProject) -> Path:
    """Where the entries of a project are kept."""
    return project.home / "journal" / hashlib.sha256(str(project.root).encode()).hexdigest()[:16]


class Change:
    """A change at work; every file is written through it, so that its entry knows what to put back.

    Attributes:
        entry: The journal's file for it.
    """

    def __init__(self, entry: Path, venv: Path | None) -> None:
        self.entry = entry
        self._venv = str(venv) if venv else None
        self._had_venv = bool(venv and venv.exists())
        self._files: dict[str, dict[str, str | None]] = {}
        self._note()

    def write(self, path: Path, content: bytes | None) -> None:
        """Replace a file, or remove it."""
        self.expect(path, content)
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, content)

    def expect(self, path: Path, content: bytes | None = None) -> None:
        """Note how a file is now, before somebody else (Meltano's lock files) writes it."""
        kept = self._files.setdefault(str(path), {"path": str(path), "before": _text(path), "after": None})
        kept["after"] = _digest(content)
        self._note()

    def version_before(self, executable: str) -> str | None:
        """The version in the venv that was moved aside."""
        found = distribution_of(_aside(Path(self._venv)), executable) if self._venv and self._had_venv else None
        return found.version if found else None

    def _note(self) -> None:
        written = {"venv": self._venv, "had_venv": self._had_venv, "files": list(self._files.values())}
        write_atomically(self.entry, json.dumps(written).encode(), mode=0o600)


@contextmanager
def all_or_nothing(project: MeltanoProject, name: str, *, venv: Path | None) -> Iterator[Change]:
    """Change files and make a new venv; whatever is raised inside puts everything back as it was.

    Args:
        project: Its project; the install lock must be held.
        name: What is changed, for the entry's file name.
        venv: The venv that the body makes anew or leaves absent; moved aside first. None when none is touched.
    """
    change = Change(journal_folder(project) / f"{name}.json", venv)
    try:
        if venv is not None and venv.exists():
            venv.rename(_aside(venv))
        yield change
    except BaseException:
        _put_back(change.entry, whatever_stands=True)
        raise
    change.entry.unlink()  # from here on the change is made
    if venv is not None:
        shutil.rmtree(_aside(venv), ignore_errors=True)


def repair(project: MeltanoProject) -> list[str]:
    """Put back what interrupted changes left half done; call it with the install lock held.

    Returns:
        A sentence for each thing that was put back, or left because somebody changed it since.
    """
    told: list[str] = []
    for entry in sorted(journal_folder(project).glob("*.json")):
        told += [f"An interrupted change of {entry.stem} was undone", *_put_back(entry)]
    for aside in project.system_folder.glob(f"*/*/venv{ASIDE}"):
        shutil.rmtree(aside)  # its change was committed
    return told


def _text(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8") if path.exists() else None


def _put_back(entry: Path, *, whatever_stands: bool = False) -> list[str]:
    """Undo one entry. Every step can be repeated, so that being killed here too is no harm.

    Args:
        entry: Its file.
        whatever_stands: False leaves files alone that hold neither the old nor our new content: somebody edited
            them after a crash.
    """
    written = json.loads(entry.read_bytes())
    told: list[str] = []
    for kept in written["files"]:
        path, before = Path(kept["path"]), kept["before"]
        now = path.read_bytes() if path.exists() else None
        content = before.encode("utf-8") if before is not None else None
        if now == content:
            continue
        if not whatever_stands and kept["after"] is not None and _digest(now) != kept["after"]:
            told.append(f"{path} was changed meanwhile and stays as it is")
        elif content is None:
            path.unlink(missing_ok=True)
        else:
            write_atomically(path, content)
    if written["venv"]:
        venv = Path(written["venv"])
        aside = _aside(venv)
        if aside.exists():
            shutil.rmtree(venv, ignore_errors=True)
            aside.rename(venv)
        elif not written["had_venv"]:
            shutil.rmtree(venv, ignore_errors=True)
    entry.unlink()
    return told


def _aside(venv: Path) -> Path:
    return venv.with_name(venv.name + ASIDE)


def _digest(content: bytes | None) -> str | None:
    return hashlib.sha256(content).hexdigest() if content is not None else None
