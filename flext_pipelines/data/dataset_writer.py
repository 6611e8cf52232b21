"""One version of a dataset in the making: parts, rejects, and the commit that makes it appear whole.

What belongs here: writing one version. What does not: locks, and which versions there are (``landing``).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.data.dataset import MANIFEST, Draft, Manifest, Mode, Part, total_checksum
from flext_pipelines.data.parts import PartWriter
from flext_pipelines.data.records import plain
from flext_pipelines.data.storage import sha256_of, storage_errors, sync_file, sync_folder, write_durably

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa


class DatasetWriter:
    """One version in the making. Made by ``LandingZone.writer``; the dataset's lock is held meanwhile.

    Args:
        home: The dataset's folder, in which the version will appear.
        incoming: Where it is made until then.
        next_version: Name and time of the version that comes next, given how it came to be.
    """

    def __init__(self, home: Path, incoming: Path, next_version: Callable[[Mode], tuple[str, datetime]]) -> None:
        self.dataset = home.name
        self.folder = incoming
        self._home = home
        self._next_version = next_version
        self.parts = PartWriter(incoming)
        self._rejects = 0

    @property
    def rows(self) -> int:
        """Rows so far."""
        return self.parts.rows

    def append(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        with storage_errors(self._home):
            self.parts.append(batch)

    def adopt(self, path: Path) -> int:
        """Take a Parquet file as it is; its number of rows comes back."""
        with storage_errors(self._home):
            return self.parts.adopt(path)

    def reject(self, record: object, reason: str) -> None:
        """Keep a record that does not fit, with the reason."""
        line = json.dumps({"reason": reason, "record": record}, ensure_ascii=False, default=plain) + "\n"
        with storage_errors(self._home), (self.folder / "rejects.jsonl").open("a", encoding="utf-8") as file:
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
        with storage_errors(self._home):
            parts = self.parts.finish(schema)
            exports = [_described(path, 0) for path in export(self.folder, parts)] if export else []
            shutil.rmtree(self.folder / ".scratch", ignore_errors=True)
            rejects = self.folder / "rejects.jsonl"
            version, created = self._next_version(draft.mode)
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
            self.folder.rename(self._home / version)
            sync_folder(self._home)
        return manifest


def _described(path: Path, rows: int) -> Part:
    sync_file(path)
    return Part(name=path.name, rows=rows, bytes=path.stat().st_size, sha256=sha256_of(path))
