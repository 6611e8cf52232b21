"""Connections: the only code that talks to a database.

What belongs here: connecting, transactions, running SQL text, feeding Arrow tables, and turning the driver's
exceptions into ours. What does not: SQL text (``dialects/``) or decisions (``warehouse.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

    from target_flext_sql.dialects.base import Dialect


class Driver(Protocol):
    """One connection. Every method raises `WarehouseError` for a fault of the database."""

    def warm(self) -> None:
        """Import the database's library, while the tap is still starting."""

    def connect(self) -> None:
        """Open the connection; waits for a lock up to `lock_timeout`."""

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""

    def begin(self) -> None:
        """Start a transaction."""

    def commit(self) -> None:
        """Commit; when it returns, the rows are safe."""

    def rollback(self) -> None:
        """Roll back; never raises, since it is called on the way out."""

    def execute(self, sql: str) -> int:
        """Run a statement and return the rows affected, -1 if the database does not say."""

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""

    def ingest(self, schema: str | None, table: str, data: pa.Table, *, stage: bool = False) -> int:
        """Append an Arrow table to a table (a staging table if `stage`) and return the rows written."""

    def lock(self, name: str) -> None:
        """Hold a lock on a table's load until the connection closes, where others could load it at once."""


def open_driver(settings: Mapping[str, Any]) -> tuple[Dialect, Driver]:
    """Make the dialect and driver that the settings name, without connecting.

    Args:
        settings: The target's configuration.

    Returns:
        Dialect and driver.

    Raises:
        SettingsError: The settings name no database, or lack its place.
    """
    from target_flext_sql.errors import SettingsError

    kind = settings.get("dialect") or "duckdb"
    case, prefix = settings.get("naming"), settings.get("table_prefix") or ""
    if kind == "duckdb":
        from target_flext_sql.dialects.duckdb import DuckDBDialect
        from target_flext_sql.drivers.duckdb import DuckDBDriver

        return DuckDBDialect(case=case, table_prefix=prefix), DuckDBDriver(settings)
    if kind == "postgresql":
        from target_flext_sql.dialects.postgres import PostgresDialect
        from target_flext_sql.drivers.postgres import PostgresDriver

        return PostgresDialect(case=case, table_prefix=prefix), PostgresDriver(settings)
    if kind == "oracle":
        from target_flext_sql.dialects.oracle import OracleDialect
        from target_flext_sql.drivers.oracle import OracleDriver

        return OracleDialect(case=case, table_prefix=prefix), OracleDriver(settings)
    raise SettingsError(f"Unknown dialect '{kind}'", next_step="set it to duckdb, postgresql or oracle")
