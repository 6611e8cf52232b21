"""Pipelines: run one through Meltano, and list what there is.

What belongs here: these messages and their handlers. What does not: launching a Dagster run (``runs``), running
Meltano (``flext_pipelines.meltano.run``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, JsonValue, model_validator

from flext_pipelines.commands.message import Command, Context, Query, names_only
from flext_pipelines.meltano.catalogue import Partitions
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.meltano.run import MeltanoRunner


_ENVIRONMENT = "Meltano environment instead of the set one."


class RunMeltanoPipelineCommand(Command[PipelineRun]):
    """Run a pipeline of the Meltano project, or a part of it, to its end.

    ``pipeline`` alone runs all its blocks. With ``tap_name`` and ``target_name``, or with ``command``, only those of
    its blocks run. Without ``pipeline`` a tap is run into a target, or a command of a plugin, that no job names.

    A run that fails is an error that says which plugin and stream failed, in their own words; its details carry the
    counts so far under ``run``. Bookmarks stand at the last loaded batch, so a rerun goes on from there.
    """

    performed_in_run: ClassVar[bool] = True

    pipeline: str | None = Field(default=None, min_length=1, description="A job or schedule of meltano.yml.")
    tap_name: str | None = Field(default=None, min_length=1, description="Tap of the block to run.")
    target_name: str | None = Field(default=None, min_length=1, description="Target of the block to run.")
    command: str | None = Field(default=None, min_length=1, description="Command block to run: dbt:run.")
    environment: str | None = Field(
        default=None, min_length=1, description="Meltano environment instead of the set one."
    )
    streams: tuple[str, ...] = Field(
        default=(), description="Only these streams; bookmarks of the others stay. None means all that are selected."
    )
    full_refresh: bool = Field(default=False, description="Ignore bookmarks and extract everything again.")
    refresh_catalog: bool = Field(default=False, description="Ask the tap anew which streams and columns it has.")
    partition: str | None = Field(
        default=None, min_length=1, description="Partition key; each has a Singer state of its own."
    )
    partition_start: str | None = Field(default=None, description="First instant of the partition, ISO 8601.")
    partition_end: str | None = Field(default=None, description="Instant after the partition's last, ISO 8601.")
    config_overrides: dict[str, dict[str, JsonValue]] = Field(
        default_factory=dict,
        description="Plugin to setting to value, for this run only. Secret settings are refused: they belong in .env.",
    )
    schedule: str | None = Field(
        default=None, min_length=1, description="Schedule on whose behalf it runs; its env applies."
    )
    timeout_seconds: float | None = Field(
        default=None,
        gt=0,
        description="Stop it after so long, bookmarks kept; by default FLEXT_MELTANO_TIMEOUT_SECONDS.",
    )

    @model_validator(mode="after")
    def _names_something(self) -> RunMeltanoPipelineCommand:
        """One thing to run, fully named."""
        if (self.tap_name is None) != (self.target_name is None):
            message = "tap_name and target_name go together"
            raise ValueError(message)
        if self.command is not None and self.tap_name is not None:
            message = "name either a command or a tap and a target, not both"
            raise ValueError(message)
        if self.pipeline is None and self.tap_name is None and self.command is None:
            message = "name a pipeline, a tap and a target, or a command"
            raise ValueError(message)
        if self.command is not None and self.streams:
            message = "a command block has no streams"
            raise ValueError(message)
        for name in ("partition_start", "partition_end"):
            value = getattr(self, name)
            if value is not None:
                try:
                    datetime.fromisoformat(value)
                except ValueError:
                    message = f"{name} is no ISO 8601 instant: {value!r}"
                    raise ValueError(message) from None
        return self

    def for_audit(self) -> str:
        """Which settings are overridden, without their values: only the plugin's definition says which are secret."""
        overridden = names_only(self.config_overrides)
        return self.model_copy(update={"config_overrides": overridden}).model_dump_json(exclude_none=True)


class PipelineSummary(Value):
    """One pipeline of the project.

    Attributes:
        name: Name of the job or schedule.
        description: What the project says about it.
        source: ``job`` or ``schedule``.
        blocks: What it runs, in order: ``tap-shop target-warehouse``, ``dbt:run``.
        streams: Streams that it moves, where they are known: ``tap-shop.orders``.
        partitions: How it is partitioned, if it is.
        schedules: Names of the schedules that run it.
        problem: Why it cannot run, if it cannot.
    """

    name: str
    description: str = ""
    source: str
    blocks: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    partitions: Partitions | None = None
    schedules: tuple[str, ...] = ()
    problem: str | None = None


class ListPipelinesQuery(Query[tuple[PipelineSummary, ...]]):
    """The pipelines of the Meltano project: its jobs, then its extract-and-load schedules."""

    environment: str | None = Field(
        default=None, min_length=1, description="Meltano environment instead of the set one."
    )


def run_meltano_pipeline(
    command: RunMeltanoPipelineCommand, *, meltano: MeltanoRunner, context: Context
) -> PipelineRun:
    """Hand it to Meltano. Within a Dagster run the raw lines go to standard output, where Dagster keeps them."""
    from flext_pipelines.meltano.plan import RunRequest

    fields = command.model_dump(exclude={"idempotency_key"})
    request = RunRequest.model_validate(fields | {"run_id": context.dagster_run_id})
    echo: Callable[[str], object] | None = sys.stdout.write if context.dagster_run_id else None
    return meltano.run(request, context.on_progress, echo=echo)


def list_pipelines(query: ListPipelinesQuery, *, meltano: MeltanoRunner) -> tuple[PipelineSummary, ...]:
    """From the project's catalogue; nothing is started."""
    catalogue = meltano.catalogue(query.environment)
    schedules: dict[str, list[str]] = {}
    for schedule in catalogue.schedules:
        schedules.setdefault(schedule.pipeline, []).append(schedule.name)
    return tuple(
        PipelineSummary(
            name=pipeline.name,
            description=pipeline.description,
            source=pipeline.source,
            blocks=tuple(" ".join(block.arguments) for block in pipeline.blocks),
            streams=tuple(f"{tap}.{s.name}" for tap in pipeline.taps for s in catalogue.selected_streams(tap)),
            partitions=pipeline.partitions,
            schedules=tuple(schedules.get(pipeline.name, ())),
            problem=pipeline.problem,
        )
        for pipeline in catalogue.pipelines
    )


HANDLERS: Mapping[type, Callable[..., object]] = {
    RunMeltanoPipelineCommand: run_meltano_pipeline,
    ListPipelinesQuery: list_pipelines,
}
