"""``flext wms``: stock, orders, shipments and receipts, and the sample database."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from flext_pipelines.cli import output, wms_shown
from flext_pipelines.cli.options import command_for
from flext_pipelines.cli.session import json_option, send
from flext_pipelines.cli.wms_mock import mock_server
from flext_pipelines.cli.wms_sync import SYNC_COMMANDS
from flext_pipelines.errors import UnavailableError

if TYPE_CHECKING:
    from flext_pipelines.wms.values import WmsHealth


@click.group()
def wms() -> None:
    """Warehouse management: stock, orders, shipments and receipts, in our database or in Oracle WMS Cloud.

    FLEXT_WMS_BACKEND says which. The database, which the pipeline `wms` reads, has sample data to begin with.
    """


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


def _judge_health(answer: object) -> None:
    health = cast("WmsHealth", answer)
    if not health.healthy:
        raise UnavailableError(
            f"Warehouse management ({health.place}) is not well",
            "Look into what is told above",
            {"problems": list(health.problems)},
        )


for command in (
    command_for(
        "wms.GetInventory", "inventory", wms_shown.show_stock,
        examples=(
            "flext wms inventory --item-code ITEM-000011",
            "flext wms inventory --facility-code DC01 --by item --limit 20",
        ),
    ),
    command_for(
        "wms.SearchOrders", "orders", wms_shown.show_orders,
        examples=(
            "flext wms orders --status-ids 0 --status-ids 10 --facility-code DC01",
            "flext wms orders --order-nbr 'SO0000001*' --sort order_nbr",
        ),
    ),
    command_for(
        "wms.GetShipmentStatus", "shipment", wms_shown.show_shipment, arguments=("shipment_nbr",),
        examples=("flext wms shipment IB00000003", "flext wms shipment OB00000005 --direction outbound"),
    ),
    command_for(
        "wms.CreateShipment", "ship", wms_shown.show_outbound, arguments=("order_nbr",),
        examples=(
            "flext wms ship SO00000004 --policy partial",
            """flext wms ship SO00000009 --lines '[{"seq_nbr": 1, "qty": 5}]' --ship""",
        ),
    ),
    command_for(
        "wms.CloseShipment", "close", wms_shown.show_outbound, arguments=("shipment_nbr",),
        examples=("flext wms close OB10000000000", "flext wms close OB10000000000 --action cancel"),
    ),
    command_for(
        "wms.ProcessReceipt", "receive", wms_shown.show_receipt,
        examples=(
            "flext wms receive --shipment-nbr IB00000003 --location-barcode L000-00-3-3",
            """flext wms receive --po-nbr PO77 --location-barcode L000-00-3-3 --lines @lines.yml""",
        ),
    ),
    command_for(
        "wms.UpdateInventory", "adjust", wms_shown.show_correction,
        examples=(
            "flext wms adjust --location-barcode L000-00-3-3 --item-code ITEM-000003 --actual-qty 9 --reason-code CC",
            ("flext wms adjust --location-barcode L000-00-3-3 --item-code ITEM-000003"
            " --adjustment-qty -2 --reason-code DAMAGE"),
        ),
    ),
    command_for(
        "wms.GetCommandOutcome", "outcome", wms_shown.show_outcome, arguments=("key",),
        examples=("flext wms outcome order-4711-shipment",),
    ),
    command_for(
        "wms.GetWmsHealth", "health", wms_shown.show_health, judge=_judge_health,
        examples=("flext wms health", "flext wms health --deep"),
    ),
    *SYNC_COMMANDS,
    mock_server,
):  # fmt: skip
    wms.add_command(command)
