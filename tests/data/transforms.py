"""Short ways to transform, and the orders and customers that are transformed.

What belongs here: what tests of several kinds of rules share. What does not: expectations.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
from pydantic import TypeAdapter

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.rules import Rule
from flext_pipelines.data.transform import Transformation, TransformRequest, transform
from tests.data.samples import rows_of

RULES: TypeAdapter[tuple[Rule, ...]] = TypeAdapter(tuple[Rule, ...])


def apply(landing: LandingZone, reference: DataReference, *rules: dict[str, Any], **fields: Any) -> Transformation:
    """Apply rules."""
    request = TransformRequest(source=reference, output="out", rules=RULES.validate_python(rules), **fields)
    return transform(landing, None, request)


def result(
    landing: LandingZone, reference: DataReference, *rules: dict[str, Any], **fields: Any
) -> list[dict[str, Any]]:
    """The rows that rules make."""
    return rows_of(landing, apply(landing, reference, *rules, **fields).reference)


ORDERS = pa.table(
    {
        "id": [1, 2, 3, 4, 5, 6],
        "customer": [10, 20, 10, None, 30, 20],
        "kind": ["a", "b", "b", "a", None, "a"],
        "amount": [1.5, 2.5, None, 4.0, 5.25, 6.0],
    }
)

CUSTOMERS = pa.table({"number": [10, 20, 20, 40], "name": ["x", "y", "z", "w"], "kind": ["k", "l", "m", "n"]})


def same(rows: list[dict[str, Any]], frame: pd.DataFrame) -> bool:
    """Whether rows are those of a data frame, in any order, with None for what is missing."""
    key = repr
    expected = [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]
    found = [{name: float(v) if isinstance(v, (int, float)) else v for name, v in row.items()} for row in rows]
    wanted = [{name: float(v) if isinstance(v, (int, float)) else v for name, v in row.items()} for row in expected]
    return sorted(found, key=key) == sorted(wanted, key=key)
