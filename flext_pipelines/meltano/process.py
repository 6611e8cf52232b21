"""The only place of the package that starts processes: Meltano, and whatever else a gateway to it needs.

A process gets a session of its own (a terminal's Ctrl-C is for us, not for it), no standard input, and pipes
that threads read to the end. Whatever happens while we wait, it is stopped by the ladder of ``watchdog``,
reaped, and nothing of its session is left. If we are killed ourselves, a watchdog does the same.

What belongs here: starting. What does not: waiting and stopping (``running``), which arguments and environment
(``argv``, ``environment``), what the output means (``log``).
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flext_pipelines.errors import TimedOutError, UnavailableError
from flext_pipelines.meltano import watchdog
from flext_pipelines.meltano.lines import LONGEST_LINE, Tail
from flext_pipelines.meltano.running import Child, Ended, Graces, Guard, Pipes, Running

__all__ = [
    "Child",
    "Ended",
    "Finished",
    "Graces",
    "Invocation",
    "Pipes",
    "Running",
    "Waiting",
    "launch",
    "run_to_end",
    "spawn",
]


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


def spawn(invocation: Invocation, pipes: Pipes, *, pass_fds: Sequence[int] = ()) -> Child:
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


def _guard(graces: Graces, folder: Path | None, keep: Sequence[int]) -> Guard:
    """A watchdog beside a process that is about to start."""
    process = subprocess.Popen(
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
    if process.stdin is None:
        message = "a process that was given a pipe has none"
        raise RuntimeError(message)
    return Guard(process, process.stdin, graces, folder)


class Waiting(Protocol):
    """A process that was started beforehand and waits to become the real one."""

    @property
    def process(self) -> Child:
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

    def running(process: Child, pipes: Pipes, guard: Guard) -> Running:
        return Running(
            process, pipes, mark=invocation.mark, on_out=on_out, on_err=on_err, guard=guard, longest_line=longest_line
        )

    if warm is not None:
        guard = _guard(graces, folder, (warm.pipes.read_out, warm.pipes.read_err, *keep))
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
    guard = _guard(graces, folder, (pipes.read_out, pipes.read_err, *keep))
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

    begun = threading.Event()  # a quick process writes before `launch` has given it back to us

    def listen(line: str) -> None:
        tail.add(line)
        if on_line is not None:
            waiting.put(line)
            begun.wait(5)
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
        begun.set()
        ended = running.wait(graces=patience, timeout_seconds=timeout_seconds)
    if ended.ending == "timed_out":
        raise TimedOutError(
            f"{Path(invocation.argv[0]).name} took longer than {timeout_seconds:g} s and was stopped",
            "Look at its last lines for what it waits for; give it more time if it only is slow",
            {"tail": list(tail.lines())},
        )
    return Finished(ended.exit_code, "\n".join(output), tail.lines(), ended.seconds)
