"""H2 in Oracle mode as a stand-in for Oracle Database: SQLAlchemy's own Oracle dialect, run by a second engine.

H2 (Debian's libh2-java) reads much of Oracle's dialect: ``FROM DUAL``, ``ROWNUM``, ``VARCHAR2(n CHAR)``, ``NUMBER``,
``DATE`` with a time of day, ``''`` as NULL, ``MERGE``, ``FETCH FIRST``, ``FOR UPDATE``. It is started as a server of
its PostgreSQL protocol on loopback; psycopg carries the texts.

The engine of :func:`h2_url` is that of ``oracle+oracledb`` in all that makes SQL: same compiler, same types, same
bind names. Only its driver is another: it sends the text as it is to H2 and gives back what python-oracledb would,
values and exceptions alike (a broken key is ``ORA-00001``), so that everything above the driver works as on Oracle.

What H2 lacks, and what is done about it, stands in :func:`for_h2`, :data:`_INDEX_OF_A_KEY` and
:class:`H2OracleDialect` (the data dictionary), and nowhere else.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import oracledb
import psycopg
import sqlalchemy as sa
from oracledb.errors import _Error
from sqlalchemy.dialects.oracle.oracledb import OracleDialect_oracledb

from tests.ports import free_port
from tests.postgres import RUNNING

JAR = Path("/usr/share/java/h2.jar")
_SQLSTATES = {
    "23505": (1, "unique constraint violated"),
    "23502": (1400, "cannot insert NULL"),
    "23503": (2292, "integrity constraint violated - child record found"),
    "23506": (2291, "integrity constraint violated - parent key not found"),
    "23513": (2290, "check constraint violated"),
    "22001": (12899, "value too large for column"),
    "22003": (1438, "value larger than specified precision allowed for this column"),
    "22018": (1722, "invalid number"),
    "22007": (1861, "literal does not match format string"),
    "40001": (60, "deadlock detected while waiting for resource"),
    "HYT00": (30006, "resource busy; acquire with WAIT timeout expired"),
    "42102": (942, "table or view does not exist"),
    "42S02": (942, "table or view does not exist"),
    "42S22": (904, "invalid identifier"),
    "42122": (904, "invalid identifier"),
    "42S01": (955, "name is already used by an existing object"),
}
"""What H2 says, as Oracle says it; any other is ORA-00900, a statement that is not understood."""


_INDEX_OF_A_KEY = {"90085", "42S11"}
"""H2 lends an index to a foreign key, and then neither drops it nor makes it again; Oracle does both."""


class H2MissingError(RuntimeError):
    """Neither Java nor H2 are installed."""


@contextmanager
def h2_server(folder: Path) -> Iterator[int]:
    """An H2 server on loopback; its port.

    Raises:
        H2MissingError: It is not installed.
    """
    java = shutil.which("java")
    if java is None or not JAR.exists():
        raise H2MissingError("apt-get install default-jre-headless libh2-java")
    port = free_port()
    log = (folder / "h2.log").open("wb")
    process = subprocess.Popen(
        [
            java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", str(JAR), "org.h2.tools.Server",
            "-pg", "-pgPort", str(port), "-ifNotExists", "-baseDir", str(folder),
        ],
        stdout=log, stderr=log, cwd=folder,
    )  # fmt: skip
    RUNNING.add(process.pid)
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise H2MissingError((folder / "h2.log").read_text())
            time.sleep(0.05)
        with _acknowledging(port) as answering:
            yield answering
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # it holds nothing that is worth waiting for
            process.kill()
            process.wait()
        RUNNING.discard(process.pid)
        log.close()


@contextmanager
def _acknowledging(port: int) -> Iterator[int]:
    """A port that leads to the server's, and acknowledges each of its packets at once.

    H2 writes every answer in many small pieces without TCP_NODELAY; Nagle's algorithm and the delayed acknowledgement
    of the client then cost 40 ms for each statement.
    """
    listening = socket.create_server(("127.0.0.1", 0))

    def forward(source: socket.socket, target: socket.socket, acknowledged: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
                acknowledged.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except OSError:
            pass
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", port)) as server:
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=forward, args=(server, client, server), daemon=True)
            back.start()
            forward(client, server, server)
            back.join(5)

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def for_h2(text: str) -> str:
    """The few places where H2 2.1 does not read what Oracle does.

    - ``SKIP LOCKED`` came with H2 2.2.
    - ``RETURNING ... INTO`` is ``SELECT ... FROM FINAL TABLE (...)``, the SQL standard's spelling.
    """
    text = re.sub(r"\s+SKIP LOCKED\b", "", text)
    returning = _RETURNING.match(text)
    if returning is None:
        return text
    columns = re.sub(r"\b\w+\.", "", returning[2])
    return f"SELECT {columns} FROM FINAL TABLE ({returning[1]})"


_RETURNING = re.compile(r"(?s)^((?:INSERT|UPDATE|DELETE)\b.*?) RETURNING (.*?) INTO :.*$")
_PARAMETER = re.compile(r"""'(?:[^']|'')*'|(?<![:\w]):(?:"([^"]+)"|([A-Za-z_]\w*))|"[^"]*\"""")


def _for_psycopg(text: str) -> str:
    """``:name`` becomes ``%(name)t``: values travel as text, because H2 reads few of PostgreSQL's binary formats."""
    return _PARAMETER.sub(lambda m: f"%({m[1] or m[2]})t" if m[1] or m[2] else m[0], text.replace("%", "%%"))


class _Out:
    """An output variable of python-oracledb: a list of what each row gives."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    @property
    def values(self) -> list[list[Any]]:
        return [self.given]

    def getvalue(self, _: int = 0) -> list[Any]:
        return self.given


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """Names that Oracle needs quoted (``number``) carry their quotes."""
    return {name.strip('"'): value for name, value in dict(given).items()}


def _without_outs(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if not isinstance(value, _Out)}


class _Cursor:
    """A cursor that looks like python-oracledb's."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._inner = connection.inner.cursor()
        self.arraysize = 100
        self.prefetchrows = 2
        self.outputtypehandler: Any = None

    @property
    def description(self) -> Any:
        return self._inner.description

    @property
    def rowcount(self) -> int:
        return self._inner.rowcount

    def setinputsizes(self, *_: Any, **__: Any) -> None:
        """Types travel as text."""

    def var(self, *_: Any, **__: Any) -> _Out:
        """A place for what ``RETURNING ... INTO`` gives back."""
        return _Out()

    def execute(self, statement: str, parameters: Any = None) -> None:
        given = _plain(parameters or {})
        outs = [value for value in given.values() if isinstance(value, _Out)]
        with _as_oracle():
            try:
                self._inner.execute(_for_psycopg(for_h2(statement)).encode(), _without_outs(given))
            except psycopg.Error as error:
                if error.sqlstate not in _INDEX_OF_A_KEY:
                    raise
        if outs:
            rows = [_values(row) for row in self._inner.fetchall()]
            for place, out in enumerate(outs):
                out.given = [row[place] for row in rows]

    def executemany(self, statement: str, parameters: Sequence[Mapping[str, Any]]) -> None:
        with _as_oracle():
            done = 0
            for one in parameters:
                self._inner.execute(_for_psycopg(for_h2(statement)).encode(), _plain(one))
                done += self._inner.rowcount

    def fetchone(self) -> Any:
        row = self._inner.fetchone()
        return None if row is None else _values(row)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        return [_values(row) for row in self._inner.fetchmany(size or self.arraysize)]

    def fetchall(self) -> list[Any]:
        return [_values(row) for row in self._inner.fetchall()]

    def close(self) -> None:
        self._inner.close()


def _values(row: Sequence[Any]) -> tuple[Any, ...]:
    """NUMBER without a scale is an int in python-oracledb."""
    return tuple(int(v) if isinstance(v, Decimal) and v.as_tuple().exponent == 0 else v for v in row)


class _Connection:
    """A connection that looks like python-oracledb's."""

    version = "19.3.0.0.0"
    thin = True
    call_timeout = 0
    stmtcachesize = 20

    def __init__(self, inner: psycopg.Connection[Any]) -> None:
        self.inner = inner
        self.outputtypehandler: Any = None

    def cursor(self, *_: Any, **__: Any) -> _Cursor:
        return _Cursor(self)

    def _send(self, text: bytes) -> None:
        with _as_oracle():
            self.inner.execute(text)

    def commit(self) -> None:
        self._send(b"COMMIT")

    def rollback(self) -> None:
        self._send(b"ROLLBACK")

    def ping(self) -> None:
        self._send(b"SELECT 1")

    def close(self) -> None:
        self.inner.close()


@contextmanager
def _as_oracle() -> Iterator[None]:
    """H2's exceptions as python-oracledb's."""
    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if isinstance(error, psycopg.OperationalError) and not state:
            raise _oracle(3113, f"end-of-file on communication channel [{error}]") from error
        number, words = _SQLSTATES.get(state, (900, "invalid SQL statement"))
        raise _oracle(number, f"{words} [{state} {str(error).splitlines()[0]}]") from error


def _oracle(number: int, words: str) -> oracledb.DatabaseError:
    inner = _Error(f"ORA-{number:05}: {words}", code=number)
    kind: Any = inner.exc_type
    made: oracledb.DatabaseError = kind(inner)
    return made


class H2OracleDialect(OracleDialect_oracledb):
    """Oracle's dialect, with the data dictionary of H2: the views ``ALL_TABLES`` and the like are Oracle's own."""

    driver = "oracledb"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        """python-oracledb, whose exceptions and types SQLAlchemy looks for."""
        return oracledb

    def create_connect_args(self, url: sa.URL) -> Any:
        """Port and database."""
        return [], {"port": url.port, "database": url.database}

    def connect(self, *_: Any, **given: Any) -> Any:
        """Connect to H2."""
        try:
            inner = psycopg.connect(
                host="127.0.0.1", port=given["port"], user="sa", password="sa", dbname=given["database"],
                autocommit=True, prepare_threshold=None,
            )  # fmt: skip
        except psycopg.OperationalError as error:
            raise oracledb.OperationalError(f"DPY-6005: cannot connect to database.\n{error}") from error
        for text in (b"SET MODE Oracle", b"SET LOCK_TIMEOUT 10000", b"SET AUTOCOMMIT OFF"):
            inner.execute(text)
        return _Connection(inner)

    def on_connect(self) -> None:
        """Nothing to prepare: thin or thick is no question here."""

    def initialize(self, connection: sa.Connection) -> None:
        """As Oracle 19c would present itself."""
        self.server_version_info = (19, 3, 0, 0, 0)
        self.default_schema_name = "public"
        self.max_identifier_length = 128

    def _check_max_identifier_length(self, connection: sa.Connection) -> int:
        return 128

    def get_table_names(self, connection: Any, schema: Any = None, dblink: Any = None, **_: Any) -> list[str]:
        """From the standard's dictionary."""
        found = connection.execute(
            sa.text("SELECT LOWER(table_name) FROM information_schema.tables WHERE table_schema = 'public'")
        )
        return [row[0] for row in found]

    def has_table(self, connection: Any, table_name: str, schema: Any = None, dblink: Any = None, **_: Any) -> bool:
        """From the standard's dictionary."""
        return table_name.lower() in self.get_table_names(connection)

    def get_columns(
        self, connection: Any, table_name: str, schema: Any = None, dblink: Any = None, **_: Any
    ) -> list[Any]:
        """Names, from the standard's dictionary; no types."""
        found = connection.execute(
            sa.text(
                "SELECT LOWER(column_name), is_nullable FROM information_schema.columns "
                "WHERE LOWER(table_name) = :wanted ORDER BY ordinal_position"
            ),
            {"wanted": table_name.lower()},
        )
        return [
            {"name": row[0], "type": sa.types.NULLTYPE, "nullable": row[1] == "YES", "default": None} for row in found
        ]


def h2_url(port: int, database: str) -> str:
    """The SQLAlchemy URL of an H2 database in memory that is spoken to in Oracle's dialect."""
    sa.dialects.registry.impls["oracle.h2"] = lambda: H2OracleDialect
    return f"oracle+h2://127.0.0.1:{port}/mem:{database};DB_CLOSE_DELAY=-1"


def empty_h2(port: int, database: str, kept: set[str]) -> None:
    """Empty every table of a database but those that are kept; nothing is there yet the first time."""
    with psycopg.connect(
        host="127.0.0.1", port=port, user="sa", password="sa", dbname=f"mem:{database};DB_CLOSE_DELAY=-1",
        autocommit=True, prepare_threshold=None,
    ) as connection:  # fmt: skip
        connection.execute("SET REFERENTIAL_INTEGRITY FALSE")
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        for (name,) in found:
            if name not in kept:
                connection.execute(f'TRUNCATE TABLE "{name}"'.encode())
        connection.execute("SET REFERENTIAL_INTEGRITY TRUE")
