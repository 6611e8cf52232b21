"""The tap's settings: their JSON schema, and what they mean for one table."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from singer_columnar import settings as sending
from singer_columnar.errors import SettingsError
from singer_columnar.settings import FULL_TABLE, INCREMENTAL
from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_flext_sql.table_ref import TableRef

DEFAULT_FETCH_ROWS: Final = 65_536

_TABLE_OPTIONS = th.ObjectType(
    th.Property("replication_method", th.StringType(allowed_values=[FULL_TABLE, INCREMENTAL])),
    th.Property("replication_key", th.StringType),
    th.Property("start_value", th.CustomType({"type": ["string", "integer", "number", "null"]})),
    th.Property("overlap", th.NumberType),
    th.Property("key_properties", th.ArrayType(th.StringType)),
    th.Property("split_key", th.StringType),
    th.Property("split_ranges", th.IntegerType(minimum=1)),
)

CONFIG_JSONSCHEMA: Final[dict[str, Any]] = th.PropertiesList(
    th.Property(
        "sqlalchemy_url",
        th.StringType,
        secret=True,
        title="SQLAlchemy URL",
        description="URL of the database, for example sqlite:////data/wms.db, "
        "postgresql://user:password@host/database or oracle://user:password@host:1521/?service_name=WMS. "
        "Give it, or the parts below.",
    ),
    th.Property(
        "dialect",
        th.StringType,
        title="Dialect",
        description="SQLAlchemy name of the database: sqlite, postgresql, oracle, or any other that is installed.",
    ),
    th.Property("host", th.StringType, title="Host", description="Host name of the database server."),
    th.Property("port", th.IntegerType, title="Port", description="Port of the database server."),
    th.Property(
        "database",
        th.StringType,
        title="Database",
        description="Name of the database; for SQLite the path of its file.",
    ),
    th.Property("user", th.StringType, title="User", description="Database user."),
    th.Property("password", th.StringType, secret=True, title="Password", description="Password of the user."),
    th.Property("service_name", th.StringType, title="Service name", description="Oracle: service name."),
    th.Property("dsn", th.StringType, title="DSN", description="Oracle: TNS alias or full connect descriptor."),
    th.Property(
        "url_options",
        th.ObjectType(additional_properties=th.StringType),
        title="URL options",
        description='Further options of the URL\'s query part, for example {"sslmode": "require"}.',
    ),
    th.Property(
        "schemas",
        th.ArrayType(th.StringType),
        title="Schemas",
        description="Schemas to discover. Default: the user's own schema (SQLite: main).",
    ),
    th.Property(
        "tables",
        th.ArrayType(th.StringType),
        default=["*"],
        title="Tables",
        description="Globs of the tables to discover, matched with the table's name and with schema.table.",
    ),
    th.Property(
        "exclude_tables",
        th.ArrayType(th.StringType),
        default=[],
        title="Excluded tables",
        description="Globs of tables to leave out.",
    ),
    th.Property("include_views", th.BooleanType, default=True, title="Views", description="Discover views too."),
    th.Property(
        "stream_naming",
        th.StringType(allowed_values=["auto", "table", "schema-table"]),
        default="auto",
        title="Stream naming",
        description="table: stream is the table's name; schema-table: <schema>-<table>; "
        "auto: table when there is only one schema to discover, else schema-table.",
    ),
    th.Property(
        "replication_key",
        th.StringType,
        title="Default replication key",
        description="Tables that have this column are read incrementally by it, unless table_options say otherwise.",
    ),
    th.Property(
        "table_options",
        th.ObjectType(additional_properties=_TABLE_OPTIONS),
        default={},
        title="Table options",
        description="Options by table glob, the last matching glob wins for each option: replication_method, "
        "replication_key, start_value, overlap, key_properties, split_key, split_ranges.",
    ),
    th.Property(
        "start_date",
        th.StringType,
        title="Start date",
        description="Start value of every date or timestamp replication key without a bookmark, ISO 8601.",
    ),
    th.Property(
        "end_date",
        th.StringType,
        title="End date",
        description="Rows whose date or timestamp replication key is this or later are not read, ISO 8601: "
        "the end of a partition.",
    ),
    th.Property(
        "overlap_seconds",
        th.NumberType(minimum=0),
        default=0,
        title="Overlap for timestamps",
        description="An incremental run starts so many seconds before the bookmark, to see rows that were committed "
        "late. The target must be idempotent (upsert).",
    ),
    th.Property(
        "overlap_count",
        th.IntegerType(minimum=0),
        default=0,
        title="Overlap for integer keys",
        description="An incremental run starts so many key values before the bookmark.",
    ),
    th.Property(
        "timezone",
        th.StringType,
        default="UTC",
        title="Time zone of naive timestamps",
        description="IANA name of the zone in which timestamp keys without a zone are written; used only to compare "
        "them with the database's clock.",
    ),
    th.Property(
        "count_null_keys",
        th.BooleanType,
        default=True,
        title="Count NULL keys",
        description="In an incremental run, count the rows whose replication key is NULL (they are not read) and "
        "warn. Turn it off where the count is dear.",
    ),
    th.Property(
        "fetch_rows",
        th.IntegerType(minimum=1),
        default=DEFAULT_FETCH_ROWS,
        title="Fetch size",
        description="Most rows fetched from the database at once; a stop request waits for one fetch at most.",
    ),
    sending.BATCH_ROWS,
    th.Property(
        "split_ranges",
        th.IntegerType(minimum=1),
        default=1,
        title="Key ranges",
        description="Read a full table in so many ranges of its split_key (or single integer or timestamp primary "
        "key), several at a time, emitted in order. 1 does not split.",
    ),
    th.Property(
        "split_parallel",
        th.IntegerType(minimum=1, maximum=32),
        default=2,
        title="Ranges at a time",
        description="Most ranges (and connections) read at the same time.",
    ),
    sending.ON_MISFIT,
    sending.EMIT_ACTIVATE_VERSION_MESSAGES,
    sending.BATCH_CONFIG,
).to_dict()


@dataclass(frozen=True)
class TableOptions:
    """What the settings say about one table.

    Attributes:
        replication_method: FULL_TABLE, INCREMENTAL, or None when nothing is said.
        replication_key: Its replication key, or None.
        start_value: First key value to read when there is no bookmark, as given.
        overlap: Overlap of this table, None for the general one.
        key_properties: Key columns in place of the primary key.
        split_key: Column to split by.
        split_ranges: Number of ranges, None for the general one.
    """

    replication_method: str | None = None
    replication_key: str | None = None
    start_value: str | int | float | None = None
    overlap: float | None = None
    key_properties: tuple[str, ...] | None = None
    split_key: str | None = None
    split_ranges: int | None = None


def matches(table: TableRef, globs: Sequence[str]) -> bool:
    """Whether a table's name, or ``schema.table``, matches one of the globs; letter case does not matter."""
    names = (table.name.lower(), str(table).lower())
    return any(fnmatch.fnmatchcase(name, glob.lower()) for name in names for glob in globs)


def wanted(table: TableRef, config: Mapping[str, Any]) -> bool:
    """Whether the settings ``tables`` and ``exclude_tables`` let a table in."""
    return matches(table, config.get("tables") or ["*"]) and not matches(table, config.get("exclude_tables") or [])


def options_for(table: TableRef, columns: Sequence[str], config: Mapping[str, Any]) -> TableOptions:
    """Gather what the settings say about a table.

    Args:
        table: The table.
        columns: Names of its columns.
        config: The tap's settings.

    Returns:
        The table's options.

    Raises:
        SettingsError: If an option names a column that the table does not have.
    """
    found: dict[str, Any] = {}
    for glob, options in (config.get("table_options") or {}).items():
        if matches(table, [glob]):
            found |= {name: value for name, value in options.items() if value is not None}
    default_key = config.get("replication_key")
    if default_key in columns and found.get("replication_method") != FULL_TABLE:
        found.setdefault("replication_key", default_key)
    if found.get("replication_method") == INCREMENTAL and not found.get("replication_key"):
        raise SettingsError(
            f"Table '{table}' is to be read incrementally, but has no replication_key",
            "Set replication_key in table_options, or replication_method to FULL_TABLE.",
        )
    keys = found.get("key_properties")
    named = [found.get("replication_key"), found.get("split_key"), *(keys or [])]
    for name in named:
        if name is not None and name not in columns:
            raise SettingsError(
                f"table_options name column '{name}', which table '{table}' does not have",
                f"Its columns are: {', '.join(columns)}.",
            )
    return TableOptions(**{**found, "key_properties": tuple(keys) if keys else None})
