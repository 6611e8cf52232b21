"""Which tables and columns are read, and under which names."""

from __future__ import annotations

import copy
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.errors import SettingsError, TapError
from singer_columnar.testing import Json, batches_in
from tap_running import discover, sync

_TABLE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, code TEXT, secret TEXT, mod_ts TIMESTAMP)"


def _config(path: Path, **more: Any) -> Json:
    return {"dialect": "sqlite", "database": str(path), **more}


def _select(catalog: Json, *, streams: bool = True, **columns: bool) -> Json:
    catalog = copy.deepcopy(catalog)
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = streams
            elif entry["breadcrumb"][1] in columns:
                entry["metadata"]["selected"] = columns[entry["breadcrumb"][1]]
    return catalog


def test_only_selected_columns_leave_the_database(sqlite_tables: Any, tmp_path: Path) -> None:
    """A deselected column is in no SCHEMA, no RECORD and no file; keys are there whatever is selected."""
    path = sqlite_tables(_TABLE, orders=[(1, "a", "hidden", "2024-01-01")])
    config = _config(path, replication_key="mod_ts")
    catalog = _select(discover(config), id=False, code=True, secret=False, mod_ts=False)

    output = sync(config, catalog)
    table = sync({**config, **batches_in(tmp_path / "landing")}, catalog).table

    assert list(output.schema) == ["id", "code", "mod_ts"]
    assert list(output.records[0]) == ["id", "code", "mod_ts"]
    assert table.column_names == ["id", "code", "mod_ts"]


def test_a_deselected_column_may_be_gone_from_the_table(sqlite_tables: Any) -> None:
    """The query names only the selected columns: a dropped one does no harm when it was deselected."""
    path = sqlite_tables(_TABLE, orders=[(1, "a", "hidden", None)])
    catalog = _select(discover(_config(path)), secret=False)
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE orders DROP COLUMN secret")
    connection.close()

    assert sync(_config(path), catalog).records == [{"id": 1, "code": "a", "mod_ts": None}]


def test_deselected_streams_are_not_read(sqlite_tables: Any) -> None:
    """A stream that is not selected sends nothing."""
    path = sqlite_tables(_TABLE)

    assert sync(_config(path), _select(discover(_config(path)), streams=False)).messages == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["item", "order_dtl", "order_hdr", "orders_view"]),
        ({"tables": ["order*"]}, ["order_dtl", "order_hdr", "orders_view"]),
        ({"tables": ["ORDER_*"], "exclude_tables": ["*_dtl"]}, ["order_hdr"]),
        ({"include_views": False}, ["item", "order_dtl", "order_hdr"]),
    ],
)
def test_globs_choose_the_tables(sqlite_tables: Any, settings: Json, expected: list[str]) -> None:
    """Tables and exclude_tables are globs without regard to letter case."""
    path = sqlite_tables(
        "CREATE TABLE order_hdr (id INTEGER)",
        "CREATE TABLE order_dtl (id INTEGER)",
        "CREATE TABLE item (id INTEGER)",
        "CREATE VIEW orders_view AS SELECT 1 AS id",
    )

    assert [stream["tap_stream_id"] for stream in discover(_config(path, **settings))["streams"]] == expected


def test_a_default_replication_key_applies_where_the_column_is(sqlite_tables: Any) -> None:
    """Tables with the default key are incremental, others are full; table_options overrule."""
    path = sqlite_tables("CREATE TABLE a (id INTEGER, mod_ts TIMESTAMP)", "CREATE TABLE b (id INTEGER)",
                         "CREATE TABLE c (id INTEGER, mod_ts TIMESTAMP)")  # fmt: skip
    options = {"c": {"replication_method": "FULL_TABLE"}}

    streams = discover(_config(path, replication_key="mod_ts", table_options=options))["streams"]

    methods = {stream["stream"]: (stream["replication_method"], stream.get("replication_key")) for stream in streams}
    assert methods == {"a": ("INCREMENTAL", "mod_ts"), "b": ("FULL_TABLE", None), "c": ("FULL_TABLE", None)}


def test_metadata_as_meltano_writes_it_sets_the_replication(sqlite_tables: Any) -> None:
    """replication-method and replication-key in the catalog overrule what discovery found."""
    path = sqlite_tables(_TABLE, orders=[(1, "a", "s", "2024-01-01 00:00:00")])
    catalog = discover(_config(path))
    catalog["streams"][0] |= {"replication_method": "INCREMENTAL", "replication_key": "mod_ts"}

    output = sync(_config(path), catalog)

    assert output.state["bookmarks"]["orders"]["replication_key_value"] == "2024-01-01T00:00:00"
    assert output.of("SCHEMA")[0]["bookmark_properties"] == ["mod_ts"]
    assert output.of("ACTIVATE_VERSION") == []


def test_a_unique_key_stands_in_for_a_missing_primary_key(sqlite_tables: Any) -> None:
    """Only a unique index whose columns are never NULL identifies rows."""
    path = sqlite_tables("CREATE TABLE u (a INTEGER NOT NULL, b INTEGER, UNIQUE (b), UNIQUE (a))")

    assert discover(_config(path))["streams"][0]["key_properties"] == ["a"]


def test_key_properties_can_be_configured(sqlite_tables: Any) -> None:
    """table_options.key_properties replaces the primary key; an unknown column is an error that lists the columns."""
    path = sqlite_tables(_TABLE)
    config = _config(path, table_options={"orders": {"key_properties": ["code"]}})

    assert discover(config)["streams"][0]["key_properties"] == ["code"]
    with pytest.raises(SettingsError, match=r"'nope'.*does not have.*id, code, secret, mod_ts"):
        discover(_config(path, table_options={"orders": {"key_properties": ["nope"]}}))


def test_odd_names_are_quoted(sqlite_tables: Any, tmp_path: Path) -> None:
    """Tables and columns with spaces, quotes, reserved words and letters of any case are read."""
    names = ["select", 'quo"te', "sp ace", "MixedCase", "rowid", "perc%nt", "co:lon", "ü"]
    columns = ", ".join('"' + name.replace('"', '""') + '" TEXT' for name in names)
    path = sqlite_tables(f'CREATE TABLE "odd \'table" ({columns})')
    with sqlite3.connect(path) as connection:
        connection.execute(f'INSERT INTO "odd \'table" VALUES ({", ".join("?" * len(names))})', names)
    connection.close()
    options = {"odd*": {"replication_key": 'quo"te'}}
    config = _config(path, table_options=options)

    output = sync(config)
    table = sync({**config, **batches_in(tmp_path / "landing")}, state=output.state).table

    assert output.records == [dict(zip(names, names, strict=True))]
    assert table.to_pylist() == output.records


def test_stream_maps_see_every_record(sqlite_tables: Any, tmp_path: Path) -> None:
    """Stream maps apply although batches are asked for: the mapped stream goes as RECORD, never unmapped in a file."""
    path = sqlite_tables(_TABLE, orders=[(1, "a", "hidden", None)])
    maps = {"orders": {"secret": "__NULL__", "code": "code + '!'"}}

    output = sync({**_config(path, stream_maps=maps), **batches_in(tmp_path / "landing")})

    assert output.of("BATCH") == []
    assert output.records == [{"id": 1, "code": "a!", "mod_ts": None}]


@pytest.mark.parametrize("batch", [{}, {"storage": {"prefix": "wms-"}}], ids=["nothing", "only a prefix"])
def test_batch_files_go_to_the_folder_of_the_run(
    sqlite_tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: Json
) -> None:
    """Without a storage root in the settings, files land in FLEXT_BATCH_ROOT."""
    path = sqlite_tables(_TABLE, orders=[(1, "a", "s", None)])
    monkeypatch.setenv("FLEXT_BATCH_ROOT", str(tmp_path / "run"))

    output = sync(_config(path, batch_config={"encoding": {"format": "parquet"}, **batch}))

    assert output.table.num_rows == 1
    (file,) = (tmp_path / "run").iterdir()
    assert file.as_uri() in output.of("BATCH")[0]["manifest"]
    assert file.name.startswith("wms-") == ("storage" in batch)


def test_batches_without_any_folder_are_refused(sqlite_tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the settings nor the environment name a folder: an error says which two would do."""
    path = sqlite_tables(_TABLE, orders=[(1, "a", "s", None)])
    monkeypatch.delenv("FLEXT_BATCH_ROOT", raising=False)

    with pytest.raises(SettingsError, match=r"batch_config.storage.root.*FLEXT_BATCH_ROOT"):
        sync(_config(path, batch_config={"encoding": {"format": "parquet"}}))


def test_the_sdk_batch_format_jsonl_works(sqlite_tables: Any, tmp_path: Path) -> None:
    """With encoding jsonl the SDK's own batcher writes the files."""
    path = sqlite_tables(_TABLE, orders=[(n, "a", "s", "2024-01-01 00:00:00") for n in range(5)])
    batch = {"encoding": {"format": "jsonl", "compression": "gzip"}, "storage": {"root": tmp_path.as_uri()}}

    output = sync(_config(path, batch_config=batch, replication_key="mod_ts"))

    assert len(output.of("BATCH")) == 1
    assert output.state["bookmarks"]["orders"]["replication_key_value"] == "2024-01-01T00:00:00"


def test_two_tables_of_one_stream_name_are_refused(sqlite_tables: Any) -> None:
    """SQLite has one schema, and says so."""
    with pytest.raises(TapError, match="SQLite has only the schema main"):
        discover(_config(sqlite_tables(_TABLE), schemas=["other"]))


def test_a_broken_view_does_not_hide_the_tables(sqlite_tables: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A view that names a column that is gone is left out with a warning; the tables are found."""
    path = sqlite_tables(_TABLE, "CREATE VIEW broken AS SELECT nope FROM orders")

    found = discover(_config(path))

    assert [stream["stream"] for stream in found["streams"]] == ["orders"]
    assert "View 'broken' is left out" in caplog.text
