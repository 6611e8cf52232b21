"""Rows that break their schema: kept apart with the reason, counted, and limited."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from target_harness import (
    DECIMAL_4_2,
    INTEGER,
    KEYED,
    ROWS,
    TEXT,
    TUPLES,
    Place,
    batch,
    load,
    parquet,
    records,
    schema,
    state,
)

from target_flext_sql.errors import (
    TooManyRejectsError,
)


def test_bad_records_are_kept_with_their_reason(place: Place) -> None:
    """A row that breaks the schema goes to the rejects table; the good rows of its batch are loaded."""
    shape = schema(
        "s",
        {
            "id": {"type": "integer", "maximum": 100},
            "v": {"type": ["string", "null"], "maxLength": 3},
            "d": {"type": ["string", "null"], "format": "date"},
            "k": {"type": ["string", "null"], "enum": ["x", "y", None]},
            "r": {"type": "boolean"},
        },
        ["id"],
        required=["id", "r"],
    )
    good = {"id": 1, "v": "a", "d": "2020-02-29", "k": "x", "r": True}
    bad = {
        "id": {**good, "id": None},
        "v": {**good, "id": 2, "v": "long"},
        "d": {**good, "id": 3, "d": "2021-02-29"},
        "r": {"id": 5, "v": "a"},
    }

    load(place.config, shape, records("s", [*bad.values(), {**good, "k": "z", "id": 6}, good, {**good, "id": 101}]))

    assert place.rows("s") == [(1, "a")]
    found = {(column, reason) for column, reason, _ in place.rejects("s")}
    assert found == {
        ("id", "the key is null"),
        ("v", "the text is longer than 3 characters"),
        ("d", "'2021-02-29' (str) is not a date (YYYY-MM-DD)"),
        ("r", "a required value is missing"),
        (None, "'z' is not one of ['x', 'y', None]"),
        ("id", "above the maximum 100"),
    }
    rows = [json.loads(row) for _, _, row in place.rejects("s")]
    assert {**good, "id": 3, "d": "2021-02-29"} in rows


def test_bad_parquet_rows_are_kept_with_their_reason(place: Place, tmp_path: Path) -> None:
    """In a batch file of another type than the schema, each row is cast or rejected by itself."""
    table = pa.table({"id": pa.array([1, 2, None, 4]), "v": pa.array(["1", "x", "3", "4.0"])})

    load(
        place.config,
        schema("s", {"id": INTEGER, "v": DECIMAL_4_2}, ["id"]),
        batch("s", parquet(tmp_path / "b.parquet", table)),
        state(s={}),
    )

    assert place.rows("s") == [(1, Decimal("1.00")), (4, Decimal("4.00"))]
    assert [(column, reason) for column, reason, _ in place.rejects("s")] == [
        ("id", "the key is null"),
        ("v", "'x' (str) is not a decimal number"),
    ]


BAD_IN_TYPE: dict[str, tuple[dict[str, object], object, str]] = {
    "too long": ({**TEXT, "maxLength": 3}, "long", "the text is longer than 3 characters"),
    "emoji count as one": ({**TEXT, "maxLength": 3}, "😀😀😀😀", "the text is longer than 3 characters"),
    "no JSON": ({"type": ["object", "array", "null"]}, "{'a': 1}", "not valid JSON"),
    "too small": ({"type": ["integer", "null"], "minimum": 0}, -1, "below the minimum 0"),
}


@pytest.mark.parametrize("case", BAD_IN_TYPE)
def test_a_batch_file_in_the_tables_own_types_is_checked_too(place: Place, tmp_path: Path, case: str) -> None:
    """A file that the database could read by itself is not trusted: its bad rows are rejected, the others loaded."""
    prop, value, reason = BAD_IN_TYPE[case]
    good = {"too small": 7, "no JSON": "{}"}.get(case, "😀ab")
    table = pa.table({"id": [1, 2, None], "v": [good, value, good]})

    load(
        place.config,
        schema("s", {"id": INTEGER, "v": prop}, ["id"]),
        batch("s", parquet(tmp_path / "odd [name] *.parquet", table)),
        batch("s", parquet(tmp_path / "plain.parquet", table)),
        state(s={}),
    )

    assert [row[0] for row in place.rows("s")] == [1]
    assert [found[:1] for found in place.rejects("s")] == [("id",)] * 2 + [("v",)] * 2
    assert place.rejects("s")[-1][1].startswith(reason)


def test_a_row_rejected_again_is_kept_once(place: Place) -> None:
    """A row that is rejected at every run stands once in the rejects table."""
    for _ in range(2):
        load(place.config, KEYED, records("s", [{"id": None, "v": "a"}, *ROWS]))

    assert len(place.rejects("s")) == 1


@pytest.mark.parametrize("limit", [0, "20%"])
def test_too_many_rejects_fail_the_load(place: Place, limit: object) -> None:
    """max_rejects, a number or a percentage, rolls the batch back."""
    with pytest.raises(TooManyRejectsError, match=r"'s': 1 of 4 rows break the schema.*the key is null"):
        load({**place.config, "max_rejects": limit}, KEYED, records("s", [{"id": None, "v": "a"}, *ROWS]))

    assert place.rows("s") == []
    assert not place.exists("s__rejects")


def test_rejects_within_the_limit_pass(place: Place) -> None:
    """25 % of rejects are within 30 %."""
    load({**place.config, "max_rejects": "30%"}, KEYED, records("s", [{"id": None, "v": "a"}, *ROWS]))

    assert place.rows("s") == TUPLES


def test_a_null_character_is_loaded_or_rejected(place: Place) -> None:
    """DuckDB holds U+0000 in a text; PostgreSQL cannot, so the row is rejected and the others are loaded."""
    load(place.config, KEYED, records("s", [{"id": 1, "v": "a\0b"}, {"id": 2, "v": "b"}]))

    if place.dialect == "duckdb":
        assert place.rows("s") == [(1, "a\0b"), (2, "b")]
    else:
        assert place.rows("s") == [(2, "b")]
        assert "U+0000" in place.rejects("s")[0][1]
