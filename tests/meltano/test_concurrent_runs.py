"""Runs beside each other, and beside installations: none disturbs another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flext_pipelines.errors import (
    AlreadyRunningError,
    InstallInProgressError,
    RunCancelledError,
)
from flext_pipelines.meltano import locks
from tests.meltano.real_runs import (
    SLOW,
    STATE,
    J,
    bookmark,
    project,
    when,
)

pytestmark = pytest.mark.process


def test_two_runs_of_one_tap_with_different_streams_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Each loads its stream, in its own sandbox, and they do not both migrate the new system database.

    For one state id the second would be refused, so the partition differs.
    """
    runner = project(tmp_path, tap_config={"rows": 200, "pause": 0.005, "streams": "orders,items"})
    requests = [J.model_copy(update={"streams": (name,), "partition": name}) for name in ("orders", "items")]

    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(runner.run, requests))

    assert [[(s.name, s.loaded) for s in run.streams] for run in runs] == [[("orders", 200)], [("items", 200)]]
    assert [bookmark(runner, f"{STATE}:{name}", name) for name in ("orders", "items")] == ["200", "200"]


def test_a_run_of_some_streams_leaves_the_bookmarks_of_the_others(tmp_path: Path) -> None:
    """By default Meltano would replace the whole state with that of the streams that ran."""
    runner = project(tmp_path, tap_config={"rows": 4, "streams": "orders,items"})
    runner.run(J)

    project(tmp_path, tap_config={"rows": 6, "streams": "orders,items"}).run(
        J.model_copy(update={"streams": ("items",)})
    )

    assert (bookmark(runner, stream="orders"), bookmark(runner, stream="items")) == ("4", "6")


def test_the_same_state_is_not_written_by_two_runs(tmp_path: Path) -> None:
    """The second run is refused at once and names the first."""
    runner = project(tmp_path, tap_config=SLOW)
    begun = threading.Event()
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(runner.run, J, echo=when("incremental sync", begun.set), should_stop=stop.is_set)
        begun.wait(30)

        with pytest.raises(AlreadyRunningError, match=r"run j \(process") as caught:
            runner.run(J)

        stop.set()
        assert isinstance(first.exception(), RunCancelledError)
    assert caught.value.retryable


def test_runs_and_installations_keep_each_other_out(tmp_path: Path) -> None:
    """An installation would empty the run's folders; each names who is in its way."""
    runner = project(tmp_path)

    with (
        locks.hold_for_install(runner.project, "install tap-a"),
        pytest.raises(InstallInProgressError, match=r"install tap-a \(process"),
    ):
        runner.run(J)
    seen: list[InstallInProgressError] = []

    def install() -> None:
        try:
            with locks.hold_for_install(runner.project, "install tap-a"):
                raise AssertionError("an installation got in")
        except InstallInProgressError as error:
            seen.append(error)

    runner.run(J, lambda progress: install() if "started" in progress.text else None)

    assert "run j (process" in str(seen[0])
    assert locks.running(runner.project) == []
