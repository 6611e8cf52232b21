"""One block of a pipeline, performed: the message, the bus, and what came of it.

What belongs here: the message that an asset's body sends, and the reading of its answer. What does not: which asset
sends it (``streams``, ``commands``), and running Meltano (a handler does).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from flext_pipelines.assets.bus import BUS, context_of
from flext_pipelines.assets.progress import StepLog
from flext_pipelines.assets.run_config import config_fields, message_from
from flext_pipelines.commands import pipelines, registry
from flext_pipelines.errors import FlextError
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.runs.location import RUN_OPTIONS_RESOURCE, Tag

if TYPE_CHECKING:
    import dagster as dg

    from flext_pipelines.assets.blocks import BlockPlan
    from flext_pipelines.assets.partitions import Window
    from flext_pipelines.commands.bus import Bus
    from flext_pipelines.commands.registry import MessageSpec

OPTIONS = ("environment", "full_refresh", "refresh_catalog", "config_overrides", "timeout_seconds", "schedule")
"""Fields of the message that a run may set for all its blocks; the rest follows from the assets it makes."""


class RunSoFar(NamedTuple):
    """What a Meltano run came to: all of it, or what it did before it failed."""

    run: PipelineRun | None
    error: FlextError | None


def run_message() -> MessageSpec:
    """``pipelines.RunMeltanoPipeline``."""
    return registry.find(registry.collect([pipelines]), "pipelines.RunMeltanoPipeline")


def option_fields() -> dict[str, object]:
    """Config of the resource ``run_options``: the options of one run, as the message describes them."""
    fields = config_fields(run_message())
    return {name: field for name, field in fields.items() if name in OPTIONS}


def perform(
    context: dg.AssetExecutionContext, block: BlockPlan, window: Window, *, streams: tuple[str, ...] = ()
) -> RunSoFar:
    """Run one block of a pipeline through Meltano.

    Args:
        context: The step's.
        block: The block.
        window: The partition that the run fills.
        streams: The streams to move; none means all.

    Raises:
        InvalidMessageError: The options of the run do not make a valid message.
    """
    _name_pipeline(context, block)
    log = StepLog(context.log)
    bus: Bus = getattr(context.resources, BUS)
    message = cast(
        "pipelines.RunMeltanoPipelineCommand", message_from(run_message(), _payload(context, block, window, streams))
    )
    result = bus.send(message, context_of(context, log))
    log.close()
    if result.error is None:
        return RunSoFar(result.unwrap(), None)
    return RunSoFar(run_of(result.error), result.error)


def _name_pipeline(context: dg.AssetExecutionContext, block: BlockPlan) -> None:
    """Tag a run of mere assets (the UI's Materialize, a backfill), so that it is found among the pipeline's runs."""
    if Tag.PIPELINE not in context.run.tags:
        context.instance.add_run_tags(context.run.run_id, {Tag.PIPELINE: block.owner.name})


def _payload(
    context: dg.AssetExecutionContext, block: BlockPlan, window: Window, streams: tuple[str, ...]
) -> dict[str, object]:
    options = getattr(context.resources, RUN_OPTIONS_RESOURCE)
    fields: dict[str, object] = {
        **options,
        "pipeline": block.owner.name,
        "tap_name": block.block.tap,
        "target_name": block.block.target,
        "command": block.block.command,
        "streams": list(streams),
        "partition": window.key,
        "partition_start": window.start,
        "partition_end": window.end,
    }
    return {name: value for name, value in fields.items() if value is not None}


def run_of(error: BaseException | None) -> PipelineRun | None:
    """The counts so far that an error of the gateway carries."""
    run = error.details.get("run") if isinstance(error, FlextError) else None
    return PipelineRun.model_validate(run) if isinstance(run, dict) else None


def pipeline_of(context: dg.AssetExecutionContext, block: BlockPlan) -> str:
    """The pipeline in whose name the run was made; the block's owner when somebody materialized just assets."""
    return context.run.tags.get(Tag.PIPELINE) or block.owner.name
