"""Statements that are kept back and sent together: what is performed, what is refused, and what is left behind."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg.pq import TransactionStatus
from pydantic import SecretStr

from flext_pipelines.control.opening import make_engine
from flext_pipelines.postgres import Pipelined, numbered
from flext_pipelines.wms.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer

pytestmark = pytest.mark.postgres

THING = sa.table("thing", sa.column("id"), sa.column("qty"), sa.column("day"), sa.column("at"), sa.column("text"))
ADD = numbered(
    sa.insert(THING).values({name: sa.bindparam(name) for name in ("id", "qty", "day", "at", "text")}),
)
READ = numbered(sa.select(THING).where(THING.c.id == sa.bindparam("wanted")))
COUNT = numbered(sa.select(sa.func.count()).select_from(THING))
DELETE = numbered(sa.delete(THING).where(THING.c.id >= sa.bindparam("first")))
SLEEP = numbered(sa.select(sa.func.pg_sleep(sa.bindparam("seconds", type_=sa.Float()))))


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with one table."""
    name = postgres.create_database()
    with psycopg.connect(postgres.url(name), autocommit=True, prepare_threshold=1) as made:
        made.execute("CREATE TABLE thing (id int PRIMARY KEY, qty numeric(9, 3), day date, at timestamp, text varchar)")
        yield made
    postgres.drop_database(name)


@pytest.fixture
def session(connection: psycopg.Connection[Any]) -> Pipelined:
    """The connection as ours."""
    return Pipelined(connection)


def row(number: int, text: str | None = None) -> dict[str, object]:
    return {"id": number, "qty": Decimal("1.5"), "day": None, "at": None, "text": text}


def count(connection: psycopg.Connection[Any]) -> int:
    found = connection.execute("SELECT count(*) FROM thing").fetchone()
    assert found is not None
    return int(found[0])


def test_values_come_back_as_they_went(session: Pipelined) -> None:
    """Numbers, days, moments, texts of any letters and nothing at all survive the way there and back."""
    moment = dt.datetime.fromisoformat("2026-01-01T00:00:01.000002")
    full = {"id": 1, "qty": Decimal("-12.345"), "day": dt.date(2026, 2, 28), "at": moment}
    for number, text in enumerate(("", "100 %", "ü\N{SNOWMAN}'\"\\\n", "$1 :id %(id)s"), 1):
        session.send(ADD, {**full, "id": number, "text": text})
        assert session.rows(READ, {"wanted": number}) == [(number, *list(full.values())[1:], text)]
    session.send(ADD, {"id": 9, "qty": None, "day": None, "at": None, "text": None})

    assert session.rows(READ, {"wanted": 9}) == [(9, None, None, None, None)]


def test_nothing_is_sent_before_it_must(connection: psycopg.Connection[Any], session: Pipelined) -> None:
    """BEGIN and writes wait for a question; where none comes and all is dropped, the server never heard of them."""
    session.begin()
    session.send(ADD, row(1))

    assert connection.pgconn.transaction_status == TransactionStatus.IDLE
    session.rollback()
    assert session.rows(COUNT, {}) == [(0,)]


def test_a_commit_keeps_all_and_a_rollback_nothing(connection: psycopg.Connection[Any], session: Pipelined) -> None:
    """A transaction is one, in how many pieces it may have been sent."""
    for number, there, keep in ((1, 1, True), (2, 3, False)):
        session.begin()
        session.send(ADD, row(number))
        assert session.rows(COUNT, {}) == [(there,)]
        session.send(ADD, row(number + 10))
        session.commit() if keep else session.rollback()

    assert connection.pgconn.transaction_status == TransactionStatus.IDLE
    assert connection.execute("SELECT id FROM thing ORDER BY id").fetchall() == [(1,), (11,)]


def test_a_refused_write_is_told_at_the_commit_which_is_not_performed(
    connection: psycopg.Connection[Any], session: Pipelined
) -> None:
    """What stands before and after the refused one in the same pipeline is undone with it."""
    session.begin()
    for number in (1, 2, 2, 3):
        session.send(ADD, row(number))
    with pytest.raises(psycopg.errors.UniqueViolation):
        session.commit()
    session.rollback()

    assert count(connection) == 0
    session.send(ADD, row(5))
    assert session.rows(COUNT, {}) == [(1,)]


def test_a_swallowed_refusal_is_not_committed(connection: psycopg.Connection[Any], session: Pipelined) -> None:
    """A COMMIT that the server answers by undoing the transaction is an error."""
    session.begin()
    session.send(ADD, row(1))
    with pytest.raises(psycopg.errors.UniqueViolation):
        session.changed(ADD, row(1))
    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        session.commit()

    assert count(connection) == 0


def test_thousands_of_large_writes_do_not_stall(session: Pipelined) -> None:
    """Neither side waits for the other to read: far more is under way than both buffers hold."""
    session.begin()
    for number in range(3_000):
        session.send(ADD, row(number, "x" * 4_000))
    session.commit()

    assert session.rows(COUNT, {}) == [(3_000,)]
    assert session.changed(DELETE, {"first": 1_000}) == 2_000


def test_statements_that_were_forgotten_are_prepared_anew(
    connection: psycopg.Connection[Any], session: Pipelined
) -> None:
    """After a DEALLOCATE ALL one that stands alone is simply sent again, a transaction is refused once."""
    session.rows(COUNT, {})
    session.changed(ADD, row(1))
    connection.execute("DEALLOCATE ALL")

    assert session.alone(COUNT, {}) == [(1,)]
    connection.execute("DEALLOCATE ALL")
    session.begin()
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        session.rows(COUNT, {})
    session.rollback()
    session.begin()
    session.send(ADD, row(2))
    session.commit()
    assert count(connection) == 2


@pytest.mark.parametrize("owner", ["control", "wms"])
def test_settings_in_the_url_are_kept(postgres: PostgresServer, owner: str) -> None:
    """A schema that somebody chose with ``options`` is used, next to the settings of ours; both may be of two words."""
    url = f"{postgres.url('postgres')}?options=-c%20search_path%3Dmine,%5C%20yours%20-cwork_mem%3D2MB"
    engine = make_engine(url, 7) if owner == "control" else open_engine(SecretStr(url))

    with engine.connect() as connection:
        shown = [
            connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("search_path", "work_mem", "lock_timeout", "transaction_isolation")
        ]

    assert shown == ["mine, yours", "2MB", {"control": "7s", "wms": "30s"}[owner], "read committed"]
    engine.dispose()


@pytest.mark.parametrize(("asked", "idle"), [("", 30), ("?keepalives_idle=77", 77)])
@pytest.mark.parametrize("owner", ["control", "wms"])
def test_a_server_that_vanished_is_noticed(postgres: PostgresServer, owner: str, asked: str, idle: int) -> None:
    """A machine without power ends no connection: the kernel asks it within a minute, or when the URL says."""
    url = postgres.url("postgres") + asked
    engine = make_engine(url, 7) if owner == "control" else open_engine(SecretStr(url))
    session = engine.raw_connection()
    driver = session.driver_connection
    assert isinstance(driver, psycopg.Connection)

    with socket.socket(fileno=os.dup(driver.fileno())) as same:
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        assert [same.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [idle, 10, 3, 60_000]
    session.close()
    engine.dispose()


def test_what_was_prepared_before_the_refusal_stays_known(
    connection: psycopg.Connection[Any], session: Pipelined
) -> None:
    """A pipeline that prepares one statement and meets another that was forgotten leaves a session that works."""
    session.rows(COUNT, {})
    connection.execute("DEALLOCATE ALL")
    session.begin()
    session.send(ADD, row(1))
    with pytest.raises(psycopg.errors.InvalidSqlStatementName):
        session.rows(COUNT, {})
    session.rollback()

    session.begin()
    session.send(ADD, row(1))
    assert session.rows(COUNT, {}) == [(1,)]
    session.commit()


def test_a_name_belongs_to_one_text() -> None:
    """Processes behind one pooler of connections may meet each other's names: never with another statement."""
    again = numbered(sa.select(sa.func.count()).select_from(THING))

    assert again.name == COUNT.name
    assert len({one.name for one in (ADD, READ, COUNT, DELETE, SLEEP)}) == 5


def test_a_refusal_at_the_end_of_what_stands_alone_is_told(
    connection: psycopg.Connection[Any], session: Pipelined
) -> None:
    """A statement without BEGIN is committed after its answer: what is refused then is an error too."""
    connection.execute("ALTER TABLE thing DROP CONSTRAINT thing_pkey")
    connection.execute("ALTER TABLE thing ADD PRIMARY KEY (id) DEFERRABLE INITIALLY DEFERRED")
    assert session.changed(ADD, row(1)) == 1

    with pytest.raises(psycopg.errors.UniqueViolation):
        session.alone(ADD, row(1))
    assert not connection.closed
    assert session.rows(COUNT, {}) == [(1,)]


def test_a_refusal_names_its_statement(session: Pipelined) -> None:
    """It may come out at a later statement, and the traceback shows that one."""
    session.begin()
    for number in (1, 1):
        session.send(ADD, row(number))

    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        session.rows(COUNT, {})
    assert "INSERT INTO thing" in "".join(caught.value.__notes__)
    session.rollback()


def test_a_session_whose_statements_no_longer_fit_the_tables_is_closed(
    connection: psycopg.Connection[Any], session: Pipelined
) -> None:
    """After a column has changed its type every answer would be refused: whoever goes on has a new session."""
    session.rows(READ, {"wanted": 1})
    connection.execute("ALTER TABLE thing ALTER COLUMN text TYPE char(9)")

    with pytest.raises(psycopg.errors.FeatureNotSupported):
        session.rows(READ, {"wanted": 1})
    assert connection.closed


def test_a_session_that_the_server_ends_is_an_error_and_closed(
    postgres: PostgresServer, connection: psycopg.Connection[Any], session: Pipelined
) -> None:
    """It is told as psycopg would tell it, at the next question and after it."""
    session.begin()
    session.rows(COUNT, {})
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 60000)", [connection.info.backend_pid])

    with pytest.raises(psycopg.OperationalError):
        session.rows(COUNT, {})
    assert connection.closed
    session.rollback()
    with pytest.raises(psycopg.Error):
        session.rows(COUNT, {})


def test_an_interrupt_ends_the_session_and_its_statement(
    postgres: PostgresServer, connection: psycopg.Connection[Any], session: Pipelined
) -> None:
    """Ctrl-C comes through at once, and the server does not go on with what nobody waits for."""

    def press() -> None:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
            active = "SELECT 1 FROM pg_stat_activity WHERE pid = %s AND state = 'active'"
            while not other.execute(active, [number]).fetchone():
                time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    number = connection.info.backend_pid
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressing = threading.Thread(target=press)
    try:
        session.begin()
        pressing.start()
        with pytest.raises(KeyboardInterrupt):
            session.rows(SLEEP, {"seconds": 300})
    finally:
        signal.signal(signal.SIGINT, before)
        pressing.join()

    assert connection.closed
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as other:
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [number]).fetchone():
            time.sleep(0.01)
