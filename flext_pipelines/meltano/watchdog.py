"""Stops a Meltano run from the tap downwards; also as a program of its own, for when we die.

Why from the tap: on SIGTERM Meltano 4.4.1 closes its database session before the target has drained, so the
last bookmark is lost (7 of 7 runs tested) while the rows are in. A tap that ends, by itself or by a signal,
lets the target drain and Meltano save the state. So the ladder is: SIGTERM to the tap, then SIGKILL to the tap,
then SIGTERM to Meltano, then SIGKILL to whatever is left.

As a program (``python -I -S watchdog.py``) it reads JSON lines from standard input, whose other end only
the process that runs the pipeline holds. When that process ends without saying ``done``, even by SIGKILL, the
pipe closes and the watchdog climbs the same ladder, then removes the run's sandbox. It inherits Meltano's pipes
(so that Meltano does not meet a broken one) and the run's locks (so that nobody starts the same run meanwhile).

What belongs here: finding the processes of a run and the ladder, with the standard library only, so that
it starts in about 20 ms. What does not: spawning, waiting for output, verdicts.
"""

# ruff: noqa: PTH112, PTH119, PTH123, PTH208
# pathlib costs this program more to import than all the rest of it together.

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterable

SETTLE_SECONDS = 5.0
"""How long a process may take to vanish after SIGKILL."""
_PROC = "/proc"


class Group:
    """The processes of one run: Meltano, its session, and whatever carries the run's mark in its environment.

    A process is only signalled while it belongs to the run: the number of a process that has ended may be
    given to a stranger. Meltano itself is known by number and birth.

    Args:
        leader: Meltano's process id; it leads its own session.
        mark: ``NAME=value`` that only this run has in its environment, which finds plugins that left the session.
        taps: Process ids that said that they are taps.
    """

    def __init__(self, leader: int, mark: str = "", taps: Iterable[int] = ()) -> None:
        self.leader = leader
        self.mark = mark
        self.taps = set(taps)
        self._born = _stat(leader)[2]

    def leader_alive(self) -> bool:
        """Whether Meltano still runs (a zombie does not)."""
        state, _, born, _ = _stat(self.leader)
        if not born:  # no /proc: ask the kernel the old way
            return not os.path.isdir(_PROC) and _exists(self.leader)
        return born == self._born and state not in {"Z", "X"}

    def members(self) -> set[int]:
        """Every living process of the run, Meltano included."""
        found: set[int] = set()
        for pid in _pids():
            state, session, _, _ = _stat(pid)
            if state in {"Z", "X", ""} or pid == os.getpid():
                continue
            if session == self.leader or self._is_marked(pid):
                found.add(pid)
        return found

    def marked(self) -> set[int]:
        """Every living process that carries the run's mark, for when nothing else is known of the run."""
        return {
            pid
            for pid in _pids()
            if pid != os.getpid() and _stat(pid)[0] not in {"Z", "X", ""} and self._is_marked(pid)
        }

    def _is_marked(self, pid: int) -> bool:
        return bool(self.mark) and self.mark.encode() in _environment(pid).split(b"\0")

    def tap_processes(self) -> set[int]:
        """The running taps with all their children: those that told, and those that Meltano called as taps.

        Meltano calls a tap with ``--config .../run/<tap>/tap.<uuid>.config.json`` (plugin/singer/tap.py).
        """
        members = self.members()
        taps = {pid for pid in self.taps if pid in members}
        taps |= {pid for pid in members - {self.leader} if _is_tap_call(_arguments(pid))}
        return taps | _descendants(taps, members)

    def signal(self, pids: Iterable[int], number: int) -> None:
        """Signal those of the processes that still exist."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def kill(self) -> None:
        """SIGKILL everything until nothing is left."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while (left := self.members()) and time.monotonic() < deadline:
            self.signal(left, signal.SIGKILL)
            time.sleep(0.01)
        if not os.path.isdir(_PROC):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.leader, signal.SIGKILL)


def stop_gently(
    group: Group,
    *,
    tap_seconds: float,
    meltano_seconds: float,
    settled: Callable[[], bool],
    pause: Callable[[float], None],
) -> None:
    """The ladder, without its last step (``Group.kill``).

    Args:
        group: The run.
        tap_seconds: How long tap and target together may take once the tap was told to stop. A tap that has
            not ended after a third of it is killed, which still lets the target drain.
        meltano_seconds: How long Meltano may take after SIGTERM.
        settled: True as soon as the block that ran is over, so that the next one must not begin.
        pause: Waits that many seconds; may raise to break off.
    """
    if taps := group.tap_processes():
        group.signal(taps, signal.SIGTERM)
        begun = time.monotonic()
        killed = False
        while group.leader_alive() and not settled() and time.monotonic() - begun < tap_seconds:
            if not killed and time.monotonic() - begun > tap_seconds / 3:
                group.signal(group.tap_processes(), signal.SIGKILL)
                killed = True
            pause(0.02)
    if group.leader_alive():
        group.signal([group.leader], signal.SIGTERM)
        deadline = time.monotonic() + meltano_seconds
        while group.leader_alive() and time.monotonic() < deadline:
            pause(0.02)
    if not group.leader_alive() and (left := group.members()):
        # Meltano is gone and cannot drain anything any more; let what it started end by itself for a moment.
        group.signal(left, signal.SIGTERM)
        deadline = time.monotonic() + min(meltano_seconds, 5)
        while group.members() and time.monotonic() < deadline:
            pause(0.05)


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]
    except OSError:
        return []


def _stat(pid: int) -> tuple[str, int, str, int]:
    """State letter, session, time of birth and parent of a process; empty when there is none."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return fields[0].decode(), int(fields[3]), fields[19].decode(), int(fields[1])
    except (OSError, IndexError, ValueError):
        return "", 0, "", 0


def _environment(pid: int) -> bytes:
    return _read(f"{_PROC}/{pid}/environ")


def _arguments(pid: int) -> list[str]:
    return [part.decode(errors="replace") for part in _read(f"{_PROC}/{pid}/cmdline").split(b"\0")]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _is_tap_call(arguments: list[str]) -> bool:
    names = [os.path.basename(argument) for argument in arguments]
    return any(name.startswith("tap.") and name.endswith(".config.json") for name in names)


def _descendants(roots: set[int], members: set[int]) -> set[int]:
    parents = {pid: _stat(pid)[3] for pid in members}
    found: set[int] = set()
    wave = set(roots)
    while wave:
        wave = {pid for pid, parent in parents.items() if parent in wave} - found - roots
        found |= wave
    return found


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Told:
    """What the watched process said so far."""

    def __init__(self) -> None:
        self.group: Group | None = None
        self.tap_seconds = 60.0
        self.meltano_seconds = 20.0
        self.folder = ""
        self.pipes: list[int] = []
        self.done = False

    def take(self, line: bytes) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            return  # the watched process died in the middle of a line
        if said.get("done"):
            self.done = True
        self.folder = said.get("folder", self.folder)
        self.tap_seconds = said.get("tap_seconds", self.tap_seconds)
        self.meltano_seconds = said.get("meltano_seconds", self.meltano_seconds)
        self.pipes = said.get("pipes", self.pipes)
        if "leader" in said:
            self.group = Group(said["leader"], said.get("mark", ""))
        if "tap" in said and self.group is not None:
            self.group.taps.add(said["tap"])


class _Drain:
    """Reads on where the dead process left off, so that Meltano does not stand still at a full pipe."""

    def __init__(self, pipes: list[int]) -> None:
        self._pipes = list(pipes)
        self._before = b""
        self.block_over = False

    def pause(self, seconds: float) -> None:
        ready, _, _ = select.select(self._pipes, [], [], seconds)
        for pipe in ready:
            data = os.read(pipe, 65536)
            if not data:
                self._pipes.remove(pipe)
            # Meltano's record of a block that is over (meltano cli/run.py, _run_blocks).
            self.block_over = self.block_over or b'"Block run completed"' in self._before + data
            self._before = data[-32:]


def main() -> None:
    """Watch until told that all is well, or until the watched process is gone."""
    told = _Told()
    watched = os.getppid()
    left_over = b""
    while not told.done:
        ready, _, _ = select.select([0], [], [], 1.0)
        if not ready:
            if os.getppid() != watched:
                break  # dead, though a fork of it still holds the pipe
            continue
        data = os.read(0, 65536)
        if not data:
            break
        *lines, left_over = (left_over + data).split(b"\n")
        for line in lines:
            told.take(line)
    if told.done:
        return
    if told.group is not None:
        drain = _Drain(told.pipes)
        stop_gently(
            told.group,
            tap_seconds=told.tap_seconds,
            meltano_seconds=told.meltano_seconds,
            settled=lambda: drain.block_over,
            pause=drain.pause,
        )
        told.group.kill()
    if told.folder:
        import shutil

        shutil.rmtree(told.folder, ignore_errors=True)


if __name__ == "__main__":
    # A terminal's Ctrl-C and the end of its session are for the watched process, not for its watchdog.
    for one in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(one, signal.SIG_IGN)
    main()
