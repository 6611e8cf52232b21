"""Failures end in one clear line, a non-zero exit code, and without a secret."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import adbc_driver_manager
import pytest
from singer_columnar.errors import LandingFailedError, SettingsError, TapError
from singer_columnar.testing import Ended, Json, batches_in
from tap_postgresql_server import PASSWORD, PostgresServer, free_port
from tap_running import Tables, discover, run, start, sync

from tap_flext_sql import errors
from tap_flext_sql.errors import explain


def _error_line(ended: Ended) -> str:
    """The one line of the error; there is no traceback."""
    assert ended.code == 1
    assert "Traceback" not in ended.log
    (line,) = [line for line in ended.log.splitlines() if "| ERROR" in line]
    return line


def _without_secret(ended: Ended) -> None:
    from urllib.parse import quote, quote_plus

    for spelling in (PASSWORD, quote_plus(PASSWORD), quote(PASSWORD), "wr0ng-secret"):
        assert spelling not in ended.log
        assert spelling not in ended.output


@pytest.mark.process
def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A SQLite file that is not there is an error, and is not created."""
    path = tmp_path / "nowhere.db"

    line = _error_line(run(tmp_path, {"dialect": "sqlite", "database": str(path)}, discover=True))

    assert "SourceUnreachableError" in line
    assert str(path) in line
    assert not path.exists()


@pytest.mark.process
def test_a_refused_connection_is_named_without_the_password(tmp_path: Path) -> None:
    """Nothing listens on the port: the line says where, why and what to check."""
    port = free_port()
    config = {"dialect": "postgresql", "host": "127.0.0.1", "port": port, "user": "u", "password": PASSWORD,
              "database": "d"}  # fmt: skip

    ended = run(tmp_path, config, discover=True)

    assert "refused" in _error_line(ended)
    assert "Check host, port" in ended.log
    _without_secret(ended)


@pytest.mark.process
def test_a_database_of_an_unknown_dialect_is_a_clear_error(tmp_path: Path) -> None:
    """A dialect that SQLAlchemy does not have installed is named."""
    line = _error_line(run(tmp_path, {"dialect": "nosuch", "host": "h", "password": PASSWORD}, discover=True))

    assert "nosuch" in line


@pytest.mark.process
@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "No database is configured"),
        ({"sqlalchemy_url": f"nonsense {PASSWORD}"}, "is not a URL"),
        ({"dialect": "sqlite"}, "Set database to the path"),
    ],
)
def test_settings_that_cannot_be_used_are_explained(tmp_path: Path, config: Json, words: str) -> None:
    """Each says which setting, and what to set."""
    ended = run(tmp_path, config, discover=True)

    assert words in _error_line(ended)
    _without_secret(ended)


@pytest.mark.process
def test_a_password_of_the_wrong_type_is_not_printed(tmp_path: Path) -> None:
    """The SDK's validation quotes the values it refuses; a secret is masked."""
    ended = run(tmp_path, {"dialect": "sqlite", "database": "x", "password": 12345678987654321})

    assert ended.code == 1
    assert "12345678987654321" not in ended.log


@pytest.mark.process
def test_a_reader_that_went_away_is_no_traceback(tmp_path: Path, sqlite_tables: Any) -> None:
    """When the target dies, the tap says so in one line and exits 1."""
    path = sqlite_tables("CREATE TABLE o (id INTEGER, t TEXT)", o=[(n, "x" * 100) for n in range(20_000)])
    read_end, write_end = os.pipe()
    process = start(tmp_path, {"dialect": "sqlite", "database": str(path)}, stdout=write_end)
    os.close(write_end)
    os.close(read_end)

    _, log = process.communicate(timeout=60)

    assert "The process that reads our output went away" in _error_line(Ended(process.returncode, "", log.decode()))


def test_a_table_that_is_gone_is_named(sqlite_tables: Any) -> None:
    """A catalog entry without its table: the error names it and says to discover again."""
    path = sqlite_tables("CREATE TABLE o (id INTEGER)")
    config = {"dialect": "sqlite", "database": str(path)}
    catalog = discover(config)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE o")
    connection.close()

    with pytest.raises(errors.TableMissingError, match=r"table 'o' is not in the database.*refresh-catalog"):
        sync(config, catalog)


def test_an_unknown_replication_key_is_named(sqlite_tables: Any) -> None:
    """A replication key that is no column of the table: the error says which, and what to do."""
    config = {"dialect": "sqlite", "database": str(sqlite_tables("CREATE TABLE o (id INTEGER)"))}
    catalog = discover(config)
    catalog["streams"][0] |= {"replication_method": "INCREMENTAL", "replication_key": "nope"}

    with pytest.raises(SettingsError, match="Replication key 'nope' is not a column of table 'o'"):
        sync(config, catalog)


def test_a_replication_key_without_an_order_is_refused(sqlite_tables: Any) -> None:
    """A blob cannot be a replication key."""
    config = {"dialect": "sqlite", "database": str(sqlite_tables("CREATE TABLE o (id INTEGER, b BLOB)"))}
    catalog = discover(config)
    catalog["streams"][0] |= {"replication_method": "INCREMENTAL", "replication_key": "b"}

    with pytest.raises(SettingsError, match=r"Column 'b'.*cannot be a replication key"):
        sync(config, catalog)


@pytest.mark.process
def test_a_file_that_cannot_grow_leaves_no_part_of_it(sqlite_tables: Any, tmp_path: Path) -> None:
    """When a batch file hits the end of its space, the run ends in one line and the folder holds only whole files."""
    rows = [(n, os.urandom(1000).hex()) for n in range(2000)]
    path = sqlite_tables("CREATE TABLE o (id INTEGER PRIMARY KEY, t TEXT)", o=rows)
    landing = tmp_path / "landing"
    config = {"dialect": "sqlite", "database": str(path), "batch_rows": 1000, "fetch_rows": 100, **batches_in(landing)}

    ended = run(tmp_path, config, prefix=("prlimit", "--fsize=500000"))

    assert "LandingFailedError" in _error_line(ended)
    assert "File too large" in ended.log
    assert "BATCH" not in ended.output
    assert list(landing.iterdir()) == []


def test_a_blocked_landing_folder_is_named(sqlite_tables: Any, tmp_path: Path) -> None:
    """A landing folder that cannot be written is named with what to do; the state stays where it was."""
    path = sqlite_tables("CREATE TABLE o (id INTEGER)", o=[(1,)])
    blocked = tmp_path / "landing"
    blocked.write_text("a file where the folder should be")

    with pytest.raises(LandingFailedError, match=r"stream 'o' could not be written.*batch_config.storage.root"):
        sync({"dialect": "sqlite", "database": str(path), **batches_in(blocked)})


@pytest.mark.postgres
def test_a_wrong_password_is_named_and_not_printed(tmp_path: Path, postgres: PostgresServer) -> None:
    """The server's refusal is passed on, without either password."""
    config = {"sqlalchemy_url": postgres.url(password="wr0ng-secret")}

    ended = run(tmp_path, config, discover=True)

    assert "password authentication failed" in _error_line(ended)
    _without_secret(ended)


@pytest.mark.postgres
def test_a_table_without_permission_is_named(postgres: PostgresServer, postgres_tables: Tables) -> None:
    """A user that may not read the table is told which GRANT is missing."""
    role = postgres_tables.url.rsplit("/", 1)[1] + "_reader"
    postgres_tables.run("CREATE TABLE o (id int)", f"CREATE ROLE {role} LOGIN PASSWORD 'pw'")
    config = {"sqlalchemy_url": postgres_tables.url}
    catalog = discover(config)
    url = postgres.url(postgres_tables.url.rsplit("/", 1)[1], role, "pw")

    try:
        with pytest.raises(errors.PermissionMissingError, match=r"table 'public.o' may not be read.*Grant SELECT"):
            sync({"sqlalchemy_url": url}, catalog)
    finally:
        postgres_tables.run(f"DROP ROLE {role}")


@pytest.mark.postgres
def test_a_connection_that_breaks_in_the_middle_is_named(tmp_path: Path, postgres_tables: Tables) -> None:
    """When the server ends the session while rows are read, the tap says that it was lost and that a rerun goes on."""
    postgres_tables.run("CREATE TABLE o (id bigint PRIMARY KEY, t text)",
                        "INSERT INTO o SELECT n, repeat('x', 500) FROM generate_series(1, 300000) n")  # fmt: skip
    process = start(tmp_path, {"sqlalchemy_url": postgres_tables.url})
    assert process.stdout is not None
    seen = b""
    while b"RECORD" not in seen:
        seen += os.read(process.stdout.fileno(), 100_000)

    postgres_tables.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database() AND query LIKE 'COPY%'"
    )
    output, log = process.communicate(timeout=60)

    ended = Ended(process.returncode, output.decode(), log.decode())
    assert "SourceLostError" in _error_line(ended)
    assert "last STATE" in ended.log
    assert "ACTIVATE_VERSION" not in ended.output
    _without_secret(ended)


_SEEN: list[tuple[str, type[TapError]]] = [
    ("connection to server at 127.0.0.1 failed: Connection refused", errors.SourceUnreachableError),
    ("could not translate host name", errors.SourceUnreachableError),
    ("DPY-6005: cannot connect to database", errors.SourceUnreachableError),
    ("ORA-01017: invalid username/password; logon denied", errors.SourceUnreachableError),
    ("ORA-12514: TNS:listener does not currently know of service", errors.SourceUnreachableError),
    ("server closed the connection unexpectedly", errors.SourceLostError),
    ("ORA-03113: end-of-file on communication channel", errors.SourceLostError),
    ("DPY-4011: the database or network closed the connection", errors.SourceLostError),
    ("ORA-00942: table or view does not exist", errors.TableMissingError),
    ('relation "x" does not exist', errors.TableMissingError),
    ('ORA-00904: "NOPE": invalid identifier', errors.ColumnMissingError),
    ("permission denied for table o", errors.PermissionMissingError),
    ("ORA-01031: insufficient privileges", errors.PermissionMissingError),
    ("ORA-01555: snapshot too old", errors.ReadFailedError),
]


@pytest.mark.parametrize(("text", "kind"), _SEEN)
def test_every_cause_has_its_class(text: str, kind: type[TapError]) -> None:
    """The drivers' messages, as they were seen or as their manuals give them, are told apart."""
    error = explain(
        adbc_driver_manager.OperationalError(text, status_code=adbc_driver_manager.AdbcStatusCode.IO), "here"
    )

    assert type(error) is kind
    assert "here" in str(error)
    assert text in str(error)


def test_the_error_tree_is_drawn_as_it_is() -> None:
    """The tree at the top of the module names every class, and each has a docstring."""
    classes = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TapError)]

    for kind in classes:
        assert kind.__name__ in (errors.__doc__ or "")
        assert kind.__doc__
