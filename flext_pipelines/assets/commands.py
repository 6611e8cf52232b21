"""The asset of a command block, such as ``dbt:run``: a step of the pipeline after those before it.

What belongs here: the asset of one command. What does not: reading a dbt manifest into models; that is dagster-dbt's,
and a project that wants model by model lineage can put it beside these definitions.
"""

import dagster as dg

from flext_pipelines.assets.blocks import BlockPlan
from flext_pipelines.assets.bus import BUS
from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.meltano_run import perform, pipeline_of
from flext_pipelines.assets.metadata import Metadata
from flext_pipelines.assets.partitions import partitions_definition, window_of
from flext_pipelines.assets.streams import Appearance
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.runs.location import RUN_OPTIONS_RESOURCE, Meta


def command_asset(block: BlockPlan, appearance: Appearance) -> dg.AssetsDefinition:
    """The asset of a ``command`` block; it depends on every asset of the block before it."""

    @dg.asset(
        key=dg.AssetKey(block.command_path),
        deps=[dg.AssetKey(path) for path in (block.after.paths if block.after else ())],
        description=f"`meltano run {block.block.command}`",
        group_name=appearance.group,
        kinds={"meltano", (block.block.plugin or "command").partition("-")[0]},
        owners=list(appearance.owners),
        tags=appearance.tags,
        metadata=appearance.metadata,
        partitions_def=partitions_definition(block.partitions),
        required_resource_keys={BUS, RUN_OPTIONS_RESOURCE},
    )
    def command(context: dg.AssetExecutionContext) -> dg.MaterializeResult[object]:
        with translated(context, block.retries):
            outcome = perform(context, block, window_of(context))
            if outcome.error is not None:
                raise outcome.error
            return dg.MaterializeResult(metadata=_metadata(context, block, outcome.run))

    return command


def _metadata(context: dg.AssetExecutionContext, block: BlockPlan, run: PipelineRun | None) -> Metadata:
    if run is None:
        return {}
    return {
        Meta.SECONDS: round(run.seconds, 3),
        Meta.PIPELINE: pipeline_of(context, block),
        Meta.ENVIRONMENT: run.environment,
    }
