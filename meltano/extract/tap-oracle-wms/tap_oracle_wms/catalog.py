"""Catalog entries: from an entity's metadata to Singer's catalog, and back to what to read."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from singer_columnar.columns import Kind
from singer_columnar.errors import SettingsError
from singer_columnar.reading import StreamPlan
from singer_columnar.settings import FULL_TABLE, INCREMENTAL

from tap_oracle_wms.columns import EntityColumn, entity_column_from_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from singer_columnar.reading import CatalogDict

KEY: Final = "id"
_CONTEXTS: Final = ("company_id", "facility_id")


@dataclass(frozen=True, kw_only=True)
class EntityPlan(StreamPlan):
    """What a catalog entry says of reading its entity; it is named as its stream.

    Attributes:
        contexts: Which of the fields company_id and facility_id its rows have.
    """

    columns: Mapping[str, EntityColumn]
    contexts: tuple[str, ...]


def catalog_entry(entity: str, columns: Sequence[EntityColumn], config: Mapping[str, Any]) -> CatalogDict:
    """Describe an entity as a Singer catalog entry.

    Args:
        entity: Its name.
        columns: Its columns.
        config: The tap's settings; they give the replication method.

    Returns:
        The entry.

    Raises:
        SettingsError: It has no id, or its replication key is no time.
    """
    by_name = {column.name: column for column in columns}
    if KEY not in by_name:
        raise SettingsError(f"Entity '{entity}' has no field '{KEY}'", "Leave it out of the setting entities.")
    key = _replication_key(entity, by_name, config)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {column.name: column.json_schema() for column in columns},
        "required": [KEY],
    }
    method = INCREMENTAL if key else FULL_TABLE
    root: dict[str, Any] = {
        "inclusion": "available",
        "table-key-properties": [KEY],
        "forced-replication-method": method,
    }
    if key:
        root |= {"replication-key": key, "valid-replication-keys": [key]}
    entry: CatalogDict = {
        "tap_stream_id": entity,
        "stream": entity,
        "key_properties": [KEY],
        "replication_method": method,
        "schema": schema,
        "metadata": [
            *(
                {
                    "breadcrumb": ["properties", name],
                    "metadata": {"inclusion": "automatic" if name in {KEY, key} else "available"},
                }
                for name in by_name
            ),
            {"breadcrumb": [], "metadata": root},
        ],
    }
    return {**entry, "replication_key": key} if key else entry


def _replication_key(entity: str, columns: Mapping[str, EntityColumn], config: Mapping[str, Any]) -> str | None:
    key = str(config.get("replication_key") or "mod_ts")
    wanted = config.get("enable_incremental", True)
    if not wanted or key not in columns or matches(entity, config.get("full_table_entities") or []):
        return None
    if columns[key].kind is not Kind.TIMESTAMP_TZ:
        raise SettingsError(
            f"Replication key '{key}' of entity '{entity}' is not a date and time but {columns[key].kind}",
            "Choose another replication_key, or name the entity in full_table_entities.",
        )
    return key


def matches(entity: str, globs: Sequence[str]) -> bool:
    """Whether an entity's name matches one of the globs."""
    return any(fnmatch.fnmatchcase(entity, glob) for glob in globs)


def plan_from_entry(entry: Mapping[str, Any]) -> EntityPlan:
    """Read a catalog entry, as ``catalog_entry`` wrote it, or as a user or Meltano changed it.

    Raises:
        SettingsError: The replication method needs a key that the stream does not have.
    """
    root: Mapping[str, Any] = next((one["metadata"] for one in entry.get("metadata", []) if not one["breadcrumb"]), {})
    columns = {name: entity_column_from_schema(name, schema) for name, schema in entry["schema"]["properties"].items()}
    method = entry.get("replication_method") or root.get("replication-method") or root.get("forced-replication-method")
    key = entry.get("replication_key") or root.get("replication-key")
    name = str(entry["tap_stream_id"])
    if method == INCREMENTAL and key not in columns:
        raise SettingsError(
            f"Stream '{name}' is to be read incrementally by '{key}', which it does not have",
            "Correct the catalog, or run discovery again (with Meltano: --refresh-catalog).",
        )
    return EntityPlan(
        name=name,
        key_properties=(KEY,),
        columns=columns,
        replication_method=INCREMENTAL if method == INCREMENTAL else FULL_TABLE,
        replication_key=key if method == INCREMENTAL else None,
        contexts=tuple(one for one in _CONTEXTS if any(column.path == (one,) for column in columns.values())),
    )
