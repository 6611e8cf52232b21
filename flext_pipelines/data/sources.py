"""Opening what a reference points to in an engine, under a name.

What belongs here: datasets, files and warehouse tables as relations. What does not: what is computed on them.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flext_pipelines.data.dataset import MANIFEST
from flext_pipelines.data.engine import DEFAULT_MEMORY, Engine
from flext_pipelines.data.landing import changed_files, damaged
from flext_pipelines.data.storage import read_lock, storage_errors
from flext_pipelines.errors import ConfigError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from flext_pipelines.data.dataset import DataReference, Part
    from flext_pipelines.data.landing import LandingZone


_PARQUET = b"PAR1"
"""With which a Parquet file begins and ends."""
_SMALLEST = 12
"""Bytes: both marks, and the length of a footer."""


class Tables(Protocol):
    """Where tables are read from: the warehouse."""

    def rows(self, table: str) -> AbstractContextManager[pa.RecordBatchReader]:
        """The rows of a table.

        Raises:
            NotFoundError: There is no such table.
        """
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """A reference made definite: which files, or which table.

    Attributes:
        reference: With its version, if it is a dataset.
        files: Parquet files in order; empty for a table.
        checksum: Of the dataset; None for files and tables.
        manifest: Of the dataset; who reads it holds a lock on that file, so that retention leaves the version alone.
        parts: Of the dataset: what each file must be.
    """

    reference: DataReference
    files: tuple[Path, ...]
    checksum: str | None
    manifest: Path | None = None
    parts: tuple[Part, ...] = ()


def origin_of(landing: LandingZone, reference: DataReference) -> Origin:
    """Make a reference definite, so that ``latest`` means one version from here on.

    Raises:
        NotFoundError: The dataset, version or file does not exist.
        UsageError: A file is no Parquet file.
        ConfigError: A file may not be read.
    """
    if reference.dataset is not None:
        manifest = landing.resolve(reference)
        place = landing.folder(manifest) / MANIFEST
        return Origin(manifest.reference, landing.files(manifest), manifest.checksum, place, manifest.parts)
    files = tuple(Path(file) for file in reference.files)
    for file in files:
        _check_parquet(file.absolute())
    return Origin(reference, files, None)


def _check_parquet(file: Path) -> None:
    """See that a file can be read as Parquet, before anything begins.

    Raises:
        NotFoundError: It does not exist.
        UsageError: It is something else.
        ConfigError: It may not be read.
    """
    details: dict[str, object] = {"file": str(file)}
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(_PARQUET))
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(size - len(_PARQUET), 0))
            ends = opened.read()
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {file}", "Name a Parquet file that exists", details) from None
    except IsADirectoryError:
        raise UsageError(
            f"{file} is a folder", 'Name the Parquet files in it: files:["a.parquet", "b.parquet"]', details
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read ({error.strerror})", "Let this user read it, or name another file", details
        ) from error
    if begins != _PARQUET or ends != _PARQUET or size < _SMALLEST:
        raise UsageError(
            f"{file} is no whole Parquet file",
            "Write it again as Parquet; CSV and JSON come in through a tap and `flext data extract`",
            {**details, "bytes": size},
        )


@contextmanager
def engine_with(
    scratch: Path,
    origins: Mapping[str, Origin],
    tables: Tables | None,
    *,
    threads: int | None = None,
    memory: str = DEFAULT_MEMORY,
) -> Iterator[Engine]:
    """An engine in which each origin is a relation of its name; it can read nothing else.

    Raises:
        ConfigError: A table is named, and there is no warehouse.
        NotFoundError: A version was removed meanwhile.
        DataDamagedError: A file of a dataset is not what was written. Another whole Parquet file in its place would
            be read without a word, and its rows counted as those of the version.
    """
    with ExitStack() as held:
        for origin in origins.values():
            if origin.manifest is not None:
                held.enter_context(_being_read(origin.reference, origin.manifest))
                with storage_errors(origin.manifest.parent):
                    problems = changed_files(origin.manifest.parent, origin.parts)
                if problems:
                    raise damaged(origin.reference, problems)
        with _opened(scratch, origins, tables, threads, memory) as engine:
            yield engine


@contextmanager
def _being_read(reference: DataReference, manifest: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(read_lock(manifest))
        except FileNotFoundError:
            raise NotFoundError(
                f"{reference} was removed while it was about to be read",
                "Extract it again, or keep more versions (FLEXT_LANDING_KEEP)",
                {"reference": str(reference)},
            ) from None
        yield


@contextmanager
def _opened(
    scratch: Path, origins: Mapping[str, Origin], tables: Tables | None, threads: int | None, memory: str
) -> Iterator[Engine]:
    read = [file for origin in origins.values() for file in origin.files]
    with Engine(scratch, read=read, threads=threads, memory=memory) as engine:
        first: dict[DataReference, str] = {}
        for name, origin in origins.items():
            known = first.setdefault(origin.reference, name)
            if known != name:
                engine.alias(name, known)  # a table of the warehouse is copied, and once is enough
            elif origin.reference.table is None:
                engine.view(name, origin.files)
            elif tables is None:
                raise ConfigError(f"{origin.reference} is in the warehouse, and none is configured", "Set one")
            else:
                with tables.rows(origin.reference.table) as reader:
                    engine.table(name, reader)
        yield engine
