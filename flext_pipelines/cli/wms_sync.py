"""``flext wms sync``, ``status``, ``validate``, ``sync-health``: Oracle WMS Cloud into the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.live import watching
from flext_pipelines.cli.options import command_for
from flext_pipelines.cli.session import json_option, send
from flext_pipelines.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from flext_pipelines.meltano.plugin_values import ValidationReport
    from flext_pipelines.wms.syncing import SyncHealth, SyncReport, SyncStatus


@click.command()
@click.option("--full", is_flag=True, help="Read everything anew in one run, and replace the tables.")
@click.option("--facility", "facilities", multiple=True, help="Only this facility; repeat it for several.")
@click.option("--entity", "entities", multiple=True, help="Only this entity; repeat it for several.")
@click.option("--environment", help="Meltano environment: dev, staging, prod.")
@click.option(
    "--full-refresh", is_flag=True, help="Ignore bookmarks: read each facility from the first change on, and upsert."
)
@click.option(
    "--max-retries", type=click.IntRange(0, 20), help="Tries after a failure; by default as meltano.yml says."
)
@click.option("--dry-run", is_flag=True, help="Say what would run, and launch nothing.")
@click.option("--detach", is_flag=True, help="Hand the runs to Dagster and return at once.")
@json_option
def sync(
    full: bool,
    facilities: tuple[str, ...],
    entities: tuple[str, ...],
    environment: str | None,
    full_refresh: bool,
    max_retries: int | None,
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Load what changed in Oracle WMS Cloud into the warehouse, facility by facility.

    TAP_ORACLE_WMS_BASE_URL, TAP_ORACLE_WMS_USERNAME and TAP_ORACLE_WMS_PASSWORD say where from; `flext wms validate`
    tells what is missing. Ctrl-C stops the run under way, keeps its bookmarks, and begins no further one.

    \b
    Examples:
      flext wms sync
      flext wms sync --facility DC01 --entity inventory
      flext wms sync --full --environment prod
    """
    from flext_pipelines.commands.wms.sync import SyncWmsCommand

    command = SyncWmsCommand(
        mode="full" if full else "incremental",
        facilities=facilities,
        entities=entities,
        environment=environment,
        full_refresh=full_refresh,
        max_retries=max_retries,
        dry_run=dry_run,
        attached=not detach,
    )
    with watching(as_json=as_json) as on_progress:
        report = send(command, on_progress)
    if as_json:
        output.print_json(report)
        return
    _show_report(report)


def _show_report(report: SyncReport) -> None:
    rows = [(part.partition or "all", part.execution_id or "-", part.status or "not launched") for part in report.parts]
    output.table(report.pipeline, ("facility", "run", "status"), rows, empty="Nothing was to be run.")
    for block in report.blocks:
        click.echo(f"Would run: {block}")


def _show_status(answer: object) -> None:
    status = cast("SyncStatus", answer)
    entities = [
        (
            one.entity, one.table, one.rows, output.moment(one.changed_at), output.moment(one.loaded_at),
            output.moment(one.read_at),
            f"{one.limit_hours:g} h", one.stale,
        )
        for one in status.entities
    ]  # fmt: skip
    output.table(
        f"Oracle WMS Cloud in the warehouse ({status.environment})",
        ("entity", "table", "rows", "changed", "loaded", "read", "may be", "stale"),
        entities,
        empty="The sync has no entities.",
    )
    runs = [
        (one.pipeline, one.partition or "all", one.status, output.moment(one.started_at), one.execution_id)
        for one in status.runs
    ]
    output.table("Last runs", ("pipeline", "facility", "status", "started", "run"), runs, empty="It has never run.")


def _show_validation(answer: object) -> None:
    report = cast("ValidationReport", answer)
    for one in report.problems:
        click.echo(f"{one.severity}: {one.message}\n      {one.instruction}")
    if report.ok:
        click.echo(f"The sync is configured in {', '.join(report.environments) or 'the set environment'}.")


def _judge_validation(answer: object) -> None:
    report = cast("ValidationReport", answer)
    errors = sum(one.severity == "error" for one in report.problems)
    if errors:
        raise ConfigError(
            f"The configuration of the sync has {errors} error{'s' * (errors != 1)}", "Each is told above"
        )


def _show_health(answer: object) -> None:
    health = cast("SyncHealth", answer)
    rows = [(one.name, one.health, f"{one.seconds:.2f}", one.detail) for one in health.probes]
    output.table(f"The sync is {health.health}", ("probe", "health", "seconds", "detail"), rows, empty="Nothing tried.")


def _judge_health(answer: object) -> None:
    health = cast("SyncHealth", answer)
    if health.health != "healthy":
        worst = next(one for one in health.probes if one.health == health.health)
        raise UnavailableError(f"The sync is {health.health}: {worst.name}", worst.detail)


SYNC_COMMANDS = (
    sync,
    command_for("wms.GetSyncStatus", "status", _show_status, examples=("flext wms status --environment prod",)),
    command_for(
        "wms.ValidateSync", "validate", _show_validation, judge=_judge_validation, examples=("flext wms validate",)
    ),
    command_for("wms.GetSyncHealth", "sync-health", _show_health, judge=_judge_health,
                examples=("flext wms sync-health",)),
)  # fmt: skip
"""The commands of this module, in the order in which people meet them."""
