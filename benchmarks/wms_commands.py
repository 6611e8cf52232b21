"""Commands per second on PostgreSQL through the bus, against the same SQL sent by hand through psycopg.

Eight processes send shipments, corrections and receipts, each with an idempotency key: through the bus with
authorisation, the audit trail (two rows a command, chained by hashes, in a database of the same server) and the
exactly-once of the WMS transaction. By hand means: the very statements and values that those commands sent, recorded
once and sent again by bare psycopg to a copy of the database, prepared, with the same transactions (the rows of
idempotency among them) and nothing decided in between. That is less than any program by hand would do, and it has no
audit trail. It sends one statement after the other, as programs do; ours keeps writes back and sends them with the next
question (``flext_pipelines/postgres.py``), which is part of what is measured.

Two more by hand are noted, so that nobody takes one thing for another: the same in psycopg's own pipeline mode, each
question waiting for its answer; and the first with the two audit rows of each command by the very statement of ours.

All are measured in turns on the same server, one after the other; the median of the turns' shares counts. The share by
processor time (workers and server together) is noted beside it: other work on the machine disturbs it less.

Run as ``python -m benchmarks.wms_commands``.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import psutil
import psycopg
import sqlalchemy as sa
from pydantic import SecretStr

from benchmarks.figures import Figure, at_least, main, note
from flext_pipelines.bootstrap import build_bus
from flext_pipelines.commands.message import Context
from flext_pipelines.commands.wms.operations import CreateShipmentCommand, ProcessReceiptCommand, UpdateInventoryCommand
from flext_pipelines.control.audit import APPEND_AT_ONCE
from flext_pipelines.control.chain import FIELDS, hashed_between
from flext_pipelines.control.engine import ControlDatabase
from flext_pipelines.settings import Settings
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import ONE_BY_ONE, open_engine
from flext_pipelines.wms.requests import ReceiptLine
from flext_pipelines.wms.schema import bring_to_head
from tests.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.synchronize import Barrier

    from flext_pipelines.commands.message import Command
    from tests.postgres import PostgresServer

    Sent = tuple[str, Any, bool]
    """A statement, its values, and whether it is sent for several rows."""

WORKERS, ITEMS, PLACES, MOST = 8, 400, 3, 1_000
LIMIT = 0.7
Way = Literal["plain", "pipelined", "audited"]
"""By hand: one statement after the other; in psycopg's pipeline mode; one after the other with audit rows."""
WARM = 20
"""Commands of each worker that come before the measurement: every kind, so that statements are prepared."""
_STAMPS = "'bench', timestamp '2026-01-01', 'bench', timestamp '2026-01-01'"

FILLING = f"""
INSERT INTO company SELECT 1, 'ACME', 'Acme', {_STAMPS};
INSERT INTO facility SELECT 1, 'DC1', 'x', 'x', 'PT', {_STAMPS};
INSERT INTO item SELECT g, 1, 'I' || g, 'E' || g, 'x', 1, 1, 1, 0, {_STAMPS}
    FROM generate_series(1, {ITEMS * WORKERS}) g;
INSERT INTO location SELECT g, 1, 'L' || g, 'a', 'b', 'c', 'X', {_STAMPS}
    FROM generate_series(1, {ITEMS * WORKERS * PLACES}) g;
INSERT INTO inventory SELECT g, 1, g, (g - 1) / {PLACES} + 1, NULL, NULL, 100000, 0, {_STAMPS}, '-', 'AVAILABLE'
    FROM generate_series(1, {ITEMS * WORKERS * PLACES}) g;
INSERT INTO order_hdr
    SELECT g, 1, 1, 'SO' || g, 'X', 0, 1, timestamp '2026-01-01', NULL, NULL, 'Ann', 'x', NULL, {_STAMPS}
    FROM generate_series(0, {WORKERS * MOST}) g;
INSERT INTO order_dtl
    SELECT g, g / 3, g % 3 + 1, (g / 3 / {MOST}) * {ITEMS} + (g * 7) % {ITEMS} + 1, 5, 0, 0, 1, 0, {_STAMPS}
    FROM generate_series(0, {WORKERS * MOST * 3 - 1}) g;
ANALYZE
"""


def commands(worker: int, count: int) -> Iterator[Command[Any]]:
    """What one worker sends: of ten commands four shipments of three lines, three corrections, three receipts."""
    for turn in range(count):
        key = f"{worker}-{turn}"
        first = worker * ITEMS
        item = first + turn * 13 % ITEMS
        if turn % 10 < 4:
            yield CreateShipmentCommand(order_nbr=f"SO{worker * MOST + turn}", ship=turn % 2 == 0, idempotency_key=key)
        elif turn % 10 < 7:
            yield UpdateInventoryCommand(
                item_code=f"I{item + 1}", location_barcode=f"L{item * PLACES + 1}", adjustment_qty=Decimal(1),
                reason_code="FOUND", idempotency_key=key,
            )  # fmt: skip
        else:
            other = first + (turn * 13 + 5) % ITEMS
            received = (
                ReceiptLine(item_code=f"I{item + 1}", qty=Decimal(3)),
                ReceiptLine(item_code=f"I{other + 1}", qty=Decimal(4)),
            )
            yield ProcessReceiptCommand(
                po_nbr=f"PO{key}", location_barcode=f"L{item * PLACES + 1}", lines=received, idempotency_key=key
            )


class RecordingCursor(psycopg.Cursor[Any]):
    """Notes what it sends."""

    sent: list[Sent] = []  # noqa: RUF012  one process, one list

    def execute(self, query: Any, params: Any = None, **options: Any) -> RecordingCursor:  # noqa: ANN401  as psycopg has it
        """Note and send."""
        self.sent.append((str(query), params, False))
        return super().execute(query, params, **options)

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:  # noqa: ANN401  as psycopg has it
        """Note and send."""
        self.sent.append((str(query), list(params_seq), True))
        super().executemany(query, params_seq, **options)


def record(url: str, worker: int, count: int) -> list[list[Sent]]:
    """The statements of each transaction that a worker's commands send."""
    engine = sa.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        connect_args={"cursor_factory": RecordingCursor, "prepare_threshold": 1},
        execution_options={ONE_BY_ONE: True},
    )
    backend = DatabaseBackend(engine)
    RecordingCursor.sent.clear()
    for command in commands(worker, count):
        _perform(backend, command)
    engine.dispose()
    transactions: list[list[Sent]] = []
    for one in RecordingCursor.sent:
        if one[0].startswith("INSERT INTO command_outcome"):
            transactions.append([])
        if transactions:
            transactions[-1].append(one)
    return [one for one in transactions if one[-1][0].startswith("UPDATE command_outcome")]


def _perform(backend: DatabaseBackend, command: Command[Any]) -> None:
    call: dict[type, Callable[..., object]] = {
        CreateShipmentCommand: backend.create_shipment,
        UpdateInventoryCommand: backend.update_inventory,
        ProcessReceiptCommand: backend.process_receipt,
    }
    call[type(command)](command, actor="bench", key=command.idempotency_key)


def by_hand(
    url: str,
    control: str,
    way: Way,
    transactions: list[list[Sent]],
    barrier: Barrier,
    times: Any,  # noqa: ANN401  a queue
) -> None:
    """Send recorded transactions again."""
    with psycopg.connect(url, prepare_threshold=1) as connection, _audit_by_hand(control, way) as noted:

        def send(statements: list[Sent]) -> None:
            noted("begun")
            if way == "pipelined":
                with connection.pipeline():
                    _send(connection, statements)
            else:
                _send(connection, statements)
            noted("ended")

        for statements in transactions[:WARM]:
            send(statements)
        barrier.wait()
        started, own = time.perf_counter(), time.process_time()
        for statements in transactions[WARM:]:
            send(statements)
        times.put((time.perf_counter() - started, time.process_time() - own))


def _send(connection: psycopg.Connection[Any], statements: list[Sent]) -> None:
    cursor = connection.cursor()
    for text, values, several in statements:
        if several:
            cursor.executemany(text, values)
        else:
            cursor.execute(text, values)
            if text.startswith("SELECT"):
                cursor.fetchall()
    connection.commit()


@contextmanager
def _audit_by_hand(url: str, way: Way) -> Iterator[Callable[[str], None]]:
    """Writes an audit row of a kind, with values that are ready; nothing where none is wanted."""
    if way != "audited":
        yield lambda _: None
        return
    text = str(APPEND_AT_ONCE.compile(dialect=sa.create_engine("postgresql+psycopg://").dialect))
    stored: dict[str, object] = dict.fromkeys(FIELDS)
    payload = '{"idempotency_key":"0-19","po_nbr":"PO0-19","location_barcode":"L742","lines":[{"item_code":"I248"}]}'
    rows: dict[str, dict[str, object]] = {
        "begun": {"actor": "worker 0", "source": "python", "message": "wms.ProcessReceipt", "payload": payload,
                  "correlation_id": "0" * 22, "process": "host/0000/1/1"},
        "ended": {"outcome": "succeeded", "seconds": 0.01},
    }  # fmt: skip
    with psycopg.connect(url, autocommit=True, prepare_threshold=1) as connection:

        def note_row(kind: str) -> None:
            row = {**stored, "kind": kind, "at": time.time_ns() // 1000, **rows[kind]}
            found = connection.execute(text, {**row, "middle": hashed_between(row)}).fetchone()
            if kind == "begun" and found is not None:
                rows["ended"]["begun"] = found[0]

        yield note_row


def by_bus(home: str, wms: str, control: str, worker: int, count: int, barrier: Barrier, times: Any) -> None:  # noqa: ANN401  a queue
    """Send commands through the bus."""
    settings = Settings(
        home=Path(home), wms_url=SecretStr(wms), control_url=SecretStr(control), actor=f"worker {worker}"
    )
    bus = build_bus(settings)
    waiting = list(commands(worker, count))
    for command in waiting[:WARM]:
        bus.send(command, Context(f"worker {worker}")).unwrap()
    barrier.wait()
    started, own = time.perf_counter(), time.process_time()
    for command in waiting[WARM:]:
        bus.send(command, Context(f"worker {worker}")).unwrap()
    times.put((time.perf_counter() - started, time.process_time() - own))
    bus.close()


class Took(NamedTuple):
    """What the commands of all workers took: seconds to the end of the slowest, and seconds of processors."""

    seconds: float
    processor: float


def in_processes(server: PostgresServer, work: Callable[..., None], arguments: list[tuple[Any, ...]]) -> Took:
    """Let several processes work at once."""
    methods = multiprocessing.get_context("spawn")
    barrier, times = methods.Barrier(len(arguments) + 1), methods.Queue()
    processes = [methods.Process(target=work, args=(*given, barrier, times)) for given in arguments]
    for process in processes:
        process.start()
    barrier.wait()
    before = _at_work(server)
    took = [times.get(timeout=600) for _ in processes]
    for process in processes:
        process.join()
    return Took(max(one[0] for one in took), sum(one[1] for one in took) + _at_work(server) - before)


def _at_work(server: PostgresServer) -> float:
    """Seconds of processors that the server and its sessions, also those that have ended, have used."""
    postmaster = psutil.Process(server.process.pid)
    times = postmaster.cpu_times()
    own = times.user + times.system + times.children_user + times.children_system
    return own + sum(sum(child.cpu_times()[:2]) for child in postmaster.children())


class Databases:
    """Copies of a filled database on one server."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._template = server.create_database()
        engine = open_engine(SecretStr(server.url(self._template)))
        bring_to_head(engine)
        engine.dispose()
        with psycopg.connect(server.url(self._template), autocommit=True) as connection:
            for statement in FILLING.split(";"):
                connection.execute(statement)

    def copy(self) -> str:
        """The URL of a new copy."""
        name = f"copy_{time.monotonic_ns()}"
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return self._server.url(name)


def _share(hand: list[Took], bus: list[Took], what: str) -> float:
    shares = [getattr(one, what) / getattr(other, what) for one, other in zip(hand, bus, strict=True)]
    return float(statistics.median(shares))


def measure(*, quick: bool) -> list[Figure]:
    """Commands per second through the bus, by hand in three ways, and the shares."""
    count, turns = (120, 2) if quick else (320, 4)
    begun = dt.datetime.now(dt.UTC)
    hand: dict[Way, list[Took]] = {"plain": [], "pipelined": [], "audited": []}
    bus: list[Took] = []
    with postgres_server() as server, tempfile.TemporaryDirectory() as home:
        databases = Databases(server)
        source = databases.copy()
        recorded = [record(source, worker, count) for worker in range(WORKERS)]

        def new_control() -> str:
            url = server.url(server.create_database())
            database = ControlDatabase(SecretStr(url))
            with database.reading():  # whoever first uses it makes its tables
                pass
            database.close()
            return url

        for _ in range(turns):
            for way, took in hand.items():
                wms, control = databases.copy(), new_control()
                took.append(in_processes(server, by_hand, [(wms, control, way, sent) for sent in recorded]))
            wms, control = databases.copy(), new_control()
            bus.append(in_processes(server, by_bus, [(home, wms, control, worker, count) for worker in range(WORKERS)]))
    total = WORKERS * (count - WARM)
    per_command = sum(len(one) for worker in recorded for one in worker) / (WORKERS * count)
    by_time = _share(hand["plain"], bus, "seconds")
    return [
        at_least("through the bus, as a share of the same SQL by hand", by_time, LIMIT, ""),
        note("  the same by processor time", f"{_share(hand['plain'], bus, 'processor'):.2f}"),
        note("as a share of by hand in psycopg's pipeline mode", _both(hand["pipelined"], bus)),
        note("as a share of by hand with audit rows", _both(hand["audited"], bus)),
        note("commands per second through the bus, 8 workers", f"{total / min(bus).seconds:,.0f}"),
        note("commands per second by hand, 8 workers", f"{total / min(hand['plain']).seconds:,.0f}"),
        note("statements of a command", f"{per_command:.1f}"),
        note("all turns took", f"{(dt.datetime.now(dt.UTC) - begun).total_seconds():.0f} s"),
    ]


def _both(hand: list[Took], bus: list[Took]) -> str:
    return f"{_share(hand, bus, 'seconds'):.2f} by time, {_share(hand, bus, 'processor'):.2f} by processor time"


if __name__ == "__main__":
    sys.exit(main(measure))
