"""Facts about the history of the schema: fresh databases, those of an earlier version, those of somebody else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from flext_pipelines.errors import ConfigError, ConflictError
from flext_pipelines.wms import tables
from flext_pipelines.wms.database import DatabaseBackend
from flext_pipelines.wms.engine import open_engine
from flext_pipelines.wms.migrations import HEAD, VERSION_TABLE
from flext_pipelines.wms.migrations.versions import r0001_entities
from flext_pipelines.wms.requests import HealthAsked, StockFilter
from flext_pipelines.wms.schema import BEGAN_WITH, bring_to_head, revision

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def engine(database_url: SecretStr) -> Iterator[sa.Engine]:
    """An empty database of each kind."""
    made = open_engine(database_url)
    yield made
    made.dispose()


def columns_of(engine: sa.Engine) -> dict[str, dict[str, tuple[str, bool]]]:
    """Columns with their types and whether they may be null."""
    looking = sa.inspect(engine)
    return {
        table: {one["name"]: (str(one["type"]), one["nullable"]) for one in looking.get_columns(table)}
        for table in looking.get_table_names()
        if table != VERSION_TABLE
    }


def keys_of(engine: sa.Engine) -> dict[str, set[tuple[Any, ...]]]:
    """Indexes, unique, primary and foreign keys with their names and columns."""
    looking = sa.inspect(engine)
    found: dict[str, set[tuple[Any, ...]]] = {}
    for table in looking.get_table_names():
        keys: set[tuple[Any, ...]] = set()
        for one in looking.get_indexes(table):
            if not one.get("duplicates_constraint"):
                keys.add((one["name"], tuple(one["column_names"]), bool(one["unique"])))
        keys |= {(one["name"], tuple(one["column_names"])) for one in looking.get_unique_constraints(table)}
        keys |= {(tuple(one["constrained_columns"]), one["referred_table"]) for one in looking.get_foreign_keys(table)}
        keys.add(("primary", tuple(looking.get_pk_constraint(table)["constrained_columns"])))
        keys |= {("check", one["name"]) for one in looking.get_check_constraints(table)}
        found[table] = keys
    found.pop(VERSION_TABLE, None)
    return found


def test_migrations_make_the_tables_that_queries_see(engine: sa.Engine) -> None:
    """Columns, types, keys and indexes are those of ``tables``."""
    bring_to_head(engine)
    migrated = columns_of(engine), keys_of(engine)
    with engine.begin() as connection:
        tables.METADATA.drop_all(connection)
        tables.METADATA.create_all(connection)

    assert columns_of(engine) == migrated[0]
    assert keys_of(engine) == migrated[1]
    assert revision(engine) == HEAD


def test_a_second_look_changes_nothing(engine: sa.Engine) -> None:
    """A database at the newest revision is left as it is."""
    bring_to_head(engine)
    before = keys_of(engine)

    bring_to_head(engine)

    assert keys_of(engine) == before


def test_many_begin_at_once(engine: sa.Engine) -> None:
    """Processes that meet at an empty database wait for the one that makes it."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(bring_to_head, [engine] * 4))

    assert revision(engine) == HEAD


def make_first(engine: sa.Engine) -> None:
    """The database of the version before there were revisions, with a little stock."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    with engine.begin() as connection:
        with Operations.context(MigrationContext.configure(connection)):
            r0001_entities.upgrade()
        stamps = "'x', '2026-01-01 00:00:00.000000', 'x', '2026-01-01 00:00:00.000000'"
        for statement in (
            f"INSERT INTO company VALUES (1, 'ACME', 'Acme', {stamps})",
            f"INSERT INTO facility VALUES (1, 'DC01', 'x', 'x', 'PT', {stamps})",
            f"INSERT INTO item VALUES (1, 1, 'PUMP', '4001', 'x', 1, 1, 1, 0, {stamps})",
            f"INSERT INTO location VALUES (1, 1, 'A1', 'a', 'b', 'c', 'ACTIVE', {stamps})",
            f"INSERT INTO inventory VALUES (1, 1, 1, 1, 'B1', '2030-01-01', 10, 7, {stamps})",
        ):
            connection.exec_driver_sql(statement)


def test_a_database_of_the_earlier_version_is_brought_up_to_date(engine: sa.Engine) -> None:
    """Its rows stay, its stock opens the ledger, and nothing that allocations do not say is allocated."""
    make_first(engine)

    backend = DatabaseBackend(engine)

    assert backend.health(HealthAsked(deep=True)).problems == ()
    (row,) = backend.inventory(StockFilter()).rows
    assert (row.batch_nbr, row.on_hand, row.allocated) == ("B1", 3, 0)
    assert revision(engine) == HEAD


def test_the_last_guard_is_in_the_table(engine: sa.Engine) -> None:
    """Whatever a program does, no row of stock has less than nothing, or more allocated than there is."""
    make_first(engine)
    bring_to_head(engine)

    for change in ("on_hand_qty = -1", "allocated_qty = -1", "allocated_qty = 4"):
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE inventory SET {change}")


def test_tables_of_somebody_else_are_left_alone(engine: sa.Engine) -> None:
    """A table of one of our names with other columns, or some of ours without the rest, stop everything."""
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE item (id INTEGER PRIMARY KEY, theirs VARCHAR(5))")

    with pytest.raises(ConflictError, match="item exists with other columns"):
        bring_to_head(engine)
    assert sa.inspect(engine).get_table_names() == ["item"]
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE item")
        tables.company.create(connection)
    with pytest.raises(ConflictError, match="allocation, facility"):
        bring_to_head(engine)
    assert sa.inspect(engine).get_table_names() == ["company"]


def test_a_newer_database_is_not_touched(engine: sa.Engine) -> None:
    """A revision that this code does not know is told, and nothing is changed."""
    bring_to_head(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(ConfigError, match="made by a newer flext-pipelines"):
        bring_to_head(engine)


def test_the_first_tables_are_known() -> None:
    """What a database of the earlier version must have are the tables of the first revision."""
    engine = sa.create_engine("sqlite://")
    make_first(engine)

    assert set(sa.inspect(engine).get_table_names()) == BEGAN_WITH
    engine.dispose()
