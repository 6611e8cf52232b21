"""The databases that are loaded, and what they hold.

What belongs here: what tests of loads share. What does not: fixtures (``conftest``).
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pyarrow as pa
import pytest

from flext_pipelines.data.warehouse.connect import connect

DATABASES = [
    pytest.param("duckdb", id="duckdb"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres),
]


def held(url: str, sql: str = "SELECT * FROM orders ORDER BY 1, 2") -> list[tuple[Any, ...]]:
    """What the database holds."""
    with closing(connect(url)) as target:
        return target.fetch(sql)


FIRST = pa.table({"id": [1, 2, 3], "name": ["a", None, ""]})

SECOND = pa.table({"id": [2, 3, 4], "name": ["b", "", "d"]})
