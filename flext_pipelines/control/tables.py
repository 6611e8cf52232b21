"""The tables of the control database, as the newest migration leaves them.

``tests/control/test_migrations.py`` proves that they agree with the migrations. All names begin with
``control_``, so that Meltano and Dagster may share the database.

What belongs here: tables and indexes for queries. What does not: triggers and history (``migrations``).
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
)

metadata = MetaData()

_WIDE = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on both; SQLite's row id is an ``INTEGER PRIMARY KEY`` and nothing else."""

audit = Table(
    "control_audit",
    metadata,
    Column("number", _WIDE, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("begun", _WIDE, ForeignKey("control_audit.number"), unique=True),
    Column("actor", Text),
    Column("source", Text),
    Column("message", Text),
    Column("payload", Text),
    Column("correlation_id", Text),
    Column("dagster_run_id", Text),
    Column("process", Text),
    Column("seconds", Double),
    Column("outcome", Text),
    Column("error", Text),
    Column("note", Text),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("kind IN ('begun', 'ended')", name="control_audit_kind"),
)
"""Two rows per command. ``at`` is UTC in microseconds; rows of kind ``ended`` name the ``begun`` one they close."""

audit_head = Table(
    "control_audit_head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("count", _WIDE, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("id = 1", name="control_audit_head_single"),
)
"""One row: how many rows the trail has and the hash of the last, so that a cut-off tail is found."""

keys = Table(
    "control_keys",
    metadata,
    Column("key", Text, primary_key=True),
    Column("message", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("unfinished", Integer, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("result", Text),
)
"""One row per idempotency key. ``ended_at`` is null while a holder is at work; ``token`` names its attempt."""

_BEGUN = audit.c.kind == "begun"
for _column in (audit.c.actor, audit.c.message, audit.c.correlation_id, audit.c.dagster_run_id, audit.c.at):
    Index(f"control_audit_{_column.name}", _column, audit.c.number, sqlite_where=_BEGUN, postgresql_where=_BEGUN)
Index("control_audit_outcome", audit.c.outcome, audit.c.begun)
Index("control_keys_ended_at", keys.c.ended_at)
