"""Sums over what a run says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.meltano.log import parse_line
from flext_pipelines.meltano.tally import Tally
from flext_pipelines.values import Progress

JOB = {"event": "Running job with name 'dev:tap-a-to-b' and run ID '1'", "level": "info"}
DONE = {"event": "Block run completed", "success": True, "set_number": 0, "block_type": "ExtractLoadBlocks"}


def spoken(plugin: str, **values: object) -> dict[str, object]:
    """A record of tap or target."""
    is_tap = plugin.startswith("tap")
    return {"name": plugin, "producer": is_tap, "consumer": not is_tap, "level": "info", "event": "x", **values}


def metric(plugin: str, name: str, value: float, stream: str = "orders", **tags: object) -> dict[str, object]:
    """A measurement."""
    info = {"type": "counter", "metric": name, "value": value, "tags": {"stream": stream, **tags}}
    return spoken(plugin, event="METRIC", metric_info=info)


def tallied(*records: Mapping[str, object]) -> tuple[Tally, list[Progress], list[int]]:
    """A tally that has heard the records, what it told, and the taps it found."""
    told: list[Progress] = []
    taps: list[int] = []
    tally = Tally(told.append, taps.append)
    for record in records:
        tally.add(parse_line(json.dumps(record)))
    return tally, told, taps


@given(st.lists(st.tuples(st.sampled_from(["tap-a", "target-b"]), st.sampled_from(["x", "y"]), st.integers(0, 10**9))))
def test_counters_are_sums_per_side_and_stream(counts: list[tuple[str, str, int]]) -> None:
    """Each value is what was counted since the last one."""
    tally, _, _ = tallied(*(metric(plugin, "record_count", value, stream) for plugin, stream, value in counts))

    for stream in {"x", "y"}:
        found = tally.block.streams.get(stream)
        for side, plugin in (("extracted", "tap-a"), ("loaded", "target-b")):
            values = [value for p, s, value in counts if (p, s) == (plugin, stream)]
            assert (getattr(found, side) if found else None) == (sum(values) if values else None)


def test_rejected_rows_bytes_time_and_table_are_kept() -> None:
    """From the metrics of tap and target."""
    tally, _, _ = tallied(
        metric("tap-a", "record_bytes", 10),
        metric("tap-a", "record_bytes", 5),
        metric("tap-a", "sync_duration", 1.5, status="succeeded"),
        metric("target-b", "records_rejected", 2, table="main.orders"),
    )

    stream = tally.block.streams["orders"]
    assert (stream.bytes, stream.seconds, stream.status, stream.rejected, stream.table) == (
        15,
        1.5,
        "succeeded",
        2,
        "main.orders",
    )


def test_rows_that_a_later_one_replaced_are_not_missing() -> None:
    """A target that keeps the last of several rows with one key says so; only what it does not account for is lost."""
    tally, _, _ = tallied(
        metric("tap-a", "record_count", 10),
        metric("target-b", "record_count", 6),
        metric("target-b", "records_rejected", 1),
        metric("target-b", "records_deduplicated", 2),
    )

    stream = tally.block.streams["orders"]
    assert (stream.deduplicated, stream.missing) == (2, 1)


def test_a_zero_that_nobody_counted_is_unknown() -> None:
    """The SDK's own targets report 0 for streams that come as batch files; ours count them."""
    silent, _, _ = tallied(metric("tap-a", "batch_count", 3), metric("target-b", "record_count", 0))
    ours, _, _ = tallied(
        metric("tap-a", "batch_count", 3),
        metric("target-b", "record_count", 0),
        metric("target-b", "records_rejected", 0),
    )

    assert silent.block.streams["orders"].counted_loaded is None
    assert silent.block.streams["orders"].counted_rejected is None
    assert ours.block.streams["orders"].counted_loaded == 0


def test_a_target_that_counts_its_rows_and_tells_of_no_reject_has_none() -> None:
    """Most targets fail on a record that breaks the schema; of one that says nothing nothing is known."""
    counts, _, _ = tallied(metric("target-b", "record_count", 3))
    says_nothing, _, _ = tallied(metric("tap-a", "record_count", 3))

    assert counts.block.streams["orders"].counted_rejected == 0
    assert says_nothing.block.streams["orders"].counted_rejected is None


def test_each_block_has_its_own_sums() -> None:
    """The same stream of two blocks is two."""
    tally, _, _ = tallied(
        JOB,
        metric("tap-a", "record_count", 1),
        DONE,
        JOB,
        metric("tap-a", "record_count", 2),
        {**DONE, "set_number": 1},
    )

    assert [block.streams["orders"].extracted for block in tally.blocks] == [1, 2]
    assert tally.blocks_over == 2


def test_what_ends_after_a_stop_was_cut_short() -> None:
    """Meltano and the tap call it a success."""
    tally, told, _ = tallied(JOB)
    tally.stopping = True

    tally.add(parse_line(json.dumps(metric("tap-a", "sync_duration", 1, status="succeeded"))))
    tally.add(parse_line(json.dumps(DONE)))

    assert tally.block.streams["orders"].status == "cancelled"
    assert tally.block.stopped
    assert told[-1].text == "dev:tap-a-to-b: stopped"


def test_the_process_of_a_tap_is_told_once() -> None:
    """Of the tap only."""
    _, _, taps = tallied(spoken("tap-a", pid=11), spoken("tap-a", pid=11), spoken("target-b", pid=12))

    assert taps == [11]


def test_warnings_are_told_up_to_a_limit() -> None:
    """A log event costs Dagster 3 ms; the raw log has them all."""
    _, told, _ = tallied(*(spoken("tap-a", level="warning", event=f"slow {number}") for number in range(500)))

    assert len(told) == 51
    assert told[-1].text == "further warnings are in the raw log only"


def test_ordinary_lines_are_not_told() -> None:
    """They go to the raw log only."""
    _, told, _ = tallied(spoken("tap-a"), {"event": "Environment 'dev' is active", "level": "info"})

    assert told == []


def test_a_count_is_told_as_a_total() -> None:
    """For a live table."""
    _, told, _ = tallied(metric("tap-a", "record_count", 2), metric("tap-a", "record_count", 3))

    assert [(p.kind, p.stream, p.side, p.rows) for p in told] == [
        ("count", "orders", "extracted", 2),
        ("count", "orders", "extracted", 5),
    ]
