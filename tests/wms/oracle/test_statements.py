"""Every statement of the warehouse is text that Oracle's dialect makes, and that a second engine has executed."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.oracle.oracledb import OracleDialect_oracledb

from flext_pipelines.errors import IdempotencyConflictError
from flext_pipelines.wms import numbers, outcomes, statements
from flext_pipelines.wms.requests import (
    HealthAsked,
    OrderFilter,
    OutcomeAsked,
    ReceiptLine,
    ShipmentClosing,
    ShipmentNamed,
    StockFilter,
)
from flext_pipelines.wms.sample import advance, seed
from flext_pipelines.wms.tables import METADATA
from tests.h2_oracle import for_h2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wms.warehouse import Warehouse

DIALECT: sa.Dialect = OracleDialect_oracledb()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
LATER = dt.date(2030, 1, 1)
SORTS = ("ord_date", "-ord_date", "mod_ts", "-mod_ts", "order_nbr", "-order_nbr")


def oracle_text(statement: sa.ClauseElement) -> str:
    """A statement as Oracle gets it, without its layout."""
    return plain(str(statement.compile(dialect=DIALECT)))


def plain(text: str) -> str:
    """A statement without its layout."""
    return re.sub(r"\s+", " ", text).strip()


def registered() -> Iterator[tuple[str, list[str]]]:
    """Every statement of commands by its name, with the texts that it may have (lists come in several sizes)."""
    for module in (statements, outcomes, numbers):
        for name, found in vars(module).items():
            if isinstance(found, sa.sql.expression.Executable) and not name.startswith("_"):
                assert isinstance(found, sa.ClauseElement)
                yield f"{module.__name__.rpartition('.')[2]}.{name}", [oracle_text(found)]
            elif hasattr(found, "cache_info"):
                sizes = [1 << power for power in range(9)]
                yield f"{module.__name__.rpartition('.')[2]}.{name}", [oracle_text(found(size)) for size in sizes]


def test_the_registry_is_found() -> None:
    """The search for statements finds them; a renamed module must not make this suite empty."""
    names = [name for name, _ in registered()]

    assert len(names) > 35
    assert {"outcomes.CLAIM", "numbers.ADVANCE", "statements.stock_locked"} <= set(names)


def everything(warehouse: Warehouse) -> None:
    """Each command and each query, in every form that sends other statements."""
    _receive(warehouse)
    _ship(warehouse)
    _correct(warehouse)
    _ask(warehouse)


def _receive(warehouse: Warehouse) -> None:
    warehouse.announce("IB1", ("PUMP", 10), ("MILK", 5))
    milk = ReceiptLine(item_code="MILK", qty=Decimal(5), batch_nbr="M1", expiry_date=LATER)
    broken = ReceiptLine(item_barcode="4001", qty=Decimal(2), condition="damaged")
    warehouse.receive(
        milk, broken, shipment_nbr="IB1", quarantine_location_barcode="Q1", container_nbr="C1", trailer_nbr="T1"
    )
    warehouse.receive(ReceiptLine(item_code="PUMP", qty=Decimal(8)), shipment_nbr="IB1", close=True)
    blind = ReceiptLine(item_code="VALVE", qty=Decimal(7))
    first = warehouse.receive(blind, po_nbr="PO1", facility_code="DC01", key="r1")
    assert warehouse.receive(blind, po_nbr="PO1", facility_code="DC01", key="r1").shipment_nbr == first.shipment_nbr


def _ship(warehouse: Warehouse) -> None:
    warehouse.put("PUMP", "A1", 30)
    warehouse.put("VALVE", "A2", 30)
    for number in ("SO1", "SO2", "SO3"):
        warehouse.order(number, ("PUMP", 3), ("VALVE", 4))
    warehouse.ship("SO1", ship=True)
    kept = warehouse.ship("SO2", shipment_nbr="OB-2", facility_code="DC01", carrier_code="TRUCK")
    warehouse.backend.close_shipment(ShipmentClosing(shipment_nbr=kept.shipment_nbr), actor="a", key=None)
    gone = warehouse.ship("SO3", policy="partial", lines=({"seq_nbr": 1, "qty": 2},))
    warehouse.backend.close_shipment(
        ShipmentClosing(shipment_nbr=gone.shipment_nbr, action="cancel"), actor="a", key=None
    )
    for number in (gone.shipment_nbr, "IB1"):
        warehouse.backend.shipment(ShipmentNamed(shipment_nbr=number))


def _correct(warehouse: Warehouse) -> None:
    warehouse.correct("PUMP", "A1", adjustment_qty=-1, note="dented", key="c1")
    warehouse.correct("PUMP", "A2", actual_qty=4, key="c2")
    with pytest.raises(IdempotencyConflictError):
        warehouse.correct("PUMP", "A2", actual_qty=5, key="c2")
    assert warehouse.backend.outcome(OutcomeAsked(key="c1")).performed
    assert not warehouse.backend.outcome(OutcomeAsked(key="never")).performed


def _ask(warehouse: Warehouse) -> None:
    filters: list[dict[str, Any]] = [
        {}, {"facility_code": "DC01"}, {"item_code": "PUMP"}, {"location_barcode": "A1"}, {"batch_nbr": "M1"},
    ]  # fmt: skip
    for given in filters:
        for by in ("lot", "location", "item"):
            page = warehouse.backend.inventory(StockFilter(limit=1, **given, by=by))
            if page.next_cursor:
                warehouse.backend.inventory(StockFilter(limit=1, cursor=page.next_cursor, **given, by=by))
    searches: list[dict[str, Any]] = [
        {}, {"order_nbr": "SO1"}, {"order_nbr": "SO*"}, {"status_ids": (0, 90)}, {"facility_code": "DC01"},
        {"customer": "Ann"}, {"ordered_from": dt.date(2026, 1, 1), "ordered_to": LATER},
        {"changed_since": dt.datetime(2026, 1, 1)},  # noqa: DTZ001  WMS timestamps carry no zone
    ]  # fmt: skip
    for search in searches:
        for sort in SORTS:
            orders = warehouse.backend.orders(OrderFilter(limit=1, sort=sort, **search))
            if orders.next_cursor:
                warehouse.backend.orders(OrderFilter(limit=1, sort=sort, cursor=orders.next_cursor, **search))
    health = warehouse.backend.health(HealthAsked(deep=True))
    assert health.healthy, health.problems


def test_every_statement_of_commands_is_executed(warehouse: Warehouse, sent: list[str]) -> None:
    """Each statement of the registry, as Oracle's dialect spells it, was sent and was understood."""
    everything(warehouse)

    done = {plain(text) for text in sent}
    missing = [name for name, texts in registered() if not done & set(texts)]
    assert missing == []


def test_what_is_sent_is_what_oracle_gets(warehouse: Warehouse, sent: list[str]) -> None:
    """Nothing but the two documented changes is made to a text on its way to H2."""
    everything(warehouse)

    changed = {plain(text) for text in sent if for_h2(text) != text}
    assert all("RETURNING" in text or "SKIP LOCKED" in text for text in changed), changed


def test_no_statement_is_written_by_joining_values(warehouse: Warehouse, sent: list[str]) -> None:
    """Values travel as binds: what users give never stands in a text."""
    everything(warehouse)

    given = ("PUMP", "VALVE", "MILK", "IB1", "PO1", "SO1", "OB-2", "TRUCK", "dented", "Ann", "4001")
    assert [text for text in sent if any(f"'{value}" in text or f'"{value}' in text for value in given)] == []


def test_oracle_has_no_booleans_in_what_is_sent(warehouse: Warehouse, sent: list[str]) -> None:
    """Before Oracle 23 a comparison is no value: ``(a > b) = 1``, TRUE and row comparisons are syntax errors there."""
    everything(warehouse)

    for text in map(plain, sent):
        assert not re.search(r"\)\s*=\s*[01]\b", text), text
        assert not re.search(r"\b(?:TRUE|FALSE|LIMIT|OFFSET \?|ILIKE|ON CONFLICT)\b", text, re.IGNORECASE), text
        assert not re.search(r"\([\w.]+, [\w.]+(?:, [\w.]+)*\) (?:<|>|IN)", text), text


def test_no_name_is_too_long() -> None:
    """Names fit the 128 bytes of Oracle 12.2, which the documents name as the oldest release."""
    names = set()
    for table in METADATA.sorted_tables:
        names |= {table.name, *(column.name for column in table.columns)}
        names |= {str(index.name) for index in table.indexes}
        names |= {str(constraint.name) for constraint in table.constraints if constraint.name}

    assert len(names) > 100
    assert [name for name in names if len(name.encode()) > 128] == []


def test_every_table_is_made_by_text_that_oracle_reads(warehouse: Warehouse) -> None:
    """The types are Oracle's: NUMBER, VARCHAR2 in characters, DATE, TIMESTAMP, CLOB."""
    for table in METADATA.sorted_tables:
        text = oracle_text(sa.schema.CreateTable(table))
        assert not re.search(r"\b(?:VARCHAR|TEXT|BIGINT|BOOLEAN|SERIAL|DATETIME)\b(?! CHAR)", text), text


def test_the_sample_is_seeded_and_moves_on(warehouse: Warehouse, sent: list[str]) -> None:
    """The loader's statements, too, are Oracle's."""
    with warehouse.engine.begin() as connection:
        for table in reversed(METADATA.sorted_tables):
            if table.name != "wms_meta":
                connection.execute(table.delete())

    assert seed(warehouse.engine, orders=30).created
    assert advance(warehouse.engine, changes=10).changed
    assert warehouse.problems() == []
