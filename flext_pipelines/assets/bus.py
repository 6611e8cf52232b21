"""The bus as a Dagster resource, and the context in which ops and assets send.

What belongs here: who asks, through which door, in which run. What does not: composing the bus (``bootstrap``).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import dagster as dg

from flext_pipelines.assets.failures import StepContext
from flext_pipelines.assets.progress import StepLog
from flext_pipelines.commands.message import Context, Source
from flext_pipelines.runs.location import Tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.commands.bus import Bus

BUS = "bus"
"""Key of the resource."""


@cache
def process_bus() -> Bus:
    """The bus of this process, built when the first step needs it."""
    from flext_pipelines.bootstrap import build_bus

    return build_bus(source="dagster")


def bus_resource() -> dg.ResourceDefinition:
    """One bus per process, whatever number of steps and runs it performs."""
    return dg.ResourceDefinition(resource_fn=lambda _: process_bus(), description="Sends messages to their handlers.")


def context_of(context: StepContext, log: StepLog) -> Context:
    """The sender that a run stands for.

    Whoever launched the run is the actor (tag ``flext/actor``, else Dagster's ``user``); a schedule or sensor acts
    under its own name. The correlation id of the launch goes on, so that its audit rows lie beside these.
    """
    tags = context.run.tags
    source, name = _door(tags)
    return Context(
        actor=tags.get(Tag.ACTOR) or tags.get(Tag.USER) or name,
        source=source,
        correlation_id=tags.get(Tag.CORRELATION_ID, ""),
        dagster_run_id=context.run.run_id,
        on_progress=log,
    )


def _door(tags: Mapping[str, str]) -> tuple[Source, str]:
    """The door of a run and, for a run nobody launched, who is answerable."""
    if Tag.SCHEDULE in tags:
        return "schedule", f"schedule:{tags[Tag.SCHEDULE]}"
    if Tag.SENSOR in tags:
        return "sensor", f"sensor:{tags[Tag.SENSOR]}"
    return "dagster", "dagster"
