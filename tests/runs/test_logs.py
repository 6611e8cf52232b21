"""The lines of a run: pages, levels, following, and the raw output of its processes."""

from __future__ import annotations

import threading
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from dagster import DagsterRunStatus
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from flext_pipelines.errors import UsageError
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.launch import launch
from flext_pipelines.runs.logs import event_page, follow, raw_page
from flext_pipelines.runs.record import LEVELS, Level
from flext_pipelines.runs.storage import open_records
from tests.runs.conftest import SAMPLE
from tests.runs.stories import fill, log_lines, make_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster import DagsterInstance

    from flext_pipelines.runs.records import RunRecords
    from flext_pipelines.settings import Settings

EVENTS = 100_000
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)


class LongRun:
    """A run of 100,000 events and its reader."""

    def __init__(self, records: RunRecords, run_id: str) -> None:
        self.records = records
        self.run_id = run_id


@pytest.fixture
def stored(settings: Settings) -> Settings:
    """SQLite is enough here: ``test_records`` holds both storages and both readers to one contract."""
    return settings


@pytest.fixture
def records(stored: Settings, instance: DagsterInstance) -> Iterator[RunRecords]:
    """The reader of a shell, on a home that an instance has made."""
    reader = open_records(stored)
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongRun]:
    """Made once for this module."""
    from flext_pipelines.settings import Settings

    home = Settings(home=tmp_path_factory.mktemp("long"))
    with open_instance(home) as instance:
        run_id = make_run(instance, DagsterRunStatus.SUCCESS)
        instance.event_log_storage.get_logs_for_run(run_id)
        fill(home, run_id, EVENTS, begin=BEGIN.timestamp())
    records = open_records(home)
    yield LongRun(records, run_id)
    records.close()


def _median_ms(call: object) -> float:
    assert callable(call)
    times = []
    for _ in range(7):
        began = time.process_time()  # not the time that others keep the processor
        call()
        times.append((time.process_time() - began) * 1000)
    return sorted(times)[3]


@pytest.mark.parametrize("cursor", ["0", "50000", "99900"])
def test_a_page_of_a_long_run_is_quick_wherever_it_lies(long_run: LongRun, cursor: str) -> None:
    """100 of 100,000 events come in under 50 ms, at the beginning, in the middle and at the end."""
    page = event_page(long_run.records, long_run.run_id, cursor=cursor)
    assert [e.message for e in page.events[:2]] == [f"line {cursor}", f"line {int(cursor) + 1}"]

    assert _median_ms(lambda: event_page(long_run.records, long_run.run_id, cursor=cursor)) < 50


def test_a_filtered_page_of_a_long_run_is_quick(long_run: LongRun) -> None:
    """Where few events fit, a page is short, comes in under 50 ms, and leads on to the next."""
    assert _median_ms(lambda: event_page(long_run.records, long_run.run_id, level="error")) < 50

    found, cursor, pages = [], None, 0
    while True:
        page = event_page(long_run.records, long_run.run_id, level="error", cursor=cursor)
        found += [event.message for event in page.events]
        cursor, pages = page.cursor, pages + 1
        if page.finished:
            break
    assert found == [f"line {number}" for number in range(999, EVENTS, 1000)]
    assert pages < 60


def test_a_page_from_a_time_on_is_quick(long_run: LongRun) -> None:
    """The first event of that time is found by halving."""
    since = BEGIN + timedelta(seconds=70_000)

    page = event_page(long_run.records, long_run.run_id, since=since, limit=2)

    assert [event.message for event in page.events] == ["line 70000", "line 70001"]
    assert _median_ms(lambda: event_page(long_run.records, long_run.run_id, since=since)) < 50


def test_reading_a_long_run_to_its_end_keeps_memory_flat(long_run: LongRun) -> None:
    """A page after the other: what is held never grows beyond a few pages."""
    assert sum(1 for _ in follow(long_run.records, long_run.run_id)) == EVENTS

    tracemalloc.start()  # which makes reading slow: so many events weigh more than what is allowed, were they kept
    count = sum(1 for _ in follow(long_run.records, long_run.run_id, cursor=str(EVENTS - 40_000)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == 40_000
    assert peak < 10_000_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DagsterInstance, RunRecords]]:
    """One home for many examples, each in a run of its own."""
    from flext_pipelines.settings import Settings

    home = Settings(home=tmp_path_factory.mktemp("pages"))
    with open_instance(home) as instance:
        make_run(instance)
        records = open_records(home)
        yield instance, records
        records.close()


@given(data=st.data())
@examples(max_examples=12, deadline=None)
def test_no_event_twice_and_none_lost(shared: tuple[DagsterInstance, RunRecords], data: st.DataObject) -> None:
    """Whatever page sizes and levels are asked for, while lines are added between the pages."""
    instance, records = shared
    every: list[Level] = ["debug", "info", "warning", "error"]
    levels = st.sampled_from(every)
    level = data.draw(levels)
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    written: list[tuple[str, int]] = []
    seen: list[str] = []
    cursor = None
    for batch in [*data.draw(st.lists(st.lists(levels, max_size=6), max_size=4)), []]:
        lines = [(f"line {len(written) + n}", LEVELS[one]) for n, one in enumerate(batch)]
        log_lines(instance, run_id, lines)
        written += lines
        page = event_page(records, run_id, cursor=cursor, limit=data.draw(st.integers(1, 5)), level=level)
        seen += [event.message for event in page.events if event.kind == "LOG"]
        cursor = page.cursor
    while (page := event_page(records, run_id, cursor=cursor, limit=2, level=level)).events or page.more:
        seen += [event.message for event in page.events if event.kind == "LOG"]
        cursor = page.cursor

    assert seen == [text for text, number in written if number >= LEVELS[level]]


def test_following_a_run_that_goes_on_ends_with_it(settings: Settings) -> None:
    """Every event in its order, none twice, while the run performs in another thread; then the end."""
    launched = threading.Event()
    ids: list[str] = []

    def created(run_id: str) -> None:
        ids.append(run_id)
        launched.set()

    thread = threading.Thread(
        target=launch, args=(settings, "talk_job"), kwargs={"code": SAMPLE, "on_created": created}
    )
    thread.start()
    assert launched.wait(30)
    records = open_records(settings)

    events = list(follow(records, ids[0]))

    thread.join(30)
    assert [e.message for e in events if e.kind == "LOG"] == [f"line {number}" for number in range(20)]
    assert [e.cursor for e in events] == sorted({e.cursor for e in events})
    assert events[-1].kind == "RUN_SUCCESS"
    records.close()


def test_a_page_can_wait_for_the_next_line(instance: DagsterInstance, records: RunRecords) -> None:
    """A page without events comes back when one arrives, or when the time is up."""
    run_id = make_run(instance, DagsterRunStatus.STARTED)
    began = time.monotonic()

    empty = event_page(records, run_id, wait_seconds=0.3)
    assert (empty.events, empty.finished) == ((), False)
    assert time.monotonic() - began >= 0.3

    timer = threading.Timer(0.3, log_lines, args=(instance, run_id, [("late", 20)]))
    timer.start()
    page = event_page(records, run_id, cursor=empty.cursor, wait_seconds=20)
    timer.join()
    assert [event.message for event in page.events] == ["late"]


def test_a_cursor_that_is_not_ours_is_refused(instance: DagsterInstance, records: RunRecords, tmp_path: object) -> None:
    """With what to give instead."""
    run_id = make_run(instance)

    with pytest.raises(UsageError, match="cursor"):
        event_page(records, run_id, cursor="1; drop table")
    with pytest.raises(UsageError, match="cursor"):
        raw_page(records, tmp_path, run_id, cursor="1.x")  # type: ignore[arg-type]  # a path


def test_raw_output_comes_in_whole_lines(settings: Settings) -> None:
    """Both outputs of the step's process, page after page, to the end."""
    run_id = launch(settings, "shop", code=SAMPLE)
    records = open_records(settings)
    storage = settings.dagster_home / "storage"

    page = raw_page(records, storage, run_id)

    assert page.finished
    assert [(line.output, line.text) for line in page.raw if line.text.startswith("raw")] == [
        ("stderr", "raw: end"),
        ("stdout", "raw: begin"),
    ]
    assert raw_page(records, storage, run_id, cursor=page.cursor).raw == ()
    assert raw_page(records, storage, run_id, step="shop_streams").raw == page.raw
    assert raw_page(records, storage, run_id, step="other").raw == ()
    records.close()


def test_long_raw_output_is_read_in_pages(settings: Settings) -> None:
    """200,000 bytes with a line longer than a page, bytes that are no text, and a last line without an end."""
    run_id = launch(settings, "shop", code=SAMPLE)
    records = open_records(settings)
    storage = settings.dagster_home / "storage"
    (capture,) = records.captures(run_id)
    lines = [f"line {number}" for number in range(10_000)] + ["x" * 100_000, "caf\ufffd", "the end"]
    file = storage / run_id / "compute_logs" / f"{capture.key}.out"
    file.write_bytes("\n".join(lines).encode().replace("\ufffd".encode(), b"\xe9"))

    seen: list[str] = []
    cursor = None
    while True:
        page = raw_page(records, storage, run_id, cursor=cursor)
        seen += [line.text for line in page.raw if line.output == "stdout"]
        cursor = page.cursor
        assert sum(len(line.text) for line in page.raw) < 200_000
        if page.finished:
            break

    assert "".join(seen) == "".join(lines)
    assert seen[:10_000] == lines[:10_000]
    assert seen[-2:] == lines[-2:]
    records.close()


def test_a_half_written_raw_line_is_not_given_yet(settings: Settings) -> None:
    """A line that is still being written comes when it is whole."""
    run_id = launch(settings, "shop", code=SAMPLE)
    with open_instance(settings) as instance:
        going = make_run(instance, DagsterRunStatus.STARTED)
        for record in instance.all_logs(run_id):
            if record.dagster_event and record.dagster_event.event_type_value == "LOGS_CAPTURED":
                instance.event_log_storage.store_event(record._replace(run_id=going))
    records = open_records(settings)
    storage = settings.dagster_home / "storage"
    (capture,) = records.captures(going)
    folder = storage / going / "compute_logs"
    folder.mkdir(parents=True)
    (folder / f"{capture.key}.out").write_text("whole\nha")

    first = raw_page(records, storage, going)
    with (folder / f"{capture.key}.out").open("a") as stream:
        stream.write("lf\n")
    second = raw_page(records, storage, going, cursor=first.cursor)

    assert [line.text for line in first.raw] == ["whole"]
    assert [line.text for line in second.raw] == ["half"]
    assert not second.finished
    records.close()
