"""Load methods, keys, schema changes, rejects: what ends up in the tables."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from target_harness import (
    INTEGER,
    TEXT,
    Place,
    activate,
    batch,
    load,
    parquet,
    records,
    schema,
    state,
)

from target_flext_sql.errors import (
    BatchFileError,
    IdentifierError,
    IncompleteStreamError,
    SchemaChangeError,
    SettingsError,
    TooManyRejectsError,
    TruncatedInputError,
)

ROWS = [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"}]
TUPLES = [(1, "a"), (2, "b"), (3, "c")]
KEYED = schema("s", {"id": INTEGER, "v": TEXT}, ["id"])
KEYLESS = schema("s", {"id": INTEGER, "v": TEXT})


def arrow(rows: list[dict[str, object]]) -> pa.Table:
    """Return rows of (id, v) as an Arrow table."""
    return pa.table(
        {"id": pa.array([r["id"] for r in rows], pa.int64()), "v": pa.array([r["v"] for r in rows], pa.string())}
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


# Schema changes


def test_new_columns_are_added_and_removed_ones_kept(place: Place) -> None:
    """A column that comes is added, one that goes keeps its old values."""
    load(place.config, KEYED, records("s", ROWS[:1]))

    load(place.config, schema("s", {"id": INTEGER, "w": TEXT}, ["id"]), records("s", [{"id": 2, "w": "new"}]))

    assert place.rows("s", "id, v, w") == [(1, "a", None), (2, None, "new")]


def test_a_schema_may_change_in_the_middle(place: Place) -> None:
    """Rows before the change are loaded under the old schema, those behind it under the new."""
    changed = schema("s", {"id": INTEGER, "v": TEXT, "w": TEXT}, ["id"])

    load(place.config, KEYED, records("s", ROWS[:1]), changed, records("s", [{"id": 2, "v": "b", "w": "new"}]))

    assert place.rows("s", "id, v, w") == [(1, "a", None), (2, "b", "new")]


DECIMAL_4_2 = {"type": ["string", "null"], "format": "singer.decimal", "precision": 4, "scale": 2}
WIDENINGS = {
    "integer to decimal": (INTEGER, 2**62, {**DECIMAL_4_2, "precision": 30}, "1.25", Decimal(2**62), Decimal("1.25")),
    "decimal to more digits": (
        DECIMAL_4_2,
        "12.25",
        {**DECIMAL_4_2, "precision": 12, "scale": 4},
        "1.0625",
        Decimal("12.25"),
        Decimal("1.0625"),
    ),
    "text to more text": ({**TEXT, "maxLength": 2}, "ab", {**TEXT, "maxLength": 5}, "abcde", "ab", "abcde"),
    "text to any text": ({**TEXT, "maxLength": 2}, "ab", TEXT, "abcdef", "ab", "abcdef"),
}


@pytest.mark.parametrize("case", WIDENINGS)
def test_types_are_widened_where_no_value_is_lost(place: Place, case: str) -> None:
    """Integers become decimals, decimals and texts grow; old and new values are exact."""
    old, before, new, after, old_value, new_value = WIDENINGS[case]
    load(place.config, schema("s", {"id": INTEGER, "v": old}, ["id"]), records("s", [{"id": 1, "v": before}]))

    load(place.config, schema("s", {"id": INTEGER, "v": new}, ["id"]), records("s", [{"id": 2, "v": after}]))

    assert place.rows("s") == [(1, old_value), (2, new_value)]
    assert place.rejects("s") == [] if place.exists("s__rejects") else True


def test_a_narrower_stream_fits_the_wider_table(place: Place) -> None:
    """A stream that sends a smaller type again leaves the table as it is."""
    wide = schema("s", {"id": INTEGER, "v": {**DECIMAL_4_2, "precision": 30}}, ["id"])
    load(place.config, wide, records("s", [{"id": 1, "v": "1.25"}]))
    types = place.types("s")

    load(place.config, schema("s", {"id": INTEGER, "v": INTEGER}, ["id"]), records("s", [{"id": 2, "v": 7}]))

    assert place.types("s") == types
    assert place.rows("s") == [(1, Decimal("1.25")), (2, Decimal(7))]


def test_an_incompatible_change_names_stream_and_column(place: Place) -> None:
    """A text column cannot become a number: nothing is loaded, the error says what to do."""
    load(place.config, KEYED, records("s", ROWS))

    with pytest.raises(SchemaChangeError, match=r"Stream 's', column 'v'.*Next: rename the column"):
        load(place.config, schema("s", {"id": INTEGER, "v": INTEGER}, ["id"]), records("s", [{"id": 4, "v": 4}]))

    assert place.rows("s") == TUPLES


def test_a_table_made_by_somebody_else_is_widened(place: Place) -> None:
    """A 32-bit integer column of an existing table is widened to 64 bits."""
    place.run(f'CREATE SCHEMA IF NOT EXISTS "{place.schema}"')
    place.run(f"CREATE TABLE {place.ref('s')} (id INTEGER, v INTEGER)")

    load(place.config, schema("s", {"id": INTEGER, "v": INTEGER}), records("s", [{"id": 1, "v": 2**40}]))

    assert place.rows("s") == [(1, 2**40)]


# Rejects


def test_bad_records_are_kept_with_their_reason(place: Place) -> None:
    """A row that breaks the schema goes to the rejects table; the good rows of its batch are loaded."""
    shape = schema(
        "s",
        {
            "id": {"type": "integer", "maximum": 100},
            "v": {"type": ["string", "null"], "maxLength": 3},
            "d": {"type": ["string", "null"], "format": "date"},
            "k": {"type": ["string", "null"], "enum": ["x", "y", None]},
            "r": {"type": "boolean"},
        },
        ["id"],
        required=["id", "r"],
    )
    good = {"id": 1, "v": "a", "d": "2020-02-29", "k": "x", "r": True}
    bad = {
        "id": {**good, "id": None},
        "v": {**good, "id": 2, "v": "long"},
        "d": {**good, "id": 3, "d": "2021-02-29"},
        "r": {"id": 5, "v": "a"},
    }

    load(place.config, shape, records("s", [*bad.values(), {**good, "k": "z", "id": 6}, good, {**good, "id": 101}]))

    assert place.rows("s") == [(1, "a")]
    found = {(column, reason) for column, reason, _ in place.rejects("s")}
    assert found == {
        ("id", "the key is null"),
        ("v", "the text is longer than 3 characters"),
        ("d", "'2021-02-29' (str) is not a date (YYYY-MM-DD)"),
        ("r", "a required value is missing"),
        (None, "'z' is not one of ['x', 'y', None]"),
        ("id", "above the maximum 100"),
    }
    rows = [json.loads(row) for _, _, row in place.rejects("s")]
    assert {**good, "id": 3, "d": "2021-02-29"} in rows


def test_bad_parquet_rows_are_kept_with_their_reason(place: Place, tmp_path: Path) -> None:
    """In a batch file of another type than the schema, each row is cast or rejected by itself."""
    table = pa.table({"id": pa.array([1, 2, None, 4]), "v": pa.array(["1", "x", "3", "4.0"])})

    load(
        place.config,
        schema("s", {"id": INTEGER, "v": DECIMAL_4_2}, ["id"]),
        batch("s", parquet(tmp_path / "b.parquet", table)),
        state(s={}),
    )

    assert place.rows("s") == [(1, Decimal("1.00")), (4, Decimal("4.00"))]
    assert [(column, reason) for column, reason, _ in place.rejects("s")] == [
        ("id", "the key is null"),
        ("v", "'x' (str) is not a decimal number"),
    ]


BAD_IN_TYPE: dict[str, tuple[dict[str, object], object, str]] = {
    "too long": ({**TEXT, "maxLength": 3}, "long", "the text is longer than 3 characters"),
    "emoji count as one": ({**TEXT, "maxLength": 3}, "😀😀😀😀", "the text is longer than 3 characters"),
    "no JSON": ({"type": ["object", "array", "null"]}, "{'a': 1}", "not valid JSON"),
    "too small": ({"type": ["integer", "null"], "minimum": 0}, -1, "below the minimum 0"),
}


@pytest.mark.parametrize("case", BAD_IN_TYPE)
def test_a_batch_file_in_the_tables_own_types_is_checked_too(place: Place, tmp_path: Path, case: str) -> None:
    """A file that the database could read by itself is not trusted: its bad rows are rejected, the others loaded."""
    prop, value, reason = BAD_IN_TYPE[case]
    good = {"too small": 7, "no JSON": "{}"}.get(case, "😀ab")
    table = pa.table({"id": [1, 2, None], "v": [good, value, good]})

    load(
        place.config,
        schema("s", {"id": INTEGER, "v": prop}, ["id"]),
        batch("s", parquet(tmp_path / "odd [name] *.parquet", table)),
        batch("s", parquet(tmp_path / "plain.parquet", table)),
        state(s={}),
    )

    assert [row[0] for row in place.rows("s")] == [1]
    assert [found[:1] for found in place.rejects("s")] == [("id",)] * 2 + [("v",)] * 2
    assert place.rejects("s")[-1][1].startswith(reason)


def test_a_row_rejected_again_is_kept_once(place: Place) -> None:
    """A row that is rejected at every run stands once in the rejects table."""
    for _ in range(2):
        load(place.config, KEYED, records("s", [{"id": None, "v": "a"}, *ROWS]))

    assert len(place.rejects("s")) == 1


@pytest.mark.parametrize("limit", [0, "20%"])
def test_too_many_rejects_fail_the_load(place: Place, limit: object) -> None:
    """max_rejects, a number or a percentage, rolls the batch back."""
    with pytest.raises(TooManyRejectsError, match=r"'s': 1 of 4 rows break the schema.*the key is null"):
        load({**place.config, "max_rejects": limit}, KEYED, records("s", [{"id": None, "v": "a"}, *ROWS]))

    assert place.rows("s") == []
    assert not place.exists("s__rejects")


def test_rejects_within_the_limit_pass(place: Place) -> None:
    """25 % of rejects are within 30 %."""
    load({**place.config, "max_rejects": "30%"}, KEYED, records("s", [{"id": None, "v": "a"}, *ROWS]))

    assert place.rows("s") == TUPLES


def test_a_null_character_is_loaded_or_rejected(place: Place) -> None:
    """DuckDB holds U+0000 in a text; PostgreSQL cannot, so the row is rejected and the others are loaded."""
    load(place.config, KEYED, records("s", [{"id": 1, "v": "a\0b"}, {"id": 2, "v": "b"}]))

    if place.dialect == "duckdb":
        assert place.rows("s") == [(1, "a\0b"), (2, "b")]
    else:
        assert place.rows("s") == [(2, "b")]
        assert "U+0000" in place.rejects("s")[0][1]


# Names


def test_names_are_quoted_and_kept_apart(place: Place) -> None:
    """Odd names arrive as they are; two that differ only in case stay two columns on every database."""
    name = 'We"ird; DROP -- ü'
    shape = schema("s", {"id": INTEGER, "ID": TEXT, name: TEXT, "select": TEXT}, ["id"])

    load(place.config, shape, records("s", [{"id": 1, "ID": "two", name: "x", "select": "y"}]))

    names = list(place.types("s"))
    assert names[0] == "id"
    assert names[1].startswith("ID")
    assert names[2:] == [name, "select"]
    columns = ", ".join('"' + column.replace('"', '""') + '"' for column in names)
    assert place.rows("s", columns, "1") == [(1, "two", "x", "y")]


def test_long_names_are_shortened_and_stay_apart(place: Place) -> None:
    """Names beyond the database's limit keep their start and get a hash; two of them never become one."""
    long = "x" * 300
    shape = schema("s" * 250, {"id": INTEGER, long + "1": TEXT, long + "2": TEXT}, ["id"])

    for _ in range(2):
        load(place.config, shape, records("s" * 250, [{"id": 1, long + "1": "one", long + "2": "two"}]))

    tables = place.sql(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{place.schema}'")
    table = next(name for (name,) in tables if name.startswith("sss"))
    assert len(table.encode()) <= 200
    one, two = list(place.types(table))[1:]
    assert place.rows(table, f'"{one}", "{two}"') == [("one", "two")]


def test_two_streams_never_share_a_table(place: Place) -> None:
    """default_target_schema would merge a-orders and b-orders: the target refuses."""
    with pytest.raises(IdentifierError, match="'a-orders' and 'b-orders' would both be loaded"):
        load(place.config, schema("a-orders", {"id": INTEGER}), schema("b-orders", {"id": INTEGER}))


def test_stream_schemas_are_used_without_a_default(duckdb_place: Place) -> None:
    """Without default_target_schema a-orders goes to schema a; a prefix and upper case are settings."""
    config = {**duckdb_place.config, "default_target_schema": None, "table_prefix": "wms_", "naming": "upper"}

    load(config, schema("a-orders", {"id": INTEGER}), records("a-orders", [{"id": 1}]))

    assert duckdb_place.sql('SELECT "ID" FROM "A"."WMS_ORDERS"') == [(1,)]


# The rest of the contract


def test_metadata_columns_are_added_on_request(place: Place, tmp_path: Path) -> None:
    """add_record_metadata fills the SDK's columns for records and for batches."""
    config = {**place.config, "add_record_metadata": True}
    record = {**records("s", ROWS[:1], 7)[0], "time_extracted": "2024-05-01T10:00:00+02:00"}

    load(config, KEYED, record, batch("s", parquet(tmp_path / "b.parquet", arrow(ROWS[1:]))))

    rows = place.rows("s", "id, _sdc_extracted_at, _sdc_table_version, _sdc_received_at IS NOT NULL, _sdc_sequence > 0")
    extracted = dt.datetime(2024, 5, 1, 8, tzinfo=dt.UTC)
    assert rows == [(1, extracted, 7, True, True), (2, None, None, True, True), (3, None, None, True, True)]


def test_loaded_batch_files_are_removed_on_request(place: Place, tmp_path: Path) -> None:
    """remove_loaded_batches deletes a file after its commit, and never before."""
    kept, removed = (parquet(tmp_path / f"{n}.parquet", arrow(ROWS)) for n in "ab")

    load(place.config, KEYED, batch("s", kept), state(s={}))
    load({**place.config, "remove_loaded_batches": True}, KEYED, batch("s", removed), state(s={}))

    assert (kept.exists(), removed.exists()) == (True, False)


def test_a_missing_batch_file_is_named(place: Place, tmp_path: Path) -> None:
    """The error names the file; the state behind it is not written."""
    with pytest.raises(BatchFileError, match=r"none\.parquet cannot be read.*Next: "):
        load(place.config, KEYED, batch("s", tmp_path / "none.parquet"), state(s={}))


def test_a_torn_batch_file_is_named(place: Place, tmp_path: Path) -> None:
    """A file whose writer was stopped midway is an error, not an empty batch."""
    file = parquet(tmp_path / "b.parquet", arrow(ROWS))
    file.write_bytes(file.read_bytes()[:-20])

    with pytest.raises(BatchFileError, match=r"b\.parquet .*no readable Parquet file"):
        load(place.config, KEYED, batch("s", file), state(s={}))


def test_an_input_that_ends_inside_a_message_fails_after_loading_the_rest(place: Place) -> None:
    """A half-written last line means that the tap was stopped: what came before it is safe."""
    from target_harness import lines

    from target_flext_sql.target import TargetFlextSQL

    text = lines([KEYED, *records("s", ROWS)]) + '{"type": "REC'
    import io

    with pytest.raises(TruncatedInputError, match="ends in the middle of a message"):
        TargetFlextSQL(config=place.config).run(io.StringIO(text))

    assert place.rows("s") == TUPLES


def test_stream_maps_are_honoured(duckdb_place: Place) -> None:
    """The SDK's stream maps rename streams and columns before they are loaded."""
    config = {**duckdb_place.config, "stream_maps": {"s": {"__alias__": "t", "v": "v.upper()"}}}

    load(config, KEYED, records("s", ROWS))

    assert duckdb_place.rows("t") == [(1, "A"), (2, "B"), (3, "C")]
