"""Bookmarks: where a run starts, how far it says it came, and which rows come again."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_columnar.columns import Column, Kind
from singer_columnar.errors import SettingsError
from singer_columnar.testing import Json, batches_in
from tap_running import sync

from tap_flext_sql.bookmarks import parse_value, render_value, step_back
from tap_flext_sql.progress import KeyProgress

_TABLE = "CREATE TABLE o (id INTEGER PRIMARY KEY, v INTEGER, mod_ts TIMESTAMP)"


def _config(path: Path, key: str = "mod_ts", **more: Any) -> Json:
    return {"dialect": "sqlite", "database": str(path), "table_options": {"o": {"replication_key": key}}, **more}


def _moment(second: int) -> str:
    return (dt.datetime(2024, 1, 1) + dt.timedelta(seconds=second)).isoformat(sep=" ")


def _ids(output: Any) -> list[int]:
    return [record["id"] for record in output.records]


def _bookmark(output: Any) -> Any:
    return output.state["bookmarks"]["o"]["replication_key_value"]


def test_a_second_run_reads_from_the_bookmark_on(sqlite_tables: Any) -> None:
    """A run without changes reads only the rows at the bookmark again; a changed row comes once more."""
    path = sqlite_tables(_TABLE, o=[(n, n, _moment(n)) for n in range(10)])
    first = sync(_config(path))

    second = sync(_config(path), state=first.state)

    assert _ids(first) == list(range(10))
    assert _ids(second) == [9]
    assert _bookmark(second) == _bookmark(first) == "2024-01-01T00:00:09"


def test_the_overlap_reads_rows_again_that_were_committed_late(sqlite_tables: Any) -> None:
    """With an overlap of 3 seconds the rows of the last 3 seconds come again."""
    path = sqlite_tables(_TABLE, o=[(n, n, _moment(n)) for n in range(10)])
    first = sync(_config(path))

    again = sync(_config(path, overlap_seconds=3), state=first.state)
    own = sync(
        {**_config(path), "table_options": {"o": {"replication_key": "mod_ts", "overlap": 1}}}, state=first.state
    )

    assert _ids(again) == [6, 7, 8, 9]
    assert _ids(own) == [8, 9]
    assert _bookmark(again) == "2024-01-01T00:00:09", "an overlap does not move the bookmark back"


def test_integer_keys_overlap_by_count(sqlite_tables: Any) -> None:
    """The overlap of an integer key is a number of key values."""
    path = sqlite_tables(_TABLE, o=[(n, n * 10, None) for n in range(10)])
    first = sync(_config(path, key="v"))

    assert _bookmark(first) == 90
    assert _ids(sync(_config(path, key="v", overlap_count=25), state=first.state)) == [7, 8, 9]


def test_rows_without_a_key_come_with_a_full_read_only(sqlite_tables: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Without a bookmark rows with a NULL key are read too; with one they are counted in a warning."""
    path = sqlite_tables(_TABLE, o=[(1, 1, None), (2, 2, _moment(1)), (3, 3, None)])
    first = sync(_config(path))

    with caplog.at_level(logging.WARNING):
        second = sync(_config(path), state=first.state)

    assert sorted(_ids(first)) == [1, 2, 3]
    assert _ids(second) == [2]
    assert "2 rows have no value in replication key 'mod_ts'" in caplog.text


def test_a_key_in_the_future_does_not_hide_later_rows(sqlite_tables: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A row from a clock that ran ahead is sent, but the bookmark stays at the database's clock."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    future = now + dt.timedelta(days=400)
    path = sqlite_tables(_TABLE, o=[(1, 1, _moment(0)), (2, 2, future.isoformat(sep=" "))])

    with caplog.at_level(logging.WARNING):
        first = sync(_config(path))

    assert _ids(first) == [1, 2]
    assert dt.datetime.fromisoformat(_bookmark(first)) < now + dt.timedelta(minutes=5)
    assert "later than the database's clock" in caplog.text
    late = now + dt.timedelta(minutes=10)
    path2 = sqlite_tables(_TABLE, name="later.db", o=[(2, 2, future.isoformat(sep=" ")), (3, 3, late.isoformat(" "))])
    assert _ids(sync(_config(path2), state=first.state)) == [3, 2], "the late row is not skipped"


def test_the_bookmark_never_goes_back(sqlite_tables: Any) -> None:
    """When the newest rows were deleted, the bookmark of the run before stays."""
    path = sqlite_tables(_TABLE, o=[(1, 1, _moment(5))])
    state = {"bookmarks": {"o": {"replication_key": "mod_ts", "replication_key_value": "2024-02-01T00:00:00"}}}

    assert _bookmark(sync(_config(path, overlap_seconds=10**8), state=state)) == "2024-02-01T00:00:00"
    assert _bookmark(sync(_config(path), state=state)) == "2024-02-01T00:00:00"


def test_each_state_covers_exactly_the_rows_before_it(sqlite_tables: Any, tmp_path: Path) -> None:
    """After every BATCH the STATE holds the key of its last row: a run from any of them misses nothing."""
    path = sqlite_tables(_TABLE, o=[(n, n, _moment(n // 3)) for n in range(100)])
    config = _config(path, batch_rows=7, fetch_rows=10)

    output = sync({**config, **batches_in(tmp_path / "landing")})

    assert output.kinds[1:] == ["BATCH", "STATE"] * 15
    sent: set[int] = set()
    for file, state in zip(output.files, output.of("STATE"), strict=True):
        import pyarrow.parquet as pq

        sent.update(pq.read_table(file).column("id").to_pylist())
        rest = _ids(sync(config, state=state["value"]))
        assert sent | set(rest) == set(range(100))
        assert len(sent & set(rest)) <= 3, "only rows that share the bookmark's key come again"


@pytest.mark.parametrize("separator", [" ", "T"])
@pytest.mark.parametrize("fraction", ["", ".5", ".123456"])
def test_any_iso_form_of_timestamps_works_as_a_key(sqlite_tables: Any, separator: str, fraction: str) -> None:
    """SQLite compares texts; the bookmark finds the same rows in whichever ISO form they are written."""
    rows = [(n, n, _moment(n).replace(" ", separator) + fraction) for n in range(200)]
    path = sqlite_tables(_TABLE, o=rows)
    first = sync(_config(path))

    assert _ids(first) == list(range(200))
    assert _ids(sync(_config(path), state=first.state)) == [199]
    assert _ids(sync(_config(path, overlap_seconds=5), state=first.state)) == list(range(194, 200))


def test_mixed_iso_forms_count_at_the_end_only(sqlite_tables: Any, tmp_path: Path) -> None:
    """Where the order of the texts is not the order in time, no bookmark is given before all rows are out."""
    rows = [(n, n, _moment(n).replace(" ", "T" if n % 2 else " ")) for n in range(40)]
    path = sqlite_tables(_TABLE, o=rows)

    output = sync({**_config(path, batch_rows=10), **batches_in(tmp_path / "landing")})

    states = [message["value"]["bookmarks"]["o"] for message in output.of("STATE")]
    assert sorted(output.table.column("id").to_pylist()) == list(range(40))
    assert all("replication_key_value" not in state for state in states[:-1])
    assert states[-1] == {"replication_key": "mod_ts", "replication_key_value": "2024-01-01T00:00:39"}


def test_start_values_come_from_the_settings(sqlite_tables: Any) -> None:
    """start_date, or a table's own start_value, is where a stream without a bookmark starts."""
    path = sqlite_tables(_TABLE, o=[(n, n, _moment(n)) for n in range(10)])

    assert _ids(sync(_config(path, start_date="2024-01-01T00:00:07"))) == [7, 8, 9]
    options = {"o": {"replication_key": "v", "start_value": 8}}
    assert _ids(sync({**_config(path), "table_options": options})) == [8, 9]


def test_two_windows_that_meet_read_each_row_once(sqlite_tables: Any) -> None:
    """end_date is the first moment that is not read, so that partitions neither overlap nor leave a gap."""
    path = sqlite_tables(_TABLE, o=[(n, n, _moment(n)) for n in range(10)])
    middle = "2024-01-01T00:00:04"

    first = sync(_config(path, end_date=middle))
    second = sync(_config(path, start_date=middle, end_date="2024-01-01T00:00:08"))

    assert _ids(first) == [0, 1, 2, 3]
    assert _ids(second) == [4, 5, 6, 7]
    again = sync(_config(path, start_date=middle, end_date="2024-01-01T00:00:08"), state=second.state)
    assert _ids(again) == [7]


def test_a_bookmark_of_another_key_is_not_used(sqlite_tables: Any) -> None:
    """After a change of the replication key the table is read from the start."""
    path = sqlite_tables(_TABLE, o=[(n, n, _moment(n)) for n in range(3)])
    state = {"bookmarks": {"o": {"replication_key": "other", "replication_key_value": 99}}}

    assert _ids(sync(_config(path, key="v"), state=state)) == [0, 1, 2]


def test_an_unreadable_bookmark_is_named() -> None:
    """A bookmark that is no value of its key is a clear error, not a traceback."""
    with pytest.raises(SettingsError, match=r"The bookmark 'soon' is not a value of replication key 'm'"):
        parse_value(Column("m", Kind.TIMESTAMP), "soon", "The bookmark")


_KEYS: list[tuple[Column, Any]] = [
    (Column("k", Kind.INTEGER), st.integers(-(2**63), 2**63 - 1)),
    (Column("k", Kind.DECIMAL, precision=20, scale=3), st.decimals(-(10**9), 10**9, places=3)),
    (Column("k", Kind.DATE), st.dates()),
    (Column("k", Kind.TIMESTAMP), st.datetimes()),
    (Column("k", Kind.TIMESTAMP_TZ), st.datetimes(timezones=st.just(dt.UTC))),
    (Column("k", Kind.TEXT), st.text()),
]


@given(data=st.data(), case=st.sampled_from(_KEYS))
def test_a_bookmark_survives_the_state(data: st.DataObject, case: tuple[Column, Any]) -> None:
    """A key value written into a STATE and read again is the same value."""
    column, values = case
    value = data.draw(values)

    assert parse_value(column, render_value(column, value), "The bookmark") == value


@given(case=st.sampled_from(_KEYS[:5]), data=st.data(), seconds=st.integers(0, 10**6))
def test_stepping_back_never_steps_forward(case: tuple[Column, Any], data: st.DataObject, seconds: int) -> None:
    """An overlap starts at or before the bookmark, even at the ends of the calendar."""
    column, values = case
    value = data.draw(values)

    assert step_back(column, value, seconds, seconds) <= value


@given(keys=st.lists(st.integers(0, 50), min_size=1), start=st.none() | st.integers(0, 50), limit=st.integers(0, 50))
def test_a_bookmark_given_early_hides_no_later_row(keys: list[int], start: int | None, limit: int) -> None:
    """At any moment, rows still to come with a key below the bookmark do not exist unless they were out of order."""
    progress = KeyProgress(Column("k", Kind.INTEGER), start, limit)
    for position, key in enumerate(keys):
        progress.note_keys(key, key)
        bookmark = progress.bookmark(complete=False)
        if bookmark is not None:
            assert start is None or bookmark >= start
            assert bookmark <= max(limit, start if start is not None else limit)
        if keys == sorted(keys) and bookmark is not None and bookmark != start:
            assert all(later >= bookmark for later in keys[position + 1 :])
    if keys != sorted(keys):
        assert progress.bookmark(complete=False) == start
