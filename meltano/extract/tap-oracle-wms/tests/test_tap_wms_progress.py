"""Bookmarks, overlap, resuming, and what happens to rows while they are read."""

from __future__ import annotations

import datetime as dt
import os
import signal
from pathlib import Path

import pytest
from singer_columnar.errors import SettingsError
from singer_columnar.testing import Output, parse
from tap_running import start, sync
from tap_wms_server import WmsServer

from tap_oracle_wms.dates import parse_date

NOW = dt.datetime(2026, 11, 23, 15, 30, tzinfo=dt.UTC)


def _bookmark(output: Output, stream: str) -> dt.datetime:
    return dt.datetime.fromisoformat(output.state["bookmarks"][stream]["replication_key_value"])


def test_a_second_run_reads_only_the_overlap_and_what_changed(wms: WmsServer) -> None:
    """From the bookmark less the overlap: the rows of the last minutes come again, the rest does not."""
    config = wms.config("order_dtl", overlap_minutes=0)
    first = sync(config)
    changed = wms.touch("order_dtl", 3)

    second = sync(config, state=first.state)

    ids = {record["id"] for record in second.records}
    assert set(changed) <= ids
    assert len(ids) <= len(changed) + 1, "besides them only the row of the bookmark itself"
    assert _bookmark(second, "order_dtl") > _bookmark(first, "order_dtl")


def test_the_overlap_is_as_long_as_the_setting_says(wms: WmsServer) -> None:
    """The request starts exactly so many minutes before the bookmark."""
    state = {"bookmarks": {"item": {"replication_key": "mod_ts", "replication_key_value": "2026-03-01T12:00:00+00:00"}}}

    sync(wms.config("item", overlap_minutes=30), state=state)

    assert wms.seen("mod_ts__gte=2026-03-01T11%3A30%3A00.000000%2B00%3A00")


def test_without_a_bookmark_everything_or_the_start_date_counts(wms: WmsServer) -> None:
    """No bookmark and no start date: all rows, not those of the last minutes. A start date: those since."""
    all_of_it = sync(wms.config("order_hdr"))
    since = sync(wms.config("order_hdr", start_date="2026-06-01"))

    assert len(all_of_it.records) == len(wms.ids("order_hdr"))
    assert {record["id"] for record in since.records} == set(wms.ids("order_hdr", mod_ts__gte="2026-06-01T00:00:00"))


def test_an_end_date_cuts_a_partition_off(wms: WmsServer) -> None:
    """Neighbouring partitions share no row and leave none out."""
    before = sync(wms.config("order_hdr", end_date="2026-06-01"))
    after = sync(wms.config("order_hdr", start_date="2026-06-01"))

    ids = [record["id"] for output in (before, after) for record in output.records]
    assert sorted(ids) == wms.ids("order_hdr")


def test_a_bookmark_never_goes_back(wms: WmsServer) -> None:
    """A run that finds only older rows in its overlap keeps the bookmark it was given."""
    state = {"bookmarks": {"item": {"replication_key": "mod_ts", "replication_key_value": "2026-11-20T00:00:00+00:00"}}}

    output = sync(wms.config("item"), state=state)

    assert output.state["bookmarks"]["item"]["replication_key_value"] == "2026-11-20T00:00:00+00:00"


def test_rows_that_change_while_they_are_read_are_not_lost(wms: WmsServer) -> None:
    """Each page is followed by a change: what moved behind the end comes with the next run, all else with this one."""
    config = wms.config("order_dtl", page_size=40, concurrency=1, overlap_minutes=0)
    wms.fault("changed", times=6, rows=2, path="order_dtl/?page_mode=sequenced&page_size=40&ordering")

    first = sync(config)
    second = sync(config, state=first.state)

    seen = {record["id"] for output in (first, second) for record in output.records}
    assert seen == set(wms.ids("order_dtl"))


def test_rows_deleted_between_counted_pages_shift_nothing(wms: WmsServer) -> None:
    """Page numbers count places, and a deletion moves them up: the read starts anew after the last key it has."""
    config = wms.config("location", page_size=10, page_mode="paged", concurrency=1, enable_incremental=False)
    wms.fault("deleted", times=1, rows=4, after=1, path="location/?page_mode=paged&page_size=10&ordering")

    ids = [record["id"] for record in sync(config).records]

    assert set(wms.ids("location")) <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.process
def test_a_stopped_full_read_goes_on_below_the_lowest_id(wms: WmsServer, tmp_path: Path) -> None:
    """After SIGTERM the STATE says where: the next run sends the rest, and does not call the table complete."""
    config = wms.config("order_dtl", page_size=20, enable_incremental=False, concurrency=2)
    wms.fault("slow", seconds=0.1, times=1000, after=6, path="order_dtl/?")
    process = start(tmp_path, config)
    assert process.stdout is not None
    output = b""
    while output.count(b'"RECORD"') < 40:
        output += os.read(process.stdout.fileno(), 1 << 20)
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)
    first = parse((output + rest).decode())
    wms.reset()

    second = sync(config, state=first.state)

    assert process.returncode == 0
    sent, later = [r["id"] for r in first.records], [r["id"] for r in second.records]
    assert sent
    assert later
    assert not set(sent) & set(later)
    assert sorted(sent + later) == wms.ids("order_dtl")
    assert first.of("ACTIVATE_VERSION") == second.of("ACTIVATE_VERSION") == []
    assert second.state["bookmarks"]["order_dtl"] == {}


def test_a_whole_full_read_says_that_it_is_complete(wms: WmsServer) -> None:
    """ACTIVATE_VERSION follows the last row, with the version of the rows."""
    output = sync(wms.config("item", enable_incremental=False))

    assert output.kinds[-2:] == ["ACTIVATE_VERSION", "STATE"]
    assert {message["version"] for message in output.of("RECORD")} == {output.of("ACTIVATE_VERSION")[0]["version"]}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-01", "2024-01-01T00:00:00+00:00"),
        ("2024-01-01T06:30:00+02:00", "2024-01-01T04:30:00+00:00"),
        ("today", "2026-11-23T00:00:00+00:00"),
        ("yesterday", "2026-11-22T00:00:00+00:00"),
        ("today-7d", "2026-11-16T00:00:00+00:00"),
        ("today-1w", "2026-11-16T00:00:00+00:00"),
    ],
)
def test_start_dates_may_be_relative(text: str, moment: str) -> None:
    """ISO 8601, and days counted back from today."""
    assert parse_date(text, "start_date", "UTC", NOW).isoformat() == moment


def test_a_date_without_a_zone_is_in_the_zone_of_the_settings() -> None:
    """Midnight in Lisbon in summer is an hour before midnight in UTC."""
    assert parse_date("2026-07-01", "start_date", "Europe/Lisbon", NOW).isoformat() == "2026-06-30T23:00:00+00:00"


def test_a_start_date_that_is_none_is_named() -> None:
    """With what can be written instead."""
    with pytest.raises(SettingsError, match=r"start_date 'soon' is not a date\. Give it as 2024-01-31"):
        parse_date("soon", "start_date", "UTC", NOW)
