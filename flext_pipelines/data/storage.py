"""Durable files: written, flushed to the disk, renamed; and what a full disk means.

What belongs here: the few operations that the landing zone's promises rest on. What does not: what is in the files.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flext_pipelines.errors import AlreadyRunningError, ConfigError, FlextError, StorageFullError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def storage_error(error: OSError, place: Path) -> FlextError:
    """Ours for an operating system's error while a file below ``place`` was read or written."""
    details: dict[str, object] = {"path": str(error.filename or place), "errno": error.errno}
    cause = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        return StorageFullError(
            f"There is no room left to write below {place} ({cause})",
            "Free space, or set FLEXT_LANDING_ROOT, then run it again; nothing half-written is left",
            details,
        )
    if error.errno in _REFUSED:
        return ConfigError(
            f"{error.filename or place} may not be written ({cause})",
            "Give this user the right to write there, or choose another folder",
            details,
        )
    return UnavailableError(f"{error.filename or place} cannot be used ({cause})", "Look at the disk", details)


@contextmanager
def storage_errors(place: Path) -> Iterator[None]:
    """Operating system errors inside become ours.

    Raises:
        StorageFullError: No room is left.
        ConfigError: Writing is not allowed.
        UnavailableError: Anything else of the disk.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(error, place) from error


def sync_file(path: Path) -> None:
    """Flush a file's bytes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


sync_folder = sync_file
"""Flush a folder's entries to the disk; on Linux the same call as for a file."""


def write_durably(path: Path, content: bytes) -> None:
    """The whole content or nothing appears under ``path``, and survives a power cut."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sha256_of(path: Path) -> str:
    """Checksum of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(path: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends.

    Args:
        path: Its file, made if need be.
        what: What it is about, for the error.
        wait: Wait for its holder, for work of milliseconds.

    Raises:
        AlreadyRunningError: Another thread or process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise AlreadyRunningError(
                f"Something else is writing {what} right now", "Wait until it is done", {"lock": str(path)}
            ) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def read_lock(path: Path) -> Iterator[None]:
    """Say that a file, and what it stands for, is being read; any number of readers may.

    Raises:
        FileNotFoundError: It is gone.
    """
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        yield


@contextmanager
def unread(path: Path) -> Iterator[bool]:
    """Whether nobody reads the file; as long as this lasts, nobody begins to."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
