"""Work for the tests of workers: functions that other processes can import, and a program that is interrupted.

``python -m tests.oud.worker_jobs FILE FOLDER`` works on a file with two workers that never end; each writes its process
id into the folder first.

What belongs here: what the workers do. What does not: what is expected of them.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from flext_pipelines.errors import LdifError
from flext_pipelines.oud.entries import EntryTransform, Kept
from flext_pipelines.oud.ldif import read_ldif
from flext_pipelines.oud.workers import Part, answers


def names(part: Part) -> tuple[int, list[bytes]]:
    """The DNs of a part; the first takes longest."""
    if part.number == 0:
        time.sleep(0.2)
    return part.number, [record.dn for record in read_ldif(part.path, span=part.span)]


def process(part: Part) -> int:
    """Which process works."""
    return os.getpid()


def nested(part: Part) -> list[bool]:
    """Asks for workers itself, which a worker may not have."""
    parts = [part._replace(number=number) for number in range(2)]
    return [pid == os.getpid() for pid in answers(part.path, process, workers=2, parts=parts)]


def refused(part: Part) -> int:
    """One of our errors in the third part."""
    if part.number == 2:
        raise LdifError("export.ldif:7: it is wrong", "Correct it", {"file": "export.ldif", "line": 7})
    return part.number


def broken(part: Part) -> int:
    """A fault of the work itself."""
    return 1 // (2 - part.number)


class OddError(Exception):
    """An error that cannot be sent."""

    def __init__(self, one: int, *, other: int) -> None:
        super().__init__(f"odd {one} {other}")
        self.lock = sys.stdout


def unsendable(part: Part) -> int:
    """Raises what cannot be pickled."""
    raise OddError(part.number, other=7)


def killed(part: Part) -> int:
    """Is killed in the second part, as a system does that runs out of memory."""
    if part.number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return part.number


def left(part: Part) -> int:
    """Leaves without a word."""
    os._exit(3)


class Transformed:
    """The new entries of a part."""

    def __init__(self, transform: EntryTransform) -> None:
        self.transform = transform

    def __call__(self, part: Part) -> bytes:
        """Them, in the order of the file."""
        return b"\n\n".join(self._entries(part))

    def _entries(self, part: Part) -> Iterator[bytes]:
        for record in read_ldif(part.path, span=part.span, recognise=self.transform.recognise):
            outcome = self.transform.apply(record)
            if isinstance(outcome, Kept):
                yield outcome.record.raw


class Endless:
    """Says who it is and works for ever."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, part: Part) -> None:
        """Never comes back."""
        (self.folder / str(os.getpid())).touch()
        while True:
            time.sleep(0.01)


if __name__ == "__main__":
    list(answers(Path(sys.argv[1]), Endless(Path(sys.argv[2])), workers=2))
