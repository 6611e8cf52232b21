"""Facts about plans: each query reads what it returns, by an index that ends in the key of its pages.

On PostgreSQL with tables that are large enough for a plan to matter: what is asserted is how many rows and pages the
server really touched (``EXPLAIN (ANALYZE, BUFFERS)``). On SQLite: that every table is searched by an index, and that
nothing is sorted but a page.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.schema import bring_to_head
from flext_pipelines.wms.statements import free_stock
from flext_pipelines.wms.views.orders import OrderShape, order_statement
from flext_pipelines.wms.views.stock import StockShape, stock_statement
from tests.wms.warehouse import NOW, TODAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer

PAGE = 50
STOCK, ORDERS, ITEMS = 120_000, 60_000, 600

ORDER_VALUES = {
    "facility": 1, "customer": "Customer 7", "number_from": "SO00010", "number_before": "SO00011", "number": "SO000100",
    "changed_since": NOW, "ordered_from": NOW, "ordered_before": NOW,
}  # fmt: skip
STOCK_VALUES = {"facility_id": 1, "item_id": 76, "location_id": 85, "batch_nbr": "B7"}

STOCK_SHAPES = [
    StockShape(by, filters)
    for by in ("lot", "location", "item")
    for filters in ((), ("item_id",), ("facility_id",), ("location_id",), ("batch_nbr",), ("facility_id", "item_id"))
]
ORDER_SHAPES = [
    OrderShape("-ord_date"),
    OrderShape("ord_date", ("ordered_from",)),
    OrderShape("-ord_date", statuses=1),
    OrderShape("-ord_date", statuses=3),
    OrderShape("-ord_date", ("facility",)),
    OrderShape("ord_date", ("facility",), statuses=1),
    OrderShape("-ord_date", ("facility",), statuses=3),
    OrderShape("-ord_date", ("customer",)),
    OrderShape("order_nbr"),
    OrderShape("-order_nbr", ("number_before", "number_from")),
    OrderShape("order_nbr", ("number",)),
    OrderShape("mod_ts", ("changed_since",)),
    OrderShape("-mod_ts", ("facility",)),
]


def name_of(shape: StockShape | OrderShape) -> str:
    """``lot item_id``, ``-ord_date facility 3 statuses``."""
    statuses = f" {shape.statuses} statuses" if isinstance(shape, OrderShape) and shape.statuses else ""
    return " ".join([shape[0], *shape.filters]) + statuses


def statement_of(shape: StockShape | OrderShape, *, follows: bool) -> tuple[sa.Select[Any], dict[str, object]]:
    """A question with its values; a following page begins in the middle."""
    whole = shape._replace(follows=follows)
    if isinstance(whole, StockShape):
        values: dict[str, object] = {name: STOCK_VALUES[name] for name in whole.filters}
        middle: list[object] = [300 if "item_id" not in whole.filters else 76, 0, 0]
        if follows:
            values |= {
                f"after_{place}": middle[place] for place in range({"lot": 3, "location": 2, "item": 1}[whole.by])
            }
        return stock_statement(whole), {**values, "today": TODAY, "page_rows": PAGE + 1}
    values = {name: ORDER_VALUES[name] for name in whole.filters}
    values |= {f"status_{place}": (0, 20, 90)[place] for place in range(whole.statuses)}
    if follows:
        values |= {"after_0": "SO000300" if "order_nbr" in whole.sort else NOW, "after_1": 30_000}
    return order_statement(whole), {**values, "page_rows": PAGE + 1}


FILLING = f"""
INSERT INTO company SELECT 1, 'ACME', 'x', 'x', now(), 'x', now();
INSERT INTO facility SELECT g, 'DC' || g, 'x', 'x', 'PT', 'x', now(), 'x', now() FROM generate_series(1, 5) g;
INSERT INTO item SELECT g, 1, 'I' || g, 'E' || g, 'x', 1, 1, 1, 0, 'x', now(), 'x', now()
    FROM generate_series(1, {ITEMS}) g;
INSERT INTO location SELECT g, g % 5 + 1, 'L' || g, 'a', 'b', 'c', 'ACTIVE', 'x', now(), 'x', now()
    FROM generate_series(1, 4000) g;
INSERT INTO inventory
    SELECT g, (g % 4000) % 5 + 1, g % 4000 + 1, (g * 7919) % 600 + 1, 'B' || g % 500, NULL, 5, 0,
        'x', now(), 'x', now() + g * interval '1 second', 'B' || g, 'AVAILABLE'
    FROM generate_series(1, {STOCK}) g;
INSERT INTO order_hdr
    SELECT g, g % 5 + 1, 1, 'SO' || lpad(g::text, 6, '0'), 'X', (ARRAY[0, 20, 90])[(g / 5) % 3 + 1], 1,
        timestamp '2026-06-01' + (g - 30000) * interval '1 minute', NULL, NULL, 'Customer ' || (g / 15) % 100, 'x',
        NULL, 'x', now(), 'x', timestamp '2026-06-01' + (g - 30000) * interval '1 minute'
    FROM generate_series(1, {ORDERS}) g;
ANALYZE
"""


@pytest.fixture(scope="module")
def big(postgres: PostgresServer) -> Iterator[sa.Connection]:
    """A database with tables that no plan would read as a whole."""
    name = postgres.create_database()
    engine = open_engine(SecretStr(postgres.url(name)))
    bring_to_head(engine)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        cursor = connection.connection.cursor()
        for statement in FILLING.split(";"):
            cursor.execute(statement)
        yield connection
    engine.dispose()
    postgres.drop_database(name)


def touched(node: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Rows that each scan of a plan gave or threw away, by table."""
    if "Relation Name" in node:
        turns = node["Actual Loops"]
        thrown = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        yield node["Relation Name"], (node["Actual Rows"] + thrown) * turns
    for inner in node.get("Plans", []):
        yield from touched(inner)


def rows_touched(connection: sa.Connection, statement: sa.Select[Any], values: dict[str, object]) -> dict[str, float]:
    """Rows that the server read of each table to answer."""
    compiled = statement.compile(dialect=connection.dialect)
    cursor: Any = connection.connection.cursor()
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    text = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    (found,) = cursor.execute(text, {**constants, **values}, prepare=False).fetchone()
    plan = found if isinstance(found, list) else json.loads(found)
    sums: dict[str, float] = {}
    for table, count in touched(plan[0]["Plan"]):
        sums[table] = sums.get(table, 0) + count
    return sums


@pytest.mark.postgres
@pytest.mark.parametrize("follows", [False, True], ids=["first", "following"])
@pytest.mark.parametrize("shape", [*STOCK_SHAPES, *ORDER_SHAPES], ids=name_of)
def test_postgresql_reads_what_it_returns(big: sa.Connection, shape: StockShape | OrderShape, follows: bool) -> None:
    """A page costs its rows (per status that is asked for), added-up ones what they add up, of 120,000 and 60,000."""
    statement, values = statement_of(shape, follows=follows)

    read = rows_touched(big, statement, values)

    if isinstance(shape, OrderShape):
        assert read["order_hdr"] <= (PAGE + 2) * max(1, shape.statuses) + 1
        return
    per_item = STOCK / ITEMS if not shape.filters else 240
    grouped = {"lot": 1, "location": STOCK / 12_000, "item": per_item}[shape.by]
    assert read["inventory"] <= (PAGE + 2) * grouped + per_item


@pytest.mark.postgres
def test_stock_to_allocate_is_found_by_its_items(big: sa.Connection) -> None:
    """Looking for what may be allocated reads the rows of those items in that facility only."""
    values = {"item_0": 4, "item_1": 79, "facility_id": 3, "today": TODAY}

    read = rows_touched(big, free_stock(2), values)

    assert 0 < read["inventory"] <= 2 * STOCK / ITEMS


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """The tables on SQLite, empty: its plans do not depend on rows."""
    engine = open_engine(SecretStr(f"sqlite:///{tmp_path_factory.mktemp('plans') / 'wms.db'}"))
    bring_to_head(engine)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("follows", [False, True], ids=["first", "following"])
@pytest.mark.parametrize("shape", [*STOCK_SHAPES, *ORDER_SHAPES], ids=name_of)
def test_sqlite_searches_by_an_index(empty: sa.Engine, shape: StockShape | OrderShape, follows: bool) -> None:
    """No table is read as a whole but in the order of an index, and no more than a page is sorted."""
    statement, values = statement_of(shape, follows=follows)
    compiled = statement.compile(dialect=empty.dialect)
    with empty.connect() as connection:
        whole = {**{name: value for name, value in compiled.params.items() if value is not None}, **values}
        ordered = tuple(str(whole[name]) for name in compiled.positiontup or ())
        plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {compiled}", ordered).fetchall()

    steps = [row[3] for row in plan]
    table = "order_hdr" if isinstance(shape, OrderShape) else "inventory"
    scans = [step for step in steps if step.startswith(f"SCAN {table}")]
    assert any(f"SEARCH {table} USING" in step for step in steps) or all("USING" in step for step in scans), steps
    small = {"location_id", "batch_nbr", "item_id"} & set(shape.filters)
    merged = isinstance(shape, OrderShape) and shape.statuses > 1
    if not small and not merged:
        inner = [step for step in steps if "TEMP B-TREE" in step]
        assert len(inner) <= 1, steps  # the page itself, where SQLite sorts it once more after the join
