"""One version of a dataset in the making: parts, rejects, and the commit that makes it appear whole.

What belongs here: writing one version. What does not: locks, and which versions there are (``landing``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.data.dataset import MANIFEST, Column, Draft, Manifest, Part
from flext_pipelines.data.parts import PartWriter
from flext_pipelines.data.records import plain
from flext_pipelines.data.storage import sha256_of, storage_errors, sync_file, sync_folder, write_durably

if TYPE_CHECKING:
    import pyarrow as pa

    from flext_pipelines.data.landing import LandingZone


class DatasetWriter:
    """One version in the making. Made by ``LandingZone.writer``; the dataset's lock is held meanwhile."""

    def __init__(self, landing: LandingZone, dataset: str, incoming: Path) -> None:
        self.landing = landing
        self.dataset = dataset
        self.folder = incoming
        self.parts = PartWriter(incoming)
        self._rejects = 0

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.parts.rows

    def append(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        with storage_errors(self.landing.root):
            self.parts.append(batch)

    def adopt(self, path: Path) -> int:
        """Take a Parquet file as it is; its number of rows comes back."""
        with storage_errors(self.landing.root):
            return self.parts.adopt(path)

    def reject(self, record: object, reason: str) -> None:
        """Keep a record that does not fit, with the reason."""
        line = json.dumps({"reason": reason, "record": record}, ensure_ascii=False, default=plain) + "\n"
        with storage_errors(self.landing.root), (self.folder / "rejects.jsonl").open("a", encoding="utf-8") as file:
            file.write(line)
        self._rejects += 1

    def scratch(self) -> Path:
        """A folder for work in progress beside the parts; it never becomes part of the version."""
        folder = self.folder / ".scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def close(self) -> None:
        """Let go of open files."""
        self.parts.abandon()

    def commit(
        self,
        draft: Draft,
        *,
        schema: pa.Schema | None = None,
        export: Callable[[Path, Sequence[Part]], Sequence[Path]] | None = None,
    ) -> Manifest:
        """Make the version appear, whole and flushed to the disk.

        Args:
            draft: What is known of it.
            schema: Columns, for a version without rows.
            export: Writes the same rows in another format; gives the files it wrote in the version's folder.

        Raises:
            StorageFullError: No room is left.
        """
        with storage_errors(self.landing.root):
            parts = self.parts.finish(schema)
            exports = [_described(path, 0) for path in export(self.folder, parts)] if export else []
            shutil.rmtree(self.folder / ".scratch", ignore_errors=True)
            rejects = self.folder / "rejects.jsonl"
            version, created = self.landing.next_version(self.dataset, draft.mode)
            manifest = Manifest(
                **draft.model_dump(),
                dataset=self.dataset,
                version=version,
                created=created,
                rows=sum(part.rows for part in parts),
                bytes=sum(part.bytes for part in parts),
                columns=self.parts.columns,
                parts=parts,
                exports=tuple(exports),
                rejects=_described(rejects, self._rejects) if self._rejects else None,
                checksum=total_checksum(parts, self.parts.columns),
            )
            sync_folder(self.folder)
            write_durably(self.folder / MANIFEST, manifest.model_dump_json(indent=1, exclude_none=True).encode())
            self.folder.rename(self.landing.folder(manifest))
            sync_folder(self.landing.root / self.dataset)
        return manifest


def total_checksum(parts: Sequence[Part], columns: Sequence[Column]) -> str:
    """One checksum for all parts and columns: equal bytes in equal order give an equal one."""
    content = {"parts": [[part.rows, part.sha256] for part in parts], "columns": [[c.name, c.type] for c in columns]}
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _described(path: Path, rows: int) -> Part:
    sync_file(path)
    return Part(name=path.name, rows=rows, bytes=path.stat().st_size, sha256=sha256_of(path))
