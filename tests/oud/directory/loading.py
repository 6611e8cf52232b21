"""A load in a process of its own, to be killed: ``python -m tests.oud.directory.loading``.

What belongs here: that program, and starting it. What does not: what is asserted of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from flext_pipelines.oud.directory.target import DirectoryTarget

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "FLEXT_OUD_BIND_PASSWORD"


def start(files: Sequence[Path], target: DirectoryTarget, journal: Path) -> subprocess.Popen[str]:
    """Begin a load; it says what it does, and its last line is the report."""
    assert target.password is not None
    environment = {**os.environ, PASSWORD: target.password.get_secret_value()}
    words = [target.model_dump_json(exclude={"password"}), str(journal), *(str(path) for path in files)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.oud.directory.loading", *words], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def main(target: str, journal: str, *files: str) -> None:
    """Load, and print the report."""
    from flext_pipelines.oud.directory.load import load

    fields = {**json.loads(target), "password": os.environ[PASSWORD]}
    made = DirectoryTarget.model_validate(fields)
    report = load([Path(name) for name in files], made, journal=Path(journal), progress=lambda step: print(
        step.text, flush=True) if step.text else None)  # fmt: skip
    print(report.model_dump_json())


if __name__ == "__main__":
    main(*sys.argv[1:])
