"""The audit trail, its head, and the idempotency keys.

Revision ID: 0001
Revises:
Create Date: 2026-11-22
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_WIDE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BEGUN = sa.text("kind = 'begun'")
_REFUSAL = "the audit trail is append-only"


def upgrade() -> None:
    """Make the tables, and the triggers that keep the trail append-only."""
    _create_audit()
    op.create_table(
        "control_keys",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("unfinished", sa.Integer, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("begun_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("result", sa.Text),
    )
    op.create_index("control_keys_ended_at", "control_keys", ["ended_at"])
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def _create_audit() -> None:
    op.create_table(
        "control_audit",
        sa.Column("number", _WIDE, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("begun", _WIDE, sa.ForeignKey("control_audit.number"), unique=True),
        sa.Column("actor", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("payload", sa.Text),
        sa.Column("correlation_id", sa.Text),
        sa.Column("dagster_run_id", sa.Text),
        sa.Column("process", sa.Text),
        sa.Column("seconds", sa.Double),
        sa.Column("outcome", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("previous_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("kind IN ('begun', 'ended')", name="control_audit_kind"),
    )
    for column in ("actor", "message", "correlation_id", "dagster_run_id", "at"):
        op.create_index(
            f"control_audit_{column}",
            "control_audit",
            [column, "number"],
            sqlite_where=_BEGUN,
            postgresql_where=_BEGUN,
        )
    op.create_index("control_audit_outcome", "control_audit", ["outcome", "begun"])
    op.create_table(
        "control_audit_head",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("count", _WIDE, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.CheckConstraint("id = 1", name="control_audit_head_single"),
    )
    op.execute(f"INSERT INTO control_audit_head (id, count, hash) VALUES (1, 0, '{'0' * 64}')")  # noqa: S608  constant


def _sqlite_trigger(name: str, occasion: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {occasion} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"


def _postgresql_trigger(name: str, occasion: str) -> str:
    return f"CREATE TRIGGER {name} BEFORE {occasion} EXECUTE FUNCTION control_audit_refuse()"


_SQLITE = (
    _sqlite_trigger("control_audit_no_update", "UPDATE ON control_audit"),
    _sqlite_trigger("control_audit_no_delete", "DELETE ON control_audit"),
    _sqlite_trigger("control_audit_head_no_delete", "DELETE ON control_audit_head"),
    _sqlite_trigger(
        "control_audit_head_forward", "UPDATE ON control_audit_head WHEN NEW.count <> OLD.count + 1 OR NEW.id <> 1"
    ),
)

_FUNCTION = f"""
CREATE FUNCTION control_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$
"""

_POSTGRESQL = (
    _FUNCTION,
    _postgresql_trigger(
        "control_audit_append_only", "UPDATE OR DELETE OR TRUNCATE ON control_audit FOR EACH STATEMENT"
    ),
    _postgresql_trigger("control_audit_head_no_delete", "DELETE OR TRUNCATE ON control_audit_head FOR EACH STATEMENT"),
    _postgresql_trigger(
        "control_audit_head_forward",
        "UPDATE ON control_audit_head FOR EACH ROW WHEN (NEW.count <> OLD.count + 1 OR NEW.id <> 1)",
    ),
)


def downgrade() -> None:
    """Refused: an audit trail is not removed by a program.

    Raises:
        NotImplementedError: Always.
    """
    raise NotImplementedError(_REFUSAL)
