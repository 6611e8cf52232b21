"""The landing zone: ``<root>/<dataset>/<version>/`` with Parquet parts and ``manifest.json``.

A version appears at once and whole: its parts are written and flushed under a temporary name, the manifest
last, then the folder is renamed. Whatever dies before the rename leaves a folder that nobody takes for a
version, and the next writer of the dataset (or ``sweep``) removes it.

What belongs here: versions, their manifests, locks, checks. What does not: which may go (``retention``), what the
rows mean.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from flext_pipelines.data.dataset import (
    FORMAT_VERSION,
    LATEST,
    MANIFEST,
    DataReference,
    Manifest,
    Mode,
    Part,
    check_name,
    is_version,
    total_checksum,
    version_name,
)
from flext_pipelines.data.dataset_writer import DatasetWriter
from flext_pipelines.data.retention import SETTLING, Keep, leaving
from flext_pipelines.data.scratch import WORK, scratch_folder, sweep_scratch
from flext_pipelines.data.storage import (
    locked,
    sha256_of,
    storage_errors,
    sync_folder,
    unread,
)
from flext_pipelines.errors import (
    AlreadyRunningError,
    ConflictError,
    DataDamagedError,
    FlextError,
    NotFoundError,
    UsageError,
)
from flext_pipelines.settings import make_private
from flext_pipelines.values import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


_INCOMING = ".incoming-"
_LEAVING = ".leaving-"
_LOCK = ".lock"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class LandingZone:
    """Datasets below one folder.

    Args:
        root: The folder; made when something is first written.
        now: The clock, for names of versions; their order does not depend on it.
        keep: What stays of a dataset when ``tidy`` is called; None is everything.
    """

    def __init__(self, root: Path, now: Callable[[], datetime] = _now, keep: Keep | None = None) -> None:
        self.root = root
        self._now = now
        self._keep = keep

    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets that have a whole version."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted(folder.name for folder in self.root.iterdir() if self.versions(folder.name)))

    def versions(self, dataset: str) -> tuple[str, ...]:
        """Whole versions, oldest first; none for a dataset that does not exist."""
        folder = self.root / dataset
        if not folder.is_dir():
            return ()
        found = [entry.name for entry in folder.iterdir() if is_version(entry.name) and (entry / MANIFEST).is_file()]
        return tuple(sorted(found, key=_number))

    def read(self, dataset: str, version: str = LATEST) -> Manifest:
        """The manifest of a version.

        Raises:
            NotFoundError: There is no such dataset or version; with those there are.
            DataDamagedError: The manifest cannot be read.
        """
        versions = self.versions(check_name(dataset))
        if not versions:
            raise self._no_dataset(dataset)
        wanted = versions[-1] if version == LATEST else version
        if wanted not in versions:
            raise NotFoundError(
                f"Dataset {dataset!r} has no version {version!r}",
                f"Its versions are {', '.join(versions[-3:])}; `latest` is the newest",
                {"dataset": dataset, "version": version, "versions": list(versions)[-50:]},
            )
        return self._manifest(self.root / dataset / wanted / MANIFEST)

    def _no_dataset(self, dataset: str) -> NotFoundError:
        there = self.datasets()
        near = get_close_matches(dataset, there, 3)
        if near:
            instruction = f"Did you mean {', '.join(near)}?"
        elif there:
            instruction = "`flext data list` lists those there are; `flext data extract` makes another"
        else:
            instruction = "It is empty: `flext data extract TAP STREAM` makes the first dataset"
        if Path(dataset).is_file():
            instruction = f"Write file:{dataset} for the file of that name"
        return NotFoundError(
            f"There is no dataset {dataset!r} in the landing zone",
            instruction,
            {"dataset": dataset, "near": near, "datasets": list(there[:50])},
        )

    def manifests(self, dataset: str) -> Iterator[Manifest]:
        """Manifests of the whole versions, newest first."""
        for version in reversed(self.versions(dataset)):
            yield self._manifest(self.root / dataset / version / MANIFEST)

    def _manifest(self, path: Path) -> Manifest:
        try:
            content = path.read_bytes()
            found = json.loads(content).get("format_version")
            if found != FORMAT_VERSION:
                raise DataDamagedError(
                    f"{path} is of format {found}, and this version of flext-pipelines reads {FORMAT_VERSION}",
                    "Use the flext-pipelines that wrote it, or extract the dataset again",
                    {"path": str(path), "format_version": found},
                )
            return Manifest.model_validate_json(content)
        except (ValidationError, ValueError, AttributeError) as error:
            raise DataDamagedError(
                f"{path} is no manifest", "Remove its folder and extract the dataset again", {"path": str(path)}
            ) from error

    def folder(self, manifest: Manifest) -> Path:
        """Where the version's files lie."""
        return self.root / manifest.dataset / manifest.version

    def files(self, manifest: Manifest) -> tuple[Path, ...]:
        """The version's Parquet parts, in the order of their rows."""
        return tuple(self.folder(manifest) / part.name for part in manifest.parts)

    def verify(self, dataset: str, version: str = LATEST) -> Manifest:
        """Compare every file with its manifest, byte for byte.

        Raises:
            DataDamagedError: A file is missing, changed or unknown; details name each.
            NotFoundError: There is no such version.
        """
        manifest = self.read(dataset, version)
        folder = self.folder(manifest)
        expected = {part.name: part for part in _files_of(manifest)}
        problems = changed_files(folder, expected.values())
        present = {entry.name for entry in folder.iterdir()} - {MANIFEST}
        problems += [f"{name} is not in the manifest" for name in sorted(present - set(expected))]
        if total_checksum(manifest.parts, manifest.columns) != manifest.checksum:
            problems.append("the manifest's total checksum does not follow from its parts")
        if problems:
            raise damaged(manifest.reference, problems)
        return manifest

    def with_key(self, dataset: str, key: str | None, request: str) -> Manifest | None:
        """The version that was made under an idempotency key.

        Raises:
            ConflictError: The key was used for something else.
        """
        if key is None:
            return None
        for manifest in self.manifests(dataset):
            if manifest.idempotency_key == key:
                if manifest.request != request:
                    raise ConflictError(
                        f"Version {manifest.version} of {dataset!r} was made under the same idempotency key "
                        "from another request",
                        "Use another key",
                        {"dataset": dataset, "version": manifest.version},
                    )
                return manifest
        return None

    @contextmanager
    def writer(self, dataset: str) -> Iterator[DatasetWriter]:
        """Write one new version; leave without ``commit`` and nothing remains of it.

        Raises:
            AlreadyRunningError: Something else writes this dataset.
            StorageFullError: No room is left; nothing half-written remains.
        """
        folder = self.root / check_name(dataset)
        with storage_errors(self.root):
            make_private(folder)
            with locked(folder / _LOCK, f"dataset {dataset!r}"):
                _remove_leftovers(folder)
                incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=folder))
                writer = DatasetWriter(folder, incoming, partial(self._next_version, dataset))
                try:
                    yield writer
                finally:
                    writer.close()
                    shutil.rmtree(incoming, ignore_errors=True)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for work in progress that makes no version, such as a load; gone afterwards.

        Raises:
            StorageFullError: No room is left.
        """
        with storage_errors(self.root), scratch_folder(self.root) as folder:
            yield folder

    def sweep(self) -> tuple[str, ...]:
        """Remove what killed writers left behind; the names of what went come back. Living writers keep theirs."""
        if not self.root.is_dir():
            return ()
        removed = [f"{WORK}/{name}" for name in sweep_scratch(self.root)]
        for folder in sorted(entry for entry in self.root.iterdir() if entry.is_dir() and entry.name != WORK):
            with suppress(AlreadyRunningError), locked(folder / _LOCK, folder.name):
                removed += [f"{folder.name}/{name}" for name in _remove_leftovers(folder)]
        return tuple(removed)

    def retain(
        self, dataset: str, keep: Keep, *, keep_snapshots: bool = True, settling: timedelta = timedelta(0)
    ) -> tuple[str, ...]:
        """Remove old versions; the names of those removed come back.

        What a bookmark or a delta needs stays (``retention.needed``), and so does what somebody reads right now.

        Args:
            dataset: The dataset.
            keep: What stays.
            keep_snapshots: Snapshots neither count nor go.
            settling: Versions younger than that stay.

        Raises:
            AlreadyRunningError: The dataset is being written.
            DataDamagedError: A manifest cannot be read, so that nobody knows what is needed.
        """
        self.read(dataset)
        folder = self.root / dataset
        removed = []
        with storage_errors(folder), locked(folder / _LOCK, f"dataset {dataset!r}"):
            newest_first = list(self.manifests(dataset))
            for version in leaving(newest_first, keep, self._now(), keep_snapshots=keep_snapshots, settling=settling):
                with unread(folder / version / MANIFEST) as free:
                    if free:
                        gone = folder / f"{_LEAVING}{version}"
                        (folder / version).rename(gone)
                        shutil.rmtree(gone)
                        removed.append(version)
            sync_folder(folder)
        return tuple(removed)

    def tidy(self, dataset: str) -> tuple[str, ...]:
        """What the setting wants removed, after a command that wrote or read a dataset; the names of what went.

        Raises:
            DataDamagedError: A manifest cannot be read; nothing is removed.
        """
        if self._keep is None or not self.versions(dataset):
            return ()
        with suppress(AlreadyRunningError):  # its next writer does it
            return self.retain(dataset, self._keep, settling=SETTLING)
        return ()

    def _next_version(self, dataset: str, mode: Mode) -> tuple[str, datetime]:
        """Name and time of the version that comes next; call it with the dataset's lock held."""
        versions = self.versions(dataset)
        created = self._now()
        return version_name(_number(versions[-1]) + 1 if versions else 1, mode, created), created

    def resolve(self, reference: DataReference) -> Manifest:
        """The manifest of a reference to a dataset.

        Raises:
            UsageError: The reference is not to a dataset.
        """
        if reference.dataset is None:
            raise UsageError(f"{reference} is no dataset of the landing zone", "Name a dataset")
        return self.read(reference.dataset, reference.version)


def _files_of(manifest: Manifest) -> tuple[Part, ...]:
    return (*manifest.parts, *manifest.exports, *((manifest.rejects,) if manifest.rejects else ()))


def _number(version: str) -> int:
    return int(version.partition("-")[0])


def _remove_leftovers(folder: Path) -> list[str]:
    left = [entry.name for entry in os.scandir(folder) if entry.name.startswith((_INCOMING, _LEAVING))]
    for name in left:
        shutil.rmtree(folder / name, ignore_errors=True)
    return left


def changed_files(folder: Path, parts: Iterable[Part]) -> list[str]:
    """What is wrong with files of a version, each compared with its manifest byte for byte; empty when all is well."""
    problems = []
    for part in parts:
        path = folder / part.name
        if not path.is_file():
            problems.append(f"{part.name} is missing")
        elif path.stat().st_size != part.bytes or sha256_of(path) != part.sha256:
            problems.append(f"{part.name} was changed after it was written")
    return problems


def damaged(reference: DataReference, problems: Sequence[str]) -> DataDamagedError:
    """The error of a version whose files are not what was written."""
    return DataDamagedError(
        f"Dataset {reference} is damaged: {'; '.join(problems)}",
        "Extract or transform it again",
        {"dataset": reference.dataset, "version": reference.version, "problems": list(problems)},
    )


def tidy(landing: LandingZone, on_progress: Callable[[Progress], None], *references: DataReference | None) -> None:
    """What the setting wants removed of these datasets goes, and is told.

    What cannot go is a warning: whoever calls has done what was asked for.
    """
    for dataset in (one.dataset for one in references if one is not None and one.dataset is not None):
        try:
            removed = landing.tidy(dataset)
        except FlextError as error:
            on_progress(Progress(kind="warning", text=f"Old versions of {dataset} stay: {error}"))
            continue
        if removed:
            on_progress(Progress(text=f"Removed {len(removed)} old versions of {dataset}: {', '.join(removed)}"))
