"""Idempotency keys: the same key and payload is performed once, whoever asks and however often.

A key's row is written before the work and completed with the result after it. Work that fails or is
interrupted takes its row away, so that a retry runs. A row whose holder died is taken over: on the same
machine the process itself is asked for, elsewhere its heartbeat (``heartbeat``) must stand still for a whole lease.

What belongs here: claiming, waiting, keeping, releasing, forgetting. What does not: what a payload is and
how a result becomes JSON (``commands/middleware.py``).
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from flext_pipelines.control.heartbeat import Heartbeat
from flext_pipelines.control.processes import is_alive, this_process
from flext_pipelines.control.tables import keys
from flext_pipelines.errors import (
    AlreadyRunningError,
    ConflictError,
    FlextError,
    IdempotencyConflictError,
    OutcomeNotSavedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.control.engine import ControlDatabase, Writing
    from flext_pipelines.settings import Settings

log = logging.getLogger("flext.control")

_LEASE_SECONDS = 30.0
_LONGEST_PAUSE_SECONDS = 0.25
_SAVE_PAUSES = (0.1, 0.5, 2.0, 5.0)
"""Seconds between attempts to write down what was done already: long enough for a database to restart."""

_BY_KEY = keys.c.key == sa.bindparam("wanted")
_MINE = sa.and_(_BY_KEY, keys.c.token == sa.bindparam("mine"))
_LOOK = sa.select(
    keys.c.message, keys.c.fingerprint, keys.c.token, keys.c.process, keys.c.unfinished, keys.c.beat, keys.c.result
).where(_BY_KEY)
_FIND = sa.select(keys.c.message, keys.c.result, keys.c.ended_at).where(_BY_KEY, keys.c.ended_at.is_not(None))
_LOCK = _LOOK.with_for_update()
_CLAIM = sa.insert(keys)
_TAKE_OVER = (
    sa.update(keys)
    .where(_BY_KEY)
    .values(
        token=sa.bindparam("new_token"),
        process=sa.bindparam("new_process"),
        unfinished=keys.c.unfinished + 1,
        begun_at=sa.bindparam("now"),
    )
)
_KEEP = sa.update(keys).where(_MINE).values(result=sa.bindparam("text"), ended_at=sa.bindparam("now"))
_RELEASE = sa.delete(keys).where(_MINE)
_FORGET = sa.delete(keys).where(keys.c.ended_at < sa.bindparam("before"))

_AT_WORK: set[str] = set()
"""Tokens of attempts that some thread of this process is performing."""


class Once(NamedTuple):
    """What came of a keyed command.

    Attributes:
        result: JSON of its result.
        replayed: True when an earlier call performed it.
        unfinished_attempts: How many earlier attempts died without an outcome and may have done a part.
    """

    result: str
    replayed: bool
    unfinished_attempts: int


class Kept(NamedTuple):
    """What is kept of a keyed command that was performed.

    Attributes:
        message: Public name of the command.
        result: JSON of its result.
        ended_at: When, in microseconds since 1970.
    """

    message: str
    result: str
    ended_at: int


class _Seen(NamedTuple):
    """A key's row."""

    message: str
    fingerprint: str
    token: str
    process: str
    unfinished: int
    beat: int
    result: str | None

    @property
    def state(self) -> tuple[str, int]:
        """What changes while its holder lives."""
        return self.token, self.beat


class _Claim(NamedTuple):
    key: str
    message: str
    fingerprint: str
    token: str


class IdempotencyKeys:
    """Results by idempotency key.

    Args:
        database: Where they are kept.
        wait_seconds: How long a second caller waits for the first.
        retention_seconds: How long a result is kept; a key used again after that is a new one.
        lease_seconds: How long a holder on another machine may be silent before it counts as dead.
    """

    def __init__(
        self,
        database: ControlDatabase,
        *,
        wait_seconds: float = 3600,
        retention_seconds: float = 30 * 86_400,
        lease_seconds: float = _LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._wait_seconds = wait_seconds
        self._retention_seconds = retention_seconds
        self._lease_seconds = lease_seconds
        self._heartbeat = Heartbeat(database, lease_seconds / 5)
        self._thread = threading.local()
        self._purged = False

    @classmethod
    def from_settings(cls, database: ControlDatabase, settings: Settings) -> IdempotencyKeys:
        """With the waiting and retention of the settings."""
        return cls(
            database,
            wait_seconds=settings.idempotency_wait_seconds,
            retention_seconds=settings.idempotency_retention_days * 86_400,
        )

    def run_once(self, *, key: str, message: str, payload: str, perform: Callable[[], str]) -> Once:
        """Perform and keep the JSON result, or give the first one back.

        Args:
            key: The caller's.
            message: Public name of the command.
            payload: What two calls with one key must agree on; only its hash is kept.
            perform: Does the work and gives its result as JSON. What it raises passes through.

        Raises:
            IdempotencyConflictError: The key was used with another payload or another message.
            AlreadyRunningError: The first is still at work after ``wait_seconds``, or is this very call.
            OutcomeNotSavedError: It was performed, but the result could not be written down.
            UnavailableError: The database is away; nothing was performed.
        """
        held: set[str] = self._thread.__dict__.setdefault("keys", set())
        if key in held:
            raise AlreadyRunningError(
                f"Idempotency key {key!r} is held by the call that asks for it again",
                "Give the inner command a key of its own",
                {"key": key, "message": message},
            )
        claim = _Claim(key, message, hashlib.sha256(f"{message}\0{payload}".encode()).hexdigest(), secrets.token_hex(8))
        held.add(key)
        _AT_WORK.add(claim.token)
        try:
            kept = self._claim(claim)
            return self._perform(claim, kept, perform) if isinstance(kept, int) else kept
        finally:
            _AT_WORK.discard(claim.token)
            held.discard(key)

    def kept(self, key: str) -> Kept | None:
        """What came of a command; None where none with this key was performed, or it is forgotten.

        Raises:
            UnavailableError: The database is away.
        """
        with self._database.reading() as connection:
            row = connection.execute(_FIND, {"wanted": key}).one_or_none()
        return Kept(*row) if row else None

    def purge(self) -> int:
        """Forget results older than the retention; how many is given back. Done by itself once per process.

        Raises:
            UnavailableError: The database is away.
        """
        with self._database.writing() as writing:
            return writing.execute(_FORGET, {"before": _now() - int(self._retention_seconds * 1e6)}).rowcount

    def _claim(self, claim: _Claim) -> Once | int:
        """Wait until the key is ours: the number of attempts that died before; or until it has a result."""
        if not self._purged:
            self._purged = True
            self.purge()
        deadline = time.monotonic() + self._wait_seconds
        silent_since, last_state = time.monotonic(), ("", -1)
        pause = 0.005
        while True:
            seen = self._look(claim.key)
            dead: tuple[str, int] | None = None
            if seen is not None and seen.result is None:
                if seen.state != last_state:
                    silent_since, last_state = time.monotonic(), seen.state
                silent = time.monotonic() - silent_since >= self._lease_seconds
                dead = seen.state if _is_dead(seen, silent=silent) else None
            if seen is None or seen.result is not None or dead or seen.fingerprint != claim.fingerprint:
                settled = self._settle(claim, dead)
                if settled is not None:
                    return settled
            if time.monotonic() > deadline:
                raise AlreadyRunningError(
                    f"{claim.message} with idempotency key {claim.key!r} is still at work elsewhere",
                    "Ask again later with the same key to have its result",
                    {"key": claim.key, "message": claim.message, "process": seen.process if seen else None},
                )
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _look(self, key: str) -> _Seen | None:
        with self._database.reading() as connection:
            row = connection.execute(_LOOK, {"wanted": key}).one_or_none()
        return _Seen(*row) if row else None

    def _settle(self, claim: _Claim, dead: tuple[str, int] | None) -> Once | int | None:
        """Decide under a lock; None when somebody else was quicker."""
        try:
            with self._database.writing() as writing:
                row = writing.execute(_LOCK, {"wanted": claim.key}).fetchone()
                if row is None:
                    self._insert(writing, claim)
                    return 0
                seen = _Seen(*row)
                if seen.fingerprint != claim.fingerprint:
                    raise _conflict(claim, seen)
                if seen.result is not None:
                    return Once(seen.result, replayed=True, unfinished_attempts=seen.unfinished)
                if seen.state != dead:
                    return None
                taken = {"new_token": claim.token, "new_process": str(this_process()), "now": _now()}
                writing.execute(_TAKE_OVER, {"wanted": claim.key, **taken})
        except IdempotencyConflictError:
            raise
        except ConflictError:  # two inserted at once on PostgreSQL
            return None
        log.warning("Idempotency key %r is taken over from %s, which died at work", claim.key, seen.process)
        return seen.unfinished + 1

    @staticmethod
    def _insert(writing: Writing, claim: _Claim) -> None:
        row = {"unfinished": 0, "beat": 0, "begun_at": _now(), "ended_at": None, "result": None}
        writing.execute(_CLAIM, {**claim._asdict(), "process": str(this_process()), **row})

    def _perform(self, claim: _Claim, unfinished: int, perform: Callable[[], str]) -> Once:
        self._heartbeat.hold(claim.token, claim.key)
        try:
            try:
                result = perform()
            except BaseException as error:
                self._release(claim, error)
                raise
            self._keep(claim, result)
        finally:
            self._heartbeat.let_go(claim.token)
        return Once(result, replayed=False, unfinished_attempts=unfinished)

    def _release(self, claim: _Claim, cause: BaseException) -> None:
        """Take the row away; the error that the work ended with stays the one that is seen."""
        try:
            with self._database.writing() as writing:
                writing.execute(_RELEASE, {"wanted": claim.key, "mine": claim.token})
        except FlextError as error:
            cause.add_note(f"Its idempotency key {claim.key!r} could not be released: {error}")
            log.warning("Idempotency key %r could not be released: %s", claim.key, error)

    def _keep(self, claim: _Claim, result: str) -> None:
        """Write the result down; patiently, since the work is done and must not be done again."""
        for pause in (*_SAVE_PAUSES, None):
            try:
                with self._database.writing() as writing:
                    parameters = {"wanted": claim.key, "mine": claim.token, "text": result, "now": _now()}
                    kept = writing.execute(_KEEP, parameters).rowcount
                break
            except FlextError as error:
                if pause is None or not error.retryable:
                    raise OutcomeNotSavedError(
                        f"{claim.message} was performed, but its result could not be kept under its idempotency key",
                        "Check what it did before you send it again",
                        {"key": claim.key, "message": claim.message, "cause": error.reason},
                    ) from error
                time.sleep(pause)
        if not kept:
            log.error(
                "Idempotency key %r was taken over while this process stood still: %s may have been done twice",
                claim.key,
                claim.message,
            )


def _is_dead(seen: _Seen, *, silent: bool) -> bool:
    """Whether the holder can no longer finish: its process is gone, or it cannot be asked and is silent."""
    alive = is_alive(seen.process)
    if alive is None:
        return silent
    if alive and seen.process == str(this_process()):
        return seen.token not in _AT_WORK
    return not alive


def _conflict(claim: _Claim, seen: _Seen) -> IdempotencyConflictError:
    what = "another payload" if seen.message == claim.message else f"another message, {seen.message}"
    return IdempotencyConflictError(
        f"Idempotency key {claim.key!r} of {claim.message} was used before with {what}",
        "Use a new key for a new command",
        {"key": claim.key, "message": claim.message, "used_by": seen.message},
    )


def _now() -> int:
    return time.time_ns() // 1000
