"""Facts about which orders are found, in which order, and by which pages."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from flext_pipelines.errors import CursorRefusedError, NotFoundError
from flext_pipelines.wms.requests import OrderFilter
from flext_pipelines.wms.status import Labels
from tests.wms.warehouse import NOW

if TYPE_CHECKING:
    from tests.wms.warehouse import Warehouse


@pytest.fixture
def ordered(warehouse: Warehouse) -> Warehouse:
    """Twelve orders: numbers SO01 to SO12, two a day, statuses and facilities in turn."""
    warehouse.insert(
        "order_hdr",
        [
            {
                "id": 100 - number, "facility_id": number % 2 + 1, "company_id": 1, "order_nbr": f"SO{number:02d}",
                "order_type": "STANDARD", "status_id": (0, 20, 90)[number % 3], "priority": 1,
                "ord_date": NOW + dt.timedelta(days=number // 2), "cust_name": "Ann" if number < 4 else "Bob",
                "mod_ts": NOW - dt.timedelta(hours=number),
            }
            for number in range(1, 13)
        ],
    )  # fmt: skip
    return warehouse


def test_the_latest_come_first(ordered: Warehouse) -> None:
    """By default orders are sorted by their date, the last first; equal dates by id."""
    assert ordered.orders(limit=4) == ["SO12", "SO10", "SO11", "SO08"]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"order_nbr": "SO03"}, ["SO03"]),
        ({"order_nbr": "SO1*"}, ["SO10", "SO11", "SO12"]),
        ({"order_nbr": "SO0%"}, []),
        ({"order_nbr": "'; DROP TABLE order_hdr; --*"}, []),
        ({"status_ids": (90,)}, ["SO02", "SO05", "SO08", "SO11"]),
        ({"status_ids": (90, 0, 90)}, ["SO02", "SO03", "SO05", "SO06", "SO08", "SO09", "SO11", "SO12"]),
        ({"status_ids": (90, 0), "facility_code": "DC01"}, ["SO02", "SO06", "SO08", "SO12"]),
        ({"customer": "Ann"}, ["SO01", "SO02", "SO03"]),
        ({"customer": "Ann", "facility_code": "DC02"}, ["SO01", "SO03"]),
        ({"ordered_from": (NOW + dt.timedelta(days=5)).date()}, ["SO10", "SO11", "SO12"]),
        ({"ordered_to": NOW.date()}, ["SO01"]),
        ({"order_nbr": "SO1*", "ordered_from": dt.date.min, "ordered_to": dt.date.max}, ["SO10", "SO11", "SO12"]),
        ({"changed_since": NOW - dt.timedelta(hours=2)}, ["SO01", "SO02"]),
        ({"changed_since": (NOW - dt.timedelta(hours=2)).replace(tzinfo=dt.UTC)}, ["SO01", "SO02"]),
        ({"status_ids": (5,)}, []),
    ],
    ids=lambda given: ",".join(given) if isinstance(given, dict) else "",
)
def test_filters_find_what_they_name(ordered: Warehouse, filters: dict[str, object], found: list[str]) -> None:
    """Each alone and together, by number upwards."""
    assert ordered.orders(sort="order_nbr", **filters) == found


@pytest.mark.parametrize("sort", ["ord_date", "-ord_date", "mod_ts", "-mod_ts", "order_nbr", "-order_nbr"])
@pytest.mark.parametrize("filters", [{}, {"status_ids": (0, 20, 90)}, {"facility_code": "DC01"}, {"customer": "Bob"}])
def test_pages_are_the_whole(ordered: Warehouse, sort: str, filters: dict[str, object]) -> None:
    """Page after page of two gives what one large page gives, each order once, in order."""
    numbers: list[str] = []
    cursor: str | None = None
    for _ in range(20):
        question = OrderFilter.model_validate({"sort": sort, "limit": 2, "cursor": cursor, **filters})
        page = ordered.backend.orders(question)
        numbers += [row.order_nbr for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert numbers == ordered.orders(sort=sort, **filters)
    assert len(numbers) == len(set(numbers)) > 4


def test_a_cursor_of_another_order_is_refused(ordered: Warehouse) -> None:
    """A place in one order of rows is none in another."""
    cursor = ordered.backend.orders(OrderFilter(limit=2)).next_cursor

    with pytest.raises(CursorRefusedError):
        ordered.backend.orders(OrderFilter(limit=2, cursor=cursor, sort="ord_date"))


def test_an_unknown_facility_is_told(ordered: Warehouse) -> None:
    """It is a mistake, not an empty page."""
    with pytest.raises(NotFoundError, match="no facility 'DC99'"):
        ordered.orders(facility_code="DC99")


def test_statuses_are_called_as_the_site_calls_them() -> None:
    """Words come from the settings; an id without one is shown as it is."""
    labels = Labels({"order": {20: "released"}})

    assert [labels.of("order", number) for number in (0, 20, 55)] == ["created", "released", "status 55"]


@pytest.mark.parametrize("fields", [{"limit": 0}, {"limit": 1251}, {"sort": "cust_name"}, {"status_ids": range(9)}])
def test_what_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    """Pages have a size, sorting has an index, statuses have a limit."""
    with pytest.raises(ValidationError):
        OrderFilter.model_validate(fields)
