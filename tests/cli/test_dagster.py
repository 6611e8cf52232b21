"""`flext dagster`: Dagster's own programs on our home."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster._core.workspace.load import location_origins_from_yaml_paths

from flext_pipelines.runs.code import CodeLocation


@contextmanager
def _server(home: Path) -> Iterator[Path]:
    """`flext dagster dev` once it has become Dagster: its folder in /proc."""
    words = [str(Path(sys.executable).parent / "flext"), "dagster", "dev"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home.parent)
    state = Path(f"/proc/{process.pid}")
    try:
        deadline = time.monotonic() + 30
        while b"--host" not in (state / "cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield state
    finally:
        process.kill()
        process.wait()


@pytest.mark.process
def test_a_server_that_a_script_put_in_the_background_can_be_ended(home: Path) -> None:
    """A shell starts what follows `&` with Ctrl-C ignored, and Dagster would take over that for SIGTERM as well."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _server(home) as state:
            ignored = int((state / "status").read_text().partition("SigIgn:")[2].split()[0], 16)
    finally:
        signal.signal(signal.SIGINT, before)

    assert not ignored & 1 << (signal.SIGINT - 1)


@pytest.mark.process
def test_the_server_names_the_code_location_as_launches_and_the_workspace_do(home: Path) -> None:
    """Else schedules that are on show as off, and a run of the shell cannot be executed again from the UI."""
    with _server(home) as state:
        words = (state / "cmdline").read_bytes().decode().split("\0")

    (origin,) = location_origins_from_yaml_paths([words[words.index("-w") + 1]])

    launched = CodeLocation().origin("wms").repository_origin.code_location_origin
    assert origin.location_name == launched.location_name
    assert origin.loadable_target_origin.module_name == launched.loadable_target_origin.module_name
    assert origin.loadable_target_origin.working_directory == str(home.parent)
