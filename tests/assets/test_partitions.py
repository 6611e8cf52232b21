"""Partitions of a pipeline."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from flext_pipelines.assets.partitions import partitions_definition, partitions_due
from flext_pipelines.errors import ConfigError
from flext_pipelines.meltano.catalogue import PartitionKind, Partitions


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("hourly", "2024-01-01-0000", "2024-01-02-2300"),
        ("daily", "2024-01-01", "2024-01-02"),
        ("weekly", "2023-12-31", "2024-01-07"),
        ("monthly", "2024-01-01", "2024-02-01"),
    ],
)
def test_declared_windows_become_dagster_partitions(kind: PartitionKind, first: str, last: str) -> None:
    """Each kind starts where the project says and ends before its end."""
    ends = {"weekly": "2024-01-14", "monthly": "2024-03-01"}
    starts = {"weekly": "2023-12-31"}
    partitions = partitions_definition(
        Partitions(kind=kind, start=starts.get(kind, "2024-01-01"), end=ends.get(kind, "2024-01-03"))
    )

    keys = partitions.get_partition_keys() if partitions else []
    assert (keys[0], keys[-1]) == (first, last)


@pytest.mark.parametrize("kind", ["hourly", "daily", "weekly", "monthly"])
def test_a_partition_key_can_be_part_of_a_state_id(kind: PartitionKind) -> None:
    """Meltano refuses a colon in a state id, so that no key has one, not even around a change of clocks."""
    partitions = partitions_definition(
        Partitions(kind=kind, start="2023-10-01", end="2023-12-01", timezone="Europe/Berlin")
    )

    assert partitions is not None
    keys = partitions.get_partition_keys()
    assert not [key for key in keys if ":" in key]
    assert len({*keys}) == len(keys)


def test_days_begin_in_the_declared_time_zone() -> None:
    """A daily partition of Berlin starts at 23:00 UTC in winter."""
    partitions = partitions_definition(Partitions(kind="daily", start="2024-01-01", timezone="Europe/Berlin"))

    assert isinstance(partitions, dg.TimeWindowPartitionsDefinition)
    start = partitions.time_window_for_partition_key("2024-01-05").start
    assert start.astimezone(UTC) == datetime(2024, 1, 4, 23, tzinfo=UTC)


def test_a_start_with_an_offset_is_that_instant() -> None:
    """A start written in another zone counts from the same instant."""
    partitions = partitions_definition(
        Partitions(kind="hourly", start="2024-01-01T02:00+02:00", end="2024-01-01T03:00+00:00")
    )

    assert partitions is not None
    assert partitions.get_partition_keys() == ["2024-01-01-0000", "2024-01-01-0100", "2024-01-01-0200"]


def test_static_partitions_are_their_keys() -> None:
    """A fixed list stays as it is."""
    partitions = partitions_definition(Partitions(kind="static", keys=("north", "south")))

    assert partitions is not None
    assert partitions.get_partition_keys() == ["north", "south"]


@pytest.mark.parametrize(
    ("partitions", "named"),
    [
        (Partitions(kind="static"), "keys"),
        (Partitions(kind="daily"), "start"),
        (Partitions(kind="daily", start="yesterday"), "yesterday"),
        (Partitions(kind="daily", start="2024-01-01", timezone="Mars/Base"), "Mars/Base"),
    ],
)
def test_partitions_that_make_no_sense_are_refused_with_what_is_missing(partitions: Partitions, named: str) -> None:
    """The error names what is wrong in meltano.yml."""
    with pytest.raises(ConfigError, match=named):
        partitions_definition(partitions)


def test_a_tick_runs_the_newest_complete_partition() -> None:
    """A schedule of a daily pipeline runs yesterday; of a static one, every key."""
    daily = partitions_definition(Partitions(kind="daily", start="2024-01-01"))
    static = partitions_definition(Partitions(kind="static", keys=("north", "south")))
    assert daily is not None
    assert static is not None

    assert partitions_due(daily, datetime(2024, 3, 10, 5, tzinfo=UTC)) == ["2024-03-09"]
    assert partitions_due(daily, datetime(2024, 1, 1, 5, tzinfo=UTC)) == []
    assert partitions_due(static, datetime(2024, 3, 10, tzinfo=UTC)) == ["north", "south"]
