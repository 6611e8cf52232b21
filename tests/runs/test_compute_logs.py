"""Raw output of a step in its file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import os, signal, sys
from flext_pipelines.runs.compute_logs import FileComputeLogManager
manager = FileComputeLogManager(sys.argv[1])
before = sys.stdout.line_buffering
with manager.capture_logs(["run", "compute_logs", "step"]):
    sys.stdout.write("a raw line\\n")
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
assert sys.stdout.line_buffering is before is False
"""


@pytest.mark.process
@pytest.mark.parametrize(("ending", "code"), [("killed", -9), ("done", 0)])
def test_a_raw_line_is_in_its_file_at_once(tmp_path: Path, ending: str, code: int) -> None:
    """Even when standard output is no terminal and the process is killed after it; later everything is as before."""
    call = [sys.executable, "-E", "-c", CODE, str(tmp_path), ending]  # -E: no PYTHONUNBUFFERED of whoever runs the test
    ended = subprocess.run(call, stdout=subprocess.PIPE, check=False)

    assert ended.returncode == code
    assert (tmp_path / "run" / "compute_logs" / "step.out").read_text() == "a raw line\n"
