"""PostgreSQL servers for the tests: throw-away clusters on a loopback port."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from target_harness import Place

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def _postgres_program(name: str) -> str:
    found = shutil.which(name) or next((str(folder / name) for folder in _BINARIES if (folder / name).exists()), None)
    if found is None:
        pytest.fail(f"PostgreSQL's {name} is not installed (Debian: apt-get install postgresql)")
    return found


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class PostgresServer:
    """A throw-away cluster on a loopback port; initdb refuses root, so root becomes the user postgres."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self._as_user = (
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        )
        if self._as_user:
            shutil.chown(folder, "postgres", "postgres")

    def _call(self, *arguments: str) -> None:
        program = [*self._as_user, _postgres_program(arguments[0]), *arguments[1:]]
        subprocess.run(program, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")

    def initialise(self) -> None:
        """Make the cluster."""
        data = str(self.folder / "data")
        self._call("initdb", "-D", data, "-U", "flext", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def start(self) -> None:
        """Start the server and wait for it."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c fsync=off"
        log = str(self.folder / "log")
        self._call("pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", log, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server."""
        self._call("pg_ctl", "-D", str(self.folder / "data"), "-m", mode, "-w", "stop")

    def config(self, schema: str) -> dict[str, object]:
        """Return the target's settings for a schema of this server."""
        return {
            "dialect": "postgresql",
            "host": "127.0.0.1",
            "port": self.port,
            "user": "flext",
            "password": "pa55&word/x",
            "database": "postgres",
            "default_target_schema": schema,
        }


@contextlib.contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Run a cluster in a short path (a socket's path may have 107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="tfs") as folder:
        server = PostgresServer(Path(folder))
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


_schemas = iter(range(1_000_000))


def postgres_place(server: PostgresServer) -> Place:
    """Return a fresh schema of a server."""
    name = f"raw_{os.getpid()}_{next(_schemas)}"
    return Place("postgresql", server.config(name), schema=name)
