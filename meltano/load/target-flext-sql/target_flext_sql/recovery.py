"""Which rows an append without a replication key must remove before it goes on.

Pure rules on the ledger's events (README, "Load algebra", case append without replication key).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from target_flext_sql.ledger import BATCHES_PER_LOAD, PastBatch

logger = logging.getLogger("target-flext-sql")


def _unfinished(load_id: int, events: Sequence[PastBatch], start: str | None, stream: str) -> tuple[int, int] | None:
    """Return the stamps of an unfinished load that will be delivered again, None if there are none."""
    low, high = load_id * BATCHES_PER_LOAD, (load_id + 1) * BATCHES_PER_LOAD
    origin = events[0].bookmark
    batches = [event for event in events if event.event == "batch"]
    moved = any(event.bookmark is not None and event.bookmark != (origin or "{}") for event in batches)
    if not moved or (start is not None and start == (origin or "{}")):
        return low, high
    if start is not None:
        kept = [event.batch_id for event in batches if event.bookmark == start]
        if kept:
            return max(kept) + 1, high
    logger.warning(
        "Stream '%s': an earlier load did not finish, and the tap does not say where it starts now; rows may be "
        "twice in the table. Set a replication key or keys for the stream to rule that out",
        stream,
    )
    return None


def rows_to_remove(
    loads: Mapping[int, Sequence[PastBatch]], start: str | None, load_key: str | None, stream: str
) -> Iterator[tuple[int, int, str]]:
    """Say which stamps to remove before a load's first batch.

    Args:
        loads: Events of earlier append loads of the table, by load id, oldest first.
        start: The stream's bookmark that the tap starts from now, None when the tap did not say.
        load_key: The `load_key` setting of this run.
        stream: Stream name, for the log.

    Yields:
        First stamp, the one behind the last, and a word for the log.
    """
    newest = max(loads, default=None)
    for load_id, events in loads.items():
        if load_key is not None and events[0].load_key == load_key:
            yield load_id * BATCHES_PER_LOAD, (load_id + 1) * BATCHES_PER_LOAD, f"an earlier load of key '{load_key}'"
        elif load_id == newest and not any(event.event == "finished" for event in events):
            found = _unfinished(load_id, events, start, stream)
            if found is not None:
                yield *found, "an earlier load that did not finish"
