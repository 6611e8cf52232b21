"""A landing zone in a temporary folder, and a short way to put tables into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.load import load
from flext_pipelines.data.load_request import Load, LoadRequest
from flext_pipelines.data.warehouse.connect import connect
from flext_pipelines.data.warehouse.table_name import TableName
from tests.data.loads import DATABASES
from tests.data.samples import put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pyarrow as pa

    from flext_pipelines.data.dataset import DataReference


@pytest.fixture
def landing(tmp_path: Path) -> LandingZone:
    """An empty landing zone."""
    return LandingZone(tmp_path / "landing")


@pytest.fixture
def keep(landing: LandingZone) -> Callable[[str, pa.Table], DataReference]:
    """Keeps a table as a new version of a dataset."""
    return lambda name, table: put(landing, name, table).reference


@pytest.fixture(params=DATABASES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database of each kind."""
    if request.param == "duckdb":
        return f"duckdb:///{tmp_path / 'warehouse.duckdb'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def bring(landing: LandingZone, url: str, tmp_path: Path) -> Callable[..., Load]:
    """Load a reference into table `orders` of the database."""

    def bring(reference: DataReference, table: str = "orders", **fields: Any) -> Load:
        request = LoadRequest(source=reference, table=TableName.parse(table), **fields)
        return load(landing, None, connect(url), request, tmp_path / "scratch")

    return bring
