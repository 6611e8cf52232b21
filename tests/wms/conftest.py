"""Fixtures of the warehouse: one on SQLite, one on PostgreSQL, and one on each for facts that hold on both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from tests.wms.listening import Listener
from tests.wms.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def listener() -> Iterator[Listener]:
    """Listens on loopback; a test gives it the sample server that answers."""
    with Listener().opened() as made:
        yield made


@pytest.fixture
def sqlite_url(tmp_path: Path) -> SecretStr:
    """An SQLite file of this test."""
    return SecretStr(f"sqlite:///{tmp_path / 'wms.db'}")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> SecretStr:
    """A fresh database, once of each kind."""
    if request.param == "sqlite":
        found: SecretStr = request.getfixturevalue("sqlite_url")
        return found
    return SecretStr(request.getfixturevalue("postgres_url"))


@pytest.fixture
def warehouse(database_url: SecretStr) -> Iterator[Warehouse]:
    """A warehouse with masters only, whose state must be right at the end of every test."""
    made = Warehouse.filled(database_url)
    yield made
    found = made.problems()
    made.close()
    assert found == []
