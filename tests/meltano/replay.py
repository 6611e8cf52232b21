"""A Meltano that only repeats what the real one once wrote to standard error, and exits as it did.

``recorded/<case>.<exit code>.log`` are real runs of Meltano 4.4.1 on the projects of ``projects``, with the folders of
the machine replaced. Whoever runs it goes through the same door as for the real one.
"""

from __future__ import annotations

import sys
from pathlib import Path

from flext_pipelines.meltano.catalogue import Block, Pipeline, Plugin, ProjectCatalogue, Stream
from flext_pipelines.meltano.project import MeltanoProject
from flext_pipelines.meltano.run import MeltanoRunner
from tests.meltano.projects import opened, write_project

RECORDED = Path(__file__).with_name("recorded")
CASES = {path.name.partition(".")[0]: path for path in sorted(RECORDED.glob("*.log"))}


def fake_meltano(folder: Path, *, text: bytes = b"", exit_code: int = 0, then: str = "") -> Path:
    """An executable that writes the text to standard error, does what ``then`` says, and exits.

    Its first line is not that of a Python script, so that it is never warmed up.
    """
    (folder / "said").write_bytes(text)
    program = folder / "meltano"
    program.write_text(
        f"#!/usr/bin/env -S {sys.executable} -IS\nimport os, signal, sys, time\n"
        f"os.write(2, open({str(folder / 'said')!r}, 'rb').read())\n{then}\n"
        f"if {exit_code} < 0:\n    signal.pthread_sigmask(signal.SIG_SETMASK, [])\n"
        f"    os.kill(os.getpid(), -({exit_code}))\nsys.exit({exit_code})\n"
    )
    program.chmod(0o755)
    return program


def catalogue(project: MeltanoProject) -> ProjectCatalogue:
    """What a project of ``projects`` holds, by hand: reading a real one has its own tests."""
    stream = Stream(tap="tap-a", name="orders", replication_method="INCREMENTAL", replication_key="id", discovered=True)
    return ProjectCatalogue(
        environment=project.environment,
        plugins=(
            Plugin(name="tap-a", type="extractors", installed=True),
            Plugin(name="target-b", type="loaders", installed=True),
            Plugin(name="tool", type="utilities", installed=True, commands=("ok", "bad")),
            Plugin(name="map", type="mappers", installed=True, mappings=("half", "broken")),
        ),
        pipelines=(
            Pipeline(name="j", blocks=(Block(kind="el", tap="tap-a", target="target-b"),)),
            Pipeline(name="mapped", blocks=(Block(kind="el", tap="tap-a", mappers=("half",), target="target-b"),)),
            Pipeline(name="built", blocks=(Block(kind="command", plugin="tool", command="tool:bad"),)),
        ),
        streams={"tap-a": (stream,)},
    )


def replaying(folder: Path, case: str) -> MeltanoRunner:
    """A runner whose Meltano repeats a recorded case."""
    path = CASES[case]
    return runner_of(folder, fake_meltano(folder, text=path.read_bytes(), exit_code=int(path.name.split(".")[1])))


def runner_of(folder: Path, executable: Path) -> MeltanoRunner:
    """A runner on an empty project with that Meltano."""
    root = write_project(folder / "project")
    return MeltanoRunner(opened(root, folder / "home", executable=executable), read=catalogue)
