"""Launching a run for a message: what it would do, whether it may, in whose name, and how it ended.

What belongs here: what the handlers that launch runs share. What does not: messages and their handlers (``runs``,
``messages``), the launching itself (``flext_pipelines.runs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pydantic import JsonValue

from flext_pipelines.commands.message import Context
from flext_pipelines.errors import NotFoundError, RunCancelledError, RunFailedError, UsageError, error_of_code
from flext_pipelines.runs.location import Tag, job_names, run_options_config
from flext_pipelines.runs.record import Event, EventError
from flext_pipelines.values import Progress, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flext_pipelines.meltano.catalogue import Pipeline, ProjectCatalogue
    from flext_pipelines.meltano.plan import RunRequest
    from flext_pipelines.runs.status import PipelineStatus

WAREHOUSE_VARIABLE = "FLEXT_WAREHOUSE_URL"
"""By which settings of targets refer to our warehouse; the bus gives it to every run."""
_NEAREST = 5


class Project(Protocol):
    """What these handlers need of the Meltano gateway."""

    def catalogue(self, environment: str | None = None) -> ProjectCatalogue:
        """The project's plugins, pipelines, schedules and streams."""
        ...

    def check(self, request: RunRequest) -> None:
        """Raise what a run of this request would raise before it begins."""
        ...


class ExecutionPlan(Value):
    """What a run would do.

    Attributes:
        pipeline: The pipeline.
        job: Its Dagster job.
        environment: Meltano environment.
        blocks: What runs, in order: ``tap-shop target-warehouse``, ``dbt:run``.
        targets: Who loads, in order.
        loads_warehouse: Whether one of them loads into our warehouse, wherever others do.
        streams: The streams that would be moved, as ``tap.stream``.
        partition: The partition key.
        full_refresh: Whether bookmarks would be ignored.
        run_config: The Dagster run config.
        tags: The run tags.
    """

    pipeline: str
    job: str
    environment: str
    blocks: tuple[str, ...]
    targets: tuple[str, ...] = ()
    loads_warehouse: bool = False
    streams: tuple[str, ...]
    partition: str | None
    full_refresh: bool
    run_config: dict[str, JsonValue]
    tags: dict[str, str]


def pipeline_to_run(catalogue: ProjectCatalogue, name: str) -> Pipeline:
    """The pipeline of that name, which can run.

    Raises:
        NotFoundError: There is none; with the nearest names.
        UsageError: It cannot run, and why.
    """
    found = catalogue.pipeline(name)
    if found is None:
        import difflib

        names = [pipeline.name for pipeline in catalogue.pipelines]
        near = difflib.get_close_matches(name, names, 3) or names[:_NEAREST]
        raise NotFoundError(
            f"There is no pipeline {name!r}",
            f"Did you mean {', '.join(near)}?" if near else "`flext pipelines` lists them; meltano.yml has none yet",
            {"pipeline": name, "near": near},
        )
    if found.problem:
        raise UsageError(
            f"The pipeline {name} cannot run: {found.problem}", "Mend it in meltano.yml", {"pipeline": name}
        )
    return found


def plan_of(
    request: RunRequest,
    catalogue: ProjectCatalogue,
    pipeline: Pipeline,
    context: Context,
    *,
    max_retries: int | None = None,
) -> ExecutionPlan:
    """What a run would do.

    Args:
        request: What is asked of Meltano.
        catalogue: The project.
        pipeline: The pipeline to run.
        context: In whose name.
        max_retries: How often a step is tried again; None is as the project says.

    Raises:
        NotFoundError: A stream is wanted that the pipeline does not move, or of which nobody knows whether it does.
    """
    streams = _streams_of(catalogue, pipeline)
    _check_streams(request.streams, streams, catalogue, pipeline)
    targets = tuple(dict.fromkeys(block.target for block in pipeline.blocks if block.target))
    tags = run_tags(context) | {Tag.PIPELINE: pipeline.name, Tag.ENVIRONMENT: catalogue.environment}
    if max_retries is not None:
        tags[Tag.STEP_RETRIES] = str(max_retries)
    return ExecutionPlan(
        pipeline=pipeline.name,
        job=job_names(one.name for one in catalogue.pipelines)[pipeline.name],
        environment=catalogue.environment,
        blocks=tuple(" ".join(block.arguments) for block in pipeline.blocks),
        targets=targets,
        loads_warehouse=any(_loads_warehouse(catalogue, target) for target in targets),
        streams=tuple(
            name for name, stream in streams.items() if not request.streams or {name, stream} & {*request.streams}
        ),
        partition=request.partition,
        full_refresh=request.full_refresh,
        run_config=run_options_config(
            environment=request.environment,
            full_refresh=request.full_refresh or None,
            config_overrides=request.config_overrides or None,
            timeout_seconds=request.timeout_seconds,
        ),
        tags=tags,
    )


def _loads_warehouse(catalogue: ProjectCatalogue, target: str) -> bool:
    plugin = catalogue.plugin(target, "loaders")
    return plugin is not None and WAREHOUSE_VARIABLE in plugin.variables


def _streams_of(catalogue: ProjectCatalogue, pipeline: Pipeline) -> dict[str, str]:
    """The streams that a pipeline moves: bare name by ``tap.stream``."""
    return {f"{tap}.{one.name}": one.name for tap in pipeline.taps for one in catalogue.selected_streams(tap)}


def _check_streams(
    wanted: Iterable[str], streams: Mapping[str, str], catalogue: ProjectCatalogue, pipeline: Pipeline
) -> None:
    unknown = sorted({*wanted} - {*streams, *streams.values()})
    if not unknown:
        return
    details: dict[str, object] = {"pipeline": pipeline.name, "streams": unknown}
    unasked = [tap for tap in pipeline.taps if catalogue.stands_for_all_streams(tap)]
    if unasked:
        named = " and ".join(unasked)
        asking = " and ".join(f"`flext plugins discover {tap}`" for tap in unasked)
        raise NotFoundError(
            f"Nobody knows yet which streams {named} {'has' if len(unasked) == 1 else 'have'}, so that a run of "
            f"{unknown[0]!r} alone cannot be planned",
            f"Ask with {asking}, then run this again; or run the whole pipeline {pipeline.name}",
            {**details, "taps": unasked},
        )
    from difflib import get_close_matches

    names = _names(streams)
    near = get_close_matches(unknown[0], [*streams, *streams.values()], 3)
    moved = f"It moves {', '.join(names[:20])}" if names else "None of its streams is selected in meltano.yml"
    raise NotFoundError(
        f"The pipeline {pipeline.name} moves no stream {unknown[0]!r}",
        f"Did you mean {', '.join(near)}?" if near else moved,
        {**details, "near": near},
    )


def _names(streams: Mapping[str, str]) -> list[str]:
    """Names that a person would give: bare, or with the tap where two taps have a stream of that name."""
    bare = [*streams.values()]
    return sorted(stream if bare.count(stream) == 1 else name for name, stream in streams.items())


def run_tags(context: Context) -> dict[str, str]:
    """The tags that say who asked for a run, and through which door."""
    tags = {Tag.ACTOR: context.actor, Tag.SOURCE: context.source}
    if context.correlation_id:
        tags[Tag.CORRELATION_ID] = context.correlation_id
    return tags


def tell(context: Context, event: Event) -> None:
    """An event of a run elsewhere as progress of the command that waits for it: milestones, warnings and errors."""
    if event.level == "warning":
        context.on_progress(Progress(kind="warning", text=event.message))
    elif event.level in {"error", "critical"}:
        context.on_progress(Progress(kind="error", text=event.error.reason if event.error else event.message))
    elif event.kind == "LOG":
        context.on_progress(Progress(text=event.message))


def raise_unless_completed(status: PipelineStatus) -> None:
    """A run that was waited for and did not complete is an error of the command.

    Raises:
        RunFailedError: It failed.
        RunCancelledError: It was cancelled.
    """
    if status.status in {"completed", "pending", "running"}:
        return
    error = status.error or EventError(reason=f"The run ended as {status.dagster_status}")
    details: dict[str, object] = {
        "execution_id": status.execution_id,
        "pipeline": status.pipeline,
        "step": error.step,
        "cause": error.code,
        **error.details,
    }
    if status.status == "cancelled":
        raise RunCancelledError(
            f"Execution {status.execution_id} of {status.pipeline} was cancelled",
            "Bookmarks up to the stop are kept: run it again to go on from there",
            details,
        )
    failed = RunFailedError(
        f"Execution {status.execution_id} of {status.pipeline} failed: {error.reason.rstrip('.')}",
        error.instruction or f"`flext logs {status.execution_id[:8]} --raw` shows what the plugins said",
        details,
    )
    cause = error_of_code(error.code, error.reason)
    failed.retryable = cause is not None and cause.retryable
    raise failed
