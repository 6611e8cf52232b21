"""The landing of BATCH files: Parquet, written chunk by chunk, visible under its name only when it is whole."""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlparse

from singer_columnar.errors import LandingFailedError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from singer_sdk.helpers._batch import BatchConfig

MAX_FILE_BYTES: Final = 512 * 1024 * 1024
"""A file is closed at so many bytes of Arrow data, however few rows they are."""

RUN_FOLDER: Final = "FLEXT_BATCH_ROOT"
"""Variable with the folder of the run. In the configuration it would make that another one for each run, and Meltano
discovers a tap anew whose configuration has changed."""

_COMPRESSIONS: Final = {"none", "snappy", "gzip", "zstd", "lz4", "brotli"}
_ALIASES: Final = {"gz": "gzip", "uncompressed": "none"}


def with_storage(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings with ``batch_config.storage.root``, where batches are asked for without saying where to.

    Args:
        config: The tap's settings.

    Raises:
        SettingsError: Nor does the environment say so.
    """
    batches = config.get("batch_config")
    storage = (batches or {}).get("storage") or {}
    if not batches or storage.get("root"):
        return config
    folder = os.environ.get(RUN_FOLDER)
    if not folder:
        raise SettingsError(
            "batch_config names no folder for the batch files",
            f"Set batch_config.storage.root, or the variable {RUN_FOLDER}.",
        )
    return {**config, "batch_config": {**batches, "storage": {**storage, "root": Path(folder).absolute().as_uri()}}}


class ParquetLanding:
    """Writes one Parquet file after the other into the storage of the batch configuration."""

    def __init__(self, stream: str, schema: pa.Schema, batch_config: BatchConfig, max_rows: int) -> None:
        self._stream = stream
        self._schema = schema
        self._storage = batch_config.storage
        self._compression = _compression(batch_config.encoding.compression)
        self._max_rows = max_rows
        self._writer: Any = None
        self._sink: Any = None
        self._final: Path | None = None
        self._partial: Path | None = None
        self._uri = ""
        self._rows = 0
        self._bytes = 0
        self._number = 0

    @property
    def has_rows(self) -> bool:
        """Whether a file is open."""
        return self._writer is not None

    @property
    def is_full(self) -> bool:
        """Whether the open file has as many rows or bytes as it should."""
        return self._rows >= self._max_rows or self._bytes >= MAX_FILE_BYTES

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows to the open file, opening one if there is none.

        Raises:
            LandingFailedError: If the file cannot be written.
        """
        try:
            if self._writer is None:
                self._open()
            self._writer.write_batch(batch)
        except OSError as error:
            self.discard()
            raise self._failed(error) from error
        self._rows += batch.num_rows
        self._bytes += batch.nbytes

    def room(self) -> int:
        """How many rows the open file still takes."""
        return self._max_rows - self._rows

    def finish(self) -> str:
        """Close the open file.

        Returns:
            Its URI.

        Raises:
            LandingFailedError: If the last of it cannot be written.
        """
        try:
            self._writer.close()
            self._sink.close()
            if self._partial is not None and self._final is not None:
                os.replace(self._partial, self._final)
        except OSError as error:
            self.discard()
            raise self._failed(error) from error
        self._writer = self._sink = self._partial = None
        self._rows = self._bytes = 0
        return self._uri

    def discard(self) -> None:
        """Remove the open file, if there is one."""
        for closing in (self._writer, self._sink):
            if closing is not None:
                # The disk may be full: what cannot be written any more is thrown away anyhow.
                with contextlib.suppress(OSError):
                    closing.close()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)
        self._writer = self._sink = self._partial = None
        self._rows = self._bytes = 0

    def _open(self) -> None:
        import pyarrow.parquet as pq

        self._number += 1
        prefix = self._storage.prefix or ""
        name = f"{prefix}{_file_name(self._stream)}-{uuid.uuid4().hex}-{self._number:05d}.parquet"
        folder = _local_folder(self._storage.root)
        if folder is None:
            path = self._storage._root_path / name
            self._uri = path.as_uri()
            self._sink = path.open("wb")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._final = folder / name
            self._partial = folder / f".{name}.part"
            self._uri = self._final.as_uri()
            self._sink = self._partial.open("wb")
        self._writer = pq.ParquetWriter(
            self._sink, self._schema, compression=self._compression, use_dictionary=False, store_schema=True
        )

    def _failed(self, error: OSError) -> LandingFailedError:
        return LandingFailedError(
            f"The batch file of stream '{self._stream}' could not be written below {self._storage.root}: {error}",
            "Make room on the disk or choose another batch_config.storage.root, then run again: rows after the last "
            "STATE come again.",
        )


def _compression(name: str | None) -> str:
    wanted = _ALIASES.get(name or "none", name or "none")
    if wanted not in _COMPRESSIONS:
        raise SettingsError(
            f"batch_config.encoding.compression {name!r} is not one that Parquet has",
            f"Choose one of {', '.join(sorted(_COMPRESSIONS))}.",
        )
    return wanted


def _local_folder(root: str) -> Path | None:
    """The folder of a local root, given as a path or a file URI; None for another storage."""
    parsed = urlparse(root)
    if parsed.scheme == "file":
        return Path(unquote(parsed.path)).resolve()
    return Path(root).resolve() if len(parsed.scheme) <= 1 else None


def _file_name(stream: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in stream)
