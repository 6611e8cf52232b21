"""Loads: every mode on DuckDB and PostgreSQL, once and whole, also when killed."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import LandingZone
from flext_pipelines.data.load_request import Load
from flext_pipelines.data.warehouse.connect import Warehouse, connect
from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.errors import (
    ContractBrokenError,
    DataDamagedError,
    FlextError,
    LoadFailedError,
    NotFoundError,
    UsageError,
)
from tests.data.loads import FIRST, SECOND, held

if TYPE_CHECKING:
    from collections.abc import Callable

    Keep = Callable[[str, pa.Table], DataReference]


def test_values_arrive_exactly(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Every kind of value is in the table what it was in the dataset; nested ones become JSON text."""
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001  a timestamp without a zone
    table = pa.table(
        {
            "id": pa.array([2**63 - 1], pa.int64()),
            "small": pa.array([7], pa.int8()),
            "unsigned": pa.array([2**64 - 1], pa.uint64()),
            "exact": pa.array([Decimal("12345678901234567890.123456789")], pa.decimal128(38, 9)),
            "real": [0.1],
            "flag": [True],
            "text": ["ü ' \" \\ \n"],
            "bytes": [b"\x00\xff"],
            "day": [date(1, 1, 1)],
            "at": pa.array([moment], pa.timestamp("us")),
            "instant": pa.array([moment.replace(tzinfo=UTC)], pa.timestamp("us", "UTC")),
            "clock": pa.array([time(23, 59, 59, 999999)], pa.time64("us")),
            "list": [[1, 2]],
            "nothing": pa.nulls(1),
        }
    )

    bring(keep("data", table))

    row = held(url, "SELECT * FROM orders")[0]
    assert row[:3] == (2**63 - 1, 7, row[2])
    assert Decimal(str(row[2])) == 2**64 - 1
    assert Decimal(str(row[3])) == Decimal("12345678901234567890.123456789")
    assert row[4:10] == (0.1, True, "ü ' \" \\ \n", b"\x00\xff", date(1, 1, 1), moment)
    assert row[10].astimezone(UTC).replace(tzinfo=None) == moment
    assert row[11:] == (time(23, 59, 59, 999999), "[1,2]", None)


@pytest.mark.parametrize("damage", ["replaced", "cut off", "missing"])
def test_files_that_are_not_what_was_written_are_not_loaded(
    bring: Callable[..., Load], keep: Keep, landing: LandingZone, url: str, damage: str
) -> None:
    """Another Parquet file in the place of a version's own is a fault of the dataset, and its rows are nobody's."""
    version = keep("data", FIRST)
    part = landing.files(landing.resolve(version))[0]
    match damage:
        case "replaced":
            pq.write_table(FIRST.slice(0, 1), part)
        case "cut off":
            part.write_bytes(part.read_bytes()[:-5])
        case "missing":
            part.unlink()

    with pytest.raises(DataDamagedError, match=part.name) as caught:
        bring(version)

    assert caught.value.details["version"]
    with pytest.raises(FlextError):
        held(url)


def test_append_adds_each_version_once(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """The same version is not loaded twice; another one is added."""
    first = keep("data", FIRST)

    made = bring(first)
    again = bring(first)
    bring(keep("data", SECOND))

    assert (made.inserted, made.rows_in_table, made.already_loaded, made.verified) == (3, 3, False, True)
    assert (again.inserted, again.rows_in_table, again.already_loaded) == (3, 3, True)
    assert len(held(url)) == 6


def test_reload_loads_again(bring: Callable[..., Load], keep: Keep) -> None:
    """Asked to, a load is done again."""
    first = keep("data", FIRST)
    bring(first)

    assert bring(first, reload=True).rows_in_table == 6


def test_a_table_that_was_dropped_is_loaded_anew(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """What the journal remembers of a table that is gone does not count."""
    first = keep("data", FIRST)
    bring(first)
    with closing(connect(url)) as target:
        target.execute("DROP TABLE orders")
        target.commit()

    assert bring(first).rows_in_table == 3


def test_overwrite_replaces_everything(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """The table holds the last version only, also when an earlier one is loaded once more after it."""
    first, second = keep("data", FIRST), keep("data", SECOND)
    bring(first, mode="overwrite")
    made = bring(second, mode="overwrite", batch_size=2)

    assert (made.deleted, made.inserted, made.rows_in_table, made.batches) == (3, 3, 3, 2)
    assert [row[0] for row in held(url)] == [2, 3, 4]
    assert not bring(first, mode="overwrite").already_loaded
    assert [row[0] for row in held(url)] == [1, 2, 3]


REPLACING: list[dict[str, Any]] = [
    {"mode": "overwrite"},
    {"truncate": True},
    {"mode": "merge", "merge_keys": ("id",), "delete_missing": True},
]


@pytest.mark.parametrize("how", REPLACING)
def test_a_replacement_counts_as_done_only_while_it_is_the_last_load(
    bring: Callable[..., Load], keep: Keep, url: str, how: dict[str, Any]
) -> None:
    """Rows that came since are replaced when it is asked for again, whatever the journal remembers."""
    first, later = keep("data", FIRST), keep("data", pa.table({"id": [4, 5], "name": ["d", "e"]}))
    bring(first, **how)
    unchanged = bring(first, **how)
    bring(later)

    again = bring(first, **how)

    assert (unchanged.already_loaded, again.already_loaded) == (True, False)
    assert [row[0] for row in held(url)] == [1, 2, 3]


def test_an_appended_version_that_was_replaced_can_be_appended_again(
    bring: Callable[..., Load], keep: Keep, url: str
) -> None:
    """A merge that deletes what is missing takes the rows of earlier loads, and the memory of them."""
    first = keep("data", FIRST)
    bring(first)
    bring(keep("data", SECOND), mode="merge", merge_keys=("id",), delete_missing=True)

    assert not bring(first).already_loaded
    assert [row[0] for row in held(url)] == [1, 2, 2, 3, 3, 4]


def test_another_choice_among_doubles_is_another_load(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Which row of a key wins is part of what is loaded."""
    doubles = keep("data", pa.table({"id": [1, 1], "name": ["z", "a"]}))
    bring(doubles, mode="upsert", merge_keys=("id",))

    made = bring(doubles, mode="upsert", merge_keys=("id",), dedup_order_by="name")

    assert not made.already_loaded
    assert [row[1] for row in held(url)] == ["z"]


def test_truncate_empties_in_the_same_transaction(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Rows that do not fit leave the table as it was, truncate or not."""
    bring(keep("data", FIRST))

    with pytest.raises(FlextError):
        bring(keep("data", pa.table({"id": ["x"], "name": ["y"]})), truncate=True)
    assert len(held(url)) == 3
    assert bring(keep("data", SECOND), truncate=True).rows_in_table == 3


def test_upsert_updates_and_inserts_by_key(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Known keys take the new values, unknown ones are added, other rows stay; of doubles the last wins."""
    bring(keep("data", FIRST), mode="upsert", merge_keys=("id",))
    doubled = pa.concat_tables([pa.table({"id": [4], "name": ["lost"]}), SECOND])

    made = bring(keep("data", doubled), mode="upsert", merge_keys=("id",))

    assert (made.updated, made.inserted, made.deduplicated, made.rows_in_table) == (2, 1, 1, 4)
    assert held(url) == [(1, "a"), (2, "b"), (3, ""), (4, "d")]


def test_merge_updates_changed_rows_only(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Rows that are equal are left alone; with delete_missing the others go."""
    bring(keep("data", FIRST), mode="merge", merge_keys=("id",))

    made = bring(keep("data", SECOND), mode="merge", merge_keys=("id",), delete_missing=True, batch_size=2)

    assert (made.updated, made.unchanged, made.inserted, made.deleted) == (1, 1, 1, 1)
    assert held(url) == [(2, "b"), (3, ""), (4, "d")]


def test_merge_leaves_other_columns_alone(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Columns that the data do not have keep their values."""
    bring(keep("data", FIRST), mode="merge", merge_keys=("id",))

    bring(keep("data", pa.table({"id": [1], "extra": [5]})), mode="merge", merge_keys=("id",))

    assert held(url)[0] == (1, "a", 5)


def test_merging_nothing_with_delete_missing_empties(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """When the source has no rows any more, neither has the table."""
    bring(keep("data", FIRST), mode="merge", merge_keys=("id",))

    made = bring(keep("data", FIRST.slice(0, 0)), mode="merge", merge_keys=("id",), delete_missing=True)

    assert (made.deleted, made.rows_in_table) == (3, 0)


def test_compound_and_odd_keys(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Several keys, and names that look like SQL, are keys like any other."""
    odd = 'a"; DROP TABLE orders; --'
    bring(keep("data", pa.table({odd: [1, 1], "b": ["x", "y"], "v": [1, 2]})), mode="upsert", merge_keys=(odd, "b"))

    made = bring(keep("data", pa.table({odd: [1], "b": ["y"], "v": [3]})), mode="upsert", merge_keys=(odd, "b"))

    assert (made.updated, made.inserted) == (1, 0)
    assert held(url) == [(1, "x", 1), (1, "y", 3)]


@pytest.mark.parametrize("table", ['we"ird; DROP TABLE x; --', "Mixed Case", "select", "ü"])
def test_odd_tables_are_only_names(bring: Callable[..., Load], keep: Keep, table: str) -> None:
    """A table may be called anything."""
    assert bring(keep("data", FIRST), table=table).rows_in_table == 3


def test_doubles_are_left_out_by_a_column(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """Of rows equal in dedup_keys the one with the largest value of the column stays."""
    table = pa.table({"id": [1, 1, 2], "at": [5, 3, 1]})

    made = bring(keep("data", table), dedup_keys=("id",), dedup_order_by="at")

    assert made.deduplicated == 1
    assert held(url) == [(1, 5), (2, 1)]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"mode": "upsert"}, UsageError),
        ({"mode": "upsert", "merge_keys": ("nope",)}, UsageError),
        ({"delete_missing": True}, UsageError),
        ({"dedup_order_by": "id"}, UsageError),
        ({"expected_record_count": 4}, ContractBrokenError),
        ({"create_table": False}, NotFoundError),
        ({"mode": "merge", "merge_keys": ("name",)}, ContractBrokenError),
    ],
)
def test_what_cannot_be_loaded_touches_nothing(
    bring: Callable[..., Load], keep: Keep, url: str, fields: dict[str, Any], kind: type[FlextError]
) -> None:
    """Contradictions, wrong counts, null keys and missing tables are refused before the first row."""
    with pytest.raises(kind):
        bring(keep("data", FIRST), **fields)

    with closing(connect(url)) as target:
        assert target.columns(TableName(None, "orders")) == {}


def test_columns_are_added_only_when_allowed(bring: Callable[..., Load], keep: Keep) -> None:
    """A new column is added and told, or refused."""
    bring(keep("data", FIRST))
    wider = keep("data", pa.table({"id": [9], "extra": [1.5]}))

    with pytest.raises(ContractBrokenError, match="extra"):
        bring(wider, add_columns=False)
    assert bring(wider).columns_added == ("extra",)


def test_rows_that_do_not_fit_are_said(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """A value of another kind is a broken contract, and the batch leaves nothing."""
    bring(keep("data", FIRST))

    with pytest.raises(ContractBrokenError, match="do not fit"):
        bring(keep("data", pa.table({"id": ["x"], "name": ["y"]})))
    assert len(held(url)) == 3


def test_a_key_that_stands_twice_in_the_table_is_found(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """An upsert that would change more rows than it brings is undone and said."""
    double = pa.table({"id": [1, 1], "name": ["a", "b"]})
    bring(keep("data", double))

    with pytest.raises(LoadFailedError, match="2 rows were updated where 1"):
        bring(keep("data", pa.table({"id": [1], "name": ["c"]})), mode="upsert", merge_keys=("id",))
    assert held(url) == [(1, "a"), (1, "b")]


def test_the_warehouse_gives_its_tables(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """What was loaded can be read as a table, and a missing one is named."""
    from pydantic import SecretStr

    bring(keep("data", FIRST))
    warehouse = Warehouse(SecretStr(url))

    with warehouse.rows("orders") as reader:
        assert reader.read_all().to_pylist() == FIRST.to_pylist()
    with pytest.raises(NotFoundError, match="nothing"), warehouse.rows("nothing"):
        pass


def test_the_warehouse_gives_decimals_as_numbers(bring: Callable[..., Load], keep: Keep, url: str) -> None:
    """A query can reckon with them whatever the database is, digit for digit."""
    from pydantic import SecretStr

    amounts = pa.array(["12.500", "-999999999999999.999", None]).cast(pa.decimal128(18, 3))
    bring(keep("data", pa.table({"id": [1, 2, 3], "amount": amounts})))

    with Warehouse(SecretStr(url)).rows("orders") as reader:
        found = reader.read_all().sort_by("id")

    assert found.schema.field("amount").type == pa.decimal128(18, 3)
    assert found["amount"].to_pylist() == amounts.to_pylist()
