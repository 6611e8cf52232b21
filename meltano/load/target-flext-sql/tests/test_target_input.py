"""What comes in: batch files that are removed, missing or torn, an input that breaks off, stream maps."""

from __future__ import annotations

from pathlib import Path

import pytest
from target_harness import (
    KEYED,
    ROWS,
    TUPLES,
    Place,
    arrow,
    batch,
    load,
    parquet,
    records,
    state,
)

from target_flext_sql.errors import (
    BatchFileError,
    TruncatedInputError,
)


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
