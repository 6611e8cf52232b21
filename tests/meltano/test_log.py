"""The parser of Meltano's lines: what it knows, and that nothing makes it raise."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.meltano.log import (
    BlockResult,
    JobStarted,
    LogRecord,
    Metric,
    NoBlocks,
    PlainLine,
    PluginFailure,
    RunResult,
    StateSaved,
    parse_line,
)
from tests.meltano.replay import CASES

TAP = {"name": "tap-a", "producer": True, "consumer": False, "job_name": "dev:tap-a-to-b", "level": "info"}
INFO = {"type": "counter", "metric": "record_count", "value": 3, "tags": {"stream": "orders"}}

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        *("event", "level", "timestamp", "name", "string_id", "pid", "job_name", "stream_name", "producer", "consumer"),
        *("metric_info", "plugin_exception", "exit_codes", "set_number", "success", "err", "duration_seconds"),
        *("status", "block_type", "message", "extra"),
    ]
)
EVENTS = st.sampled_from(
    ["Block run completed", "Run completed", "METRIC", "METRIC: {", "No valid blocks found.", '{"message": "x"}']
)


def line(**values: object) -> str:
    """A record of Meltano."""
    return json.dumps(values)


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", errors="replace")))
def test_no_text_makes_the_parser_raise(text: str) -> None:
    """Whatever a plugin prints, there is a record for it."""
    assert parse_line(text) is not None


@given(st.dictionaries(KEYS, JSON_VALUES | EVENTS, max_size=10))
def test_no_types_make_the_parser_raise(values: dict[str, object]) -> None:
    """Known keys with values of any type, under events that promise something else."""
    assert parse_line(json.dumps(values)) is not None


@given(st.sampled_from(sorted(CASES)), st.integers(min_value=0, max_value=400))
def test_no_cut_makes_the_parser_raise(case: str, at: int) -> None:
    """Real lines that end anywhere."""
    for text in CASES[case].read_text().splitlines():
        assert parse_line(text[:at]) is not None


@pytest.mark.parametrize(
    "text", ['{"event": ' + "[" * 100_000, '{"event": "x", "pid": ' + "9" * 6000 + "}", "{" * 50_000]
)
def test_nesting_and_huge_numbers_are_plain_lines(text: str) -> None:
    """What Python's JSON reader refuses or chokes on is text."""
    assert isinstance(parse_line(text), PlainLine)


def test_a_metric_of_the_sdk_is_read() -> None:
    """Structured: ``metric_info`` in the record of Meltano."""
    record = parse_line(line(**TAP, event="METRIC", metric_info=INFO, pid=4711))

    assert isinstance(record, Metric)
    assert (record.metric, record.value, record.stream, record.source.side) == ("record_count", 3, "orders", "tap")
    assert record.source.pid == 4711


@pytest.mark.parametrize(
    "event",
    [
        "METRIC: " + json.dumps(INFO),
        "2026-01-01 00:00:00,000 | INFO     | tap-a | METRIC: " + json.dumps(INFO),
        "INFO METRIC: " + json.dumps({**INFO, "tags": {"endpoint": "orders"}}),
    ],
)
def test_a_metric_in_text_is_read(event: str) -> None:
    """The SDK without structured logging, with any prefix, and singer-python, which says ``endpoint``."""
    record = parse_line(line(**TAP, event=event))

    assert isinstance(record, Metric)
    assert (record.metric, record.value, record.stream) == ("record_count", 3, "orders")


def test_a_metric_that_is_none_stays_a_log_line() -> None:
    """A value that is no number counts nothing."""
    record = parse_line(line(**TAP, event="METRIC", metric_info={**INFO, "value": "three"}))

    assert isinstance(record, LogRecord)


def test_a_plugins_exception_is_read_with_its_causes() -> None:
    """Outermost first."""
    inner = {"type": "OSError", "message": "28"}
    failure = {"type": "LoadError", "message": "no room", "cause": {**inner, "context": {"type": "A", "message": "b"}}}

    record = parse_line(line(**TAP, event="it failed", plugin_exception=failure))

    assert isinstance(record, PluginFailure)
    assert (record.type, record.message, record.causes) == ("LoadError", "no room", ("OSError: 28", "A: b"))


def test_a_plugins_own_json_is_unwrapped() -> None:
    """A plugin without the capability ``structured-logging`` reaches us as text inside Meltano's record."""
    own = {
        "level": "error",
        "pid": 12,
        "message": "it failed",
        "stream_name": "orders",
        "logger_name": "t",
        "extra": {},
    }

    record = parse_line(line(**TAP, event=json.dumps(own)))

    assert isinstance(record, LogRecord)
    assert (record.event, record.level, record.stream, record.pid) == ("it failed", "error", "orders", 12)


@pytest.mark.parametrize(
    ("event", "level"),
    [
        ("ERROR cannot connect", "error"),
        ("2026-01-01 00:00:00,000 | CRITICAL | tap | no", "critical"),
        ("CRITICAL ('Exception: ...')", "critical"),
        ("[WARNING] slow", "warning"),
        ("orders: 3 ERRORS found", "info"),
        ("an error occurred", "info"),
    ],
)
def test_the_level_of_an_unstructured_line_is_the_one_it_names(event: str, level: str) -> None:
    """Meltano reports all of them as info."""
    record = parse_line(line(**TAP, event=event))

    assert isinstance(record, LogRecord)
    assert record.level == level


def test_the_sides_of_a_block_are_told_apart() -> None:
    """A mapper is both producer and consumer; a command is neither."""
    sides = [
        parse_line(line(event="x", name="p", producer=producer, consumer=consumer))
        for producer, consumer in [(True, False), (True, True), (False, True), (None, None)]
    ]

    assert [record.side for record in sides if isinstance(record, LogRecord)] == ["tap", "mapper", "target", None]


def test_a_block_result_is_read() -> None:
    """Exit codes by side, or as the list of maps that a failed mapper gives."""
    common = {
        "event": "Block run completed",
        "set_number": 1,
        "block_type": "ExtractLoadBlocks",
        "duration_seconds": 2.5,
    }

    failed = parse_line(line(**common, success=False, err="Extractor failed", exit_codes={"extractors": -9}))
    mapped = parse_line(line(**common, success=False, err="Mappers failed", exit_codes=[{"map": 3}]))
    good = parse_line(line(**common, success=True, err=None))

    assert isinstance(failed, BlockResult)
    assert (failed.number, failed.success, dict(failed.exit_codes), failed.seconds) == (
        1,
        False,
        {"extractors": -9},
        2.5,
    )
    assert isinstance(mapped, BlockResult)
    assert dict(mapped.exit_codes) == {"map": 3}
    assert isinstance(good, BlockResult)
    assert (good.success, good.error) == (True, "")


def test_the_milestones_of_a_run_are_read() -> None:
    """Start of a job, state, end of the run, nothing to do."""
    started = parse_line(line(event="Running job with name 'dev:a-to-b:x y' and run ID '0-1'"))
    saved = parse_line(line(event="Incremental state has been updated at 2026-01-01 00:00:00+00:00."))
    ended = parse_line(line(event="Run completed", status="failure", duration_seconds=1.5))

    assert isinstance(started, JobStarted)
    assert started.state_id == "dev:a-to-b:x y"
    assert isinstance(saved, StateSaved)
    assert isinstance(ended, RunResult)
    assert (ended.success, ended.seconds) == (False, 1.5)
    assert isinstance(parse_line(line(event="No valid blocks found.")), NoBlocks)


def test_a_plugin_cannot_speak_for_meltano() -> None:
    """What a plugin prints is never taken for a milestone of the run."""
    for event in ("Block run completed", "Run completed", "Incremental state has been updated at x"):
        assert type(parse_line(line(**TAP, event=event, success=True))) is LogRecord
