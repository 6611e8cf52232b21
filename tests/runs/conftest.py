"""Fixtures of the run tests: a Dagster home on each storage, its instance, and the two readers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from flext_pipelines.runs.code import CodeLocation
from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.instance_records import InstanceRecords
from flext_pipelines.runs.sql_records import SqlRecords
from flext_pipelines.settings import Settings
from tests.dagster_home import database_with_storage, with_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster import DagsterInstance

    from flext_pipelines.runs.records import RunRecords
    from tests.postgres import PostgresServer

CHECKOUT = Path(__file__).parents[2]
SAMPLE = CodeLocation(module="tests.runs.sample", name="sample", working_directory=str(CHECKOUT))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Effective settings with all state in a home of this test, whose Dagster storage is there already."""
    return with_storage(Settings(home=tmp_path / "home", actor="tester"))


@pytest.fixture
def dagster_postgres_url(postgres: PostgresServer, tmp_path: Path) -> Iterator[str]:
    """URL of a fresh database with Dagster's tables, dropped after the test."""
    name = database_with_storage(postgres, tmp_path / "template")
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def stored(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings whose Dagster home lies on SQLite files, and again on PostgreSQL."""
    if request.param == "postgres":
        monkeypatch.setenv("FLEXT_DAGSTER_POSTGRES_URL", request.getfixturevalue("dagster_postgres_url"))
        return Settings(home=tmp_path / "home", actor="tester")
    return with_storage(Settings(home=tmp_path / "home", actor="tester"))


@pytest.fixture
def instance(stored: Settings) -> Iterator[DagsterInstance]:
    """The instance of the home."""
    with open_instance(stored) as made:
        yield made


@pytest.fixture(params=["sql", "dagster"])
def records(request: pytest.FixtureRequest, stored: Settings, instance: DagsterInstance) -> Iterator[RunRecords]:
    """Each of the two readers on the same storage."""
    reader: RunRecords = SqlRecords.open(stored) if request.param == "sql" else InstanceRecords(instance)
    yield reader
    if request.param == "sql":
        reader.close()


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a Python process in a home of this test, as a shell would; what is left of it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "FLEXT_HOME": str(tmp_path / "home"), "FLEXT_ACTOR": "tester", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


LAUNCH = """
import json, sys
from flext_pipelines.runs.launch import launch
from flext_pipelines.settings import Settings
from tests.runs.conftest import SAMPLE
job, config, attached = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] == "attached"
print(launch(Settings(), job, run_config=config, attached=attached, code=SAMPLE), flush=True)
"""


def wait_for_code_server_to_end(folder: Path) -> None:
    """A detached run's code server ends by itself, some two seconds after the run."""

    def servers() -> list[int]:
        found = []
        for process in psutil.process_iter():
            try:
                arguments = process.cmdline()
            except psutil.Error:
                continue
            if "grpc" in arguments and any(str(folder) in argument for argument in arguments):
                found.append(process.pid)
        return found

    wait_for(lambda: not servers(), "the code server to end", 60)


def wait_for(found: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait until something is true; a test fails with its name when it never is."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.02)
