"""A process of its own that uses the control database, for tests with real processes.

It is started as ``python -m tests.control.worker VERB ...`` with the database in ``FLEXT_CONTROL_URL``.

What belongs here: what such a process does. What does not: judging it (the tests).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]


def start(url: str, *words: str) -> subprocess.Popen[str]:
    """Start a worker; its output is text."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.control.worker", *words],
        cwd=ROOT,
        env={**os.environ, "FLEXT_CONTROL_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(workers: Sequence[subprocess.Popen[str]]) -> list[str]:
    """Wait for all; what each printed. A worker that failed fails the test with what it said."""
    printed = []
    for worker in workers:
        output, errors = worker.communicate(timeout=60)
        assert worker.returncode == 0, errors
        printed.append(output.strip())
    return printed


def main(verb: str, *words: str) -> None:
    """Do one thing and print what came of it."""
    from flext_pipelines.bootstrap import behaviours, default_ports
    from flext_pipelines.commands.bus import Bus, Ports
    from flext_pipelines.commands.message import Context
    from flext_pipelines.commands.registry import collect
    from flext_pipelines.settings import Settings
    from tests.commands import greetings

    settings = Settings(actor="worker")
    ports = Ports()
    ports.provide(default_ports(settings, ports))
    bus = Bus(
        collect([greetings]),
        behaviours=behaviours(ports),
        ports=ports,
        default_context=lambda: Context(actor="worker"),
    )
    if verb == "send":
        result = bus.send(greetings.GreetCommand.model_validate_json(words[0]))
        print(result.unwrap().text, result.unwrap().pid, result.replayed, result.unfinished_attempts)
    elif verb == "many":
        sys.stdin.readline()  # all start at once
        for number in range(int(words[0])):
            bus.send(greetings.GreetCommand(name=f"guest {number}")).unwrap()
    elif verb == "modules":
        bus.send(greetings.GreetCommand(name="guest")).unwrap()
        print(*(name for name in words if name in sys.modules))
    elif verb == "fork":
        bus.send(greetings.GreetCommand(name="parent")).unwrap()
        child = os.fork()
        bus.send(greetings.GreetCommand(name="child" if child == 0 else "parent")).unwrap()
        if child == 0:
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        bus.send(greetings.GreetCommand(name="parent")).unwrap()
    bus.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
