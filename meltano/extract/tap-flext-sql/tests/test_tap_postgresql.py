"""PostgreSQL by ADBC: values, bookmarks, ranges."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
from pathlib import Path
from typing import Any

import pytest
from singer_columnar.errors import SettingsError
from singer_columnar.stopping import StopRequested, StopSignal
from singer_columnar.testing import Json, batches_in
from tap_running import Tables, discover, sync

from tap_flext_sql.pump import in_background

pytestmark = pytest.mark.postgres

_NUMBER = "1234567890123456789012345678901234567890.1234567890"


def _config(tables: Tables, **more: Any) -> Json:
    return {"sqlalchemy_url": tables.url, **more}


@pytest.fixture
def every_type(postgres_tables: Tables) -> Tables:
    """One row of every type."""
    postgres_tables.run(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN cents AS numeric(10, 2)",
        "CREATE TABLE v (si smallint, i int, bi bigint, re real, dp double precision, n numeric(10, 2), nu numeric,"
        " nw numeric(50, 10), bo boolean, da date, ts timestamp, tz timestamptz, ti time, tt timetz, te text,"
        " vc varchar(5), ch char(3), by bytea, uu uuid, js json, jb jsonb, ar int[], iv interval, ip inet, mo mood,"
        " bt bit(3), rg int4range, oi oid, dm cents, xm xml)",
        "INSERT INTO v VALUES (-32768, 2147483647, -9223372036854775808, 1.5, 0.1, 99999999.99,"
        f" 0.000000000000000000000000000001, {_NUMBER}, true, '0001-01-01', '9999-12-31 23:59:59.999999',"
        " '2024-01-01 10:00:00.123456+02', '23:59:59.999999', '10:00:00+02', E'zero is no text, tab\\tis', 'ä', 'c',"
        " '\\x00ff00', '7b7a2f0e-4b0d-4a83-9d6f-0d7d8b4f6d55', '{\"a\": [1.10]}', '[null]', '{1,NULL}',"
        " '1 day 2 hours', '10.0.0.1', 'ok', B'101', '[1,5)', 4294967295, 1.25, '<a/>')",
        "INSERT INTO v (i) VALUES (0)",
    )
    return postgres_tables


def test_every_type_survives_as_record(every_type: Tables) -> None:
    """Each type's value arrives exactly, in the JSON form of the contract; NULL stays NULL."""
    record, empty = sync(_config(every_type)).records

    assert record == {
        "si": -32768, "i": 2147483647, "bi": -(2**63), "re": 1.5, "dp": 0.1, "n": "99999999.99",
        "nu": "0.000000000000000000000000000001", "nw": _NUMBER, "bo": True, "da": "0001-01-01",
        "ts": "9999-12-31T23:59:59.999999", "tz": "2024-01-01T08:00:00.123456+00:00", "ti": "23:59:59.999999",
        "tt": "10:00:00+02", "te": "zero is no text, tab\tis", "vc": "ä", "ch": "c  ",
        "by": base64.b64encode(b"\x00\xff\x00").decode(), "uu": "7b7a2f0e-4b0d-4a83-9d6f-0d7d8b4f6d55",
        "js": {"a": [1.1]}, "jb": [None], "ar": [1, None], "iv": "P1DT2H", "ip": "10.0.0.1/32", "mo": "ok",
        "bt": "101", "rg": "[1,5)", "oi": "4294967295", "dm": "1.25", "xm": "<a/>",
    }  # fmt: skip
    assert {value for name, value in empty.items() if name != "i"} == {None}


def test_every_type_survives_as_batch(every_type: Tables, tmp_path: Path) -> None:
    """The same values in Parquet, in the Arrow types of the contract."""
    table = sync({**_config(every_type), **batches_in(tmp_path / "landing")}).table

    row = table.to_pylist()[0]
    assert row["n"] == decimal.Decimal("99999999.99")
    assert row["nw"] == decimal.Decimal(_NUMBER)
    assert row["tz"] == dt.datetime(2024, 1, 1, 8, 0, 0, 123456, tzinfo=dt.UTC)
    assert row["by"] == b"\x00\xff\x00"
    assert json.loads(row["js"]) == {"a": [1.1]}
    assert row["js"] == '{"a": [1.10]}', "JSON text is not rewritten"
    types = {field.name: str(field.type) for field in table.schema}
    assert types["si"] == types["bi"] == "int64"
    assert types["n"] == "decimal128(10, 2)"
    assert types["nw"] == "decimal256(50, 10)"
    assert types["ts"] == "timestamp[us]"
    assert types["tz"] == "timestamp[us, tz=UTC]"
    assert types["re"] == "double"


def test_values_beyond_the_contract_are_misfits(postgres_tables: Tables, tmp_path: Path) -> None:
    """Infinite dates and NaN numbers leave as RECORD with a text that says what they are; floats keep theirs."""
    postgres_tables.run(
        "CREATE TABLE w (id int PRIMARY KEY, d date, t timestamptz, n numeric(5, 2), f float8)",
        "INSERT INTO w VALUES (1, 'infinity', null, null, null), (2, null, '-infinity', null, null),"
        " (3, null, null, 'NaN', null), (4, '0044-03-15 BC', null, null, null), (5, null, null, null, 'NaN'),"
        " (6, null, null, null, '-Infinity'), (7, null, '12000-01-01 00:00:00+00', null, null)",
    )

    output = sync({**_config(postgres_tables), **batches_in(tmp_path / "landing")})

    assert [(record["id"], record["d"], record["t"], record["n"]) for record in output.records] == [
        (1, "infinity", None, None), (2, None, "-infinity", None), (3, None, None, "nan"),
        (4, "-0043-03-15", None, None), (7, None, "+12000-01-01T00:00:00.000000", None),
    ]  # fmt: skip
    floats = output.table.column("f").to_pylist()
    assert math.isnan(floats[0])
    assert floats[1] == -math.inf
    assert [record["f"] for record in sync(_config(postgres_tables)).records if record["f"]] == ["NaN", "-Infinity"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("int", ["1", "2", "3"]),
        ("numeric(20, 3)", ["-1.5", "2.125", "300000000000.001"]),
        ("numeric", ["-1e-20", "2", "1e30"]),
        ("date", ["'2024-01-01'", "'2024-02-29'", "'2024-03-01'"]),
        ("timestamp", ["'2024-01-01 00:00:00'", "'2024-01-01 00:00:00.000001'", "'2024-01-02'"]),
        ("timestamptz", ["'2024-01-01 00:00:00+05'", "'2024-01-01 00:00:00.000001+05'", "'2024-01-02+05'"]),
        ("text", ["'a'", "'o''brien'", "'z; DROP TABLE o'"]),
    ],
)
def test_every_kind_of_key_starts_at_its_bookmark(postgres_tables: Tables, kind: str, values: list[str]) -> None:
    """A run from the bookmark of the middle row brings that row and the one after it."""
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values))
    postgres_tables.run(f"CREATE TABLE o (id int PRIMARY KEY, k {kind} NOT NULL)", f"INSERT INTO o VALUES {rows}")
    config = _config(postgres_tables, replication_key="k")
    postgres_tables.run("CREATE TABLE hold AS SELECT * FROM o WHERE id = 2", "DELETE FROM o WHERE id = 2")
    first = sync({**config, "tables": ["o"]})
    postgres_tables.run("INSERT INTO o SELECT * FROM hold")

    second = sync({**config, "tables": ["o"]}, state=first.state)

    assert [record["id"] for record in first.records] == [0, 1]
    assert [record["id"] for record in second.records] == [1, 2]


def test_a_future_key_is_capped_at_the_servers_clock(postgres_tables: Tables) -> None:
    """The bookmark of a naive key is compared with the server's clock in the configured zone."""
    postgres_tables.run("CREATE TABLE o (id int PRIMARY KEY, k timestamp)", "INSERT INTO o VALUES (1, '2999-01-01')")
    config = _config(postgres_tables, replication_key="k")

    utc = sync(config).state["bookmarks"]["o"]["replication_key_value"]
    ahead = sync({**config, "timezone": "Pacific/Kiritimati"}).state["bookmarks"]["o"]["replication_key_value"]

    assert dt.datetime.fromisoformat(ahead) - dt.datetime.fromisoformat(utc) > dt.timedelta(hours=13)
    assert dt.datetime.fromisoformat(utc).year < 2999


def test_ranges_share_one_snapshot(postgres_tables: Tables, tmp_path: Path) -> None:
    """Rows deleted and inserted while ranges are read do not show: all ranges see the table as it was at the start."""
    postgres_tables.run("CREATE TABLE o (id int PRIMARY KEY, t text)",
                        "INSERT INTO o SELECT n, 'x' FROM generate_series(1, 5000) n")  # fmt: skip
    config = _config(postgres_tables, fetch_rows=100, split_ranges=10, split_parallel=1)
    from tap_flext_sql.stream import TableStream
    from tap_flext_sql.tap import TapFlextSQL

    tap = TapFlextSQL(config=config)
    stream = tap.streams["o"]
    assert isinstance(stream, TableStream)
    read = stream.open_read()
    read.begin({})
    seen: list[int] = []
    with read.pump() as pump:
        for number, chunk in enumerate(pump):
            if number == 0:
                postgres_tables.run("DELETE FROM o WHERE id > 2500", "INSERT INTO o VALUES (9999, 'late')")
            seen += chunk.batch.column("id").to_pylist()

    assert seen == list(range(1, 5001))


def test_a_split_read_equals_an_unsplit_one(postgres_tables: Tables, tmp_path: Path) -> None:
    """Ranges of a timestamp key with NULLs and infinities bring every row once."""
    postgres_tables.run(
        "CREATE TABLE o (id int, k timestamptz)",
        "INSERT INTO o SELECT n, CASE WHEN n % 10 <> 0 THEN timestamptz '2024-01-01' + n * interval '1 hour' END"
        " FROM generate_series(1, 1000) n",
        "INSERT INTO o VALUES (2000, 'infinity'), (2001, '-infinity')",
    )
    options = {"table_options": {"o": {"split_key": "k", "split_ranges": 9}}, "split_parallel": 4}

    output = sync({**_config(postgres_tables), **options, **batches_in(tmp_path / "landing")})

    ids = output.table.column("id").to_pylist() + [record["id"] for record in output.records]
    assert sorted(ids) == [*range(1, 1001), 2000, 2001]


def test_schemas_name_the_streams(postgres_tables: Tables) -> None:
    """One schema: the table's name; several: schema-table; a schema that is not there is named."""
    postgres_tables.run("CREATE SCHEMA wms", "CREATE TABLE o (id int)", "CREATE TABLE wms.o (id int)")

    def names(**settings: Any) -> list[str]:
        return [stream["stream"] for stream in discover(_config(postgres_tables, **settings))["streams"]]

    assert names() == ["o"]
    assert names(schemas=["wms"]) == ["o"]
    assert names(schemas=["public", "wms"]) == ["public-o", "wms-o"]
    assert names(schemas=["wms"], stream_naming="schema-table") == ["wms-o"]
    with pytest.raises(SettingsError, match=r"has no schema 'nope'.*public, wms"):
        names(schemas=["nope"])


def test_waiting_for_the_database_hears_a_stop() -> None:
    """A question that the database does not answer does not keep the tap from stopping."""
    import threading

    stop, never = StopSignal(), threading.Event()
    threading.Timer(0.2, stop.request).start()

    with pytest.raises(StopRequested):
        in_background(never.wait, stop)
    never.set()
