"""Extraction: what becomes of a tap's messages, and when the bookmark moves."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flext_pipelines.data.bookmarks import watermark_of, watermark_state
from flext_pipelines.data.conditions import Condition
from flext_pipelines.data.singer import SingerReader
from flext_pipelines.errors import ExtractFailedError, FlextError, NotFoundError
from tests.data.extracting import ROWS, run
from tests.data.samples import ScriptedTap, line, record, rows_of, schema, state

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone


def test_records_become_exact_columns(landing: LandingZone) -> None:
    """Integers, texts, decimals and instants arrive with their types and values."""
    found = run(landing, [schema(), *ROWS, state("2026-01-02")])

    assert found.columns == {
        "id": "int64",
        "status": "string",
        "amount": "decimal128(12, 2)",
        "updated": "timestamp[us, tz=UTC]",
    }
    rows = rows_of(landing, found.reference)
    assert [row["amount"] for row in rows] == [Decimal("1.10"), Decimal("99999999.99"), None]
    assert rows[1]["updated"].isoformat() == "2026-01-02T02:00:00.123456+00:00"
    assert (found.rows, found.rejected, found.watermark) == (3, 0, "2026-01-02")


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ({"type": "integer"}, 2**63 - 1, 2**63 - 1),
        ({"type": "integer", "maximum": 10**30}, 10**25, Decimal(10**25)),
        ({"type": "number", "multipleOf": 0.01}, 0.1, Decimal("0.1")),
        ({"type": "number"}, 1, 1.0),
        ({"type": "boolean"}, True, True),
        ({"type": "string", "contentEncoding": "base64"}, "AAEC", b"\0\1\2"),
        ({"type": "object"}, {"a": [1, "ü"]}, '{"a": [1, "ü"]}'),
        ({"type": ["string", "integer"]}, 5, "5"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, None, None),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string"}]}, "soon", "soon"),
        ({"type": "string", "format": "singer.decimal"}, "1e-40", "1e-40"),
        ({"type": "string", "format": "time"}, "23:59:59.5", None),
        ({}, [1], "[1]"),
    ],
)
def test_json_schema_types_keep_their_values(landing: LandingZone, kind: dict[str, Any], value: Any, kept: Any) -> None:
    """Each kind of property of third-party taps has a column that holds its values exactly."""
    declared = line(type="SCHEMA", stream="orders", schema={"properties": {"v": kind}}, key_properties=[])

    found = run(landing, [declared, record(v=value)])

    row = rows_of(landing, found.reference)[0]
    assert found.rejected == 0
    assert row["v"] == kept or (kind.get("format") == "time" and row["v"].isoformat() == "23:59:59.500000")


def test_nanoseconds_are_kept_where_the_source_has_them(landing: LandingZone) -> None:
    """A column with more than six digits of a second keeps nine."""
    kind = {"type": "string", "format": "date-time", "x-precision": 9}
    declared = line(type="SCHEMA", stream="orders", schema={"properties": {"t": kind}}, key_properties=[])

    found = run(landing, [declared, record(t="2026-01-01T00:00:00.123456789Z")])

    table = pq.read_table(landing.files(landing.resolve(found.reference))[0])
    assert table.column("t").cast(pa.int64()).to_pylist() == [1767225600123456789]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "x"}, "column 'id': text \"x\" is no integer"),
        ({"id": True}, "column 'id': boolean true is no integer"),
        ({"id": 1.5}, "column 'id': number 1.5 is no integer"),
        ({"id": 2**70}, "is no int64"),
        ({"id": None}, "it is a key"),
        ({"id": 1, "amount": "1.234"}, "is no decimal128(12, 2)"),
        ({"id": 1, "amount": "NaN"}, "is not finite"),
        ({"id": 1, "updated": "soon"}, "Invalid isoformat string"),
        ({"id": 1, "status": 7}, "is no text"),
        ({"id": 1, "unknown": 7}, "column 'unknown' is not in the schema"),
    ],
)
def test_a_row_of_the_wrong_type_is_kept_apart_with_the_reason(
    landing: LandingZone, row: dict[str, Any], reason: str
) -> None:
    """A row that does not fit its schema is counted and kept; the rows around it arrive."""
    found = run(landing, [schema(), ROWS[0], record(**row), ROWS[1], state("w")])

    assert (found.rows, found.rejected) == (2, 1)
    assert found.rejects_file is not None
    kept = json.loads(Path(found.rejects_file).read_text(encoding="utf-8"))
    assert reason in kept["reason"]
    assert kept["record"] == row


def test_without_validation_values_are_converted_where_they_can_be(landing: LandingZone) -> None:
    """With validate_schema off a text that is a number will do, and what cannot be converted is still kept apart."""
    found = run(landing, [schema(), record(id="12", status=7, more=1), record(id="x")], validate_schema=False)

    assert rows_of(landing, found.reference)[0] | {"amount": None} == {
        "id": 12,
        "status": "7",
        "amount": None,
        "updated": None,
    }
    assert found.rejected == 1


@pytest.mark.parametrize(
    ("lines", "number", "what"),
    [
        ([schema(), b"Traceback (most recent call last):\n"], 2, "is no JSON"),
        ([schema(), ROWS[0][:20]], 2, "is no JSON"),
        ([b"[1]\n"], 1, "is no Singer message"),
        ([b'{"type":"NOTE"}\n'], 1, "which Singer does not know"),
        ([ROWS[0]], 1, "has no SCHEMA yet"),
        ([schema(), b'{"type":"RECORD","stream":"orders"}\n'], 2, "incomplete RECORD"),
        ([schema(), b"\n", b'{"type":"STATE","value":1}\n'], 3, "incomplete STATE"),
        ([schema(), b'{"type":"BATCH","stream":"orders","encoding":{},"manifest":[]}\n'], 2, "incomplete BATCH"),
    ],
)
def test_garbage_fails_with_its_line_and_leaves_nothing(
    landing: LandingZone, lines: list[bytes], number: int, what: str
) -> None:
    """A line that is no Singer message may hide a row: the extraction fails, and names the line."""
    with pytest.raises(ExtractFailedError, match=what) as failed:
        run(landing, lines)

    assert failed.value.details["line"] == number
    assert landing.versions("orders") == ()


@settings(deadline=None, max_examples=200)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([schema(), *ROWS, state("x")])), max_size=8))
def test_the_reader_never_fails_otherwise(lines: list[bytes]) -> None:
    """Whatever a tap prints, the reader gives messages or says which line is wrong."""
    reader = SingerReader()
    failed: list[object] = []
    try:
        for _ in reader.messages(lines):
            pass
    except ExtractFailedError as error:
        failed.append(error.details["line"])

    assert failed in ([], [reader.line])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=80)
@given(rows=st.lists(st.dictionaries(st.sampled_from(["id", "status", "amount", "updated"]), JSON), max_size=8))
def test_every_record_arrives_or_is_rejected(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """Whatever values records have, each is a row or is kept apart: none is lost."""
    from flext_pipelines.data.landing import LandingZone

    landing = LandingZone(tmp_path_factory.mktemp("landing"))

    found = run(landing, [schema(), *(record(**row) for row in rows)], batch_size=3)

    assert found.rows + found.rejected == len(rows)


def test_the_bookmark_moves_with_the_version(landing: LandingZone) -> None:
    """Incremental runs start from the last bookmark, full ones from none."""
    first = ScriptedTap([schema(), ROWS[0], state("2026-01-01")])
    second = ScriptedTap([schema(), ROWS[1], state("2026-01-02")])
    third = ScriptedTap([schema(), ROWS[2], state("2026-01-02")])
    run(landing, first, mode="incremental")
    found = run(landing, second, mode="incremental")
    run(landing, third, mode="full")

    assert first.states == [None]
    assert watermark_of(second.states[0], "orders", None) == "2026-01-01"
    assert (found.watermark_before, found.watermark) == ("2026-01-01", "2026-01-02")
    assert third.states == [None]


def test_a_failed_tap_moves_no_bookmark_and_a_rerun_has_every_row(landing: LandingZone) -> None:
    """A tap that fails after rows and a state leaves nothing; the rerun starts where the failed run did."""
    run(landing, [schema(), ROWS[0], state("2026-01-01")], mode="incremental")
    broken = ScriptedTap([schema(), ROWS[1], state("2026-01-02")], fails=ExtractFailedError("the tap was killed"))
    with pytest.raises(ExtractFailedError):
        run(landing, broken, mode="incremental")
    again = ScriptedTap([schema(), ROWS[1], ROWS[2], state("2026-01-03")])

    found = run(landing, again, mode="incremental")

    assert again.states == broken.states
    assert found.rows == 2
    assert len(landing.versions("orders")) == 2


def test_a_given_watermark_wins(landing: LandingZone) -> None:
    """watermark_value is what the tap is started from, in the SDK's form and in the older one."""
    tap = ScriptedTap([schema(), ROWS[0]])

    run(landing, tap, mode="incremental", replication_key="updated", watermark="2025-01-01")

    assert tap.states == [watermark_state("orders", "updated", "2025-01-01")]
    bookmark = {"replication_key": "updated", "replication_key_value": "2025-01-01", "updated": "2025-01-01"}
    assert tap.states == [{"bookmarks": {"orders": bookmark}}]


def test_an_end_holds_the_bookmark_back(landing: LandingZone) -> None:
    """Rows after the end are left out, and the bookmark does not pass it."""
    conditions = (Condition(column="updated", operator="<", value="2026-01-02"),)

    found = run(
        landing,
        [schema(), *ROWS, state("2026-01-02T02:00:00Z")],
        conditions=conditions,
        replication_key="updated",
        end="2026-01-02",
    )

    assert (found.rows, found.filtered, found.watermark) == (1, 2, "2026-01-02")


def test_other_conditions_do_not_inherit_a_bookmark(landing: LandingZone) -> None:
    """Rows that another condition left out are behind its bookmark; under a new condition everything is read."""
    run(landing, [schema(), ROWS[0], state("2026-01-01")], mode="incremental", scope="a")
    tap = ScriptedTap([schema(), *ROWS])

    run(landing, tap, mode="incremental", scope="b")

    assert tap.states == [None]


def test_a_delta_holds_only_what_changed(landing: LandingZone) -> None:
    """Rows equal to the latest of their key are left out; new and changed ones are kept, also changed back."""
    run(landing, [schema(), *ROWS, state("w1")])
    changed = [record(id=1, status="sent", amount="1.10", updated="2026-01-01T00:00:00Z"), ROWS[1], record(id=4)]
    first = run(landing, [schema(), *changed, state("w2")], mode="delta")
    back = run(landing, [schema(), ROWS[0], state("w3")], mode="delta")

    assert [row["id"] for row in rows_of(landing, first.reference)] == [1, 4]
    assert (first.rows, first.unchanged) == (2, 1)
    assert (back.rows, back.unchanged) == (1, 0)


def test_a_limit_stops_the_tap_and_keeps_the_bookmark_honest(landing: LandingZone) -> None:
    """max_records stops the tap; the bookmark covers only rows that were kept."""
    tap = ScriptedTap([schema(), ROWS[0], state("w1"), ROWS[1], ROWS[2], state("w2"), record(id=9)])

    found = run(landing, tap, max_records=2, batch_size=1)

    assert (found.rows, found.limited, found.watermark) == (2, True, "w1")
    assert tap.stopped_early


def test_an_unknown_stream_is_named_with_those_there_are(landing: LandingZone) -> None:
    """A tap that says nothing about the stream is a NotFoundError with the streams it spoke of."""
    with pytest.raises(NotFoundError) as unknown:
        run(landing, [schema(stream="items")])

    assert unknown.value.details["streams"] == ["items"]


def test_the_same_key_gives_the_first_answer(landing: LandingZone) -> None:
    """Asked again under the same key, the tap is not run again and the answer is the first one."""
    first = run(landing, [schema(), *ROWS, state("w")], idempotency_key="k", fingerprint="f")
    tap = ScriptedTap([schema(), ROWS[0]])

    again = run(landing, tap, idempotency_key="k", fingerprint="f")

    assert tap.states == []
    assert again == first.model_copy(update={"already_done": True})


def test_a_fat_record_arrives(landing: LandingZone) -> None:
    """A record of 50 MB is a row like any other."""
    found = run(landing, [schema(), record(id=1, status="x" * 50_000_000), record(id=2)])

    assert found.rows == 2


def test_a_new_schema_in_midstream_adds_a_part(landing: LandingZone) -> None:
    """A column that appears in the middle is null in the rows before it."""
    wider = {"properties": {"id": {"type": "integer"}, "extra": {"type": ["string", "null"]}}}
    narrow = {"properties": {"id": {"type": "integer"}}}

    found = run(landing, [schema(schema=narrow), record(id=1), schema(schema=wider), record(id=2, extra="e")])

    assert rows_of(landing, found.reference) == [{"id": 1, "extra": None}, {"id": 2, "extra": "e"}]
    assert found.columns == {"id": "int64", "extra": "string"}


@pytest.mark.parametrize("form", ["json", "csv", "avro"])
def test_other_formats_hold_the_same_exact_rows(landing: LandingZone, form: Any) -> None:
    """JSON lines, CSV and Avro stand beside the Parquet parts, with the same values."""
    import fastavro

    found = run(landing, [schema(), *ROWS], output_format=form)

    path = Path(found.files[0])
    landing.verify("orders")
    match form:
        case "json":
            rows = [json.loads(text) for text in path.read_text(encoding="utf-8").splitlines()]
            assert rows[1] == {
                "id": 2,
                "status": "old",
                "amount": "99999999.99",
                "updated": "2026-01-02T02:00:00.123456Z",
            }
        case "csv":
            assert path.read_text(encoding="utf-8").splitlines()[2] == "2,old,99999999.99,2026-01-02T02:00:00.123456Z"
        case "avro":
            with path.open("rb") as file:
                assert list(fastavro.reader(file)) == rows_of(landing, found.reference)


def test_errors_of_extraction_are_of_the_tree() -> None:
    """What extraction raises is a FlextError that may be tried again."""
    assert issubclass(ExtractFailedError, FlextError)
    assert ExtractFailedError("x").retryable
