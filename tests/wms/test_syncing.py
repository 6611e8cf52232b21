"""The sync's status and health, judged from facts."""

from __future__ import annotations

import datetime as dt

from flext_pipelines.wms.syncing import EntityStatus, Probe, SyncHealth, SyncStatus, limits


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
