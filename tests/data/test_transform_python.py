"""Steps in Python: exact types, batches or everything, and failures by name."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.errors import FlextError, TransformFailedError, UsageError
from tests.data.samples import rows_of
from tests.data.transforms import ORDERS, apply, result

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str, pa.Table], DataReference]


def test_a_python_step_keeps_exact_types(landing: LandingZone, keep: Keep) -> None:
    """Integers with nulls, decimals and texts come out of pandas as they went in."""
    table = pa.table(
        {
            "id": [1, 2],
            "n": pa.array([None, 2**60], pa.int64()),
            "d": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
        }
    )

    made = apply(
        landing,
        keep("data", table),
        {"kind": "python", "function": "tests.data.hooks:doubled", "arguments": {"by": 3}},
    )

    assert rows_of(landing, made.reference) == [
        {"id": 1, "n": None, "d": Decimal("1.10"), "doubled": 3},
        {"id": 2, "n": 2**60, "d": None, "doubled": 6},
    ]
    assert made.columns["n"] == "int64"


@pytest.mark.parametrize(("per", "sizes"), [("batch", {4, 2}), ("whole", {6})])
def test_a_python_step_sees_a_batch_or_everything(landing: LandingZone, keep: Keep, per: str, sizes: set[int]) -> None:
    """chunk_size bounds the rows of a call, unless the function wants all."""
    rule = {"kind": "python", "function": "tests.data.hooks:size", "per": per}

    rows = result(landing, keep("orders", ORDERS), rule, chunk_size=4)

    assert {row["called_with"] for row in rows} == sizes
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("function", "kind", "reason"),
    [
        ("tests.data.hooks:failing", TransformFailedError, "raised ValueError: cannot treat 4 rows"),
        ("tests.data.hooks:not_a_frame", TransformFailedError, "gave int, not a DataFrame"),
        ("tests.data.hooks:changing", TransformFailedError, "does not fit"),
        ("tests.data.hooks:absent", UsageError, "has no function 'absent'"),
        ("tests.data.absent:x", UsageError, "cannot be imported"),
    ],
)
def test_a_python_step_that_fails_is_named(
    landing: LandingZone, keep: Keep, function: str, kind: type[FlextError], reason: str
) -> None:
    """Whatever goes wrong in a function of the user, the error names the function and the rule."""
    with pytest.raises(kind, match=reason) as failed:
        apply(landing, keep("orders", ORDERS), {"kind": "python", "function": function}, chunk_size=4)

    assert failed.value.details["rule"] == 1
