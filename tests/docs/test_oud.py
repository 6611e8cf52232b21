"""The page on the migration of a directory, done: every command of it in its order, in a folder and home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, console_lines, page

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]


def test_the_page_can_be_followed(tmp_path: Path) -> None:
    """Each command ends with the exit code that the page promises."""
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "FLEXT_HOME": str(tmp_path / "home"),
        "FLEXT_MELTANO_PROJECT_ROOT": str(ROOT / "meltano"),
    }
    for block in page("docs/oud.md").blocks("console", "yaml"):
        if block.word == "file":
            (tmp_path / block.rest).write_text(block.text, encoding="utf-8")
            continue
        for line in console_lines(block) if block.word != "not run" else ():
            done = subprocess.run(
                ["bash", "-c", line.text], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
            )
            assert done.returncode == line.code, (
                f"{block.place}: {line.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            )
