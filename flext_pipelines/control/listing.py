"""The query behind a page of the audit trail.

What belongs here: joining each command with its outcome, filtering, paging by number. What does not: the values
(``entries``), writing and checking (``audit``, ``chain``).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from flext_pipelines.control.entries import AuditEntry, AuditFilter, AuditPage
from flext_pipelines.control.processes import is_alive
from flext_pipelines.control.tables import audit

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_page(connection: sa.Connection, wanted: AuditFilter, limit: int) -> AuditPage:
    """The newest entries that the filter lets pass."""
    rows = connection.execute(_select(wanted).limit(limit + 1)).mappings().all()
    entries = tuple(_entry(cast("Mapping[str, object]", row)) for row in rows[:limit])
    return AuditPage(entries=entries, next_before=entries[-1].number if len(rows) > limit else None)


def count_unfinished(connection: sa.Connection) -> int:
    """How many commands were begun and have no outcome."""
    begun, ended = audit.alias("b"), audit.alias("e")
    statement = (
        sa.select(sa.func.count())
        .select_from(begun.outerjoin(ended, ended.c.begun == begun.c.number))
        .where(begun.c.kind == "begun", ended.c.number.is_(None))
    )
    return connection.execute(statement).scalar_one()


def _select(wanted: AuditFilter) -> sa.Select[tuple[object, ...]]:
    begun, ended = audit.alias("b"), audit.alias("e")
    by_outcome = wanted.outcome not in {None, "unfinished"}  # then the index on outcome gives rows and order
    number = ended.c.begun if by_outcome else begun.c.number
    statement = (
        sa.select(
            *(begun.c[name] for name in ("number", "at", "actor", "source", "message", "payload", "process")),
            begun.c.correlation_id,
            begun.c.dagster_run_id,
            *(ended.c[name] for name in ("outcome", "seconds", "error", "note")),
            ended.c.number.label("ended_number"),
        )
        .select_from(begun.join(ended, ended.c.begun == begun.c.number, isouter=not by_outcome))
        .where(begun.c.kind == "begun")
        .order_by(number.desc())
    )
    for name in ("actor", "message", "correlation_id", "dagster_run_id"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(begun.c[name] == value)
    if wanted.since is not None:
        statement = statement.where(begun.c.at >= (wanted.since - _EPOCH) // timedelta(microseconds=1))
    if wanted.before is not None:
        statement = statement.where(number < wanted.before)
    if wanted.outcome is not None:
        statement = statement.where(ended.c.outcome == wanted.outcome if by_outcome else ended.c.number.is_(None))
    return cast("sa.Select[tuple[object, ...]]", statement)


def _entry(row: Mapping[str, object]) -> AuditEntry:
    """An entry of both rows; also of rows that somebody tampered with, which a reader must be able to see."""
    unfinished = row["ended_number"] is None
    texts = {name: row[name] or "" for name in ("actor", "source", "message", "process", "correlation_id")}
    return AuditEntry.model_validate(
        {
            **row,
            **texts,
            "at": _EPOCH + timedelta(microseconds=cast("int", row["at"])),
            "outcome": "unfinished" if unfinished else row["outcome"],
            "alive": is_alive(str(row["process"])) if unfinished else None,
            "payload": _object(row["payload"]),
            "error": None if row["error"] is None else _object(row["error"]),
        }
    )


def _object(text: object) -> dict[str, object]:
    try:
        value = json.loads(str(text))
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"unreadable": str(text)}
