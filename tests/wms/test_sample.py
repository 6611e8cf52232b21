"""The sample warehouse-management database."""

from __future__ import annotations

import datetime as dt
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine, func, select

from flext_pipelines.errors import ConfigError, ConflictError, InsufficientStockError, UnavailableError
from flext_pipelines.wms import tables
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.requests import ShipmentRequest
from flext_pipelines.wms.sample import FILLED, SeedReport, advance, seed
from flext_pipelines.wms.status import SHIPPED
from flext_pipelines.wms.transaction import WmsDatabase
from flext_pipelines.wms.views.health import problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """An empty SQLite database."""
    engine = open_engine(SecretStr(f"sqlite:///{tmp_path / 'new folder' / 'wms.db'}"))
    yield engine
    engine.dispose()


def test_a_seeded_database_holds_what_the_report_says(database: Engine) -> None:
    """The report's counts are those of the tables, and every table holds rows."""
    report = seed(database, orders=50)

    with database.connect() as connection:
        found = {
            t.name: connection.scalar(select(func.count()).select_from(t))
            for t in tables.METADATA.sorted_tables
            if t.name in FILLED
        }
    assert report.created
    assert found == report.tables
    assert report.tables["order_hdr"] == 50
    assert all(found.values())


def test_a_second_seed_changes_nothing(database: Engine) -> None:
    """Seeding a filled database leaves it as it is, however many orders are asked for."""
    first = seed(database, orders=20)

    second = seed(database, orders=500)

    assert not second.created
    assert second.changed == 0
    assert second.tables == first.tables


def test_two_seeds_are_equal_on_every_machine(tmp_path: Path) -> None:
    """The sample depends on nothing but the number of orders."""
    contents = []
    for name in ("one", "two"):
        engine = create_engine(f"sqlite:///{tmp_path / name}.db")
        seed(engine, orders=30)
        with engine.connect() as connection:
            contents.append(
                [tuple(connection.execute(select(tables.METADATA.tables[t])).all()) for t in sorted(FILLED)]
            )
        engine.dispose()

    assert contents[0] == contents[1]


def test_decimals_keep_their_scale_on_sqlite(database: Engine) -> None:
    """A price comes back as the decimal it was, not as the float nearest to it."""
    seed(database, orders=20)

    with database.connect() as connection:
        price = connection.scalar(select(tables.order_dtl.c.sale_price).where(tables.order_dtl.c.id == 11))
    assert isinstance(price, Decimal)
    assert price.as_tuple().exponent == -4


def test_advancing_moves_mod_ts_of_just_what_changed(database: Engine) -> None:
    """As many rows carry a newer mod_ts as the report says were changed."""
    seed(database, orders=60)
    with database.connect() as connection:
        before = connection.scalar(select(func.max(tables.order_hdr.c.mod_ts)))
    assert before is not None

    report = advance(database, changes=10)

    with database.connect() as connection:
        newer = [
            connection.scalar(select(func.count()).select_from(t).where(t.c.mod_ts > before)) or 0
            for t in (tables.order_hdr, tables.order_dtl)
        ]
    assert sum(newer) == report.changed > 10


def test_an_order_never_moves_past_shipped(database: Engine) -> None:
    """However often time passes, no status lies beyond the last."""
    seed(database, orders=10)

    for _ in range(12):
        advance(database, changes=10)

    with database.connect() as connection:
        assert (connection.scalar(select(func.max(tables.order_hdr.c.status_id))) or 0) <= SHIPPED


def test_everything_in_a_large_sample_lies_within_nine_months() -> None:
    """Timestamps do not run into the future with the number of orders, so that incremental pipelines can read them."""
    from flext_pipelines.wms.sample_rows import EPOCH, ORDER_COLUMNS, order, text_of

    place = ORDER_COLUMNS.index("mod_ts")
    assert max(str(order(number)[place]) for number in range(1, 2_000_000, 997)) < text_of(
        EPOCH + dt.timedelta(days=280)
    )


def test_an_unseeded_database_cannot_advance(database: Engine) -> None:
    """The error says what to run first."""
    with pytest.raises(ConflictError, match="empty") as caught:
        advance(database, changes=1)

    assert "flext wms seed" in caught.value.instruction


def test_somebody_elses_table_is_left_alone(database: Engine) -> None:
    """A table of one of our names with other columns stops the seed before anything is written."""
    foreign = Table("order_hdr", MetaData(), Column("id", Integer, primary_key=True), Column("theirs", String(5)))
    foreign.create(database)

    with pytest.raises(ConflictError, match="order_hdr exists with other columns"):
        seed(database, orders=5)

    with database.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(foreign)) == 0


@pytest.mark.parametrize("url", ["not a url", "nosuchdb://host/x", "oracle+nosuchdriver://u:hunter2@h/x"])
def test_a_wrong_url_is_a_configuration_error_without_its_password(url: str) -> None:
    """The error names the setting and never repeats the URL."""
    with pytest.raises(ConfigError, match="FLEXT_WMS_URL") as caught:
        open_engine(SecretStr(url))

    assert "hunter2" not in str(caught.value)


@pytest.mark.postgres
def test_the_sample_fills_postgresql_too(postgres_url: str) -> None:
    """The same tables and rows on PostgreSQL."""
    engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))

    report = seed(engine, orders=30)

    with engine.connect() as connection:
        total = connection.scalar(select(func.sum(tables.order_dtl.c.sale_price)))
    engine.dispose()
    assert report.tables["order_hdr"] == 30
    assert isinstance(total, Decimal)


def test_orders_of_somebody_else_are_never_changed(database: Engine) -> None:
    """A real database has the same tables: time passes only in one that the sample has filled itself."""
    seed(database, orders=10)
    with database.begin() as connection:
        connection.execute(tables.company.update().values(create_user="erp"))
        before = connection.execute(select(tables.order_hdr).order_by(tables.order_hdr.c.id)).all()

    with pytest.raises(ConflictError, match="was not filled by the sample"):
        advance(database, changes=10)

    with database.connect() as connection:
        assert connection.execute(select(tables.order_hdr).order_by(tables.order_hdr.c.id)).all() == before


@pytest.mark.parametrize("use", [partial(seed, orders=1), partial(advance, changes=1)], ids=["seed", "advance"])
def test_a_database_that_cannot_be_reached_is_no_fault_of_ours(
    tmp_path: Path, use: Callable[[Engine], SeedReport]
) -> None:
    """It is told as what it is, and that it may pass."""
    (tmp_path / "folder.db").mkdir()

    with pytest.raises(UnavailableError, match="warehouse-management database") as caught:
        use(open_engine(SecretStr(f"sqlite:///{tmp_path / 'folder.db'}")))

    assert caught.value.retryable


def test_the_sample_agrees_with_itself(database: Engine) -> None:
    """Every row refers to one that is there, and stock, allocations and ledger say the same."""
    seed(database, orders=200)

    with database.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert WmsDatabase(database).read(problems) == []


def test_orders_of_the_sample_can_be_shipped(database: Engine) -> None:
    """Most open orders find their stock in their own facility."""
    seed(database, orders=200)
    backend = DatabaseBackend(database)

    complete = 0
    for number in range(4, 200, 20):
        with suppress(InsufficientStockError):
            request = ShipmentRequest(order_nbr=f"SO{number:08d}", policy="partial")
            complete += backend.create_shipment(request, actor="t", key=None).complete

    assert complete >= 5
