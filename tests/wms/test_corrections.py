"""Facts about corrections of stock."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from flext_pipelines.errors import ConflictError, ExpiredLotError, InsufficientStockError, NotFoundError
from flext_pipelines.wms.requests import StockCorrection
from tests.wms.warehouse import TODAY

if TYPE_CHECKING:
    from tests.wms.warehouse import Warehouse

PAST, FUTURE = TODAY - dt.timedelta(days=1), TODAY + dt.timedelta(days=30)


def test_an_adjustment_adds_and_takes_away(warehouse: Warehouse) -> None:
    """By so much, with what was there before."""
    warehouse.correct("PUMP", "A1", adjustment_qty=10)

    found = warehouse.correct("PUMP", "A1", adjustment_qty=Decimal("-2.5"))

    assert (found.before, found.change, found.on_hand, found.available) == (10, Decimal("-2.5"), Decimal("7.5"), 7.5)


def test_a_count_sets_what_was_counted(warehouse: Warehouse) -> None:
    """The change is what was missing or too much; nothing is a change of zero, and is written down all the same."""
    warehouse.put("PUMP", "A1", 10)

    changes = [warehouse.correct("PUMP", "A1", actual_qty=qty).change for qty in (12, 12, 0)]

    assert changes == [2, 0, -12]
    assert [row["type_code"] for row in warehouse.rows("stock_movement")] == ["ADJUST", "COUNT", "COUNT", "COUNT"]


def test_a_count_finds_what_was_not_known(warehouse: Warehouse) -> None:
    """Stock that nobody knew of gets a row by being counted."""
    found = warehouse.correct("PUMP", "A2", actual_qty=3)

    assert (found.before, found.on_hand) == (0, 3)


def test_no_less_than_nothing(warehouse: Warehouse) -> None:
    """Stock never falls below zero."""
    warehouse.put("PUMP", "A1", 3)

    with pytest.raises(InsufficientStockError, match=r"There are 3 of item PUMP in location A1"):
        warehouse.correct("PUMP", "A1", adjustment_qty=-4)
    assert warehouse.stock()[0].on_hand == 3


def test_no_less_than_is_allocated(warehouse: Warehouse) -> None:
    """What is kept for orders cannot be counted away."""
    warehouse.put("PUMP", "A1", 5)
    warehouse.order("SO1", ("PUMP", 4))
    warehouse.ship("SO1")

    with pytest.raises(InsufficientStockError, match="kept for orders"):
        warehouse.correct("PUMP", "A1", adjustment_qty=-2)
    with pytest.raises(InsufficientStockError, match="kept for orders"):
        warehouse.correct("PUMP", "A1", actual_qty=3)
    assert warehouse.correct("PUMP", "A1", actual_qty=4).available == 0


def test_no_more_than_is_kept_exactly(warehouse: Warehouse) -> None:
    """Fifteen digits are kept exactly everywhere; what would have more is refused, and nothing is written."""
    most = Decimal("999999999999.999")
    warehouse.correct("PUMP", "A1", actual_qty=most)

    with pytest.raises(ConflictError, match=r"no more than 999,999,999,999\.999 can be kept"):
        warehouse.correct("PUMP", "A1", adjustment_qty=Decimal("0.001"))
    assert [row.on_hand for row in warehouse.stock()] == [most]
    assert len(warehouse.rows("stock_movement")) == 1


def test_several_lots_must_be_told_apart(warehouse: Warehouse) -> None:
    """Where a location holds several lots, the batch must be named; the lots are listed."""
    warehouse.put("PUMP", "A1", 3, batch="B2")
    warehouse.put("PUMP", "A1", 3, batch="B1")

    with pytest.raises(ConflictError, match="holds 2 lots of item PUMP: B1, B2"):
        warehouse.correct("PUMP", "A1", adjustment_qty=1)
    assert warehouse.correct("PUMP", "A1", adjustment_qty=1, batch_nbr="B1").on_hand == 4


def test_a_batch_has_one_expiry_date(warehouse: Warehouse) -> None:
    """Another date for a known batch is a mistake, wherever it is said."""
    warehouse.put("PUMP", "A1", 3, batch="B1", expiry=FUTURE)

    for place in ("A1", "A2"):
        with pytest.raises(ConflictError, match=f"Batch 'B1' of item PUMP expires on {FUTURE}"):
            warehouse.correct("PUMP", place, adjustment_qty=1, batch_nbr="B1", expiry_date=TODAY)
    assert warehouse.correct("PUMP", "A2", adjustment_qty=1, batch_nbr="B1").expiry_date == FUTURE


def test_nothing_is_added_to_an_expired_lot(warehouse: Warehouse) -> None:
    """It can be counted down and put into quarantine, and nothing else."""
    warehouse.put("MILK", "A1", 3, batch="OLD", expiry=PAST)

    with pytest.raises(ExpiredLotError, match=f"expired on {PAST}"):
        warehouse.correct("MILK", "A1", adjustment_qty=1)
    with pytest.raises(ExpiredLotError):
        warehouse.correct("MILK", "A2", adjustment_qty=1, batch_nbr="OLD")
    assert warehouse.correct("MILK", "A1", adjustment_qty=-1).available == 0
    assert warehouse.correct("MILK", "Q1", adjustment_qty=1, batch_nbr="OLD", quarantined=True).quarantined


def test_a_perishable_item_needs_a_date(warehouse: Warehouse) -> None:
    """Without one nobody knows when it expires; the date alone is a lot."""
    with pytest.raises(ConflictError, match="MILK is perishable"):
        warehouse.correct("MILK", "A1", adjustment_qty=1)
    warehouse.correct("MILK", "A1", adjustment_qty=1, expiry_date=FUTURE)
    assert warehouse.correct("MILK", "A1", adjustment_qty=1, expiry_date=FUTURE).on_hand == 2


def test_what_is_not_there_cannot_be_less(warehouse: Warehouse) -> None:
    """Taking away where nothing is, and unknown names, say what is not there."""
    with pytest.raises(NotFoundError, match="Location A1 holds no item PUMP"):
        warehouse.correct("PUMP", "A1", adjustment_qty=-1)
    with pytest.raises(NotFoundError, match="no item 'NOSUCH'"):
        warehouse.correct("NOSUCH", "A1", adjustment_qty=1)
    with pytest.raises(NotFoundError, match="no location 'NOWHERE'"):
        warehouse.correct("PUMP", "NOWHERE", adjustment_qty=1)
    with pytest.raises(NotFoundError, match="no location 'A1' in facility DC02"):
        warehouse.correct("PUMP", "A1", adjustment_qty=1, facility_code="DC02")


def test_an_item_is_found_by_its_barcode(warehouse: Warehouse) -> None:
    """A scanner knows no codes; a barcode of two items is refused."""
    request = StockCorrection(
        item_barcode="4001", location_barcode="A1", adjustment_qty=Decimal(1), reason_code="FOUND"
    )

    assert warehouse.backend.update_inventory(request, actor="t", key=None).item_code == "PUMP"
    warehouse.insert("item", [{"id": 9, "company_id": 1, "code": "TWIN", "barcode": "4001", "perishable_flg": 0}])
    with pytest.raises(ConflictError, match="Several items have the barcode '4001': PUMP, TWIN"):
        warehouse.backend.update_inventory(request, actor="t", key=None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"adjustment_qty": 1, "actual_qty": 1},
        {"adjustment_qty": 0},
        {"actual_qty": -1},
        {"actual_qty": "1.0001"},
        {"actual_qty": "NaN"},
        {"actual_qty": 10**15},
        {"adjustment_qty": 1, "item_barcode": "4001"},
        {"adjustment_qty": 1, "item_code": None},
        {"adjustment_qty": 1, "location_barcode": None},
        {"adjustment_qty": 1, "reason_code": "  "},
        {"adjustment_qty": 1, "batch_nbr": "x" * 51},
        {"adjustment_qty": 1, "note": "nul \0 inside"},
        {"adjustment_qty": 1, "note": "half \ud83d a pair"},
    ],
    ids=repr,
)
def test_what_makes_no_sense_is_refused_before_any_database(fields: dict[str, object]) -> None:
    """Both or neither quantity, a negative count, too many digits, no key, texts that nobody stores."""
    sensible = {"item_code": "PUMP", "location_barcode": "A1", "reason_code": "TEST"}

    with pytest.raises(ValidationError):
        StockCorrection.model_validate({**sensible, **fields})


def test_a_note_of_4000_bytes_fits_and_one_more_does_not(warehouse: Warehouse) -> None:
    """Oracle's VARCHAR2(4000) counts bytes: two thousand letters of two bytes are its limit."""
    found = warehouse.correct("PUMP", "A1", adjustment_qty=1, note="ü" * 2_000)

    assert found.on_hand == 1
    assert warehouse.rows("stock_movement")[0]["note"] == "ü" * 2_000
    with pytest.raises(ValidationError, match=r"4,001 bytes; Oracle's VARCHAR2 holds 4,000"):
        warehouse.correct("PUMP", "A1", adjustment_qty=1, note="ü" * 2_000 + "x")


@pytest.mark.parametrize("name", ["'; DROP TABLE inventory; --", '" OR 1=1 --', "%(x)s :y ? \\", "naïve 漢字 🚚"])
def test_sql_in_a_name_is_a_name(warehouse: Warehouse, name: str) -> None:
    """Whatever looks like SQL or a placeholder is looked for, or kept, as it was given."""
    with pytest.raises(NotFoundError) as caught:
        warehouse.correct(name, "A1", adjustment_qty=1)
    assert repr(name) in caught.value.reason
    warehouse.correct("PUMP", "A1", adjustment_qty=1, batch_nbr=name, note=name)
    assert warehouse.stock(batch_nbr=name)[0].batch_nbr == name
    assert warehouse.rows("stock_movement")[0]["note"] == name


def test_a_batch_that_looks_like_a_key_is_a_batch(warehouse: Warehouse) -> None:
    """Batches called like the marks of stock without one are batches of their own."""
    warehouse.put("PUMP", "A1", 1)
    warehouse.put("PUMP", "A1", 1, expiry=FUTURE)
    for batch in ("-", f"-{FUTURE}", "=", "=-", f"=-{FUTURE}"):
        warehouse.put("PUMP", "A1", 1, batch=batch)

    assert len(warehouse.stock(location_barcode="A1")) == 7
