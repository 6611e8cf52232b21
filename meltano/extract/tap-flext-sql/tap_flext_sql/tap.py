"""The tap: its settings, its database, and discovery."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_columnar.command import hide_secrets
from singer_columnar.tap import ColumnarTap

from tap_flext_sql.settings import CONFIG_JSONSCHEMA
from tap_flext_sql.source import Source, source_from_config
from tap_flext_sql.stream import TableStream

if TYPE_CHECKING:
    from singer_columnar.reading import CatalogDict


class TapFlextSQL(ColumnarTap):
    """Singer tap for SQL databases that reads Arrow and sends Parquet batches or records."""

    name = "tap-flext-sql"
    config_jsonschema: ClassVar[dict[str, Any]] = copy.deepcopy(CONFIG_JSONSCHEMA)
    """A copy, because the SDK adds its own settings to it."""
    secret_settings = ("sqlalchemy_url", "password")

    @cached_property
    def source(self) -> Source:
        """The database that the settings name."""
        source = source_from_config(self.config)
        hide_secrets(source.secrets)
        return source

    def discover_entries(self) -> list[CatalogDict]:
        """The tables and views of the database that the settings let in."""
        from tap_flext_sql.discovery import discover

        return discover(self.source, self.config)

    def make_stream(self, entry: CatalogDict) -> TableStream:
        """The stream of a table."""
        return TableStream(self, entry)
