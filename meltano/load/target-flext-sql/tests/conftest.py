"""Databases for the tests: a DuckDB file for each test, one PostgreSQL server for a test session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from target_harness import Place
from target_servers import PostgresServer, postgres_place, running_server

# Machines differ and are shared: how long one example takes says nothing. Examples leave no files behind.
settings.register_profile("target-flext-sql", deadline=None, database=None)
settings.load_profile("target-flext-sql")


@pytest.fixture(scope="session")
def target_postgres_server() -> Iterator[PostgresServer]:
    """One server for the session (one for each worker under xdist)."""
    with running_server() as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A server that the test may stop."""
    with running_server() as server:
        yield server


@pytest.fixture
def duckdb_place(tmp_path: Path) -> Place:
    """A DuckDB file of the test's own."""
    config = {"path": str(tmp_path / "warehouse.duckdb"), "default_target_schema": "raw", "lock_timeout": 20}
    return Place("duckdb", config)


@pytest.fixture(params=["duckdb", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each database in turn: the same facts hold on all of them."""
    if request.param == "duckdb":
        return request.getfixturevalue("duckdb_place")
    return postgres_place(request.getfixturevalue("target_postgres_server"))
