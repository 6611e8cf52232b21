"""Runs of a small project with the real Meltano and real plugins, and hands that disturb them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from flext_pipelines.meltano.bookmarks import bookmarks
from flext_pipelines.meltano.outcome import PipelineRun
from flext_pipelines.meltano.plan import RunRequest
from flext_pipelines.meltano.run import MeltanoRunner
from flext_pipelines.meltano.running import Graces
from flext_pipelines.meltano.state import read_states
from tests.meltano.projects import loaded, opened, script, tap, target, write_project

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
