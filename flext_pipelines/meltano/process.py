"""The only place of the package that starts processes: Meltano, and whatever else a gateway to it needs.

A process gets a session of its own (a terminal's Ctrl-C is for us, not for it), no standard input, and pipes
that threads read to the end. Whatever happens while we wait, it is stopped by the ladder of ``watchdog``,
reaped, and nothing of its session is left. If we are killed ourselves, a watchdog does the same.

What belongs here: starting, waiting, stopping. What does not: which arguments and environment (``argv``,
``environment``) and what the output means (``log``).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from flext_pipelines.errors import TimedOutError, UnavailableError
from flext_pipelines.meltano import watchdog
from flext_pipelines.meltano.lines import LONGEST_LINE, LineReader, Tail

Ending = Literal["exited", "timed_out", "stopped"]
_TICK = 0.25
_HURRIED_SECONDS = 3.0
"""How long each step of the ladder takes after a second interrupt."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What to start. The environment may hold secrets, so it does not print.

    Attributes:
        argv: The program and its arguments; never a shell line, never a secret.
        env: The whole environment.
        cwd: Its working folder.
        mark: ``NAME=value`` in ``env`` that no other process has; finds children that left the session.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path
    mark: str = ""


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


def spawn(invocation: Invocation, pipes: Pipes, *, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own; the writing ends of the pipes are its own from then on.

    Raises:
        UnavailableError: The program cannot be started; the pipes are closed.
    """
    try:
        return subprocess.Popen(
            invocation.argv,
            env=dict(invocation.env),
            cwd=invocation.cwd,
            stdin=subprocess.DEVNULL,
            stdout=pipes.write_out,
            stderr=pipes.write_err,
            pass_fds=tuple(pass_fds),
            start_new_session=True,
        )
    except OSError as error:
        pipes.close_reading()
        raise UnavailableError(
            f"{invocation.argv[0]} cannot be started: {error.strerror or error}",
            "Check that the file exists, may be executed, and that memory and process limits allow it",
            {"program": invocation.argv[0], "folder": str(invocation.cwd)},
        ) from error
    finally:
        pipes.close_writing()


class Guard:
    """Our end of a watchdog: tells it what to stop when we are gone, and calls it off.

    Args:
        graces: How long its steps may take.
        folder: Folder that it removes after a stop.
        keep: Descriptors that it holds for us: pipes that Meltano writes to, locks.
    """

    def __init__(self, graces: Graces, *, folder: Path | None = None, keep: Sequence[int] = ()) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-I", "-S", str(Path(watchdog.__file__))),
            env={"PATH": os.defpath},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=tuple(keep),
            start_new_session=True,
            bufsize=0,
        )
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
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, **said: object) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # somebody ended the watchdog; the run goes on without it
                self._process.stdin.write(json.dumps(said).encode() + b"\n")


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
        process: subprocess.Popen[bytes],
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
        except BaseException as interrupt:  # noqa: BLE001  raised again below, once nothing is left
            try:
                self._stop(graces)
            finally:
                raise interrupt  # a second interrupt shortened the ladder; the first is the news
        return Ended(self._process.returncode, ending, time.monotonic() - self._begun)

    def _wait(self, timeout_seconds: float, should_stop: Callable[[], bool] | None) -> Ending:
        deadline = self._begun + timeout_seconds if timeout_seconds else None
        asked = time.monotonic()
        while self._process.poll() is None:
            if any(reader.is_alive() for reader in self._readers):
                self._pause(_TICK)
            else:  # it has closed its pipes and is about to end
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_TICK)
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
        if not all(reader.finished for reader in self._readers):
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


class Waiting(Protocol):
    """A process that was started beforehand and waits to become the real one."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """It, in its own session."""
        ...

    @property
    def pipes(self) -> Pipes:
        """What it will write to."""
        ...

    def hand_over(self, invocation: Invocation) -> bool:
        """Make it the real one; False when it cannot be, and then it has done nothing."""
        ...

    def discard(self) -> None:
        """End it."""
        ...


def launch(
    invocation: Invocation,
    *,
    on_out: Callable[[str], None],
    on_err: Callable[[str], None],
    graces: Graces,
    folder: Path | None = None,
    keep: Sequence[int] = (),
    longest_line: int = LONGEST_LINE,
    warm: Waiting | None = None,
) -> Running:
    """Start a process with a watchdog beside it.

    Args:
        invocation: What.
        on_out: Called with each line of standard output, in a thread of its own.
        on_err: The same for standard error.
        graces: How long the steps of a stop by the watchdog may take.
        folder: Removed by the watchdog after a stop.
        keep: Descriptors that the watchdog keeps open when we die: locks.
        longest_line: Bytes of a line of standard output that are kept.
        warm: A process that waits to become this one; a new one is started where it cannot.

    Raises:
        UnavailableError: It cannot be started.
    """

    def running(process: subprocess.Popen[bytes], pipes: Pipes, guard: Guard) -> Running:
        return Running(
            process, pipes, mark=invocation.mark, on_out=on_out, on_err=on_err, guard=guard, longest_line=longest_line
        )

    if warm is not None:
        guard = Guard(graces, folder=folder, keep=(warm.pipes.read_out, warm.pipes.read_err, *keep))
        became = False
        try:
            awakened = running(warm.process, warm.pipes, guard)
            became = warm.hand_over(invocation)
        finally:
            if not became:
                warm.discard()
                guard.call_off()
        if became:
            return awakened
    pipes = Pipes.make()
    guard = Guard(graces, folder=folder, keep=(pipes.read_out, pipes.read_err, *keep))
    try:
        process = spawn(invocation, pipes)
    except BaseException:
        guard.call_off()
        raise
    return running(process, pipes, guard)


@dataclass(frozen=True, slots=True)
class Finished:
    """A short process that has ended, with what it wrote.

    Attributes:
        exit_code: As the system gives it.
        output: Standard output.
        errors: The last lines of standard error.
        seconds: How long it took.
    """

    exit_code: int
    output: str
    errors: tuple[str, ...]
    seconds: float


def run_to_end(
    invocation: Invocation,
    *,
    timeout_seconds: float = 0,
    on_line: Callable[[str], None] | None = None,
    graces: Graces | None = None,
    folder: Path | None = None,
    longest_line: int = LONGEST_LINE,
) -> Finished:
    """Run a short command (a discovery, an installation) to its end and give back what it wrote.

    Args:
        invocation: What.
        timeout_seconds: How long it may take; 0 is no limit.
        on_line: Called with each line of standard error, in the waiting thread.
        graces: How long the steps of a stop may take.
        folder: Removed when we are killed meanwhile.
        longest_line: Bytes of a line of standard output that are kept; a catalog may be one line of many MB.

    Raises:
        TimedOutError: It took longer; nothing of it is left.
        UnavailableError: It cannot be started.
    """
    output: list[str] = []
    tail = Tail()
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen(line: str) -> None:
        tail.add(line)
        if on_line is not None:
            waiting.put(line)
            running.note(lambda: on_line(waiting.get_nowait()))

    patience = graces or Graces(5, 5)
    with launch(
        invocation,
        on_out=output.append,
        on_err=listen,
        graces=patience,
        folder=folder,
        longest_line=longest_line,
    ) as running:
        ended = running.wait(graces=patience, timeout_seconds=timeout_seconds)
    if ended.ending == "timed_out":
        raise TimedOutError(
            f"{Path(invocation.argv[0]).name} took longer than {timeout_seconds:g} s and was stopped",
            "Look at its last lines for what it waits for; give it more time if it only is slow",
            {"tail": list(tail.lines())},
        )
    return Finished(ended.exit_code, "\n".join(output), tail.lines(), ended.seconds)
