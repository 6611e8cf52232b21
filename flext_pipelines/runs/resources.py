"""What Dagster's storage knows of the things that runs are made of: assets made, schedules and sensors switched.

What belongs here: those states. What does not: what exists (the Meltano project says that; a handler joins the two).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flext_pipelines.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flext_pipelines.runs.records import RunRecords

ResourceKind = Literal["jobs", "assets", "schedules", "sensors", "plugins", "daemons"]


class Resource(Value):
    """One thing.

    Attributes:
        kind: What it is.
        name: Its name.
        state: On or off, made or never made, installed or missing, alive or silent.
        detail: What a person wants to know of it: a cron line, the last run, a variant.
    """

    kind: ResourceKind
    name: str
    state: str
    detail: str = ""


def assets(records: RunRecords, streams: Iterable[str] = ()) -> list[Resource]:
    """Assets that were made, and those of the given keys that never were."""
    made = {asset.asset: asset for asset in records.assets()}
    listed = [
        Resource(
            kind="assets",
            name=name,
            state="materialized",
            detail=f"{asset.materialized_at:%Y-%m-%d %H:%M:%S} UTC by run {(asset.run_id or '')[:8]}",
        )
        for name, asset in made.items()
    ]
    never = [Resource(kind="assets", name=name, state="never materialized") for name in set(streams) - set(made)]
    return sorted([*listed, *never], key=lambda resource: resource.name)


def switched(
    records: RunRecords,
    kind: Literal["schedules", "sensors"],
    details: Mapping[str, str],
    defaults: Mapping[str, bool] | None = None,
) -> list[Resource]:
    """Schedules or sensors: those given with a detail, and those that were ever switched.

    Dagster keeps a state only of those that were switched. Of the others, and of those whose state says that the code
    decides, the default counts, as it does for Dagster (``RemoteSchedule.get_current_instigator_state`` of 1.13.27).

    Args:
        records: The run storage.
        kind: Which of the two.
        details: What to say of those that exist, by name.
        defaults: Whether they are on by default, by name. One that is not named is so if Dagster noted that.
    """

    def runs(name: str) -> bool:
        status = states.get(name)
        if status in {"RUNNING", "STOPPED"}:
            return status == "RUNNING"
        return (defaults or {}).get(name, status == "DECLARED_IN_CODE")

    states = {one.name: one.status for one in reversed(records.instigators()) if f"{one.kind}s" == kind}
    names = sorted({*details, *states})
    return [
        Resource(
            kind=kind,
            name=name,
            state="running" if runs(name) else "stopped",
            detail=details.get(name, "no longer defined"),
        )
        for name in names
    ]


def daemons(records: RunRecords) -> list[Resource]:
    """Dagster's daemons and when they were last heard of."""
    import time

    now = time.time()
    return [
        Resource(
            kind="daemons",
            name=name.lower(),
            state="alive" if now - beat < 60 else "silent",
            detail=f"last heard of {now - beat:.0f} s ago",
        )
        for name, beat in sorted(records.heartbeats().items())
    ]
