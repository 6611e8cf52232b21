"""How answers look."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from flext_pipelines.cli import output
from flext_pipelines.cli.live import StreamTable
from flext_pipelines.cli.pipelines import parse_overrides
from flext_pipelines.cli.runs import readable, run_or_pipeline
from flext_pipelines.errors import UsageError
from flext_pipelines.values import Progress


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), ("", "-"), (True, "yes"), (False, "no"), (1234567, "1,234,567"), (2.5, "2.50"),
        ((), "-"), (("a", 1), "a, 1"), ("text", "text"),
    ],
)  # fmt: skip
def test_a_cell_is_readable(value: object, text: str) -> None:
    """Thousands stand apart, nothing is a dash."""
    assert output.shown(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (4.21, "4.2 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 05 min")]
)
def test_a_duration_is_readable(seconds: float | None, text: str) -> None:
    """Seconds, then minutes, then hours."""
    assert output.duration(seconds) == text


def test_a_moment_is_shown_in_the_readers_zone() -> None:
    """Numbers, text and datetimes mean the same."""
    when = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)

    assert output.moment(when) == output.moment(when.timestamp()) == output.moment(when.isoformat())
    assert output.moment(None) == "-"


def test_an_empty_table_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """No frame around nothing."""
    output.table("x", ("a",), [], empty="Nothing ran yet.")

    assert capsys.readouterr().out == "Nothing ran yet.\n"


def test_a_table_without_a_terminal_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """Piped output holds no escape sequences."""
    output.table("t", ("run", "status"), [("a", "failed")], empty="")

    shown = capsys.readouterr().out
    assert "failed" in shown
    assert "\x1b" not in shown


def test_a_cell_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """An escape sequence that a source holds is shown as what it is."""
    output.table("", ("batch",), [("B\x1b[2J\x9b31m",)], empty="")

    shown = capsys.readouterr().out
    assert "B\\x1b[2J\\x9b31m" in shown
    assert "\x1b" not in shown


def test_fields_without_a_value_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is known is shown."""
    output.fields({"run": "a", "note": None, "streams": ()})

    assert capsys.readouterr().out == "run  a\n"


def test_a_log_line_of_meltano_is_readable() -> None:
    """Time, level, plugin and event; anything else stays as it is."""
    record = {
        "event": "Loader failed",
        "level": "error",
        "timestamp": "2026-11-22T23:00:54Z",
        "string_id": "target-x",
    }

    assert "23:00:54 error    target-x: Loader failed" in readable(json.dumps(record))
    for odd in ("plain text", "{broken", '{"no": "event"}', "[1]"):
        assert readable(odd) == odd


@pytest.mark.parametrize("name", ["01a2056d", "99feedc2-c861-4d1e-adcb-56a03a40fcfb"])
def test_what_looks_like_an_id_is_a_run(name: str) -> None:
    """Eight hexadecimal digits or more."""
    assert run_or_pipeline(name) == {"execution_id": name}


@pytest.mark.parametrize("name", ["wms", "orders-daily", "add"])
def test_anything_else_is_a_pipeline(name: str) -> None:
    """Its last run is meant."""
    assert run_or_pipeline(name) == {"pipeline_name": name}


def test_overrides_are_read_as_json_where_they_are() -> None:
    """Numbers and lists keep their type, text stays text."""
    assert parse_overrides(["tap-x.rows=5", 'tap-x.tables=["a"]', "target-y.mode=upsert"]) == {
        "tap-x": {"rows": 5, "tables": ["a"]},
        "target-y": {"mode": "upsert"},
    }


@pytest.mark.parametrize("pair", ["rows=5", "tap-x.rows", "=5", ".rows=5", "tap-x.=5"])
def test_an_override_without_plugin_setting_or_value_is_refused(pair: str) -> None:
    """The error shows the form."""
    with pytest.raises(UsageError, match=r"PLUGIN\.SETTING=VALUE"):
        parse_overrides([pair])


def test_the_live_table_shows_the_latest_count_of_each_stream() -> None:
    """Counts replace each other; they are totals."""
    table = StreamTable()
    assert table.__rich__() == ""

    for rows in (10, 25):
        table(Progress(kind="count", stream="orders", side="extracted", rows=rows))

    drawn = table.__rich__()
    assert not isinstance(drawn, str)
    assert [list(column.cells) for column in drawn.columns] == [["orders"], ["25"], ["0"], ["0"]]
