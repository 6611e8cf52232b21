"""What a run came to, per stream and per block.

What belongs here: the values. What does not: how they are found (``tally``, ``state``, ``run``).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from flext_pipelines.values import Value

Status = Literal["succeeded", "failed", "cancelled", "unknown"]


class StreamOutcome(Value):
    """One stream of one run. Counts are rows moved by this run, never rows in the table.

    Attributes:
        name: Singer stream.
        tap: The tap it comes from.
        extracted: Rows that the tap counted; None when it counts none.
        loaded: Rows that the target counted; None when it counts none.
        rejected: Rows that the target put aside with a reason; None when it counts no rows at all.
        deduplicated: Rows that a later row of the same batch with the same key replaced, where the target says so.
        bytes: Bytes that the tap wrote, where it says so.
        seconds: How long the tap took for it.
        status: ``unknown`` when the run failed before this stream said anything.
        replication_key: Column of the bookmark.
        bookmark_before: Its value in the Singer state before the run, as text; JSON where it is no plain value.
        bookmark_after: The same after it.
        columns: Column to JSON type, where the catalog is known.
        table: Table that the target wrote to, where it says so.
        state_id: Singer state that holds the bookmark.
        error: Why it failed, in the plugin's own words.
    """

    name: str
    tap: str
    extracted: int | None = None
    loaded: int | None = None
    rejected: int | None = None
    deduplicated: int = 0
    bytes: int | None = None
    seconds: float | None = None
    status: Status = "unknown"
    replication_key: str | None = None
    bookmark_before: str | None = None
    bookmark_after: str | None = None
    columns: dict[str, str] | None = None
    table: str | None = None
    state_id: str | None = None
    error: str | None = None

    @property
    def missing(self) -> int | None:
        """Rows extracted that the target accounts for in no way; None where one side gives no counts."""
        if self.extracted is None or self.loaded is None:
            return None
        return self.extracted - self.loaded - (self.rejected or 0) - self.deduplicated


class BlockOutcome(Value):
    """One block of one run, in the order of the pipeline.

    Attributes:
        number: From 0.
        kind: ``el`` or ``command``.
        name: ``tap-shop target-warehouse``, ``dbt:run``.
        status: ``unknown`` when its turn never came.
        seconds: How long it took.
        exit_codes: By ``extractors``, ``loaders`` or mapper; negative is minus the signal.
        error: Meltano's reason when it failed.
        state_id: Singer state of an ``el`` block.
        state_saved: Whether Meltano saved its Singer state during this run.
    """

    number: int
    kind: Literal["el", "command"]
    name: str
    status: Status = "unknown"
    seconds: float | None = None
    exit_codes: dict[str, int] = Field(default_factory=dict)
    error: str | None = None
    state_id: str | None = None
    state_saved: bool = False


class PipelineRun(Value):
    """One run of a pipeline.

    Attributes:
        pipeline: Its name, or the blocks when it has none.
        run_id: UUID; that of the Dagster run when there is one.
        state_ids: Singer states that it may have written.
        environment: Meltano environment.
        status: ``succeeded`` only when every block did.
        streams: In the order in which they were heard of.
        blocks: In the order of the pipeline.
        seconds: From start to end, start-up of Meltano included.
        started_at: UTC.
        log_file: Where the raw lines are, if they were kept.
        plugins: Versions of Meltano and of the plugins, where they are known.
        partition: The partition that it was for.
    """

    pipeline: str
    run_id: str
    state_ids: tuple[str, ...] = ()
    environment: str
    status: Status = "unknown"
    streams: tuple[StreamOutcome, ...] = ()
    blocks: tuple[BlockOutcome, ...] = ()
    seconds: float = 0
    started_at: datetime
    log_file: Path | None = None
    plugins: dict[str, str] = Field(default_factory=dict)
    partition: str | None = None

    @property
    def extracted(self) -> int:
        """Rows that taps counted, over all streams."""
        return sum(stream.extracted or 0 for stream in self.streams)

    @property
    def loaded(self) -> int:
        """Rows that targets counted, over all streams."""
        return sum(stream.loaded or 0 for stream in self.streams)

    @property
    def rejected(self) -> int:
        """Rows that targets put aside, over all streams."""
        return sum(stream.rejected or 0 for stream in self.streams)
