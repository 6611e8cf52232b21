"""The tap: its settings, its server, and discovery."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_columnar.command import hide_secrets
from singer_columnar.tap import ColumnarTap

from tap_oracle_wms.settings import CONFIG_JSONSCHEMA
from tap_oracle_wms.stream import EntityStream

if TYPE_CHECKING:
    from singer_columnar.reading import CatalogDict

    from tap_oracle_wms.client import WmsClient


class TapOracleWMS(ColumnarTap):
    """Singer tap for Oracle WMS Cloud that reads pages side by side and sends Parquet batches or records."""

    name = "tap-oracle-wms"
    config_jsonschema: ClassVar[dict[str, Any]] = copy.deepcopy(CONFIG_JSONSCHEMA)
    """A copy, because the SDK adds its own settings to it."""
    secret_settings = ("password", "oauth_client_secret")
    piece = "page"

    @cached_property
    def client(self) -> WmsClient:
        """The client of the server that the settings name."""
        from tap_oracle_wms.client import WmsClient

        hide_secrets(str(self.config[name]) for name in self.secret_settings if self.config.get(name))
        return WmsClient(self.config, self.stop, self.logger)

    def discover_entries(self) -> list[CatalogDict]:
        """The entities that the settings let in."""
        from tap_oracle_wms.discovery import discover

        return discover(self.client, self.config, self.logger)

    def make_stream(self, entry: CatalogDict) -> EntityStream:
        """The stream of an entity."""
        return EntityStream(self, entry)
