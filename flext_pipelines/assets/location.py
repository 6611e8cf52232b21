"""The code location: everything that Dagster sees, put together from a project's catalogue.

Loading it starts no process and, when the project's files are unchanged, imports no Meltano: each run's process loads
it again, so that a second here is a second in every run.

What belongs here: assembly, with everything replaceable by keyword. What does not: what is assembled.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, cast

import dagster as dg

from flext_pipelines.assets.bus import BUS, bus_resource
from flext_pipelines.assets.contracts import contract_checks
from flext_pipelines.assets.data import data_jobs
from flext_pipelines.assets.guard import (
    CheckOverrides,
    Overrides,
    guarded_resource,
    no_check,
    refuse_overrides,
    refuse_texts,
)
from flext_pipelines.assets.meltano_run import option_fields
from flext_pipelines.assets.messages import message_job
from flext_pipelines.assets.oud import migration_assets, migration_job, migration_resource
from flext_pipelines.assets.pipelines import pipeline_definitions
from flext_pipelines.assets.plugins import plugin_jobs
from flext_pipelines.assets.sensors import failure_alert, project_files_changed
from flext_pipelines.assets.transforms import mart_asset, marts_by_pipeline, read_marts
from flext_pipelines.errors import FlextError
from flext_pipelines.runs.location import OUD_JOB, RUN_OPTIONS_RESOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flext_pipelines.commands.bus import Bus
    from flext_pipelines.meltano.catalogue import ProjectCatalogue
    from flext_pipelines.meltano.project import MeltanoProject
    from flext_pipelines.settings import Settings


class DefinitionsError(Exception):
    """The Meltano project cannot be shown: what is wrong with it, where, and what to do, in one paragraph."""


def build_definitions(
    catalogue: ProjectCatalogue,
    *,
    project: MeltanoProject | None = None,
    bus: Bus | None = None,
    current_fingerprint: Callable[[], str] | None = None,
    executor: dg.ExecutorDefinition = dg.in_process_executor,
) -> dg.Definitions:
    """The definitions of a project.

    Args:
        catalogue: What the project holds.
        project: Where it lies, for references to its files, contracts and transforms; none are made without it.
        bus: The bus that steps send through; by default that of the process, built at its first step.
        current_fingerprint: Gives the fingerprint of now, to compare with that of the catalogue.
        executor: By default steps run in the run's own process: starting one for each costs 1.2 s a step.

    Raises:
        ConfigError: An annotation in the project cannot be understood.
    """
    check = functools.partial(_refuse_secrets, project) if project else no_check
    marts = read_marts(project.root) if project else ()
    after = marts_by_pipeline(marts, [pipeline.name for pipeline in catalogue.pipelines])
    pipelines = pipeline_definitions(catalogue, project.file if project else None, after)
    paths = [*pipelines.paths, *(mart.path for mart in marts)]
    sensors = [failure_alert()]
    if current_fingerprint is not None:
        sensors.append(project_files_changed(catalogue.fingerprint, current_fingerprint))
    return dg.Definitions(
        assets=[*pipelines.assets, *(mart_asset(mart) for mart in marts), *migration_assets()],
        asset_checks=[*contract_checks(project.root, paths)] if project else [],
        jobs=[*pipelines.jobs, message_job(check), *data_jobs(), *plugin_jobs(), migration_job()],
        schedules=pipelines.schedules,
        sensors=sensors,
        resources={
            BUS: bus_resource() if bus is None else dg.ResourceDefinition.hardcoded_resource(bus),
            RUN_OPTIONS_RESOURCE: run_options(check),
            OUD_JOB: migration_resource(),
        },
        executor=executor,
    )


def run_options(check: CheckOverrides) -> dg.ResourceDefinition:
    """The options of one run, for every block of its pipeline; the fields are those of the message."""
    fields = option_fields()
    options = dg.ResourceDefinition(
        resource_fn=_set_options,
        config_schema=fields,
        description="Options of this run, for every block of its pipeline.",
    )

    def refuse_options(config: Mapping[str, object]) -> None:
        refuse_texts("The options of a run", config)
        refuse_overrides(config, check)

    return guarded_resource(options, refuse_options, fields)


def _refuse_secrets(project: MeltanoProject, overrides: Overrides, environment: str | None) -> None:
    """Refuse settings that are secret by what their plugins say, all that they inherit included."""
    from flext_pipelines.meltano.overrides import override_variables

    override_variables(project.in_environment(environment), overrides)


def _set_options(context: dg.InitResourceContext) -> dict[str, object]:
    config = cast("Mapping[str, object]", context.resource_config or {})
    return {name: value for name, value in config.items() if value is not None}


def load_definitions(settings: Settings | None = None) -> dg.Definitions:
    """The definitions of the project that the settings name.

    Raises:
        DefinitionsError: The project cannot be read. It carries no stack of ours: what must be changed is in a file
            of the project, and Dagster shows the stack of whatever it cannot load.
    """
    from flext_pipelines.meltano.introspection import read_catalogue
    from flext_pipelines.meltano.project import MeltanoProject
    from flext_pipelines.settings import Settings

    project = MeltanoProject.from_settings(settings or Settings())
    try:
        return build_definitions(
            read_catalogue(project),
            project=project,
            current_fingerprint=functools.partial(_fingerprint, project),
        )
    except FlextError as error:
        told = DefinitionsError(f"The Meltano project in {project.root} cannot be loaded. {error}")
    raise told from None


def _fingerprint(project: MeltanoProject) -> str:
    from flext_pipelines.meltano.introspection import read_catalogue

    return read_catalogue(project).fingerprint
