"""Pipelines of ``meltano.yml``: assets of their blocks, a job and its schedules each.

A pipeline that cannot run (an unknown plugin, a tap without a target) has a job too: its description says why, and a
run of it fails with the error that names the place. The rest of the project is not affected. A pipeline in which a
block stands twice has no assets, and a job that runs it as a whole.

What belongs here: what one pipeline becomes. What does not: bodies of assets (``streams``, ``commands``).
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, cast

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from flext_pipelines.assets.blocks import BlockPlan, PipelinePlan, plan, retries_of
from flext_pipelines.assets.bus import BUS
from flext_pipelines.assets.commands import command_asset
from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.meltano_run import run_message
from flext_pipelines.assets.messages import answered, send
from flext_pipelines.assets.partitions import partitions_definition, partitions_due
from flext_pipelines.assets.streams import Appearance, source_path, stream_assets
from flext_pipelines.errors import ConfigError
from flext_pipelines.meltano.catalogue import Pipeline, ProjectCatalogue, Schedule
from flext_pipelines.runs.location import RUN_OPTIONS_RESOURCE, Tag, run_options_config

_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_]")
SOURCES_GROUP = "sources"
"""Group of the tables that taps read, which are no assets of ours."""


class PipelineDefinitions(NamedTuple):
    """What the pipelines of a project become.

    Attributes:
        assets: Of their blocks, and the tables that taps read.
        jobs: One each.
        schedules: Of those that can run by the clock.
        paths: Keys of the assets that blocks make.
    """

    assets: list[dg.AssetsDefinition | dg.AssetSpec]
    jobs: list[dg.JobDefinition | UnresolvedAssetJobDefinition]
    schedules: list[dg.ScheduleDefinition]
    paths: tuple[tuple[str, ...], ...]


def pipeline_definitions(
    catalogue: ProjectCatalogue,
    project_file: Path | None = None,
    made_after: Mapping[str, Sequence[tuple[str, ...]]] | None = None,
) -> PipelineDefinitions:
    """Assets, jobs and schedules of every pipeline.

    Args:
        catalogue: The project.
        project_file: Its ``meltano.yml``, for the reference from an asset to the place that declares it.
        made_after: Keys of further assets that the job of a pipeline makes, by pipeline.

    Raises:
        ConfigError: An annotation cannot be understood; it names the pipeline.
    """
    plans = plan(catalogue)
    places = _places(project_file)
    assets: list[dg.AssetsDefinition | dg.AssetSpec] = []
    sources: dict[tuple[str, ...], dg.AssetSpec] = {}
    made: set[str] = set()
    for pipeline in plans:
        for block in pipeline.blocks:
            if block.op in made:
                continue
            made.add(block.op)
            appearance = _appearance(catalogue, block, places)
            assets.append(stream_assets(block, appearance) if block.streams else command_asset(block, appearance))
            sources |= {source_path(one): _source(block, source_path(one)) for one in block.streams}
    further = made_after or {}
    return PipelineDefinitions(
        assets=[*assets, *sources.values()],
        jobs=[_job(pipeline, further.get(pipeline.pipeline.name, ())) for pipeline in plans],
        paths=tuple(dict.fromkeys(path for pipeline in plans for path in pipeline.paths)),
        schedules=[*_schedules(catalogue, plans)],
    )


def _source(block: BlockPlan, path: tuple[str, ...]) -> dg.AssetSpec:
    return dg.AssetSpec(
        dg.AssetKey(path), group_name=SOURCES_GROUP, description=f"Read by `{block.block.tap}`.", kinds={"source"}
    )


def _appearance(
    catalogue: ProjectCatalogue, block: BlockPlan, places: Callable[[str], Mapping[str, object]]
) -> Appearance:
    target = catalogue.plugin(block.block.target or "", "loaders")
    owners, tags = _texts(block.owner, "owners"), _tags(block.owner)
    with refused(f"annotations.flext of {block.owner.source} {block.owner.name}"):
        dg.AssetSpec(dg.AssetKey(block.owner.name), owners=owners, tags=tags)
    return Appearance(
        group=_NOT_IN_NAME.sub("_", block.owner.name),
        kinds=frozenset({"meltano", "singer", *([_kind_of(target.name)] if target else [])}),
        owners=owners,
        tags=tags,
        metadata=places(block.owner.name),
        freshness=freshness_of(block.owner),
        freshness_by_stream=freshness_by_stream(block.owner),
    )


@contextmanager
def refused(what: str) -> Iterator[None]:
    """What Dagster does not accept of a declaration is an error in ``meltano.yml`` and no fault of ours.

    Raises:
        ConfigError: Dagster's reason, behind what it is about.
    """
    try:
        yield
    except dg.DagsterInvalidDefinitionError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConfigError(f"{what}: {reason}", "Correct it in meltano.yml", {"declaration": what}) from None


def _kind_of(target: str) -> str:
    """``target-postgres`` and ``pipelinewise-target-postgres`` load ``postgres``."""
    return _NOT_IN_NAME.sub("_", target.rpartition("target-")[2]) or "target"


def _texts(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    value = pipeline.annotations.get(name, [])
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(str(one) for one in value)
    raise _wrong(pipeline, name, "a list of texts")


def _tags(pipeline: Pipeline) -> dict[str, str]:
    value = pipeline.annotations.get("tags", {})
    if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return {key: str(one) for key, one in value.items()}
    raise _wrong(pipeline, "tags", "texts by name")


def _wrong(pipeline: Pipeline, name: str, wanted: str) -> ConfigError:
    return ConfigError(
        f"annotations.flext.{name} of {pipeline.source} {pipeline.name} is not {wanted}",
        "Correct it in meltano.yml",
        {"pipeline": pipeline.name, "annotation": name},
    )


def freshness_of(pipeline: Pipeline) -> dg.FreshnessPolicy | None:
    """Declared as ``annotations: {flext: {freshness: {hours: 24}}}``, or ``days``, ``minutes``; none otherwise."""
    declared = pipeline.annotations.get("freshness")
    if isinstance(declared, dict):
        declared = {unit: value for unit, value in declared.items() if unit != "streams"} or None
    return None if declared is None else _time_window(pipeline, declared)


def freshness_by_stream(pipeline: Pipeline) -> dict[str, dg.FreshnessPolicy]:
    """Declared below it: ``freshness: {hours: 24, streams: {allocation: {hours: 2}}}``."""
    declared = pipeline.annotations.get("freshness")
    streams = declared.get("streams", {}) if isinstance(declared, dict) else {}
    if not isinstance(streams, dict):
        raise _wrong(pipeline, "freshness", "one of days, hours, minutes with a number for each of its streams")
    return {name: _time_window(pipeline, window) for name, window in streams.items()}


def _time_window(pipeline: Pipeline, declared: object) -> dg.FreshnessPolicy:
    if not isinstance(declared, dict) or not declared or not {*declared} <= {"days", "hours", "minutes"}:
        raise _wrong(pipeline, "freshness", "one of days, hours, minutes with a number")
    numbers = {unit: value for unit, value in declared.items() if isinstance(value, (int, float)) and value > 0}
    if len(numbers) != len(declared):
        raise _wrong(pipeline, "freshness", "a number above zero")
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(**numbers))


def _places(project_file: Path | None) -> Callable[[str], Mapping[str, object]]:
    """From a pipeline to the metadata that refers to its line in ``meltano.yml``."""
    lines = project_file.read_text("utf-8", "replace").splitlines() if project_file and project_file.is_file() else []

    def place(pipeline: str) -> Mapping[str, object]:
        if not project_file or not lines:
            return {}
        declared = re.compile(rf"\s*-?\s*name:\s*['\"]?{re.escape(pipeline)}['\"]?\s*(#.*)?$")
        number = next((number for number, line in enumerate(lines, 1) if declared.match(line)), 1)
        with warnings.catch_warnings():
            # Beta in 1.13.27, and the only way to link an asset to a file; a user of ours cannot act on the warning.
            warnings.simplefilter("ignore", dg.BetaWarning)
            reference = dg.LocalFileCodeReference(
                file_path=str(project_file), line_number=number, label=project_file.name
            )
            return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}

    return place


def _job(pipeline: PipelinePlan, further: Sequence[tuple[str, ...]]) -> dg.JobDefinition | UnresolvedAssetJobDefinition:
    tags = {Tag.PIPELINE: pipeline.pipeline.name}
    if not pipeline.blocks:
        return _whole_job(pipeline, tags)
    description = pipeline.pipeline.description or f"`meltano run {' '.join(pipeline.pipeline.arguments)}`"
    return dg.define_asset_job(
        pipeline.job,
        selection=dg.AssetSelection.assets(*(dg.AssetKey(path) for path in (*pipeline.paths, *further))),
        description=description,
        tags=tags,
    )


def _whole_job(pipeline: PipelinePlan, tags: Mapping[str, str]) -> dg.JobDefinition:
    """The job of a pipeline without assets: one message for all of it, which also says what keeps it from running."""
    name = pipeline.pipeline.name

    @dg.op(name=f"{pipeline.job}__run", out=dg.Out(dg.Nothing), required_resource_keys={BUS, RUN_OPTIONS_RESOURCE})
    def run(context: dg.OpExecutionContext) -> Iterator[dg.Output[None]]:
        with translated(context, retries_of(pipeline.pipeline)):
            options = getattr(context.resources, RUN_OPTIONS_RESOURCE)
            yield answered(send(context, run_message(), {**options, "pipeline": name}))

    @dg.job(name=pipeline.job, description=_why_whole(pipeline.pipeline), tags=tags)
    def whole_pipeline() -> None:
        cast("Callable[[], None]", run)()

    return whole_pipeline


def _why_whole(pipeline: Pipeline) -> str:
    if pipeline.problem:
        return f"Cannot run: {pipeline.problem}"
    if not pipeline.blocks:
        return "Cannot run: it has no tasks"
    return f"`meltano run {' '.join(pipeline.arguments)}`, as a whole, because a block stands twice in it."


def _schedules(catalogue: ProjectCatalogue, plans: Sequence[PipelinePlan]) -> Iterator[dg.ScheduleDefinition]:
    by_name = {pipeline.pipeline.name: pipeline for pipeline in plans}
    taken: set[str] = set()
    for schedule in catalogue.schedules:
        pipeline = by_name.get(schedule.pipeline)
        if schedule.cron is None or pipeline is None or pipeline.pipeline.problem or not pipeline.pipeline.blocks:
            continue
        name = _NOT_IN_NAME.sub("_", schedule.name)
        while name in taken:
            name += "_"
        taken.add(name)
        yield _schedule(name, schedule, pipeline)


def _schedule(name: str, schedule: Schedule, pipeline: PipelinePlan) -> dg.ScheduleDefinition:
    """Stopped until somebody starts it, unless the project says ``annotations: {flext: {enabled: true}}``."""
    partitions = partitions_definition(pipeline.pipeline.partitions)
    config = run_options_config(schedule=schedule.name if schedule.env else None)

    def due(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        if partitions is None:
            yield dg.RunRequest(run_config=config)
            return
        keys = partitions_due(partitions, context.scheduled_execution_time)
        for key in keys:
            yield dg.RunRequest(
                run_key=f"{context.scheduled_execution_time}:{key}", run_config=config, partition_key=key
            )
        if not keys:
            yield dg.SkipReason("No partition is complete yet")

    with refused(f"schedule {schedule.name}"):
        return dg.ScheduleDefinition(
            name=name,
            job_name=pipeline.job,
            cron_schedule=schedule.cron,
            execution_timezone=schedule.timezone,
            execution_fn=due,
            default_status=dg.DefaultScheduleStatus.RUNNING if schedule.enabled else dg.DefaultScheduleStatus.STOPPED,
            description=f"Schedule `{schedule.name}` of meltano.yml",
            tags={Tag.PIPELINE: schedule.pipeline},
        )
