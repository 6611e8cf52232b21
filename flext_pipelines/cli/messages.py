"""``flext messages`` and ``flext send``: the catalogue, and any message as JSON."""

from __future__ import annotations

import sys

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.session import json_option


@click.command()
@click.argument("name", required=False)
@json_option
def messages(name: str | None, as_json: bool) -> None:
    """List every message, or show one with its fields, types and documentation.

    \b
    Examples:
      flext messages
      flext messages pipelines.RunMeltanoPipeline
      flext messages data.ExtractData --json     the JSON Schema
    """
    from flext_pipelines.commands import registry

    specs = registry.all_specs()
    if name is None:
        rows = [(spec.name, "command" if spec.is_command else "query", spec.summary) for spec in specs]
        if as_json:
            output.print_json([{"name": row[0], "kind": row[1], "summary": row[2]} for row in rows])
        else:
            output.table("", ("message", "kind", "what it does"), rows, empty="No messages.")
        return
    spec = registry.find(specs, name)
    if as_json:
        output.print_json(registry.json_schema(spec))
        return
    click.echo(click.style(spec.name, bold=True) + ("  (command)" if spec.is_command else "  (query)"))
    click.echo(spec.description + "\n")
    documented = [tuple(field) for field in registry.fields_of(spec)]
    output.table("", ("field", "type", "default", "description"), documented, empty="It has no fields.")


@click.command()
@click.argument("name")
@click.argument("payload", default="{}")
@json_option
def send(name: str, payload: str, as_json: bool) -> None:
    """Send the message NAME with its fields as JSON; `-` reads them from standard input.

    Long work runs inside a Dagster run, as everywhere; its run id is printed with the answer.

    \b
    Examples:
      flext send wms.SeedSample '{"orders": 500}'
      flext send runs.GetPipelineStatus '{"pipeline_name": "wms"}' --json
      flext send data.ExtractData - < extract.json
    """
    from flext_pipelines.cli.performing import perform
    from flext_pipelines.commands import registry

    spec = registry.find(registry.all_specs(), name)
    message = registry.parse(spec, sys.stdin.buffer.read() if payload == "-" else payload)
    answer = perform(spec, message, as_json=as_json)
    if as_json or not hasattr(answer, "model_dump"):
        output.print_json(answer)
    else:
        output.fields(answer.model_dump(mode="json"))
