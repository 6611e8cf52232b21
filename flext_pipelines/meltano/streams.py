"""The streams of a tap, from its catalog and the rules that Meltano applies to it.

Rules are applied by Meltano's own code on a copy of the catalog, in Meltano's order (``SingerTap.apply_catalog_rules``
of meltano 4.4.1): schema, then everything deselected, ``select``, ``metadata``, ``select_filter``.

What belongs here: catalog to values. What does not: asking a tap for its catalog (``discovery``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from meltano.core.plugin.singer.catalog import (
    ListSelectedExecutor,
    MetadataExecutor,
    SchemaExecutor,
    SelectPattern,
    select_filter_metadata_rules,
    select_metadata_rules,
    visit,
)
from meltano.core.plugin.singer.tap import config_metadata_rules, config_schema_rules

from flext_pipelines.errors import ConfigError
from flext_pipelines.meltano.catalogue import Stream, json_type

_WILDCARD = frozenset("*?[")


def streams_of(
    tap: str, catalog: Path | None, extras: Mapping[str, object], capabilities: tuple[str, ...]
) -> tuple[Stream, ...]:
    """The streams of a tap.

    Args:
        tap: Its name.
        catalog: A file with its catalog, as the tap wrote it; None when none is known.
        extras: Its effective extras (``_select``, ``_metadata``, ``_schema``, ``_select_filter``, ``_catalog``).
        capabilities: What it can do; rules apply only to taps that take a catalog.

    Raises:
        ConfigError: The catalog file is no Singer catalog.
    """
    if catalog is None:
        return _named_by_rules(tap, extras)
    found = read_catalog(catalog)
    ruled = bool({"catalog", "properties"} & set(capabilities))
    if ruled:
        apply_rules(found, extras)
    return tuple(_stream(tap, entry, ruled=ruled) for entry in _entries(found))


def read_catalog(path: Path) -> dict[str, object]:
    """A Singer catalog from a file.

    Raises:
        ConfigError: It is not one.
    """
    try:
        return parse_catalog(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path.name} is no Singer catalog: {error}", "Discover the tap's streams again", {"file": str(path)}
        ) from None


def parse_catalog(content: bytes) -> dict[str, object]:
    """A Singer catalog from JSON text.

    Raises:
        ValueError: It is not one; says why.
    """
    found = json.loads(content)
    if not isinstance(found, dict) or not isinstance(found.get("streams"), list):
        message = "it has no list `streams`"
        raise ValueError(message)  # noqa: TRY004  a fault of the content, as a JSON fault is
    for entry in found["streams"]:
        if not isinstance(entry, dict) or not (entry.get("tap_stream_id") or entry.get("stream")):
            message = "a stream has no `tap_stream_id`"
            raise ValueError(message)
        entry.setdefault("tap_stream_id", entry.get("stream"))
    return found


def apply_rules(catalog: dict[str, object], extras: Mapping[str, object]) -> None:
    """Apply the rules to the catalog, in place."""
    rules = []
    if not extras.get("_catalog"):
        schema = _mapping(extras.get("_schema"))
        if schema:
            visit(catalog, SchemaExecutor(config_schema_rules(schema)))
        rules += select_metadata_rules(["!*.*"])
        rules += select_metadata_rules(_patterns(extras.get("_select"), ["*.*"]))
        rules += config_metadata_rules(_mapping(extras.get("_metadata")))
    rules += select_filter_metadata_rules(_patterns(extras.get("_select_filter"), []))
    if rules:
        visit(catalog, MetadataExecutor(rules))


def _named_by_rules(tap: str, extras: Mapping[str, object]) -> tuple[Stream, ...]:
    """Without a catalog: the streams that the rules name, or the tap as one stream when a rule is a pattern."""
    parsed = [SelectPattern.parse(rule) for rule in _patterns(extras.get("_select"), ["*.*"])]
    wanted = [rule.stream_pattern for rule in parsed if not rule.negated]
    if not wanted or any(_WILDCARD & set(name) for name in wanted):
        return (Stream(tap=tap, name=tap),)
    refused = {rule.stream_pattern for rule in parsed if rule.negated and rule.property_pattern in {None, "*"}}
    filtered = _patterns(extras.get("_select_filter"), [])
    names = [name for name in dict.fromkeys(wanted) if name not in refused]
    if filtered:
        names = [name for name in names if name in filtered]
    return tuple(Stream(tap=tap, name=name) for name in names)


def _entries(catalog: Mapping[str, object]) -> list[dict[str, object]]:
    streams = catalog["streams"]
    return [entry for entry in streams if isinstance(entry, dict)] if isinstance(streams, list) else []


def _stream(tap: str, entry: dict[str, object], *, ruled: bool) -> Stream:
    """One entry of a catalog as a value."""
    metadata = _metadata(entry)
    own = metadata.get((), {})
    select = ListSelectedExecutor.node_selection
    selected = bool(select({"metadata": own})) if ruled else True
    properties = _mapping(_mapping(entry.get("schema")).get("properties"))
    columns = {
        name: json_type(_mapping(schema))
        for name, schema in properties.items()
        if not ruled or select({"metadata": metadata.get(("properties", name), {})})
    }
    method = own.get("replication-method") or own.get("forced-replication-method") or entry.get("replication_method")
    key = own.get("replication-key") or entry.get("replication_key")
    keys = own.get("table-key-properties") or own.get("view-key-properties") or entry.get("key_properties")
    return Stream(
        tap=tap,
        name=str(entry["tap_stream_id"]),
        selected=selected,
        replication_method=str(method).upper() if method else None,
        replication_key=str(key) if key else None,
        keys=tuple(str(name) for name in keys) if isinstance(keys, list) else (),
        columns=columns,
        discovered=True,
    )


def _metadata(entry: Mapping[str, object]) -> dict[tuple[str, ...], dict[str, object]]:
    """Metadata of an entry by breadcrumb."""
    found = entry.get("metadata")
    return {
        tuple(str(part) for part in item.get("breadcrumb") or ()): _mapping(item.get("metadata"))
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, dict)
    }


def _mapping(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}


def _patterns(value: object, default: list[str]) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else default
