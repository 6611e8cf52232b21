"""A real PostgreSQL server for tests, on a free loopback port, for as long as the test session lasts.

What belongs here: finding the programs, starting, stopping, and fresh databases. What does not:
anything of ours that runs on it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING: set[int] = set()
"""Process ids of servers that outlive the test which started them."""

_USER = "flext"


class PostgresMissingError(Exception):
    """PostgreSQL's server programs are not installed on this machine."""


class PostgresServer:
    """A running server.

    Attributes:
        port: The loopback port it listens on.
        password: Of its only user; random, so that a leaked one is recognised in an error text.
        process: The postmaster, a child of this process.
    """

    def __init__(self, port: int, password: str, process: subprocess.Popen[bytes]) -> None:
        self.port = port
        self.password = password
        self.process = process
        self._databases = 0

    def url(self, database: str) -> str:
        """``postgresql://user:password@127.0.0.1:port/database``."""
        return f"postgresql://{_USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        """A new database, empty or a copy of another; its name."""
        if name is None:
            self._databases += 1
            name = f"test_{self._databases}"
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        return name

    def has_database(self, name: str) -> bool:
        """Whether there is one of that name."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        return found is not None

    def disconnect(self, name: str) -> None:
        """End every connection to a database, so that it can be a template."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s", [name]
            )

    def drop_database(self, name: str) -> None:
        """Remove a database together with the connections to it."""
        self._administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def stop(self) -> None:
        """Fast shutdown: SIGINT, then SIGKILL if it does not go."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def find_programs() -> Path:
    """The newest folder that holds ``initdb`` and ``postgres``.

    Raises:
        PostgresMissingError: There is none.
    """
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name.split(".")[0]))
    on_path = shutil.which("initdb")
    if on_path:
        folders.insert(0, Path(on_path).parent)
    for folder in reversed(folders):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissingError("initdb and postgres are neither under /usr/lib/postgresql nor on the PATH")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """Start a server in a temporary folder and stop it at the end.

    It refuses to run as root, so that as root it runs as ``postgres`` or ``nobody``. It does not wait for the
    disk: its data live no longer than the tests.

    Raises:
        PostgresMissingError: PostgreSQL is not installed.
    """
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="flext-postgres-"))
    user = _unprivileged_user()
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    try:
        password = secrets.token_hex(12)
        _initialise(programs, folder, user, password)
        server = _start(programs, folder, user, password)
        RUNNING.add(server.process.pid)
        try:
            yield server
        finally:
            server.stop()
            RUNNING.discard(server.process.pid)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _initialise(programs: Path, folder: Path, user: str | None, password: str) -> None:
    """Passwords by md5: SCRAM is made slow on purpose, 8 ms of each of the tests' thousands of connections."""
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    subprocess.run(
        [
            str(programs / "initdb"), "--no-sync", "--auth=md5", f"--username={_USER}",
            f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", f"--pgdata={folder / 'data'}",
        ],
        user=user, cwd=folder, env=_environment(), check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    secret.unlink()


def _start(programs: Path, folder: Path, user: str | None, password: str) -> PostgresServer:
    port = free_port()
    # A test session that is killed cannot stop its server: then the kernel does (SIGINT at the parent's death).
    guard = ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []
    settings = (
        "listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off",
        "synchronous_commit=off", "full_page_writes=off", "max_connections=100", "shared_buffers=64MB",
    )  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*guard, str(programs / "postgres"), "-D", str(folder / "data")]
            + [part for setting in settings for part in ("-c", setting)],
            user=user, cwd=folder, env=_environment(), stdout=log, stderr=log,
        )  # fmt: skip
    server = PostgresServer(port, password, process)
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(server.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                server.stop()
                message = f"PostgreSQL did not start:\n{(folder / 'log').read_text()}"
                raise RuntimeError(message) from None
            time.sleep(0.05)
        else:
            return server


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}
