"""Load methods: what an append, an upsert and an overwrite leave in the tables, and when."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from target_harness import (
    INTEGER,
    KEYED,
    KEYLESS,
    ROWS,
    TEXT,
    TUPLES,
    Place,
    activate,
    arrow,
    batch,
    load,
    parquet,
    records,
    schema,
    state,
)

from target_flext_sql.errors import (
    IncompleteStreamError,
    SettingsError,
)


@pytest.mark.parametrize("how", ["record", "parquet", "jsonl.gz"])
def test_every_input_form_gives_the_same_rows(place: Place, tmp_path: Path, how: str) -> None:
    """RECORD messages, Parquet batches and gzipped JSON lines load the same rows."""
    if how == "record":
        body = records("s", ROWS)
    elif how == "parquet":
        body = [batch("s", parquet(tmp_path / "b.parquet", arrow(ROWS)))]
    else:
        file = tmp_path / "b.jsonl.gz"
        with gzip.open(file, "wt") as out:
            out.writelines(json.dumps(row) + "\n" for row in ROWS)
        body = [batch("s", file, form="jsonl", compression="gzip")]

    states = load(place.config, KEYED, body, state(s={"x": 1}))

    assert place.rows("s") == TUPLES
    assert states == [{"bookmarks": {"s": {"x": 1}}}]


def test_an_upsert_updates_and_inserts(place: Place) -> None:
    """A second load changes rows that are there and adds those that are not."""
    load(place.config, KEYED, records("s", ROWS))

    load(place.config, KEYED, records("s", [{"id": 2, "v": "B"}, {"id": 4, "v": "d"}]))

    assert place.rows("s") == [(1, "a"), (2, "B"), (3, "c"), (4, "d")]


def test_the_last_of_a_key_in_one_batch_wins(place: Place, tmp_path: Path) -> None:
    """Duplicates of a key inside one batch: the last to arrive wins, across files too."""
    first = parquet(tmp_path / "1.parquet", arrow([{"id": 1, "v": "a"}, {"id": 1, "v": "b"}, {"id": 2, "v": "x"}]))
    second = parquet(tmp_path / "2.parquet", arrow([{"id": 1, "v": "last"}]))

    load(place.config, KEYED, batch("s", first, second), state(s={}))

    assert place.rows("s") == [(1, "last"), (2, "x")]
    counts = place.sql(
        f"SELECT rows_received, rows_loaded, rows_rejected, rows_deduplicated FROM {place.ref('_flext_loads')} "
        "WHERE event = 'batch'"
    )
    assert counts == [(4, 2, 0, 2)]


def test_an_append_adds_every_complete_load(place: Place) -> None:
    """Without keys each complete load is one more snapshot."""
    for _ in range(2):
        load(place.config, KEYLESS, records("s", ROWS), state(s={}))

    assert place.rows("s") == sorted(TUPLES * 2)


def test_methods_are_chosen_by_stream(place: Place) -> None:
    """stream_load_methods wins over load_method, with wildcards."""
    config = {**place.config, "load_method": "upsert", "stream_load_methods": {"s*": "append"}}

    for _ in range(2):
        load(config, KEYED, records("s", ROWS), state(s={}))

    assert place.rows("s") == sorted(TUPLES * 2)


def test_an_upsert_without_keys_is_refused(place: Place) -> None:
    """The error names the stream and says what to do."""
    with pytest.raises(SettingsError, match=r"'s' cannot be loaded by upsert.*key properties.*append or overwrite"):
        load({**place.config, "load_method": "upsert"}, KEYLESS, records("s", ROWS))


# Overwrite


OVERWRITE = {"load_method": "overwrite"}


def test_an_overwrite_is_published_on_activate_version(place: Place) -> None:
    """ACTIVATE_VERSION after the last row replaces the table's rows."""
    load(place.config, KEYED, records("s", ROWS))

    states = load(
        {**place.config, **OVERWRITE}, KEYED, activate("s", 2), records("s", ROWS[:1], 2), activate("s", 2), state(s={})
    )

    assert place.rows("s") == TUPLES[:1]
    assert states == [{"bookmarks": {"s": {}}}]
    assert not place.exists("s__flext_new")


def test_an_empty_overwrite_is_published_when_the_tap_says_so(place: Place) -> None:
    """An empty source table empties the target's."""
    load(place.config, KEYED, records("s", ROWS))

    load({**place.config, **OVERWRITE}, KEYED, activate("s", 2), activate("s", 2), state(s={}))

    assert place.rows("s") == []


@pytest.mark.parametrize("method", ["overwrite", "upsert"])
def test_one_activate_version_and_a_state_empty_the_table(place: Place, method: str) -> None:
    """tap-flext-sql sends ACTIVATE_VERSION only behind the last row: of an empty table, that is all it sends."""
    load(place.config, KEYED, records("s", ROWS, 1), activate("s", 1))

    load({**place.config, "load_method": method}, KEYED, activate("s", 2), state(s={}))

    assert place.rows("s") == []


@pytest.mark.parametrize("method", ["overwrite", "upsert"])
def test_one_activate_version_before_a_death_empties_nothing(place: Place, method: str) -> None:
    """The SDK's taps send it before the first row: when such a tap dies there, the table stays."""
    load(place.config, KEYED, records("s", ROWS, 1), activate("s", 1))

    if method == "overwrite":
        with pytest.raises(IncompleteStreamError):
            load({**place.config, "load_method": method}, KEYED, activate("s", 2))
    else:
        load({**place.config, "load_method": method}, KEYED, activate("s", 2))

    assert place.rows("s") == TUPLES


def test_records_between_batches_keep_their_order(place: Place, tmp_path: Path) -> None:
    """The tap sends rows that break a type as RECORD between BATCH messages: the order of arrival decides."""
    first = batch("s", parquet(tmp_path / "1.parquet", arrow([{"id": 1, "v": "first"}])))
    last = batch("s", parquet(tmp_path / "2.parquet", arrow([{"id": 1, "v": "last"}])))
    bad = {"id": 2, "v": {"base64": "AA=="}}

    load(place.config, KEYED, first, records("s", [{"id": 1, "v": "second"}, bad]), last, state(s={}))

    assert place.rows("s") == [(1, "last")]
    assert [column for column, _, _ in place.rejects("s")] == ["v"]


def test_an_overwrite_that_may_be_a_part_is_not_published(place: Place) -> None:
    """When the tap dies without a word, the table stays as it was, no state is written, and the error says why."""
    load(place.config, KEYED, records("s", ROWS))
    target_rows = place.rows("s")

    with pytest.raises(IncompleteStreamError, match=r"'s' was not published.*emit_activate_version_messages"):
        load(
            {**place.config, **OVERWRITE}, KEYED, activate("s", 2), records("s", [{"id": 9, "v": "z"}], 2), state(s={})
        )

    assert place.rows("s") == target_rows


def test_no_state_is_written_while_an_overwrite_waits(place: Place) -> None:
    """A state before the publishing would let the rows of an unpublished shadow be skipped."""
    config = {**place.config, **OVERWRITE, "batch_size_rows": 1}
    body = [*records("s", ROWS[:2], 2), state(s={"replication_key_value": 2}), activate("s", 2)]

    states = load(config, KEYED, body, state(s={"replication_key_value": 3}))

    assert states == [{"bookmarks": {"s": {"replication_key_value": 3}}}]


def test_a_failed_run_doubles_no_other_stream(place: Place) -> None:
    """When one stream's overwrite cannot be published, the rerun replaces the snapshots that others appended."""
    config = {**place.config, "stream_load_methods": {"s": "overwrite", "log": "append"}}
    log = [schema("log", {"id": INTEGER, "v": TEXT}), *records("log", ROWS)]

    with pytest.raises(IncompleteStreamError):
        load(config, KEYED, records("s", ROWS), log)
    load(config, KEYED, records("s", ROWS, 1), activate("s", 1), log)

    assert place.rows("log") == TUPLES
    assert place.rows("s") == TUPLES


def test_progress_markers_that_go_away_say_whole(place: Place) -> None:
    """A tap without ACTIVATE_VERSION finishes a stream by dropping its progress markers."""
    marked = state(s={"progress_markers": {"replication_key": "id", "replication_key_value": 2}})
    config = {**place.config, **OVERWRITE}

    load(config, KEYED, records("s", ROWS), marked, state(s={"replication_key": "id", "replication_key_value": 3}))

    assert place.rows("s") == TUPLES


def test_rows_behind_the_last_good_state_keep_an_overwrite_back(place: Place) -> None:
    """A finished state says nothing about rows that came later."""
    marked = state(s={"progress_markers": {"replication_key": "id", "replication_key_value": 2}})

    with pytest.raises(IncompleteStreamError):
        load({**place.config, **OVERWRITE}, KEYED, records("s", ROWS), marked, state(s={}), records("s", ROWS))


def test_end_of_input_publishes_when_it_is_trusted(place: Place) -> None:
    """publish_on end_of_input takes a clean end for a whole stream."""
    load({**place.config, **OVERWRITE, "publish_on": "end_of_input"}, KEYLESS, records("s", ROWS))

    assert place.rows("s") == TUPLES


def test_an_incremental_run_does_not_overwrite(place: Place) -> None:
    """The changes since a bookmark must not replace the whole table."""
    with pytest.raises(SettingsError, match="cannot be overwritten by an incremental run"):
        load({**place.config, **OVERWRITE}, state(s={"replication_key_value": 5}), KEYED, records("s", ROWS))


def test_an_overwrite_may_change_the_shape(place: Place) -> None:
    """A column whose type cannot be widened is no hindrance when the whole table is replaced."""
    load(place.config, schema("s", {"id": INTEGER, "v": INTEGER}, ["id"]), records("s", [{"id": 1, "v": 5}]))

    load({**place.config, **OVERWRITE}, KEYED, records("s", ROWS, 1), activate("s", 1))

    assert place.rows("s") == TUPLES


# ACTIVATE_VERSION in an upsert


def test_rows_that_are_gone_from_the_source_are_removed(place: Place) -> None:
    """After a whole full-table load an upsert holds exactly the source's rows."""
    load(place.config, KEYED, activate("s", 1), records("s", ROWS, 1), activate("s", 1))

    load(place.config, KEYED, activate("s", 2), records("s", ROWS[1:], 2), activate("s", 2))

    assert place.rows("s") == TUPLES[1:]


def test_an_announced_version_removes_nothing(place: Place) -> None:
    """The SDK sends ACTIVATE_VERSION before the first row too: a tap that dies behind it must not empty the table."""
    load(place.config, KEYED, activate("s", 1), records("s", ROWS, 1), activate("s", 1))

    load(place.config, KEYED, activate("s", 2), records("s", ROWS[:1], 2))

    assert place.rows("s") == TUPLES


def test_soft_deletes_mark_rows(place: Place) -> None:
    """hard_delete false keeps the rows and says when they went."""
    config = {**place.config, "hard_delete": False}
    load(config, KEYED, records("s", ROWS, 1), activate("s", 1))

    load(config, KEYED, records("s", ROWS[1:], 2), activate("s", 2))

    assert place.rows("s", "id, _sdc_deleted_at IS NOT NULL") == [(1, True), (2, False), (3, False)]
