"""Counters of a stream, logged after each commit in the SDK's metric format (values are deltas)."""

from __future__ import annotations

import enum
import os
from typing import cast

from singer_sdk import metrics


class RowMetric(enum.StrEnum):
    """Counters that the SDK does not have."""

    REJECTED = "records_rejected"
    DEDUPLICATED = "records_deduplicated"


def _log(stream: str, table: str, metric: enum.Enum, value: int) -> None:
    tags = {metrics.Tag.STREAM.value: stream, "table": table, metrics.Tag.PID.value: os.getpid()}
    metrics.log(metrics.get_metrics_logger(), metrics.Point("counter", cast(metrics.Metric, metric), value, tags))


def count_rows(stream: str, table: str, loaded: int, rejected: int = 0, deduplicated: int = 0) -> None:
    """Log what became of the rows of one committed batch.

    Args:
        stream: Stream name.
        table: Where its rows go, as people write it.
        loaded: Rows in the table.
        rejected: Rows in the rejects table.
        deduplicated: Rows that a later row of the batch with the same key replaced.
    """
    _log(stream, table, metrics.Metric.RECORD_COUNT, loaded)
    if rejected:
        _log(stream, table, RowMetric.REJECTED, rejected)
    if deduplicated:
        _log(stream, table, RowMetric.DEDUPLICATED, deduplicated)
