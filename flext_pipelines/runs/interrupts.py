"""Ctrl-C, SIGTERM and a closed terminal, while a run is performed in this process.

Dagster ends a run that is interrupted as *failed*, unless the run is marked as cancelling at that moment: only its
launchers mark it, and an attached run has none. So the mark is set here, as soon as the signal arrives.

Dagster replaces the signal handlers again and again while a run goes on, so that a handler of ours would not last.
The interpreter's wake-up descriptor does: every signal is written to it before any handler runs, and a thread reads it.

What belongs here: noticing signals and marking the run. What does not: ending the work (the op does, when Dagster
raises the interrupt in it).
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from dagster import DagsterInstance, DagsterRun

_ENDING = frozenset({signal.SIGINT, signal.SIGTERM})
_DONE = 0
_SETTLE = 255
_SETTLE_SECONDS = 30.0
"""The longest that one write to the storage may take here; longer, and the end of the run is corrected afterwards."""


class Signals:
    """What was noticed.

    Attributes:
        seen: True once a signal asked this process to end.
    """

    def __init__(self, writing: int | None = None) -> None:
        self.seen = False
        self.settled = threading.Event()
        self._writing = writing

    def settle(self) -> None:
        """Wait until every signal that arrived before now has had its effect on the run's status.

        To be called when a step failed: a moment later Dagster reads the status to tell a cancelled run from a failed.
        """
        if self._writing is not None:
            self.settled.clear()
            os.write(self._writing, bytes([_SETTLE]))
            self.settled.wait(_SETTLE_SECONDS)


@contextmanager
def cancel_on_signal(instance: DagsterInstance, run: DagsterRun) -> Iterator[Signals]:
    """While this lasts, a signal that asks this process to end marks the run as cancelling.

    Outside the main thread, where Python delivers no signals, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Signals()
        return
    reading, writing = os.pipe()
    signals = Signals(writing)
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    hangup = _treat_hangup_as_termination()
    watcher = threading.Thread(target=_watch, args=(reading, instance, run, signals), name="flext-signals", daemon=True)
    watcher.start()
    try:
        yield signals
    finally:
        signal.set_wakeup_fd(before)
        if hangup:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.write(writing, bytes([_DONE]))
        watcher.join()
        os.close(writing)
        os.close(reading)


def _treat_hangup_as_termination() -> bool:
    """Without this, closing the terminal kills this process and leaves Meltano at work; ``nohup`` is respected."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_DFL:
        return False

    def terminate(_number: int, _frame: FrameType | None) -> None:
        signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGHUP, terminate)
    return True


def _watch(reading: int, instance: DagsterInstance, run: DagsterRun, signals: Signals) -> None:
    """Read signal numbers until the end mark; at the first that asks us to end, mark the run."""
    while True:
        numbers = os.read(reading, 64)
        if not signals.seen and _ENDING.intersection(numbers):
            signals.seen = True
            _mark_cancelling(instance, run)
        if _SETTLE in numbers:
            signals.settled.set()
        if not numbers or _DONE in numbers:
            return


def _mark_cancelling(instance: DagsterInstance, run: DagsterRun) -> None:
    from sqlalchemy.exc import DBAPIError

    # A storage that does not answer now: the end of the run is reported when it answers again, or by the next launch.
    with suppress(DBAPIError):
        now = instance.get_run_by_id(run.run_id)
        if now is not None and not now.is_finished:
            instance.report_run_canceling(now, "Asked to end by a signal to its process.")
