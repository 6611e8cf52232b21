"""The file of Meltano's system database: its owner's alone, before Meltano makes it."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import UnavailableError
from flext_pipelines.meltano.locks import first_migration
from flext_pipelines.meltano.system_database import is_full, make_private_database, stored_states
from tests.meltano.projects import opened, write_project


def mode(file: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(file.stat().st_mode)


def test_a_database_and_what_stands_beside_it_are_private(tmp_path: Path) -> None:
    """Also in a home that others may enter; SQLite gives its write-ahead log the same mode."""
    file = tmp_path / "meltano.db"
    before = os.umask(0o022)
    try:
        make_private_database(SecretStr(f"sqlite:///{file}"))
        with closing(sqlite3.connect(file)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE t (a)")

            modes = {name: mode(file.with_name(name)) for name in ("meltano.db", "meltano.db-wal", "meltano.db-shm")}
    finally:
        os.umask(before)

    assert modes == dict.fromkeys(modes, 0o600)


def test_a_database_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Its owner has chosen who may read it; and another kind of database has no file."""
    file = tmp_path / "meltano.db"
    file.write_bytes(b"content")
    file.chmod(0o640)

    make_private_database(SecretStr(f"sqlite:///{file}"))
    make_private_database(SecretStr("postgresql://nowhere.invalid/x"))

    assert (mode(file), file.read_bytes()) == (0o640, b"content")
    assert [*tmp_path.iterdir()] == [file]


def test_an_empty_database_is_one_that_nobody_migrated(tmp_path: Path) -> None:
    """Whoever comes next holds others back, although the file is there and an earlier one was migrated."""
    project = opened(write_project(tmp_path / "project"), tmp_path / "home")
    with first_migration(project) as first:
        first.done()
    assert stored_states(project.database_url, ["dev:a-to-b"]) == {}

    with first_migration(project, wait_seconds=0) as second, first_migration(project, wait_seconds=0.1) as third:
        assert second.pending
        assert not third.pending


def test_a_database_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """With its place, before a Meltano starts that would say less."""
    (tmp_path / "file").touch()

    with pytest.raises(UnavailableError, match=r"file/meltano\.db cannot be used: File exists"):
        make_private_database(SecretStr(f"sqlite:///{tmp_path / 'file' / 'meltano.db'}"))


def test_a_database_that_may_not_grow_is_called_full(tmp_path: Path) -> None:
    """Not one that does not answer: waiting frees no room."""
    file = tmp_path / "meltano.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE t (a)")
        database.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.Error) as caught:
            database.execute("INSERT INTO t VALUES (zeroblob(100000))")

    assert is_full(caught.value)
    assert not is_full(sqlite3.OperationalError("database is locked"))
