"""Faults of plugins with the real Meltano 4.4.1: each is named, and a rerun ends with exactly the source's rows."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from flext_pipelines.errors import (
    CommandBlockFailedError,
    ExtractFailedError,
    LoadFailedError,
    MapperFailedError,
    StateNotSavedError,
)
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.meltano.plan import RunRequest
from tests.meltano.projects import loaded
from tests.meltano.real_runs import (
    SLOW,
    J,
    bookmark,
    kill_plugin,
    project,
    rerun,
    when,
)

pytestmark = pytest.mark.process


def test_a_second_run_moves_only_what_is_new(tmp_path: Path) -> None:
    """Counts, bookmarks before and after, columns and table of each stream are told."""
    project(tmp_path, tap_config={"rows": 5}).run(J)

    run = rerun(tmp_path, 8)

    [stream] = run.streams
    assert (stream.extracted, stream.loaded, stream.rejected, stream.status) == (3, 3, 0, "succeeded")
    assert (stream.replication_key, stream.bookmark_before, stream.bookmark_after) == ("id", "5", "8")
    assert stream.columns == {"id": "integer", "name": "string"}
    assert stream.table == "main.orders"
    assert run.status == "succeeded"
    assert run.blocks[0].state_saved
    assert not list((tmp_path / "home" / "sandboxes").iterdir())


def test_a_failing_tap_is_named_and_keeps_what_was_loaded(tmp_path: Path) -> None:
    """Its own words, its stream, and the bookmark at the last row."""
    runner = project(tmp_path, tap_config={"rows": 5, "fail_at": 4})

    with pytest.raises(ExtractFailedError, match=r"stream orders: .*the ledger is closed"):
        runner.run(J)

    assert bookmark(runner) == "3"
    rerun(tmp_path, 5)


def test_a_failing_target_is_named(tmp_path: Path) -> None:
    """Its own words, and a rerun that loads what is missing."""
    runner = project(tmp_path, tap_config={"rows": 5, "state_every": 1}, target_config={"fail_at": 4})

    with pytest.raises(LoadFailedError, match=r"stream orders: disk quota exceeded"):
        runner.run(J)

    assert bookmark(runner) == "3"
    rerun(tmp_path, 5)


@pytest.mark.parametrize(
    ("plugin", "error"), [("tap_script.py", ExtractFailedError), ("target_script.py", LoadFailedError)]
)
def test_a_killed_plugin_is_named(tmp_path: Path, plugin: str, error: type[Exception]) -> None:
    """SIGKILL to tap or target is told as such; the bookmark stands at a row that was loaded."""
    runner = project(tmp_path, tap_config={**SLOW, "state_every": 1})
    root = tmp_path / "project"

    with pytest.raises(error, match=r"was ended by SIGKILL|was gone in the middle of the load"):
        runner.run(J, echo=when("incremental sync", lambda: kill_plugin(root, plugin), after=0.5))

    at = int(bookmark(runner) or 0)
    assert 0 < at <= loaded(root)[-1]
    if at == loaded(root)[-1]:
        rerun(tmp_path, at + 5)


def test_a_mapper_may_drop_rows(tmp_path: Path) -> None:
    """Counts are not compared behind a mapper."""
    run = project(tmp_path).run(RunRequest(pipeline="mapped"))

    assert (run.extracted, run.loaded, run.status) == (5, 3, "succeeded")


def test_a_failing_mapper_is_named(tmp_path: Path) -> None:
    """With what it said."""
    with pytest.raises(MapperFailedError, match=r"Mapper map failed .*the mapping is wrong"):
        project(tmp_path).run(RunRequest(pipeline="badly_mapped"))


def test_a_failing_command_block_is_named_and_what_went_before_is_done(tmp_path: Path) -> None:
    """Its last lines are quoted, since it says everything at level info."""
    runner = project(tmp_path)

    with pytest.raises(CommandBlockFailedError, match=r"tool bad.*column 'amount' does not exist") as caught:
        runner.run(RunRequest(pipeline="built"))

    run = PipelineRun.model_validate(caught.value.details["run"])
    assert [block.status for block in run.blocks] == ["succeeded", "failed"]
    assert [stream.status for stream in run.streams] == ["succeeded"]
    assert bookmark(runner) == "5"


def test_a_target_that_forgets_its_state_is_found_out(tmp_path: Path) -> None:
    """Rows arrived, everything exited with 0, and yet the next run would load them again."""
    with pytest.raises(StateNotSavedError, match=r"5 rows were loaded by target-b, but no bookmark was saved"):
        project(tmp_path, target_config={"forget_state": True}).run(J)


def test_a_target_that_loses_a_row_is_found_out(tmp_path: Path) -> None:
    """It exits with 0; the counts tell."""
    with pytest.raises(LoadFailedError, match=r"lost 1 of 5 rows of stream orders"):
        project(tmp_path, target_config={"lose_at": 2}).run(J)


def test_garbage_from_a_tap_hurts_nobody(tmp_path: Path) -> None:
    """Bytes that are no text, half a JSON object and a log line of 20 MB; a rejected row is counted apart."""
    runner = project(tmp_path, tap_config={"garbage": 50, "long_log": 20_000_000}, target_config={"reject_at": 2})
    before = psutil.Process().memory_info().rss

    run = runner.run(J)

    [stream] = run.streams
    assert (stream.extracted, stream.loaded, stream.rejected, stream.status) == (5, 4, 1, "succeeded")
    assert psutil.Process().memory_info().rss - before < 100_000_000


def test_a_tap_that_writes_no_singer_messages_is_found_out(tmp_path: Path) -> None:
    """The target says what it got, and is quoted."""
    with pytest.raises(LoadFailedError, match=r"cannot read 'this is no Singer message"):
        project(tmp_path, tap_config={"garbage_out": True}).run(J)


def test_a_record_of_50_mb_goes_through(tmp_path: Path) -> None:
    """It never enters our process."""
    before = psutil.Process().memory_info().rss

    run = project(tmp_path, tap_config={"big_record": 50_000_000}).run(J)

    assert run.loaded == 5
    assert psutil.Process().memory_info().rss - before < 40_000_000
