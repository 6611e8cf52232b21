"""The heartbeat of keys at work: while their holder lives, their counters go up.

Nobody compares clocks: a waiter on another machine watches whether the counter moves, by its own
monotonic clock. One thread per process beats for all keys that it holds, and ends when there are none.

What belongs here: beating. What does not: judging by it (``idempotency``).
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from flext_pipelines.control.tables import keys
from flext_pipelines.errors import FlextError

if TYPE_CHECKING:
    from flext_pipelines.control.engine import ControlDatabase

log = logging.getLogger("flext.control")

_BEAT = (
    sa.update(keys)
    .where(keys.c.key == sa.bindparam("held_key"), keys.c.token == sa.bindparam("held_token"))
    .values(beat=keys.c.beat + 1)
)


class Heartbeat:
    """Beats for the keys of this process.

    Args:
        database: Where the keys are.
        seconds: Between two beats.
    """

    def __init__(self, database: ControlDatabase, seconds: float) -> None:
        self._database = database
        self._seconds = seconds
        self._changed = threading.Condition()
        self._held: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def hold(self, token: str, key: str) -> None:
        """Begin to beat for a key; the first beat comes after one interval."""
        if self._pid != os.getpid():  # a fork has none of its parent's threads and holds none of its keys
            self._changed, self._held, self._thread, self._pid = threading.Condition(), {}, None, os.getpid()
        with self._changed:
            self._held[token] = key
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="flext-heartbeat", daemon=True)
                self._thread.start()

    def let_go(self, token: str) -> None:
        """Beat no longer for it."""
        with self._changed:
            self._held.pop(token, None)
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._held, self._seconds)
                held = dict(self._held)
                if not held:
                    self._thread = None
                    return
            try:
                with self._database.writing() as writing:
                    for token, key in held.items():
                        writing.execute(_BEAT, {"held_key": key, "held_token": token})
            except FlextError as error:
                log.warning("The heartbeat of %d idempotency keys missed a beat: %s", len(held), error)
