"""Fixtures: databases to read and the tap run as a library or as a process."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from singer_columnar.testing import own_signal_handlers
from tap_postgresql_server import PostgresServer, running_server
from tap_running import Tables

settings.register_profile("tap-flext-sql", deadline=None, database=None)
settings.load_profile("tap-flext-sql")


@pytest.fixture(autouse=True)
def _own_signal_handlers() -> Iterator[None]:
    """The SDK's plugins set signal handlers of the whole process; give pytest's back."""
    with own_signal_handlers():
        yield


@pytest.fixture
def sqlite_tables(tmp_path: Path) -> Callable[..., Path]:
    """Makes a SQLite file from SQL statements and rows: ``make("CREATE ...", table=[(...), ...])``."""

    def make(*statements: str, name: str = "source.db", **rows: list[tuple[object, ...]]) -> Path:
        path = tmp_path / name
        with sqlite3.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)
            for table, values in rows.items():
                if values:
                    marks = ", ".join("?" * len(values[0]))
                    connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', values)
        connection.close()
        return path

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the session."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_tables(postgres: PostgresServer) -> Iterator[Tables]:
    """A database of its own on the server."""
    import sqlalchemy as sa

    name = f"t{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(postgres.url().replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    tables = Tables(postgres.url(name))
    yield tables
    tables.close()
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
