"""What Oracle WMS taps of the kind there is do: one page after the other, flattened row by row, RECORD by RECORD.

A program of its own: it runs in the plugins' environment. Page size 500, sequenced, incremental on ``mod_ts``, as the
public projects of that kind are configured, messages as the SDK writes them. Unlike some of them it asks for the next
page, and fails when one fails.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BasicAuthenticator
from singer_sdk.pagination import BaseHATEOASPaginator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from urllib.parse import ParseResult

    import requests

PAGE = 500
_TYPES = {"pk": th.IntegerType, "integer": th.IntegerType, "decimal": th.StringType, "boolean": th.BooleanType,
          "datetime": th.DateTimeType, "date": th.DateTimeType, "relation": th.IntegerType}  # fmt: skip


class LinkPaginator(BaseHATEOASPaginator):
    """Follows ``next_page``."""

    def get_next_url(self, response: requests.Response) -> str | None:
        """The link, or nothing on the last page."""
        link: str | None = response.json().get("next_page")
        return link


class EntityStream(RESTStream[Any]):
    """One entity, page by page."""

    primary_keys: ClassVar[tuple[str, ...]] = ("id",)
    replication_key = "mod_ts"
    is_sorted = True
    records_jsonpath = "$.results[*]"

    @property
    def url_base(self) -> str:
        """The tenant."""
        return str(self.config["base_url"])

    @property
    def authenticator(self) -> BasicAuthenticator:
        """User and password."""
        return BasicAuthenticator(username=self.config["username"], password=self.config["password"])

    def get_new_paginator(self) -> LinkPaginator:
        """One that follows links."""
        return LinkPaginator()

    def get_url_params(self, context: object, next_page_token: ParseResult | None) -> dict[str, Any]:
        """The first page's, or the link's."""
        del context
        if next_page_token:
            return dict(parse_qsl(urlsplit(next_page_token.geturl()).query))
        return {"page_size": PAGE, "page_mode": "sequenced", "ordering": "mod_ts"}

    def parse_response(self, response: requests.Response) -> Iterable[dict[str, Any]]:
        """The rows, flattened."""
        for row in response.json()["results"]:
            flat: dict[str, Any] = {}
            for name, value in row.items():
                if isinstance(value, dict) and "id" in value:
                    flat[f"{name.removesuffix('_id')}_id"] = value["id"]
                    flat[f"{name.removesuffix('_id')}_key"] = value.get("key")
                elif name != "url":
                    flat[name] = value
            yield flat


class PagingTap(Tap):
    """Every entity of the settings."""

    name = "paging-tap"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property("base_url", th.StringType, required=True),
        th.Property("username", th.StringType, required=True),
        th.Property("password", th.StringType, required=True, secret=True),
        th.Property("entities", th.ArrayType(th.StringType), required=True),
    ).to_dict()

    def discover_streams(self) -> list[EntityStream]:
        """From ``describe``."""
        return [self._stream(entity) for entity in self.config["entities"]]

    def _stream(self, entity: str) -> EntityStream:
        import requests

        url = f"{self.config['base_url']}/wms/lgfapi/v10/entity/{entity}"
        login = (self.config["username"], self.config["password"])
        fields = requests.get(f"{url}/describe/", auth=login, timeout=60).json()["fields"]
        properties = []
        for name, told in fields.items():
            if name == "url" or told["type"] == "set":
                continue
            properties.append(th.Property(name, _TYPES.get(told["type"], th.StringType)))
            if told["type"] == "relation":
                properties.append(th.Property(f"{name.removesuffix('_id')}_key", th.StringType))
        stream = EntityStream(self, schema=th.PropertiesList(*properties).to_dict(), name=entity)
        stream.path = f"/wms/lgfapi/v10/entity/{entity}/"
        return stream


if __name__ == "__main__":
    sys.exit(PagingTap.cli())
