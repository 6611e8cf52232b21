"""A Singer tap made of singer-sdk's SQL classes as they come, with the SDK's quickest writer of messages."""

from __future__ import annotations

from typing import ClassVar

from singer_sdk import SQLConnector, SQLStream, SQLTap
from singer_sdk import typing as th
from singer_sdk.contrib.msgspec import MsgSpecWriter


class StockStream(SQLStream):
    """A table, row by row."""

    connector_class = SQLConnector


class TapStock(SQLTap):
    """Any SQLAlchemy source."""

    name = "tap-stock"
    default_stream_class = StockStream
    message_writer_class = MsgSpecWriter
    config_jsonschema: ClassVar[dict[str, object]] = th.PropertiesList(
        th.Property("sqlalchemy_url", th.StringType, required=True, secret=True)
    ).to_dict()
