"""What the commands on runs show of a run that is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.location import Meta, Tag
from flext_pipelines.settings import Settings
from tests.runs.stories import check, make_run, materialize

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Shell


@pytest.fixture
def run_id(home: Path) -> str:
    """A run that completed: a stream, a mart, and checks of which two failed."""
    with open_instance(Settings(home=home)) as instance:
        made = make_run(instance, DagsterRunStatus.SUCCESS, tags={Tag.PIPELINE: "shop"})
        numbers = {Meta.ROWS_EXTRACTED: 1200, Meta.ROWS_LOADED: 1200}
        materialize(instance, made, ["shop", "orders"], {Meta.TAP: "tap-shop", Meta.STREAM: "orders", **numbers})
        materialize(instance, made, ["shop", "items"], {Meta.TAP: "tap-shop", Meta.STREAM: "items", **numbers})
        materialize(instance, made, ["marts", "late"], {Meta.ROWS_LOADED: 77})
        check(instance, made, ["shop", "orders"], "rows", passed=True)
        check(instance, made, ["shop", "orders"], "contract", passed=False, description="3 rows are bad.")
        warn = dg.AssetCheckSeverity.WARN
        check(instance, made, ["marts", "late"], "contract", passed=False, severity=warn, description="old")
    return made


def test_a_failed_check_is_seen_in_the_status(flext: Shell, run_id: str) -> None:
    """As a warning each, with exit code 0: the run itself did what it should."""
    shown = flext("status", run_id)

    assert shown.code == 0
    assert "Warning: check contract of shop/orders failed (error): 3 rows are bad.\n" in shown.out
    assert "Warning: check contract of marts/late failed (warning): old.\n" in shown.out
    assert "check rows" not in shown.out
    told = flext("status", run_id, "--json").json()["checks_failed"]
    assert [(one["asset"], one["severity"]) for one in told] == [("shop/orders", "error"), ("marts/late", "warning")]


def test_a_failed_check_is_a_warning_in_the_log(flext: Shell, run_id: str) -> None:
    """And those that passed are lines for debugging."""
    shown = flext("logs", run_id)

    assert "warning  one: Asset check 'contract' on 'shop/orders' did not pass." in shown.out
    assert "'rows'" not in shown.out
    assert "'rows'" in flext("logs", run_id, "--level", "debug").out


def test_a_mart_stands_below_the_streams(flext: Shell, run_id: str) -> None:
    """The sum is of the streams."""
    lines = [line.split() for line in flext("metrics", run_id).out.splitlines()]

    assert ["in", "all", "2,400", "2,400"] in [line[:4] for line in lines]
    assert ["marts/late", "77", "-"] in lines
