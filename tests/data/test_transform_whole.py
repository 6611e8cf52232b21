"""Rules over the whole set: aggregation, joins, pivots and SQL, judged by pandas."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.errors import TransformFailedError
from tests.data.transforms import CUSTOMERS, ORDERS, apply, result, same

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str, pa.Table], DataReference]


def test_aggregation_is_over_the_whole_set(landing: LandingZone) -> None:
    """Groups that are spread over several parts are aggregated once, as pandas does it on everything."""
    dice = random.Random(7)
    rows = [{"g": dice.choice("abc"), "v": dice.randint(-9, 9), "w": dice.random()} for _ in range(3000)]
    with landing.writer("data") as writer:
        for start in range(0, 3000, 1000):
            writer.append(pa.RecordBatch.from_pylist(rows[start : start + 1000]))
            writer.parts._end_part()
        from flext_pipelines.data.dataset import Draft

        reference = writer.commit(Draft(mode="full")).reference
    aggregates = [
        {"function": name, "column": "v", "as": name}
        for name in ("sum", "avg", "min", "max", "count", "count_distinct", "median", "stddev", "first", "last")
    ]

    made = result(landing, reference, {"kind": "aggregation", "group_by": ["g"], "aggregates": aggregates})

    grouped = pd.DataFrame(rows).groupby("g")["v"]
    wanted = grouped.agg(["sum", "mean", "min", "max", "count", "nunique", "median", "std", "first", "last"])
    assert [row["g"] for row in made] == ["a", "b", "c"]
    for row, expected in zip(made, wanted.itertuples(index=False), strict=True):
        assert [float(value) for name, value in row.items() if name != "g"] == pytest.approx(list(expected))


@pytest.mark.parametrize("how", ["inner", "left", "right", "full"])
def test_joins_agree_with_pandas(landing: LandingZone, keep: Keep, how: Any) -> None:
    """Every kind of join gives the rows that pandas gives, nulls never equal."""
    keep("customers", CUSTOMERS)
    rule = {"kind": "join", "right": "customers", "on": {"customer": "number"}, "how": how}

    rows = result(landing, keep("orders", ORDERS), rule)

    # pandas takes two missing keys for equal, SQL does not; only the left side has one.
    right = CUSTOMERS.to_pandas().rename(columns={"number": "customer", "kind": "kind_right"})
    wanted = ORDERS.to_pandas().merge(right, on="customer", how="outer" if how == "full" else how)
    assert same(rows, wanted)


@pytest.mark.parametrize(("how", "ids"), [("semi", [1, 2, 3, 6]), ("anti", [4, 5])])
def test_semi_and_anti_joins_choose_rows(landing: LandingZone, keep: Keep, how: str, ids: list[int]) -> None:
    """Rows that have, or have not, a partner; never repeated, in their order."""
    keep("customers", CUSTOMERS)

    rows = result(
        landing,
        keep("orders", ORDERS),
        {"kind": "join", "right": "customers", "on": {"customer": "number"}, "how": how},
    )

    assert [row["id"] for row in rows] == ids


def test_a_join_that_would_repeat_rows_can_be_forbidden(landing: LandingZone, keep: Keep) -> None:
    """unique_right names the keys that stand twice."""
    keep("customers", CUSTOMERS)
    rule = {"kind": "join", "right": "customers", "on": {"customer": "number"}, "unique_right": True}

    with pytest.raises(TransformFailedError, match="20"):
        apply(landing, keep("orders", ORDERS), rule)


@pytest.mark.parametrize("function", ["sum", "avg", "min", "max", "count"])
def test_pivot_agrees_with_pandas(landing: LandingZone, keep: Keep, function: str) -> None:
    """Values become columns, a missing value a column called null; cells as pandas fills them."""
    rule = {"kind": "pivot", "index": ["customer"], "column": "kind", "value": "amount", "function": function}

    rows = result(landing, keep("orders", ORDERS), rule)

    name = {"avg": "mean"}.get(function, function)
    frame = ORDERS.to_pandas().assign(kind=lambda f: f["kind"].fillna("null"))
    wanted = frame.groupby(["customer", "kind"], dropna=False)["amount"].agg(name).unstack().reset_index()
    if function == "count":
        wanted = wanted.fillna({"a": 0, "b": 0, "null": 0})
    if function == "sum":  # an empty cell of pandas is 0 where all values are missing
        rows = [
            {k: (0.0 if v is None and row["customer"] == 10 and k == "b" else v) for k, v in row.items()}
            for row in rows
        ]
    assert same(rows, wanted)
    assert [row["customer"] for row in rows] == [10, 20, 30, None]


def test_unpivot_agrees_with_pandas(landing: LandingZone, keep: Keep) -> None:
    """Columns become rows; without nulls only when asked."""
    table = pa.table({"id": [1, 2], "a": [1.0, None], "b": [3.0, 4.0]})
    rule = {"kind": "unpivot", "columns": ["a", "b"], "name_to": "n", "value_to": "v"}

    rows = result(landing, keep("data", table), rule)
    without = result(landing, keep("data", table), {**rule, "include_nulls": False})

    assert same(rows, table.to_pandas().melt(id_vars="id", var_name="n", value_name="v"))
    assert [(row["id"], row["n"]) for row in rows] == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]
    assert len(without) == 3


def test_pivot_and_unpivot_are_inverse(landing: LandingZone, keep: Keep) -> None:
    """What was unpivoted is there again after pivoting."""
    table = pa.table({"id": [1, 2], "a": [1.0, 2.0], "b": [3.0, 4.0]})

    rows = result(
        landing,
        keep("data", table),
        {"kind": "unpivot", "columns": ["a", "b"]},
        {"kind": "pivot", "index": ["id"], "column": "name", "value": "value"},
    )

    assert rows == table.to_pylist()


def test_sql_reads_the_rows_so_far_and_other_data(landing: LandingZone, keep: Keep) -> None:
    """A SELECT over `input` and named data; without an order of its own it is ordered by all columns."""
    keep("customers", CUSTOMERS)
    query = "SELECT c.name, sum(i.amount) AS total FROM input i JOIN c ON i.customer = c.number GROUP BY c.name"

    rows = result(
        landing,
        keep("orders", ORDERS),
        {"kind": "filter", "condition": "id < 6"},
        {"kind": "sql", "query": query, "inputs": {"c": "customers"}},
    )

    assert rows == [
        {"name": "x", "total": 1.5},
        {"name": "y", "total": 2.5},
        {"name": "z", "total": 2.5},
    ]
