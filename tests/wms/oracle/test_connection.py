"""python-oracledb's real connection path against a listener of ours: each refusal becomes our error with advice."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import oracledb
import pytest
import sqlalchemy as sa
from oracledb.errors import _Error

from flext_pipelines.errors import ConfigError, FlextError, TimedOutError, UnavailableError
from flext_pipelines.wms.engine import beginning
from flext_pipelines.wms.oracle.connection import OracleOptions, open_oracle
from tests import oracle_listener as tns
from tests.oracle_listener import OracleListener, listener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = OracleOptions(connect_seconds=5, pool_size=1)

pytestmark = pytest.mark.filterwarnings(
    # python-oracledb leaves the socket of a failed login to the garbage collector.
    "ignore:Exception ignored in. <s[os]:pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """The sockets that the driver drops are collected within the test that made them."""
    yield
    gc.collect()


def failure_of(opened: OracleListener, options: OracleOptions = QUICK) -> FlextError:
    """What connecting to a listener raises."""
    return failure_of_url(opened.url(), options)


def failure_of_url(url: str, options: OracleOptions = QUICK) -> FlextError:
    """What connecting to a URL raises."""
    engine = open_oracle(sa.make_url(url), options)
    try:
        with pytest.raises(FlextError) as caught, beginning(engine):
            pass
    finally:
        engine.dispose()
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.details)
    return caught.value


@pytest.mark.parametrize(
    ("code", "expected", "advice"),
    [
        (12514, "DPY-6001", "lsnrctl services"),
        (12505, "DPY-6003", "lsnrctl services"),
        (12516, "ORA-12516", "PROCESSES"),
        (12518, "ORA-12518", "PROCESSES"),
        (12519, "ORA-12519", "PROCESSES"),
        (12520, "ORA-12520", "PROCESSES"),
        (12526, "ORA-12526", "maintenance"),
        (12528, "ORA-12528", "later"),
        (12541, "ORA-12541", "lsnrctl status"),
    ],
)
def test_a_refusal_of_the_listener_is_named(code: int, expected: str, advice: str) -> None:
    """A REFUSE packet becomes an unavailable database, with the code and what to do about it."""
    with listener(tns.refusing(code)) as opened:
        error = failure_of(opened)

    assert isinstance(error, UnavailableError)
    assert error.details["code"] == expected
    assert error.details["session_lost"] is False
    assert advice in error.instruction
    assert str(opened.port) in error.reason


@pytest.mark.parametrize(
    ("code", "kind"), [(12529, "forbidden"), (12504, "config"), (12170, "timed_out"), (12699, "unavailable")]
)
def test_a_refusal_is_not_always_a_matter_of_waiting(code: int, kind: str) -> None:
    """A filter, a missing service name and a slow host are told from one another."""
    with listener(tns.refusing(code)) as opened:
        assert failure_of(opened).code == kind


def test_a_packet_that_is_asked_for_again_is_sent_again() -> None:
    """RESEND is obeyed: the refusal after it is what is reported."""
    with listener(tns.resending(12514)) as opened:
        error = failure_of(opened)

    assert error.details["code"] == "DPY-6001"


def test_a_redirection_is_followed() -> None:
    """A listener that sends us on leads to the second one's answer."""
    with listener(tns.refusing(12516)) as second, listener(tns.redirecting(second.port)) as first:
        error = failure_of(first)

    assert error.details["code"] == "ORA-12516"
    assert first.taken == second.taken == 1


@pytest.mark.parametrize("behave", [tns.closing, tns.resetting, tns.dropping], ids=lambda behave: behave.__name__)
def test_a_connection_that_ends_while_logging_in_is_a_database_away(behave: tns.Behaviour) -> None:
    """Closed, reset, or gone after ACCEPT: nothing was done, so it may be tried again."""
    with listener(behave) as opened:
        error = failure_of(opened)

    assert isinstance(error, UnavailableError)
    assert error.details["code"] == "DPY-4011"
    assert error.details["session_lost"] is False
    assert "nothing was done" in error.instruction


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html></html>", id="http"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", id="ssh"),
        pytest.param(tns.refuse_packet(12514)[:20], id="cut off"),
        pytest.param(tns.packet(tns.REFUSE, b"\x04\x00\x00\x04what"), id="refusal without a code"),
        pytest.param(tns.packet(99, b"?"), id="unknown packet"),
        pytest.param(b"\x00\x02", id="length below its header"),
    ],
)
def test_what_is_no_listener_is_said_to_be_none(data: bytes) -> None:
    """Another server at the port, or garbage, ends in an error of ours in time."""
    begun = time.monotonic()
    with listener(tns.answering(data)) as opened:
        error = failure_of(opened, OracleOptions(connect_seconds=3, pool_size=1))

    assert error.retryable
    assert error.instruction
    assert time.monotonic() - begun < 30


def test_a_listener_that_says_nothing_does_not_hold_us() -> None:
    """python-oracledb's time-out ends with the TCP handshake; ours ends with the login."""
    begun = time.monotonic()
    with listener(tns.hanging) as opened:
        error = failure_of(opened, OracleOptions(connect_seconds=0.5, pool_size=1))
        waited = time.monotonic() - begun

    assert isinstance(error, TimedOutError)
    assert 0.4 < waited < 30  # the listener would hold us for 60
    assert "FLEXT_WMS_CONNECT_TIMEOUT_SECONDS" in error.instruction
    assert opened.taken == 1


def test_a_silent_listener_does_not_hold_other_connections() -> None:
    """While one attempt waits for nothing, another one gets its answer."""
    with listener(tns.hanging) as silent, listener(tns.refusing(12514)) as quick:
        held = threading.Thread(
            target=failure_of, args=(silent, OracleOptions(connect_seconds=60, pool_size=1)), daemon=True
        )
        held.start()
        while not silent.taken:
            time.sleep(0.01)
        error = failure_of(quick)
        still_held = held.is_alive()
    held.join(60)

    assert error.details["code"] == "DPY-6001"
    assert still_held
    assert not held.is_alive()


def test_no_thread_of_a_given_up_attempt_stays() -> None:
    """When the silent listener goes at last, the attempt ends and leaves nothing behind."""
    with listener(tns.hanging) as opened:
        failure_of(opened, OracleOptions(connect_seconds=0.2, pool_size=1))

    deadline = time.monotonic() + 60
    while any(thread.name == "oracle-connect" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [thread for thread in threading.enumerate() if thread.name == "oracle-connect"]


def test_nobody_at_the_port_is_a_missing_listener() -> None:
    """A refused TCP connection is ORA-12541, as an Oracle client calls it."""
    error = failure_of_url(f"oracle+oracledb://wms:hunter2@127.0.0.1:{tns.closed_port()}/?service_name=WMS")

    assert isinstance(error, UnavailableError)
    assert error.details["code"] == "ORA-12541"
    assert "lsnrctl status" in error.instruction


def test_a_host_without_an_address_is_a_wrong_setting() -> None:
    """A name that no name service knows is not tried again and again."""
    error = failure_of_url("oracle+oracledb://wms:hunter2@no-such-host.invalid:1521/?service_name=WMS")

    assert isinstance(error, ConfigError)
    assert error.details["code"] == "ORA-12545"


def test_an_alias_without_its_file_says_where_it_is_looked_for(tmp_path: Path) -> None:
    """An alias needs tnsnames.ora; an alias that is not in it is named."""
    (tmp_path / "tnsnames.ora").write_text("other = (DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=h)(PORT=1)))\n")

    missing = failure_of_url("oracle+oracledb://wms:hunter2@wmsprod?config_dir=/no/such/folder")
    unknown = failure_of_url(f"oracle+oracledb://wms:hunter2@wmsprod?config_dir={tmp_path}")

    assert isinstance(missing, ConfigError)
    assert missing.details["code"] == "DPY-4026"
    assert isinstance(unknown, ConfigError)
    assert unknown.details["code"] == "DPY-4000"
    assert "wmsprod" in unknown.reason


def test_an_alias_leads_to_its_listener(tmp_path: Path) -> None:
    """The real tnsnames.ora is read, and its address is dialled."""
    with listener(tns.refusing(12514)) as opened:
        (tmp_path / "tnsnames.ora").write_text(
            f"wmsprod = (DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=127.0.0.1)(PORT={opened.port}))"
            "(CONNECT_DATA=(SERVICE_NAME=WMSPROD)))\n"
        )
        error = failure_of_url(f"oracle+oracledb://wms:hunter2@wmsprod?config_dir={tmp_path}")

    assert error.details["code"] == "DPY-6001"
    assert "WMSPROD" in error.reason


def connection_of(engine: sa.Engine) -> Any:
    """A new connection, as the engine's pool makes them."""
    pool: Any = engine.pool
    return pool._creator()


class RecordedCursor:
    """The cursor of :class:`RecordedConnection`."""

    def __init__(self, statements: list[str]) -> None:
        self._statements = statements

    def __enter__(self) -> RecordedCursor:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def execute(self, statement: str) -> None:
        """Keep it."""
        self._statements.append(statement)


class RecordedConnection:
    """What a connection is told before it is given out."""

    def __init__(self, warning: _Error | None = None) -> None:
        self.warning = warning
        self.call_timeout = 0
        self.statements: list[str] = []
        self.closed = False

    def cursor(self) -> RecordedCursor:
        """A cursor that keeps what it is told."""
        return RecordedCursor(self.statements)

    def close(self) -> None:
        """Closed."""
        self.closed = True


def test_a_session_has_a_time_out_and_utc() -> None:
    """Each new session is bounded per call, reckons in UTC and writes a decimal point."""
    made = RecordedConnection()
    connect: Any = lambda **_: made  # noqa: E731  a stand-in for oracledb.connect

    engine = open_oracle(sa.make_url("oracle+oracledb://wms:hunter2@h/?service_name=S"), QUICK, connect)
    given = connection_of(engine)

    assert given is made
    assert made.call_timeout == 300_000
    assert made.statements == [
        "ALTER SESSION SET TIME_ZONE = '+00:00'",
        "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
    ]


def test_a_password_that_expires_soon_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """ORA-28002 comes with a successful login: the work goes on, and the log says what to do."""
    warning = _Error("ORA-28002: the password will expire within 7 days", code=28002, iswarning=True)
    connect: Any = lambda **_: RecordedConnection(warning)  # noqa: E731  a stand-in for oracledb.connect

    engine = open_oracle(sa.make_url("oracle+oracledb://wms:hunter2@h/?service_name=S"), QUICK, connect)
    connection_of(engine)

    assert "the password expires soon" in caplog.text
    assert "Set a new password" in caplog.text


class RefusingConnection(RecordedConnection):
    """A session that cannot be prepared."""

    def cursor(self) -> RecordedCursor:
        """It is gone already."""
        raise oracledb.OperationalError("DPY-4011: the database or network closed the connection")


def test_a_session_that_cannot_be_prepared_is_closed() -> None:
    """It does not count against the database's sessions."""
    made = RefusingConnection()
    connect: Any = lambda **_: made  # noqa: E731  a stand-in for oracledb.connect

    engine = open_oracle(sa.make_url("oracle+oracledb://wms:hunter2@h/?service_name=S"), QUICK, connect)
    with pytest.raises(oracledb.OperationalError):
        connection_of(engine)
    assert made.closed


def test_a_connection_that_comes_too_late_is_closed() -> None:
    """Nobody waits for it any more, and it must not count against the database's sessions."""
    made, go_on = RecordedConnection(), threading.Event()

    def connect(**_: object) -> Any:
        go_on.wait(10)
        return made

    engine = open_oracle(
        sa.make_url("oracle+oracledb://wms:hunter2@h/?service_name=S"), OracleOptions(connect_seconds=0.1), connect
    )
    with pytest.raises(oracledb.OperationalError, match="ORA-12170"):
        connection_of(engine)
    go_on.set()

    deadline = time.monotonic() + 60
    while not made.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert made.closed
