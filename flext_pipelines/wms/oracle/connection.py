"""How an Oracle database is reached: python-oracledb in thin mode, with every wait bounded.

::

    oracle+oracledb://user:password@host:1521/?service_name=WMS            a service (what you want)
    oracle+oracledb://user:password@host:1521/WMS                          a SID (old installations)
    oracle+oracledb://user:password@host:2484/?service_name=WMS&protocol=tcps      TLS
    oracle+oracledb://user:password@alias                                  an alias of tnsnames.ora (TNS_ADMIN)
    oracle+oracledb://user:password@/?dsn=tcps://host:1522/service         any connect string, percent-encoded

What belongs here: settings, opening, and the session that every statement finds. What does not: the wording of
failures (``failures``), statements.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from flext_pipelines.errors import ConfigError
from flext_pipelines.values import Value
from flext_pipelines.wms.oracle.failures import finding, verdict_of, without

if TYPE_CHECKING:
    from collections.abc import Callable

    import oracledb
    from sqlalchemy import URL, Engine
    from sqlalchemy.engine.interfaces import ExceptionContext

    Connect = Callable[..., oracledb.Connection]

log = logging.getLogger("flext.wms")

PORT = 1521
_TEXTS = {"dsn", "service_name", "protocol", "https_proxy", "ssl_server_cert_dn", "config_dir", "server_type", "cclass"}
_NUMBERS = {"expire_time", "retry_count", "retry_delay", "https_proxy_port", "sdu"}
_FLAGS = {"ssl_server_dn_match", "use_sni"}
_SESSION = ("ALTER SESSION SET TIME_ZONE = '+00:00'", "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'")
"""Times are UTC and the decimal sign is a point, whatever the client's country."""


class OracleOptions(Value):
    """What a URL does not say.

    Attributes:
        connect_seconds: Longest wait for a connection, from the first packet to the end of the login.
        call_seconds: Longest wait for the answer to one call; 0 waits for ever.
        pool_size: Most connections of one process.
        recycle_seconds: Age at which an idle connection is replaced, before a firewall forgets it.
        wallet_location: Folder of ``ewallet.pem``.
        wallet_password: Of the wallet, where it has one.
    """

    connect_seconds: float = 20
    call_seconds: float = 300
    pool_size: int = 5
    recycle_seconds: int = 1_800
    wallet_location: Path | None = None
    wallet_password: SecretStr | None = None


def connect_arguments(url: URL, options: OracleOptions) -> dict[str, object]:
    """The arguments of ``oracledb.connect`` for a URL.

    Raises:
        ConfigError: The URL names a service and a SID, or options that nobody knows.
    """
    query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    unknown = sorted(query.keys() - _TEXTS - _NUMBERS - _FLAGS)
    if unknown:
        raise ConfigError(
            f"FLEXT_WMS_URL has options that an Oracle connection does not know: {', '.join(unknown)}",
            f"Leave them out; known ones are {', '.join(sorted(_TEXTS | _NUMBERS | _FLAGS))}",
        )
    given: dict[str, object] = {"user": url.username, "password": url.password}
    given |= {name: value for name, value in query.items() if name in _TEXTS}
    given |= {name: _number(name, value) for name, value in query.items() if name in _NUMBERS}
    given |= {name: value.lower() in {"true", "1", "yes", "on"} for name, value in query.items() if name in _FLAGS}
    given |= _address(url, query)
    if options.wallet_location is not None:
        _refuse_missing_wallet(options.wallet_location)
        given["wallet_location"] = str(options.wallet_location)
        given.setdefault("config_dir", str(options.wallet_location))
    if options.wallet_password is not None:
        given["wallet_password"] = options.wallet_password.get_secret_value()
    return {"tcp_connect_timeout": options.connect_seconds, "program": "flext", **given}


def _address(url: URL, query: dict[str, str]) -> dict[str, object]:
    if "dsn" in query:
        return {}
    if url.database and "service_name" in query:
        raise ConfigError(
            "FLEXT_WMS_URL names a SID (behind the host) and a service (service_name)",
            "Keep one: services are the rule since Oracle 12c",
        )
    if not url.host:
        raise ConfigError(
            "FLEXT_WMS_URL names no host", "Write oracle+oracledb://user:password@host:1521/?service_name=name"
        )
    if not url.database and "service_name" not in query:
        return {"dsn": url.host} if url.port is None else {"host": url.host, "port": url.port}
    address: dict[str, object] = {"host": url.host, "port": url.port or PORT}
    return address | ({"sid": url.database} if url.database else {})


def _number(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ConfigError(f"FLEXT_WMS_URL: {name} is not a whole number", f"Correct {name}, or leave it out") from None


def _refuse_missing_wallet(folder: Path) -> None:
    if not (folder / "ewallet.pem").is_file():
        raise ConfigError(
            f"The wallet folder {folder} holds no ewallet.pem",
            "Unpack the wallet there; python-oracledb in thin mode reads ewallet.pem, not cwallet.sso or ewallet.p12",
            {"file": str(folder / "ewallet.pem")},
        )


def open_oracle(url: URL, options: OracleOptions, connect: Connect | None = None) -> Engine:
    """An engine of a pool of bounded connections; nothing is connected yet.

    The engine's own URL holds no password, so that it cannot be printed by accident.

    Args:
        url: See the top of this module.
        options: What the URL does not say.
        connect: Opens a connection; by default ``oracledb.connect``.

    Raises:
        ConfigError: The URL or the wallet cannot be used.
    """
    import sqlalchemy as sa

    arguments = connect_arguments(url, options)
    secrets = tuple(str(arguments[name]) for name in ("password", "wallet_password") if arguments.get(name))

    def creator() -> Any:  # noqa: ANN401  SQLAlchemy's type for a driver's connection
        return connect_in_time(arguments, options, secrets, connect)

    engine = sa.create_engine(
        sa.URL.create("oracle+oracledb", url.username, None, url.host, url.port),
        creator=creator,
        pool_size=options.pool_size,
        max_overflow=0,
        pool_timeout=options.connect_seconds,
        pool_recycle=options.recycle_seconds,
        pool_pre_ping=True,
        hide_parameters=True,
    )
    sa.event.listen(engine, "handle_error", _end_lost_sessions)
    return engine


def connect_in_time(
    arguments: dict[str, object], options: OracleOptions, secrets: tuple[str, ...], connect: Connect | None = None
) -> oracledb.Connection:
    """Connect, log in and prepare the session within ``options.connect_seconds``.

    ``tcp_connect_timeout`` bounds the TCP handshake only: a listener that takes the connection and then says nothing
    holds python-oracledb for ever. So the work is done by a thread of its own, and one that comes too late closes what
    it got.

    Raises:
        oracledb.Error: It did not come about; ``failures`` knows what each means. Errors stay the driver's here, so
            that whoever is in the middle of finding out what came of a command meets the same kind as from a statement.
    """
    import oracledb

    if oracledb.is_thin_mode():
        # Until the mode is settled, python-oracledb lets one thread connect at a time: a silent listener would hold
        # every other connection of the process.
        oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]  # its decorator has no types
    attempt = _Attempt(connect or oracledb.connect, arguments, options.call_seconds)
    attempt.start()
    attempt.join(options.connect_seconds)
    connection, error = attempt.taken()
    if error is not None:
        raise _as_the_drivers(error, secrets) from None
    if connection is None:
        raise oracledb.OperationalError(
            f"ORA-12170: what listens there did not let us in within {options.connect_seconds:g} s "
            "(FLEXT_WMS_CONNECT_TIMEOUT_SECONDS)"
        )
    return connection


def _as_the_drivers(error: Exception, secrets: tuple[str, ...]) -> Exception:
    """The name service's errors and those of values as the driver's own, none with a secret in it."""
    import oracledb

    text = without(str(error), secrets)
    if isinstance(error, oracledb.Error) and text == str(error):
        return error
    if isinstance(error, (ValueError, TypeError)):
        return oracledb.ProgrammingError(f"DPY-2025: invalid connection params\n{text}")
    return oracledb.OperationalError(text if isinstance(error, oracledb.Error) else f"{_CANNOT_CONNECT}\n{text}")


_CANNOT_CONNECT = "DPY-6005: cannot connect to database."


class _Attempt(threading.Thread):
    """One try to connect, which may outlive our patience."""

    def __init__(self, connect: Connect, arguments: dict[str, object], call_seconds: float) -> None:
        super().__init__(name="oracle-connect", daemon=True)
        self._connect = connect
        self._arguments = arguments
        self._call_seconds = call_seconds
        self._lock = threading.Lock()
        self._given_up = False
        self._connection: oracledb.Connection | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        """Connect, and keep what came of it."""
        try:
            connection = self._connect(**self._arguments)
            try:
                _prepare(connection, self._call_seconds)
            except _refusals():
                connection.close()
                raise
        except _refusals() as error:
            self._error = error
            return
        with self._lock:
            if not self._given_up:
                self._connection = connection
                return
        connection.close()

    def taken(self) -> tuple[oracledb.Connection | None, Exception | None]:
        """What came of it so far; a connection that comes later is closed."""
        with self._lock:
            self._given_up = self._connection is None and self._error is None
            return self._connection, self._error


def _refusals() -> tuple[type[Exception], ...]:
    """What connecting raises: the driver's errors, the name service's, and those of values it does not take."""
    import oracledb

    return (oracledb.Error, OSError, ValueError, TypeError)


def _prepare(connection: oracledb.Connection, call_seconds: float) -> None:
    if connection.warning is not None:  # ORA-28002, ORA-28011: nothing failed, but it will
        told = verdict_of(connection.warning.full_code)
        log.warning("Oracle: %s. %s", told.reason, told.instruction)
    connection.call_timeout = int(call_seconds * 1000)
    with connection.cursor() as cursor:
        for statement in _SESSION:
            cursor.execute(statement)


def _end_lost_sessions(context: ExceptionContext) -> None:
    """Let the pool throw away a connection whose session is gone; SQLAlchemy knows only some of the codes."""
    if context.original_exception is not None and finding(context.original_exception).verdict.lost:
        context.is_disconnect = True
