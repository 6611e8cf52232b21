"""Contracts in YAML: what is read, and where what is wrong stands."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flext_pipelines.data.contract import Contract
from flext_pipelines.data.contract_file import SCHEMA_FILE, json_schema_text, parse_contract, read_contract
from flext_pipelines.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

FULL = """
version: 1
description: Orders
severity: error
threshold: {percent: 0.5}
additional_columns: refuse
columns:
  id: {required: true, type: integer, unique: true, range: {min: 1}}
  country:
    enum: [NO, SE]
    pattern: {regex: '[A-Z]{2}', severity: warning, threshold: {count: 3}}
    length: {min: 2, max: 2}
  day: {type: date, range: {min: 2026-01-01, exclusive_max: true, max: '2027-01-01'}, freshness: 36h}
  customer: {references: {dataset: customers, column: id}, optional: true}
  note:
row_count: {min: 1}
unique: [{columns: [country, day]}]
foreign_keys: [{columns: [customer], table: main.customers, references: [id]}]
expressions: ["id > 0", {sql: "id < 10", name: small}]
"""


def test_a_contract_says_what_its_text_says() -> None:
    """Short and long forms mean the same; NO is a text, a day is a text."""
    contract = parse_contract(FULL)

    country, day = contract.columns["country"], contract.columns["day"]
    assert country.enum is not None
    assert country.enum.values == ("NO", "SE")
    assert day.range is not None
    assert day.range.min == "2026-01-01"
    assert country.pattern is not None
    assert (country.pattern.severity, str(country.pattern.threshold)) == ("warning", "at most 3 rows")
    assert contract.expressions[0].sql == "id > 0"
    assert "note" in contract.columns


def test_the_shipped_schema_is_that_of_the_contract() -> None:
    """The JSON Schema beside the module is the one that the contract has, and it accepts and refuses alike."""
    shipped = resources.files("flext_pipelines.data").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    validator = jsonschema.Draft202012Validator(Contract.model_json_schema())

    assert shipped == json_schema_text()
    plain = yaml.load(FULL.replace("  note:\n", "  note: {}\n"), Loader=yaml.BaseLoader)
    assert "columns" in plain
    assert not list(validator.iter_errors({"columns": {"id": {"required": True, "type": "integer"}}}))
    assert not list(validator.iter_errors({"columns": {"id": {"pattern": {"regex": "x", "severity": "warning"}}}}))
    assert list(validator.iter_errors({"columns": {"id": {"requird": True}}}))
    assert list(validator.iter_errors({"version": 2}))


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("columns:\n  id:\n    requird: true\n", 3, 5, "'requird' is unknown, did you mean 'required'?"),
        ("version: 2\n", 1, 1, "version"),
        ("columns:\n  id:\n    type: int\n", 3, 5, "'integer'"),
        ("columns:\n  a: {}\n  b:\n    range: {}\n", 4, 5, "give min or max"),
        ("columns:\n  a:\n    length: {min: x}\n", 3, 14, "integer"),
        ("columns:\n  a: {}\n  a: {}\n", 3, 3, "'a' stands twice"),
        ("columns: [a]\n", 1, 1, "dictionary"),
        ("columns:\n  a: [\n", 3, 1, "is no YAML"),
        ("a: b: c\n", 1, 5, "is no YAML"),
        ("", 1, 1, "is empty"),
        ("threshold: {count: 1, percent: 2}\n", 1, 1, "give either count or percent"),
        ("expressions:\n  - sql: a > 1\n    nam: x\n", 3, 5, "did you mean 'name'"),
        ("columns:\n  a: {freshness: soon}\n", 2, 7, "is no age"),
        ("columns:\n  a: {references: {column: id}}\n", 2, 7, "give either dataset or table"),
        ("foreign_keys:\n  - {columns: [a, b], dataset: d, references: [x]}\n", 2, 5, "2 columns cannot reference 1"),
        ("x: &a [*a]\n", 1, 5, "nested deeper"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, line: int, column: int, reason: str) -> None:
    """Each problem carries file, line, column, and what is allowed."""
    with pytest.raises(ConfigError) as wrong:
        parse_contract(text, "orders.yml")

    problems = wrong.value.details["problems"]
    assert isinstance(problems, list)
    assert reason in problems[0]["reason"]
    assert (problems[0]["line"], problems[0]["column"]) == (line, column) or reason == "nested deeper"
    assert "orders.yml:" in wrong.value.reason


def test_every_problem_is_listed() -> None:
    """A contract with several mistakes is told all of them at once."""
    with pytest.raises(ConfigError) as wrong:
        parse_contract("version: 2\ncolumns:\n  a: {typ: integer}\n  b: {length: {}}\n")

    problems = wrong.value.details["problems"]
    assert isinstance(problems, list)
    assert [one["line"] for one in problems] == [1, 3, 4]


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    """A contract that does not exist is named."""
    with pytest.raises(NotFoundError, match=r"nothing\.yml"):
        read_contract(tmp_path / "nothing.yml")


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60) | st.from_regex(r"(columns|unique|threshold): ?[\[{&*!a-z:, \]}\n-]{0,30}", fullmatch=True))
def test_any_text_is_a_contract_or_a_config_error(text: str) -> None:
    """Whatever stands in the file, the answer is a contract or an error with a line."""
    wrong: list[Any] = []
    try:
        parse_contract(text)
    except ConfigError as error:
        wrong.append(error.details["line"])

    assert all(isinstance(line, int) and line >= 1 for line in wrong)
