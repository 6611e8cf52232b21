"""What a run moved, as metadata of the stream's materialization.

Rows here are rows moved by this run. ``dagster/row_count`` means rows in the table and is not written, or the UI's
plot would lie after each incremental run; ``dagster/partition_row_count`` is, when a run filled a whole partition.

What belongs here: outcome to metadata. What does not: names of the keys (``runs/location.py``, which queries share).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.metadata import RawMetadataValue

from flext_pipelines.runs.location import Meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.meltano.outcome import PipelineRun, StreamOutcome


Metadata = dict[str, RawMetadataValue]


def stream_metadata(run: PipelineRun, outcome: StreamOutcome, *, pipeline: str, partitioned: bool) -> Metadata:
    """Everything known about one stream of one run; what is not known is left out, never written as zero.

    Args:
        run: The Meltano run.
        outcome: The stream in it.
        pipeline: The pipeline in whose name the run was made.
        partitioned: Whether the run filled one partition.
    """
    known: Metadata = {
        Meta.TAP: outcome.tap,
        Meta.STREAM: outcome.name,
        Meta.ROWS_EXTRACTED: outcome.extracted,
        Meta.ROWS_LOADED: outcome.loaded,
        Meta.ROWS_REJECTED: outcome.rejected,
        Meta.ROWS_DEDUPLICATED: outcome.deduplicated or None,
        Meta.BYTES: outcome.bytes,
        Meta.SECONDS: None if outcome.seconds is None else round(outcome.seconds, 3),
        Meta.REPLICATION_KEY: outcome.replication_key,
        Meta.BOOKMARK_BEFORE: outcome.bookmark_before,
        Meta.BOOKMARK_AFTER: outcome.bookmark_after,
        Meta.COLUMN_SCHEMA: column_schema(outcome.columns),
        Meta.TABLE_NAME: outcome.table,
        Meta.STATE_ID: outcome.state_id or ", ".join(run.state_ids) or None,
        Meta.PIPELINE: pipeline,
        Meta.ENVIRONMENT: run.environment,
        Meta.PLUGINS: dg.MetadataValue.json(dict(run.plugins)) if run.plugins else None,
    }
    if partitioned and outcome.bookmark_before is None:
        known["dagster/partition_row_count"] = outcome.loaded
    return {key: value for key, value in known.items() if value is not None}


def column_schema(columns: Mapping[str, str] | None) -> dg.TableSchema | None:
    """Columns with their types, as Dagster shows them; None when they are not known."""
    if not columns:
        return None
    return dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()])
