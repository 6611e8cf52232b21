"""Extraction through a real Meltano: a tap without a target, from bookmark to bookmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flext_pipelines.commands.data.extraction import ExtractDataCommand, extract_data
from flext_pipelines.commands.message import Context
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.errors import ExtractFailedError, NotFoundError, PluginMissingError
from flext_pipelines.meltano.run import MeltanoRunner
from tests.data.samples import rows_of
from tests.meltano import projects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flext_pipelines.data.extract import Extraction

pytestmark = pytest.mark.process


@pytest.fixture
def landing(tmp_path: Path) -> LandingZone:
    """An empty landing zone."""
    return LandingZone(tmp_path / "landing")


@pytest.fixture
def extracted(tmp_path: Path, landing: LandingZone) -> Callable[..., Extraction]:
    """Extract the orders of a tap with these settings."""

    def extracted(config: dict[str, Any], **fields: Any) -> Extraction:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        projects.write_project(root, plugins={"extractors": [projects.tap(root, "tap-shop", **config)]})
        runner = MeltanoRunner(projects.opened(root, tmp_path / "home"))
        command = ExtractDataCommand.model_validate({"source_name": "tap-shop", "table_name": "orders", **fields})
        return extract_data(command, landing=landing, meltano=runner, context=Context(actor="tester"))

    return extracted


def test_a_tap_lands_from_bookmark_to_bookmark(extracted: Callable[..., Extraction], landing: LandingZone) -> None:
    """The first run brings every row, the next one begins at the bookmark that the first one left."""
    first = extracted({"rows": 5}, extract_mode="incremental")
    second = extracted({"rows": 8}, extract_mode="incremental")

    assert (first.rows, first.watermark_before, first.watermark) == (5, None, "5")
    assert (second.watermark_before, second.watermark) == ("5", "8")
    assert [row["id"] for row in rows_of(landing, second.reference)][-3:] == [6, 7, 8]
    assert second.rows < 8


def test_a_tap_that_fails_moves_no_bookmark(extracted: Callable[..., Extraction], landing: LandingZone) -> None:
    """Rows before the failure are not kept; the rerun has every row."""
    with pytest.raises(ExtractFailedError) as failed:
        extracted({"rows": 50, "fail_at": 20}, extract_mode="incremental")

    assert failed.value.details["exit_code"] != 0
    assert failed.value.details["tail"]
    assert landing.datasets() == ()
    assert extracted({"rows": 50}, extract_mode="incremental").rows == 50


def test_a_limit_stops_a_real_tap(extracted: Callable[..., Extraction]) -> None:
    """When enough rows are kept the tap is stopped, and nothing of it is left."""
    found = extracted({"rows": 1_000_000}, max_records=10, batch_size=10)

    assert (found.rows, found.limited) == (10, True)


def test_what_does_not_exist_is_named(extracted: Callable[..., Extraction]) -> None:
    """Neither the tap nor the stream may be missing."""
    with pytest.raises(PluginMissingError, match="tap-nope"):
        extracted({"rows": 1}, source_name="tap-nope")
    with pytest.raises(NotFoundError, match="nothing"):
        extracted({"rows": 1}, table_name="nothing")
