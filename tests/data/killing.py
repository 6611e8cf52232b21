"""Killing a real process of ours at a chosen point, with a real SIGKILL.

The child runs a piece of code in which chosen functions count their calls; at the chosen call it kills itself,
before or after the function. With point 0 it runs through and tells how many points there are.

What belongs here: that. What does not: what must hold afterwards.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_HEAD = """
import os, signal, sys
point, calls = int(sys.argv[1]), 0
def _here():
    global calls
    calls += 1
    if calls == point:
        os.kill(os.getpid(), signal.SIGKILL)
def counted(holder, name):
    real = getattr(holder, name)
    def around(*arguments, **named):
        _here()
        result = real(*arguments, **named)
        _here()
        return result
    setattr(holder, name, around)
"""


def run_killed(code: str, point: int, *arguments: str) -> int:
    """Run code that is killed at a point; for point 0 the number of points comes back, else 0 or -9.

    Args:
        code: Python; ``counted(holder, name)`` marks the functions that count. Its arguments are ``sys.argv[2:]``.
        point: Where to die, from 1; each counted call has a point before it and one after it.
        *arguments: For the code.
    """
    ended = subprocess.run(
        [sys.executable, "-c", f"{_HEAD}\n{code}\nprint(calls)", str(point), *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ended.returncode not in {0, -signal.SIGKILL}:
        raise AssertionError(ended.stderr)
    return int(ended.stdout) if point == 0 else ended.returncode
