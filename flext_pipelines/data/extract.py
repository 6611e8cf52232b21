"""A tap's output into one version of a dataset.

The bookmark lives in the manifest. It moves when the version appears, and only then: whatever dies before has
moved nothing, and the same call reads the same rows again.

What belongs here: which bookmark a run starts from, what is kept of what the tap sends, the four modes.
What does not: running the tap; whoever calls gives its output lines (``TapLines``).
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from flext_pipelines.data.bookmarks import not_beyond, replication_key_of, watermark_of, watermark_state
from flext_pipelines.data.dataset import DataReference, Draft, Manifest, Mode
from flext_pipelines.data.extract_request import ExtractMode, ExtractRequest
from flext_pipelines.data.formats import exporter
from flext_pipelines.data.intake import Intake
from flext_pipelines.values import Progress, Value, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from flext_pipelines.data.landing import LandingZone

_FROM_BOOKMARK = {"incremental", "delta"}


class TapLines(Protocol):
    """Runs a tap and gives what it writes on stdout, line by line."""

    def __call__(self, *, state: Mapping[str, JsonValue] | None, batches: Path) -> Generator[bytes, None, None]:
        """Start the tap.

        Args:
            state: Singer state to start from; None reads everything.
            batches: Folder below which the tap may write BATCH files.

        Returns:
            Its lines. When the tap fails, the generator raises; closing it early stops the tap.
        """
        ...


class Extraction(Value):
    """What an extraction brought.

    Attributes:
        reference: The new version, for the next command.
        mode: How it was extracted.
        stream: The Singer stream.
        rows: Rows in it.
        rejected: Records that do not fit their schema; kept in ``rejects_file`` with reasons.
        filtered: Rows that do not meet the conditions.
        unchanged: Rows that a delta left out, because the dataset has them already.
        limited: True when ``max_records`` ended it; the bookmark covers only what is kept.
        bytes: Size of the Parquet parts.
        watermark_before: Replication key value that it started from.
        watermark: The new one.
        bookmark: The whole new Singer state.
        replication_key: The column it is about.
        checksum: Of the version.
        folder: Where its files lie.
        files: Its files in the format asked for.
        rejects_file: The rejected records, if any.
        columns: Arrow type by column.
        already_done: True when an earlier call with the same key made it.
    """

    reference: DataReference
    mode: ExtractMode
    stream: str
    rows: int
    rejected: int
    filtered: int = 0
    unchanged: int = 0
    limited: bool = False
    bytes: int
    watermark_before: str | None = None
    watermark: str | None = None
    bookmark: dict[str, JsonValue] | None = None
    replication_key: str | None = None
    checksum: str
    folder: str
    files: tuple[str, ...]
    rejects_file: str | None = None
    columns: dict[str, str]
    already_done: bool = False


def extract(
    landing: LandingZone,
    request: ExtractRequest,
    tap: TapLines,
    on_progress: Callable[[Progress], None] = ignore_progress,
) -> Extraction:
    """Run the tap and keep what it sends as a new version.

    Raises:
        AlreadyRunningError: The dataset is being written.
        ExtractFailedError: The tap sent something that is not Singer, or failed.
        NotFoundError: The tap has no such stream.
        StorageFullError: No room is left.
        UsageError: A condition does not fit the stream.
    """
    with landing.writer(request.dataset) as writer:
        done = landing.with_key(request.dataset, request.idempotency_key, request.fingerprint)
        if done is not None:
            return _extraction(landing, done, {}, already_done=True)
        before = starting_bookmark(landing, request)
        intake = Intake(request, writer, landing, on_progress)
        batches = writer.scratch() / "batches"
        batches.mkdir()
        try:
            with closing(tap(state=before, batches=batches)) as lines:
                intake.take(lines)
            counts = intake.finish()
        finally:
            intake.abandon()
        # The tap's last word when it said one; a tap that stays silent on state has moved nothing.
        after = intake.state if intake.state is not None else before
        key = request.replication_key or intake.replication_key
        after = not_beyond(after, request.stream, key, request.end)
        draft = Draft(
            mode=request.mode,
            stream=request.stream,
            source=request.tap,
            keys=intake.keys,
            unchanged=intake.unchanged,
            bookmark_before=before,
            bookmark_after=after,
            watermark=watermark_of(after, request.stream, key),
            replication_key=replication_key_of(after, request.stream) or key,
            scope=request.scope,
            idempotency_key=request.idempotency_key,
            request=request.fingerprint,
            result={**counts},
        )
        manifest = writer.commit(draft, schema=intake.schema, export=exporter(request.output_format))
    return _extraction(landing, manifest, counts, already_done=False)


def starting_bookmark(landing: LandingZone, request: ExtractRequest) -> dict[str, JsonValue] | None:
    """The Singer state to start from: none, the caller's watermark, or the dataset's last bookmark."""
    if request.watermark is not None:
        return watermark_state(request.stream, request.replication_key, request.watermark)
    if request.mode not in _FROM_BOOKMARK:
        return None
    for manifest in landing.manifests(request.dataset):
        same = manifest.stream == request.stream and manifest.scope == request.scope
        if same and watermark_of(
            manifest.bookmark_after, request.stream, request.replication_key or manifest.replication_key
        ):
            return manifest.bookmark_after
    return None


def _extraction(
    landing: LandingZone, manifest: Manifest, counts: Mapping[str, object], *, already_done: bool
) -> Extraction:
    folder = landing.folder(manifest)
    known = {**(manifest.result or {}), **counts}
    modes: dict[Mode, ExtractMode] = {
        "full": "full",
        "incremental": "incremental",
        "delta": "delta",
        "snapshot": "snapshot",
    }
    return Extraction(
        reference=manifest.reference,
        mode=modes[manifest.mode],
        stream=manifest.stream or "",
        rows=manifest.rows,
        rejected=manifest.rejects.rows if manifest.rejects else 0,
        filtered=int(str(known.get("filtered", 0))),
        unchanged=manifest.unchanged,
        limited=known.get("limited") is True,
        bytes=manifest.bytes,
        watermark_before=watermark_of(manifest.bookmark_before, manifest.stream or "", manifest.replication_key),
        watermark=manifest.watermark,
        bookmark=manifest.bookmark_after,
        replication_key=manifest.replication_key,
        checksum=manifest.checksum,
        folder=str(folder),
        files=tuple(str(folder / part.name) for part in manifest.exports or manifest.parts),
        rejects_file=str(folder / manifest.rejects.name) if manifest.rejects else None,
        columns={column.name: column.type for column in manifest.columns},
        already_done=already_done,
    )
