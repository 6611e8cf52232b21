"""Loads that break off: killed, refused, away, in use; a rerun loads each row once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.load import JOURNAL, load
from flext_pipelines.data.load_request import Load, LoadRequest
from flext_pipelines.data.warehouse.connect import Warehouse, connect
from flext_pipelines.data.warehouse.dialect import Dialect
from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.errors import (
    ConfigError,
    ContractBrokenError,
    UnavailableError,
    UsageError,
)
from tests.data.killing import run_killed
from tests.data.loads import FIRST, held
from tests.data.samples import put

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str, pa.Table], DataReference]


KILLED = """
import pyarrow as pa
from pathlib import Path
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.load import load
from flext_pipelines.data.load_request import LoadRequest
from flext_pipelines.data.warehouse.connect import connect
from flext_pipelines.data.warehouse.table_name import TableName
root, url, dataset, mode = sys.argv[2:]
target = connect(url)
for name in ("stage", "commit"):
    counted(type(target), name)
keys = ("id",) if mode == "upsert" else ()
request = LoadRequest(DataReference(dataset=dataset), TableName(None, "orders"), mode, keys, batch_size=10)
load(LandingZone(Path(root)), None, target, request, Path(root) / "scratch")
"""


@pytest.mark.process
@pytest.mark.parametrize("mode", ["append", "overwrite", "upsert"])
def test_killed_anywhere_a_rerun_loads_each_row_once(
    landing: LandingZone, bring: Callable[..., Load], keep: Keep, url: str, mode: Any
) -> None:
    """Killed at any stage or commit, between any two batches, the rerun ends with exactly the source's rows."""
    source = pa.table({"id": range(25), "name": [f"n{number}" for number in range(25)]})
    keys = ("id",) if mode == "upsert" else ()
    keep("data", source)
    through = run_killed(KILLED, 0, str(landing.root), url, "data", mode)
    assert through == (10 if mode == "overwrite" else 14)
    # One child costs more than a second on PostgreSQL: there a few points, on DuckDB every third one.
    for point in (3, 6, 9) if url.startswith("postgresql") else range(2, through + 1, 3):
        reference = keep(f"data{point}", source)
        with closing(connect(url)) as target:
            target.execute("DROP TABLE orders")
            target.commit()

        assert run_killed(KILLED, point, str(landing.root), url, f"data{point}", mode) == -9
        made = bring(reference, mode=mode, merge_keys=keys, batch_size=10)

        assert [row[0] for row in held(url)] == list(range(25)), f"killed at point {point}"
        assert made.inserted == made.rows_in_table == 25


def test_a_broken_off_load_goes_on_where_it_stood(
    landing: LandingZone, bring: Callable[..., Load], keep: Keep, url: str
) -> None:
    """Batches that are in are not brought again, even with another batch size."""
    reference = keep("data", pa.table({"id": range(25), "name": ["x"] * 25}))
    run_killed(KILLED, 8, str(landing.root), url, "data", "append")

    made = bring(reference, batch_size=4)

    assert made.resumed_at in {10, 20}
    assert made.rows_in_table == 25


def test_the_journal_tells_what_is_in(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """The journal in the target names dataset, table, mode and rows."""
    reference = keep("data", FIRST)
    bring(reference)

    rows = held(url, f"SELECT dataset, target_table, load_mode, rows_done, finished FROM {JOURNAL}")

    assert rows == [(str(reference), "orders", "append", 3, 1)]


@pytest.mark.postgres
def test_a_database_that_goes_away_is_said(landing: LandingZone, postgres_url: str, tmp_path: Path, keep: Keep) -> None:
    """A connection that ends in the middle of a load is UnavailableError, and the rerun has every row once."""
    import psycopg

    reference = keep("data", pa.table({"id": range(30)}))
    target = connect(postgres_url)
    request = LoadRequest(source=reference, table=TableName(None, "orders"), batch_size=10)
    own = target.fetch("SELECT pg_backend_pid()")[0][0]

    def cut(progress: Any) -> None:
        if progress.rows == 20:
            with psycopg.connect(postgres_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 60000)", [own])

    with pytest.raises(UnavailableError):
        load(landing, None, target, request, tmp_path / "scratch", cut)
    made = load(landing, None, connect(postgres_url), request, tmp_path / "scratch")

    assert (made.resumed_at, made.rows_in_table) == (20, 30)


@pytest.mark.postgres
def test_postgresql_refuses_digits_it_cannot_keep(landing: LandingZone, postgres_url: str, tmp_path: Path) -> None:
    """Nanoseconds are not cut: a value with more than six digits is a broken contract."""
    table = pa.table({"t": pa.array([1], pa.timestamp("ns"))})
    request = LoadRequest(source=put(landing, "data", table).reference, table=TableName(None, "orders"))

    with pytest.raises(ContractBrokenError, match="microseconds"):
        load(landing, None, connect(postgres_url), request, tmp_path / "scratch")


@pytest.mark.process
def test_a_duckdb_file_in_use_is_said(tmp_path: Path) -> None:
    """A file that another process has open is UnavailableError with the reason."""
    import subprocess
    import sys

    file = tmp_path / "w.duckdb"
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(UnavailableError, match=r"Another process has w\.duckdb open"):
            connect(f"duckdb:///{file}")
        other.communicate(b"")


@pytest.mark.parametrize("bad", ["mysql://x/y", "nonsense", "duckdb:///", "duckdb://host/file"])
def test_an_unknown_database_is_a_config_error(bad: str) -> None:
    """A URL of another kind says which kinds there are."""
    with pytest.raises(ConfigError):
        connect(bad)


def test_a_password_in_a_message_is_refused(tmp_path: Path) -> None:
    """A URL with a password would end up in logs, so it is not taken, and not repeated."""
    from pydantic import SecretStr

    with pytest.raises(UsageError) as refused:
        Warehouse(SecretStr(f"duckdb:///{tmp_path / 'w'}")).connect("postgresql://u:hunter2@h/d")

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["a.b.c", "", "a\nb", ".x", "x."])
def test_what_is_no_table_is_refused(text: str) -> None:
    """A table is a name, or schema and name."""
    with pytest.raises(UsageError):
        TableName.parse(text)


def test_oracle_is_spoken_to_in_its_own_way() -> None:
    """No server is here to ask, so the statements are compared as text."""
    oracle, table = Dialect("oracle"), TableName("wms", "orders")
    fields: list[tuple[str, pa.DataType]] = [
        ("id", pa.int64()),
        ("n", pa.decimal128(38, 2)),
        ("t", pa.timestamp("ns", "UTC")),
        ("b", pa.binary()),
    ]

    assert oracle.create_table(table, pa.schema(fields), ["id"]) == (
        'CREATE TABLE "wms"."orders" ("id" NUMBER(19), "n" NUMBER(38,2), "t" TIMESTAMP(9) WITH TIME ZONE, '
        '"b" BLOB, PRIMARY KEY ("id"))'
    )
    assert oracle.update_existing(table, "s1", ["id", "n"], ["id"], changed_only=True) == (
        'MERGE INTO "wms"."orders" t USING s1 s ON (t."id" = s."id") '
        'WHEN MATCHED THEN UPDATE SET t."n" = s."n" WHERE DECODE(t."n", s."n", 0, 1) = 1'
    )
    assert oracle.delete_missing(table, "s1", ["id"]) == (
        'DELETE FROM "wms"."orders" t WHERE NOT EXISTS (SELECT 1 FROM s1 s WHERE t."id" = s."id")'
    )
    assert oracle.mark(2) == ":2"
