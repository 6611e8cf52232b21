"""The code location behind a webserver and a daemon: runs launched, cancelled and lost as a user would see it."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import psutil
import pytest
from dagster._core.events import EngineEventData

from flext_pipelines.runs.instance import open_instance
from flext_pipelines.runs.location import message_run_config
from flext_pipelines.settings import Settings
from tests.assets.server import Server, served, wait_for
from tests.meltano.projects import loaded, tap, target, write_project

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

ROWS = 3000
"""At 10 ms a row, far more than any of these tests waits for."""


ANNOTATIONS: dict[str, dict[str, object]] = {
    "regions": {"partitions": {"kind": "static", "keys": ["north", "south"]}},
    # What is cancelled stays cancelled, also where a failure would be tried again.
    "cancelled": {"retries": 3, "retry_seconds": 0},
}
SLOW = {"pause": 0.01, "rows": ROWS}


class Site(NamedTuple):
    """A served project: one job, tap and stream of each name.

    Attributes:
        server: Dagster's webserver.
        settings: Of the project and its home.
        taps: What each tap is set to do.
        backfill: A backfill of two partitions, started before the tests: Dagster's daemon looks at it every 30 s.
    """

    server: Server
    settings: Settings
    taps: dict[str, dict[str, object]]
    backfill: str

    def set_tap(self, name: str, **config: object) -> None:
        """Have a tap do something else from its next run on."""
        self.taps[name] = config
        _write(self.settings.meltano_project_root, self.taps)


def _write(root: Path, taps: Mapping[str, dict[str, object]]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    extractors = [
        {**tap(root, f"tap-{name}", True, streams=name, state_every=10, **config), "select": [f"{name}.*"]}
        for name, config in taps.items()
    ]
    write_project(
        root,
        plugins={"extractors": extractors, "loaders": [target(root, "target-files")]},
        jobs=[
            {
                "name": name,
                "tasks": [f"tap-{name} target-files"],
                "annotations": {"flext": ANNOTATIONS.get(name, {})},
            }
            for name in taps
        ],
        schedules=[{"name": "nightly", "job": "quick", "interval": "@daily"}],
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for the module: it takes five seconds to start."""
    folder = tmp_path_factory.mktemp("served")
    settings = Settings(
        home=folder / "home",
        meltano_project_root=folder / "project",
        stop_tap_grace_seconds=20,
        stop_meltano_grace_seconds=5,
    )
    taps: dict[str, dict[str, object]] = {
        "quick": {"rows": 5},
        "regions": {"rows": 3},
        "cancelled": {**SLOW},
        "killed": {**SLOW},
    }
    _write(settings.meltano_project_root, taps)
    environment = {
        "FLEXT_HOME": str(settings.home),
        "FLEXT_MELTANO_PROJECT_ROOT": str(settings.meltano_project_root),
        "FLEXT_STOP_TAP_GRACE_SECONDS": "20",
        "FLEXT_STOP_MELTANO_GRACE_SECONDS": "5",
    }
    with open_instance(settings), served(settings.dagster_home, environment, folder) as server:
        backfill = server.backfill(["regions", "regions"], ["north", "south"])
        made = Site(server, settings, taps, backfill)
        yield made
    assert not _plugins_of(made)


@pytest.fixture(autouse=True)
def _no_process_left_behind() -> None:
    """In place of the check after each test: the site's daemon works on between them. ``site`` looks when it ends."""


def _plugins_of(site: Site) -> list[psutil.Process]:
    """Living Meltano and plugin processes of the project."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(site.settings.meltano_project_root) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def _wait_for_rows(site: Site, stream: str) -> None:
    wait_for(lambda: len(loaded(site.settings.meltano_project_root, stream)) > 30, 60, f"rows of {stream}")


def test_the_ui_finds_assets_jobs_schedules_and_sensors(site: Site) -> None:
    """What meltano.yml declares, and our own jobs, as the webserver tells its pages."""
    answer = site.server.ask(
        """query { repositoriesOrError { ... on RepositoryConnection { nodes {
             jobs { name } schedules { name scheduleState { status } } sensors { name }
             assetNodes { assetKey { path } } } } } }"""
    )

    (nodes,) = answer["repositoriesOrError"]["nodes"]  # type: ignore[index]  # JSON
    assert {"quick", "cancelled", "killed", "message", "etl", "install_plugin"} <= {
        job["name"] for job in nodes["jobs"]
    }
    assert [(one["name"], one["scheduleState"]["status"]) for one in nodes["schedules"]] == [("nightly", "STOPPED")]
    assert {"failure_alert", "project_files_changed"} == {sensor["name"] for sensor in nodes["sensors"]}
    assert ["quick", "quick"] in [node["assetKey"]["path"] for node in nodes["assetNodes"]]


def test_a_secret_in_the_launchpad_never_reaches_the_storage(site: Site) -> None:
    """The webserver answers with our reason, there is no run, and no file of the home holds the text."""
    config = message_run_config(
        "plugins.ConfigurePlugin", {"name": "tap-quick", "settings": {"door": "hunter2hunter2"}}
    )

    refused = site.server.asked_to_launch("message", runConfigData=config)

    assert refused["__typename"] != "LaunchRunSuccess"
    assert "settings may hold a secret" in str(refused)
    stored = [file for file in site.settings.home.rglob("*") if file.is_file() and b"hunter2" in file.read_bytes()]
    assert stored == []


def test_a_run_cancelled_from_graphql_keeps_its_bookmark_and_leaves_no_process(site: Site) -> None:
    """The button stops the tap first: what was loaded is not loaded again, and the run is cancelled, not failed."""
    run = site.server.launch("cancelled")
    _wait_for_rows(site, "cancelled")

    site.server.terminate(run)
    ended = site.server.ended(run)

    reached = loaded(site.settings.meltano_project_root, "cancelled")
    assert ended == "CANCELED"
    assert "record_count" in _compute_log(site, run)
    assert wait_for(lambda: not _plugins_of(site), 10, "end of every plugin")
    assert reached == [*range(1, len(reached) + 1)]
    assert len(reached) < ROWS

    site.set_tap("cancelled", rows=len(reached) + 5)
    again = site.server.launch("cancelled")
    assert site.server.ended(again) == "SUCCESS"
    assert loaded(site.settings.meltano_project_root, "cancelled") == [*range(1, len(reached) + 6)]


def test_a_killed_run_ends_as_failed_and_a_rerun_completes_it(site: Site) -> None:
    """Its process is killed with -9: the plugins end too, the daemon notices, and nothing is missing after a rerun."""
    run = site.server.launch("killed")
    _wait_for_rows(site, "killed")

    os.kill(_pid_of(site, run), signal.SIGKILL)

    assert wait_for(lambda: not _plugins_of(site), 40, "end of every plugin")
    assert site.server.ended(run) == "FAILURE"
    rows = len(loaded(site.settings.meltano_project_root, "killed")) + 5
    site.set_tap("killed", rows=rows)
    again = site.server.launch("killed")
    assert site.server.ended(again) == "SUCCESS"
    assert sorted({*loaded(site.settings.meltano_project_root, "killed")}) == [*range(1, rows + 1)]


def test_a_backfill_from_the_ui_fills_each_partition_once(site: Site) -> None:
    """Two partitions, two runs one after the other, two Singer states: every region has its three rows."""
    done = wait_for(
        lambda: found if (found := site.server.backfilled(site.backfill)).startswith("COMPLETED") else None,
        150,
        "end of the backfill",
    )

    assert done == "COMPLETED_SUCCESS"
    assert loaded(site.settings.meltano_project_root, "regions") == [1, 2, 3, 1, 2, 3]


def _compute_log(site: Site, run: str) -> str:
    """The raw lines of a run, as Dagster keeps them."""
    folder = site.settings.dagster_home / "storage" / run / "compute_logs"
    return "".join(file.read_text() for file in folder.glob("*.out"))


def _pid_of(site: Site, run: str) -> int:
    """The process that performs a run, as Dagster's own event names it."""
    with open_instance(site.settings) as instance:
        events = instance.get_records_for_run(run, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    for record in events:
        event = record.event_log_entry.dagster_event
        data = event.event_specific_data if event else None
        for name, value in (data.metadata if isinstance(data, EngineEventData) else {}).items():
            if name == "pid":
                return int(str(value.value))
    raise AssertionError(json.dumps([record.event_log_entry.message for record in events]))
