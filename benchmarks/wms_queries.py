"""How long a page of stock and a page of orders take on big tables: 10,000,000 rows of stock, 5,000,000 orders.

A PostgreSQL server of this run is filled by statements of its own, so that the tables are as large as they are said to
be; then each kind of question is asked many times, with filters and places that differ, through the backend that the
messages use. ``--quick`` fills a twentieth.

Run as ``python -m benchmarks.wms_queries``.
"""

from __future__ import annotations

import itertools
import random
import statistics
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import SecretStr

from benchmarks.figures import Figure, at_most, main, note
from flext_pipelines.wms.bulk import indexes_afterwards
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import EngineOptions, open_engine
from flext_pipelines.wms.requests import OrderFilter, StockFilter
from flext_pipelines.wms.schema import bring_to_head
from flext_pipelines.wms.tables import inventory, order_hdr
from tests.postgres import postgres_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STOCK, ORDERS, ITEMS, FACILITIES, LOCATIONS = 10_000_000, 5_000_000, 50_000, 20, 200_000
LIMIT_MS = 20.0
_STAMPS = "'bench', timestamp '2026-01-01', 'bench', timestamp '2026-01-01' + g * interval '1 second'"


def fill(engine: sa.Engine, stock: int, orders: int) -> None:
    """Make the big tables. Every item lies in many places, every facility has many orders of every status."""
    bring_to_head(engine)
    masters = (
        f"INSERT INTO company SELECT 1, 'ACME', 'Acme', {_STAMPS} FROM generate_series(1, 1) g",
        f"INSERT INTO facility SELECT g, 'DC' || g, 'x', 'x', 'PT', {_STAMPS} FROM generate_series(1, {FACILITIES}) g",
        f"INSERT INTO item SELECT g, 1, 'I'||g, 'E'||g, 'x', 1, 1, 1, 0, {_STAMPS} FROM generate_series(1, {ITEMS}) g",
        f"INSERT INTO location SELECT g, g % {FACILITIES} + 1, 'L' || g, 'a', 'b', 'c', 'X', {_STAMPS} "  # noqa: ISC004  one statement
        f"FROM generate_series(1, {LOCATIONS}) g",
    )
    stocked = (
        "INSERT INTO inventory (id, facility_id, location_id, item_id, batch_nbr, expiry_date, on_hand_qty, "
        "allocated_qty, create_user, create_ts, mod_user, mod_ts, lot_key, status_code) "
        f"SELECT g, (g % {LOCATIONS}) % {FACILITIES} + 1, g % {LOCATIONS} + 1, (g * 7919::bigint) % {ITEMS} + 1, "
        "'B' || g % 40000, date '2027-01-01' + (g % 300)::int, g % 500, (g % 500) / 5, "
        f"{_STAMPS}, 'B' || g, 'AVAILABLE' FROM generate_series(1, {stock}) g"
    )
    ordered = (
        "INSERT INTO order_hdr SELECT g, g % 20 + 1, 1, 'SO' || lpad(g::text, 9, '0'), 'STANDARD', "
        "(ARRAY[0, 10, 20, 30, 90, 90, 90, 90])[(g / 20) % 8 + 1], 1, "
        "timestamp '2024-01-01' + (g / 3) * interval '30 seconds', date '2026-01-01', NULL, "
        f"'Customer ' || (g * 7919::bigint) % 20000, 'Porto', NULL, {_STAMPS} FROM generate_series(1, {orders}) g"
    )
    with engine.begin() as connection:
        driver = connection.connection.cursor()  # SQLAlchemy would take each % for a placeholder
        for statement in ("SET maintenance_work_mem = '1GB'", *masters):
            driver.execute(statement)
        with indexes_afterwards(connection, [inventory, order_hdr]):
            driver.execute(stocked)
            driver.execute(ordered)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE inventory, order_hdr, item, location, facility")


@contextmanager
def big_database(stock: int, orders: int) -> Iterator[sa.Engine]:
    """A server with the big tables, for as long as the block lasts."""
    with postgres_server() as server:
        engine = open_engine(SecretStr(server.url(server.create_database())), EngineOptions(call_seconds=3_600))
        try:
            fill(engine, stock, orders)
            yield engine
        finally:
            engine.dispose()


def questions(orders: int) -> dict[str, Callable[[random.Random], StockFilter | OrderFilter]]:
    """Every kind of question, with its filters drawn by a dice."""

    def item(dice: random.Random) -> str:
        return f"I{dice.randint(1, ITEMS)}"

    def facility(dice: random.Random) -> str:
        return f"DC{dice.randint(1, FACILITIES)}"

    return {
        "stock of everything": lambda _: StockFilter(),
        "stock of an item": lambda dice: StockFilter(item_code=item(dice)),
        "stock of an item in a facility": lambda dice: StockFilter(item_code=item(dice), facility_code=facility(dice)),
        "stock of a facility": lambda dice: StockFilter(facility_code=facility(dice)),
        "stock in a location": lambda dice: StockFilter(location_barcode=f"L{dice.randint(1, LOCATIONS)}"),
        "stock of a batch": lambda dice: StockFilter(batch_nbr=f"B{dice.randint(0, 39_999)}"),
        "stock per item": lambda dice: StockFilter(item_code=item(dice), by="item"),
        "orders, latest first": lambda _: OrderFilter(),
        "orders of a status": lambda dice: OrderFilter(status_ids=(dice.choice((0, 10, 20, 30, 90)),)),
        "orders of three statuses in a facility": lambda dice: OrderFilter(
            status_ids=(0, 20, 90), facility_code=facility(dice), sort="ord_date"
        ),
        "orders of a customer": lambda dice: OrderFilter(customer=f"Customer {dice.randint(0, 19_999)}"),
        "orders by the beginning of their number": lambda dice: OrderFilter(
            order_nbr=f"SO{dice.randint(1, orders) // 1000:06d}*", sort="order_nbr"
        ),
        "orders as they changed": lambda dice: OrderFilter(facility_code=facility(dice), sort="-mod_ts"),
    }


def ask(backend: DatabaseBackend, question: StockFilter | OrderFilter) -> str | None:
    """One page; the cursor of the next."""
    if isinstance(question, StockFilter):
        return backend.inventory(question).next_cursor
    return backend.orders(question).next_cursor


def _yardstick(engine: sa.Engine) -> float:
    """The slowest hundredth of the smallest question there is: on a busy machine it says how busy."""
    times = []
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        for _ in itertools.repeat(None, 2_000):
            started = time.perf_counter()
            cursor.execute("SELECT 1")
            times.append((time.perf_counter() - started) * 1000)
    return statistics.quantiles(times, n=100)[98]


def measure(*, quick: bool) -> list[Figure]:
    """The slowest hundredth of each kind of page, first and following ones, in milliseconds."""
    share = 20 if quick else 1
    stock, orders = STOCK // share, ORDERS // share
    figures: list[Figure] = []
    begun = time.perf_counter()
    with big_database(stock, orders) as engine:
        figures.append(
            note(f"filling {stock:,} rows of stock, {orders:,} orders", f"{time.perf_counter() - begun:.0f} s")
        )
        figures.append(note("  SELECT 1, p99: what this machine itself takes", f"{_yardstick(engine):.2f} ms"))
        backend = DatabaseBackend(engine)
        for name, make in questions(orders).items():
            dice = random.Random(4)
            times = []
            for _ in itertools.repeat(None, 60 if quick else 120):
                question, cursor = make(dice), None
                for _page in range(5):
                    started = time.perf_counter()
                    cursor = ask(backend, question.model_copy(update={"cursor": cursor}))
                    times.append((time.perf_counter() - started) * 1000)
                    if cursor is None:
                        break
            p99 = statistics.quantiles(times, n=100)[98]
            figures.append(at_most(f"{name}, p99 of {len(times)} pages", p99, LIMIT_MS, "ms"))
            figures.append(note("  median", f"{statistics.median(times):.2f} ms"))
        backend.close()
    return figures


if __name__ == "__main__":
    sys.exit(main(measure))
