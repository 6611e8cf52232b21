"""``dagster dev`` on loopback, webserver and daemon, and GraphQL as the UI speaks it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

import psutil

import flext_pipelines
from flext_pipelines.runs.location import CODE_LOCATION, REPOSITORY
from tests.ports import free_port

T = TypeVar("T")

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message errorChain { error { message } } }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
TERMINATE = """
mutation Terminate($run: String!) {
  terminateRun(runId: $run) { __typename ... on TerminateRunFailure { message } }
}
"""
BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}
"""
BACKFILL_STATUS = """
query Status($backfill: String!) {
  partitionBackfillOrError(backfillId: $backfill) { ... on PartitionBackfill { status } }
}
"""
STATUS = """
query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }
"""
WORKSPACE = Path(flext_pipelines.__file__).parent.parent / "workspace.yaml"
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}


class Server:
    """A running webserver.

    Attributes:
        url: Its GraphQL address.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: object) -> dict[str, object]:
        """The ``data`` of a GraphQL answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError as refused:  # Dagster's answer where code of ours raised, which the UI shows
            told = json.load(refused)
        assert "errors" not in told, told["errors"]
        data: dict[str, object] = told["data"]
        return data

    def launch(self, job: str, **params: object) -> str:
        """Launch a job as the launchpad does; the run id."""
        launched = self.asked_to_launch(job, **params)
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(cast("dict[str, object]", launched["run"])["runId"])

    def asked_to_launch(self, job: str, **params: object) -> dict[str, object]:
        """What the launchpad is answered, whether there is a run or not."""
        selector = {"repositoryLocationName": CODE_LOCATION, "repositoryName": REPOSITORY, "jobName": job}
        launched = self.ask(LAUNCH, params={"selector": selector, "runConfigData": {}, **params})["launchRun"]
        assert isinstance(launched, dict)
        return launched

    def terminate(self, run: str) -> None:
        """Cancel a run as the UI's button does."""
        answer = self.ask(TERMINATE, run=run)["terminateRun"]
        assert isinstance(answer, dict)
        assert answer["__typename"] == "TerminateRunSuccess", answer

    def status(self, run: str) -> str:
        """Dagster's word for where a run stands."""
        answer = self.ask(STATUS, run=run)["runOrError"]
        assert isinstance(answer, dict)
        return str(answer["status"])

    def backfill(self, path: Sequence[str], partitions: Sequence[str]) -> str:
        """Start a backfill of an asset as its page does; its id."""
        params = {"assetSelection": [{"path": [*path]}], "partitionNames": [*partitions], "tags": []}
        launched = self.ask(BACKFILL, params=params)["launchPartitionBackfill"]
        assert isinstance(launched, dict)
        assert launched["__typename"] == "LaunchBackfillSuccess", launched
        return str(launched["backfillId"])

    def backfilled(self, backfill: str) -> str:
        """Dagster's word for where a backfill stands."""
        answer = self.ask(BACKFILL_STATUS, backfill=backfill)["partitionBackfillOrError"]
        assert isinstance(answer, dict)
        return str(answer["status"])

    def ended(self, run: str, seconds: float = 90) -> str:
        """How a run ended, waited for."""
        return wait_for(lambda: found if (found := self.status(run)) in FINISHED else None, seconds, f"end of {run}")


def wait_for(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """What ``look`` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    message = f"no {what} within {seconds:g} s"
    raise AssertionError(message)


@contextmanager
def served(home: Path, environment: Mapping[str, str], logs: Path) -> Iterator[Server]:
    """``dagster dev`` over the checkout's ``workspace.yaml``, ended with everything that it started."""
    port = free_port()
    argv = [str(Path(sys.executable).parent / "dagster"), "dev", "-w", str(WORKSPACE), "-h", "127.0.0.1"]
    variables = {**os.environ, **environment, "DAGSTER_HOME": str(home)}
    log = logs / "dagster-dev.log"
    with log.open("wb") as output:
        process = psutil.Popen(
            [*argv, "-p", str(port)], env=variables, stdout=output, stderr=subprocess.STDOUT, cwd=logs
        )
    try:
        server = Server(port)
        wait_for(lambda: _answers(server, process, log), 60, "webserver")
        yield server
    finally:
        _end(process)


def _end(process: psutil.Popen) -> None:
    """Ask as Ctrl-C does, wait, insist."""
    everything = [process, *process.children(recursive=True)]
    process.send_signal(signal.SIGINT)
    _, left = psutil.wait_procs(everything, timeout=20)
    for one in left:
        one.kill()
    psutil.wait_procs(left, timeout=5)


def _answers(server: Server, process: psutil.Popen, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        loaded = server.ask("query { repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
    except (urllib.error.URLError, ConnectionError):
        return False
    found = loaded["repositoriesOrError"]
    return isinstance(found, dict) and bool(found.get("nodes"))
