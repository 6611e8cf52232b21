"""Facts about the backend on a database of ours: what is said when the database is not well."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from flext_pipelines.errors import FlextError
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.requests import StockCorrection
from tests.wms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path


def test_a_read_only_database_says_one_error(
    sqlite_url: SecretStr, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That old outcomes could not be removed is not said before the error of the command itself."""
    Warehouse.filled(sqlite_url).close()
    monkeypatch.chdir(tmp_path)
    backend = DatabaseBackend(open_engine(SecretStr("sqlite:///file:wms.db?mode=ro&uri=true")))
    correction = StockCorrection(
        item_code="PUMP", location_barcode="A1", adjustment_qty=Decimal(1), reason_code="FOUND"
    )

    with pytest.raises(FlextError):
        backend.update_inventory(correction, actor="t", key="k")
    backend.close()
    assert "Old outcomes" not in caplog.text
