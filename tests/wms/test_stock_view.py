"""Facts about what stock is shown, and by which pages."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.errors import CursorRefusedError, NotFoundError
from flext_pipelines.wms.requests import StockFilter
from tests.wms.warehouse import TODAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.wms.warehouse import Warehouse

FUTURE = TODAY + dt.timedelta(days=30)


@pytest.fixture
def stocked(warehouse: Warehouse) -> Warehouse:
    """Pumps in three places of two facilities, milk in two lots of one place."""
    warehouse.put("PUMP", "A1", 10)
    warehouse.put("PUMP", "A2", 5)
    warehouse.put("PUMP", "B1", 1)
    warehouse.put("MILK", "A1", 2, batch="M1", expiry=FUTURE)
    warehouse.put("MILK", "A1", 3, batch="M2", expiry=TODAY - dt.timedelta(days=1))
    return warehouse


def test_stock_is_added_up_as_finely_as_asked(stocked: Warehouse) -> None:
    """By lot, by location, by item; what expired is on hand and not available."""
    by_lot = [(r.item_code, r.location_barcode, r.batch_nbr, r.on_hand, r.available) for r in stocked.stock()]
    by_location = [(r.item_code, r.location_barcode, r.on_hand, r.available) for r in stocked.stock(by="location")]
    by_item = [(r.item_code, r.facility_code, r.on_hand, r.available) for r in stocked.stock(by="item")]

    assert by_lot == [
        ("PUMP", "A1", None, 10, 10),
        ("PUMP", "A2", None, 5, 5),
        ("PUMP", "B1", None, 1, 1),
        ("MILK", "A1", "M1", 2, 2),
        ("MILK", "A1", "M2", 3, 0),
    ]
    assert by_location == [("PUMP", "A1", 10, 10), ("PUMP", "A2", 5, 5), ("PUMP", "B1", 1, 1), ("MILK", "A1", 5, 2)]
    assert by_item == [("PUMP", None, 16, 16), ("MILK", None, 5, 2)]


@pytest.mark.parametrize("by", ["lot", "location", "item"])
@pytest.mark.parametrize(
    ("filters", "total"),
    [
        ({"facility_code": "DC02"}, 1),
        ({"item_code": "PUMP"}, 16),
        ({"location_barcode": "A1"}, 15),
        ({"batch_nbr": "M2"}, 3),
        ({"item_code": "PUMP", "facility_code": "DC01"}, 15),
        ({"item_code": "PUMP", "location_barcode": "A1", "facility_code": "DC01"}, 10),
        ({"item_code": "MILK", "batch_nbr": "M1"}, 2),
        ({"item_code": "VALVE"}, 0),
        ({"batch_nbr": "NOSUCH"}, 0),
    ],
    ids=lambda given: ",".join(given) if isinstance(given, dict) else "",
)
def test_filters_go_together(stocked: Warehouse, by: str, filters: dict[str, str], total: int) -> None:
    """Any of them, in any fineness, counts just what it names."""
    assert sum(row.on_hand for row in stocked.stock(by=by, **filters)) == total


@pytest.mark.parametrize("by", ["lot", "location", "item"])
def test_pages_are_the_whole(stocked: Warehouse, by: str) -> None:
    """Page after page of one row gives what one large page gives, each row once."""
    rows: list[object] = []
    cursor = None
    while True:
        page = stocked.backend.inventory(StockFilter.model_validate({"by": by, "limit": 1, "cursor": cursor}))
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break

    assert tuple(rows) == stocked.stock(by=by)


def test_a_page_goes_on_where_it_was_whatever_happens_before_it(stocked: Warehouse) -> None:
    """Rows that are added or changed before the cursor move nothing behind it."""
    first = stocked.backend.inventory(StockFilter(limit=2))
    stocked.put("PUMP", "A1", 7, batch="NEW")

    second = stocked.backend.inventory(StockFilter(limit=2, cursor=first.next_cursor))

    assert [row.location_barcode for row in second.rows] == ["B1", "A1"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda cursor: cursor[:-1],
        lambda cursor: cursor + "A",
        lambda cursor: ("B" if cursor[0] == "A" else "A") + cursor[1:],
        lambda cursor: cursor[:-4] + ("BBBB" if cursor[-4:] != "BBBB" else "CCCC"),
        lambda _: "nonsense",
        lambda _: "not base64 at all!",
        lambda _: "ü",
        lambda _: "A",
    ],
)
def test_a_changed_cursor_is_refused(stocked: Warehouse, spoil: Callable[[str], str]) -> None:
    """Cut off, prolonged, altered or made up: none of them is taken for a place."""
    cursor = stocked.backend.inventory(StockFilter(limit=1)).next_cursor
    assert cursor is not None

    with pytest.raises(CursorRefusedError, match="not one of ours"):
        stocked.backend.inventory(StockFilter(limit=1, cursor=spoil(cursor)))


def test_a_cursor_belongs_to_its_question(stocked: Warehouse) -> None:
    """With other filters it is refused; another page size is fine."""
    page = stocked.backend.inventory(StockFilter(limit=1))

    with pytest.raises(CursorRefusedError):
        stocked.backend.inventory(StockFilter(limit=1, cursor=page.next_cursor, item_code="PUMP"))
    assert len(stocked.backend.inventory(StockFilter(limit=3, cursor=page.next_cursor)).rows) == 3


def test_unknown_names_are_told(stocked: Warehouse) -> None:
    """A filter by something that is not there is a mistake, not an empty page."""
    for field, what in {"item_code": "item", "facility_code": "facility", "location_barcode": "location"}.items():
        with pytest.raises(NotFoundError, match=f"no {what} '; DROP TABLE inventory'"):
            stocked.stock(**{field: "; DROP TABLE inventory"})


def test_quantities_keep_their_places(stocked: Warehouse) -> None:
    """A thousandth is a thousandth on every database, also where many are added up."""
    for _ in range(7):
        stocked.correct("VALVE", "A1", adjustment_qty=Decimal("0.1"))
    stocked.correct("VALVE", "A2", adjustment_qty=Decimal("0.201"))

    (row,) = stocked.stock(item_code="VALVE", by="item")

    assert (str(row.on_hand), str(row.available)) == ("0.901", "0.901")
