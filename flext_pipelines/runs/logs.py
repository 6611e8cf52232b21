"""The lines of a run: Dagster's events, and the raw output of its processes.

Both are read in pages by cursor, so that a page costs the same wherever it lies and however long the run is. A cursor
is a text that only this module understands; the page after the last one is empty and has the same cursor, so that a
caller who keeps asking follows the run.

What belongs here: pages, following, levels, raw output. What does not: the state of the run (``status``).
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flext_pipelines.errors import UsageError
from flext_pipelines.runs.find import as_lost, find_run
from flext_pipelines.runs.location import RunStatus
from flext_pipelines.runs.record import LEVELS, Event, Level
from flext_pipelines.runs.records import last_event
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flext_pipelines.runs.record import Capture
    from flext_pipelines.runs.records import RunRecords

MAX_PAGE = 1000
_SCANNED_PER_PAGE = 3000
"""Events that one filtered page looks at (8 us each): it stays quick when few fit, and may then be short."""
_RAW_BYTES = 65_536
"""Bytes of each stream that one page of raw output reads."""
_POLL_SECONDS = 0.2


class RawLine(Value):
    """One line of a step's process.

    Attributes:
        output: Which of the two outputs.
        steps: The steps whose output it is; a process that performs several has one output.
        text: The line without its end.
    """

    output: Literal["stdout", "stderr"]
    steps: tuple[str, ...]
    text: str


class ExecutionLogs(Value):
    """A page of a run's lines, oldest first.

    Attributes:
        execution_id: The run.
        status: Its state when the page was read.
        events: Dagster's events, when those were asked for.
        raw: Raw lines, when those were asked for.
        cursor: Give it back to have the lines after these.
        more: Whether there are more already; a filtered page may be short, even empty, and yet have more after it.
        finished: Whether the run ended and this page reaches its end: nothing will come any more.
    """

    execution_id: str
    status: RunStatus
    events: tuple[Event, ...] = ()
    raw: tuple[RawLine, ...] = ()
    cursor: str
    more: bool
    finished: bool


def event_page(
    records: RunRecords,
    execution_id: str,
    *,
    cursor: str | None = None,
    limit: int = 100,
    level: Level = "debug",
    since: datetime | None = None,
    wait_seconds: float = 0,
) -> ExecutionLogs:
    """A page of events.

    Args:
        records: The run storage.
        execution_id: The run, by id or the beginning of one.
        cursor: Where the last page ended; by default the beginning.
        limit: The most events to give.
        level: Only events of this level or above.
        since: Only events from this time on; for the first page, a cursor says it for the later ones.
        wait_seconds: How long to wait for an event when there is none and the run goes on.

    Raises:
        NotFoundError: There is no such run.
        UsageError: The cursor is not one of ours, or the id is ambiguous.
    """
    run = find_run(records, execution_id)
    after = _number(cursor)
    if after is None:
        after = _cursor_at(records, run.run_id, since) if since else 0
    deadline = time.monotonic() + wait_seconds
    while True:
        # The state first: an event that is not there yet when the run has ended will never be.
        run, _ = as_lost(records, records.run(run.run_id) or run)
        ended = run.status not in {"pending", "running"}
        events, after, more = _collect(records, run.run_id, after, limit, LEVELS[level])
        if events or more or ended or time.monotonic() >= deadline:
            return ExecutionLogs(
                execution_id=run.run_id,
                status=run.status,
                events=tuple(events),
                cursor=str(after),
                more=more,
                finished=ended and not more,
            )
        time.sleep(_POLL_SECONDS)


def follow(
    records: RunRecords, execution_id: str, *, cursor: str | None = None, level: Level = "debug"
) -> Iterator[Event]:
    """Every event of a run, from the cursor on, as they come, until the run has ended."""
    while True:
        page = event_page(records, execution_id, cursor=cursor, limit=MAX_PAGE, level=level, wait_seconds=10)
        yield from page.events
        if page.finished:
            return
        cursor = page.cursor


def _collect(records: RunRecords, run_id: str, after: int, limit: int, level: int) -> tuple[list[Event], int, bool]:
    """Events of the level, looking at a bounded number of them: the events, the cursor, whether there are more."""
    if level <= LEVELS["debug"]:
        page = records.events(run_id, after, limit)
        return list(page.events), page.cursor, page.more
    found: list[Event] = []
    looked = 0
    while True:
        page = records.events(run_id, after, MAX_PAGE, None, level)
        looked += MAX_PAGE
        found += page.events
        if len(found) >= limit:
            cut = found[:limit]
            return cut, cut[-1].cursor, page.more or len(found) > limit or page.cursor > cut[-1].cursor
        after = page.cursor
        if not page.more or looked >= _SCANNED_PER_PAGE:
            return found, after, page.more


def _cursor_at(records: RunRecords, run_id: str, since: datetime) -> int:
    """The cursor before the first event from that time on, by halving: events are numbered in their order in time."""
    last = last_event(records, run_id)
    if last is None:
        return 0
    low, high = 0, last.cursor
    while low < high:
        middle = (low + high) // 2
        page = records.events(run_id, middle, 1)
        if page.events and page.events[0].time < since:
            low = page.events[0].cursor
        else:
            high = middle
    return low


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isdigit():
        raise UsageError(f"{cursor!r} is not a cursor of events", "Give the cursor of the page before, unchanged")
    return int(cursor)


def raw_page(
    records: RunRecords,
    storage: Path,
    execution_id: str,
    *,
    cursor: str | None = None,
    step: str | None = None,
    wait_seconds: float = 0,
) -> ExecutionLogs:
    """A page of raw output: up to 64 KiB of each output of one compute log, in whole lines.

    Args:
        records: The run storage.
        storage: Folder of the compute logs.
        execution_id: The run.
        cursor: Where the last page ended.
        step: Only the output of the process that performs this step.
        wait_seconds: How long to wait for a line when there is none and the run goes on.

    Raises:
        NotFoundError: There is no such run.
        UsageError: The cursor is not one of ours.
    """
    run = find_run(records, execution_id)
    place = _RawPlace.parse(cursor)
    deadline = time.monotonic() + wait_seconds
    while True:
        run, _ = as_lost(records, records.run(run.run_id) or run)
        ended = run.status not in {"pending", "running"}
        captures = [one for one in records.captures(run.run_id) if step is None or step in one.steps]
        lines, place, more = _read_raw(storage / run.run_id / "compute_logs", captures, place, ended=ended)
        if lines or more or ended or time.monotonic() >= deadline:
            return ExecutionLogs(
                execution_id=run.run_id,
                status=run.status,
                raw=tuple(lines),
                cursor=place.text(),
                more=more,
                finished=ended and not more,
            )
        time.sleep(_POLL_SECONDS)


class _RawPlace(Value):
    """A place in raw output: the number of the compute log, and the bytes read of its two outputs."""

    capture: int = 0
    out: int = 0
    err: int = 0

    @classmethod
    def parse(cls, cursor: str | None) -> _RawPlace:
        parts = cursor.split(".") if cursor is not None else ["0", "0", "0"]
        if len(parts) != 3 or not all(part.isdigit() for part in parts):
            raise UsageError(
                f"{cursor!r} is not a cursor of raw output", "Give the cursor of the page before, unchanged"
            )
        return cls(capture=int(parts[0]), out=int(parts[1]), err=int(parts[2]))

    def text(self) -> str:
        return f"{self.capture}.{self.out}.{self.err}"


def _read_raw(
    folder: Path, captures: list[Capture], place: _RawPlace, *, ended: bool
) -> tuple[list[RawLine], _RawPlace, bool]:
    """Lines of the compute log at the place; when it is complete and read, the place is the next one's beginning."""
    if place.capture >= len(captures):
        return [], place, False
    capture = captures[place.capture]
    complete = ended or (folder / f"{capture.key}.complete").exists()
    err, err_at, err_more = _read_lines(folder / f"{capture.key}.err", place.err, complete=complete)
    out, out_at, out_more = _read_lines(folder / f"{capture.key}.out", place.out, complete=complete)
    lines = [RawLine(output="stderr", steps=capture.steps, text=text) for text in err]
    lines += [RawLine(output="stdout", steps=capture.steps, text=text) for text in out]
    if complete and not err_more and not out_more and place.capture + 1 < len(captures):
        return lines, _RawPlace(capture=place.capture + 1), True
    return lines, _RawPlace(capture=place.capture, out=out_at, err=err_at), err_more or out_more


def _read_lines(file: Path, offset: int, *, complete: bool) -> tuple[list[str], int, bool]:
    """Whole lines from an offset on, the offset after them, and whether more is there.

    A line longer than a page is given in pieces; a last line without an end only when nothing will follow.
    """
    try:
        with file.open("rb") as stream:
            stream.seek(offset)
            data = stream.read(_RAW_BYTES)
            more = len(data) == _RAW_BYTES and bool(stream.read(1))
    except FileNotFoundError:
        return [], offset, False
    end = data.rfind(b"\n") + 1
    if (not end and (more or complete)) or (complete and not more):
        end = len(data)
    text = data[:end].decode("utf-8", "replace").removesuffix("\n")
    return [line.removesuffix("\r") for line in text.split("\n")] if end else [], offset + end, more
