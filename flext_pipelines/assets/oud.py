"""The job ``oud_migration``: one asset for each phase of a directory migration.

Each sends one message that performs its phase; what a phase leaves lies in the folder of the result, so that the run
can be made again from any of them. The message's fields are the config of one resource, the same for all phases.

What belongs here: these assets and their job. What does not: how any of it is done (``commands/oud/migration.py``).
"""

from collections.abc import Mapping
from typing import cast

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from flext_pipelines.assets.bus import BUS
from flext_pipelines.assets.failures import translated
from flext_pipelines.assets.messages import RESULT, present, send
from flext_pipelines.assets.metadata import Metadata
from flext_pipelines.assets.run_config import config_fields
from flext_pipelines.commands import oud, registry
from flext_pipelines.commands.registry import MessageSpec
from flext_pipelines.runs.location import OUD_JOB

MESSAGE = "oud.MigrateOUDData"
PHASES: dict[str, str] = {
    "schema": "What OUD lacks of OID's schema, as 99-user.ldif.",
    "read": "Every record of the export, transformed, in order of the tree.",
    "hierarchy": "Containers, as numbered LDIF files.",
    "users": "People, and what stands below them.",
    "groups": "Groups, and what values refer to.",
    "acls": "Access control, converted and proved.",
    "rejected": "What did not go, with reasons.",
    "report": "The sum, the report, and the whole folder in its place.",
}
_MOST_MARKDOWN = 60_000


def migration_assets() -> list[dg.AssetsDefinition]:
    """An asset for each phase, after the one before."""
    spec = registry.find(registry.collect([oud]), MESSAGE)
    names = [*PHASES]
    return [_asset(spec, phase, before) for phase, before in zip(names, [None, *names], strict=False)]


def migration_job() -> UnresolvedAssetJobDefinition:
    """The job that makes them all."""
    return dg.define_asset_job(
        OUD_JOB,
        selection=dg.AssetSelection.assets(*(dg.AssetKey([OUD_JOB, phase]) for phase in PHASES)),
        description="A directory migration: the resource's config says what to migrate.",
    )


def migration_resource() -> dg.ResourceDefinition:
    """What to migrate: the message's fields, without the phases, which the assets give."""
    spec = registry.find(registry.collect([oud]), MESSAGE)
    fields = config_fields(spec, without=["input_file", "base_dn", "output_dir"])
    kept = {name: field for name, field in fields.items() if name not in {"from_phase", "to_phase"}}
    return dg.ResourceDefinition(
        resource_fn=lambda context: present(context.resource_config),
        config_schema=kept,
        description="What a migration is asked.",
    )


def _asset(spec: MessageSpec, phase: str, before: str | None) -> dg.AssetsDefinition:
    @dg.asset(
        key=dg.AssetKey([OUD_JOB, phase]),
        deps=[] if before is None else [dg.AssetKey([OUD_JOB, before])],
        description=PHASES[phase],
        group_name=OUD_JOB,
        kinds={"ldif"},
        required_resource_keys={BUS, OUD_JOB},
    )
    def migration_phase(context: dg.AssetExecutionContext) -> dg.MaterializeResult[object]:
        with translated(context):
            fields = getattr(context.resources, OUD_JOB)
            answer = cast(
                "Mapping[str, object]", send(context, spec, {**fields, "from_phase": phase, "to_phase": phase})
            )
            return dg.MaterializeResult(metadata=_metadata(answer))

    return migration_phase


def _metadata(answer: Mapping[str, object]) -> Metadata:
    """Counts of the phase, and with the last one the report."""
    (performed,) = cast("list[dict[str, int]]", answer["performed"])
    metadata: Metadata = {name: performed[name] for name in ("records", "files", "bytes", "seconds")}
    metadata["folder"] = dg.MetadataValue.path(str(answer["out"]))
    if answer["report"]:
        metadata["report"] = dg.MetadataValue.path(str(answer["report"]))
        metadata["preview"] = dg.MetadataValue.md(str(answer["markdown"])[:_MOST_MARKDOWN])
        metadata[RESULT] = dg.MetadataValue.json({name: answer[name] for name in ("counters", "needs", "warnings")})
    return metadata
