"""`flext dagster`: Dagster's own programs on our home."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.process
def test_a_server_that_a_script_put_in_the_background_can_be_ended(home: Path) -> None:
    """A shell starts what follows `&` with Ctrl-C ignored, and Dagster would take over that for SIGTERM as well."""
    words = [str(Path(sys.executable).parent / "flext"), "dagster", "dev"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home.parent)
    finally:
        signal.signal(signal.SIGINT, before)
    state = Path(f"/proc/{process.pid}")

    try:
        deadline = time.monotonic() + 30
        while b"flext_pipelines.definitions" not in (state / "cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        ignored = int((state / "status").read_text().partition("SigIgn:")[2].split()[0], 16)
    finally:
        process.kill()
        process.wait()

    assert not ignored & 1 << (signal.SIGINT - 1)
