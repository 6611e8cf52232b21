"""One dispatch on our bus against the Python buses there are, all measured in one run.

Every bus gets the same message (three fields, validated by pydantic, made anew for each dispatch) and a handler
that does nothing. Each runs in a process and a virtual environment of its own, in turns, and the best of all turns
counts. Asynchronous buses are measured inside one running loop, and get the cheapest container that they accept.

Run as ``python -m benchmarks.bus``. A bus that cannot be installed is named with the reason.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.figures import Figure, main, note
from benchmarks.processes import ROOT, SCRATCH

FOLDER = SCRATCH / "bench-bus"
ROUNDS = 5

FIELDS = "name: str; limit: int = 5; flag: bool = False"
MAKE = 'Count(name="a", limit=3, flag=True)'

TIMER = """
import asyncio, inspect, time
def best(run):
    run(100)
    count, seconds = 100, 0.0
    while seconds < 0.05:
        count *= 2
        seconds = run(count)
    return min(run(count) for _ in range(5)) / count * 1e6
def in_a_loop(count):
    async def main():
        began = time.perf_counter()
        for _ in range(count):
            await dispatch()
        return time.perf_counter() - began
    return asyncio.run(main())
def plainly(count):
    began = time.perf_counter()
    for _ in range(count):
        dispatch()
    return time.perf_counter() - began
print("microseconds", best(in_a_loop if inspect.iscoroutinefunction(dispatch) else plainly))
"""

OURS = f"""
from flext_pipelines.bootstrap import LocalOperator, behaviours
from flext_pipelines.commands.bus import Bus, Ports
from flext_pipelines.commands.message import Context, Query
from flext_pipelines.commands.registry import MessageSpec
class Count(Query[int]):
    {FIELDS}
def handle(query):
    return 1
ports = Ports({{"policy": LocalOperator}})
bus = Bus([MessageSpec("bench.Count", Count, handler=handle, is_command=False)], ports=ports,
          behaviours=BEHAVIOURS, default_context=lambda: Context("anna", "cli"))
def dispatch():
    return bus.send({MAKE})
assert dispatch().unwrap() == 1
"""


class Candidate(NamedTuple):
    """One bus.

    Attributes:
        requirement: What to install; empty for ours, which runs in this environment.
        python: The Python it needs; empty for this one.
        code: Defines ``dispatch``.
    """

    requirement: str
    python: str
    code: str


CANDIDATES = {
    "flext-pipelines": Candidate("", "", OURS.replace("BEHAVIOURS", "behaviours(ports)")),
    "flext-pipelines, no behaviours": Candidate("", "", OURS.replace("BEHAVIOURS", "()")),
    "functools.singledispatch (no bus)": Candidate(
        "",
        "",
        f"""
import functools, pydantic
class Count(pydantic.BaseModel):
    {FIELDS}
@functools.singledispatch
def send(message): raise TypeError
@send.register(Count)
def handle(message): return 1
def dispatch(): return send({MAKE})
assert dispatch() == 1
""",
    ),
    "mediatr 1.3.2": Candidate(
        "mediatr==1.3.2",
        "",
        f"""
import mediatr, pydantic
class Count(pydantic.BaseModel):
    {FIELDS}
@mediatr.Mediator.handler
def handle(request: Count) -> int: return 1
bus = mediatr.Mediator()
def dispatch(): return bus.send({MAKE})
assert dispatch() == 1
""",
    ),
    "lato 0.13.0": Candidate(
        "lato==0.13.0",
        "",
        f"""
import lato
class Count(lato.Command):
    {FIELDS}
bus = lato.Application("bench")
@bus.handler(Count)
def handle(command: Count) -> int: return 1
def dispatch(): return bus.execute({MAKE})
assert dispatch() == 1
""",
    ),
    "python-cqrs 5.3.0": Candidate(
        "python-cqrs==5.3.0",
        "",
        f"""
import logging
logging.disable(logging.CRITICAL)
import cqrs, di
from cqrs.bootstrap import requests
from cqrs.models.pydantic import PydanticRequest
class Count(PydanticRequest[None]):
    {FIELDS}
class Handler(cqrs.RequestHandler[Count, None]):
    @property
    def events(self): return []
    async def handle(self, request): return None
class Container:
    external_container = None
    async def resolve(self, kind): return kind()
bus = requests.bootstrap(di_container=Container(), commands_mapper=lambda map: map.bind(Count, Handler))
async def dispatch(): return await bus.send({MAKE})
""",
    ),
    "diator 0.1.2": Candidate(
        "diator==0.1.2",
        "",
        f"""
from diator.mediator import Mediator
from diator.requests import Request, RequestHandler, RequestMap
from pydantic.dataclasses import dataclass
@dataclass(frozen=True, kw_only=True)
class Count(Request):
    {FIELDS}
class Handler(RequestHandler[Count, None]):
    events = ()
    def __init__(self): self.events = []
    async def handle(self, request): return None
class Container:
    async def resolve(self, kind): return kind()
map = RequestMap()
map.bind(Count, Handler)
bus = Mediator(request_map=map, container=Container())
async def dispatch(): return await bus.send({MAKE})
""",
    ),
    "flext-core 0.12.0.dev0": Candidate(
        "flext-core==0.12.0.dev0",
        "3.13",
        f"""
import flext_core, pydantic
class Count(pydantic.BaseModel):
    {FIELDS}
class Handler(flext_core.FlextHandlers[Count, int]):
    def handle(self, message): return flext_core.FlextResult[int].ok(1)
bus = flext_core.FlextDispatcher()
bus.register_handler(Count, Handler())
def dispatch(): return bus.dispatch({MAKE})
assert dispatch().is_success
""",
    ),
}


def interpreter(candidate: Candidate) -> str:
    """The Python that has the candidate; installed on first use.

    Raises:
        subprocess.CalledProcessError: It cannot be installed.
    """
    if not candidate.requirement:
        return sys.executable
    uv = Path(sys.executable).with_name("uv")
    home = FOLDER / candidate.requirement
    python = home / "bin" / "python"
    if not (home / ".installed").exists():
        version = candidate.python or sys.executable
        _quietly(uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", version, home)
        _quietly(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, candidate.requirement)
        _quietly(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "pydantic")
        (home / ".installed").touch()
    return str(python)


def _quietly(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, timeout=300)


def microseconds(rounds: int = ROUNDS) -> tuple[dict[str, float], dict[str, str]]:
    """Microseconds of a dispatch for each bus, and why some could not be measured.

    Args:
        rounds: Turns; the best of all counts.
    """
    best: dict[str, float] = {}
    missing: dict[str, str] = {}
    for _ in range(rounds):
        for name, candidate in CANDIDATES.items():
            if name in missing:
                continue
            try:
                ran = subprocess.run(
                    [interpreter(candidate), "-c", candidate.code + TIMER],
                    cwd=ROOT, check=True, capture_output=True, text=True, timeout=300,
                )  # fmt: skip
            except subprocess.CalledProcessError as error:
                missing[name] = (error.stderr.strip().splitlines() or ["no reason given"])[-1].strip()
                continue
            taken = float(ran.stdout.rpartition("microseconds ")[2])
            best[name] = min(taken, best.get(name, taken))
    return best, missing


def measure(*, quick: bool = False) -> list[Figure]:
    """Ours against each of the others; it must be quicker than every one that is a bus."""
    best, missing = microseconds(1 if quick else ROUNDS)
    ours = best.pop("flext-pipelines")
    figures = [note("bus: one dispatch of a validated message, ours", f"{ours:.2f} us")]
    for name, taken in sorted(best.items(), key=lambda item: item[1]):
        seen = f"{taken:.2f} us, {taken / ours:.2f} times ours"
        if CANDIDATES[name].requirement:
            figures.append(Figure(f"  {name}", "slower than ours", seen, taken > ours))
        else:
            figures.append(note(f"  {name}", seen))
    figures += [note(f"  {name}", f"not measured: {reason}") for name, reason in missing.items()]
    if not any(one.met is not None for one in figures):
        figures.append(Figure("  any other bus", "measured", "none could be", False))
    return figures


if __name__ == "__main__":
    sys.exit(main(measure))
