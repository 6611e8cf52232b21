"""What a columnar stream sends, and when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from singer_columnar.errors import LandingFailedError, SettingsError, ValueMisfitError
from singer_columnar.landing import RUN_FOLDER
from singer_columnar.testing import TapRunner, batches_in


def test_records_and_batches_say_the_same(tap: TapRunner, tmp_path: Path) -> None:
    """All rows come once, in the order of the parts, whichever way they are sent."""
    records = tap.sync({"rows": 95}).records
    table = tap.sync({"rows": 95, **batches_in(tmp_path)}).table

    assert [one["id"] for one in records] == list(range(1, 96))
    assert table.to_pylist() == records


def test_a_state_follows_what_is_out(tap: TapRunner, tmp_path: Path) -> None:
    """Each full batch has its STATE, and the last one says how far the stream is."""
    output = tap.sync({"rows": 25, "incremental": True, "batch_rows": 10, **batches_in(tmp_path)})

    assert output.kinds == ["SCHEMA", "BATCH", "STATE", "BATCH", "STATE", "BATCH", "STATE"]
    values = [one["value"]["bookmarks"]["numbers"]["replication_key_value"] for one in output.of("STATE")]
    assert values == [10, 20, 25]


def test_a_bookmark_is_where_the_next_run_starts(tap: TapRunner) -> None:
    """Rows that a run sent do not come again, and nothing new leaves the bookmark as it is."""
    config = {"rows": 12, "incremental": True}
    first = tap.sync(config)

    later = tap.sync({**config, "rows": 15}, state=first.state)
    again = tap.sync({**config, "rows": 15}, state=later.state)

    assert [one["id"] for one in later.records] == [13, 14, 15]
    assert (again.records, again.state) == ([], later.state)


def test_a_full_read_is_complete_after_its_last_row(tap: TapRunner) -> None:
    """ACTIVATE_VERSION comes after the last RECORD, with the version of all of them; its STATE has no markers."""
    output = tap.sync({"rows": 5})

    assert output.kinds[0] == "SCHEMA"
    assert set(output.kinds[1:-2]) == {"RECORD", "STATE"}
    assert output.kinds[-2:] == ["ACTIVATE_VERSION", "STATE"]
    assert {one["version"] for one in output.of("RECORD")} == {output.of("ACTIVATE_VERSION")[0]["version"]}
    assert output.state["bookmarks"]["numbers"] == {}


def test_a_row_that_does_not_fit_is_sent_as_it_is(tap: TapRunner, tmp_path: Path) -> None:
    """It goes as a RECORD between the batches, which hold all the others."""
    output = tap.sync({"rows": 30, "misfit": 17, **batches_in(tmp_path)})

    assert output.records == [{"id": 17, "amount": "much"}]
    assert output.table.column("id").to_pylist() == [one for one in range(1, 31) if one != 17]


def test_a_row_that_does_not_fit_can_stop_the_run(tap: TapRunner, tmp_path: Path) -> None:
    """With on_misfit fail the error names stream, row and column, and no file is left that nobody was told of."""
    config = {"rows": 30, "misfit": 17, "on_misfit": "fail", **batches_in(tmp_path)}

    with pytest.raises(ValueMisfitError, match=r"'numbers', row \{'id': 17\}, column 'amount': a text"):
        tap.sync(config)

    assert list(tmp_path.iterdir()) == []


def test_stream_maps_work_on_records(tap: TapRunner, tmp_path: Path) -> None:
    """With a stream map the rows go through it one by one, though batches are asked for."""
    maps = {"stream_maps": {"numbers": {"id": "id", "double": "id * 2", "__else__": None}}}

    output = tap.sync({"rows": 3, **maps, **batches_in(tmp_path)})

    assert output.records == [{"id": 1, "double": 2}, {"id": 2, "double": 4}, {"id": 3, "double": 6}]
    assert output.of("BATCH") == []


def test_batches_land_in_the_folder_of_the_run(tap: TapRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the settings name no folder the variable does; where neither does, the error says both."""
    config = {"rows": 3, "batch_config": {"encoding": {"format": "parquet"}}}
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path))
    assert [file.parent for file in tap.sync(config).files] == [tmp_path]

    monkeypatch.delenv(RUN_FOLDER)

    with pytest.raises(SettingsError, match=rf"batch_config.storage.root, or the variable {RUN_FOLDER}"):
        tap.sync(config)


def test_a_folder_that_cannot_be_written_is_named(tap: TapRunner, tmp_path: Path) -> None:
    """A file stands where the folder should: the error says stream and folder."""
    (tmp_path / "landing").write_text("")

    with pytest.raises(LandingFailedError, match=r"stream 'numbers' could not be written below .*landing"):
        tap.sync({"rows": 3, **batches_in(tmp_path / "landing")})


def test_what_is_not_selected_is_not_sent(tap: TapRunner) -> None:
    """A deselected column is neither in the SCHEMA nor in a RECORD; keys are, whatever is selected."""
    catalog = tap.discover({"rows": 1})
    off = [{"breadcrumb": ["properties", name], "metadata": {"selected": False}} for name in ("id", "note")]
    catalog["streams"][0]["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}, *off]

    output = tap.sync({"rows": 1}, catalog=json.loads(json.dumps(catalog)))

    assert list(output.schema) == ["id", "amount"]
    assert output.records == [{"id": 1, "amount": None}]


def test_a_remark_of_the_read_is_logged(tap: TapRunner, caplog: pytest.LogCaptureFixture) -> None:
    """What a read has to say at its end is a warning that names the stream."""
    tap.sync({"rows": 0})

    assert "Stream 'numbers': there is no row" in caplog.messages
