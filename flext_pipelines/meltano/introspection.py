"""What a project holds, fast: read once through the Meltano library, then from a cache until something changes.

A look-up that finds the cache fresh imports neither Meltano nor YAML and takes a few milliseconds, which is what
loading a Dagster code location and starting a run can afford. Nothing here starts a process or writes to the project.

What belongs here: the cache and its fingerprint. What does not: reading in full (``project_reader``).
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from flext_pipelines.errors import ConfigError
from flext_pipelines.meltano.catalogue import ProjectCatalogue
from flext_pipelines.meltano.environment import child_environment
from flext_pipelines.settings import environment as process_environment
from flext_pipelines.settings import make_private

if TYPE_CHECKING:
    from flext_pipelines.meltano.project import MeltanoProject

log = logging.getLogger("flext.meltano")

_FORMAT = 3
_ATTEMPTS = 3
_DOTENV_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class _Inputs:
    """What a catalogue was read from, besides ``meltano.yml``, lock files and snapshots.

    Attributes:
        patterns: ``include_paths`` of ``meltano.yml``.
        prefixes: Upper-case prefixes of variables that configure plugins: ``TAP_SHOP_``.
        catalogs: Catalog files that taps name in their ``catalog`` extra, relative to the project.
    """

    patterns: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    catalogs: tuple[str, ...] = ()


def read_catalogue(project: MeltanoProject) -> ProjectCatalogue:
    """Plugins, pipelines, schedules and streams of a project in its environment.

    Raises:
        NotFoundError: There is no project, or it has no such environment.
        ConfigError: A file of the project is wrong; with file, line, column and what is wrong.
    """
    kept = _read_cache(project)
    if kept is not None:
        inputs, catalogue = kept
        if catalogue.fingerprint == _fingerprint(project, inputs):
            return catalogue
    for _ in range(_ATTEMPTS):
        inputs, catalogue = _read_in_full(project)
        before = catalogue.fingerprint
        if before == _fingerprint(project, inputs):  # else a file changed while it was read
            _write_cache(project, inputs, catalogue)
            return catalogue
    raise ConfigError(
        f"The files of {project.root} keep changing while they are read",
        "Try again when nothing writes to them",
        {"folder": str(project.root)},
    )


def snapshots_folder(project: MeltanoProject) -> Path:
    """Where discovered catalogs of the environment are kept, one file per tap."""
    return project.home / "catalogs" / project.environment


def seen_variables(project: MeltanoProject, prefixes: Sequence[str]) -> dict[str, str]:
    """The variables of this process that a plugin's settings may come from in a run.

    Those that carry a plugin's own prefix, and those that ``FLEXT_MELTANO_PASS_ENV`` lets through.
    """
    return {
        name: value
        for name, value in process_environment().items()
        if name.startswith(tuple(prefixes)) or any(fnmatch.fnmatchcase(name, glob) for glob in project.pass_env)
    }


@contextmanager
def nothing_configured() -> Iterator[None]:
    """Importing Meltano configures structlog, and makes rich print this process's tracebacks; both are undone.

    Whoever imports us did not ask for either.
    """
    hook, structlog = sys.excepthook, sys.modules.get("structlog")
    before = structlog.get_config() if structlog and structlog.is_configured() else None
    try:
        yield
    finally:
        sys.excepthook = hook
        structlog = sys.modules.get("structlog")
        if structlog is not None:
            structlog.reset_defaults()
            if before is not None:
                structlog.configure(**before)


def _read_in_full(project: MeltanoProject) -> tuple[_Inputs, ProjectCatalogue]:
    """Through the library; the fingerprint is that from before the reading."""
    from flext_pipelines.meltano.project_files import read_project_files

    with nothing_configured():
        from flext_pipelines.meltano.project_reader import read_in_full

    files = read_project_files(project.root)
    definitions = tuple(files.definitions())
    names = {str(item.data.get(key)) for item in definitions for key in ("name", "namespace") if item.data.get(key)}
    inputs = _Inputs(
        patterns=files.include_paths,
        prefixes=tuple(sorted(re.sub(r"\W", "_", name).upper() + "_" for name in names)),
        catalogs=tuple(sorted({str(d.data["catalog"]) for d in definitions if d.data.get("catalog")})),
    )
    before = _fingerprint(project, inputs)
    catalogue = read_in_full(
        project.root,
        project.environment,
        files,
        child_environment(project, process_environment()),
        snapshots_folder(project),
    )
    return inputs, catalogue.model_copy(update={"fingerprint": before})


def _fingerprint(project: MeltanoProject, inputs: _Inputs) -> str:
    """One hash over everything that the catalogue depends on."""
    digest = hashlib.sha256(repr((_FORMAT, sys.version_info[:2], str(project.root), project.environment)).encode())
    for marker in _program_markers():
        digest.update(marker)
    for path in _files(project, inputs):
        try:
            content = hashlib.sha256(path.read_bytes()).digest()
        except OSError:
            content = b"(absent)"
        digest.update(os.fsencode(path) + b"\0" + content)
    for venv in sorted(project.system_folder.glob("*/*/venv/.meltano_plugin_fingerprint")):
        digest.update(os.fsencode(venv))
    for name, value in _variables(project, inputs):
        digest.update(f"{name}={value}\0".encode())
    return digest.hexdigest()


def _program_markers() -> Iterable[bytes]:
    """Change when Meltano is upgraded or this package is edited."""
    spec = PathFinder.find_spec("meltano")  # a namespace package: our own project folder may be a part of it
    for folder in spec.submodule_search_locations or () if spec else ():
        core = Path(folder, "core")
        if core.is_dir():
            yield os.fsencode(core) + str(core.stat().st_mtime_ns).encode()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        yield str(path.stat().st_mtime_ns).encode()


def _files(project: MeltanoProject, inputs: _Inputs) -> Iterable[Path]:
    yield project.file
    for pattern in inputs.patterns:
        yield from sorted(project.root.glob(pattern))
    yield from sorted(project.root.glob("plugins/*/*.lock"))
    yield from sorted(snapshots_folder(project).glob("*.json"))
    yield from (project.root / name for name in inputs.catalogs)


def _variables(project: MeltanoProject, inputs: _Inputs) -> Iterable[tuple[str, str]]:
    """Names of all variables that settings may come from; values only of extras (``TAP_X__SELECT``), never secret."""
    try:
        text = (project.root / ".env").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found: Mapping[str, str] = dict(_DOTENV_LINE.findall(text)) | seen_variables(project, inputs.prefixes)
    for name in sorted(found):
        yield name, found[name].strip() if "__" in name else ""


def _cache_file(project: MeltanoProject) -> Path:
    place = hashlib.sha256(os.fsencode(project.root)).hexdigest()[:16]
    environment = re.sub(r"[^\w.-]", "_", project.environment)
    return project.home / "cache" / f"catalogue-{place}-{environment}.json"


def _read_cache(project: MeltanoProject) -> tuple[_Inputs, ProjectCatalogue] | None:
    """Two lines of JSON: what it depends on, then the catalogue. None when there is no usable one."""
    try:
        first, second = _cache_file(project).read_bytes().split(b"\n", 1)
        header = json.loads(first)
        if header.pop("format") != _FORMAT:
            return None
        inputs = _Inputs(**{name: tuple(values) for name, values in header.items()})
        return inputs, ProjectCatalogue.model_validate_json(second)
    except (OSError, ValueError, TypeError, KeyError, ValidationError):  # absent, or of another version, or cut short
        return None


def _write_cache(project: MeltanoProject, inputs: _Inputs, catalogue: ProjectCatalogue) -> None:
    """Replace the cache file; mode 0600, since schedules carry environment values."""
    path = _cache_file(project)
    header = json.dumps({"format": _FORMAT, **asdict(inputs)})
    try:
        make_private(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(f"{header}\n{catalogue.model_dump_json()}")
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        log.warning("The catalogue of %s was read but cannot be cached in %s: %s", project.root, path.parent, error)
