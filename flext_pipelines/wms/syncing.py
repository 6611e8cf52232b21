"""The sync of Oracle WMS Cloud into the warehouse: what it is called, and what its status and health are.

What belongs here: values, and the judgement of them. What does not: Meltano, Dagster and the warehouse, whose facts the
handlers of ``commands/wms/sync`` bring here.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SyncMode = Literal["incremental", "full"]
PIPELINES: Final[dict[SyncMode, str]] = {"incremental": "wms-incremental", "full": "wms-full"}
"""The pipelines of the Meltano project, by what they do."""
Health = Literal["healthy", "degraded", "unhealthy"]
USUAL_FRESHNESS: Final = dt.timedelta(hours=24)


class SyncedPart(Value):
    """One run of a sync.

    Attributes:
        partition: The facility that it filled; None for all of them.
        execution_id: The run; None when none was launched.
        status: Its status as far as it is known.
        problem: Why it failed or was not launched, with what to do.
    """

    partition: str | None
    execution_id: str | None = None
    status: str | None = None
    problem: str = ""


class SyncReport(Value):
    """What a sync did.

    Attributes:
        mode: What changed, or everything.
        pipeline: The pipeline that ran.
        parts: One run per facility, or one for all.
        blocks: What runs, when nothing was launched.
    """

    mode: SyncMode
    pipeline: str
    parts: tuple[SyncedPart, ...]
    blocks: tuple[str, ...] = ()


class EntityStatus(Value):
    """How one entity stands in the warehouse.

    Attributes:
        entity: The entity.
        table: Its table.
        rows: Rows in it; None when there is no such table.
        changed_at: The newest change that it holds (``mod_ts``).
        loaded_at: When a row was last loaded.
        read_at: When it was last looked at in every facility, also where nothing had changed.
        limit_hours: How old that may be.
        stale: Whether it is older, or some facility was never read.
    """

    entity: str
    table: str
    rows: int | None = None
    changed_at: dt.datetime | None = None
    loaded_at: dt.datetime | None = None
    read_at: dt.datetime | None = None
    limit_hours: float = USUAL_FRESHNESS.total_seconds() / 3600
    stale: bool = True


class Reading(NamedTuple):
    """A run that completed.

    Attributes:
        partition: The facility that it read; None for all of them.
        entities: What it was limited to; empty for everything.
        at: When it began: what changed later it may not have seen.
    """

    partition: str | None
    entities: tuple[str, ...]
    at: dt.datetime


def read_at(entity: str, readings: Iterable[Reading], facilities: Sequence[str]) -> dt.datetime | None:
    """Since when an entity is known as it was at the server, in every facility; None when some were never read.

    An entity in which nothing changes is not loaded, and is not stale for that.
    """
    newest: dict[str | None, dt.datetime] = {}
    for reading in readings:
        if not reading.entities or entity in reading.entities:
            newest[reading.partition] = max(reading.at, newest.get(reading.partition, reading.at))
    whole = newest.get(None)
    parts = [max(filter(None, (newest.get(facility), whole)), default=None) for facility in facilities]
    known = [part for part in parts if part is not None]
    return min(known) if known and len(known) == len(parts) else whole


def is_stale(
    now: dt.datetime,
    limit: dt.timedelta,
    *,
    loaded_at: dt.datetime | None,
    last_read: dt.datetime | None,
    recorded: bool,
) -> bool:
    """Whether an entity is older than it may be.

    Args:
        now: The present.
        limit: How old it may be.
        loaded_at: When a row of it was last loaded, in whichever facility.
        last_read: Since when every facility is known.
        recorded: Whether runs are on record; otherwise somebody syncs past us, and only the rows tell.
    """
    known = last_read if recorded else loaded_at
    return known is None or now - known > limit


class RunStatus(Value):
    """The last run of a pipeline, for one partition where it has some.

    Attributes:
        pipeline: The pipeline.
        partition: The partition.
        execution_id: The run.
        status: How it ended, or that it has not.
        started_at: When it began.
    """

    pipeline: str
    partition: str | None
    execution_id: str
    status: str
    started_at: dt.datetime | None = None


class SyncStatus(Value):
    """How the sync stands.

    Attributes:
        environment: The Meltano environment.
        entities: Each entity's table.
        runs: The last run of each pipeline and partition.
    """

    environment: str
    entities: tuple[EntityStatus, ...]
    runs: tuple[RunStatus, ...]

    @property
    def stale(self) -> tuple[str, ...]:
        """Entities that are older than they may be."""
        return tuple(one.entity for one in self.entities if one.stale)


class Probe(Value):
    """One thing that was tried.

    Attributes:
        name: What was tried.
        health: What came of it.
        detail: What was found, or what is wrong and what to do.
        seconds: How long it took.
    """

    name: str
    health: Health
    detail: str
    seconds: float = 0.0


class SyncHealth(Value):
    """What all probes say together.

    Attributes:
        health: The worst of them: degraded is not healthy.
        probes: Each probe, in the order in which data flow.
    """

    health: Health
    probes: tuple[Probe, ...]

    @classmethod
    def of(cls, probes: Iterable[Probe]) -> SyncHealth:
        """The worst of the probes."""
        found = tuple(probes)
        order: tuple[Health, ...] = ("healthy", "degraded", "unhealthy")
        return cls(health=max((one.health for one in found), key=order.index, default="unhealthy"), probes=found)


def limits(declared: object, entities: Iterable[str]) -> dict[str, dt.timedelta]:
    """How old each entity may be, as the pipeline's annotation ``freshness`` says; a day where it says nothing.

    Args:
        declared: ``{hours: 24, streams: {allocation: {hours: 2}}}``, as ``meltano.yml`` has it.
        entities: The entities.
    """
    usual = _window(declared) or USUAL_FRESHNESS
    by_stream = declared.get("streams") if isinstance(declared, dict) else None
    single: Mapping[str, object] = by_stream if isinstance(by_stream, dict) else {}
    return {entity: _window(single.get(entity)) or usual for entity in entities}


def _window(declared: object) -> dt.timedelta | None:
    if not isinstance(declared, dict):
        return None
    numbers = {
        unit: float(declared[unit])
        for unit in ("days", "hours", "minutes")
        if isinstance(declared.get(unit), (int, float))
    }
    return dt.timedelta(**numbers) if numbers else None
