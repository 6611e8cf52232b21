"""Every setting of the target, as JSON schema (what ``--about`` shows and Meltano's plugin definition is made from)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from target_flext_sql.errors import SettingsError

_METHODS = ["append", "upsert", "overwrite"]


def _setting(kind: str | list[str], title: str, description: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "title": title, "description": description, **more}


def _text(title: str, description: str, **more: Any) -> dict[str, Any]:
    return _setting(["string", "null"], title, description, **more)


CONFIG_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "dialect": _setting(
            "string",
            "Database",
            "Which database to load into.",
            enum=["duckdb", "postgresql", "oracle"],
            default="duckdb",
        ),
        "path": _text("DuckDB file", "DuckDB: the file to load into; it and its folder are made if missing."),
        "host": _text("Host", "PostgreSQL, Oracle: host name."),
        "port": _setting(["integer", "null"], "Port", "PostgreSQL (default 5432), Oracle (default 1521)."),
        "database": _text("Database name", "PostgreSQL: database. Oracle: service name."),
        "user": _text("User", "PostgreSQL, Oracle: user name."),
        "password": _text("Password", "PostgreSQL, Oracle: password.", secret=True),
        "sqlalchemy_url": _text(
            "Database URL",
            "A URL instead of the single settings; it also says which database: duckdb:////data/warehouse.duckdb, "
            "postgresql://user:password@host:port/database, oracle://user:password@host:port/?service_name=NAME.",
            secret=True,
        ),
        "dsn": _text(
            "Oracle DSN", "Oracle: a whole connect string (EZConnect or TNS) instead of host, port, database."
        ),
        "protocol": _setting("string", "Protocol", "Oracle: tcp or tcps.", enum=["tcp", "tcps"], default="tcp"),
        "ssl_mode": _text("SSL mode", "PostgreSQL: libpq's sslmode, e.g. require or verify-full."),
        "load_method": _text(
            "Load method",
            "append, upsert or overwrite, for every stream. Default: upsert where a stream has keys, otherwise append.",
            enum=[*_METHODS, "append-only", None],
        ),
        "stream_load_methods": _setting(
            ["object", "null"],
            "Load methods by stream",
            "Load method of single streams, by stream name; * and ? match any characters, the first match counts.",
            additionalProperties={"type": "string", "enum": [*_METHODS, "append-only"]},
        ),
        "publish_on": _setting(
            "string",
            "Publish an overwrite on",
            "complete: only when the tap says that a stream is whole (ACTIVATE_VERSION after its last row, or progress "
            "markers that go away). end_of_input: when the input ends at a message's end; a tap that was killed just "
            "there would publish a part.",
            enum=["complete", "end_of_input"],
            default="complete",
        ),
        "hard_delete": _setting(
            "boolean",
            "Hard delete",
            "On ACTIVATE_VERSION remove rows that the source no longer has; false: keep them and set _sdc_deleted_at.",
            default=True,
        ),
        "load_key": _text(
            "Load key",
            "A name for what this run loads, e.g. a partition. An append without replication key replaces what an "
            "earlier run with the same key appended, finished or not.",
        ),
        "default_target_schema": _text(
            "Target schema",
            "Schema of all tables. Default: the first part of the stream name, or the connection's own.",
        ),
        "table_prefix": _text("Table prefix", "Put in front of every table name."),
        "naming": _text(
            "Letter case of names",
            "preserve, lower or upper. Default: preserve; upper on Oracle.",
            enum=["preserve", "lower", "upper", None],
        ),
        "max_rejects": _setting(
            ["string", "integer", "null"],
            "Most rejects",
            "Rows of one stream that may break the schema before the load fails: a number or a percentage (5%). "
            "Default: no limit; good rows are loaded, bad rows are kept with their reason in <table>__rejects.",
        ),
        "batch_size_rows": _setting(
            "integer", "Rows of a batch", "RECORD messages: rows in one transaction.", default=50_000, minimum=1
        ),
        "batch_size_bytes": _setting(
            "integer",
            "Bytes of a batch",
            "RECORD messages: bytes of input in one transaction, if fewer rows.",
            default=64_000_000,
            minimum=1,
        ),
        "batch_wait_seconds": _setting(
            "number", "Longest wait", "RECORD messages: seconds after which waiting rows are loaded.", default=60
        ),
        "batch_config": _setting(
            ["object", "null"],
            "Batch storage",
            "storage.params are passed to the file system of batch files that are not local.",
            properties={
                "encoding": {"type": ["object", "null"], "description": "Ignored: each BATCH message names its own."},
                "storage": {
                    "type": ["object", "null"],
                    "description": "Where batch files lie.",
                    "properties": {
                        "root": {"type": ["string", "null"]},
                        "prefix": {"type": ["string", "null"]},
                        "params": {"type": ["object", "null"]},
                    },
                },
            },
        ),
        "remove_loaded_batches": _setting(
            "boolean", "Remove loaded batches", "Delete a local batch file after its rows are committed.", default=False
        ),
        "validate_records": _setting(
            "boolean",
            "Validate records",
            "RECORD messages: check enum, pattern and nested objects too; types, required, length, range always are.",
            default=True,
        ),
        "add_record_metadata": _setting(
            "boolean", "Add record metadata", "Add the SDK's _sdc_ columns to every table.", default=False
        ),
        "process_activate_version_messages": _setting(
            "boolean", "Process ACTIVATE_VERSION", "Act on ACTIVATE_VERSION messages.", default=True
        ),
        "loads_retention_days": _setting(
            "integer",
            "Days to keep bookkeeping",
            "Days that finished loads stay in _flext_loads.",
            default=30,
            minimum=1,
        ),
        "lock_timeout": _setting(
            "number",
            "Lock timeout",
            "Seconds to wait for a DuckDB file or a table that another load holds.",
            default=30,
        ),
        "connect_timeout": _setting(
            "integer", "Connect timeout", "Seconds to wait for a server.", default=15, minimum=1
        ),
        "duckdb_memory_limit": _setting(
            "string", "DuckDB memory", "Memory that DuckDB may use before it spills to disk.", default="128MB"
        ),
        "duckdb_threads": _setting("integer", "DuckDB threads", "Threads of DuckDB.", default=2, minimum=1),
    },
}


def load_method(config: Mapping[str, Any], stream: str) -> Any:
    """Return the load method that the settings give a stream, None to choose by its keys.

    Args:
        config: The configuration.
        stream: Stream name.
    """
    from fnmatch import fnmatchcase

    chosen = config.get("load_method") or None
    for pattern, method in (config.get("stream_load_methods") or {}).items():
        if fnmatchcase(stream, pattern):
            chosen = method
            break
    return "append" if chosen == "append-only" else chosen


_DIALECTS = {"duckdb": "duckdb", "postgresql": "postgresql", "postgres": "postgresql", "oracle": "oracle"}


def with_url(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with what `sqlalchemy_url` says in their places.

    Args:
        config: The configuration.

    Raises:
        SettingsError: The URL names no database that can be loaded. Its text is not repeated: it may hold a password.
    """
    url = config.get("sqlalchemy_url")
    if not url:
        return dict(config)
    parts = urlsplit(str(url))
    dialect = _DIALECTS.get(parts.scheme.partition("+")[0])
    if dialect is None:
        raise SettingsError(
            f"sqlalchemy_url begins with {parts.scheme or 'no scheme'!r}",
            next_step="give a URL that begins with duckdb:///, postgresql:// or oracle://",
        )
    found: dict[str, Any] = {"dialect": dialect}
    if dialect == "duckdb":
        # As in every SQLAlchemy URL, three slashes come before a relative path and four before an absolute one.
        found["path"] = unquote(parts.path[1:])
    elif dialect == "oracle":
        options = parse_qs(parts.query)
        found |= {
            "host": parts.hostname,
            "port": parts.port,
            "user": unquote(parts.username or "") or None,
            "password": unquote(parts.password or "") or None,
            "database": options.get("service_name", [unquote(parts.path.strip("/"))])[0] or None,
        }
    return {**config, **{name: value for name, value in found.items() if value is not None}}


def check(config: Mapping[str, Any]) -> None:
    """Refuse settings that JSON schema cannot refuse, before anything is read.

    Args:
        config: The configuration.

    Raises:
        SettingsError: Settings are missing.
    """
    dialect = config.get("dialect") or "duckdb"
    if dialect == "duckdb" and not config.get("path"):
        raise SettingsError("The setting 'path' is missing", next_step="set it to the DuckDB file to load into")
    if dialect == "postgresql" and not config.get("sqlalchemy_url"):
        missing = [name for name in ("host", "database", "user") if not config.get(name)]
        if missing:
            raise SettingsError(
                f"PostgreSQL needs the settings {', '.join(missing)}", next_step="set them, or sqlalchemy_url"
            )
    if dialect == "oracle":
        missing = [name for name in ("user", "password") if not config.get(name)]
        if not config.get("dsn"):
            missing += [name for name in ("host", "database") if not config.get(name)]
        if missing:
            raise SettingsError(
                f"Oracle needs the settings {', '.join(missing)}", next_step="set them (dsn replaces host and database)"
            )
