"""Discovery: the server's entities, their metadata, and what a few rows show beyond it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from singer_columnar.errors import SettingsError

from tap_oracle_wms.catalog import catalog_entry, matches
from tap_oracle_wms.errors import AccessDeniedError, AnswerMalformedError
from tap_oracle_wms.flattening import columns_of

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from singer_columnar.reading import CatalogDict

    from tap_oracle_wms.client import WmsClient
    from tap_oracle_wms.columns import EntityColumn

_SAMPLE_ROWS: Final = 10
_OWN_LINK: Final = "url"


def discover(client: WmsClient, config: Mapping[str, Any], logger: logging.Logger) -> list[CatalogDict]:
    """Describe the entities that the settings let in.

    Args:
        client: Asks the server.
        config: The tap's settings.
        logger: Where entities are named that the user may not read.

    Returns:
        One catalog entry per entity, sorted by name.

    Raises:
        SettingsError: The setting entities names one that the server does not have.
    """
    names = _wanted(client.entities(), [str(one) for one in config.get("entities") or ["*"]])
    with ThreadPoolExecutor(max_workers=int(config.get("concurrency", 4)), thread_name_prefix="describe") as pool:
        futures = [(name, pool.submit(_columns, client, name, config)) for name in names]
        entries = []
        for name, future in futures:
            try:
                entries.append(catalog_entry(name, future.result(), config))
            except AccessDeniedError as error:
                if name in (config.get("entities") or []):
                    raise
                logger.warning("Entity '%s' is left out: %s", name, error.reason)
    return entries


def _wanted(known: list[str], globs: list[str]) -> list[str]:
    for glob in globs:
        if not any(matches(name, [glob]) for name in known):
            near = get_close_matches(glob, known, 3)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"It has {len(known)}: {', '.join(known[:40])}."
            raise SettingsError(f"The setting entities names '{glob}', which the server does not have", hint)
    return [name for name in known if matches(name, globs)]


def _columns(client: WmsClient, entity: str, config: Mapping[str, Any]) -> tuple[EntityColumn, ...]:
    described = client.describe(entity).get("fields")
    if not isinstance(described, dict):
        raise AnswerMalformedError(
            f"The metadata of entity '{entity}' have no fields", "Leave the entity out, or ask the server's owner."
        )
    fields = {name: told for name, told in described.items() if isinstance(told, dict) and name != _OWN_LINK}
    samples = {} if config.get("use_metadata_only") else _samples(client, entity)
    return columns_of(
        fields,
        samples,
        scale=int(config.get("decimal_scale", 12)),
        dates_as_timestamps=bool(config.get("dates_as_timestamps", True)),
        text_limit=int(config.get("text_limit", 4000)),
    )


def _samples(client: WmsClient, entity: str) -> dict[str, object]:
    """A value of each field that some of the first rows have."""
    answer = client.page(entity, {"page_mode": "sequenced", "page_size": str(_SAMPLE_ROWS)})
    found: dict[str, object] = {}
    for row in answer.body["results"] if answer else []:
        for name, value in row.items():
            if name != _OWN_LINK and found.get(name) is None:
                found[name] = value
    return found
