"""``flext run`` and ``flext pipelines``: what they say, without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.cli.pipelines import show_where
from flext_pipelines.commands.launching import ExecutionPlan

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def plan(*targets: str, loads_warehouse: bool) -> ExecutionPlan:
    """A plan with these targets."""
    return ExecutionPlan(
        pipeline="shop",
        job="shop",
        environment="dev",
        blocks=tuple(f"tap-shop {target}" for target in targets),
        targets=targets,
        loads_warehouse=loads_warehouse,
        streams=("tap-shop.orders",),
        partition=None,
        full_refresh=False,
        run_config={},
        tags={},
    )


def test_a_run_into_the_warehouse_says_where_it_lies(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, which people open next."""
    show_where(plan("target-warehouse", loads_warehouse=True))

    assert capsys.readouterr().out == f"Warehouse: {home / 'warehouse.duckdb'}\n"


def test_a_run_that_loads_elsewhere_names_no_warehouse(capsys: pytest.CaptureFixture[str]) -> None:
    """Only its target knows where its rows lie."""
    show_where(plan("target-csv", loads_warehouse=False))

    assert capsys.readouterr().out == "Loaded by target-csv: `flext plugins config target-csv` shows where to.\n"
