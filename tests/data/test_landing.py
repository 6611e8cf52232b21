"""The landing zone: versions appear whole or not at all."""

from __future__ import annotations

import itertools
import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flext_pipelines.data.dataset import DataReference, Draft
from flext_pipelines.data.landing import LandingZone, tidy
from flext_pipelines.data.parts import ROWS_PER_GROUP, ROWS_PER_PART
from flext_pipelines.data.retention import Keep
from flext_pipelines.data.sources import engine_with, origin_of
from flext_pipelines.data.summary import summaries
from flext_pipelines.errors import (
    AlreadyRunningError,
    ConflictError,
    DataDamagedError,
    NotFoundError,
    StorageFullError,
    UsageError,
)
from flext_pipelines.values import Progress
from tests.data.samples import put, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_a_version_holds_what_was_written(landing: LandingZone) -> None:
    """Rows, counts, columns and checksums of a version are those of what was written."""
    table = pa.table({"id": [1, 2, 3], "name": ["a", None, "c"]})

    manifest = put(landing, "orders", table)

    assert rows_of(landing, manifest.reference) == table.to_pylist()
    assert manifest.rows == 3
    assert {column.name: column.type for column in manifest.columns} == {"id": "int64", "name": "string"}
    assert landing.verify("orders") == landing.read("orders") == manifest
    assert manifest.bytes == sum(path.stat().st_size for path in landing.files(manifest))


def test_a_version_without_rows_keeps_its_columns(landing: LandingZone) -> None:
    """A dataset of no rows can still be read, with its columns."""
    manifest = put(landing, "orders", pa.table({"id": pa.array([], pa.int64())}))

    assert manifest.rows == 0
    assert pq.read_schema(landing.files(manifest)[0]).names == ["id"]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 2 * ROWS_PER_GROUP), max_size=6))
def test_bytes_do_not_depend_on_how_rows_arrive(tmp_path_factory: pytest.TempPathFactory, cuts: Sequence[int]) -> None:
    """The same rows cut into other batches give the same checksum."""
    landing = LandingZone(tmp_path_factory.mktemp("landing"))
    batch = pa.record_batch({"id": pa.array(range(2 * ROWS_PER_GROUP), pa.int64())})
    edges = [0, *sorted(cuts), batch.num_rows]
    pieces = [batch.slice(low, high - low) for low, high in itertools.pairwise(edges)]

    whole = put(landing, "whole", pa.Table.from_batches([batch]))
    cut = put(landing, "cut", pa.Table.from_batches(pieces, batch.schema))

    assert whole.checksum == cut.checksum


def test_many_rows_become_several_parts_in_order(landing: LandingZone) -> None:
    """Parts are of bounded size, and their order is that of the rows."""
    rows = ROWS_PER_PART + 5

    manifest = put(landing, "orders", pa.table({"id": pa.array(range(rows), pa.int64())}))

    assert [part.rows for part in manifest.parts] == [ROWS_PER_PART, 5]
    assert pq.read_table(landing.files(manifest)[1]).column("id").to_pylist() == list(range(ROWS_PER_PART, rows))


def test_versions_sort_by_number_when_the_clock_is_set_back(tmp_path: Path) -> None:
    """The latest version is the one written last, whatever the clock says."""
    times = iter([datetime(2026, 5, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)])
    landing = LandingZone(tmp_path, now=lambda: next(times))

    first = put(landing, "orders", pa.table({"id": [1]}))
    second = put(landing, "orders", pa.table({"id": [2]}))

    assert landing.versions("orders") == (first.version, second.version)
    assert landing.read("orders").version == second.version


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\0b", "-x", "x" * 201])
def test_a_dataset_cannot_lie_outside_the_landing_zone(landing: LandingZone, name: str) -> None:
    """Names that are no plain folder names are refused, when writing and when reading."""
    with pytest.raises(UsageError):
        put(landing, name, pa.table({"id": [1]}))
    with pytest.raises(UsageError):
        landing.read(name)


def test_unknown_datasets_and_versions_are_named_with_what_there_is(landing: LandingZone) -> None:
    """The error lists the datasets, or the versions, that exist."""
    version = put(landing, "orders", pa.table({"id": [1]})).version

    with pytest.raises(NotFoundError) as unknown:
        landing.read("ordes")
    with pytest.raises(NotFoundError) as old:
        landing.read("orders", "000009-full-20260101T000000Z")

    assert unknown.value.details["datasets"] == ["orders"]
    assert old.value.details["versions"] == [version]


@pytest.mark.parametrize("damage", ["changed", "missing", "unknown", "manifest", "format"])
def test_damage_is_found(landing: LandingZone, damage: str) -> None:
    """A changed, missing or foreign file, or a manifest that cannot be read, does not pass."""
    manifest = put(landing, "orders", pa.table({"id": [1]}))
    part = landing.files(manifest)[0]
    match damage:
        case "changed":
            content = bytearray(part.read_bytes())
            content[10] ^= 1
            part.write_bytes(content)
        case "missing":
            part.unlink()
        case "unknown":
            (part.parent / "part-00001.parquet").write_bytes(b"")
        case "manifest":
            (part.parent / "manifest.json").write_text("{")
        case "format":
            (part.parent / "manifest.json").write_text(json.dumps({"format_version": 99}))

    with pytest.raises(DataDamagedError):
        landing.verify("orders")


def test_a_dataset_is_written_by_one_at_a_time(landing: LandingZone) -> None:
    """A second writer is refused while the first is at work, and served afterwards."""
    with landing.writer("orders"), pytest.raises(AlreadyRunningError), landing.writer("orders"):
        pass

    assert put(landing, "orders", pa.table({"id": [1]})).rows == 1


def test_leaving_without_commit_leaves_nothing(landing: LandingZone) -> None:
    """An error while writing removes what was written."""
    with pytest.raises(pa.ArrowInvalid), landing.writer("orders") as writer:
        writer.append(pa.record_batch({"id": [300]}).cast(pa.schema([("id", pa.int8())])))

    assert landing.versions("orders") == ()
    assert [entry.name for entry in (landing.root / "orders").iterdir()] == [".lock"]


def test_a_key_belongs_to_one_request(landing: LandingZone) -> None:
    """A key finds the version made under it, and is refused for another request."""
    with landing.writer("orders") as writer:
        made = writer.commit(
            Draft(mode="full", idempotency_key="k", request="a"), schema=pa.schema([("id", pa.int64())])
        )

    assert landing.with_key("orders", "k", "a") == made
    assert landing.with_key("orders", "other", "a") is None
    with pytest.raises(ConflictError):
        landing.with_key("orders", "k", "b")


def test_retention_keeps_the_newest_the_bookmark_and_snapshots(landing: LandingZone) -> None:
    """Old versions go; the newest, the last one with a bookmark, and snapshots stay."""
    kept = []
    for mode, bookmark in [("full", None), ("snapshot", None), ("full", {"x": 1}), ("full", None), ("full", None)]:
        with landing.writer("orders") as writer:
            draft = Draft.model_validate({"mode": mode, "bookmark_after": bookmark})
            kept.append(writer.commit(draft, schema=pa.schema([("id", pa.int64())])).version)

    removed = landing.retain("orders", Keep(1))

    assert removed == (kept[0], kept[3])
    assert landing.versions("orders") == (kept[1], kept[2], kept[4])


def test_a_version_that_is_being_read_stays(landing: LandingZone) -> None:
    """Whoever reads a version holds it; it goes when nobody does."""
    old = put(landing, "orders", pa.table({"id": [1]}))
    put(landing, "orders", pa.table({"id": [2]}))
    origin = origin_of(landing, old.reference)

    with landing.scratch() as scratch, engine_with(scratch, {"data": origin}, None) as engine:
        assert landing.retain("orders", Keep(1)) == ()
        assert engine.number("SELECT count(*) FROM data") == 1
    assert landing.retain("orders", Keep(1)) == (old.version,)
    with (
        pytest.raises(NotFoundError, match="removed while it was about to be read"),
        landing.scratch() as scratch,
        engine_with(scratch, {"data": origin}, None),
    ):
        pytest.fail("a version that is gone was opened")


def test_retention_runs_by_itself_when_it_is_set(tmp_path: Path) -> None:
    """By number and age; what was just made stays for the next step of its run; without the setting all stays."""
    clock = [datetime(2026, 1, 1, tzinfo=UTC)]
    landing = LandingZone(tmp_path, now=lambda: clock[0], keep=Keep.parse("2,3d"))
    made = []
    for _ in range(6):
        made.append(put(landing, "orders", pa.table({"id": [1]})).version)
        clock[0] += timedelta(days=1)

    clock[0] = datetime(2026, 1, 6, 0, 30, tzinfo=UTC)
    told: list[Progress] = []
    tidy(landing, told.append, DataReference(dataset="orders"), DataReference(table="x"), None)

    assert landing.versions("orders") == tuple(made[3:])
    assert [one.text for one in told] == [f"Removed 3 old versions of orders: {', '.join(made[:3])}"]
    assert LandingZone(tmp_path).tidy("orders") == ()
    hasty = LandingZone(tmp_path, now=lambda: clock[0], keep=Keep(1))
    assert hasty.tidy("orders") == tuple(made[3:5])
    put(hasty, "orders", pa.table({"id": [1]}))
    assert hasty.tidy("orders") == ()


def test_a_damaged_manifest_keeps_its_dataset_whole(tmp_path: Path) -> None:
    """Nobody knows what a version with an unreadable manifest is needed for; the command that tidies goes on."""
    landing = LandingZone(tmp_path, keep=Keep(1))
    first = put(landing, "orders", pa.table({"id": [1]}))
    put(landing, "orders", pa.table({"id": [2]}))
    (landing.folder(first) / "manifest.json").write_text("{")
    told: list[Progress] = []

    tidy(landing, told.append, DataReference(dataset="orders"))

    assert len(landing.versions("orders")) == 2
    assert [one.kind for one in told] == ["warning"]
    assert "manifest.json is no manifest" in told[0].text


def test_one_damaged_manifest_does_not_hide_the_other_datasets(landing: LandingZone) -> None:
    """The list names it, with the reason, and shows the rest."""
    broken = put(landing, "broken", pa.table({"id": [1]}))
    put(landing, "orders", pa.table({"id": [1, 2]}))
    (landing.folder(broken) / "manifest.json").write_text("{")

    first, second = summaries(landing)

    assert (first.dataset, first.version, first.rows) == ("broken", broken.version, None)
    assert "manifest.json is no manifest" in str(first.problem)
    assert (second.dataset, second.rows, second.problem) == ("orders", 2, None)


def test_scratch_folders_are_made_by_many_at_once(landing: LandingZone) -> None:
    """None is taken for dead while it is being made: everybody's folder is there as long as it is used."""
    faults: list[str] = []

    def work() -> None:
        for _ in range(40):
            with landing.scratch() as folder:
                (folder / "file").write_text("x")
                if not (folder / "file").exists():
                    faults.append(str(folder))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert list((landing.root / ".work").iterdir()) == []


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40))
def test_a_reference_as_text_is_read_back(text: str) -> None:
    """Every text is a reference that prints as itself, or is refused as wrong."""
    try:
        reference = DataReference.model_validate(text)
    except ValueError:
        return

    assert DataReference.model_validate(str(reference)) == reference


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": "orders@home", "version": "000003-full-20261122T221500Z"},
        {"files": ["a.parquet", "b, c.parquet"]},
        {"files": ["[1].parquet"]},
        {"files": ['["a"]']},
    ],
)
def test_a_reference_survives_its_text(fields: dict[str, object]) -> None:
    """An op hands it to the next one as text, whatever its dataset or files are called."""
    reference = DataReference.model_validate(fields)

    assert DataReference.model_validate(str(reference)) == reference


def test_the_lock_ends_with_its_thread(landing: LandingZone) -> None:
    """Two threads never write one dataset at once; each finds it free when the other is done."""
    done: list[int] = []

    def write(number: int) -> None:
        while True:
            try:
                put(landing, "orders", pa.table({"id": [number]}))
            except AlreadyRunningError:
                continue
            done.append(number)
            return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == [0, 1, 2, 3]
    assert len(landing.versions("orders")) == 4


def test_storage_full_is_worth_another_try() -> None:
    """A full disk may be freed: the error is retryable."""
    assert StorageFullError("x").retryable
