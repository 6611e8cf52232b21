"""Lines of Meltano's standard error, as typed records.

Meltano writes one JSON object a line when asked to (``--log-format=json``), but not only: click's usage
errors, ``Aborted!`` and the panels of rich are plain text, and a plugin may print anything. So the parser
is total: every line becomes a record, whatever is in it. What a plugin prints reaches us wrapped in
Meltano's record, with ``name``, ``producer`` and ``consumer``; a plugin with the capability
``structured-logging`` adds ``pid``, ``stream_name``, ``metric_info`` and ``plugin_exception``.

What belongs here: record types and the parser. What does not: sums over records (``tally``) and verdicts
(``failures``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Level = Literal["debug", "info", "warning", "error", "critical"]
Side = Literal["tap", "mapper", "target"]

_LEVELS: dict[str, Level] = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}
_METRIC_TEXT = re.compile(r"METRIC: (\{.*)", re.DOTALL)
# "Running job with name 'dev:tap-a-to-target-b' and run ID '0190...'", meltano core/block/extract_load.py.
_JOB_STARTED = re.compile(r"Running job with name '(?P<state_id>.*)' and run ID '(?P<run_id>[^']*)'", re.DOTALL)
_STATE_SAVED = "Incremental state has been updated at"
_NO_BLOCKS = "No valid blocks found."
# A plugin that has no structured logging still says its level at the start of a line, the Python way.
_TEXT_LEVEL = re.compile(r"^[^A-Za-z]*(?:[\w.-]+\s*[|:-]\s*)?(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL|FATAL)\b")


@dataclass(frozen=True, slots=True)
class PlainLine:
    """A line that is not one of Meltano's JSON records: usage text, a panel, garbage."""

    text: str


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One of Meltano's records that says nothing more special.

    Attributes:
        event: The message.
        level: Its level; for a plugin's unstructured line the level that the text itself names, else ``info``.
        timestamp: ISO 8601, as Meltano wrote it.
        plugin: Name of the plugin that said it; None for Meltano itself.
        side: What the plugin is in its block; None for Meltano itself and for command blocks.
        pid: Process id of the plugin, if it told.
        state_id: State id of the block.
        stream: Stream it is about, if it told.
        fields: Everything else in the record.
    """

    event: str
    level: Level = "info"
    timestamp: str = ""
    plugin: str | None = None
    side: Side | None = None
    pid: int | None = None
    state_id: str | None = None
    stream: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """A measurement by a plugin. Counters are what was counted since the last one, not totals."""

    metric: str
    kind: str
    value: float
    tags: Mapping[str, object]
    source: LogRecord

    @property
    def stream(self) -> str | None:
        """The stream it is about; singer-python says ``endpoint``."""
        for name in ("stream", "endpoint"):
            if isinstance(tag := self.tags.get(name), str) and tag:
                return tag
        return self.source.stream


@dataclass(frozen=True, slots=True)
class JobStarted:
    """An extract-and-load block has begun, and holds Meltano's job row."""

    state_id: str
    source: LogRecord


@dataclass(frozen=True, slots=True)
class StateSaved:
    """The bookmark is in the state store."""

    source: LogRecord


@dataclass(frozen=True, slots=True)
class NoBlocks:
    """Meltano found nothing to do and will exit with 0."""

    source: LogRecord


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plugin reported an exception of its own.

    Attributes:
        type: Class of the exception.
        message: Its text.
        causes: The same of what it was raised from, outermost first.
    """

    type: str
    message: str
    causes: tuple[str, ...]
    source: LogRecord


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a block came to.

    Attributes:
        number: Place of the block in the run, from 0.
        kind: ``ExtractLoadBlocks`` or ``InvokerCommand``.
        success: Meltano's word.
        error: Its reason when it failed.
        exit_codes: By ``extractors``, ``loaders`` or the name of a mapper; negative is minus the signal.
        seconds: How long it took.
    """

    number: int
    kind: str
    success: bool
    error: str
    exit_codes: Mapping[str, int]
    seconds: float | None
    source: LogRecord


@dataclass(frozen=True, slots=True)
class RunResult:
    """What the whole run came to, in Meltano's word."""

    success: bool
    seconds: float | None
    source: LogRecord


Record: TypeAlias = (
    PlainLine | LogRecord | Metric | JobStarted | StateSaved | NoBlocks | PluginFailure | BlockResult | RunResult
)


def parse_line(line: str) -> Record:
    """One line as a record. Never raises, whatever the line holds."""
    text = line.strip()
    values = _json_object(text)
    if values is None or not isinstance(values.get("event"), str):
        return PlainLine(text)
    values = _unwrapped(values)
    record = _log_record(values)
    if record.plugin is not None:
        return _plugin_record(record, values)
    return _meltano_record(record, values)


def _json_object(text: str) -> dict[str, object] | None:
    """The JSON object a text is, or None."""
    if not text.startswith("{"):
        return None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):  # not JSON, cut off, an integer of 5,000 digits, nested too deep
        return None
    return values if isinstance(values, dict) else None


def _unwrapped(values: dict[str, object]) -> dict[str, object]:
    """A plugin's own JSON record, where Meltano did not recognise it and wrapped it as text.

    That happens to plugins without the capability ``structured-logging``, and to records that its parser refuses.
    """
    inner = _json_object(str(values["event"])) if values.get("name") else None
    if inner is None or not isinstance(inner.get("message"), str):
        return values
    extra = inner.get("extra")
    return (
        values
        | (extra if isinstance(extra, dict) else {})
        | {key: inner[key] for key in ("level", "pid", "stream_name", "metric_info") if key in inner}
        | {"event": inner["message"], "plugin_logger": inner.get("logger_name")}
        | ({"plugin_exception": inner["exception"]} if "exception" in inner else {})
    )


def _log_record(values: Mapping[str, object]) -> LogRecord:
    plugin = _text(values.get("name")) or _text(values.get("string_id"))
    event = str(values["event"])
    level = _LEVELS.get(_text(values.get("level")).lower(), "info")
    if plugin and level == "info" and "plugin_logger" not in values:
        level = _level_in_text(event)
    return LogRecord(
        event=event,
        level=level,
        timestamp=_text(values.get("timestamp")),
        plugin=plugin or None,
        side=_side(values),
        pid=_pid(values.get("pid")),
        state_id=_text(values.get("job_name")) or None,
        stream=_text(values.get("stream_name")) or None,
        fields={key: value for key, value in values.items() if key not in _CORE_FIELDS},
    )


_CORE_FIELDS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "name",
        "string_id",
        "pid",
        "job_name",
        "stream_name",
        "producer",
        "consumer",
        "stdio",
        "cmd_type",
        "run_id",
    }
)


def _plugin_record(record: LogRecord, values: Mapping[str, object]) -> Record:
    metric = _metric(record, values.get("metric_info"))
    if metric is None and "METRIC: " in record.event and (found := _METRIC_TEXT.search(record.event)):
        metric = _metric(record, _json_object(found[1].rstrip()))
    if metric is not None:
        return metric
    failure = values.get("plugin_exception")
    if isinstance(failure, Mapping):
        return PluginFailure(_text(failure.get("type")), _text(failure.get("message")), _causes(failure), record)
    return record


def _meltano_record(record: LogRecord, values: Mapping[str, object]) -> Record:
    event = record.event
    if event == "Block run completed":
        return BlockResult(
            number=_integer(values.get("set_number")),
            kind=_text(values.get("block_type")),
            success=values.get("success") is True,
            error=_text(values.get("err")),
            exit_codes=_exit_codes(values.get("exit_codes")),
            seconds=_number(values.get("duration_seconds")),
            source=record,
        )
    if event == "Run completed":
        return RunResult(values.get("status") == "success", _number(values.get("duration_seconds")), record)
    if event.startswith(_STATE_SAVED):
        return StateSaved(record)
    if event.startswith(_NO_BLOCKS):
        return NoBlocks(record)
    if found := _JOB_STARTED.match(event):
        return JobStarted(found["state_id"], record)
    return record


def _metric(record: LogRecord, info: object) -> Metric | None:
    if not isinstance(info, Mapping):
        return None
    name, value = _text(info.get("metric")), _number(info.get("value"))
    if not name or value is None:
        return None
    tags = info.get("tags")
    known = {str(key): tag for key, tag in tags.items()} if isinstance(tags, Mapping) else {}
    return Metric(name, _text(info.get("type")), value, known, record)


def _causes(failure: Mapping[str, object]) -> tuple[str, ...]:
    causes: list[str] = []
    inner: object = failure
    while isinstance(inner, Mapping) and len(causes) < 5:
        inner = inner.get("cause") or inner.get("context")
        if isinstance(inner, Mapping):
            causes.append(f"{_text(inner.get('type'))}: {_text(inner.get('message'))}")
    return tuple(causes)


def _exit_codes(value: object) -> dict[str, int]:
    """By side or mapper. A failed mapper comes as a list of one-entry maps (extract_load.py, _check_exit_codes)."""
    parts = value if isinstance(value, list) else [value]
    return {
        str(key): code
        for part in parts
        if isinstance(part, Mapping)
        for key, code in part.items()
        if isinstance(code, int) and not isinstance(code, bool)
    }


def _side(values: Mapping[str, object]) -> Side | None:
    producer, consumer = values.get("producer") is True, values.get("consumer") is True
    if producer and consumer:
        return "mapper"
    if producer:
        return "tap"
    return "target" if consumer else None


def _level_in_text(event: str) -> Level:
    found = _TEXT_LEVEL.match(event[:200])
    return _LEVELS[found["level"].lower()] if found else "info"


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _pid(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 < value < 2**31 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
