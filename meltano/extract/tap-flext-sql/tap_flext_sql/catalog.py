"""Catalog entries: from what discovery found to Singer's catalog, and back to a table to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_columnar.columns import Column, JsonSchema, column_from_schema
from singer_columnar.reading import StreamPlan
from singer_columnar.settings import FULL_TABLE, INCREMENTAL

from tap_flext_sql.settings import TableOptions, options_for
from tap_flext_sql.table_ref import TableRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from singer_columnar.reading import CatalogDict


@dataclass(frozen=True)
class FoundTable:
    """A table or view that discovery found.

    Attributes:
        table: Its schema and name.
        columns: Its columns in order.
        primary_key: Its key columns: the primary key, or a unique index without nullable columns.
        is_view: Whether it is a view.
        in_default_schema: Whether its schema is the one that the connection uses by default.
    """

    table: TableRef
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    is_view: bool = False
    in_default_schema: bool = True


def stream_name(table: TableRef, naming: str, *, single_schema: bool) -> str:
    """The stream's name.

    Args:
        table: The table.
        naming: The setting ``stream_naming``.
        single_schema: Whether only one schema is read.

    Returns:
        ``<table>`` or ``<schema>-<table>``.
    """
    short = naming == "table" or (naming == "auto" and single_schema)
    return table.name if short or not table.schema else f"{table.schema}-{table.name}"


def catalog_entry(found: FoundTable, name: str, config: Mapping[str, Any]) -> CatalogDict:
    """Describe a table as a Singer catalog entry.

    Args:
        found: The table.
        name: The stream's name.
        config: The tap's settings; they give the table's replication method and keys.

    Returns:
        The entry.
    """
    names = [column.name for column in found.columns]
    options = options_for(found.table, names, config)
    keys = list(options.key_properties or found.primary_key)
    method = _method(options)
    schema: JsonSchema = {
        "type": "object",
        "properties": {column.name: column.json_schema() for column in found.columns},
    }
    if keys:
        schema["required"] = keys
    key = options.replication_key if method == INCREMENTAL else None
    root: dict[str, Any] = {
        "inclusion": "available",
        "table-key-properties": keys,
        "forced-replication-method": method,
        "is-view": found.is_view,
    }
    if found.table.schema:
        root["schema-name"] = found.table.schema
    if key:
        root |= {"replication-key": key, "valid-replication-keys": [key]}
    entry: CatalogDict = {
        "tap_stream_id": name,
        "stream": name,
        "table_name": found.table.name,
        "key_properties": keys,
        "replication_method": method,
        "schema": schema,
        "is_view": found.is_view,
        "metadata": [*_column_metadata(names, {*keys, key}), {"breadcrumb": [], "metadata": root}],
    }
    return {**entry, "replication_key": key} if key else entry


def _method(options: TableOptions) -> str:
    if options.replication_method:
        return options.replication_method
    return INCREMENTAL if options.replication_key else FULL_TABLE


def _column_metadata(names: Iterable[str], always: set[str | None]) -> list[dict[str, Any]]:
    return [
        {
            "breadcrumb": ["properties", name],
            "metadata": {"inclusion": "automatic" if name in always else "available"},
        }
        for name in names
    ]


@dataclass(frozen=True, kw_only=True)
class TablePlan(StreamPlan):
    """What a catalog entry asks for.

    Attributes:
        table: The table to read.
    """

    table: TableRef


def plan_from_entry(entry: CatalogDict) -> TablePlan:
    """Read a catalog entry, as discovery wrote it and as a user or Meltano may have changed it.

    Args:
        entry: The entry. Stream-level keys win over root metadata, as in the SDK.

    Returns:
        What to do.
    """
    root: dict[str, Any] = next((m["metadata"] for m in entry.get("metadata", []) if not m["breadcrumb"]), {})
    key = entry.get("replication_key") or root.get("replication-key")
    method = entry.get("replication_method") or root.get("replication-method") or root.get("forced-replication-method")
    method = method or (INCREMENTAL if key else FULL_TABLE)
    keys = entry.get("key_properties") or root.get("table-key-properties") or []
    properties = entry.get("schema", {}).get("properties", {})
    return TablePlan(
        name=entry.get("stream") or entry["tap_stream_id"],
        table=TableRef(root.get("schema-name"), entry.get("table_name") or entry["tap_stream_id"]),
        columns={name: column_from_schema(name, schema) for name, schema in properties.items()},
        key_properties=tuple(keys),
        replication_method=method,
        replication_key=key if method == INCREMENTAL else None,
    )
