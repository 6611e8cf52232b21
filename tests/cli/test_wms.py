"""What ``flext wms`` shows and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from tests.wms.warehouse import TODAY, Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Shell


@pytest.fixture
def warehouse(home: Path) -> Iterator[Warehouse]:
    """Ten pumps in A1, an order for four, an inbound shipment of five valves."""
    made = Warehouse(SecretStr(f"sqlite:///{home / 'wms.db'}")).fill()
    made.put("PUMP", "A1", 10)
    made.order("SO1", ("PUMP", 4), ("VALVE", 1))
    made.announce("IB1", ("VALVE", 5))
    yield made
    made.close()


def test_a_day_in_the_warehouse(flext: Shell, warehouse: Warehouse) -> None:
    """Receive, look, ship what there is, close, correct: each answer shows what it did."""
    received = flext("wms", "receive", "--shipment-nbr", "IB1", "--location-barcode", "DOCK")
    looked = flext("wms", "inventory", "--item-code", "VALVE")
    shipped = flext("wms", "ship", "SO1", "--shipment-nbr", "S1", "--idempotency-key", "k")
    again = flext("wms", "ship", "SO1", "--shipment-nbr", "S1", "--idempotency-key", "k")
    closed = flext("wms", "close", "S1")
    shown = flext("wms", "shipment", "S1")
    counted = flext(
        "wms",
        "adjust",
        "--location-barcode",
        "A1",
        "--item-code",
        "PUMP",
        "--adjustment-qty",
        "-0.5",
        "--reason-code",
        "X",
    )
    orders = flext("wms", "orders", "--status-ids", "90")

    assert "received" in received.out
    assert all(word in looked.out for word in ("DOCK", "DC01", "5"))
    assert "complete  yes" in shipped.out
    assert "an earlier call with this key did it" in again.out
    assert "shipped" in closed.out
    assert "outbound" in shown.out
    assert "5.5" in counted.out
    assert "SO1" in orders.out
    codes = [one.code for one in (received, looked, shipped, again, closed, shown, counted, orders)]
    assert codes == [0] * 8
    assert flext("wms", "outcome", "k").out.startswith("key")
    assert "may be sent" in flext("wms", "outcome", "other").out


def test_stock_stands_in_the_columns_that_it_fills(flext: Shell, warehouse: Warehouse) -> None:
    """Quantities one below the other by their digits; no column of dashes; and what to do where there is nothing."""
    warehouse.put("VALVE", "A2", 1250)

    by_item = flext("wms", "inventory", "--by", "item").out.splitlines()
    nothing = flext("wms", "orders", "--status-ids", "77").out

    heading, _, pump, valve = [line for line in by_item if line.strip()]
    assert heading.split() == ["item", "on", "hand", "allocated", "available"]
    assert pump.index("10 ") + 2 == valve.index("1,250 ") + 5 == heading.index("on hand") + len("on hand")
    assert "flext wms seed" in nothing


def test_help_says_what_kind_of_text_an_option_takes(flext: Shell) -> None:
    """A number and a date, not just text."""
    shown = flext("wms", "adjust", "--help").out

    assert "--actual-qty NUMBER" in shown
    assert "--expiry-date DATE" in shown


def test_pages_are_told_and_go_on(flext: Shell, warehouse: Warehouse) -> None:
    """A page that is not the last names the way to the next."""
    warehouse.put("PUMP", "A2", 1)
    first = flext("wms", "inventory", "--limit", "1")

    cursor = first.out.split("--cursor ")[1].split()[0]
    second = flext("wms", "inventory", "--limit", "1", "--cursor", cursor, "--json").json()

    assert second["rows"][0]["location_barcode"] == "A2"
    assert second["next_cursor"] is None
    assert flext("wms", "inventory", "--limit", "1", "--cursor", cursor[:-2]).code == 2


def test_what_is_refused_is_told_with_its_exit_code(flext: Shell, warehouse: Warehouse) -> None:
    """Nothing but words on standard error, and 2: something must be changed first."""
    too_many = '[{"item_code": "VALVE", "qty": 6}]'
    answers = [
        flext("wms", "ship", "NOSUCH"),
        flext("wms", "ship", "SO1"),
        flext("wms", "adjust", "--location-barcode", "A1", "--item-code", "PUMP", "--reason-code", "X"),
        flext("wms", "receive", "--shipment-nbr", "IB1", "--location-barcode", "DOCK", "--lines", too_many),
    ]

    assert [one.code for one in answers] == [2, 2, 2, 2]
    assert "no order 'NOSUCH'" in answers[0].err
    assert "needs 1 of VALVE" in answers[1].err
    assert "either adjustment_qty or actual_qty" in answers[2].err
    assert "6 would have come" in answers[3].err
    assert not any("Traceback" in one.err for one in answers)


def test_lines_come_from_a_file(flext: Shell, warehouse: Warehouse, tmp_path: Path) -> None:
    """A receipt's lines as YAML."""
    lines = tmp_path / "lines.yml"
    lines.write_text(f"- {{item_code: MILK, qty: 2, batch_nbr: M1, expiry_date: '{TODAY.replace(year=2030)}'}}\n")

    answer = flext("wms", "receive", "--po-nbr", "PO1", "--location-barcode", "A1", "--lines", f"@{lines}", "--json")

    assert answer.json()["lines"][0]["batch_nbr"] == "M1"


def test_health_tells_and_judges(flext: Shell, warehouse: Warehouse) -> None:
    """A warehouse whose ledger does not add up is told, and the exit code is not 0."""
    well = flext("wms", "health", "--deep")
    with warehouse.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE inventory SET on_hand_qty = on_hand_qty + 1")
    ill = flext("wms", "health", "--deep")

    assert (well.code, ill.code) == (0, 1)
    as_json = flext("wms", "health", "--deep", "--json")
    assert as_json.code == 1
    assert as_json.json()["healthy"] is False
    assert "1 rows of stock are not the sum of their ledger" in ill.out
    assert flext("wms", "health").code == 0
