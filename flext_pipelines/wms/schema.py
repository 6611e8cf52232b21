"""Bringing a warehouse-management database to the newest revision, once per process and under a lock.

A database of an earlier version, whose tables were made without revisions, begins at the first. Tables of our names
that are not ours are left alone.

What belongs here: the look at the revision, and the call of Alembic. What does not: the revisions (``migrations``).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flext_pipelines.errors import ConfigError, ConflictError
from flext_pipelines.wms.engine import READING, beginning
from flext_pipelines.wms.failures import foreign, place_of, translate
from flext_pipelines.wms.migrations import FIRST, HEAD, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

_LOCK = 0x464C57  # "FLW": the PostgreSQL advisory lock under which a database is migrated


def bring_to_head(engine: Engine) -> None:
    """Make the tables, or bring those of an earlier version up to date; one look when they are.

    Raises:
        ConflictError: There are tables of our names with other columns.
        ConfigError: The database is newer than this version of the code.
        UnavailableError: It does not answer.
    """
    if revision(engine) == HEAD:
        return
    with beginning(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        if _revision(connection) != HEAD:  # another process may have migrated it while we waited
            _upgrade(connection, place_of(engine))


def revision(engine: Engine) -> str | None:
    """The database's revision; None when it has none.

    Raises:
        UnavailableError: It does not answer.
    """
    try:
        with engine.connect().execution_options(**{READING: True}) as connection:
            return _revision(connection)
    except foreign(engine) as error:
        raise translate(error, engine) from error


def _revision(connection: Connection) -> str | None:
    from sqlalchemy import column, inspect, select, table

    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(column("version_num")).select_from(table(VERSION_TABLE)))


def _upgrade(connection: Connection, place: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    config = _config(connection)
    try:
        if _revision(connection) is None and _made_before(connection):
            command.stamp(config, FIRST)
        command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            f"The warehouse-management database ({place}) was made by a newer flext-pipelines: {error}",
            "Upgrade flext-pipelines, or point FLEXT_WMS_URL at another database",
        ) from error


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _made_before(connection: Connection) -> bool:
    """Whether our tables are there without a revision.

    Raises:
        ConflictError: Tables of our names have other columns, so that they are somebody else's.
    """
    from sqlalchemy import inspect

    from flext_pipelines.wms.tables import METADATA

    looking = inspect(connection)
    present = set(looking.get_table_names())
    ours = present & METADATA.tables.keys()
    for table in METADATA.sorted_tables:
        if table.name not in ours:
            continue
        found = {column["name"].lower() for column in looking.get_columns(table.name)}
        needed = {column.name for column in table.columns} - ADDED.get(table.name, frozenset())
        if not needed <= found:
            raise ConflictError(
                f"The table {table.name} exists with other columns than ours",
                "Use an empty database, or set FLEXT_WMS_URL to another one",
                {"table": table.name, "missing": sorted(needed - found)},
            )
    if ours and BEGAN_WITH - ours:
        raise ConflictError(
            f"Some tables have the names of ours, but {', '.join(sorted(BEGAN_WITH - ours))} is missing",
            "Use an empty database, or set FLEXT_WMS_URL to another one",
            {"missing": sorted(BEGAN_WITH - ours)},
        )
    return bool(ours)


BEGAN_WITH = frozenset(
    {
        "company", "facility", "item", "location", "inventory", "order_hdr", "order_dtl", "allocation", "ib_shipment",
        "ob_shipment",
    }
)  # fmt: skip
"""The tables of the first revision."""

ADDED = {"inventory": frozenset({"lot_key", "status_code"}), "allocation": frozenset({"ob_shipment_id"})}
"""Columns that came after the first revision."""
