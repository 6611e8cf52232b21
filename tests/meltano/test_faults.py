"""Faults with the real Meltano 4.4.1, real plugins and real signals.

After each: a clear error, and a rerun that ends with exactly the source's rows.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from flext_pipelines.errors import (
    AlreadyRunningError,
    CommandBlockFailedError,
    ConfigError,
    ExtractFailedError,
    InstallInProgressError,
    LoadFailedError,
    MapperFailedError,
    RunCancelledError,
    StateNotSavedError,
    TimedOutError,
    UnavailableError,
)
from flext_pipelines.meltano import locks
from flext_pipelines.meltano.bookmarks import bookmarks
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.meltano.running import Graces
from flext_pipelines.meltano.state import read_states, write_state
from flext_pipelines.values import Progress
from tests.meltano.projects import loaded, opened, script, tap, target, write_project

pytestmark = pytest.mark.process

J = RunRequest(pipeline="j")
SLOW = {"rows": 3000, "pause": 0.01}
STATE = "dev:tap-a-to-target-b"


def project(
    root: Path,
    *,
    tap_config: Mapping[str, object] | None = None,
    target_config: Mapping[str, object] | None = None,
    **more: object,
) -> MeltanoRunner:
    """A project with the pipeline ``j`` from ``tap-a`` into ``target-b``; called again, it changes their settings."""
    commands = {"ok": "", "bad": "--fail", "slow": "--slow"}
    mappings = [{"name": "half", "config": {}}, {"name": "broken", "config": {"fail": True}}]
    (root / "project").mkdir(exist_ok=True)
    folder = root / "project"
    sections = {
        "plugins": {
            "extractors": [tap(folder, "tap-a", **(tap_config or {}))],
            "loaders": [target(folder, "target-b", **(target_config or {}))],
            "mappers": [
                {
                    "name": "map",
                    "namespace": "map",
                    "executable": script(folder, "mapper_script.py"),
                    "mappings": mappings,
                }
            ],
            "utilities": [
                {
                    "name": "tool",
                    "namespace": "tool",
                    "executable": script(folder, "tool_script.py"),
                    "commands": commands,
                }
            ],
        },
        "jobs": [
            {"name": "j", "tasks": ["tap-a target-b"]},
            {"name": "mapped", "tasks": ["tap-a half target-b"]},
            {"name": "badly_mapped", "tasks": ["tap-a broken target-b"]},
            {"name": "built", "tasks": ["tap-a target-b", "tool:bad"]},
            {"name": "slowly_built", "tasks": ["tool:slow"]},
            {"name": "twice", "tasks": ["tap-a target-b", "tap-a target-b"]},
        ],
    }
    write_project(folder, **(sections | more))
    home = root / "home"
    home.mkdir(exist_ok=True)
    return MeltanoRunner(opened(folder, home), Graces(8, 5))


def when(phrase: str, action: Callable[[], object], *, after: float = 0.0) -> Callable[[str], None]:
    """An echo that does something once, some seconds after a line holds the phrase."""
    done = threading.Event()

    def echo(line: str) -> None:
        if phrase in line and not done.is_set():
            done.set()
            threading.Timer(after, action).start()

    return echo


def processes_of(root: Path, name: str) -> list[psutil.Process]:
    """Living processes of a plugin of that project, discovery aside."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        parts = process.info["cmdline"] or []
        if any(str(root) in part and part.endswith(name) for part in parts) and "--discover" not in parts:
            found.append(process)
    return found


def kill_plugin(root: Path, name: str) -> None:
    """SIGKILL to a plugin."""
    for process in processes_of(root, name):
        process.kill()


def bookmark(runner: MeltanoRunner, state_id: str = STATE, stream: str = "orders") -> str | None:
    """Where a stream stands."""
    found = bookmarks(read_states(runner.project, [state_id]).get(state_id, {})).get(stream)
    return found.value if found else None


def rerun(root: Path, rows: int) -> PipelineRun:
    """Run again without what slowed it down; the target must then hold each row of the source once."""
    runner = project(root, tap_config={"rows": rows})

    run = runner.run(J)

    assert loaded(root / "project") == list(range(1, rows + 1))
    assert bookmark(runner) == str(rows)
    return run


def meltano_of(runner: MeltanoRunner) -> psutil.Process:
    """The Meltano that runs the project."""
    marks = [str(runner.project.sandboxes), "run"]
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if "--no-install" in command and process.cwd() == str(runner.project.root):
            return process
    raise AssertionError(f"no Meltano of {marks} is running")


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


def test_a_killed_meltano_blocks_no_rerun(tmp_path: Path) -> None:
    """SIGKILL to Meltano is named, its plugins are gone, and its row does not hold the state id for five minutes."""
    runner = project(tmp_path, tap_config={**SLOW, "state_every": 1})

    with pytest.raises(UnavailableError, match=r"Meltano was ended by SIGKILL .* bookmark kept at orders \d+"):
        runner.run(J, echo=when("incremental sync", lambda: meltano_of(runner).kill(), after=0.5))

    assert not processes_of(tmp_path / "project", "_script.py")
    with closing(sqlite3.connect(tmp_path / "home" / "meltano.db")) as database:
        [state] = database.execute("SELECT state FROM runs").fetchone()
    assert state == "FAIL"
    assert project(tmp_path, tap_config={"rows": 3000}).run(J).status == "succeeded"
    assert set(loaded(tmp_path / "project")) == set(range(1, 3001))


@pytest.mark.parametrize("structured", [True, False])
def test_an_interrupted_run_keeps_its_bookmark(tmp_path: Path, structured: bool) -> None:
    """Ctrl-C stops the tap first, so that every loaded row is behind the bookmark; then the interrupt goes on."""
    runner = project(tmp_path, tap_config={**SLOW, "structured": structured})
    told: list[Progress] = []

    with pytest.raises(KeyboardInterrupt) as caught:
        runner.run(
            J, told.append, echo=when("incremental sync", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.5)
        )

    rows = loaded(tmp_path / "project")
    assert rows == list(range(1, len(rows) + 1))
    assert 0 < len(rows) < 3000
    assert bookmark(runner) == str(len(rows))
    assert f"j was cancelled; bookmark kept at orders {len(rows)}" in [progress.text for progress in told]
    assert isinstance(caught.value.__cause__, RunCancelledError)
    so_far = PipelineRun.model_validate(caught.value.__cause__.details["run"])
    assert [(one.name, one.status, one.loaded) for one in so_far.streams] == [("orders", "cancelled", len(rows))]
    rerun(tmp_path, len(rows) + 5)


def test_a_second_interrupt_is_quicker_and_still_leaves_nothing(tmp_path: Path) -> None:
    """A tap that will not stop is killed early when somebody insists."""
    runner = project(tmp_path, tap_config={**SLOW, "ignore_sigterm": True, "state_every": 1})
    patient = MeltanoRunner(runner.project, Graces(60, 20))
    threads = [threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)) for delay in (0.5, 1.0)]
    begun = time.monotonic()

    def start() -> None:
        for thread in threads:
            thread.start()

    with pytest.raises(KeyboardInterrupt):
        patient.run(J, echo=when("incremental sync", start))

    assert time.monotonic() - begun < 30
    assert not processes_of(tmp_path / "project", "_script.py")
    assert int(bookmark(runner) or 0) > 0


def test_a_run_past_its_time_is_stopped_with_its_bookmark(tmp_path: Path) -> None:
    """The time-out is ours: Meltano's own --timeout loses the last state."""
    runner = project(tmp_path, tap_config={**SLOW, "rows": 30_000})

    with pytest.raises(TimedOutError, match=r"took longer than 6 s") as caught:
        runner.run(J.model_copy(update={"timeout_seconds": 6}))

    rows = loaded(tmp_path / "project")
    assert rows
    assert bookmark(runner) == str(len(rows))
    run = PipelineRun.model_validate(caught.value.details["run"])
    assert (run.status, run.streams[0].status, run.streams[0].loaded) == ("cancelled", "cancelled", len(rows))
    assert "--timeout-minutes" in caught.value.instruction


def test_a_run_that_was_cancelled_from_outside_stops(tmp_path: Path) -> None:
    """Whoever asks once a second whether to go on can end it, as for a run marked as cancelled in Dagster."""
    runner = project(tmp_path, tap_config=SLOW)
    cancelled = threading.Event()

    with pytest.raises(RunCancelledError, match=r"bookmark kept at orders \d+"):
        runner.run(J, echo=when("incremental sync", cancelled.set, after=0.5), should_stop=cancelled.is_set)

    assert bookmark(runner) == str(len(loaded(tmp_path / "project")))


def test_a_stop_lets_no_further_block_begin(tmp_path: Path) -> None:
    """Meltano calls a block whose tap was stopped a success and would go on with the next one."""
    runner = project(tmp_path, tap_config=SLOW)

    with pytest.raises(KeyboardInterrupt):
        runner.run(
            RunRequest(pipeline="twice"),
            echo=when("incremental sync", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.5),
        )

    rows = loaded(tmp_path / "project")
    assert rows == list(range(1, len(rows) + 1))
    assert bookmark(runner) == str(len(rows))


def test_a_stopped_command_block_leaves_no_process(tmp_path: Path) -> None:
    """A command has no tap to stop first; it ends with Meltano."""
    runner = project(tmp_path)

    with pytest.raises(KeyboardInterrupt):
        runner.run(
            RunRequest(pipeline="slowly_built"),
            echo=when("building models", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.1),
        )

    assert not processes_of(tmp_path / "project", "_script.py")


def test_a_stop_during_discovery_leaves_no_process(tmp_path: Path) -> None:
    """The child that Meltano asks for the catalog is not among those that Meltano itself ends."""
    runner = project(tmp_path, tap_config={"discovery_pause": 60})

    with pytest.raises(KeyboardInterrupt):
        runner.run(J, echo=when("Running catalog", lambda: os.kill(os.getpid(), signal.SIGINT), after=0.3))

    assert not [p for p in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(p.info["cmdline"] or [])]


def test_nothing_outlives_a_killed_process_of_ours(tmp_path: Path) -> None:
    """SIGKILL to us: the watchdog stops the tap, so the bookmark is saved; sandbox and processes go; a rerun works."""
    runner = project(tmp_path, tap_config=SLOW)
    root = tmp_path / "project"
    code = textwrap.dedent(f"""
        from pathlib import Path
        from tests.meltano.test_faults import J, project
        project(Path({str(tmp_path)!r}), tap_config={SLOW!r}).run(J, echo=lambda line: print(line, end="", flush=True))
    """)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
    assert child.stdout is not None
    for line in child.stdout:
        if "incremental sync" in line:
            break
    time.sleep(0.5)

    child.kill()
    child.wait()
    child.stdout.close()

    deadline = time.monotonic() + 15
    while (
        list(runner.project.sandboxes.glob("*/")) or processes_of(root, "_script.py")
    ) and time.monotonic() < deadline:
        time.sleep(0.05)
    rows = loaded(root)
    assert not processes_of(root, "_script.py")
    assert not list(runner.project.sandboxes.glob("*/"))
    assert 0 < len(rows) < 3000
    assert bookmark(runner) == str(len(rows))
    rerun(tmp_path, len(rows) + 5)
    assert not list(runner.project.sandboxes.iterdir())


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


def test_a_broken_project_is_refused_with_file_and_line(tmp_path: Path) -> None:
    """Before anything is started."""
    runner = project(tmp_path)
    file = tmp_path / "project" / "meltano.yml"
    file.write_text(file.read_text() + "jobs: [\n")

    with pytest.raises(ConfigError, match=r"meltano.yml:") as caught:
        runner.run(J)

    assert caught.value.details["line"]


def test_the_projects_own_habits_do_not_disturb_a_run(tmp_path: Path) -> None:
    """A logging.yaml of its own, a .python-version, variables of Meltano and Dagster in our environment."""
    runner = project(tmp_path, tap_config={"tell": "SHOP_TOKEN"})
    root = tmp_path / "project"
    (root / "logging.yaml").write_text("version: 1\nhandlers: {}\n")
    (root / ".python-version").write_text("3.99\n")
    (root / ".env").write_text("SHOP_TOKEN=very-secret-token\n")
    lines: list[str] = []

    run = runner.run(J, echo=lines.append)

    assert run.loaded == 5
    assert any("SHOP_TOKEN is ***" in line for line in lines)
    assert not any("very-secret-token" in line for line in lines)
    assert sorted(path.name for path in root.iterdir() if path.name != "out") == sorted(
        [
            ".env",
            ".python-version",
            "logging.yaml",
            "meltano.yml",
            *(f"{n}_script.py" for n in ("mapper", "tap", "target", "tool")),
        ]
    )


def test_a_schedule_goes_on_where_meltanos_scheduler_stopped(tmp_path: Path) -> None:
    """Meltano keeps the bookmarks of an extract-and-load schedule under the schedule's own state id."""
    schedule = {
        "name": "nightly",
        "extractor": "tap-a",
        "loader": "target-b",
        "interval": "@daily",
        "transform": "skip",
    }
    runner = project(tmp_path, tap_config={"rows": 5}, schedules=[schedule])
    former = runner.catalogue().pipelines[-1].state_id
    assert former
    runner.run(J)
    kept = read_states(runner.project, [STATE])[STATE]
    write_state(runner.project, STATE, None)
    write_state(runner.project, former, kept)

    run = project(tmp_path, tap_config={"rows": 7}, schedules=[schedule]).run(RunRequest(pipeline="nightly"))

    assert [(s.bookmark_before, s.loaded, s.bookmark_after) for s in run.streams] == [("5", 2, "7")]
    assert loaded(tmp_path / "project") == list(range(1, 8))


def test_settings_of_one_run_reach_the_plugin(tmp_path: Path) -> None:
    """By variables that Meltano reads itself."""
    run = project(tmp_path).run(J.model_copy(update={"config_overrides": {"tap-a": {"rows": 2}}}))

    assert run.loaded == 2
