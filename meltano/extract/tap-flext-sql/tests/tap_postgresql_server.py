"""A throw-away PostgreSQL cluster on a free loopback port, for the tests that need one."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "s3cret-pässword"
"""Characters that a URL must escape, so that no spelling of a password reaches a log."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Attributes:
        port: Its port on 127.0.0.1.
        pid: Process id of the postmaster.
    """

    port: int
    pid: int

    def url(self, database: str = "postgres", user: str = "tester", password: str = PASSWORD) -> str:
        """SQLAlchemy URL of a database."""
        from urllib.parse import quote_plus

        return f"postgresql://{user}:{quote_plus(password)}@127.0.0.1:{self.port}/{database}"


def binaries() -> Path | None:
    """Folder of the newest PostgreSQL server programs of Debian, or of the PATH; None when there are none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


def _as_server_user() -> list[str]:
    """PostgreSQL refuses root, so root runs it as the user postgres."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Create a cluster, start it, and stop and remove it at the end."""
    programs = binaries()
    assert programs is not None, "PostgreSQL's server programs are not installed (Debian: apt install postgresql)"
    prefix = _as_server_user()
    folder = Path(tempfile.mkdtemp(prefix="tap-flext-sql-pg-"))
    if prefix:
        shutil.chown(folder, "postgres", "postgres")
    secret = folder / "password"
    secret.write_text(PASSWORD, encoding="utf-8")
    if prefix:
        shutil.chown(secret, "postgres", "postgres")
    data = folder / "data"
    port = free_port()
    subprocess.run(
        [*prefix, str(programs / "initdb"), "-D", str(data), "-U", "tester", "--pwfile", str(secret),
         "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
        check=True, capture_output=True, cwd=folder, timeout=120,
    )  # fmt: skip
    server = subprocess.Popen(
        [*prefix, str(programs / "postgres"), "-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1",
         "-c", f"unix_socket_directories={folder}", "-c", "fsync=off", "-c", "max_connections=50"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_ready(programs, port, server)
        yield PostgresServer(port, server.pid)
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(programs: Path, port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "PostgreSQL ended while it was starting"
        ready = subprocess.run(
            [str(programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)], capture_output=True, check=False
        )
        if ready.returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError("PostgreSQL did not become ready within 60 seconds")
