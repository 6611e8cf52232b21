"""The catalog that a run gave to its tap, read from the run's sandbox: what was really selected.

Meltano has applied its rules to it by then, so that reading needs no Meltano.

What belongs here: that file as streams. What does not: rules (``streams``), asking a tap (``discovery``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from flext_pipelines.meltano.catalogue import Stream, json_type

_LARGEST = 32 * 1024 * 1024
"""Bytes; parsing a larger one would cost a run more than its metadata are worth."""


def selected_streams(tap: str, file: Path) -> tuple[Stream, ...]:
    """The streams that a tap was told to extract; none when the file is missing or no catalog."""
    try:
        if file.stat().st_size > _LARGEST:
            return ()
        catalog = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return ()
    entries = catalog.get("streams") if isinstance(catalog, Mapping) else None
    streams = (
        [_stream(tap, entry) for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    )
    return tuple(stream for stream in streams if stream.name and stream.selected)


def _stream(tap: str, entry: Mapping[str, object]) -> Stream:
    metadata = _metadata(entry.get("metadata"))
    own = metadata.get((), {})
    properties = _mapping(_mapping(entry.get("schema")).get("properties"))
    method = own.get("replication-method") or own.get("forced-replication-method") or entry.get("replication_method")
    key = own.get("replication-key") or entry.get("replication_key")
    return Stream(
        tap=tap,
        name=str(entry.get("tap_stream_id") or entry.get("stream") or ""),
        selected=_is_selected(own),
        replication_method=str(method).upper() if method else None,
        replication_key=str(key) if key else None,
        columns={
            name: json_type(_mapping(schema))
            for name, schema in properties.items()
            if _is_selected(metadata.get(("properties", name), {}))
        },
        discovered=True,
    )


def _is_selected(metadata: Mapping[str, object]) -> bool:
    """Singer's rule: what is unsupported never, what is automatic always, else as told."""
    inclusion = metadata.get("inclusion")
    if inclusion == "unsupported":
        return False
    return inclusion == "automatic" or metadata.get("selected", metadata.get("selected-by-default", True)) is not False


def _metadata(found: object) -> dict[tuple[str, ...], Mapping[str, object]]:
    result: dict[tuple[str, ...], Mapping[str, object]] = {}
    for item in found if isinstance(found, list) else []:
        if isinstance(item, Mapping) and isinstance(breadcrumb := item.get("breadcrumb"), list):
            result[tuple(map(str, breadcrumb))] = _mapping(item.get("metadata"))
    return result


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
