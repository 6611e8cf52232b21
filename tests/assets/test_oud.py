"""The job `oud_migration` on a small export: an asset for each phase, with counts, a preview and the report."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster import ExecuteInProcessResult

from flext_pipelines.assets.oud import PHASES, migration_assets, migration_job, migration_resource
from flext_pipelines.commands import oud, registry
from flext_pipelines.commands.bus import Bus, Ports
from flext_pipelines.oud.migration import plan
from flext_pipelines.oud.migration.judge import judge
from flext_pipelines.runs.location import OUD_JOB, migration_run_config
from tests.oud.migration.exports import BASE, domain, person, unit, write

ACI = "orclaci: access to entry by * (browse)"


@pytest.fixture
def definitions() -> dg.Definitions:
    """The assets of the migration, on a bus of the directory's messages."""
    messages = {"oud.MigrateOUDData"}
    specs = [spec for spec in registry.collect([oud]) if spec.name in messages]
    bus = Bus(specs, ports=Ports({}))
    return dg.Definitions(
        assets=migration_assets(),
        jobs=[migration_job()],
        resources={"bus": dg.ResourceDefinition.hardcoded_resource(bus), OUD_JOB: migration_resource()},
        executor=dg.in_process_executor,
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def perform(
    definitions: dg.Definitions, instance: dg.DagsterInstance, phases: list[str] | None = None, **fields: object
) -> ExecuteInProcessResult:
    """Run the job, or some of its assets."""
    keys = [dg.AssetKey([OUD_JOB, phase]) for phase in phases or ()]
    return definitions.resolve_job_def(OUD_JOB).execute_in_process(
        run_config=migration_run_config({"base_dn": BASE, "probes": 100, **fields}), instance=instance,
        asset_selection=keys or None, raise_on_error=False,
    )  # fmt: skip


def metadata(result: ExecuteInProcessResult, phase: str) -> dict[str, object]:
    """What a phase recorded."""
    (made,) = result.asset_materializations_for_node(f"{OUD_JOB}__{phase}")
    return {name: value.value for name, value in made.metadata.items()}


def test_the_phases_are_those_of_the_domain() -> None:
    """There is an asset for each phase, in their order."""
    assert tuple(PHASES) == plan.PHASES


def test_each_phase_records_what_it_did(
    definitions: dg.Definitions, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Counts stand on each phase; on the last one the report, a preview, and what needs a person."""
    export = write(tmp_path / "e.ldif", [domain(ACI), unit("ou=a"), person("ann"), person("bob", f"ou=b,{BASE}")])

    result = perform(definitions, instance, input_file=str(export), output_dir=str(tmp_path / "out"))

    assert result.success
    assert {phase: metadata(result, phase)["records"] for phase in ("hierarchy", "users", "acls", "rejected")} == {
        "hierarchy": 2, "users": 1, "acls": 1, "rejected": 1,
    }  # fmt: skip
    last = metadata(result, "report")
    assert last["report"] == str(tmp_path / "out" / "report.html")
    assert str(last["preview"]).startswith("# Migration of dc=example,dc=com")
    assert "rejected-orphan" in str(last["result"])
    assert judge(tmp_path / "out").sound


def test_a_run_can_begin_with_any_phase(
    definitions: dg.Definitions, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Phases that were made by another run are not made again."""
    export = write(tmp_path / "e.ldif", [domain(ACI), person("ann")])
    fields = {"input_file": str(export), "output_dir": str(tmp_path / "out")}
    first = perform(definitions, instance, ["schema", "read", "hierarchy", "users", "groups"], **fields)

    second = perform(definitions, instance, ["acls", "rejected", "report"], **fields)

    assert first.success
    assert second.success
    assert judge(tmp_path / "out").sound


def test_a_phase_that_cannot_go_on_fails_for_good(
    definitions: dg.Definitions, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """A phase without those before it says which is missing, and is not tried again."""
    export = write(tmp_path / "e.ldif", [domain(ACI)])

    result = perform(definitions, instance, ["acls"], input_file=str(export), output_dir=str(tmp_path / "out"))

    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "no migration" in str(failure.step_failure_data.user_failure_data)
    assert not result.success
