"""Records of the export, read a second time where something about them must be said.

What belongs here: going to a record by its place. What does not: what is said about it.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from flext_pipelines.errors import DataDamagedError
from flext_pipelines.oud.ldif.reader import open_file, read_again
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.migration.rows import Origin


class Source:
    """The export, open for looking things up.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open_file(path)

    def __enter__(self) -> Self:
        """The source; leaving closes the file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def raw(self, origin: Origin) -> bytes:
        """The bytes of a record.

        Raises:
            DataDamagedError: The export is shorter than it was.
        """
        parts, offset, left = [], origin.offset, origin.size
        while left and (data := os.pread(self._file.fileno(), min(left, 1 << 20), offset)):
            parts.append(data)
            offset, left = offset + len(data), left - len(data)
        if left:
            raise DataDamagedError(
                f"{self._path} ends within the record of line {origin.line}; it was changed while it was read",
                "Run the migration again, on a file that nobody writes",
                {"file": str(self._path), "line": origin.line},
            )
        return b"".join(parts)

    def record(self, origin: Origin) -> Record:
        """A record that was accepted before."""
        return read_again(self.raw(origin), origin.line, origin.offset, file=str(self._path))
