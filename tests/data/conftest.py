"""A landing zone in a temporary folder, and a short way to put tables into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from flext_pipelines.data.landing import LandingZone
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
