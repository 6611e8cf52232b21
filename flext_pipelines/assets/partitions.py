"""Partitions of a pipeline: from what ``meltano.yml`` declares to Dagster's definitions and back to a Singer run.

Each partition has a Singer state of its own (its key is the suffix of the state id), so that backfills of different
days never move each other's bookmark. For the same reason one run fills one partition, which is what a backfill does to
assets without a backfill policy; the pool of the tap then takes the runs one after the other.

What belongs here: definitions, and the window of a run. What does not: how a window reaches a tap (``meltano/run``).
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

from flext_pipelines.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from flext_pipelines.meltano.catalogue import Partitions

_TIME_WINDOWS: dict[str, tuple[type[dg.TimeWindowPartitionsDefinition], str]] = {
    # Without the colon of Dagster's own hourly format: Meltano refuses it in a state id (extract_load.py:889-926).
    "hourly": (dg.HourlyPartitionsDefinition, "%Y-%m-%d-%H%M"),
    "daily": (dg.DailyPartitionsDefinition, "%Y-%m-%d"),
    "weekly": (dg.WeeklyPartitionsDefinition, "%Y-%m-%d"),
    "monthly": (dg.MonthlyPartitionsDefinition, "%Y-%m-%d"),
}


class Window(NamedTuple):
    """The partition that a run fills.

    Attributes:
        key: Its key; None for a run without partitions.
        start: First instant, ISO 8601 with offset; None unless cut by time.
        end: Instant after the last, likewise.
    """

    key: str | None = None
    start: str | None = None
    end: str | None = None


def partitions_definition(partitions: Partitions | None) -> dg.PartitionsDefinition[str] | None:
    """Dagster's definition of the declared partitions.

    Raises:
        ConfigError: A kind cut by time has no valid start, or a static one no keys.
    """
    if partitions is None:
        return None
    if partitions.kind == "static":
        if not partitions.keys:
            raise ConfigError("Static partitions have no keys", "Add `keys: [...]` under `partitions` in meltano.yml")
        return dg.StaticPartitionsDefinition(list(partitions.keys))
    window_type, form = _TIME_WINDOWS[partitions.kind]
    try:
        ZoneInfo(partitions.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"Partitions name the time zone {partitions.timezone!r}, which nobody knows",
            "Write an IANA name such as Europe/Berlin in meltano.yml",
        ) from None
    start = _instant("start", partitions.start, partitions.timezone)
    if start is None:
        raise ConfigError(
            f"Partitions of kind {partitions.kind} have no start",
            "Add `start: 2024-01-01` under `partitions` in meltano.yml",
        )
    return window_type(  # type: ignore[call-arg]  # the four kinds share these parameters, their base does not
        start_date=start,
        end_date=_instant("end", partitions.end, partitions.timezone),
        timezone=partitions.timezone,
        fmt=form,
    )


def _instant(name: str, text: str | None, timezone: str) -> datetime | None:
    """Local time in the partitions' time zone, which is how Dagster wants it."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"The {name} of partitions is {text!r}, which is no date", "Write it as 2024-01-31 or 2024-01-31T06:00"
        ) from None
    return instant.astimezone(ZoneInfo(timezone)).replace(tzinfo=None) if instant.tzinfo else instant


def window_of(context: dg.AssetExecutionContext) -> Window:
    """The partition of the run, with its bounds where it is cut by time.

    Raises:
        UsageError: The run is to fill several: each has a Singer state of its own.
    """
    partitions = context.assets_def.partitions_def
    if partitions is None:
        return Window()
    # Not has_partition_key: it is False in a run of a backfill with a policy, which names a range of one partition.
    keys = context.partition_keys
    if len(keys) != 1:
        raise UsageError(
            f"A run fills one partition, this one was given {len(keys)}",
            "Start a backfill, which makes a run for each partition",
            {"partitions": len(keys)},
        )
    key = keys[0]
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return Window(key)
    bounds = partitions.time_window_for_partition_key(key)
    return Window(key, bounds.start.isoformat(), bounds.end.isoformat())


def partitions_due(partitions: dg.PartitionsDefinition[str], now: datetime) -> list[str]:
    """What a tick runs: the newest complete partition of those cut by time, every one of a fixed list."""
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        with dg.partition_loading_context(effective_dt=now):
            newest = partitions.get_last_partition_key()
        return [newest] if newest else []
    return [*partitions.get_partition_keys()]
