"""``flext stop``, ``status``, ``logs`` and ``metrics``: what became of runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.session import json_option, send

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flext_pipelines.runs.logs import ExecutionLogs
    from flext_pipelines.runs.metrics import RunMetrics
    from flext_pipelines.runs.record import CheckResult
    from flext_pipelines.runs.status import Overview, PipelineStatus, RunSummary

_LOOKS_LIKE_ID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{0,4}){0,4}[0-9a-f]*", re.IGNORECASE)
_LEVELS = ("debug", "info", "warning", "error", "critical")
_LEVEL_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "debug": "bright_black"}


def run_or_pipeline(name: str) -> dict[str, str]:
    """``execution_id`` for what looks like the id of a run, else ``pipeline_name``: its last run is meant."""
    return {"execution_id": name} if _LOOKS_LIKE_ID.fullmatch(name) else {"pipeline_name": name}


@click.command()
@click.argument("run")
@click.option("--force", is_flag=True, help="Kill it at once; its last bookmark may be lost.")
@click.option("--timeout-seconds", type=click.FloatRange(min=0), help="Kill it when it has not ended by then.")
@json_option
def stop(run: str, force: bool, timeout_seconds: float | None, as_json: bool) -> None:
    """Stop RUN, an id (or its first characters) or a pipeline's name; bookmarks are kept.

    \b
    Examples:
      flext stop 01a2056d
      flext stop wms
    """
    from flext_pipelines.commands.runs import StopMeltanoPipelineCommand

    command = StopMeltanoPipelineCommand(execution_id=execution_of(run), force=force, timeout_seconds=timeout_seconds)
    answer = send(command)
    output.print_json(answer) if as_json else click.echo(
        f"Run {answer.execution_id}: {answer.note}.".replace("..", ".")
    )


def execution_of(name: str) -> str:
    """The run id that a run or a pipeline's name stands for.

    Raises:
        NotFoundError: There is no such run.
    """
    from flext_pipelines.commands.runs import GetPipelineStatusQuery

    found = run_or_pipeline(name)
    return found.get("execution_id") or send(GetPipelineStatusQuery(**found)).execution_id


@click.command()
@click.argument("run", required=False)
@click.option("--previous", default=0, help="With so many earlier runs of the same pipeline.")
@json_option
def status(run: str | None, previous: int, as_json: bool) -> None:
    """How things stand; or what has become of RUN, an id or a pipeline's name.

    \b
    Examples:
      flext status
      flext status wms --previous 5
      flext status 01a2056d --json
    """
    from flext_pipelines.commands.runs import GetPipelineStatusQuery, GetStatusQuery

    if run is None:
        overview = send(GetStatusQuery())
        output.print_json(overview) if as_json else show_overview(overview)
        return
    answer = send(GetPipelineStatusQuery(**run_or_pipeline(run), previous=previous))
    output.print_json(answer) if as_json else show_status(answer)


def show_overview(overview: Overview) -> None:
    """The last run of each pipeline, what runs and waits, what failed."""
    _runs_table("Last run of each pipeline", overview.pipelines, empty="Nothing ran yet: flext run PIPELINE")
    if overview.running:
        _runs_table("Running", overview.running, empty="")
    if overview.queued:
        _runs_table("Waiting", overview.queued, empty="")
    if overview.failures:
        _runs_table("Latest failures", overview.failures, empty="")
    if not overview.daemon_alive:
        click.echo("Dagster's daemon is not running: schedules do not tick. `flext dagster dev` starts it.")


def _runs_table(title: str, runs: Sequence[RunSummary], *, empty: str) -> None:
    rows = [
        (run.execution_id[:8], run.pipeline, run.status, run.partition, run.source, run.actor,
         output.moment(run.started_at or run.created_at), output.duration(run.seconds))
        for run in runs
    ]  # fmt: skip
    columns = ("run", "pipeline", "status", "partition", "door", "actor", "started", "took")
    output.table(title, columns, rows, empty=empty)


def show_status(answer: PipelineStatus) -> None:
    """One run in full."""
    progress = f"{answer.progress:.0%}" if answer.progress is not None else None
    assets = f"{answer.assets_done} of {answer.assets_planned}" if answer.assets_planned else None
    output.fields(
        {
            "run": answer.execution_id,
            "pipeline": answer.pipeline,
            "status": click.style(answer.status, fg=output.STATUS_COLOURS.get(answer.status)),
            "environment": answer.environment,
            "partition": answer.partition,
            "actor": answer.actor,
            "door": answer.source,
            "started": output.moment(answer.started_at) if answer.started_at else None,
            "took": output.duration(answer.seconds) if answer.seconds is not None else None,
            "progress": progress,
            "streams done": assets,
            "note": answer.note,
        }
    )
    if answer.error is not None:
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {answer.error.reason}")
        if answer.error.instruction:
            click.echo(f"{click.style('Next:', fg='cyan')}  {answer.error.instruction}")
    show_failed_checks(answer.checks_failed)
    if answer.previous:
        _runs_table("Earlier", answer.previous, empty="")


def show_failed_checks(failed: Sequence[CheckResult]) -> None:
    """What asset checks found wrong: warnings, since the data are loaded and the run's own end stands beside them."""
    for one in failed:
        graded = "error, blocks what lies downstream" if one.blocking and one.severity == "error" else one.severity
        said = one.description.rstrip(".") or "it did not pass"
        click.echo(
            f"{click.style('Warning:', fg='yellow', bold=True)} check {one.check} of {one.asset} failed "
            f"({graded}): {said}."
        )


@click.command()
@click.argument("run")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends.")
@click.option("--raw", is_flag=True, help="The output of Meltano and its plugins instead of Dagster's events.")
@click.option("--level", type=click.Choice(_LEVELS), default="info", show_default=True, help="This level and above.")
@click.option("--limit", default=100, show_default=True, help="Events of one page.")
@click.option("--cursor", help="Go on after this page's cursor.")
@json_option
def logs(run: str, follow: bool, raw: bool, level: str, limit: int, cursor: str | None, as_json: bool) -> None:
    """The log of RUN, an id or a pipeline's name.

    \b
    Examples:
      flext logs wms
      flext logs wms --follow
      flext logs 01a2056d --raw | grep tap-wms
    """
    from flext_pipelines.commands.runs import GetExecutionLogsQuery

    execution_id = execution_of(run)
    while True:
        page = send(
            GetExecutionLogsQuery.model_validate(
                {
                    "execution_id": execution_id,
                    "source": "raw" if raw else "events",
                    "level": level,
                    "limit": limit,
                    "cursor": cursor,
                    "wait_seconds": 10 if follow else 0,
                }
            )
        )
        output.print_json(page) if as_json else show_page(page)
        cursor = page.cursor
        if page.finished or not (follow or (raw and page.more)):
            break
    if page.more and not as_json:
        click.echo(f"More: flext logs {execution_id[:8]} --cursor {cursor}", err=True)


def show_page(page: ExecutionLogs) -> None:
    """Lines of a log, oldest first."""
    for line in page.raw:
        click.echo(readable(line.text))
    for event in page.events:
        colour = _LEVEL_COLOURS.get(event.level)
        step = f"{event.step}: " if event.step else ""
        click.echo(click.style(f"{output.moment(event.time)} {event.level:<8} {step}{event.message}", fg=colour))


def readable(line: str) -> str:
    """A line of Meltano's JSON log as a person reads it; any other line as it is."""
    import json

    if not line.startswith("{"):
        return line
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return line
    if not isinstance(record, dict) or not isinstance(record.get("event"), str):
        return line
    who = record.get("string_id") or record.get("name") or "meltano"
    measured = record.get("metric_info") or {}
    tags = {name: value for name, value in measured.get("tags", {}).items() if name == "stream"}
    extra = f" {measured.get('metric')}={measured.get('value')} {tags}" if measured else ""
    level = str(record.get("level", "info"))
    when = str(record.get("timestamp", ""))[11:19]
    return click.style(f"{when} {level:<8} {who}: {record['event']}{extra}", fg=_LEVEL_COLOURS.get(level))


@click.command()
@click.argument("run")
@json_option
def metrics(run: str, as_json: bool) -> None:
    """Rows, bytes and seconds of RUN (an id or a pipeline's name), per stream.

    \b
    Examples:
      flext metrics wms
      flext metrics 01a2056d --json
    """
    from flext_pipelines.commands.runs import GetMetricsQuery

    answer = send(GetMetricsQuery(**run_or_pipeline(run)))
    output.print_json(answer) if as_json else show_metrics(answer)


def show_metrics(metrics: RunMetrics) -> None:
    """What a run moved, per stream and in all; then what else it made, whose rows are no part of that."""
    columns = ("stream", "extracted", "loaded", "rejected", "seconds", "rows/s", "bookmark")
    rows: list[tuple[object, ...]] = [
        (one.stream, one.rows_extracted, one.rows_loaded, one.rows_rejected, one.seconds,
         round(one.rows_per_second) if one.rows_per_second else None, one.bookmark_after)
        for one in metrics.streams
    ]  # fmt: skip
    if len(rows) > 1:
        rate = round(metrics.rows_per_second) if metrics.rows_per_second else None
        rows.append(
            ("in all", metrics.rows_extracted, metrics.rows_loaded, metrics.rows_rejected, metrics.seconds, rate, None)
        )
    if rows or not metrics.tables:
        output.table(metrics.pipeline, columns, rows, empty="No stream was moved.")
    if metrics.tables:
        made = [(one.asset, one.rows_loaded, one.seconds) for one in metrics.tables]
        output.table("Also made", ("asset", "rows", "seconds"), made, empty="")
