"""Facts about the schema: its history, and the triggers that keep the trail append-only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from flext_pipelines.control import migrations
from flext_pipelines.control.audit import AuditTrail
from flext_pipelines.control.tables import metadata
from flext_pipelines.errors import ForbiddenError

if TYPE_CHECKING:
    from flext_pipelines.control.engine import ControlDatabase

FOLDER = Path(migrations.__file__).parent


def test_the_named_head_is_the_newest_revision() -> None:
    """``HEAD``, which is compared without importing Alembic, is the revision that Alembic would go to."""
    assert ScriptDirectory(str(FOLDER)).get_heads() == [migrations.HEAD]


def test_migrations_lead_to_the_tables(control: ControlDatabase) -> None:
    """After all migrations the database has exactly the tables, columns and indexes that queries expect."""
    with control.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrations.VERSION_TABLE})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_tables_share_a_database_with_others(control: ControlDatabase) -> None:
    """Every table has our prefix, so that Meltano and Dagster may use the same database."""
    assert all(name.startswith("control_") for name in metadata.tables)
    assert migrations.VERSION_TABLE.startswith("control_")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE control_audit SET actor = 'somebody else'",
        "UPDATE control_audit SET actor = 'nobody' WHERE number = 1",
        "DELETE FROM control_audit",
        "DELETE FROM control_audit_head",
        "UPDATE control_audit_head SET hash = 'x'",
        "UPDATE control_audit_head SET count = 0",
    ],
)
def test_the_trail_is_append_only(control: ControlDatabase, statement: str) -> None:
    """The database itself refuses to change or remove what was recorded, or to move the head back."""
    trail = AuditTrail(control)
    trail.begin(message="m", payload="{}", actor="a", source="cli", correlation_id="c", dagster_run_id=None)

    with pytest.raises(ForbiddenError, match="append-only"), control.writing() as writing:
        writing._driver.execute(statement)

    assert trail.verify().intact


@pytest.mark.postgres
def test_the_trail_cannot_be_truncated(postgres_url: str) -> None:
    """PostgreSQL refuses TRUNCATE as well."""
    from pydantic import SecretStr

    from flext_pipelines.control.engine import ControlDatabase

    database = ControlDatabase(SecretStr(postgres_url))

    with pytest.raises(ForbiddenError, match="append-only"), database.writing() as writing:
        writing._driver.execute("TRUNCATE control_audit")

    database.close()


def test_a_downgrade_is_refused(control: ControlDatabase) -> None:
    """No program removes an audit trail."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))

    with control.reading() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(NotImplementedError, match="append-only"):
            command.downgrade(config, "base")
