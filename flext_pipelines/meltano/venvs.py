"""The virtual environments that Meltano made for plugins: what is in them, whether they are still right.

What belongs here: looking at venvs, and our record inside each. What does not: making them (``install``).
"""

from __future__ import annotations

import configparser
import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from flext_pipelines.meltano.project_files import write_atomically

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Plugin
    from flext_pipelines.meltano.project import MeltanoProject

_RECORD = ".flext-install.json"
_REFERENCE = re.compile(r"\$(?:\{(\w+)\}|([A-Z][A-Z0-9_]*))")
_NOT_SOURCE = frozenset({"__pycache__", "build", "dist", "node_modules", "tests", "venv"})
_DESCRIBES_PACKAGE = frozenset({"pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "MANIFEST.in"})


@dataclass(frozen=True)
class InstallRecord:
    """What we installed into a venv, written into it as the last step.

    Attributes:
        recipe: Hash of what was to be installed: pip_url, Python, ``.python-version``.
        source: Hash of the files of local packages; empty when there are none.
        package: Distribution that brought the executable.
        version: Its version.
        installed_at: ISO 8601, UTC.
        described: Hash of the files that say what the local packages need: ``pyproject.toml``, locks; empty when there
            are none, and in records of before.
    """

    recipe: str
    source: str
    package: str | None
    version: str | None
    installed_at: str
    described: str = ""


class Distribution(NamedTuple):
    """An installed package."""

    name: str
    version: str


def venv_of(project: MeltanoProject, plugin: Plugin) -> Path | None:
    """The folder of a plugin's venv, there or not; None when it needs none."""
    return project.system_folder / plugin.venv if plugin.venv else None


def read_record(venv: Path) -> InstallRecord | None:
    """What we installed there; None when somebody else did, or the installation did not end."""
    try:
        return InstallRecord(**json.loads((venv / _RECORD).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_record(venv: Path, record: InstallRecord) -> None:
    """Say what was installed."""
    write_atomically(venv / _RECORD, json.dumps(asdict(record)).encode())


def recipe_of(project: MeltanoProject, plugin: Plugin) -> str:
    """Hash of what is to be installed.

    ``.python-version`` is in it: Meltano's installer obeys that file but its check for a changed installation
    does not (plugin_install_service.py against venv_service.py, 4.4.1), so it would install again at every run.
    """
    pinned = project.root / ".python-version"
    python = pinned.read_text(encoding="utf-8").split("\n", 1)[0] if pinned.is_file() else ""
    return hashlib.sha256(json.dumps([plugin.pip_url, plugin.python, python]).encode()).hexdigest()


def is_stale(project: MeltanoProject, plugin: Plugin, variables: Mapping[str, str]) -> str | None:
    """Why a plugin should be installed again, in a few words; None when all is as it should be."""
    venv = venv_of(project, plugin)
    if venv is None:
        return None
    if not plugin.installed or not (venv / "bin" / "python").exists():
        return "it is not installed"
    record = read_record(venv)
    if record is None:
        return "it was not installed by flext, or not to the end"
    if record.recipe != recipe_of(project, plugin):
        return "its definition has changed"
    if record.source != source_hash(project, plugin, variables):
        return "its source has changed"
    executable = executable_of(project, plugin)
    if executable is not None and not executable.exists():
        return "its executable is missing"
    return None


class Outdated(NamedTuple):
    """How a venv that flext made differs from what it would make now.

    Attributes:
        reason: In a few words.
        broken: What the package needs or offers has changed, so that a run would fail within the plugin, or not do what
            the project's files say; else the run does what was installed.
    """

    reason: str
    broken: bool


def outdated(project: MeltanoProject, plugin: Plugin, variables: Mapping[str, str]) -> Outdated | None:
    """Whether a plugin changed after flext installed it; None for one that somebody else installed."""
    venv = venv_of(project, plugin)
    record = read_record(venv) if venv is not None else None
    if record is None:
        return None
    if record.recipe != recipe_of(project, plugin):
        return Outdated("its definition has changed since it was installed", broken=False)
    if record.described and record.described != source_hash(project, plugin, variables, only_description=True):
        return Outdated("what its package needs has changed since it was installed", broken=True)
    if record.source and record.source != source_hash(project, plugin, variables):
        return Outdated("its code has changed since it was installed", broken=False)
    return None


def executable_of(project: MeltanoProject, plugin: Plugin) -> Path | None:
    """The program of a plugin; None for plugins that have none to start (file bundles)."""
    if not plugin.executable or plugin.type in {"files", "transforms"}:
        return None
    if "/" in plugin.executable:
        return project.root / plugin.executable
    venv = venv_of(project, plugin)
    return venv / "bin" / plugin.executable if venv else None


def local_sources(project: MeltanoProject, pip_url: str, variables: Mapping[str, str]) -> Iterator[tuple[Path, bool]]:
    """Folders that a pip_url installs from, and whether they are editable.

    Args:
        project: Relative paths are relative to its root, where Meltano starts pip.
        pip_url: Arguments of ``pip install``.
        variables: For ``$NAME`` in it.
    """
    known = {**variables, "MELTANO_PROJECT_ROOT": str(project.root)}
    expanded = _REFERENCE.sub(lambda found: known.get(found[1] or found[2], found[0]), pip_url)
    editable = False
    for token in shlex.split(expanded):
        if token in {"-e", "--editable"}:
            editable = True
            continue
        place = token.rpartition(" @ ")[2].removeprefix("--editable=")
        if place.startswith("file:"):
            place = unquote(urlsplit(place).path)
        folder = project.root / re.sub(r"\[[^\]]*\]$", "", place)
        looks_local = place.startswith((".", "/", "~")) or "/" in place or editable
        if looks_local and "://" not in place and folder.exists():
            yield folder.resolve(), editable or token.startswith("--editable=")
        editable = False


def source_hash(
    project: MeltanoProject, plugin: Plugin, variables: Mapping[str, str], *, only_description: bool = False
) -> str:
    """Hash of the local packages that a plugin is installed from; empty when it comes from an index.

    Of an editable package only the files that describe it count: its code is used where it lies.

    Args:
        project: The project.
        plugin: The plugin.
        variables: For ``$NAME`` in its pip_url.
        only_description: Count those files only, of any package.
    """
    digest = hashlib.sha256()
    found = False
    for folder, editable in local_sources(project, plugin.pip_url or "", variables):
        found = True
        for path in _source_files(folder, editable=editable or only_description):
            digest.update(os.fsencode(path.relative_to(folder.parent)) + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest() if found else ""


def _source_files(folder: Path, *, editable: bool) -> Iterator[Path]:
    """The files that make a package, in a fixed order, without what tools leave beside them."""
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            hidden = path.name.startswith(".") or path.name in _NOT_SOURCE or path.name.endswith(".egg-info")
            if not hidden and not editable and not path.is_symlink():
                yield from _source_files(path, editable=editable)
        elif path.suffix != ".pyc" and (not editable or path.name in _DESCRIBES_PACKAGE):
            yield path


def distribution_of(venv: Path, executable: str) -> Distribution | None:
    """The installed package that brought a console script; read from its metadata, nothing is started."""
    for entry_points in sorted(venv.glob("lib/python*/site-packages/*.dist-info/entry_points.txt")):
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep upper case
        try:
            parser.read(entry_points, encoding="utf-8")
        except configparser.Error:
            continue
        if parser.has_option("console_scripts", executable):
            name, _, version = entry_points.parent.name.removesuffix(".dist-info").rpartition("-")
            return Distribution(name.replace("_", "-"), version)
    return None
