"""One process at work: read, watched, waited for, stopped, and never left behind.

What belongs here: everything between start and end of a process. What does not: starting it (``process``), and
finding its processes (``watchdog``).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NamedTuple, Protocol

from flext_pipelines.meltano import watchdog
from flext_pipelines.meltano.lines import LONGEST_LINE, LineReader

log = logging.getLogger("flext.meltano")

Ending = Literal["exited", "timed_out", "stopped"]
_TICK = 0.25
_HURRIED_SECONDS = 3.0
"""How long each step of the ladder takes after a second interrupt."""


@dataclass(frozen=True, slots=True)
class Graces:
    """How long the steps of a stop may take, in seconds."""

    tap_seconds: float = 60
    meltano_seconds: float = 20


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process came to its end.

    Attributes:
        exit_code: As the system gives it; negative is minus the signal.
        ending: ``exited`` by itself, ``timed_out``, or ``stopped`` because ``should_stop`` said so.
        seconds: From start to end.
    """

    exit_code: int
    ending: Ending
    seconds: float


class Child(Protocol):
    """A process that we started: what ``subprocess.Popen`` gives."""

    pid: int
    returncode: int

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        ...


class Pipes(NamedTuple):
    """Two pipes for a process: standard output and standard error."""

    read_out: int
    write_out: int
    read_err: int
    write_err: int

    @classmethod
    def make(cls) -> Pipes:
        """Two new pipes; no child inherits them unless told to."""
        return cls(*os.pipe(), *os.pipe())

    def close_writing(self) -> None:
        """What we do once the process has its ends."""
        os.close(self.write_out)
        os.close(self.write_err)

    def close_reading(self) -> None:
        """What we do when nobody is going to read."""
        os.close(self.read_out)
        os.close(self.read_err)


class Guard:
    """Our end of a watchdog: tells it what to stop when we are gone, and calls it off.

    Args:
        process: The watchdog.
        pipe: Its standard input, whose other end only we hold.
        graces: How long its steps may take.
        folder: Folder that it removes after a stop.
    """

    def __init__(self, process: Child, pipe: IO[bytes], graces: Graces, folder: Path | None) -> None:
        self._process = process
        self._pipe = pipe
        self._tell(
            tap_seconds=graces.tap_seconds, meltano_seconds=graces.meltano_seconds, folder=str(folder) if folder else ""
        )

    def watch(self, leader: int, mark: str, pipes: Sequence[int]) -> None:
        """From now on, this process group is to be stopped when we die."""
        self._tell(leader=leader, mark=mark, pipes=list(pipes))

    def tap(self, pid: int) -> None:
        """A process id that is known to be a tap."""
        self._tell(tap=pid)

    def call_off(self) -> None:
        """All is well: the watchdog ends without doing anything."""
        self._tell(done=True)
        self.leave()

    def leave(self) -> None:
        """Close our end. Unless it was called off before, the watchdog now does its work."""
        self._pipe.close()
        self._process.wait()

    def _tell(self, **said: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # somebody ended the watchdog; the run goes on without it
            self._pipe.write(json.dumps(said).encode() + b"\n")


class Running:
    """One process at work. As a context manager it leaves nothing behind, however the block ends.

    Args:
        process: The process, in its own session.
        pipes: What it writes to.
        mark: See ``Invocation``.
        on_out: Called with each line of standard output, in a thread of its own.
        on_err: The same for standard error.
        longest_line: Bytes of a line of standard output that are kept.
        guard: The watchdog.

    Attributes:
        blocks_over: How many blocks of a Meltano run are over; whoever reads standard error counts them.
        stopping: True once it was told to stop.
    """

    def __init__(
        self,
        process: Child,
        pipes: Pipes,
        *,
        mark: str,
        on_out: Callable[[str], None],
        on_err: Callable[[str], None],
        guard: Guard,
        longest_line: int = LONGEST_LINE,
    ) -> None:
        self._process = process
        self._guard = guard
        self._begun = time.monotonic()
        self._notes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._gone = False
        self.group = watchdog.Group(process.pid, mark)
        self.blocks_over = 0
        self.stopping = False
        guard.watch(process.pid, mark, (pipes.read_out, pipes.read_err))
        self._readers = [
            LineReader(pipes.read_out, on_out, self._wake, f"meltano-{process.pid}-out", longest_line),
            LineReader(pipes.read_err, on_err, self._wake, f"meltano-{process.pid}-err"),
        ]

    def __enter__(self) -> Running:
        """Begin to read what it writes."""
        for reader in self._readers:
            reader.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Nothing is left, or the watchdog is told to see to it."""
        try:
            if not self._gone:
                self._end_all()
        finally:
            if self._gone:
                self._guard.call_off()
            else:
                self._guard.leave()

    @property
    def pid(self) -> int:
        """Its process id, which is also its session."""
        return self._process.pid

    def tap_is(self, pid: int) -> None:
        """Remember a process that said it is a tap; called by a reader."""
        if pid not in self.group.taps:
            self.group.taps.add(pid)
            self._guard.tap(pid)

    def note(self, action: Callable[[], None]) -> None:
        """Have the waiting thread do something soon; called by a reader."""
        self._notes.put(action)

    def wait(
        self, *, graces: Graces, timeout_seconds: float = 0, should_stop: Callable[[], bool] | None = None
    ) -> Ended:
        """Wait until it ends; stop it when its time is over, when told to, and when we are interrupted.

        Raises:
            BaseException: Whatever interrupted the wait, after nothing of the process is left.
        """
        try:
            ending = self._wait(timeout_seconds, should_stop)
            if ending != "exited":
                self._climb(graces)
            self._end_all(graces)
        except BaseException:
            with contextlib.suppress(BaseException):  # a second interrupt only makes it quicker; the first is the news
                self._stop(graces)
            raise
        return Ended(self._process.returncode, ending, time.monotonic() - self._begun)

    def _wait(self, timeout_seconds: float, should_stop: Callable[[], bool] | None) -> Ending:
        deadline = self._begun + timeout_seconds if timeout_seconds else None
        asked = time.monotonic()
        while self._process.poll() is None:
            if any(reader.is_alive() for reader in self._readers):
                self._pause(_TICK)
            else:  # it has closed its pipes and is about to end
                time.sleep(0.001)
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                return "timed_out"
            if should_stop is not None and now - asked >= 1:
                asked = now
                if should_stop():
                    return "stopped"
        return "exited"

    def _stop(self, graces: Graces) -> None:
        """Down the ladder; a further interrupt makes each step short."""
        try:
            self._climb(graces)
        except BaseException:
            self._climb(Graces(_HURRIED_SECONDS, _HURRIED_SECONDS))
            raise
        finally:
            self._end_all()

    def _climb(self, graces: Graces) -> None:
        over = self.blocks_over
        self.stopping = True
        watchdog.stop_gently(
            self.group,
            tap_seconds=graces.tap_seconds,
            meltano_seconds=graces.meltano_seconds,
            settled=lambda: self.blocks_over > over,
            pause=self._pause,
        )

    def _end_all(self, graces: Graces | None = None) -> None:
        """End and reap what is left of it, then read its pipes to their ends and do the last notes."""
        if graces is not None and self._process.poll() is not None and self._left_behind():
            self._climb(graces)  # Meltano was killed: its plugins get a moment to end by themselves
        if self._process.poll() is None or self._left_behind():
            self.group.kill()
            if self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._gone = True
        for reader in self._readers:
            reader.join(watchdog.SETTLE_SECONDS)
        self._pause(0)
        for reader in self._readers:
            if reader.is_alive():
                log.warning("Process %d is over, but whoever reads %s does not keep up with it", self.pid, reader.name)
        if not all(reader.finished or reader.is_alive() for reader in self._readers):
            message = "the output of a process could not be read to its end"
            raise RuntimeError(message)

    def _left_behind(self) -> bool:
        """Whether anything of the session lives on after Meltano; one system call when nothing does."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            for reader in self._readers:
                reader.join(0.2)
            return any(reader.is_alive() for reader in self._readers) and bool(self.group.members())
        except PermissionError:
            return True
        return True

    def _wake(self) -> None:
        self.note(lambda: None)

    def _pause(self, seconds: float) -> None:
        """Do what readers asked for, or wait for it so long."""
        try:
            action = self._notes.get(timeout=seconds) if seconds > 0 else self._notes.get_nowait()
            while True:
                action()
                action = self._notes.get_nowait()
        except queue.Empty:
            return
