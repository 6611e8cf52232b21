"""``flext wms``: the sample warehouse-management database."""

from __future__ import annotations

import click

from flext_pipelines.cli import output
from flext_pipelines.cli.session import json_option, send
from flext_pipelines.cli.wms_mock import mock_server


@click.group()
def wms() -> None:
    """The warehouse-management database that the pipeline `wms` reads."""


@wms.command()
@click.option("--orders", default=2_000, show_default=True, help="Orders to make in an empty database.")
@click.option("--advance", default=0, help="In a filled database: let time pass and touch this many orders.")
@json_option
def seed(orders: int, advance: int, as_json: bool) -> None:
    """Fill the database with sample data; a filled one is left as it is.

    \b
    Examples:
      flext wms seed
      flext wms seed --advance 100     then `flext run wms` moves only what changed
    """
    from flext_pipelines.commands.wms.sample import SeedSampleCommand

    report = send(SeedSampleCommand(orders=orders, advance=advance))
    if as_json:
        output.print_json(report)
        return
    rows = list(report.tables.items())
    output.table("", ("table", "rows"), rows, empty="The database has no tables.")
    if report.created:
        click.echo(f"Created the sample database: {report.changed:,} rows.")
    else:
        click.echo(f"The sample database was there already; {report.changed:,} rows changed.")


wms.add_command(mock_server)
