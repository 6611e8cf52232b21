"""Fixtures of the control database: every test that takes ``control`` runs on both kinds.

What belongs here: databases and ways to tamper with them. What does not: what workers do (``worker``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.control.engine import ControlDatabase
from flext_pipelines.control.idempotency import IdempotencyKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def control_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a control database that does not exist yet, or is empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'home' / 'control.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def control(control_url: str) -> Iterator[ControlDatabase]:
    """The control database of this test; a writer waits two seconds for another."""
    database = ControlDatabase(SecretStr(control_url), busy_seconds=2)
    yield database
    database.close()


@pytest.fixture
def tamper(control: ControlDatabase) -> Callable[..., None]:
    """Do what the triggers refuse, as somebody with all rights can."""

    def run(*statements: str) -> None:
        with control.reading():
            pass  # the tables are there now
        text = control._url.get_secret_value().replace("postgresql://", "postgresql+psycopg://")
        engine = sa.create_engine(text, poolclass=sa.NullPool)
        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":
                names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars()
                statements = (*(f"DROP TRIGGER {name}" for name in names.all()), *statements)
            else:
                connection.exec_driver_sql("SET session_replication_role = replica")
            for statement in statements:
                connection.exec_driver_sql(statement)

    return run


@pytest.fixture
def store(control: ControlDatabase) -> IdempotencyKeys:
    """A key store whose waiters give up after a minute, with a lease of half a second."""
    return IdempotencyKeys(control, wait_seconds=60, lease_seconds=0.5)
