"""The append-only audit trail: one row before a command, its outcome after.

What belongs here: appending, and the three questions readers have (page, report, unfinished). What does not:
hashing (``chain``), the query (``entries``), the behaviour that calls this (``commands/middleware.py``).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from flext_pipelines.control.chain import FIELDS, AuditReport, Findings, check, hashed_between, row_hash
from flext_pipelines.control.listing import count_unfinished, read_page
from flext_pipelines.control.processes import this_process
from flext_pipelines.control.tables import audit, audit_head
from flext_pipelines.errors import AuditBrokenError
from flext_pipelines.secrets import redacted, redacted_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flext_pipelines.control.engine import ControlDatabase
    from flext_pipelines.control.entries import AuditFilter, AuditPage

EndedOutcome = Literal["succeeded", "replayed", "failed", "denied", "interrupted"]

_HEAD = sa.select(audit_head.c.count, audit_head.c.hash).where(audit_head.c.id == sa.literal_column("1"))
_LOCKED_HEAD = _HEAD.with_for_update()
_APPEND = sa.insert(audit)
_MOVE_HEAD = (
    sa.update(audit_head)
    .where(audit_head.c.id == sa.literal_column("1"))
    .values(count=sa.bindparam("new_count"), hash=sa.bindparam("new_hash"))
)
_STORED = tuple(name for name in FIELDS if name not in {"number", "previous_hash"})
APPEND_AT_ONCE = sa.text(
    f"""
    WITH head AS (SELECT count, hash FROM control_audit_head WHERE id = 1 FOR UPDATE),
    added AS (
        SELECT count + 1 AS number, hash AS previous_hash,
            encode(sha256(convert_to('[' || (count + 1) || ',' || :middle || ',"' || hash || '"]', 'UTF8')), 'hex')
                AS hash
        FROM head
    ),
    moved AS (
        UPDATE control_audit_head SET count = added.number, hash = added.hash FROM added WHERE control_audit_head.id = 1
    )
    INSERT INTO control_audit (number, previous_hash, hash, {", ".join(_STORED)})
    SELECT number, previous_hash, hash, {", ".join(f":{name}" for name in _STORED)} FROM added
    RETURNING number
    """  # noqa: S608  names of our columns
).bindparams(
    *(sa.bindparam(name, type_=audit.c[name].type) for name in _STORED), sa.bindparam("middle", type_=sa.Text())
)
"""For PostgreSQL: lock, hash, insert and move the head in one statement, that is one round trip instead of five."""
_ROWS = sa.select(*(audit.c[name] for name in (*FIELDS, "hash"))).order_by(audit.c.number)
_EMPTY: dict[str, object] = dict.fromkeys((*FIELDS, "hash"))


class AuditTrail:
    """Who did what through the bus, and what came of it.

    Every row carries the hash of the one before. Writers of any number of threads, processes and machines
    take turns at the head row, so that the chain has no forks and no gaps.

    Args:
        database: Where it is kept.
    """

    def __init__(self, database: ControlDatabase) -> None:
        self._database = database

    def begin(
        self, *, message: str, payload: str, actor: str, source: str, correlation_id: str, dagster_run_id: str | None
    ) -> int:
        """Write the row before a command; its number comes back.

        Args:
            message: Public name.
            payload: JSON; secrets in it are masked.
            actor: Who is answerable.
            source: The door.
            correlation_id: Under which everything of one request is found.
            dagster_run_id: The run that performs it, if one does.

        Raises:
            UnavailableError: It could not be written; the command must not be performed.
        """
        return self._append(
            {
                "kind": "begun",
                "actor": _storable(actor),
                "source": source,
                "message": message,
                "payload": redacted_json(payload),
                "correlation_id": _storable(correlation_id),
                "dagster_run_id": dagster_run_id,
                "process": str(this_process()),
            }
        )

    def end(
        self,
        begun: int,
        *,
        outcome: EndedOutcome,
        seconds: float,
        error: Mapping[str, object] | None = None,
        note: str | None = None,
    ) -> None:
        """Write the outcome of the command whose row before has that number.

        Args:
            begun: What ``begin`` gave.
            outcome: How it ended.
            seconds: How long it took.
            error: Code, reason, instruction, details; secrets in it are masked.
            note: What else a reader should know.

        Raises:
            UnavailableError: It could not be written; the command stays visible as unfinished.
        """
        told = None if error is None else json.dumps(redacted(dict(error)), default=str, separators=(",", ":"))
        self._append(
            {
                "kind": "ended",
                "begun": begun,
                "outcome": outcome,
                "seconds": float(seconds),  # a database gives 1.0 back for 1, and a hash would tell them apart
                "error": told,
                "note": note and _storable(note),
            }
        )

    def page(self, wanted: AuditFilter, limit: int) -> AuditPage:
        """The newest commands that the filter lets pass.

        Raises:
            UnavailableError: The database is away.
        """
        with self._database.reading() as connection:
            return read_page(connection, wanted, limit)

    def verify(self, known: tuple[int, str] | None = None) -> AuditReport:
        """Check the whole chain against itself, the head row and, if given, a hash noted earlier.

        It reads one snapshot row by row: memory stays flat, and writers go on meanwhile.

        Args:
            known: Number and hash of a row, as an earlier report gave them.

        Raises:
            UnavailableError: The database is away.
        """
        started = time.perf_counter()
        findings = Findings()
        with self._database.reading() as connection:
            found = connection.execute(_HEAD).one_or_none()
            head = (int(found[0]), str(found[1])) if found else None
            rows = check(_stream(connection), head, findings, known)
            unfinished = count_unfinished(connection)
        return AuditReport(
            intact=findings.count == 0,
            rows=rows,
            findings=tuple(findings.kept),
            findings_in_all=findings.count,
            head_number=head[0] if head else 0,
            head_hash=head[1] if head else "",
            unfinished=unfinished,
            seconds=time.perf_counter() - started,
        )

    def _append(self, values: Mapping[str, object]) -> int:
        row = {**_EMPTY, **values}
        if self._database.dialect == "postgresql":
            return self._append_at_once(row)
        with self._database.writing() as writing:
            head = writing.execute(_LOCKED_HEAD).fetchone()
            if head is None:
                raise self._headless()
            number: int = head[0] + 1
            row["number"], row["previous_hash"] = number, head[1]
            row["at"] = time.time_ns() // 1000
            row["hash"] = row_hash(row)
            writing.execute(_APPEND, row)
            writing.execute(_MOVE_HEAD, {"new_count": number, "new_hash": row["hash"]})
        return number

    def _append_at_once(self, row: dict[str, object]) -> int:
        """The same in one statement: the server knows number and hash of the row before, and we the fields between."""
        row["at"] = time.time_ns() // 1000
        stored = {name: row[name] for name in _STORED}
        found = self._database.append(APPEND_AT_ONCE, {**stored, "middle": hashed_between(stored)})
        if found is None:
            raise self._headless()
        number: int = found[0]
        return number

    def _headless(self) -> AuditBrokenError:
        return AuditBrokenError(
            f"The audit trail in {self._database.place} has lost its head row",
            "Nothing can be done on record until it is back: restore the database from a backup",
        )


def _stream(connection: sa.Connection) -> Iterator[Sequence[object]]:
    """Every row of the trail in order, a thousand in memory at a time."""
    with connection.execution_options(yield_per=1000).execute(_ROWS) as rows:
        yield from rows


def _storable(text: str) -> str:
    """A text that every database can hold: PostgreSQL has no NUL, and no encoding has lone surrogates."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\N{SYMBOL FOR NULL}")
