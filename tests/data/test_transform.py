"""Transforms: each rule right, every row accounted for, the same input gives the same bytes."""

from __future__ import annotations

import itertools
import random
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.transform import TransformRequest, transform
from flext_pipelines.errors import NotFoundError, TransformFailedError, UsageError
from tests.data.samples import put, rows_of
from tests.data.transforms import CUSTOMERS, ORDERS, RULES, apply, result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Keep = Callable[[str, pa.Table], DataReference]


def test_rename_changes_names_only(landing: LandingZone, keep: Keep) -> None:
    """Values, types and order stay; names may be exchanged."""
    rule = {"kind": "column_rename", "columns": {"id": "customer", "customer": "id"}}

    rows = result(landing, keep("orders", ORDERS), rule)

    assert list(rows[0]) == ["customer", "id", "kind", "amount"]
    assert [row["customer"] for row in rows] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("values", "kind", "converted"),
    [
        (["1", " 2 ", "3.0"], "BIGINT", [1, 2, 3]),
        (["1.5", "x", "1e2", ""], "INTEGER", []),
        (["1.10", "2.100", ".5"], "DECIMAL(10,2)", [Decimal("1.10"), Decimal("2.10"), Decimal("0.50")]),
        (["1.234", "99999999999"], "DECIMAL(10,2)", []),
        ([1.0, 2.0], "INTEGER", [1, 2]),
        ([1.5], "INTEGER", []),
        ([2**40], "INTEGER", []),
        ([300], "TINYINT", []),
        (["2026-02-30", "soon"], "DATE", []),
        ([1, 2], "VARCHAR", ["1", "2"]),
        (["true", "no"], "BOOLEAN", [True, False]),
    ],
)
def test_types_change_without_loss_or_not_at_all(
    landing: LandingZone, keep: Keep, values: list[Any], kind: str, converted: list[Any]
) -> None:
    """A value becomes exactly the same value of the other type, or its row is set apart; null stays null."""
    reference = keep("data", pa.table({"v": [*values, None]}))

    made = apply(
        landing,
        reference,
        {"kind": "data_type", "columns": {"v": kind}},
        error_handling="quarantine",
        max_error_percentage=100,
    )

    assert [row["v"] for row in rows_of(landing, made.reference)] == [*converted, None]
    assert made.quarantined == len(values) - len(converted)


def test_dates_are_read_by_a_format(landing: LandingZone, keep: Keep) -> None:
    """Texts of dates follow the format that is given."""
    rule = {"kind": "data_type", "columns": {"v": "DATE"}, "format": "%d.%m.%Y"}

    rows = result(landing, keep("data", pa.table({"v": ["24.12.2026"]})), rule)

    assert str(rows[0]["v"]) == "2026-12-24"


def test_calculations_add_and_replace(landing: LandingZone, keep: Keep) -> None:
    """A calculation sees the columns as the rules before it left them."""
    rows = result(
        landing,
        keep("orders", ORDERS),
        {"kind": "calculation", "column": "amount", "expression": "amount * 2"},
        {"kind": "calculation", "column": "label", "expression": "coalesce(kind, '?') || id || ':' || amount"},
    )

    assert rows[0] == {"id": 1, "customer": 10, "kind": "a", "amount": 3.0, "label": "a1:3.0"}
    assert rows[2]["label"] is None


def test_filters_count_what_they_leave_out(landing: LandingZone, keep: Keep) -> None:
    """False and null rows are left out and counted for the rule."""
    made = apply(
        landing,
        keep("orders", ORDERS),
        {"kind": "filter", "condition": "kind = 'a'"},
        {"kind": "filter", "condition": "amount > 2"},
    )

    assert [row["id"] for row in rows_of(landing, made.reference)] == [4, 6]
    assert [(step.rows_in, step.rows_out, step.filtered) for step in made.steps] == [(6, 3, 3), (3, 2, 1)]


def test_a_division_by_zero_is_an_error_of_its_row(landing: LandingZone, keep: Keep) -> None:
    """A row that cannot be calculated goes to quarantine as it came in, with rule and reason; the others go on."""
    reference = keep("data", pa.table({"a": [1, 2, 3], "b": [1, 0, 2]}))

    made = apply(
        landing,
        reference,
        {"kind": "column_rename", "columns": {"a": "x"}},
        {"kind": "calculation", "column": "q", "expression": "x / b"},
        error_handling="quarantine",
        max_error_percentage=50,
    )

    assert made.quarantine is not None
    kept = rows_of(landing, made.quarantine)
    assert kept == [{"a": 2, "b": 0, "_rule": 2, "_reason": "cannot be calculated: x / b"}]
    assert (made.rows_in, made.rows_out, made.quarantined, made.skipped) == (3, 2, 1, 0)


@pytest.mark.parametrize(("policy", "most"), [("fail", 100.0), ("skip", 20.0), ("quarantine", 20.0)])
def test_too_many_errors_fail_and_leave_nothing(landing: LandingZone, keep: Keep, policy: str, most: float) -> None:
    """Under `fail`, or beyond the percentage, there is no new version; the error names rule, count and a row."""
    reference = keep("data", pa.table({"a": ["1", "x", "3"]}))

    with pytest.raises(
        TransformFailedError, match=r"rule 1 \(data_type\): 1 rows; first rule 1: column a: x"
    ) as failed:
        apply(
            landing,
            reference,
            {"kind": "data_type", "columns": {"a": "INTEGER"}},
            error_handling=policy,
            max_error_percentage=most,
        )

    assert (failed.value.details["rule"], failed.value.details["errors"]) == (1, 1)
    assert landing.datasets() == ("data",)


def test_skipped_rows_are_counted_with_samples(landing: LandingZone, keep: Keep) -> None:
    """Under `skip` rows with errors are left out, counted, and the first reasons told."""
    made = apply(
        landing,
        keep("data", pa.table({"a": ["1", "x", "3"]})),
        {"kind": "data_type", "columns": {"a": "INTEGER"}},
        error_handling="skip",
        max_error_percentage=50,
    )

    assert (made.rows_out, made.skipped, made.quarantine) == (2, 1, None)
    assert made.samples == ("rule 1: column a: x cannot become INTEGER without loss",)


@settings(deadline=None, max_examples=20)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["1", "2", "x", "0", None]), st.integers(-2, 2)), max_size=15),
    policy=st.sampled_from(["skip", "quarantine"]),
)
def test_counts_always_add_up(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, int]], policy: str
) -> None:
    """Rows in are rows out, filtered, and errors: in all, and rule by rule."""
    landing = LandingZone(tmp_path_factory.mktemp("landing"))
    table = pa.table(
        {"a": pa.array([a for a, _ in rows], pa.string()), "b": pa.array([b for _, b in rows], pa.int64())}
    )

    made = apply(
        landing,
        put(landing, "data", table).reference,
        {"kind": "data_type", "columns": {"a": "INTEGER"}},
        {"kind": "filter", "condition": "b >= -1"},
        {"kind": "calculation", "column": "q", "expression": "a // b"},
        {"kind": "filter", "condition": "q IS NOT NULL"},
        error_handling=policy,
        max_error_percentage=100,
    )

    bad = sum(a == "x" or (a is not None and b == 0) for a, b in rows)
    assert made.errors == made.quarantined + made.skipped == bad
    assert made.rows_in == len(rows) == made.rows_out + made.filtered + made.errors
    for step, following in itertools.pairwise(made.steps):
        assert step.rows_in == step.rows_out + step.errors + step.filtered
        assert step.rows_out == following.rows_in
    if made.quarantine is not None:
        assert len(rows_of(landing, made.quarantine)) == bad


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "calculation", "column": "x", "expression": "nope + 1"},
        {"kind": "calculation", "column": "x", "expression": "id +"},
        {"kind": "calculation", "column": "x", "expression": "read_text('/etc/passwd')"},
        {"kind": "calculation", "column": "x", "expression": "sum(amount)"},
        {"kind": "calculation", "column": "_flext_x", "expression": "1"},
        {"kind": "filter", "condition": "now() > t"},
        {"kind": "column_rename", "columns": {"nope": "x"}},
        {"kind": "column_rename", "columns": {"id": "KIND"}},
        {"kind": "data_type", "columns": {"nope": "INTEGER"}},
        {"kind": "aggregation", "group_by": ["nope"], "aggregates": [{"function": "count"}]},
        {"kind": "aggregation", "aggregates": [{"function": "sum", "column": "kind"}]},
        {"kind": "aggregation", "aggregates": [{"function": "count"}, {"function": "count"}]},
        {"kind": "join", "right": "customers", "on": {"nope": "number"}},
        {"kind": "join", "right": "customers", "on": {"id": "nope"}},
        {"kind": "pivot", "index": ["id"], "column": "nope", "value": "amount"},
        {"kind": "unpivot", "columns": ["id", "kind"], "name_to": "amount"},
        {"kind": "sql", "query": "SELECT * FROM customers"},
        {"kind": "sql", "query": "DROP TABLE input"},
    ],
)
def test_a_wrong_rule_is_named_by_its_number(landing: LandingZone, keep: Keep, rule: dict[str, Any]) -> None:
    """The error says which rule is wrong, before or after others, and nothing is written."""
    keep("customers", CUSTOMERS)

    with pytest.raises(UsageError, match=rf"rule 2 \({rule['kind']}") as wrong:
        apply(landing, keep("orders", ORDERS), {"kind": "filter", "condition": "true"}, rule)

    assert wrong.value.details["rule"] == 2
    assert "out" not in landing.datasets()


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "data_type", "columns": {"id": "INTEGER); DROP TABLE x; --"}},
        {"kind": "sql", "query": "SELECT 1", "inputs": {'a"; DROP': "customers"}},
        {"kind": "aggregation", "aggregates": [{"function": "read_text", "column": "id"}]},
        {"kind": "aggregation", "aggregates": [{"function": "sum"}]},
        {"kind": "python", "function": "os.system('x')"},
        {"kind": "unknown"},
    ],
)
def test_rules_that_cannot_be_are_refused_as_messages(rule: dict[str, Any]) -> None:
    """Types, functions and names outside their lists do not validate."""
    with pytest.raises(ValidationError):
        RULES.validate_python([rule])


@pytest.mark.parametrize("name", ['a"; DROP TABLE source; --', "a'b", "$1", "select", "ü ä", "_rule"])
def test_odd_names_are_only_names(landing: LandingZone, keep: Keep, name: str) -> None:
    """A column may be called anything in every rule."""
    reference = keep("data", pa.table({name: ["p", "q"], "v": [1, 2]}))

    rows = result(
        landing,
        reference,
        {"kind": "column_rename", "columns": {"v": f"{name}2"}},
        {"kind": "data_type", "columns": {f"{name}2": "VARCHAR"}},
        {"kind": "unpivot", "columns": [name, f"{name}2"], "name_to": "n", "value_to": "v"},
        {"kind": "aggregation", "group_by": ["n"], "aggregates": [{"function": "count"}]},
    )

    assert rows == [{"n": one, "count": 2} for one in sorted([name, f"{name}2"])]


def test_the_same_input_gives_the_same_bytes_whatever_the_workers(landing: LandingZone) -> None:
    """Sums of floats, joins and filters over half a million rows give one checksum with one and four threads."""
    dice = random.Random(1)
    count = 400_000
    table = pa.table(
        {
            "id": range(count),
            "g": [dice.randrange(50) for _ in range(count)],
            "v": [dice.random() for _ in range(count)],
        }
    )
    reference = put(landing, "data", table).reference
    put(landing, "groups", pa.table({"g": [*range(50), 3], "name": [f"n{n}" for n in range(51)]}))
    row_rules = (
        {"kind": "calculation", "column": "w", "expression": "v * 2"},
        {"kind": "filter", "condition": "w < 1"},
    )
    join = {"kind": "join", "right": "groups", "on": {"g": "g"}}
    totals = {"kind": "aggregation", "group_by": ["name"], "aggregates": [{"function": "sum", "column": "w"}]}

    for rules in (row_rules, (*row_rules, join), (*row_rules, join, totals)):
        checksums = {apply(landing, reference, *rules, max_workers=workers).checksum for workers in (1, 4)}
        assert len(checksums) == 1


def test_the_same_key_gives_the_first_answer(landing: LandingZone, keep: Keep) -> None:
    """Asked again under one key, the first version is the answer, counts included."""
    reference = keep("data", pa.table({"a": ["1", "x"]}))
    rule = {"kind": "data_type", "columns": {"a": "INTEGER"}}
    fields = {"error_handling": "quarantine", "max_error_percentage": 100, "idempotency_key": "k", "fingerprint": "f"}

    first = apply(landing, reference, rule, **fields)
    again = apply(landing, reference, rule, **fields)

    assert again == first.model_copy(update={"already_done": True})
    assert len(landing.versions("out")) == len(landing.versions("out.quarantine")) == 1


def test_a_source_that_is_missing_is_named(landing: LandingZone) -> None:
    """Neither the source nor data that a rule reads may be missing."""
    with pytest.raises(NotFoundError, match="nothing"):
        apply(landing, DataReference(dataset="nothing"))


class _CountedTables:
    """A warehouse of one table that counts how often it is read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    @contextmanager
    def rows(self, table: str) -> Iterator[pa.RecordBatchReader]:
        """Three rows."""
        self.read.append(table)
        yield pa.table({"id": [1, 2, 3]}).to_reader()


def test_a_table_that_is_named_twice_is_copied_once(landing: LandingZone) -> None:
    """As the source and as an input of a query, which is how a SQL file reads its first dependency."""
    tables = _CountedTables()
    rule = {"kind": "sql", "query": "SELECT count(*) AS n FROM orders", "inputs": {"orders": "table:shop.orders"}}
    request = TransformRequest(DataReference(table="shop.orders"), "counted", RULES.validate_python([rule]))

    made = transform(landing, tables, request)

    assert rows_of(landing, made.reference) == [{"n": 3}]
    assert tables.read == ["shop.orders"]
