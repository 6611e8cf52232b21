"""The warehouse on Oracle's dialect: run by H2 in Oracle mode, and by a live Oracle when one is named.

``FLEXT_TEST_ORACLE_URL`` names a live database and a user of its own, whose schema holds no tables of ours: they are
made and dropped by every test.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.migrations import VERSION_TABLE
from flext_pipelines.wms.tables import METADATA
from tests.h2_oracle import H2MissingError, empty_h2, h2_server, h2_url
from tests.wms.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

LIVE_URL = os.environ.get("FLEXT_TEST_ORACLE_URL", "")
"""Read before the tests' own environment is cleaned."""

KINDS = [
    pytest.param("h2", marks=pytest.mark.process),
    *([pytest.param("live", marks=pytest.mark.oracle)] if LIVE_URL else []),
]
"""Every fact is tried on H2, and on the live Oracle where there is one."""


@pytest.fixture(scope="session")
def h2_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """An H2 server, started when the first test of this process needs it."""
    try:
        with h2_server(tmp_path_factory.mktemp("h2")) as port:
            yield port
    except H2MissingError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"H2 is not installed: {error}")
        pytest.skip(f"H2 is not installed: {error}")


@pytest.fixture
def live_url() -> Iterator[SecretStr]:
    """The live Oracle, without tables of ours before and after."""
    if not LIVE_URL:
        pytest.skip("FLEXT_TEST_ORACLE_URL names no live Oracle")
    engine = open_engine(SecretStr(LIVE_URL))
    ours = {*METADATA.tables, VERSION_TABLE}
    present = set(sa.inspect(engine).get_table_names()) & ours
    if present:
        pytest.fail(f"the schema of FLEXT_TEST_ORACLE_URL holds tables of our names already: {sorted(present)}")
    yield SecretStr(LIVE_URL)
    METADATA.drop_all(engine)
    sa.Table(VERSION_TABLE, sa.MetaData()).drop(engine, checkfirst=True)
    engine.dispose()


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest) -> SecretStr:
    """A database that speaks Oracle's dialect, without rows. On H2 it is migrated once, then emptied for each test."""
    if request.param == "live":
        found: SecretStr = request.getfixturevalue("live_url")
        return found
    port = request.getfixturevalue("h2_port")
    empty_h2(port, "wms", {VERSION_TABLE, "wms_meta"})
    return SecretStr(h2_url(port, "wms"))


@pytest.fixture
def sent(warehouse: Warehouse) -> list[str]:
    """What the warehouse's engine sends from now on."""
    texts: list[str] = []
    sa.event.listen(warehouse.engine, "before_cursor_execute", lambda *given: texts.append(given[2]))
    return texts
