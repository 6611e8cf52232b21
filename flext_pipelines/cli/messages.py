"""``flext messages`` and ``flext send``: the catalogue, and any message as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.session import json_option
from flext_pipelines.cli.written import STANDARD_INPUT, read_written


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
@click.argument("fields", default="{}", metavar="[FIELDS]")
@json_option
def send(name: str, fields: str, as_json: bool) -> None:
    """Send the message NAME, whatever it is; `flext messages` lists them, `flext messages NAME` shows its fields.

    FIELDS are a JSON object; @FILE, which holds JSON or YAML; or @- to read either from standard input. Leave them out
    where no field is required. Everybody on this machine can read a command line, so that a secret belongs into a file.

    Long work runs inside a Dagster run, as everywhere; its run id is printed before the answer. Answers are shown as
    fields and tables; --json prints them, and errors, for programs.

    \b
    Examples:
      flext send runs.GetStatus
      flext send wms.SeedSample '{"orders": 500}'
      flext send data.TransformData @open_orders.yml
      jq '{name: .plugin, settings}' wanted.json | flext send plugins.ConfigurePlugin @-
      flext send runs.GetPipelineStatus '{"pipeline_name": "wms"}' --json | jq -r .status
    """
    from flext_pipelines.cli.performing import perform
    from flext_pipelines.commands import registry

    spec = registry.find(registry.all_specs(), name)
    message = registry.parse(spec, _payload(spec.name, fields))
    answer = perform(spec, message, as_json=as_json)
    if as_json:
        output.print_json(answer)
        return
    from flext_pipelines.cli.answers import show_answer

    show_answer(answer)


def _payload(name: str, fields: str) -> str | Mapping[str, object]:
    """The fields of a message as they were given.

    Raises:
        UsageError: They are no object.
    """
    from flext_pipelines.errors import UsageError

    text = fields.strip()
    if text.startswith("{"):
        return text
    if text != STANDARD_INPUT and not text.startswith("@"):
        raise UsageError(
            f"Fields are a JSON object or @FILE, and {fields!r} is neither",
            f"Write @{text}" if Path(text).is_file() else f"`flext messages {name}` shows the fields, --help examples",
        )
    place = text.removeprefix("@")
    found = read_written(place)
    if not isinstance(found, Mapping):
        raise UsageError(
            f"{'Standard input' if place == STANDARD_INPUT else place} holds no fields",
            f"Write NAME: VALUE lines, or a JSON object; `flext messages {name}` shows the names",
        )
    return found
