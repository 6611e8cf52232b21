"""Puts together what is known of a run once it has ended: counts, bookmarks, versions.

What belongs here: the evidence for a verdict, and the outcome for whoever asked. What does not: the verdict itself
(``failures``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from flext_pipelines.errors import FlextError, RunCancelledError
from flext_pipelines.meltano.bookmarks import Bookmark, bookmarks
from flext_pipelines.meltano.catalogue import Block, Stream
from flext_pipelines.meltano.environment import project_files
from flext_pipelines.meltano.evidence import Evidence
from flext_pipelines.meltano.failures import lost_rows
from flext_pipelines.meltano.outcome import BlockOutcome, PipelineRun, Status, StreamOutcome
from flext_pipelines.meltano.tally import BlockTally, StreamTally, Tally

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import ProjectCatalogue
    from flext_pipelines.meltano.plan import Plan, RunRequest
    from flext_pipelines.meltano.project import MeltanoProject
    from flext_pipelines.meltano.running import Ended


@dataclass(frozen=True)
class Readings:
    """Everything that was read of one run."""

    project: MeltanoProject
    catalogue: ProjectCatalogue
    plan: Plan
    request: RunRequest
    run_id: str
    started_at: datetime
    ended: Ended
    tally: Tally
    tail: Sequence[str]
    before: Mapping[str, Mapping[str, object]]
    after: Mapping[str, Mapping[str, object]]
    streams: Mapping[str, Sequence[Stream]]
    """By tap, what this run told it to extract; empty where that is not known."""

    def tally_of(self, number: int) -> BlockTally | None:
        """What was said in a block; None when its turn never came."""
        heard = self.tally.blocks
        return heard[number] if number < len(heard) else None

    def state_id_of(self, number: int) -> str | None:
        """Singer state of a block: as Meltano told it, else as it will build it."""
        heard = self.tally_of(number)
        if heard is not None and heard.state_id:
            return heard.state_id
        if self.plan.blocks[number].kind != "el":
            return None
        before = sum(block.kind == "el" for block in self.plan.blocks[:number])
        return self.plan.state_ids[before]


def evidence_of(readings: Readings, timeout_seconds: float) -> Evidence:
    """What the verdict is made from."""
    plan = readings.plan
    return Evidence(
        pipeline=plan.name,
        exit_code=readings.ended.exit_code,
        ending=readings.ended.ending,
        tally=readings.tally,
        timeout_seconds=timeout_seconds,
        tail=readings.tail,
        incremental=frozenset(_incremental(readings)),
        unchecked=_counts_may_differ(readings),
        bookmarks=[
            f"{stream} {mark.value}"
            for state_id in plan.state_ids
            for stream, mark in bookmarks(readings.after.get(state_id, {})).items()
            if mark.value is not None
        ],
    )


def _incremental(readings: Readings) -> list[str]:
    """States that a run with rows must save: a stream of the tap is incremental, or there was a bookmark before."""
    found = []
    for number, block in enumerate(readings.plan.blocks):
        state_id = readings.state_id_of(number)
        if block.tap is None or state_id is None:
            continue
        streams = _streams_of(readings, block)
        if bookmarks(readings.before.get(state_id, {})) or any(
            stream.replication_method in {"INCREMENTAL", "LOG_BASED"} for stream in streams
        ):
            found.append(state_id)
    return found


def _counts_may_differ(readings: Readings) -> bool:
    """A mapper, or stream maps inside tap or target, may drop or multiply rows on purpose."""
    if any(block.mappers for block in readings.plan.blocks):
        return True
    if any("STREAM_MAPS" in name for name in readings.plan.variables):
        return True
    files = [*project_files(readings.project), readings.project.root / ".env"]
    return any(b"stream_map" in path.read_bytes().lower() for path in files if path.is_file())


def pipeline_run(readings: Readings, error: FlextError | None) -> PipelineRun:
    """The outcome of a run, also of one that failed."""
    status: Status = "succeeded"
    if error is not None:
        stopped = isinstance(error, RunCancelledError) or readings.ended.ending != "exited"
        status = "cancelled" if stopped else "failed"
    return PipelineRun(
        pipeline=readings.plan.name,
        run_id=readings.run_id,
        state_ids=readings.plan.state_ids,
        environment=readings.project.environment,
        status=status,
        streams=tuple(_stream_outcomes(readings, status, error)),
        blocks=tuple(_block_outcome(readings, number, status) for number in range(len(readings.plan.blocks))),
        seconds=round(readings.ended.seconds, 3),
        started_at=readings.started_at,
        log_file=readings.request.log_file,
        plugins=_versions(readings),
        partition=readings.request.partition,
    )


def _block_outcome(readings: Readings, number: int, run_status: Status) -> BlockOutcome:
    block, heard = readings.plan.blocks[number], readings.tally_of(number)
    result = heard.result if heard is not None else None
    return BlockOutcome(
        number=number,
        kind=block.kind,
        name=" ".join(block.arguments),
        status=_block_status(heard, run_status),
        seconds=result.seconds if result else None,
        exit_codes=dict(result.exit_codes) if result else {},
        error=(result.error or None) if result else None,
        state_id=readings.state_id_of(number),
        state_saved=heard.state_saved if heard else False,
    )


def _block_status(heard: BlockTally | None, run_status: Status) -> Status:
    """Meltano calls a block whose tap was told to stop a success; whoever told it knows better."""
    if heard is None or (heard.result is None and not heard.plugins):
        return "unknown"
    if heard.result is not None and heard.result.success:
        return "cancelled" if heard.stopped else "succeeded"
    return "cancelled" if run_status == "cancelled" else "failed"


def _stream_outcomes(readings: Readings, status: Status, error: FlextError | None) -> list[StreamOutcome]:
    outcomes: list[StreamOutcome] = []
    for number, block in enumerate(readings.plan.blocks):
        if block.kind != "el":
            continue
        heard = readings.tally_of(number)
        known = {stream.name: stream for stream in _streams_of(readings, block)}
        names = dict.fromkeys([*(heard.streams if heard else ()), *known])
        outcomes += [_stream_outcome(readings, number, name, known.get(name), status, error) for name in names]
    return outcomes


def _stream_outcome(
    readings: Readings, number: int, name: str, known: Stream | None, status: Status, error: FlextError | None
) -> StreamOutcome:
    block, heard = readings.plan.blocks[number], readings.tally_of(number)
    state_id = readings.state_id_of(number)
    sums = heard.streams.get(name, StreamTally(name)) if heard else StreamTally(name)
    mark = _bookmark(readings.after, state_id, name)
    judged = _stream_status(heard, sums, status, error)
    return StreamOutcome(
        name=name,
        tap=block.tap or "",
        extracted=sums.extracted,
        loaded=sums.counted_loaded,
        rejected=sums.counted_rejected,
        deduplicated=sums.deduplicated,
        bytes=sums.bytes,
        seconds=sums.seconds,
        status=judged,
        replication_key=mark.replication_key or (known.replication_key if known else None),
        bookmark_before=_bookmark(readings.before, state_id, name).value,
        bookmark_after=mark.value,
        columns=dict(known.columns) if known and known.columns else None,
        table=sums.table,
        state_id=state_id,
        error=error.reason if error is not None and judged == "failed" else None,
    )


def _stream_status(heard: BlockTally | None, sums: StreamTally, run: Status, error: FlextError | None) -> Status:
    """One stream of a block. A block that failed spares the streams whose rows all arrived before."""
    if heard is None:
        return "unknown"
    if heard.result is not None and heard.result.success and not heard.stopped:
        return "failed" if error is not None and lost_rows(sums) > 0 else "succeeded"
    if sums.status == "failed":
        return "cancelled" if run == "cancelled" else "failed"
    all_arrived = sums.missing is not None and sums.missing <= 0
    if sums.status == "succeeded" and all_arrived and heard.state_saved:
        return "succeeded"
    if sums.extracted is None and sums.loaded is None:
        return "unknown" if run != "cancelled" else "cancelled"
    return "cancelled" if run == "cancelled" else "failed"


def _streams_of(readings: Readings, block: Block) -> list[Stream]:
    """Streams that the block was to move, as far as the catalogue knows them."""
    tap = block.tap or ""
    told = readings.streams.get(tap)
    selected = told or readings.catalogue.selected_streams(tap)
    wanted = readings.plan.streams.get(tap)
    found = [stream for stream in selected if stream.discovered or stream.name != tap]
    if wanted is None:
        return found
    by_name = {stream.name: stream for stream in found}
    return [by_name.get(name, Stream(tap=tap, name=name)) for name in wanted]


def _bookmark(states: Mapping[str, Mapping[str, object]], state_id: str | None, stream: str) -> Bookmark:
    return bookmarks(states.get(state_id or "", {})).get(stream, Bookmark(None, None))


def _versions(readings: Readings) -> dict[str, str]:
    """Versions of the plugins that have a venv, read from its metadata; nothing is started."""
    versions: dict[str, str] = {}
    names: list[tuple[str | None, Literal["extractors", "loaders"] | None]] = []
    for block in readings.plan.blocks:
        names += [(block.tap, "extractors"), (block.target, "loaders"), (block.plugin, None)]
    for name, kind in names:
        plugin = readings.catalogue.plugin(name, kind) if name else None
        if plugin is None or plugin.venv is None or plugin.name in versions:
            continue
        from flext_pipelines.meltano.venvs import distribution_of, read_record

        venv = readings.project.system_folder / plugin.venv
        record = read_record(venv)
        version = record.version if record else None
        if version is None and plugin.executable:
            found = distribution_of(venv, plugin.executable)
            version = found.version if found else None
        if version:
            versions[plugin.name] = version
    return versions
