"""Facts about keys: a command is performed once, and what came of it can always be found out."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import psycopg.sql
import pytest
from pydantic import SecretStr

from flext_pipelines.errors import (
    IdempotencyConflictError,
    InsufficientStockError,
    OutcomeUnknownError,
    UnavailableError,
)
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.requests import HealthAsked, OutcomeAsked, StockCorrection
from tests.wms.relay import Relay
from tests.wms.warehouse import NOW, Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator


def one_more(place: str = "A1", qty: int = 1) -> StockCorrection:
    """A pump more."""
    return StockCorrection(item_code="PUMP", location_barcode=place, adjustment_qty=Decimal(qty), reason_code="FOUND")


def test_the_same_key_is_performed_once(warehouse: Warehouse) -> None:
    """Whoever asks again has the first answer, and is told so."""
    first = warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)

    second = warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)

    assert (first.replayed, second.replayed) == (False, True)
    assert second.model_copy(update={"replayed": False}) == first
    assert warehouse.stock()[0].on_hand == 1


def test_the_same_key_with_another_payload_is_refused(warehouse: Warehouse) -> None:
    """Another quantity, or another command, is no repetition."""
    warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)

    with pytest.raises(IdempotencyConflictError, match="another payload"):
        warehouse.correct("PUMP", "A1", key="k", adjustment_qty=2)
    with pytest.raises(IdempotencyConflictError, match=r"another message, wms\.UpdateInventory"):
        warehouse.receive(shipment_nbr="IB1", key="k")
    assert warehouse.stock()[0].on_hand == 1


def test_a_refused_command_frees_its_key(warehouse: Warehouse) -> None:
    """What was not done can be sent again when the cause has gone."""
    warehouse.order("SO1", ("PUMP", 1))

    with pytest.raises(InsufficientStockError):
        warehouse.ship("SO1", key="k")
    assert not warehouse.backend.outcome(OutcomeAsked(key="k")).performed
    warehouse.put("PUMP", "A1", 1)

    assert not warehouse.ship("SO1", key="k").replayed


def test_the_outcome_of_a_key_can_be_asked_for(warehouse: Warehouse) -> None:
    """Which command, when, by whom, and its answer."""
    answer = warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)

    outcome = warehouse.backend.outcome(OutcomeAsked(key="k"))

    assert (outcome.performed, outcome.command, outcome.at, outcome.actor) == (
        True, "wms.UpdateInventory", NOW, "tester",
    )  # fmt: skip
    assert outcome.answer == answer.model_dump(mode="json")


def test_many_callers_of_one_key_do_it_once(warehouse: Warehouse) -> None:
    """Eight at the same moment: one performs, seven have its answer."""
    started = threading.Barrier(8)

    def send(_: int) -> bool:
        started.wait()
        return warehouse.backend.update_inventory(one_more(), actor="t", key="k").replayed

    with ThreadPoolExecutor(8) as threads:
        replayed = list(threads.map(send, range(8)))

    assert sorted(replayed) == [False] + [True] * 7
    assert warehouse.stock()[0].on_hand == 1


def test_old_outcomes_are_forgotten(database_url: SecretStr) -> None:
    """After the retention a key is a new one."""
    warehouse = Warehouse(database_url).fill()
    warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)
    later = DatabaseBackend(warehouse.engine, clock=lambda: NOW.replace(month=8))

    again = later.update_inventory(one_more(), actor="t", key="k")

    assert (again.replayed, again.on_hand) == (False, 2)
    warehouse.close()


@pytest.fixture
def relayed(postgres_url: str) -> Iterator[tuple[Warehouse, Relay]]:
    """A warehouse on PostgreSQL whose connections go through a relay that can break them."""
    with Relay(int(postgres_url.rpartition(":")[2].partition("/")[0])) as relay:
        before, _, rest = postgres_url.rpartition(":")
        name = rest.partition("/")[2]
        warehouse = Warehouse(SecretStr(f"{before}:{relay.port}/{name}")).fill()
        warehouse.put("VALVE", "A2", 1)  # what comes with the first command is behind us: ids, old outcomes
        yield warehouse, relay
        warehouse.close()


@pytest.mark.postgres
def test_a_connection_that_breaks_before_the_commit_costs_nothing(relayed: tuple[Warehouse, Relay]) -> None:
    """The work was undone by the server; it is done again, once."""
    warehouse, relay = relayed
    relay.break_at(b"PUMP")  # the question which item that is

    found = warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)

    assert relay.broken == 1
    assert (found.on_hand, found.replayed) == (1, False)
    assert warehouse.stock(item_code="PUMP")[0].on_hand == 1


@pytest.mark.postgres
def test_a_commit_whose_answer_is_lost_is_found_out(relayed: tuple[Warehouse, Relay]) -> None:
    """The server has committed, we have not heard of it: the key tells, and nothing is done twice."""
    warehouse, relay = relayed
    relay.break_at(b"COMMIT", deliver=True)

    found = warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)

    assert relay.broken == 1
    assert (found.on_hand, found.replayed) == (1, False)
    assert [row["item_id"] for row in warehouse.rows("stock_movement")] == [2, 1]


@pytest.mark.postgres
def test_a_commit_that_never_arrived_is_done_again(relayed: tuple[Warehouse, Relay]) -> None:
    """The connection broke before the server had the COMMIT: the work was undone, and is done once more."""
    warehouse, relay = relayed
    relay.break_at(b"COMMIT")

    found = warehouse.correct("PUMP", "A1", key="k", adjustment_qty=1)

    assert (relay.broken, found.on_hand) == (1, 1)
    assert [row["item_id"] for row in warehouse.rows("stock_movement")] == [2, 1]


@pytest.mark.postgres
@pytest.mark.parametrize("deliver", [True, False], ids=["committed", "undone"])
def test_where_the_database_stays_away_the_outcome_is_unknown_and_says_so(
    relayed: tuple[Warehouse, Relay], deliver: bool
) -> None:
    """Nothing is guessed: the error names the key, and the key tells as soon as the database is back."""
    warehouse, relay = relayed
    hasty = DatabaseBackend(warehouse.engine, clock=lambda: NOW, patience_seconds=0.3)
    hasty.update_inventory(one_more(), actor="t", key="first")
    relay.break_at(b"COMMIT", deliver=deliver, and_stay_away=True)

    with pytest.raises(OutcomeUnknownError, match="broke while") as caught:
        hasty.update_inventory(one_more(), actor="t", key=None)

    key = str(caught.value.details["idempotency_key"])
    assert key in caught.value.instruction
    relay.come_back()
    assert hasty.outcome(OutcomeAsked(key=key)).performed is deliver
    again = hasty.update_inventory(one_more(), actor="t", key=key)
    assert (again.replayed, again.on_hand) == (deliver, 2)


@pytest.mark.postgres
def test_a_doubt_stays_one_where_the_database_goes_while_it_is_asked(relayed: tuple[Warehouse, Relay]) -> None:
    """A commit's answer was lost, then the connection on which its key was looked up: nobody knows that it failed."""
    warehouse, relay = relayed
    hasty = DatabaseBackend(warehouse.engine, clock=lambda: NOW, patience_seconds=0.3)
    hasty.update_inventory(one_more(), actor="t", key="first")
    relay.break_at(b"COMMIT", deliver=True)
    relay.break_at(b"SELECT command_outcome", and_stay_away=True)

    with pytest.raises(OutcomeUnknownError) as caught:
        hasty.update_inventory(one_more(), actor="t", key=None)

    assert relay.broken == 2
    relay.come_back()
    assert hasty.outcome(OutcomeAsked(key=str(caught.value.details["idempotency_key"]))).performed


@pytest.mark.postgres
def test_an_interrupt_at_the_commit_leaves_the_key(postgres_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever presses Ctrl-C then does not know what came of it, and learns under which key the database tells."""
    warehouse = Warehouse(SecretStr(postgres_url)).fill()
    warehouse.put("PUMP", "A1", 1)
    with psycopg.connect(postgres_url, autocommit=True) as administrator:
        administrator.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
        )
        administrator.execute(
            "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON command_outcome DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION slow()"
        )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressing = threading.Thread(target=_press_when_asleep, args=(postgres_url,))
    try:
        pressing.start()
        with pytest.raises(KeyboardInterrupt):
            warehouse.put("PUMP", "A1", 1)
    finally:
        signal.signal(signal.SIGINT, before)
        pressing.join()

    found = re.search(r"auto-[0-9a-f]{32}", caplog.text)
    assert found
    assert not warehouse.backend.outcome(OutcomeAsked(key=found[0])).performed
    warehouse.close()


def _press_when_asleep(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as looking:
        deadline = time.monotonic() + 20
        while not looking.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone():
            assert time.monotonic() < deadline, "no transaction came to its commit"
            time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.postgres
def test_a_column_that_was_changed_meanwhile_is_met_by_a_new_session(postgres_url: str) -> None:
    """Sessions keep statements prepared; one that no longer fits its table costs a turn, not the command."""
    warehouse = Warehouse(SecretStr(postgres_url)).fill()
    warehouse.put("PUMP", "A1", 1)
    with psycopg.connect(postgres_url, autocommit=True) as administrator:
        administrator.execute("ALTER TABLE item ALTER COLUMN code TYPE varchar(60)")

    warehouse.put("PUMP", "A1", 1)

    assert warehouse.stock()[0].on_hand == 2
    warehouse.close()


@pytest.mark.postgres
def test_a_database_that_is_away_from_the_start_has_done_nothing(relayed: tuple[Warehouse, Relay]) -> None:
    """Then the error is that it does not answer; health tells it too, instead of failing."""
    warehouse, relay = relayed
    hasty = DatabaseBackend(warehouse.engine, clock=lambda: NOW, patience_seconds=0.3)
    relay.go_away()

    with pytest.raises(UnavailableError, match="does not answer"):
        hasty.update_inventory(one_more(), actor="t", key="k")
    health = hasty.health(HealthAsked())
    assert not health.healthy
    assert "does not answer" in health.problems[0]
    password = warehouse.engine.url.password
    assert password
    assert password not in str(health)


@pytest.mark.postgres
def test_sessions_that_were_ended_meanwhile_are_replaced(postgres_url: str) -> None:
    """Idle connections that the server closed serve neither a command nor a query, and neither of them fails."""
    warehouse = Warehouse(SecretStr(postgres_url)).fill()
    for turn in range(1, 4):
        with psycopg.connect(postgres_url, autocommit=True) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()"
            )

        if turn == 2:
            assert warehouse.stock()[0].on_hand == 1
        else:
            warehouse.put("PUMP", "A1", 1)

    assert warehouse.stock()[0].on_hand == 2
    warehouse.close()


@pytest.mark.postgres
def test_a_stricter_database_refuses_no_command(postgres_url: str) -> None:
    """Commands wait for each other at the rows they lock, whatever the database's default isolation is."""
    warehouse = Warehouse(SecretStr(postgres_url)).fill()
    warehouse.put("PUMP", "A1", 1)
    warehouse.close()
    with psycopg.connect(postgres_url, autocommit=True) as administrator:
        name = psycopg.sql.Identifier(administrator.info.dbname)
        administrator.execute(
            psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'").format(name)
        )

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda _: warehouse.put("PUMP", "A1", 1), range(100)))

    with warehouse.engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
    assert warehouse.stock()[0].on_hand == 101
    warehouse.close()


@pytest.mark.postgres
def test_transactions_that_meet_are_sent_again(postgres_url: str) -> None:
    """A deadlock with somebody else's transaction is resolved by the server; ours is undone and succeeds later."""
    warehouse = Warehouse(SecretStr(postgres_url)).fill()
    warehouse.put("PUMP", "A1", 5)
    warehouse.put("PUMP", "A2", 5)
    warehouse.order("SO1", ("PUMP", 10))
    first, second = (row["id"] for row in warehouse.rows("inventory"))
    with psycopg.connect(postgres_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute("SET deadlock_timeout = '10s'")  # so that ours is the one to be undone
        other.execute("SELECT 1 FROM inventory WHERE id = %s FOR UPDATE", [second])
        shipping = thread.submit(warehouse.ship, "SO1")
        _until_waiting(postgres_url)
        other.execute("SELECT 1 FROM inventory WHERE id = %s FOR UPDATE", [first])
        other.rollback()

        assert shipping.result(20).complete
    warehouse.close()


def _until_waiting(url: str) -> None:
    """Return when a transaction waits for a lock."""
    deadline = time.monotonic() + 10
    with psycopg.connect(url, autocommit=True) as looking:
        while time.monotonic() < deadline:
            if looking.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                return
            time.sleep(0.01)
    pytest.fail("nobody waits for a lock")


@pytest.mark.postgres
def test_a_lock_that_is_held_too_long_is_told(postgres_url: str) -> None:
    """Waiting has an end, after which nothing was done."""
    from flext_pipelines.wms.engine import EngineOptions

    warehouse = Warehouse(SecretStr(postgres_url)).fill()
    warehouse.put("PUMP", "A1", 5)
    engine = open_engine(SecretStr(postgres_url), EngineOptions(lock_seconds=0.05))
    impatient = DatabaseBackend(engine, clock=lambda: NOW)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM inventory FOR UPDATE")
        with pytest.raises(UnavailableError, match="locked by somebody else") as caught:
            impatient.update_inventory(one_more(), actor="t", key="k")
    impatient.close()

    assert caught.value.retryable
    assert warehouse.stock()[0].on_hand == 5
    warehouse.close()
