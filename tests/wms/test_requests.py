"""Facts about what is refused before any database is asked."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flext_pipelines.wms.requests import OrderFilter, OutcomeAsked, ShipmentLine, StockCorrection

if TYPE_CHECKING:
    from flext_pipelines.values import Value

FOUND = {"item_code": "PUMP", "location_barcode": "A1", "adjustment_qty": 1, "reason_code": "FOUND"}


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        (OrderFilter, {"status_ids": [99999999999999999999]}, "less than or equal to 2147483647"),
        (OrderFilter, {"status_ids": [-1]}, "greater than or equal to 0"),
        (OrderFilter, {"changed_since": "0001-01-01T00:00:00+14:00"}, "outside the years 1 to 9999"),
        (OrderFilter, {"changed_since": "9999-12-31T23:59:59-14:00"}, "outside the years 1 to 9999"),
        (OrderFilter, {"changed_since": 1_767_225_600}, "YYYY-MM-DD"),
        (OrderFilter, {"ordered_from": "20260101"}, "YYYY-MM-DD"),
        (OrderFilter, {"ordered_to": "0"}, "YYYY-MM-DD"),
        (ShipmentLine, {"seq_nbr": 2**31}, "less than or equal to 2147483647"),
        (ShipmentLine, {"seq_nbr": 0}, "greater than or equal to 1"),
        (StockCorrection, {**FOUND, "expiry_date": "1798761600"}, "YYYY-MM-DD"),
        (StockCorrection, {**FOUND, "expiry_date": True}, "YYYY-MM-DD"),
        (StockCorrection, {**FOUND, "batch_nbr": "B\x1b[31m"}, "control character (U+001B at position 2)"),
        (StockCorrection, {**FOUND, "batch_nbr": "B\n1"}, "control character (U+000A at position 2)"),
        (StockCorrection, {**FOUND, "item_code": "PU\u2028MP"}, "control character (U+2028 at position 3)"),
        (StockCorrection, {**FOUND, "batch_nbr": "B\0"}, "no database stores"),
        (OutcomeAsked, {"key": "k\0"}, "no database stores"),
    ],
)
def test_what_no_backend_can_hold_is_refused(kind: type[Value], fields: dict[str, Any], says: str) -> None:
    """A number, time or text that a database or terminal would choke on is named before one sees it."""
    with pytest.raises(ValidationError) as caught:
        kind.model_validate(fields)

    assert says in str(caught.value)


@pytest.mark.parametrize("nothing", [None, ""])
@pytest.mark.parametrize(
    ("kind", "fields", "key"),
    [
        (StockCorrection, FOUND, "item_code"),
        (StockCorrection, FOUND, "location_barcode"),
        (StockCorrection, FOUND, "reason_code"),
        (OutcomeAsked, {"key": "k"}, "key"),
    ],
)
def test_a_key_that_is_null_or_empty_is_refused(
    kind: type[Value], fields: dict[str, Any], key: str, nothing: str | None
) -> None:
    """What names a row must be there, before any database is asked: for Oracle an empty text is NULL."""
    kind.model_validate(fields)

    with pytest.raises(ValidationError) as caught:
        kind.model_validate({**fields, key: nothing})

    assert key in str(caught.value)


@given(st.datetimes(timezones=st.timezones()))
def test_a_time_with_a_zone_is_that_time_in_utc(moment: dt.datetime) -> None:
    """Every moment is either turned into UTC, or refused because UTC has no such year."""
    try:
        expected = moment.astimezone(dt.UTC).replace(tzinfo=None)
    except OverflowError:
        with pytest.raises(ValidationError, match="outside the years"):
            OrderFilter(changed_since=moment)
        return

    assert OrderFilter(changed_since=moment).changed_since == expected


def test_a_note_may_have_several_lines() -> None:
    """What people write freely is not a code."""
    assert StockCorrection.model_validate({**FOUND, "note": "one\ntwo\tthree"}).note == "one\ntwo\tthree"
