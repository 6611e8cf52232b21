"""Find the tables of the database and their columns."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import sqlite3
import warnings
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from singer_columnar.columns import Column, Kind
from singer_columnar.errors import SettingsError

from tap_flext_sql.catalog import FoundTable, catalog_entry, stream_name
from tap_flext_sql.errors import explain
from tap_flext_sql.settings import wanted
from tap_flext_sql.table_ref import TableRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_columnar.reading import CatalogDict

    from tap_flext_sql.source import Source

_logger = logging.getLogger("tap-flext-sql")

_SQLITE_TABLES: Final = r"""
    SELECT name, type FROM sqlite_master
    WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name
"""
_SQLITE_COLUMNS: Final = """
    SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid
"""
_SAMPLE_ROWS: Final = 100


def discover(source: Source, config: Mapping[str, Any]) -> list[CatalogDict]:
    """Build the catalog.

    Args:
        source: The database.
        config: The tap's settings.

    Returns:
        One entry per table and view that the settings want, sorted by stream name.

    Raises:
        TapError: If the database cannot be read, or the settings name something that it does not have.
    """
    schemas: list[str] = list(config.get("schemas") or [])
    if source.dialect == "sqlite":
        if [schema for schema in schemas if schema != "main"]:
            raise SettingsError("SQLite has only the schema main", "Remove the setting schemas.")
        found = _sqlite_tables(source.path, config)
    else:
        found = _reflected_tables(source, schemas, config)
    naming = config.get("stream_naming") or "auto"
    single = len({table.table.schema for table in found}) <= 1 or len(schemas) == 1
    entries = [catalog_entry(table, stream_name(table.table, naming, single_schema=single), config) for table in found]
    entries.sort(key=lambda entry: str(entry["tap_stream_id"]))
    for first, second in itertools.pairwise(entries):
        if first["tap_stream_id"] == second["tap_stream_id"]:
            raise SettingsError(
                f"Two tables would both become stream '{first['tap_stream_id']}'",
                "Set stream_naming to schema-table, or exclude one of them.",
            )
    return entries


def _sqlite_tables(path: str, config: Mapping[str, Any]) -> list[FoundTable]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)) as connection:
            found = []
            for name, kind in connection.execute(_SQLITE_TABLES).fetchall():
                is_view = kind == "view"
                if not wanted(TableRef(None, name), config) or (is_view and not config.get("include_views", True)):
                    continue
                try:
                    found.append(_sqlite_table(connection, name, is_view))
                except sqlite3.OperationalError as error:
                    if not is_view:
                        raise
                    _logger.warning("View '%s' is left out, because SQLite cannot read it: %s", name, error)
            return found
    except sqlite3.Error as error:
        raise explain(error, f"SQLite file {path}") from error


def _sqlite_table(connection: sqlite3.Connection, name: str, is_view: bool) -> FoundTable:
    from tap_flext_sql.sqlite_types import column_from_declared

    rows = connection.execute(_SQLITE_COLUMNS, (name,)).fetchall()
    keys = tuple(row[0] for row in sorted(rows, key=lambda row: int(row[3])) if row[3])
    columns = [
        column_from_declared(column, declared, nullable=not never_null and column not in keys)
        for column, declared, never_null, _ in rows
    ]
    columns = _with_zones(connection, name, columns)
    keys = keys or _sqlite_unique_key(connection, name, columns)
    return FoundTable(TableRef(None, name), tuple(columns), keys, is_view)


def _with_zones(connection: sqlite3.Connection, table: str, columns: Sequence[Column]) -> list[Column]:
    """Timestamps with an offset in their texts hold instants, though SQLite's TIMESTAMP does not say so.

    A column whose first texts all have an offset is one with a time zone.
    """
    import sqlalchemy as sa
    from sqlalchemy.dialects import sqlite

    naive = [column for column in columns if column.kind is Kind.TIMESTAMP]
    if not naive:
        return list(columns)
    few = sa.select(*[sa.column(c.name) for c in naive]).select_from(sa.table(table))
    sql = few.limit(_SAMPLE_ROWS).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    rows = connection.execute(str(sql)).fetchall()
    zoned = set()
    for index, column in enumerate(naive):
        texts = [row[index] for row in rows if row[index] is not None]
        if texts and all(_has_offset(text) for text in texts):
            zoned.add(column.name)
    return [dataclasses.replace(c, kind=Kind.TIMESTAMP_TZ) if c.name in zoned else c for c in columns]


def _has_offset(text: object) -> bool:
    tail = text[19:] if isinstance(text, str) else ""
    return tail.endswith("Z") or "+" in tail or "-" in tail


def _sqlite_unique_key(connection: sqlite3.Connection, table: str, columns: Sequence[Column]) -> tuple[str, ...]:
    """The first unique index on columns that are never NULL."""
    never_null = {column.name for column in columns if not column.nullable}
    indexes = connection.execute(
        'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial ORDER BY seq DESC', (table,)
    ).fetchall()
    for (index,) in indexes:
        names = [row[0] for row in connection.execute("SELECT name FROM pragma_index_info(?)", (index,))]
        if names and set(names) <= never_null:
            return tuple(names)
    return ()


def _reflected_tables(source: Source, schemas: Sequence[str], config: Mapping[str, Any]) -> list[FoundTable]:
    import sqlalchemy as sa
    from sqlalchemy.engine.reflection import ObjectKind

    engine = source.engine()
    # A type that SQLAlchemy does not know is read as text: nothing to warn of.
    warnings.filterwarnings("ignore", message="Did not recognize type", category=sa.exc.SAWarning)
    kinds = [(ObjectKind.TABLE, False)]
    if config.get("include_views", True):
        kinds.append((ObjectKind.ANY_VIEW, True))
    try:
        with engine.connect() as connection:
            inspector = sa.inspect(connection)
            default = inspector.default_schema_name
            _check_schemas(schemas, inspector)
            return [
                table
                for schema in (schemas or ([default] if default else []))
                for kind, is_view in kinds
                for table in _tables_of(inspector, schema, kind, is_view, default, config)
            ]
    except (sa.exc.SQLAlchemyError, OSError) as error:
        raise explain(error, f"schemas {', '.join(schemas)}" if schemas else "the default schema") from error
    finally:
        engine.dispose()


def _check_schemas(schemas: Sequence[str], inspector: Any) -> None:
    known = set(inspector.get_schema_names())
    missing = [schema for schema in schemas if schema not in known]
    if missing:
        raise SettingsError(
            f"The database has no schema '{missing[0]}'",
            f"The setting schemas may name: {', '.join(sorted(known))}.",
        )


def _tables_of(
    inspector: Any,
    schema: str | None,
    kind: Any,
    is_view: bool,
    default: str | None,
    config: Mapping[str, Any],
) -> list[FoundTable]:
    from tap_flext_sql.sql_types import column_from_sql_type

    columns_by_table = inspector.get_multi_columns(schema=schema, kind=kind)
    keys_by_table = {} if is_view else inspector.get_multi_pk_constraint(schema=schema, kind=kind)
    indexes_by_table = {} if is_view else inspector.get_multi_indexes(schema=schema, kind=kind)
    result = []
    for place, reflected in columns_by_table.items():
        table = TableRef(schema, place[1])
        if not wanted(table, config):
            continue
        keys = tuple((keys_by_table.get(place) or {}).get("constrained_columns") or ())
        columns = tuple(
            column_from_sql_type(c["name"], c["type"], bool(c.get("nullable", True)) and c["name"] not in keys,
                                 inspector.dialect)
            for c in reflected
        )  # fmt: skip
        keys = keys or _unique_key(indexes_by_table.get(place) or [], columns)
        result.append(FoundTable(table, columns, keys, is_view, schema == default))
    return result


def _unique_key(indexes: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> tuple[str, ...]:
    """The first unique index on columns that are never NULL."""
    never_null = {column.name for column in columns if not column.nullable}
    for index in indexes:
        names = index.get("column_names") or []
        partial = any(key.endswith("_where") and value for key, value in (index.get("dialect_options") or {}).items())
        if index.get("unique") and names and not partial and set(names) <= never_null:
            return tuple(names)
    return ()
