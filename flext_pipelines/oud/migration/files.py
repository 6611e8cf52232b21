"""Numbered files of bounded size, and what is known of a file that was written.

What belongs here: writing whole records behind each other, and checksums. What does not: where the folder lies
(``stage``), what the records say.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flext_pipelines.errors import StorageFullError, UnavailableError
from flext_pipelines.oud.migration.spool import write_all
from flext_pipelines.values import Value

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_VERSION = b"version: 1\n\n"


class WrittenFile(Value):
    """A file of the result.

    Attributes:
        name: Path below the folder.
        size: Bytes.
        sha256: Checksum.
        records: Records in it; None for a file without records.
    """

    name: str
    size: int
    sha256: str
    records: int | None = None


@contextmanager
def storage(place: Path) -> Iterator[None]:
    """Writing below a place: what the system says against it becomes our error.

    Raises:
        StorageFullError: No room is left.
        UnavailableError: Another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError(
                f"No room is left to write below {place}: {error.strerror}",
                "Free some, and run the migration again; nothing of it looks whole yet",
                {"folder": str(place)},
            ) from error
        raise UnavailableError(
            f"{error.filename or place} cannot be used: {error.strerror}",
            "Check the folder and its permissions",
            {"folder": str(place)},
        ) from error


class NumberedFiles:
    """``02-users-0001.ldif`` and so on: a new one where the next record would make the last too long.

    Args:
        folder: Where.
        prefix: How the names begin.
        limit: Bytes of a file.
        version_line: Begin each with ``version: 1``.

    Attributes:
        limit: As given.
        written: The files that are whole.
    """

    def __init__(self, folder: Path, prefix: str, limit: int, *, version_line: bool = False) -> None:
        self._folder, self._prefix, self.limit = folder, prefix, limit
        self._head = _VERSION if version_line else b""
        self._file: int | None = None
        self._name = ""
        self._digest = hashlib.sha256()
        self._size = self._records = 0
        self.written: list[WrittenFile] = []

    @property
    def room(self) -> int:
        """Bytes that still go into the file at hand; 0 when the next record begins another."""
        return max(self.limit - self._size, 0) if self._file is not None else 0

    def write(self, data: bytes, records: int) -> tuple[int, int]:
        """Write whole records, each with the empty line behind it, into one file.

        Returns:
            The number of the file, from 1, and where in it they begin.
        """
        if self._file is None or (self._size > len(self._head) and self._size + len(data) > self.limit):
            self._next()
        at = self._size
        self._put(data)
        self._records += records
        return len(self.written) + 1, at

    def _next(self) -> None:
        self._close()
        self._name = f"{self._prefix}-{len(self.written) + 1:04d}.ldif"
        self._file = os.open(self._folder / self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        if self._head:
            self._put(self._head)

    def _put(self, data: bytes) -> None:
        assert self._file is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self._digest.update(data)
        self._size += len(data)

    def _close(self) -> None:
        if self._file is None:
            return
        os.fsync(self._file)
        os.close(self._file)
        self._file = None
        self.written.append(
            WrittenFile(name=self._name, size=self._size, sha256=self._digest.hexdigest(), records=self._records)
        )
        self._digest = hashlib.sha256()
        self._size = self._records = 0

    def abandon(self) -> None:
        """Give the file back after a failure; it stays as it is, in a folder that is no result."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close(self) -> list[WrittenFile]:
        """End the last file.

        Returns:
            Every file.
        """
        self._close()
        return self.written


def write_file(folder: Path, name: str, data: bytes, records: int | None = None) -> WrittenFile:
    """Write a whole small file below a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a link to a file of the result before
    with path.open("wb", buffering=0) as file:
        write_all(file, data)
        os.fsync(file.fileno())
    return WrittenFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest(), records=records)


def file_there(folder: Path, name: str, records: int | None = None) -> WrittenFile:
    """What is known of a file that somebody wrote."""
    path = folder / name
    return WrittenFile(name=name, size=path.stat().st_size, sha256=digest_of(path), records=records)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
