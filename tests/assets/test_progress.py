"""Progress as lines of the Dagster log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from flext_pipelines.assets.progress import LIMITS, StepLog
from flext_pipelines.values import Progress

if TYPE_CHECKING:
    import pytest


def test_counts_are_no_lines(caplog: pytest.LogCaptureFixture) -> None:
    """A count a second would cost 3 ms and a row each; only milestones, warnings and errors are written."""
    log = StepLog(logging.getLogger("step"))

    with caplog.at_level(logging.INFO):
        log(Progress(kind="count", stream="orders", side="loaded", rows=5))
        log(Progress(text="Started"))
        log(Progress(kind="error", text="Lost", stream="orders"))

    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("INFO", "Started"),
        ("ERROR", "orders: Lost"),
    ]


def test_a_flood_of_warnings_is_cut_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    """A plugin that warns a million times adds twenty lines, a word where the rest is, and their number."""
    log = StepLog(logging.getLogger("step"))

    for number in range(1000):
        log(Progress(kind="warning", text=f"odd row {number}"))
    log.close()

    lines = [one.getMessage() for one in caplog.records]
    assert len(lines) == LIMITS["warning"] + 2
    assert "compute log" in lines[-2]
    assert lines[-1] == "980 more warnings are in the compute log only"
