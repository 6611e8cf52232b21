"""The sync's status and health, judged from facts."""

from __future__ import annotations

import datetime as dt

import pytest

from flext_pipelines.wms.syncing import EntityStatus, Probe, Reading, SyncHealth, SyncStatus, is_stale, limits, read_at

MORNING, NOON, EVENING = (dt.datetime(2026, 6, 1, hour, tzinfo=dt.UTC) for hour in (8, 12, 18))


def test_freshness_is_a_day_where_nobody_says_otherwise() -> None:
    """Without an annotation, or with one that says nothing of use."""
    assert limits(None, ["item"]) == {"item": dt.timedelta(hours=24)}
    assert limits({"streams": "soon"}, ["item"]) == {"item": dt.timedelta(hours=24)}


def test_a_stream_has_its_own_freshness_or_that_of_the_pipeline() -> None:
    """As the annotation of the pipeline declares it."""
    declared = {"hours": 12, "streams": {"allocation": {"hours": 2}, "item": {"days": 7}}}

    assert limits(declared, ["allocation", "item", "order_hdr"]) == {
        "allocation": dt.timedelta(hours=2),
        "item": dt.timedelta(days=7),
        "order_hdr": dt.timedelta(hours=12),
    }


def test_health_is_that_of_the_worst_probe() -> None:
    """Degraded is not healthy, and no probe at all proves nothing."""
    good, poor, bad = (Probe(name=name, health=name, detail="") for name in ("healthy", "degraded", "unhealthy"))

    assert SyncHealth.of([good, good]).health == "healthy"
    assert SyncHealth.of([good, poor]).health == "degraded"
    assert SyncHealth.of([bad, poor, good]).health == "unhealthy"
    assert SyncHealth.of([]).health == "unhealthy"


def test_stale_entities_are_named() -> None:
    """Those that are older than they may be, or were never loaded."""
    entities = (EntityStatus(entity="item", table="oic.wms_item", rows=1, stale=False),
                EntityStatus(entity="location", table="oic.wms_location"))  # fmt: skip

    assert SyncStatus(environment="dev", entities=entities, runs=()).stale == ("location",)


@pytest.mark.parametrize(
    ("readings", "known"),
    [
        ([], None),
        ([Reading("DC01", (), EVENING)], None),
        ([Reading("DC01", (), EVENING), Reading("DC02", (), NOON), Reading("DC02", (), MORNING)], NOON),
        ([Reading("DC01", (), EVENING), Reading("DC02", ("order_hdr",), EVENING)], None),
        ([Reading("DC01", ("item",), NOON), Reading("DC02", ("item", "location"), EVENING)], NOON),
        ([Reading(None, (), MORNING)], MORNING),
        ([Reading(None, (), MORNING), Reading("DC01", (), NOON)], MORNING),
        ([Reading(None, (), EVENING), Reading("DC01", (), NOON)], EVENING),
        ([Reading("DC09", (), EVENING)], None),
    ],
)
def test_an_entity_is_as_old_as_the_facility_that_was_read_longest_ago(
    readings: list[Reading], known: dt.datetime | None
) -> None:
    """Each facility by its last run that read the entity, or by one that read all; quiet entities are not stale."""
    assert read_at("item", readings, ["DC01", "DC02"]) == known


def test_a_project_without_facilities_is_read_as_a_whole() -> None:
    """By the last run of either pipeline."""
    assert read_at("item", [Reading(None, (), MORNING), Reading(None, (), NOON)], []) == NOON


@pytest.mark.parametrize(
    ("loaded_at", "last_read", "recorded", "stale"),
    [
        (MORNING, NOON, True, False),  # nothing changed since the morning, and everybody was asked at noon
        (NOON, MORNING, True, True),  # one facility was loaded at noon; another was last read in the morning
        (NOON, None, True, True),
        (NOON, None, False, False),
        (MORNING, None, False, True),
        (None, None, False, True),
    ],
)
def test_what_was_read_is_not_stale_though_nothing_was_loaded(
    loaded_at: dt.datetime | None, last_read: dt.datetime | None, recorded: bool, stale: bool
) -> None:
    """And what some facility loaded is stale though, while another one fails."""
    found = is_stale(EVENING, dt.timedelta(hours=8), loaded_at=loaded_at, last_read=last_read, recorded=recorded)

    assert found is stale
