"""Validation: every check counted, failing rows kept with reasons, thresholds judged."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flext_pipelines.data.contract_file import parse_contract
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.validate import ValidateRequest, ValidationReport, validate
from flext_pipelines.errors import ConfigError, ContractBrokenError, NotFoundError
from tests.data.samples import put, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str, pa.Table], DataReference]

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def check(landing: LandingZone, reference: DataReference, contract: str, **fields: Any) -> ValidationReport:
    """The report, whether the contract is kept or broken."""
    wanted = {"as_of": NOW, "contract_name": "test", **fields}
    request = ValidateRequest(source=reference, contract=parse_contract(contract), **wanted)
    try:
        return validate(landing, None, request)
    except ContractBrokenError as broken:
        return ValidationReport.model_validate(broken.details["report"])


@pytest.mark.parametrize(
    ("contract", "values", "failing"),
    [
        ("required: true", ["a", None, None], 2),
        ("required: false", ["a", None, None], 0),
        ("type: integer", ["1", "-2", " 3 ", "1.5", "x", None], 2),
        ("type: integer", [1.0, 1.5, float("nan"), None], 2),
        ("type: integer", [1, 2, None], 0),
        ("type: decimal", ["1.50", "1e5", "x", None], 2),
        ("type: date", ["2026-01-01", "2026-02-30", "2026-01-01 10:00:00", None], 2),
        ("type: timestamp", ["2026-01-01T10:00:00Z", "soon"], 1),
        ("type: boolean", ["true", "f", "maybe"], 1),
        ("type: uuid", ["00000000-0000-0000-0000-000000000000", "x"], 1),
        ("type: date", [1, 2], 2),
        ("range: {min: 1, max: 3}", [0, 1, 3, 4, None], 2),
        ("range: {min: 1, exclusive_min: true, max: 3, exclusive_max: true}", [1, 2, 3], 2),
        ("range: {min: 0.5}", [0, 1], 1),
        ("range: {min: '2026-01-01'}", [date(2025, 12, 31), date(2026, 1, 1)], 1),
        ("{type: integer, range: {min: 10}}", ["9", "10", "100", "x"], 2),
        ("enum: [A, B]", ["A", "B", "C", None, "a"], 2),
        ("enum: [1, 2]", [1, 2, 3], 1),
        ("pattern: '[A-Z]+'", ["AB", "Ab", "", None], 2),
        ("length: {min: 2, max: 3}", ["a", "ab", "abc", "abcd", "üü", None], 2),
        ("unique: true", [1, 2, 2, None, None], 2),
        ("references: {dataset: customers, column: id}", [1, 2, 9, None], 1),
        ("references: {dataset: customers, column: id}", ["1", "9"], 1),
    ],
)
def test_each_check_counts_its_failing_rows(
    landing: LandingZone, keep: Keep, contract: str, values: list[Any], failing: int
) -> None:
    """A check counts exactly the rows that fail it; a null fails only `required`."""
    keep("customers", pa.table({"id": [1, 2]}))
    body = contract if contract.startswith("{") else f"{{{contract}}}"

    report = check(landing, keep("data", pa.table({"c": values})), f"columns: {{c: {body}}}")

    assert sum(one.failing for one in report.checks) == failing
    assert report.passed is (failing == 0)
    assert report.rows == len(values)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3) | st.none(), st.integers(0, 3) | st.none()), max_size=12))
def test_compound_uniqueness_agrees_with_counting(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int | None, int | None]]
) -> None:
    """A row fails when another has the same combination without nulls."""
    landing = LandingZone(tmp_path_factory.mktemp("landing"))
    table = pa.table({"a": pa.array([a for a, _ in rows], pa.int64()), "b": pa.array([b for _, b in rows], pa.int64())})

    report = check(landing, put(landing, "data", table).reference, "unique: [{columns: [a, b]}]")

    assert report.checks[0].failing == sum(None not in row and rows.count(row) > 1 for row in rows)


def test_failing_rows_are_kept_with_every_reason(landing: LandingZone, keep: Keep) -> None:
    """A row that fails several checks is kept once, with all its reasons; rows that pass are not kept."""
    reference = keep("orders", pa.table({"id": [1, None, 3], "code": ["A", "b", "C"]}))

    report = check(landing, reference, "columns: {id: {required: true}, code: {pattern: '[A-Z]'}}")

    assert report.failing is not None
    kept = rows_of(landing, report.failing)
    assert [(row["id"], row["code"]) for row in kept] == [(None, "b")]
    assert kept[0]["_reasons"] == ["id.required: id is null", "code.pattern: code does not match [A-Z]"]
    assert (report.failing_rows, report.failing_kept) == (1, 1)


def test_kept_rows_are_bounded_and_counted_in_full(landing: LandingZone, keep: Keep) -> None:
    """Beyond the bound failing rows are counted, not kept."""
    reference = keep("orders", pa.table({"id": pa.nulls(500, pa.int64())}))

    report = check(landing, reference, "columns: {id: {required: true}}", max_failing_rows=10)

    assert (report.failing_rows, report.failing_kept) == (500, 10)


@pytest.mark.parametrize(
    ("threshold", "passed"),
    [("{count: 1}", False), ("{count: 2}", True), ("{percent: 19.9}", False), ("{percent: 20}", True)],
)
def test_a_threshold_decides(landing: LandingZone, keep: Keep, threshold: str, passed: bool) -> None:
    """Two of ten rows fail: the contract holds exactly when the threshold allows two, or twenty percent."""
    reference = keep("orders", pa.table({"id": [None, None, *range(8)]}))

    report = check(landing, reference, f"columns: {{id: {{required: {{threshold: {threshold}}}}}}}")

    assert report.passed is passed


def test_a_warning_is_reported_and_breaks_only_when_strict(landing: LandingZone, keep: Keep) -> None:
    """A warning leaves the contract whole, unless warnings count."""
    reference = keep("orders", pa.table({"id": [None]}))
    contract = "columns: {id: {required: {severity: warning}}}"

    assert check(landing, reference, contract).passed
    assert not check(landing, reference, contract, strict=True).passed


def test_a_broken_contract_is_an_error_with_the_report(landing: LandingZone, keep: Keep) -> None:
    """The error names checks and counts, carries the report, and says where the rows lie."""
    request = ValidateRequest(
        source=keep("orders", pa.table({"id": [None]})),
        contract=parse_contract("columns: {id: {required: true}}"),
        contract_name="orders.yml",
    )

    with pytest.raises(ContractBrokenError, match=r"id\.required") as broken:
        validate(landing, None, request)

    assert str(broken.value.details["failing"]).startswith("orders.failing@")


@pytest.mark.parametrize(
    ("contract", "name", "passed"),
    [
        ("row_count: {min: 2}", "row_count", True),
        ("row_count: {min: 3}", "row_count", False),
        ("row_count: {max: 1}", "row_count", False),
        ("columns: {t: {freshness: 1d}}", "t.freshness", True),
        ("columns: {t: {freshness: 1h}}", "t.freshness", False),
        ("columns: {gone: {}}", "gone.present", False),
        ("columns: {t: {}}\nadditional_columns: refuse", "additional_columns", True),
        ("additional_columns: refuse", "additional_columns", False),
    ],
)
def test_checks_on_the_whole(landing: LandingZone, keep: Keep, contract: str, name: str, passed: bool) -> None:
    """Row count, freshness, missing and unknown columns are judged of the whole."""
    times = [NOW - timedelta(hours=2), NOW - timedelta(days=9)]
    report = check(landing, keep("orders", pa.table({"t": pa.array(times, pa.timestamp("us", "UTC"))})), contract)

    assert {one.name: one.passed for one in report.checks}[name] is passed


def test_no_rows_are_not_fresh(landing: LandingZone, keep: Keep) -> None:
    """Without a newest value nothing is fresh."""
    empty = pa.table({"t": pa.array([], pa.timestamp("us", "UTC"))})

    assert not check(landing, keep("orders", empty), "columns: {t: {freshness: 1d}}").passed


def test_an_optional_column_may_be_missing(landing: LandingZone, keep: Keep) -> None:
    """Checks of an optional column that is not there are left out."""
    report = check(landing, keep("orders", pa.table({"a": [1]})), "columns: {b: {optional: true, required: true}}")

    assert report.passed
    assert report.checks == ()


def test_expressions_fail_on_false_and_on_errors(landing: LandingZone, keep: Keep) -> None:
    """False fails, null does not, and an expression that cannot be computed for a row fails for that row."""
    reference = keep("orders", pa.table({"a": ["5", "-5", None, "x"]}))

    report = check(landing, reference, "expressions: [{sql: 'CAST(a AS INTEGER) > 0', name: positive}]")

    assert [(one.name, one.failing) for one in report.checks] == [("positive", 2)]


def test_compound_foreign_keys(landing: LandingZone, keep: Keep) -> None:
    """A combination without nulls must exist in the other dataset."""
    keep("lines", pa.table({"o": [1, 1], "n": [1, 2]}))
    reference = keep("picks", pa.table({"o": [1, 1, 2, None], "n": [2, 3, 1, 1]}))

    contract = "foreign_keys: [{columns: [o, n], dataset: lines, references: [o, n]}]"
    report = check(landing, reference, contract)

    assert report.checks[0].failing == 2


@pytest.mark.parametrize(
    "contract",
    [
        "columns: {c: {range: {min: abc}}}",
        "columns: {c: {pattern: '('}}",
        "unique: [{columns: [nope]}]",
        "columns: {c: {references: {dataset: customers, column: nope}}}",
        "columns: {c: {freshness: 1d}}",
        "expressions: ['nope > 1']",
    ],
)
def test_a_contract_that_does_not_fit_the_data_is_a_config_error(
    landing: LandingZone, keep: Keep, contract: str
) -> None:
    """A bound of the wrong kind, a broken pattern, an unknown column: the contract is to be corrected."""
    keep("customers", pa.table({"id": [1]}))
    reference = keep("data", pa.table({"c": [1, 2]}))
    request = ValidateRequest(source=reference, contract=parse_contract(contract), contract_name="x")

    if "freshness" in contract:
        assert not check(landing, reference, contract).passed
        return
    with pytest.raises(ConfigError):
        validate(landing, None, request)


@pytest.mark.parametrize("name", ['a"; DROP TABLE data; --', "a'b", "a b", "$1", "select", "ü", "a]b", "{c}"])
def test_odd_column_names_and_values_are_only_names_and_values(landing: LandingZone, keep: Keep, name: str) -> None:
    """Names and values that look like SQL are compared, never run."""
    reference = keep("data", pa.table({name: ["'; DROP TABLE data; --", "x"]}))
    column = {"required": True, "enum": ["'; DROP TABLE data; --"], "unique": True, "pattern": ".*"}
    import json

    report = check(landing, reference, json.dumps({"columns": {name: column}}))

    assert {one.name.rpartition(".")[2]: one.failing for one in report.checks} == {
        "required": 0,
        "enum": 1,
        "unique": 0,
        "pattern": 0,
    }


def test_files_and_missing_references(landing: LandingZone, tmp_path: Any) -> None:
    """Parquet files outside the landing zone can be checked; what is missing is named."""
    import pyarrow.parquet as pq

    file = tmp_path / "orders.parquet"
    pq.write_table(pa.table({"id": [1]}), file)

    assert check(landing, DataReference(files=(str(file),)), "columns: {id: {required: true}}").passed
    with pytest.raises(NotFoundError, match="customers"):
        check(
            landing,
            DataReference(files=(str(file),)),
            "columns: {id: {references: {dataset: customers, column: id}}}",
        )
