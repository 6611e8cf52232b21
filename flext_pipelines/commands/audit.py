"""Who did what: reading and checking the audit trail.

What belongs here: the messages of the audit trail and their handlers. What does not: writing to it, which
is a behaviour of the bus (``middleware``), and storage (``control``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from pydantic import Field, field_validator, model_validator

from flext_pipelines.commands.message import Query
from flext_pipelines.control.chain import AuditReport
from flext_pipelines.control.entries import AuditFilter, AuditPage, Outcome

if TYPE_CHECKING:
    from flext_pipelines.control.audit import AuditTrail


class ListAuditQuery(Query[AuditPage]):
    """Commands that were sent, newest first, each with its outcome."""

    actor: str | None = Field(default=None, description="Only those of this actor.")
    message: str | None = Field(default=None, description="Only this message, by public name: data.ExtractData.")
    outcome: Outcome | None = Field(
        default=None, description="Only those that ended so; unfinished: no outcome was written."
    )
    since: datetime | None = Field(default=None, description="Begun then or later; without a zone it is UTC.")
    correlation_id: str | None = Field(default=None, description="Only what follows from one request.")
    dagster_run_id: str | None = Field(default=None, description="Only what this Dagster run performed.")
    before: int | None = Field(default=None, ge=1, description="Go on below this number: next_before of a page.")
    limit: int = Field(default=50, ge=1, le=1000, description="At most so many entries.")

    @field_validator("since")
    @classmethod
    def _in_utc(cls, value: datetime | None) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class VerifyAuditQuery(Query[AuditReport]):
    """Check the whole audit trail: changed, missing, swapped and inserted rows, and a cut-off tail."""

    known_number: int | None = Field(default=None, ge=1, description="head_number of an earlier report.")
    known_hash: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="head_hash of the same report: proves what came before."
    )

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.known_number is None) != (self.known_hash is None):
            message = "known_number and known_hash belong together"
            raise ValueError(message)
        return self


def list_audit(query: ListAuditQuery, *, audit: AuditTrail) -> AuditPage:
    """A page of the trail."""
    wanted = AuditFilter(
        query.actor,
        query.message,
        query.outcome,
        query.since,
        query.correlation_id,
        query.dagster_run_id,
        query.before,
    )
    return audit.page(wanted, query.limit)


def verify_audit(query: VerifyAuditQuery, *, audit: AuditTrail) -> AuditReport:
    """A report, also of a broken trail: a door turns one that is not intact into ``AuditBrokenError``."""
    known = query.known_number, query.known_hash
    return audit.verify((known[0], known[1]) if known[0] and known[1] else None)


HANDLERS = {
    ListAuditQuery: list_audit,
    VerifyAuditQuery: verify_audit,
}
