"""Writing LDIF: entries, change records, and records as they were read; the same input gives the same bytes.

A record that was read and not changed is written as the bytes that it was, unless RFC 2849 does not allow them to be
written (raw bytes above 127, a space at the end of a value) or they have CRLF line ends: then those lines are made new.

What belongs here: files of records. What does not: the lines of a record (``render``).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from flext_pipelines.errors import StorageFullError, UnavailableError
from flext_pipelines.oud.ldif import render
from flext_pipelines.oud.ldif.lines import FOLD
from flext_pipelines.oud.ldif.parse import Attribute, Control, Modification, Rename
from flext_pipelines.oud.ldif.reader import Reject
from flext_pipelines.oud.ldif.record import Record

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Writable(Protocol):
    """What is needed of an open file."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""
        ...


class LdifWriter:
    """Writes records to an open file.

    Args:
        file: Open for writing bytes, buffered.
        version_line: Begin with ``version: 1``. slapadd refuses any version line, other tools take it.
        fold: Columns of a line; 0 folds nothing. Lines that were read keep their folds.

    Attributes:
        records: How many were written.
        bytes: How many bytes they are, with the empty lines after them.
    """

    def __init__(self, file: Writable, *, version_line: bool = False, fold: int = FOLD) -> None:
        if fold and fold < 2:
            raise ValueError("a line needs two columns at least to be folded")
        self.records = 0
        self.bytes = 0
        self._file = file
        self._fold = fold
        if version_line:
            file.write(b"version: 1\n\n")

    def write(self, record: Record) -> None:
        """Write a record as it was read or edited."""
        self._emit(render.record_bytes(record, self._fold))

    def write_entry(self, dn: bytes, attributes: Iterable[Attribute]) -> None:
        """Write a content record."""
        self._emit(render.entry_bytes(dn, attributes, self._fold))

    def write_add(self, dn: bytes, attributes: Iterable[Attribute], controls: Iterable[Control] = ()) -> None:
        """Write a change record that adds an entry."""
        self._emit(render.add_bytes(dn, attributes, controls, self._fold))

    def write_delete(self, dn: bytes, controls: Iterable[Control] = ()) -> None:
        """Write a change record that deletes an entry."""
        self._emit(render.delete_bytes(dn, controls, self._fold))

    def write_modify(self, dn: bytes, steps: Iterable[Modification], controls: Iterable[Control] = ()) -> None:
        """Write a change record that modifies an entry."""
        self._emit(render.modify_bytes(dn, steps, controls, self._fold))

    def write_rename(self, dn: bytes, rename: Rename, controls: Iterable[Control] = ()) -> None:
        """Write a change record that renames or moves an entry."""
        self._emit(render.rename_bytes(dn, rename, controls, self._fold))

    def write_comment(self, text: str) -> None:
        """Write a comment that belongs to the next record."""
        for line in text.splitlines():
            data = b"# " + line.encode("ascii", "backslashreplace") + b"\n"
            self._file.write(data)
            self.bytes += len(data)

    def _emit(self, record: bytes) -> None:
        self._file.write(record + b"\n\n")
        self.records += 1
        self.bytes += len(record) + 2


def write_reject(file: Writable, reject: Reject) -> None:
    """Write a refused record: why as a comment above it, then its bytes as they were."""
    why = str(reject.error).encode("ascii", "backslashreplace").replace(b"\n", b" ")
    file.write(b"# " + why + b"\n" + reject.raw + b"\n\n")


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when it is whole and on disk; a failure leaves nothing behind.

    Raises:
        StorageFullError: No room is left.
        UnavailableError: The folder does not take the file.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError(
                f"No room is left to write {path}", "Free some and run again", {"file": str(path)}
            ) from error
        if error.filename not in (str(partial), None):
            raise
        raise UnavailableError(
            f"{path} cannot be written: {error.strerror}", "Check the folder", {"file": str(path)}
        ) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_ldif_file(path: Path, *, version_line: bool = False, fold: int = FOLD) -> Iterator[LdifWriter]:
    """A writer to a ``new_file``."""
    with new_file(path) as file:
        yield LdifWriter(file, version_line=version_line, fold=fold)
