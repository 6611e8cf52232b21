"""A tap without a target, by the real Meltano: told, stopped, killed, interrupted."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flext_pipelines.errors import ExtractFailedError, InstallInProgressError, TimedOutError, UsageError
from flext_pipelines.meltano.locks import hold_for_install
from flext_pipelines.meltano.run import MeltanoRunner
from tests.meltano.projects import opened, tap, write_project
from tests.meltano.real_runs import processes_of, when

pytestmark = pytest.mark.process

SLOW = {"rows": 30_000, "pause": 0.01}


def runner(folder: Path, timeout_seconds: float = 0, **config: object) -> MeltanoRunner:
    """A project with the one tap ``tap-shop``."""
    root = folder / "project"
    root.mkdir(exist_ok=True)
    write_project(root, plugins={"extractors": [tap(root, "tap-shop", True, **config)]})
    return MeltanoRunner(opened(root, folder / "home"), timeout_seconds=timeout_seconds)


def read(made: MeltanoRunner, folder: Path, on_line: Callable[[bytes], object] = bytes, **asked: object) -> list[bytes]:
    """Every line of the stream ``orders``."""
    found = []
    for line in made.extract("tap-shop", "orders", batches=folder, **asked):  # type: ignore[arg-type]  # passed on
        on_line(line)
        found.append(line)
    return found


def nothing_is_left(made: MeltanoRunner, folder: Path) -> bool:
    """No process of the project, no sandbox, and the plugins are free again."""
    with hold_for_install(made.project, "look"):
        return not processes_of(folder, "tap_script.py") and not [*made.project.sandboxes.iterdir()]


def test_the_log_of_a_tap_is_told_without_its_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of standard output are data and are not echoed; a password that only the environment holds is masked."""
    monkeypatch.setenv("TAP_SHOP_PASSWORD", "hunter2-of-the-shop")
    echoed: list[str] = []

    lines = read(runner(tmp_path, rows=3, tell="TAP_SHOP_PASSWORD"), tmp_path, echo=echoed.append)

    text = "".join(echoed)
    assert sum(b'"RECORD"' in line for line in lines) == 3
    assert "Beginning incremental sync" in text
    assert "TAP_SHOP_PASSWORD is ***" in text
    assert "hunter2" not in text
    assert '"RECORD"' not in text


def test_a_tap_past_its_time_is_stopped(tmp_path: Path) -> None:
    """It is a passing failure, whose last words are told; nothing of the tap is left."""
    made = runner(tmp_path, timeout_seconds=5, **SLOW)

    with pytest.raises(TimedOutError, match="took longer than 5 s") as caught:
        read(made, tmp_path)

    assert caught.value.retryable
    assert caught.value.details["stream"] == "orders"
    assert nothing_is_left(made, tmp_path)


def test_a_tap_that_never_gives_its_catalog_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of the two steps from a bookmark has the same limit, and its error holds no secret either."""
    monkeypatch.setenv("TAP_SHOP_PASSWORD", "hunter2-of-the-shop")
    made = runner(tmp_path, timeout_seconds=4, discovery_pause=60, tell="TAP_SHOP_PASSWORD")

    with pytest.raises(TimedOutError, match="tap-shop took longer than 4 s") as caught:
        read(made, tmp_path, state={"bookmarks": {}})

    assert "hunter2" not in repr(caught.value.details)
    assert nothing_is_left(made, tmp_path)


def test_an_interrupt_stops_the_tap(tmp_path: Path) -> None:
    """Ctrl-C while lines are read, as Dagster's cancellation of a step, leaves nothing."""
    made = runner(tmp_path, **SLOW)
    interrupt = when("incremental sync", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.5)
    begun = time.monotonic()

    with pytest.raises(KeyboardInterrupt):
        read(made, tmp_path, echo=interrupt)

    assert time.monotonic() - begun < 30
    assert nothing_is_left(made, tmp_path)


def test_a_killed_tap_is_a_failure(tmp_path: Path) -> None:
    """Its rows came, but it did not end as it should; the plugins are free and a rerun has every row."""
    made = runner(tmp_path, **SLOW)
    killed = threading.Event()

    def kill(_: bytes) -> None:
        if not killed.is_set():
            killed.set()
            for process in processes_of(tmp_path, "tap_script.py"):
                process.kill()

    with pytest.raises(ExtractFailedError, match="tap-shop failed") as caught:
        read(made, tmp_path, kill)

    assert caught.value.retryable
    assert nothing_is_left(made, tmp_path)
    assert sum(b'"RECORD"' in line for line in read(runner(tmp_path, rows=4), tmp_path)) == 4


def test_no_tap_runs_while_plugins_are_installed(tmp_path: Path) -> None:
    """It is refused before anything is started."""
    made = runner(tmp_path, rows=1)

    with hold_for_install(made.project, "install tap-shop"), pytest.raises(InstallInProgressError, match="tap-shop"):
        read(made, tmp_path)


@pytest.mark.parametrize("stream", ["ord*", "order?", "[o]rders", "!items"])
def test_a_stream_whose_name_would_be_a_pattern_is_refused(tmp_path: Path, stream: str) -> None:
    """Meltano would select every stream that it fits, and the table would get the rows of all of them."""
    made = runner(tmp_path)

    with pytest.raises(UsageError, match="acts as a pattern") as caught:
        next(made.extract("tap-shop", stream, batches=tmp_path))

    assert caught.value.details == {"plugin": "tap-shop", "stream": stream}
    assert not made.project.sandboxes.exists()
