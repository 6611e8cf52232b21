"""Commands that are performed exactly once, whatever happens on the way.

The first statement of a command's transaction writes its idempotency key into ``command_outcome``, the last one its
answer. So the key is there if and only if the work is: two commands with one key wait for each other at that row, and
after a lost connection the same transaction is sent again, where the key tells what came of the first. Nothing is
guessed: a transaction that is still on its way in a server that we cannot see holds the key until it is decided.

What belongs here: keys, answers, repeating. What does not: any work.
"""

from __future__ import annotations

import hashlib
import logging
import random
import time
import uuid
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from flext_pipelines.errors import FlextError, IdempotencyConflictError, OutcomeUnknownError
from flext_pipelines.wms.again import NumbersMissingError, SendAgainError
from flext_pipelines.wms.failures import AWAY, foreign, translate, verdict
from flext_pipelines.wms.tables import command_outcome
from flext_pipelines.wms.values import CommandOutcome, Performed

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from pydantic import BaseModel

    from flext_pipelines.wms.failures import Verdict
    from flext_pipelines.wms.transaction import Transaction, WmsDatabase

    P = TypeVar("P", bound=Performed)

log = logging.getLogger("flext.wms")

_KEY = command_outcome.c.outcome_key == sa.bindparam("wanted")
CLAIM = sa.insert(command_outcome).values(
    {name: sa.bindparam(name) for name in ("outcome_key", "command", "fingerprint", "create_user", "create_ts")}
)
KEEP = sa.update(command_outcome).where(_KEY).values(answer=sa.bindparam("answer_text"))
LOOK = sa.select(
    command_outcome.c.command,
    command_outcome.c.fingerprint,
    command_outcome.c.answer,
    command_outcome.c.create_user,
    command_outcome.c.create_ts,
).where(_KEY)
FORGET = sa.delete(command_outcome).where(command_outcome.c.create_ts < sa.bindparam("before"))

_MOST_TURNS = 12
"""How often a transaction that met another one is sent; the chance to meet one each time is small."""

_SURE_PATIENCE = 5.0
"""Seconds for which a lost database is tried again where it is known that nothing was done."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.5


class Call:
    """One command on its way through the database.

    Attributes:
        command: Its public name.
        key: Under which its outcome is kept; made when the caller gives none.
        actor: Who is answerable.
        now: When it came (UTC, without zone).
    """

    __slots__ = ("actor", "command", "fingerprint", "key", "now")

    def __init__(self, command: str, request: BaseModel, *, actor: str, key: str | None, now: dt.datetime) -> None:
        self.command = command
        self.key = key or f"auto-{uuid.uuid4().hex}"
        self.actor = actor[:60]
        self.now = now
        payload = request.model_dump_json(exclude={"idempotency_key"})
        self.fingerprint = hashlib.sha256(f"{command}\0{payload}".encode()).hexdigest()

    def stamps(self) -> dict[str, object]:
        """Who made a row, and when."""
        return {"create_user": self.actor, "create_ts": self.now, "mod_user": self.actor, "mod_ts": self.now}


class Outcomes:
    """Performs commands on a database, each once.

    Args:
        database: Where the work and its outcome are written.
        patience_seconds: How long a lost database is waited for to find out what came of a command.
    """

    def __init__(self, database: WmsDatabase, *, patience_seconds: float = 30) -> None:
        self._database = database
        self._patience = patience_seconds

    def perform(self, call: Call, answer_type: type[P], work: Callable[[Transaction], P]) -> P:
        """Do the work in one transaction, or give the answer that it had before.

        Args:
            call: What is to be done.
            answer_type: Of which the answer is.
            work: Sends the statements; it may be called several times, each time in a new transaction.

        Raises:
            IdempotencyConflictError: The key was used with another payload.
            OutcomeUnknownError: The connection broke at the commit, and the database stays away.
            UnavailableError: The database is away or busy; nothing was done.
            FlextError: What the work refuses; nothing was done.
        """
        turns = _Turns(self._patience)
        try:
            return self._in_turns(call, answer_type, work, turns)
        except KeyboardInterrupt:
            if turns.in_doubt:
                told = "%s was interrupted at its commit: `flext wms outcome` with the key %s tells what came of it"
                log.warning(told, call.command, call.key)
            raise

    def _in_turns(self, call: Call, answer_type: type[P], work: Callable[[Transaction], P], turns: _Turns) -> P:
        while True:
            transaction: Transaction | None = None
            try:
                with self._database.writing() as transaction:
                    self._claim(transaction, call)
                    answer = work(transaction)
                    transaction.send(KEEP, wanted=call.key, answer_text=answer.model_dump_json())
            except NumbersMissingError as missing:
                turns.restart()
                self._fetch_numbers(missing.count)
            except SendAgainError:
                turns.restart()
            except KeyboardInterrupt:
                turns.in_doubt |= transaction is not None and transaction.committing
                raise
            except foreign(self._database.engine) as error:
                told = verdict(error)
                if told.duplicate:  # of our key, or of a row of the work: then nothing is kept under the key
                    known = self._known(call, answer_type, turns)
                    if known is not None:
                        return known
                turns.in_doubt |= told.lost and transaction is not None and transaction.committing
                if not turns.another(told):
                    raise self._given_up(call, error, in_doubt=turns.in_doubt) from error
            else:
                return answer

    def outcome(self, key: str) -> CommandOutcome:
        """What came of a command; a row that is there is of a transaction that was kept.

        Raises:
            UnavailableError: The database is away.
        """
        import json

        row = self._database.read(lambda reader: reader.row(LOOK, wanted=key))
        if row is None:
            return CommandOutcome(key=key, performed=False)
        answer = json.loads(row[2]) if row[2] else None
        return CommandOutcome(key=key, performed=True, command=row[0], at=row[4], actor=row[3], answer=answer)

    def forget(self, before: dt.datetime) -> int:
        """Remove outcomes older than that; how many is given back.

        Raises:
            UnavailableError: The database is away.
        """
        try:
            with self._database.writing() as transaction:
                return transaction.changed(FORGET, before=before)
        except foreign(self._database.engine) as error:
            raise translate(error, self._database.engine) from error

    @staticmethod
    def _claim(transaction: Transaction, call: Call) -> None:
        transaction.send(
            CLAIM, outcome_key=call.key, command=call.command, fingerprint=call.fingerprint, create_user=call.actor,
            create_ts=call.now,
        )  # fmt: skip

    def _known(self, call: Call, answer_type: type[P], turns: _Turns) -> P | None:
        """The answer that is kept under the key; None when it went, or the connection did: the next turn tells."""
        try:
            row = self._database.read(lambda reader: reader.row(LOOK, wanted=call.key))
        except FlextError as error:
            if not turns.in_doubt:
                raise
            if error.retryable and turns.another(AWAY):
                return None
            raise self._unknown(call, error) from error
        if row is None:
            return None
        if row[1] != call.fingerprint:
            what = "another payload" if row[0] == call.command else f"another message, {row[0]}"
            raise IdempotencyConflictError(
                f"Idempotency key {call.key!r} of {call.command} was used before with {what}",
                "Use a new key for a new command",
                {"key": call.key, "message": call.command, "used_by": row[0]},
            )
        answer = answer_type.model_validate_json(row[2])
        return answer if turns.in_doubt else answer.model_copy(update={"replayed": True})

    def _fetch_numbers(self, count: int) -> None:
        try:
            with self._database.writing() as transaction:
                block = self._database.numbers.fetch(transaction, count)
            self._database.numbers.keep(block)
        except foreign(self._database.engine) as error:
            raise translate(error, self._database.engine) from error

    def _given_up(self, call: Call, error: BaseException, *, in_doubt: bool) -> FlextError:
        told = translate(error, self._database.engine)
        return self._unknown(call, told) if in_doubt else told

    @staticmethod
    def _unknown(call: Call, told: FlextError) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"The connection broke while {call.command} was being kept, and the database stays away: {told.reason}",
            f"Send it again with idempotency_key {call.key!r}: it is performed only if it was not. "
            "`flext wms outcome` with that key tells what came of it",
            {"idempotency_key": call.key, "message": call.command, "cause": told.code},
        )


class _Turns:
    """How often, and after which pauses, a transaction is sent again.

    Attributes:
        in_doubt: A COMMIT was sent, and its answer did not come.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._lost_since: float | None = None
        self._met = 0
        self.in_doubt = False

    def restart(self) -> None:
        """Send it once more at once; the work says so a few times at most."""
        self._met += 1
        assert self._met < _MOST_TURNS, "a command never comes to an end"

    def another(self, told: Verdict) -> bool:
        """Whether to send it once more, after a pause.

        A lost connection is made anew as long as our patience lasts. A row that another transaction has just made (a
        new place of stock, a new batch) is found by the next turn; the check of the table is no such row.
        """
        if told.lost or (self.in_doubt and told.again):
            self._lost_since = self._lost_since or time.monotonic()
            waited = time.monotonic() - self._lost_since
            pause = min(_LONGEST_PAUSE, max(_FIRST_PAUSE, waited / 4))
            if waited + pause > (self._patience if self.in_doubt else min(self._patience, _SURE_PATIENCE)):
                return False
            log.warning("The connection to the warehouse-management database was lost; trying again")
            time.sleep(pause)
            return True
        self._met += 1
        if not (told.again or told.duplicate) or self._met >= _MOST_TURNS:
            return False
        time.sleep(random.uniform(0, _FIRST_PAUSE * 2 ** min(self._met, 6)))  # noqa: S311  no secret: a pause
        return True
