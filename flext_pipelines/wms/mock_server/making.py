"""Putting a server together from what a person or a test asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from flext_pipelines.wms.mock_server.app import MockServer
from flext_pipelines.wms.mock_server.auth import Gate, User
from flext_pipelines.wms.mock_server.generator import Generator
from flext_pipelines.wms.mock_server.source import GeneratedSource, HeldSource
from flext_pipelines.wms.mock_server.warehouse import Warehouse

if TYPE_CHECKING:
    import datetime as dt

    from flext_pipelines.wms.mock_server.source import Source


def make_server(
    *, orders: int = 200, database: SecretStr | None = None, user: str = "mock", password: SecretStr | None = None,
    tenant: str = "mock", latency_seconds: float = 0.0, zone: dt.tzinfo | None = None, over_receipt_percent: float = 0,
    stage_delay_seconds: float = 0.1,
    more_users: tuple[User, ...] = (),
) -> MockServer:  # fmt: skip
    """A server over made-up rows, or over the rows of a database.

    Args:
        orders: How many orders to make up; everything else is in proportion.
        database: Read the tables of this database in place of making rows up.
        user: Who may log in.
        password: The password; ``mock`` when it is not given.
        tenant: First part of every path.
        latency_seconds: How long every answer takes at least.
        zone: The offset that date-times are shown in; None shows them without one.
        over_receipt_percent: How much more than was shipped may be received.
        stage_delay_seconds: How long asynchronous data wait in the stage tables.
        more_users: Others who may log in.

    Raises:
        ConfigError: The URL is none that can be opened.
        NotFoundError: It names an SQLite file that is not there.
    """
    login = User(user, password or SecretStr("mock"))
    return MockServer(
        Warehouse(_source(orders, database)),
        Gate((login, *more_users)),
        tenant=tenant,
        latency_seconds=latency_seconds,
        zone=zone,
        over_receipt_percent=over_receipt_percent,
        stage_delay_seconds=stage_delay_seconds,
    )


def _source(orders: int, database: SecretStr | None) -> Source:
    if database is None:
        return GeneratedSource(Generator(orders))
    from flext_pipelines.wms.engine import open_engine, require_file
    from flext_pipelines.wms.mock_server.table_rows import read_tables

    require_file(database)
    engine = open_engine(database)
    try:
        return HeldSource(read_tables(engine))
    finally:
        engine.dispose()
