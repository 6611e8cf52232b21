"""The assets of one extract-and-load block: one per stream, made by one Meltano run.

A run over some of the streams asks Meltano for those only. When a run fails or is cancelled, the streams that had
arrived whole, bookmark saved, are recorded first; those that had not, or were never reached, are not. What Meltano
moved without an asset (a table that is newer than this code location) is said in a warning, never dropped in silence.

What belongs here: the multi-asset and its body. What does not: which block owns which key (``blocks``), metadata
(``metadata``), checks (``checks``).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import dagster as dg

from flext_pipelines.assets import checks
from flext_pipelines.assets.blocks import BlockPlan, StreamAsset
from flext_pipelines.assets.bus import BUS
from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.meltano_run import RunSoFar, perform, pipeline_of, run_of
from flext_pipelines.assets.metadata import stream_metadata
from flext_pipelines.assets.partitions import partitions_definition, window_of
from flext_pipelines.meltano.outcome import PipelineRun, StreamOutcome
from flext_pipelines.runs.location import RUN_OPTIONS_RESOURCE, Meta, tap_pool


class Appearance(NamedTuple):
    """How the assets of a block look in the UI; nothing that changes what they do.

    Attributes:
        group: The group, one per pipeline.
        kinds: Icons: ``meltano``, ``singer`` and the target's database.
        owners: Emails or ``team:...``.
        tags: Asset tags.
        metadata: Definition metadata of every asset: the reference into ``meltano.yml``.
        freshness: When an asset counts as stale.
        freshness_by_stream: The same for single streams, which wins.
    """

    group: str
    kinds: frozenset[str] = frozenset()
    owners: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    metadata: Mapping[str, object] = {}
    freshness: dg.FreshnessPolicy | None = None
    freshness_by_stream: Mapping[str, dg.FreshnessPolicy] = {}


def source_path(stream_asset: StreamAsset) -> tuple[str, ...]:
    """The key of the table that a stream is read from: no asset of ours, but the start of its lineage."""
    return "source", stream_asset.stream.tap, stream_asset.path[-1]


def stream_assets(block: BlockPlan, appearance: Appearance) -> dg.AssetsDefinition:
    """The multi-asset of a block.

    Args:
        block: The plan of an ``el`` block.
        appearance: How its assets look.
    """
    specs = [_spec(block, asset, appearance) for asset in block.streams]

    @dg.multi_asset(
        name=block.op,
        specs=specs,
        check_specs=checks.specs(block),
        can_subset=True,
        pool=tap_pool(block.pool),
        partitions_def=partitions_definition(block.partitions),
        required_resource_keys={BUS, RUN_OPTIONS_RESOURCE},
        description=f"`meltano run {' '.join(block.block.arguments)}`",
    )
    def load(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[object]]:
        with translated(context, block.retries):
            yield from _load(context, block)

    return load


def _spec(block: BlockPlan, asset: StreamAsset, appearance: Appearance) -> dg.AssetSpec:
    stream = asset.stream
    before = [dg.AssetKey(path) for path in (block.after.paths if block.after else ())]
    columns = checks.declared_columns(stream.columns)
    return dg.AssetSpec(
        dg.AssetKey(asset.path),
        deps=[dg.AssetKey(source_path(asset)), *before],
        description=_description(block, asset),
        group_name=appearance.group,
        kinds=set(appearance.kinds),
        owners=list(appearance.owners),
        tags=appearance.tags,
        metadata={**appearance.metadata, Meta.TAP: stream.tap, Meta.STREAM: stream.name, **columns},
        freshness_policy=appearance.freshness_by_stream.get(stream.name, appearance.freshness),
        skippable=True,
    )


def _description(block: BlockPlan, asset: StreamAsset) -> str:
    stream, arrow = asset.stream, " → ".join(block.block.arguments)
    lines = [f"Stream `{stream.name}` of {arrow}."]
    if stream.replication_method:
        by = f" by `{stream.replication_key}`" if stream.replication_key else ""
        lines.append(f"Replication: {stream.replication_method}{by}.")
    if stream.keys:
        lines.append(f"Key: {', '.join(f'`{key}`' for key in stream.keys)}.")
    return "\n\n".join(lines)


def _load(context: dg.AssetExecutionContext, block: BlockPlan) -> Iterator[dg.MaterializeResult[object]]:
    wanted = [asset for asset in block.streams if dg.AssetKey(asset.path) in context.selected_asset_keys]
    try:
        outcome = perform(context, block, window_of(context), streams=_names(block, wanted))
    except BaseException as interrupt:
        if (so_far := run_of(interrupt.__cause__)) is not None:
            for asset in wanted:
                if has_landed(asset, so_far):
                    yield _result(context, block, asset, so_far)
        raise
    if outcome.run is not None:
        landed = wanted if outcome.error is None else [one for one in wanted if has_landed(one, outcome.run)]
        _warn_of_unknown_streams(context, block, outcome.run)
        for asset in landed:
            yield _result(context, block, asset, outcome.run)
    if outcome.error is not None:
        _say_what_is_missing(context, wanted, outcome)
        raise outcome.error


def _names(block: BlockPlan, wanted: Sequence[StreamAsset]) -> tuple[str, ...]:
    """The streams to ask for; none means all, so that a whole run is exactly ``meltano run``."""
    return () if len(wanted) == len(block.streams) else tuple(asset.stream.name for asset in wanted)


def _result(
    context: dg.AssetExecutionContext, block: BlockPlan, asset: StreamAsset, run: PipelineRun
) -> dg.MaterializeResult[object]:
    key = dg.AssetKey(asset.path)
    outcome = outcome_of(asset, run)
    metadata = stream_metadata(
        run, outcome, pipeline=pipeline_of(context, block), partitioned=block.partitions is not None
    )
    return dg.MaterializeResult(
        asset_key=key, metadata=metadata, check_results=[*checks.results(context, key, outcome)]
    )


def outcome_of(asset: StreamAsset, run: PipelineRun) -> StreamOutcome:
    """What the run did for a stream.

    A tap that was never asked for its streams counts as one (``Stream.discovered`` is False and it bears the tap's
    name): its outcome is then the sum. A stream that nobody counted has an outcome that knows nothing.
    """
    stream = asset.stream
    of_tap = [one for one in run.streams if one.tap == stream.tap]
    for one in of_tap:
        if one.name == stream.name:
            return one
    if stands_for_tap(asset) and of_tap:
        return _sum(stream.name, of_tap)
    return StreamOutcome(name=stream.name, tap=stream.tap, status="unknown")


def stands_for_tap(asset: StreamAsset) -> bool:
    """Whether the asset stands for all that a tap brings, because its streams are not known."""
    return not asset.stream.discovered and asset.stream.name == asset.stream.tap


def _sum(name: str, outcomes: Sequence[StreamOutcome]) -> StreamOutcome:
    return StreamOutcome(
        name=name,
        tap=outcomes[0].tap,
        extracted=_total([one.extracted for one in outcomes]),
        loaded=_total([one.loaded for one in outcomes]),
        rejected=_total([one.rejected for one in outcomes]),
        deduplicated=sum(one.deduplicated for one in outcomes),
        bytes=_total([one.bytes for one in outcomes]),
        seconds=_total([one.seconds for one in outcomes]),
        status=next((one.status for one in outcomes if one.status != "succeeded"), "succeeded"),
    )


def _total(numbers: Sequence[int | float | None]) -> int | float | None:
    """The sum of what is known; None when nothing is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def has_landed(asset: StreamAsset, run: PipelineRun) -> bool:
    """Whether a stream of a failed run arrived whole: it ended well and every row was loaded or rejected."""
    outcome = outcome_of(asset, run)
    if outcome.status != "succeeded" or outcome.loaded is None:
        return False
    return outcome.missing is None or outcome.missing <= 0


def _warn_of_unknown_streams(context: dg.AssetExecutionContext, block: BlockPlan, run: PipelineRun) -> None:
    if any(stands_for_tap(asset) for asset in block.streams):
        return
    known = {asset.stream.name for asset in block.streams}
    new = sorted({one.name for one in run.streams if one.tap == block.block.tap} - known)
    if new:
        context.log.warning(
            f"Streams without an asset were moved: {', '.join(new)}. Reload the code location to see them."
        )


def _say_what_is_missing(context: dg.AssetExecutionContext, wanted: Sequence[StreamAsset], outcome: RunSoFar) -> None:
    missing = [one.stream.name for one in wanted if outcome.run is None or not has_landed(one, outcome.run)]
    if missing:
        context.log.error(f"Not materialized: {', '.join(missing)}")
