"""Batch files of a tap: taken as they are, within their folder, in any format."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flext_pipelines.data.conditions import Condition
from flext_pipelines.errors import ExtractFailedError
from tests.data.extracting import batch, orders, run
from tests.data.samples import ScriptedTap, line, rows_of, schema, state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flext_pipelines.data.landing import LandingZone


def test_batch_files_become_parts_as_they_are(landing: LandingZone) -> None:
    """A Parquet batch is not read row by row: its very bytes become the part."""
    written: list[bytes] = []

    def lines(folder: Path) -> Iterable[bytes]:
        yield schema()
        for number in (1, 2):
            message = batch(folder, f"b{number}.parquet", orders(number, number + 10))
            written.append((folder / f"b{number}.parquet").read_bytes())
            yield message
            yield state(f"w{number}")

    found = run(landing, ScriptedTap(lines))

    assert [Path(file).read_bytes() for file in found.files] == written
    assert [row["id"] for row in rows_of(landing, found.reference)] == [1, 11, 2, 12]
    assert found.watermark == "w2"


def test_conditions_and_limits_apply_to_batches(landing: LandingZone) -> None:
    """Batches are filtered and cut like records."""
    tap = ScriptedTap(lambda folder: [schema(), batch(folder, "a.parquet", orders(1, 2, 3, 4)), state("w")])

    found = run(landing, tap, conditions=(Condition(column="id", operator=">", value=1),), max_records=2)

    assert [row["id"] for row in rows_of(landing, found.reference)] == [2, 3]
    assert (found.limited, found.watermark) == (True, None)


def test_json_line_batches_are_read(landing: LandingZone) -> None:
    """Batches of the SDK's own kind, gzipped JSON lines, are converted like records."""

    def lines(folder: Path) -> Iterable[bytes]:
        path = folder / "b.jsonl.gz"
        path.write_bytes(gzip.compress(b'{"id": 1, "amount": "2.50"}\n{"id": "x"}\n'))
        encoding = {"format": "jsonl", "compression": "gzip"}
        yield schema()
        yield line(type="BATCH", stream="orders", encoding=encoding, manifest=[path.as_uri()])

    found = run(landing, ScriptedTap(lines))

    assert (found.rows, found.rejected) == (1, 1)


@pytest.mark.parametrize("outside", ["/etc/hostname", "../../x.parquet", "http://example.invalid/x", "missing.parquet"])
def test_batch_files_outside_their_folder_are_refused(landing: LandingZone, outside: str) -> None:
    """A tap cannot make us take files from elsewhere, nor files that are not there."""

    def lines(folder: Path) -> Iterable[bytes]:
        url = outside if "://" in outside else (folder / outside).as_uri()
        yield schema()
        yield line(type="BATCH", stream="orders", encoding={"format": "parquet"}, manifest=[url])

    with pytest.raises(ExtractFailedError):
        run(landing, ScriptedTap(lines))


def test_a_batch_that_breaks_off_is_said(landing: LandingZone) -> None:
    """A Parquet file that is not whole fails the extraction."""

    def lines(folder: Path) -> Iterable[bytes]:
        message = batch(folder, "a.parquet", orders(1))
        (folder / "a.parquet").write_bytes((folder / "a.parquet").read_bytes()[:-20])
        return [schema(), message]

    with pytest.raises(ExtractFailedError, match="cannot be read as parquet"):
        run(landing, ScriptedTap(lines))
