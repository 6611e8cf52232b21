"""One file worked on by several processes, each on whole records of its own part, with the answers in order.

Work is a function that takes a part and gives an answer. It is sent to other processes, so that it, what it holds and
its answers can be pickled; answers are kept until their turn comes, so that they should be small: what is large, the
work writes to a file of its own.

This is the second module that starts processes, beside ``meltano/process.py``, and the only one that uses
multiprocessing: that one runs programs and reads their output, this one runs a function on parts of a file, which
needs its arguments, answers and errors carried over as objects. None of its processes outlives its parent.

What belongs here: parts, processes, their ends. What does not: what the work does.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from flext_pipelines.errors import FlextError, InternalError, UnavailableError
from flext_pipelines.oud.ldif.spans import Span, spans

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess, SpawnProcess

PART_BYTES = 64 << 20
"""About the size of a part: a few seconds of work, so that the processes end at about the same time."""

_LEAST_BYTES = 1 << 20
_GRACE_S = 5.0
_TASKS = Path("/proc/self/task")

Answer = TypeVar("Answer")


class Part(NamedTuple):
    """A part of a file.

    Attributes:
        number: From 0, in the order of the file.
        path: The file.
        span: Which part of it; what ``read_ldif`` takes.
    """

    number: int
    path: Path
    span: Span


def parts_of(path: Path, workers: int, part_bytes: int = PART_BYTES) -> list[Part]:
    """A file in parts: one for one worker, else several for each, so that none waits long for the last.

    Raises:
        OSError: The file cannot be read.
    """
    size = path.stat().st_size
    wanted = max(-(-size // part_bytes), 2 * workers) if workers > 1 else 1
    wanted = max(min(wanted, size // _LEAST_BYTES), min(workers, size), 1)
    return [Part(number, path, span) for number, span in enumerate(spans(path, wanted))]


class _Worker(Generic[Answer]):
    """A process, as its parent sees it.

    Attributes:
        part: What it works on; None while it waits.
    """

    def __init__(self, number: int, work: Callable[[Part], Answer], *, forks: bool) -> None:
        self.number = number
        self.part: Part | None = None
        self.process: ForkProcess | SpawnProcess
        context = multiprocessing.get_context("fork" if forks else "spawn")
        self.connection, theirs = context.Pipe()
        name = f"ldif-worker-{number}"
        self.process = context.Process(target=_serve, args=(theirs, work), name=name, daemon=True)  # type: ignore[attr-defined]  # both contexts have it
        # A child is born with both signals blocked, until it has put away the handlers of its parent.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def give(self, part: Part) -> None:
        """Begin a part; the end of a worker that died is seen when it is waited for."""
        self.part = part
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(part)

    def answer(self) -> tuple[int, Answer]:
        """The part that is done, and the answer.

        Raises:
            BaseException: What the work raised, with the traceback of the other process as a note.
            UnavailableError: The process died.
        """
        assert self.part is not None
        try:
            answer, error = self.connection.recv()
        except (EOFError, ConnectionResetError):
            raise self._lost() from None
        if error is not None:
            raise error
        done, self.part = self.part, None
        return done.number, answer

    def _lost(self) -> UnavailableError:
        self.process.join(_GRACE_S)
        code = self.process.exitcode
        how = f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        part = self.part
        assert part is not None
        return UnavailableError(
            f"Worker {self.number} (process {self.process.pid}) {how} while it worked on bytes {part.span.start:,} to "
            f"{part.span.stop:,} of {part.path}, from line {part.span.line:,}",
            "Run again; if memory ran out, with fewer workers",
            {"file": str(part.path), "line": part.span.line, "process": self.process.pid, "exit_code": code},
        )

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self.process.is_alive():
            self.process.terminate()

    def reap(self) -> None:
        """Wait until it is gone."""
        self.process.join(_GRACE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()
        self.process.close()


def answers(
    path: Path, work: Callable[[Part], Answer], *, workers: int, parts: list[Part] | None = None
) -> Iterator[Answer]:
    """Work on a file in several processes; with one worker, or in a process that may have no children, in this one.

    Args:
        path: The file.
        work: Called with each part. One process calls it several times, one part after the other.
        workers: Processes.
        parts: The parts, if not those that ``parts_of`` makes.

    Yields:
        The answers in the order of the parts, whichever was done first.

    Raises:
        FlextError: As the work raised it; every process is ended then, and when the caller stops asking.
        UnavailableError: A process was killed.
    """
    wanted = parts_of(path, workers) if parts is None else parts
    if workers == 1 or len(wanted) < 2 or multiprocessing.current_process().daemon:
        yield from map(work, wanted)
        return
    started: list[_Worker[Answer]] = []
    try:
        forks = _has_one_thread()
        for number in range(1, min(workers, len(wanted)) + 1):
            started.append(_Worker(number, work, forks=forks))  # noqa: PERF401  those that began must be known
        yield from _in_order(started, wanted)
    finally:
        for worker in started:
            worker.stop()
        for worker in started:
            worker.reap()


def _in_order(workers: list[_Worker[Answer]], parts: list[Part]) -> Iterator[Answer]:
    waiting = iter(parts)
    for worker, part in zip(workers, waiting, strict=False):
        worker.give(part)
    done: dict[int, Answer] = {}
    turn = 0
    while turn < len(parts):
        busy = {worker.connection: worker for worker in workers if worker.part is not None}
        for ready in connection.wait(list(busy)):
            worker = busy[ready]  # type: ignore[index]  # it gives what it was given
            number, done[number] = worker.answer()
            following = next(waiting, None)
            if following is not None:
                worker.give(following)
        while turn in done:
            yield done.pop(turn)
            turn += 1


def _has_one_thread() -> bool:
    """Whether forking is safe: another thread may hold a lock that nobody gives back in the child.

    Forking is worth it: a process that is spawned imports everything anew, a third of a second.
    """
    try:
        return len(list(_TASKS.iterdir())) == 1
    except OSError:
        return False


def _serve(pipe: Connection, work: Callable[[Part], object]) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            part = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            reply: tuple[object, BaseException | None] = (work(part), None)
        except BaseException as error:  # noqa: BLE001  the parent raises it
            reply = (None, _portable(error))
        pipe.send(reply)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """An error as it can be sent, with its traceback as a note unless it is one of ours, which says all."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
    except (pickle.PicklingError, TypeError, AttributeError, ValueError):
        return InternalError(f"{type(error).__name__}: {error}", "", {"traceback": traceback.format_exc()})
    if not isinstance(error, FlextError):
        error.add_note("In a worker:\n" + traceback.format_exc())
    return error
