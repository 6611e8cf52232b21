"""Answers of which nothing is known: readable for people, whatever their shape."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flext_pipelines.cli.answers import show_answer
from flext_pipelines.commands.wms.sample import SeedSampleCommand

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def shown(capsys: pytest.CaptureFixture[str], answer: object) -> list[str]:
    """The lines, without margins."""
    show_answer(answer)
    return [line.strip() for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_fields_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers apart at thousands; what is not there is left out."""
    assert shown(capsys, {"rows": 12345, "note": None, "names": ["a", "b"]}) == ["rows   12,345", "names  a, b"]


def test_a_model_is_shown_by_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """As every answer is one."""
    assert shown(capsys, SeedSampleCommand(orders=500)) == ["orders   500", "advance  0"]


def test_what_repeats_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """With one heading for all rows, those that lack a value among them."""
    lines = shown(capsys, {"status": "done", "runs": [{"id": "a", "rows": 1}, {"id": "b", "why": {"code": "x"}}]})

    assert lines[:3] == ["status  done", "runs", "id   rows   why"]
    assert lines[4:] == ["a       1   -", 'b       -   {"code": "x"}']


def test_rows_too_wide_for_a_table_are_shown_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    """Instead of folding every cell."""
    lines = shown(capsys, [{"text": "x" * 150, "more": "y" * 150}] * 2)

    assert [lines[0], lines[3]] == ["1.", "2."]
    assert lines[1] == f"text  {'x' * 150}"


@pytest.mark.parametrize("nothing", [None, {}, [], {"runs": [], "note": ""}])
def test_nothing_is_said_in_a_word(capsys: pytest.CaptureFixture[str], nothing: object) -> None:
    """Never an empty screen."""
    assert shown(capsys, nothing) in (["Nothing."], ["-"])


@given(answer=JSON)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_answer_can_be_shown(capsys: pytest.CaptureFixture[str], answer: object) -> None:
    """Whatever JSON can say."""
    show_answer(answer)

    assert capsys.readouterr().out


def test_a_structure_in_a_field_is_no_python(capsys: pytest.CaptureFixture[str]) -> None:
    """Not a quote, a None or a True of Python's stands in any answer."""
    show_answer({"a": {"b": {"c": [{"d": None, "e": True, "f": {"g": ["it's"]}}]}}})

    out = capsys.readouterr().out
    assert "None" not in out
    assert "True" not in out
    assert "{'" not in out
