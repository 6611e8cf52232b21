"""What readers of the audit trail get: one entry per command, page by page.

What belongs here: these values and the filter. What does not: the query behind them (``listing``), which
needs SQLAlchemy, while messages must be quick to import.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import JsonValue

from flext_pipelines.values import Value

Outcome = Literal["succeeded", "replayed", "failed", "denied", "interrupted", "unfinished"]
"""``unfinished``: begun, and no outcome was written; the process is still at work or has died."""


class AuditEntry(Value):
    """One command: its row before and, where there is one, its outcome after.

    Attributes:
        number: Of the row before.
        at: When it was begun, UTC.
        outcome: How it ended; ``unfinished`` when no outcome was written.
        alive: For an unfinished one, whether its process still lives; None when this machine cannot know.
        process: Host, boot, process id and start of the process that sent it.
        seconds: How long it took.
        payload: The message without its secrets.
        error: Code, reason, instruction, details of a failure.
        note: What else is to be known, such as an earlier attempt that died.
        ended_number: Of the row after.
    """

    number: int
    at: datetime
    actor: str
    source: str
    message: str
    outcome: Outcome
    alive: bool | None = None
    process: str
    seconds: float | None = None
    payload: dict[str, JsonValue]
    error: dict[str, JsonValue] | None = None
    note: str | None = None
    correlation_id: str
    dagster_run_id: str | None = None
    ended_number: int | None = None


class AuditPage(Value):
    """Some entries, newest first.

    Attributes:
        entries: At most as many as were asked for.
        next_before: Give this as ``before`` to have the next page; None on the last one.
    """

    entries: tuple[AuditEntry, ...]
    next_before: int | None = None


class AuditFilter(NamedTuple):
    """Which commands to list; None lets every one pass.

    Attributes:
        before: Only rows with a smaller number: the place to go on from.
        since: Begun then or later.
    """

    actor: str | None = None
    message: str | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    correlation_id: str | None = None
    dagster_run_id: str | None = None
    before: int | None = None
