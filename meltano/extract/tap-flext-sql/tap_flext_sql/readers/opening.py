"""Choose the reader for a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_flext_sql.settings import DEFAULT_FETCH_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_flext_sql.readers.protocol import Reader
    from tap_flext_sql.source import Source


def open_reader(source: Source, config: Mapping[str, Any], snapshot: str | None = None) -> Reader:
    """Open a connection.

    Args:
        source: The database.
        config: The tap's settings.
        snapshot: What ``share_snapshot`` of another reader gave, to read the same state of the database.

    Returns:
        A reader with its own connection.

    Raises:
        TapError: If the database cannot be opened.
    """
    rows = int(config.get("fetch_rows") or DEFAULT_FETCH_ROWS)
    match source.dialect:
        case "sqlite":
            from tap_flext_sql.readers.sqlite import SqliteReader

            return SqliteReader(source.path, rows)
        case "postgresql":
            from tap_flext_sql.readers.postgresql import PostgresReader

            return PostgresReader(source, rows, snapshot)
        case "oracle":
            from tap_flext_sql.readers.oracle import OracleReader

            return OracleReader.connect(source, rows)
        case _:
            from tap_flext_sql.readers.rows import RowsReader

            return RowsReader(source, rows)
