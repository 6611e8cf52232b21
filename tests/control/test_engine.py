"""Facts about opening, migrating and sharing the control database."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.control.audit import AuditTrail
from flext_pipelines.control.engine import ControlDatabase
from flext_pipelines.control.migrations import HEAD
from flext_pipelines.control.tables import audit_head, keys
from flext_pipelines.errors import ConfigError, FlextError, StorageFullError, UnavailableError
from tests.control import worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.postgres import PostgresServer

ROW = {
    "message": "m", "fingerprint": "f", "token": "t", "process": "p", "unfinished": 0, "beat": 0, "begun_at": 1,
    "ended_at": None, "result": None,
}  # fmt: skip


def count_keys(database: ControlDatabase) -> int:
    with database.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(keys)).scalar_one()


def begin(trail: AuditTrail) -> int:
    return trail.begin(message="m", payload="{}", actor="a", source="cli", correlation_id="c", dagster_run_id=None)


def test_nothing_is_opened_before_use(tmp_path: Path) -> None:
    """Making a control database touches no file."""
    path = tmp_path / "home" / "control.db"

    ControlDatabase(SecretStr(f"sqlite:///{path}")).close()

    assert not path.parent.exists()


def test_sqlite_file_is_private(tmp_path: Path) -> None:
    """Only its owner may read the control database's file."""
    path = tmp_path / "home" / "control.db"
    database = ControlDatabase(SecretStr(f"sqlite:///{path}"))

    with database.reading():
        mode = stat.S_IMODE(path.stat().st_mode)

    database.close()
    assert mode == 0o600


def test_sqlite_is_set_up_for_many_processes(tmp_path: Path) -> None:
    """SQLite runs with WAL, full sync and foreign keys."""
    database = ControlDatabase(SecretStr(f"sqlite:///{tmp_path / 'c.db'}"))

    with database.reading() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        found.append(connection.exec_driver_sql("PRAGMA foreign_keys").scalar())

    database.close()
    assert found == ["wal", 2, 1]


def test_first_use_migrates_to_the_newest_revision(control: ControlDatabase) -> None:
    """An empty database has the newest revision after its first use."""
    with control.reading() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM control_version").scalars().all() == [HEAD]


@pytest.mark.process
def test_processes_that_start_at_once_migrate_once(control_url: str) -> None:
    """Five processes that meet an empty database at once all work, and it is migrated once."""
    workers = [worker.start(control_url, "many", "3") for _ in range(5)]
    for one in workers:
        assert one.stdin
        one.stdin.write("\n")
        one.stdin.flush()

    worker.finish(workers)

    database = ControlDatabase(SecretStr(control_url))
    report = AuditTrail(database).verify()
    database.close()
    assert (report.intact, report.rows, report.unfinished) == (True, 30, 0)


@pytest.mark.process
def test_a_migrated_database_costs_no_alembic(control_url: str, control: ControlDatabase) -> None:
    """Once a database is at the newest revision, opening it does not import Alembic."""
    with control.reading():
        pass

    assert worker.finish([worker.start(control_url, "modules", "alembic", "sqlalchemy")]) == ["sqlalchemy"]


@pytest.mark.process
def test_a_fork_gets_its_own_connection(control_url: str) -> None:
    """Parent and child of a fork both go on writing one unbroken chain."""
    assert worker.finish([worker.start(control_url, "fork")]) == ["0"]

    database = ControlDatabase(SecretStr(control_url))
    report = AuditTrail(database).verify()
    database.close()
    assert (report.intact, report.rows) == (True, 8)


@pytest.mark.process
def test_a_second_opener_in_the_process_costs_no_row(tmp_path: Path) -> None:
    """What a process writes is kept though it opened the file twice and another process closed it meanwhile.

    SQLite's locks belong to the process: any close of the file gives up all of them, and then the other process
    takes itself for the last one and removes the log that the first goes on writing to.
    """
    url = f"sqlite:///{tmp_path / 'control.db'}"
    first, second = ControlDatabase(SecretStr(url)), ControlDatabase(SecretStr(url))
    number = begin(AuditTrail(first))
    begin(AuditTrail(second))

    worker.finish([worker.start(url, "send", '{"name": "guest"}')])
    AuditTrail(first).end(number, outcome="succeeded", seconds=0)
    worker.finish([worker.start(url, "send", '{"name": "guest"}')])

    second.close()
    first.close()
    report = AuditTrail(database := ControlDatabase(SecretStr(url))).verify()
    database.close()
    assert (report.intact, report.rows, report.unfinished) == (True, 7, 1)


def test_a_newer_database_is_refused(control: ControlDatabase, tamper: Callable[..., None], control_url: str) -> None:
    """A database that a newer version migrated is refused with the advice to upgrade."""
    tamper("UPDATE control_version SET version_num = '9999'")
    older = ControlDatabase(SecretStr(control_url))

    with pytest.raises(ConfigError, match="newer flext-pipelines") as caught, older.reading():
        pass

    older.close()
    assert "Upgrade" in caught.value.instruction


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("not a url", "not a database URL"),
        ("mysql://u:hunter2@h/db", "cannot be mysql"),
        ("sqlite://", "cannot be sqlite"),
        ("oracle+oracledb://u:hunter2@h/db", "cannot be oracle"),
    ],
)
def test_other_databases_are_refused(url: str, reason: str) -> None:
    """A URL of another kind is an error in words, without the password."""
    with pytest.raises(ConfigError, match=reason) as caught, ControlDatabase(SecretStr(url)).reading():
        pass

    assert "hunter2" not in f"{caught.value} {caught.value.details} {caught.value.instruction}"


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    """A file of something else is an error that names the file and says what to do."""
    path = tmp_path / "control.db"
    path.write_text("this is not a database, " * 100)

    with pytest.raises(ConfigError, match=r"no database.*control\.db"):
        AuditTrail(ControlDatabase(SecretStr(f"sqlite:///{path}"))).verify()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A home that cannot be made is an error of ours, not a traceback of the file system."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="cannot be written"):
        AuditTrail(ControlDatabase(SecretStr(f"sqlite:///{tmp_path / 'file' / 'home' / 'c.db'}"))).verify()


@pytest.mark.postgres
def test_a_wrong_password_is_named_without_it(postgres: PostgresServer) -> None:
    """A refused password is a permanent error, and no part of the error holds it."""
    url = f"postgresql://flext:hunter2%2Fx@127.0.0.1:{postgres.port}/postgres"

    with pytest.raises(ConfigError, match="refuses access") as caught, ControlDatabase(SecretStr(url)).reading():
        pass

    shown = f"{caught.value!r} {caught.value} {caught.value.details} {caught.value.__cause__}"
    assert "hunter2" not in shown


@pytest.mark.postgres
def test_a_missing_database_is_named(postgres: PostgresServer) -> None:
    """A database that does not exist is a permanent error that says to create it."""
    with pytest.raises(ConfigError, match="does not exist") as caught:
        AuditTrail(ControlDatabase(SecretStr(postgres.url("nowhere")))).verify()

    assert postgres.password not in str(caught.value)


def test_a_server_that_is_away_is_transient() -> None:
    """A server that does not answer is worth trying again, and the password is not in the error."""
    database = ControlDatabase(SecretStr("postgresql://flext:hunter2@127.0.0.1:9/control"))

    with pytest.raises(UnavailableError, match="does not answer") as caught, database.writing():
        pass

    assert caught.value.retryable
    assert "hunter2" not in f"{caught.value} {caught.value.details}"


@pytest.mark.postgres
def test_a_connection_that_the_server_closed_is_replaced(postgres_url: str) -> None:
    """After the server dropped the connection, the next command works."""
    database = ControlDatabase(SecretStr(postgres_url))
    trail = AuditTrail(database)
    begin(trail)

    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'flext'")

    assert begin(trail) == 2
    database.close()


def test_a_transaction_that_raises_is_undone(control: ControlDatabase) -> None:
    """When a block raises, nothing that it wrote stays, and the next transaction works."""

    def write_and_fail() -> None:
        with control.writing() as writing:
            writing.execute(sa.insert(keys), {"key": "a", **ROW})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()

    with control.writing() as writing:
        writing.execute(sa.insert(keys), {"key": "b", **ROW})
    assert count_keys(control) == 1


def test_what_an_interrupt_left_open_is_undone(control: ControlDatabase) -> None:
    """A transaction that an interrupt left open between two lines is undone before the next one begins."""
    held = control._begun("BEGIN")
    held.driver.execute("INSERT INTO control_keys VALUES ('a', 'm', 'f', 't', 'p', 0, 0, 1, NULL, NULL)")

    with control.writing() as writing:
        writing.execute(sa.insert(keys), {"key": "b", **ROW})

    assert count_keys(control) == 1


def test_a_locked_database_is_waited_for_and_then_named(control_url: str, control: ControlDatabase) -> None:
    """A writer that another one locks out for longer than it waits fails as transient, with nothing written."""
    hasty = ControlDatabase(SecretStr(control_url), busy_seconds=0.2)
    trail = AuditTrail(hasty)
    begin(trail)

    with control.writing() as writing:
        writing.execute(sa.select(audit_head.c.count).with_for_update())
        with pytest.raises(UnavailableError, match="locked"):
            begin(trail)

    assert begin(trail) == 2
    hasty.close()


def test_a_full_disk_is_named_and_nothing_is_half_written(tmp_path: Path) -> None:
    """When there is no room for a row, the error says so, and the trail stays whole."""
    database = ControlDatabase(SecretStr(f"sqlite:///{tmp_path / 'c.db'}"))
    trail = AuditTrail(database)
    begin(trail)
    database._held().driver.execute("PRAGMA max_page_count = 1")  # SQLite's own way to say: no page more

    with pytest.raises(StorageFullError, match="full"):
        trail.begin(
            message="m",
            payload='{"a": "' + "x" * 1_000_000 + '"}',
            actor="a",
            source="cli",
            correlation_id="c",
            dagster_run_id=None,
        )

    report = trail.verify()
    database.close()
    assert (report.intact, report.rows) == (True, 1)


def test_each_thread_has_a_connection_and_gives_it_back(control: ControlDatabase) -> None:
    """Threads do not share a connection, and those of ended threads are closed when the next one comes."""
    trail = AuditTrail(control)
    seen: list[int] = []

    def work() -> None:
        begin(trail)
        seen.append(id(control._held().driver))

    begin(trail)
    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert id(control._held().driver) not in seen
    assert len(control._open) == 2


def test_a_closed_database_opens_again(control: ControlDatabase) -> None:
    """After ``close`` the next use works."""
    trail = AuditTrail(control)
    begin(trail)

    control.close()

    assert begin(trail) == 2


def test_a_read_only_file_is_named(tmp_path: Path) -> None:
    """A database that another program keeps read-only is a permanent error."""
    path = tmp_path / "c.db"
    database = ControlDatabase(SecretStr(f"sqlite:///{path}"))
    trail = AuditTrail(database)
    begin(trail)
    database._held().driver.execute("PRAGMA query_only = ON")

    with pytest.raises(FlextError, match="cannot be written"):
        begin(trail)

    database.close()
    with closing(sqlite3.connect(path)) as kept:
        assert kept.execute("SELECT count(*) FROM control_audit").fetchone() == (1,)
