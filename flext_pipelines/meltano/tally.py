"""Adds up what a run says of itself, line by line, into streams, blocks and the evidence of failures.

Counters of the Singer SDK are what was counted since the last one, and come from tap and target: they are summed
per block, side and stream. ``record_count`` of a tap is extracted, of a target loaded; ``records_rejected`` is what
the target put aside. The target's last count comes only when it cleans up, after the tap has ended.

What belongs here: sums, and the last words of each plugin. What does not: verdicts (``failures``), bookmarks
(``state``). One thread feeds it; it is read when that thread has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flext_pipelines.meltano.lines import clip
from flext_pipelines.meltano.log import (
    BlockResult,
    JobStarted,
    Level,
    LogRecord,
    Metric,
    NoBlocks,
    PlainLine,
    PluginFailure,
    Record,
    RunResult,
    Side,
    StateSaved,
)
from flext_pipelines.meltano.outcome import Status
from flext_pipelines.values import Progress

_LAST_WORDS = 12
_MOST_WARNINGS = 50
_WIDTH = 2000
_MILESTONES = {
    "Running catalog discovery": "asking the tap what it offers",
    "No state was found, complete import.": "no bookmark yet, so everything is extracted",
}
_BYTES = ("record_bytes", "batch_bytes", "bytes")


@dataclass(slots=True)
class StreamTally:
    """Sums of one stream in one block."""

    name: str
    extracted: int | None = None
    loaded: int | None = None
    rejected: int | None = None
    deduplicated: int = 0
    bytes: int | None = None
    seconds: float | None = None
    status: Status = "unknown"
    table: str | None = None
    tap_batches: int = 0
    target_batches: int | None = None

    @property
    def counted_loaded(self) -> int | None:
        """Rows loaded, or None where a zero means that nobody counted.

        A target on the SDK's own batch code reports ``record_count`` 0 for streams that come as batch files.
        """
        silent = self.loaded == 0 and self.tap_batches > 0 and self.rejected is None and self.target_batches is None
        return None if silent else self.loaded

    @property
    def counted_rejected(self) -> int | None:
        """Rows rejected: 0 for a target that counts what it loads and tells of no reject, None for a silent one."""
        return 0 if self.rejected is None and self.counted_loaded is not None else self.rejected

    @property
    def missing(self) -> int | None:
        """Rows that the tap gave and the target accounts for in no way; None where one side gives no counts."""
        if self.extracted is None or self.counted_loaded is None:
            return None
        return self.extracted - self.counted_loaded - (self.rejected or 0) - self.deduplicated


@dataclass(slots=True)
class PluginWords:
    """What a plugin said last, for error messages."""

    name: str
    side: Side | None
    pid: int | None = None
    errors: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_WORDS))
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_WORDS))
    failure: PluginFailure | None = None
    stream: str | None = None
    """The stream that its last error was about."""


@dataclass(slots=True)
class BlockTally:
    """One block as Meltano ran it."""

    number: int
    state_id: str | None = None
    state_saved: bool = False
    stopped: bool = False
    result: BlockResult | None = None
    streams: dict[str, StreamTally] = field(default_factory=dict)
    plugins: dict[str, PluginWords] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is called towards people."""
        return self.state_id or " ".join(plugin.name for plugin in self.plugins.values()) or f"block {self.number + 1}"

    def stream(self, name: str) -> StreamTally:
        """The sums of a stream; new ones when it was never heard of."""
        return self.streams.setdefault(name, StreamTally(name))

    def speaker(self, side: Side | None) -> PluginWords | None:
        """The plugin on that side of the block, if it said anything."""
        return next((plugin for plugin in self.plugins.values() if plugin.side == side), None)


class Tally:
    """Everything that a run said, added up.

    Args:
        tell: Given each step worth telling; called by the thread that feeds.
        tap_is: Given the process id of each tap that tells it.

    Attributes:
        stopping: True once the run was told to stop: what ends from then on was cut short, whatever it says.
    """

    def __init__(self, tell: Callable[[Progress], None], tap_is: Callable[[int], None]) -> None:
        self._tell = tell
        self._tap_is = tap_is
        self._warnings = 0
        self.blocks: list[BlockTally] = [BlockTally(0)]
        self.blocks_over = 0
        self.stopping = False
        self.no_blocks = False
        self.result: RunResult | None = None
        self.plain: deque[str] = deque(maxlen=60)
        self.errors: deque[str] = deque(maxlen=_LAST_WORDS)
        """Errors of Meltano itself."""

    @property
    def block(self) -> BlockTally:
        """The block at work."""
        return self.blocks[-1]

    def streams(self) -> Iterator[tuple[BlockTally, StreamTally]]:
        """Every stream of every block."""
        for block in self.blocks:
            for stream in block.streams.values():
                yield block, stream

    def add(self, record: Record) -> None:
        """One more record."""
        match record:
            case PlainLine(text):
                if text:
                    self.plain.append(clip(text, _WIDTH))
            case Metric():
                self._hear(record.source)
                self._measure(record)
            case PluginFailure():
                self._hear(record.source).failure = record
            case BlockResult():
                self._block_over(record)
            case JobStarted():
                self._begin_block()
                self.block.state_id = record.state_id
                self._tell(Progress(text=f"{record.state_id}: started"))
            case StateSaved():
                self.block.state_saved = True
            case NoBlocks():
                self.no_blocks = True
            case RunResult():
                self.result = record
            case LogRecord(plugin=None):
                self._meltano_says(record)
            case LogRecord():
                self._hear(record)

    def _begin_block(self) -> None:
        """The next record belongs to a new block if the last block is over."""
        if self.block.result is not None:
            self.blocks.append(BlockTally(len(self.blocks)))

    def _block_over(self, result: BlockResult) -> None:
        self._begin_block()
        block = self.block
        block.number = result.number
        block.result = result
        block.stopped = self.stopping
        self.blocks_over += 1
        took = "" if result.seconds is None else f" after {result.seconds:.1f} s"
        if self.stopping:
            self._tell(Progress(text=f"{block.name}: stopped{took}"))
        elif result.success:
            self._tell(Progress(text=f"{block.name}: succeeded{took}"))
        else:
            self._tell(Progress(kind="error", text=f"{block.name}: failed{took}: {_first_line(result.error)}"))

    def _hear(self, record: LogRecord) -> PluginWords:
        """Remember what a plugin says, as far as a person may want it."""
        self._begin_block()
        name = record.plugin or ""
        plugin = self.block.plugins.setdefault(f"{record.side}:{name}", PluginWords(name, record.side))
        if record.pid is not None and plugin.pid != record.pid:
            plugin.pid = record.pid
            if record.side == "tap":
                self._tap_is(record.pid)
        if record.state_id and self.block.state_id is None:
            self.block.state_id = record.state_id
        line = clip(record.event, _WIDTH)
        plugin.lines.append(line)
        if record.level in {"error", "critical"}:
            plugin.errors.append(line)
            plugin.stream = record.stream or plugin.stream
        self._pass_on(f"{name}: {line}", record.level, record.stream)
        return plugin

    def _meltano_says(self, record: LogRecord) -> None:
        line = clip(_with_exception(record), _WIDTH)
        if record.level in {"error", "critical"}:
            self.errors.append(line)
        if record.event in _MILESTONES:
            self._tell(Progress(text=_MILESTONES[record.event]))
        elif "Warning: " not in record.event:  # Python's own warnings are for Meltano's makers
            self._pass_on(line, record.level, None)

    def _pass_on(self, line: str, level: Level, stream: str | None) -> None:
        """Warnings and errors are worth a line each, up to a limit: a log event costs Dagster 3 ms and a row."""
        if level not in {"warning", "error", "critical"} or self._warnings > _MOST_WARNINGS:
            return
        self._warnings += 1
        if self._warnings > _MOST_WARNINGS:
            self._tell(Progress(kind="warning", text="further warnings are in the raw log only"))
        else:
            kind = "warning" if level == "warning" else "error"
            self._tell(Progress(kind=kind, text=clip(line, 1000), stream=stream))

    def _measure(self, metric: Metric) -> None:
        if metric.stream is None:
            return
        stream = self.block.stream(metric.stream)
        side, value = metric.source.side, int(metric.value)
        if side == "tap":
            self._measure_tap(stream, metric, value)
        elif side == "target":
            self._measure_target(stream, metric, value)

    def _measure_tap(self, stream: StreamTally, metric: Metric, value: int) -> None:
        if metric.metric == "record_count":
            stream.extracted = (stream.extracted or 0) + value
            self._count(stream.name, "extracted", stream.extracted)
        elif metric.metric == "batch_count":
            stream.tap_batches += value
        elif metric.metric in _BYTES:
            stream.bytes = (stream.bytes or 0) + value
        elif metric.metric == "sync_duration":
            stream.seconds = (stream.seconds or 0) + metric.value
            if self.stopping:
                stream.status = "cancelled"
            elif stream.status != "failed":
                stream.status = "failed" if metric.tags.get("status") == "failed" else "succeeded"

    def _measure_target(self, stream: StreamTally, metric: Metric, value: int) -> None:
        if metric.metric == "record_count":
            stream.loaded = (stream.loaded or 0) + value
            self._count(stream.name, "loaded", stream.loaded)
        elif metric.metric == "records_rejected":
            stream.rejected = (stream.rejected or 0) + value
            self._count(stream.name, "rejected", stream.rejected)
        elif metric.metric == "records_deduplicated":
            stream.deduplicated += value
        elif metric.metric == "batch_count":
            stream.target_batches = (stream.target_batches or 0) + value
        if isinstance(table := metric.tags.get("table"), str):
            stream.table = table

    def _count(self, stream: str, side: str, rows: int) -> None:
        self._tell(
            Progress.model_validate(
                {"kind": "count", "text": f"{stream}: {rows:,} {side}", "stream": stream, "side": side, "rows": rows}
            )
        )


def _first_line(text: str | None) -> str:
    """The first line of a long complaint: all of it is in the error that follows, and in the raw log."""
    return clip((text or "").strip().partition("\n")[0], 200)


def _with_exception(record: LogRecord) -> str:
    """The event, and the message of the exception that the record carries, innermost first."""
    exceptions = record.fields.get("exception")
    if not isinstance(exceptions, list):
        return record.event
    said = [f"{item.get('exc_type')}: {item.get('exc_value')}" for item in exceptions[:3] if isinstance(item, dict)]
    return f"{record.event} ({'; '.join(said)})" if said else record.event
