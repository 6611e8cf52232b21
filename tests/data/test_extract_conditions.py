"""Conditions: the rows that meet them, and those that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from flext_pipelines.data.conditions import Condition, keep
from flext_pipelines.errors import UsageError
from tests.data.extracting import ARROW, ROWS, orders, run
from tests.data.samples import rows_of, schema

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone


@pytest.mark.parametrize(
    ("condition", "ids"),
    [
        ({"column": "id", "operator": "=", "value": 2}, [2]),
        ({"column": "id", "operator": "!=", "value": 2}, [1, 3]),
        ({"column": "id", "operator": "in", "values": (1, 3)}, [1, 3]),
        ({"column": "status", "operator": "not_in", "values": ("new",)}, [2]),
        ({"column": "status", "operator": "is_null"}, [3]),
        ({"column": "status", "operator": "is_not_null"}, [1, 2]),
        ({"column": "status", "operator": "starts_with", "value": "n"}, [1]),
        ({"column": "status", "operator": "contains", "value": "' OR 1=1 --"}, []),
        ({"column": "amount", "operator": ">=", "value": "1.10"}, [1, 2]),
        ({"column": "updated", "operator": ">", "value": "2026-01-01T12:00:00"}, [2]),
        ({"column": "updated", "operator": "<=", "value": "2026-01-01T00:00:00+00:00"}, [1]),
    ],
)
def test_conditions_keep_the_rows_that_meet_them(
    landing: LandingZone, condition: dict[str, Any], ids: list[int]
) -> None:
    """Each operator compares by the column's own type; a value is never a piece of a query."""
    found = run(landing, [schema(), *ROWS], conditions=(Condition.model_validate(condition),))

    assert [row["id"] for row in rows_of(landing, found.reference)] == ids
    assert found.filtered == 3 - len(ids)


@pytest.mark.parametrize(
    "condition",
    [
        {"column": "nope", "operator": "is_null"},
        {"column": "id", "operator": ">", "value": "1; DROP TABLE x"},
        {"column": "id", "operator": "contains", "value": "1"},
        {"column": "updated", "operator": ">", "value": "soon"},
    ],
)
def test_conditions_that_do_not_fit_are_refused(condition: dict[str, Any]) -> None:
    """A column that is not there, or a value of another kind, is a mistake of the caller."""
    rows = pa.RecordBatch.from_pylist(orders(1).to_pylist(), ARROW)

    with pytest.raises(UsageError):
        keep(rows, [Condition.model_validate(condition)])
