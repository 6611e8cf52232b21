"""What of a load is settled, on disk, so that a load that was killed goes on where it was.

An append-only file of JSON lines. The first says what is loaded: the files with their checksums, the server, the
policy. Each further one says up to where records are settled and up to where they may have been sent since; it is on
disk before any of those is sent. Whatever happens, the records between the two marks are in doubt, and no others: they
are sent again, and one that the server has already as it should be counts as done.

What belongs here: the file, and that one load at a time writes it. What does not: sending.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from flext_pipelines.errors import (
    AlreadyRunningError,
    ConflictError,
    DataDamagedError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
    UsageError,
)

FORMAT = "flext-oud-load 1"
_BLOCK = 1 << 20
_NO_ROOM = {28, 122, 27}
_REJECTED = re.compile(rb"(?:version: 1\n+)?# rejected: line ")


class Place(NamedTuple):
    """A record's place: which file, from 0, and its first byte and line there."""

    file: int
    offset: int
    line: int = 1


class LoadedFile(NamedTuple):
    """A file of a load: its path, size and SHA-256."""

    path: str
    bytes: int
    sha256: str


class State(NamedTuple):
    """How far a load is.

    Attributes:
        settled: The first record that is not settled.
        horizon: Records before this place may have been sent.
        counts: Of the settled records.
        rejects_bytes: How long the file of rejects is that belongs to them.
        done: Whether all files are loaded.
    """

    settled: Place
    horizon: Place
    counts: Mapping[str, int]
    rejects_bytes: int
    done: bool


class Journal:
    """The journal of one load; made by ``open_journal``.

    Attributes:
        path: Where it is.
        state: How far the load was when the journal was opened; None for a new one.
    """

    def __init__(self, path: Path, file: IO[bytes], state: State | None) -> None:
        self.path = path
        self.state = state
        self._file = file

    def note(self, state: State) -> None:
        """Write down how far the load is; on disk when this returns.

        Raises:
            StorageFullError: No room is left; the load must not go on.
        """
        line = {
            "settled": list(state.settled), "horizon": list(state.horizon), "counts": dict(state.counts),
            "rejects_bytes": state.rejects_bytes, "done": state.done,
        }  # fmt: skip
        _append(self._file, line, self.path)


@contextlib.contextmanager
def open_journal(path: Path, *, url: str, policy: str, files: Sequence[LoadedFile]) -> Iterator[Journal]:
    """The journal of a load, begun or taken up again, for this process alone.

    Args:
        path: Where it is, or shall be.
        url: Of the server.
        policy: What is done with entries that are there.
        files: What is loaded, in order.

    Raises:
        AlreadyRunningError: Another process loads with it.
        ConflictError: It belongs to other files, another server or another policy.
        DataDamagedError: It is none, or damaged.
        UnavailableError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    except OSError as error:
        raise UnavailableError(f"{path} cannot be opened: {error.strerror}", "Check the folder") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise AlreadyRunningError(
                f"Another process loads with the journal {path}", "Wait for its end", {"file": str(path)}
            ) from None
        head = {"format": FORMAT, "url": url, "policy": policy, "files": [list(one) for one in files]}
        lines = _whole_lines(file)
        state = None
        if lines:
            _check_head(lines[0], head, path)
            state = _state(lines[1:], path)
        else:
            _append(file, head, path)
            _sync_folder(path.parent)
        yield Journal(path, file, state)


def described(path: Path) -> LoadedFile:
    """A file with its size and checksum.

    Raises:
        NotFoundError: There is none.
        UsageError: It holds what a migration rejected: as OID had it, with passwords that a server would misread.
        UnavailableError: It cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                if not size and _REJECTED.match(block):
                    raise UsageError(
                        f"{path} holds the records that a migration rejected",
                        "Leave it out: 0[1-4]-*.ldif are the files of a result that are loaded", {"file": str(path)},
                    )  # fmt: skip
                digest.update(block)
                size += len(block)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}", "Check the path", {"file": str(path)}) from None
    except IsADirectoryError:
        raise NotFoundError(f"{path} is a folder", "Name its files", {"file": str(path)}) from None
    except OSError as error:
        raise UnavailableError(f"{path} cannot be read: {error.strerror}", "Check the file") from error
    return LoadedFile(str(path), size, digest.hexdigest())


def _whole_lines(file: IO[bytes]) -> list[bytes]:
    """The lines that are whole; a half one at the end, which a kill can leave, is cut off."""
    data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        file.truncate(len(whole))
    file.seek(0, os.SEEK_END)
    return whole.splitlines()


def _check_head(line: bytes, head: Mapping[str, object], path: Path) -> None:
    found = _json(line, path, 1)
    if found.get("format") != FORMAT:
        raise DataDamagedError(f"{path} is no journal of a load", "Name another file", {"file": str(path)})
    for key, words in (("url", "server"), ("policy", "policy"), ("files", "files")):
        if found.get(key) != head[key]:
            raise ConflictError(
                f"The journal {path} belongs to a load of another {words}" if key != "files" else
                f"The journal {path} belongs to other files, or they were changed since",
                "Name another journal, or remove this one to load from the start",
                {"file": str(path), "journal": found.get(key), "now": head[key]},
            )  # fmt: skip


def _state(lines: Sequence[bytes], path: Path) -> State | None:
    if not lines:
        return None
    found = _json(lines[-1], path, len(lines) + 1)
    try:
        return State(
            Place(*found["settled"]), Place(*found["horizon"]), dict(found["counts"]), int(found["rejects_bytes"]),
            bool(found["done"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        raise _damaged(path, len(lines) + 1) from None


def _json(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        raise _damaged(path, number) from None
    if not isinstance(found, dict):
        raise _damaged(path, number)
    return found


def _damaged(path: Path, number: int) -> DataDamagedError:
    return DataDamagedError(
        f"{path}:{number}: the journal is damaged", "Remove it, and load from the start with --policy update",
        {"file": str(path), "line": number},
    )  # fmt: skip


def _append(file: IO[bytes], line: Mapping[str, object], path: Path) -> None:
    try:
        file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        os.fsync(file.fileno())
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFullError(f"No room is left to write {path}", "Free some and run again") from error
        raise UnavailableError(f"{path} cannot be written: {error.strerror}", "Check the disk") from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
