"""What a reference points to: made definite, or refused with what there is instead."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.sources import origin_of
from flext_pipelines.data.warehouse.connect import connect
from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.errors import ConfigError, FlextError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flext_pipelines.data.landing import LandingZone

    Keep = Callable[[str, pa.Table], DataReference]

ROWS = pa.table({"id": [1, 2]})
DATABASES = [
    pytest.param("duckdb", id="duckdb"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres),
]


def refused(landing: LandingZone, reference: str) -> FlextError:
    """What is said of a reference, as people write it."""
    with pytest.raises(FlextError) as caught:
        origin_of(landing, DataReference.model_validate(reference))
    return caught.value


def test_an_empty_landing_zone_says_how_it_is_filled(landing: LandingZone) -> None:
    """Nobody has to know where datasets come from."""
    error = refused(landing, "orders")

    assert isinstance(error, NotFoundError)
    assert error.instruction == "It is empty: `flext data extract TAP STREAM` makes the first dataset"


def test_a_dataset_that_is_not_there_is_named_with_the_nearest(landing: LandingZone, keep: Keep) -> None:
    """Or with where the others are listed."""
    keep("tap-wms.order_hdr", ROWS)

    assert refused(landing, "tap-wms.orderhdr").instruction == "Did you mean tap-wms.order_hdr?"
    assert refused(landing, "zzz").instruction.startswith("`flext data list` lists those there are")


def test_a_file_that_is_taken_for_a_dataset_is_told_from_one(
    landing: LandingZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`orders.parquet` is a dataset's name, too."""
    monkeypatch.chdir(tmp_path)
    pq.write_table(ROWS, tmp_path / "orders.parquet")

    assert refused(landing, "orders.parquet").instruction == "Write file:orders.parquet for the file of that name"


def test_a_version_that_is_not_there_is_answered_with_those_there_are(landing: LandingZone, keep: Keep) -> None:
    """The newest ones."""
    version = keep("orders", ROWS).version

    error = refused(landing, "orders@000009-full-20260101T000000Z")

    assert error.instruction == f"Its versions are {version}; `latest` is the newest"


def test_a_file_is_looked_at_before_anything_begins(landing: LandingZone, tmp_path: Path) -> None:
    """Missing, a folder, something else, cut off, unreadable: each has its own words, and the whole path."""
    pq.write_table(ROWS, tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "text.csv").write_text("id\n1\n2\n3\n")
    (tmp_path / "cut.parquet").write_bytes(content[:-1])
    (tmp_path / "tiny.parquet").write_bytes(b"PAR1")
    (tmp_path / "loop.parquet").symlink_to("loop.parquet")
    expected: dict[str, tuple[type[FlextError], str]] = {
        "none.parquet": (NotFoundError, "There is no file"),
        ".": (UsageError, "is a folder"),
        "text.csv": (UsageError, "is no whole Parquet file"),
        "cut.parquet": (UsageError, "is no whole Parquet file"),
        "tiny.parquet": (UsageError, "is no whole Parquet file"),
        "loop.parquet": (ConfigError, "cannot be read (Too many levels of symbolic links)"),
    }

    found = {name: refused(landing, f"file:{tmp_path / name}") for name in expected}

    for name, (kind, words) in expected.items():
        assert isinstance(found[name], kind)
        assert words in found[name].reason
        assert str(tmp_path / name) in found[name].reason
    assert origin_of(landing, DataReference(files=(str(tmp_path / "whole.parquet"),))).files


@pytest.mark.parametrize("kind", DATABASES)
def test_a_table_that_is_not_there_is_answered_with_those_there_are(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Its namesake in another schema, names like it, or the first of all."""
    url = f"duckdb:///{tmp_path / 'w.duckdb'}" if kind == "duckdb" else str(request.getfixturevalue("postgres_url"))

    def asked(name: str) -> str:
        with closing(connect(url)) as target, pytest.raises(NotFoundError) as caught:
            target.rows(TableName.parse(name)).__enter__()
        return caught.value.instruction

    assert asked("orders") == "It has no tables yet: load something first"
    with closing(connect(url)) as target:
        target.execute("CREATE SCHEMA marts")
        target.execute("CREATE TABLE marts.orders (id integer)")
        target.commit()

    assert asked("orders") == "Did you mean marts.orders?"
    assert asked("marts.order") == "Did you mean marts.orders?"
    assert asked("x") == "Its tables are marts.orders"


def test_the_latest_version_may_be_named(landing: LandingZone, keep: Keep) -> None:
    """As in answers: `orders@latest` is `orders`."""
    reference = keep("orders", ROWS)

    assert origin_of(landing, DataReference.model_validate("orders@latest")).reference == reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file:", "'file:' names no file"),
        ("table:", "'table:' names no table"),
        ("files:a.parquet", 'is no list of files; write files:["a.parquet", "b.parquet"]'),
        ("files:[]", "is no list of files"),
        ("out/orders.parquet", "a file is file:out/orders.parquet"),
    ],
)
def test_a_text_that_is_no_reference_says_how_one_is_written(text: str, expected: str) -> None:
    """In words of a person, not of a parser."""
    with pytest.raises(ValueError, match="validation error") as caught:
        DataReference.model_validate(text)

    assert expected in str(caught.value)
