"""Cron expressions, understood or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.meltano.cron import cron_problem


@pytest.mark.parametrize(
    "expression",
    ["* * * * *", "0 8-18 * * 1-5", "*/15 0,12 1 jan-mar sun", "0 0 1 1 7", "5/10 * * DEC FRI", "0 4 * * 1-5"],
)
def test_what_schedulers_read_is_right(expression: str) -> None:
    """Ranges, steps, lists and names of months and days are understood."""
    assert cron_problem(expression) is None


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("* * * *", "has 4 fields"),
        ("60 * * * *", "'60' as minute is not between 0 and 59"),
        ("0 0 0 * *", "'0' as day of the month is not between 1 and 31"),
        ("0 0 * * 8", "as day of the week"),
        ("*/0 * * * *", "has a step of 0"),
        ("0,99 * * * *", "'99' as minute"),
        ("0 0 * foo *", "'foo' as month is not understood"),
        ("a-b-c * * * *", "is not understood"),
        ("@daily", "has 1 fields"),
    ],
)
def test_what_is_wrong_is_told(expression: str, said: str) -> None:
    """Every part of a list counts; Meltano itself is content when one of them is right."""
    assert said in (cron_problem(expression) or "")


@given(st.text(max_size=30))
def test_no_text_is_too_odd(expression: str) -> None:
    """Any text gets an answer."""
    cron_problem(expression)
