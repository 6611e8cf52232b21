"""What data commands moved, as materializations, so that a run of them has metrics like one of a pipeline.

An extraction is the first half of a stream's way, its load the second; ``flext metrics`` joins the two of one run
(``runs/metrics``). The asset of the first is the data set in the landing zone, that of the second the table.

What belongs here: answers of data commands to materializations. What does not: streams of a Meltano run (``metadata``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

import dagster as dg

from flext_pipelines.assets.metadata import Metadata, column_schema
from flext_pipelines.runs.location import Meta

LANDING = "landing"
"""First part of the asset key of a data set."""


class Stream(NamedTuple):
    """Of which tap and stream rows are.

    Attributes:
        tap: The tap.
        stream: Its stream.
    """

    tap: str
    stream: str


def moved(
    message: str, payload: Mapping[str, object], answer: object, of: Stream | None = None
) -> Iterator[dg.AssetMaterialization]:
    """What a message moved, if it is one that moves rows.

    Args:
        message: Public name.
        payload: Its fields.
        answer: What it was answered with, as plain values.
        of: Of which stream the rows of a load are, where that is known.
    """
    if not isinstance(answer, Mapping):
        return
    if message == "data.ExtractData":
        yield _landed(stream_of(payload, answer), answer)
    elif message == "data.LoadData":
        yield _loaded(answer, of)


def stream_of(payload: Mapping[str, object], answer: Mapping[str, object]) -> Stream:
    """The stream that an extraction brought."""
    return Stream(str(payload["source_name"]), str(answer["stream"]))


def _landed(of: Stream, answer: Mapping[str, object]) -> dg.AssetMaterialization:
    reference = cast("Mapping[str, object]", answer["reference"])
    rejected = _number(answer, "rejected")
    known: Metadata = {
        Meta.TAP: of.tap,
        Meta.STREAM: of.stream,
        Meta.ROWS_EXTRACTED: rejected + sum(_number(answer, name) for name in ("rows", "filtered", "unchanged")),
        Meta.ROWS_REJECTED: rejected,
        Meta.BYTES: _number(answer, "bytes"),
        Meta.REPLICATION_KEY: cast("str | None", answer["replication_key"]),
        Meta.BOOKMARK_BEFORE: cast("str | None", answer["watermark_before"]),
        Meta.BOOKMARK_AFTER: cast("str | None", answer["watermark"]),
        Meta.COLUMN_SCHEMA: column_schema(cast("Mapping[str, str]", answer["columns"])),
    }
    return dg.AssetMaterialization(
        dg.AssetKey([LANDING, str(reference["dataset"])]),
        description=f"Version {reference['version']}",
        metadata={key: value for key, value in known.items() if value is not None},
    )


def _loaded(answer: Mapping[str, object], of: Stream | None) -> dg.AssetMaterialization:
    table = str(answer["table"])
    known: Metadata = {
        Meta.ROWS_LOADED: _number(answer, "inserted") + _number(answer, "updated"),
        Meta.TABLE_NAME: table,
        "dagster/row_count": _number(answer, "rows_in_table"),
        **({Meta.TAP: of.tap, Meta.STREAM: of.stream} if of else {}),
    }
    return dg.AssetMaterialization(dg.AssetKey(table.split(".")), metadata=known)


def _number(answer: Mapping[str, object], name: str) -> int:
    return int(str(answer[name]))
