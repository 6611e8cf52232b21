"""What a run moved: rows, bytes and time per stream, from the metadata of its materializations.

Numbers that a step did not record stay None: nothing is made up, and a total is only given over numbers that are there.

What belongs here: reading those metadata back. What does not: writing them (``assets``); the state of the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from flext_pipelines.runs.find import as_lost, find_run
from flext_pipelines.runs.location import Meta, RunStatus
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flext_pipelines.runs.record import Materialization
    from flext_pipelines.runs.records import RunRecords


class StreamMetrics(Value):
    """What one run moved of one stream, or into another table.

    Attributes:
        stream: The stream; of a table that no stream was loaded into, the last part of the asset key.
        asset: The asset key, parts joined by ``/``.
        partition: The partition key.
        rows_extracted: Rows that the tap gave.
        rows_loaded: Rows that the target wrote.
        rows_rejected: Rows that went to the rejects.
        bytes: Bytes moved.
        seconds: Time the stream took.
        rows_per_second: Loaded rows by that time.
        replication_key: The column that increments go by.
        bookmark_before: Its value where the run began.
        bookmark_after: Its value where the run ended.
        table: The table that holds the rows.
    """

    stream: str
    asset: str
    partition: str | None = None
    rows_extracted: int | None = None
    rows_loaded: int | None = None
    rows_rejected: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    rows_per_second: float | None = None
    replication_key: str | None = None
    bookmark_before: JsonValue = None
    bookmark_after: JsonValue = None
    table: str | None = None


class RunMetrics(Value):
    """What one run moved.

    Attributes:
        execution_id: The run.
        pipeline: Its pipeline, or its job.
        status: Its state; the numbers of a run that goes on are those of the streams that are done.
        streams: What taps extracted, by stream, in the order in which they were done.
        tables: What else was made, likewise: marts, tables that a message loaded, results of commands. Their rows were
            counted where they came from, so the totals leave them out.
        rows_extracted: Total over the streams that say so; None when none does. So are the next three.
        rows_loaded: See above.
        rows_rejected: See above.
        bytes: See above.
        seconds: The run's own time, from its begin to its end or to now's storage.
        rows_per_second: Loaded rows by that time.
        plugins: Versions of the plugins that took part, by name.
    """

    execution_id: str
    pipeline: str
    status: RunStatus
    streams: tuple[StreamMetrics, ...]
    tables: tuple[StreamMetrics, ...] = ()
    rows_extracted: int | None
    rows_loaded: int | None
    rows_rejected: int | None
    bytes: int | None
    seconds: float | None
    rows_per_second: float | None
    plugins: dict[str, str]


def run_metrics(records: RunRecords, execution_id: str | None = None, pipeline: str | None = None) -> RunMetrics:
    """The numbers of one run, by id or as the last one of a pipeline.

    Raises:
        UsageError: Neither or both are given, or the id is ambiguous.
        NotFoundError: There is no such run.
    """
    from flext_pipelines.runs.status import summary

    run, _ = as_lost(records, find_run(records, execution_id, pipeline))
    # A stream that was tried again is materialized once more: the last word counts.
    made = {(one.asset, one.partition): one for one in records.materializations(run.run_id)}
    streams = _joined([one for one in made.values() if Meta.STREAM in one.metadata])
    tables = tuple(stream_metrics(one) for one in made.values() if Meta.STREAM not in one.metadata)
    seconds = summary(run).seconds
    loaded = _total(stream.rows_loaded for stream in streams)
    return RunMetrics(
        execution_id=run.run_id,
        pipeline=run.pipeline or run.job,
        status=run.status,
        streams=streams,
        tables=tables,
        rows_extracted=_total(stream.rows_extracted for stream in streams),
        rows_loaded=loaded,
        rows_rejected=_total(stream.rows_rejected for stream in streams),
        bytes=_total(stream.bytes for stream in streams),
        seconds=seconds,
        rows_per_second=_rate(loaded, seconds),
        plugins={name: version for one in made.values() for name, version in _plugins(one).items()},
    )


def _joined(made: Iterable[Materialization]) -> tuple[StreamMetrics, ...]:
    """Stream by stream, in the order in which they were done.

    An extraction into the landing zone and its load are two halves: one has no rows loaded, the other none extracted.
    """
    found: list[StreamMetrics] = []
    half: dict[tuple[object, object, str | None], int] = {}
    for one in made:
        data, numbers = one.metadata, stream_metrics(one)
        place = (data.get(Meta.TAP), data.get(Meta.STREAM), one.partition)
        if Meta.ROWS_EXTRACTED not in data and Meta.ROWS_LOADED in data and place in half:
            first = found[half[place]]
            known = {name: value for name, value in numbers if value is not None and name != "stream"}
            found[half[place]] = first.model_copy(update=known)
            continue
        if Meta.ROWS_EXTRACTED in data and Meta.ROWS_LOADED not in data:
            half[place] = len(found)
        found.append(numbers)
    return tuple(found)


def stream_metrics(made: Materialization) -> StreamMetrics:
    """The numbers of one materialization."""
    data = made.metadata
    loaded, seconds = _whole(data.get(Meta.ROWS_LOADED)), _number(data.get(Meta.SECONDS))
    return StreamMetrics(
        stream=_text(data.get(Meta.STREAM)) or made.asset.rpartition("/")[2],
        asset=made.asset,
        partition=made.partition,
        rows_extracted=_whole(data.get(Meta.ROWS_EXTRACTED)),
        rows_loaded=loaded,
        rows_rejected=_whole(data.get(Meta.ROWS_REJECTED)),
        bytes=_whole(data.get(Meta.BYTES)),
        seconds=seconds,
        rows_per_second=_rate(loaded, seconds),
        replication_key=_text(data.get(Meta.REPLICATION_KEY)),
        bookmark_before=cast("JsonValue", data.get(Meta.BOOKMARK_BEFORE)),
        bookmark_after=cast("JsonValue", data.get(Meta.BOOKMARK_AFTER)),
        table=_text(data.get(Meta.TABLE_NAME)),
    )


def _plugins(made: Materialization) -> dict[str, str]:
    found = made.metadata.get(Meta.PLUGINS)
    return {str(name): str(version) for name, version in found.items()} if isinstance(found, dict) else {}


def _total(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _rate(rows: int | None, seconds: float | None) -> float | None:
    return round(rows / seconds, 1) if rows is not None and seconds else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)
