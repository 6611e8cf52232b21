"""``flext run`` and ``flext pipelines``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.live import watching
from flext_pipelines.cli.runs import show_failed_checks, show_metrics
from flext_pipelines.cli.session import json_option, prewarm, send, settings
from flext_pipelines.errors import FlextError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flext_pipelines.commands.launching import ExecutionPlan
    from flext_pipelines.commands.runs import Execution
    from flext_pipelines.runs.metrics import RunMetrics


@click.command()
@click.argument("pipeline")
@click.option("--stream", "streams", multiple=True, help="Only this STREAM or TAP.STREAM; may be given several times.")
@click.option("--environment", help="Meltano environment instead of the set one.")
@click.option("--full-refresh", is_flag=True, help="Ignore bookmarks and extract everything again.")
@click.option("--partition", help="Partition key, for a partitioned pipeline.")
@click.option("--set", "overrides", multiple=True, metavar="PLUGIN.SETTING=VALUE", help="A setting for this run only.")
@click.option("--timeout-minutes", type=click.FloatRange(min=0, min_open=True), help="Stop it after so long.")
@click.option("--max-retries", type=click.IntRange(0, 20), help="Further tries after a failure that may pass.")
@click.option("--dry-run", is_flag=True, help="Show what would run and run nothing.")
@click.option("--detach", is_flag=True, help="Hand it to Dagster and return at once; it outlives this shell.")
@json_option
def run(
    pipeline: str,
    streams: tuple[str, ...],
    environment: str | None,
    full_refresh: bool,
    partition: str | None,
    overrides: tuple[str, ...],
    timeout_minutes: float | None,
    max_retries: int | None,
    dry_run: bool,
    detach: bool,
    as_json: bool,
) -> None:
    """Run PIPELINE, a job or schedule of meltano.yml, as a Dagster run and watch it.

    Ctrl-C stops it: the tap first, so that what was loaded is remembered, and the next run goes on from there.

    \b
    Examples:
      flext run wms
      flext run wms --stream order_hdr --stream order_dtl
      flext run wms --full-refresh --set tap-wms.batch_rows=10000
      flext run wms --detach && flext logs --follow wms
    """
    if not (dry_run or detach):
        prewarm()
    from flext_pipelines.commands.runs import ExecutePipelineCommand

    command = ExecutePipelineCommand(
        pipeline_name=pipeline,
        streams=streams,
        environment=environment,
        full_refresh=full_refresh,
        partition=partition,
        parameters=parse_overrides(overrides),
        timeout_minutes=timeout_minutes,
        max_retries=max_retries,
        dry_run=dry_run,
        attached=not detach,
    )
    try:
        with watching(as_json=as_json) as on_progress:
            execution = send(command, on_progress)
    except FlextError as error:
        execution_id = error.details.get("execution_id")
        if isinstance(execution_id, str) and not as_json:
            _show_what_was_done(execution_id)
        raise
    if dry_run or detach:
        _show_launch(execution, as_json=as_json)
        return
    metrics = _metrics(cast("str", execution.execution_id))
    if as_json:
        warehouse = place_of_warehouse() if execution.plan.loads_warehouse else None
        output.print_json({**execution.model_dump(mode="json"), "metrics": metrics, "warehouse": warehouse})
        return
    show_metrics(metrics)
    show_failed_checks(execution.checks_failed)
    click.echo(f"Run {metrics.execution_id} completed in {output.duration(metrics.seconds)}.")
    show_where(execution.plan)


def show_where(plan: ExecutionPlan) -> None:
    """Where the rows of a run lie, or who knows it: only targets that are told our warehouse load into it."""
    if plan.loads_warehouse:
        click.echo(f"Warehouse: {place_of_warehouse()}")
        return
    for target in plan.targets:
        click.echo(f"Loaded by {target}: `flext plugins config {target}` shows where to.")


def parse_overrides(pairs: Sequence[str]) -> dict[str, dict[str, object]]:
    """``plugin.setting=value`` as plugin to setting to value; a value that is JSON is taken as such.

    Raises:
        UsageError: A pair has no plugin, no setting or no value.
    """
    parsed: dict[str, dict[str, object]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        plugin, dot, setting = name.partition(".")
        if not (equals and dot and plugin and setting):
            raise UsageError(
                f"--set {pair!r} is not PLUGIN.SETTING=VALUE", "For instance --set tap-wms.batch_rows=1000"
            )
        try:
            value: object = json.loads(text)
        except json.JSONDecodeError:
            value = text
        parsed.setdefault(plugin, {})[setting] = value
    return parsed


def place_of_warehouse() -> str:
    """The warehouse as a person would look for it: a file's path, or a URL without its password."""
    from sqlalchemy.engine import make_url

    url = make_url(settings().warehouse.get_secret_value())
    if url.get_backend_name() == "duckdb" and url.database:
        return url.database
    return url.render_as_string(hide_password=True)


def _metrics(execution_id: str) -> RunMetrics:
    from flext_pipelines.commands.runs import GetMetricsQuery

    return send(GetMetricsQuery(execution_id=execution_id))


def _show_what_was_done(execution_id: str) -> None:
    """What a run had done before it failed or was stopped; its error follows, so nothing is said of nothing."""
    from flext_pipelines.commands.runs import GetPipelineStatusQuery

    metrics = _metrics(execution_id)
    if metrics.streams or metrics.tables:
        show_metrics(metrics)
    show_failed_checks(send(GetPipelineStatusQuery(execution_id=execution_id)).checks_failed)


def _show_launch(execution: Execution, *, as_json: bool) -> None:
    if as_json:
        output.print_json(execution)
        return
    if execution.execution_id is None:
        _show_plan(execution.plan)
        return
    click.echo(f"Run {execution.execution_id} is {execution.status}. {execution.note}".rstrip())
    click.echo(f"Follow it: flext logs --follow {execution.execution_id[:8]}")


def _show_plan(plan: ExecutionPlan) -> None:
    output.fields(
        {
            "pipeline": plan.pipeline,
            "Dagster job": plan.job,
            "environment": plan.environment,
            "blocks": plan.blocks,
            "streams": plan.streams,
            "partition": plan.partition,
            "full refresh": plan.full_refresh or None,
            "run config": json.dumps(plan.run_config) if plan.run_config else None,
        }
    )
    click.echo("Nothing was launched.")


@click.command()
@click.option("--environment", help="Meltano environment instead of the set one.")
@json_option
def pipelines(environment: str | None, as_json: bool) -> None:
    """List the pipelines of the Meltano project: its jobs, and its extract-and-load schedules.

    \b
    Examples:
      flext pipelines
      flext pipelines --environment prod --json
    """
    from flext_pipelines.commands.pipelines import ListPipelinesQuery

    found = send(ListPipelinesQuery(environment=environment))
    if as_json:
        output.print_json(found)
        return
    rows = [
        (one.name, " then ".join(one.blocks), len(one.streams) or None, one.schedules,
         one.partitions.kind if one.partitions else None, one.problem)
        for one in found
    ]  # fmt: skip
    columns = ("pipeline", "blocks", "streams", "schedules", "partitions", "problem")
    output.table("", columns, rows, empty="meltano.yml has no jobs yet: add one under `jobs:`.")
