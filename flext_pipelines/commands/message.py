"""Messages: what a caller asks for, as plain, frozen, JSON-friendly values.

What belongs here: the base classes of messages and the context that travels beside one.
What does not: any message of the mission (each lives with its handler) and any behaviour.
"""

import hashlib
import itertools
import os
from collections.abc import Callable, Mapping
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from flext_pipelines.secrets import MASK
from flext_pipelines.values import Progress, ignore_progress

R_co = TypeVar("R_co", covariant=True)

Source = Literal["cli", "dagster", "schedule", "sensor", "api", "web", "python"]
"""The door through which a message came."""


class Message(BaseModel, Generic[R_co]):
    """Something asked of the bus, whose answer has type ``R``.

    Unknown fields are refused. Equal fields make equal messages. ``model_dump_json`` and
    ``model_validate_json`` are inverse, so that one definition serves as Dagster run config,
    HTTP body, CLI argument and audit row. Secrets are ``SecretStr`` fields; they never enter any of those.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True, allow_inf_nan=False
    )

    def for_audit(self) -> str:
        """The message as JSON for the audit trail, secrets masked.

        The row is written before the handler. So a message with plain fields in which only its handler can tell a
        secret, such as settings of a plugin, leaves their values out (``names_only``).
        """
        return self.model_dump_json(exclude_none=True)


class Command(Message[R_co]):
    """A message that changes something."""

    performed_in_run: ClassVar[bool] = False
    """True for long work: a shell door launches a Dagster run that sends it, so that logs and status are kept."""
    never_in_run_config: ClassVar[frozenset[str]] = frozenset()
    """Fields in which only the handler knows a secret; by then run config, which is plain text, would hold it."""
    outcome_kept_by: ClassVar[str] = ""
    """The port that keeps what came of the key itself, in the transaction of the work, where its ``keeps_outcomes``
    says so; the bus keeps it for all others."""

    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00]*$",  # PostgreSQL stores no text with NUL
        description="The same key and payload is done once and answered with the first result.",
    )

    def fingerprint(self) -> str:
        """What two commands under one key must agree on, in short: every field but the key."""
        return hashlib.sha256(self.model_dump_json(exclude={"idempotency_key"}).encode()).hexdigest()


class Query(Message[R_co]):
    """A message that never changes anything."""


def names_only(value: object) -> object:
    """A plain value with its structure and names, and a mask for whatever may be a secret: texts and numbers."""
    if isinstance(value, Mapping):
        return {name: names_only(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [names_only(inner) for inner in value]
    return value if value is None or isinstance(value, bool) else MASK


_IDS = itertools.count(1)
_PROCESS = os.urandom(10).hex() + "-"


def _renew_process_mark() -> None:
    global _PROCESS
    _PROCESS = os.urandom(10).hex() + "-"


os.register_at_fork(after_in_child=_renew_process_mark)


def new_correlation_id() -> str:
    """An id no other call has: 80 random bits of the process and a counter (0.1 us; a uuid4 costs 1.5)."""
    return _PROCESS + str(next(_IDS))


class Context:
    """Who asks, through which door, within what: travels beside a message, never inside it.

    Attributes:
        actor: The user or service that is answerable for the message.
        source: The door it came through.
        correlation_id: One id for everything that follows from one request; made on the way if absent.
        dagster_run_id: The Dagster run that performs it, if one does.
        on_progress: Called with each step of long work, possibly from another thread.
    """

    __slots__ = ("actor", "correlation_id", "dagster_run_id", "on_progress", "source")

    def __init__(
        self,
        actor: str,
        source: Source = "python",
        *,
        correlation_id: str = "",
        dagster_run_id: str | None = None,
        on_progress: Callable[[Progress], None] = ignore_progress,
    ) -> None:
        self.actor = actor
        self.source: Source = source
        self.correlation_id = correlation_id
        self.dagster_run_id = dagster_run_id
        self.on_progress = on_progress
