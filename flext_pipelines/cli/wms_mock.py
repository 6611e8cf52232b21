"""``flext wms mock-server``: a warehouse-management server for people without access to one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command("mock-server")
@click.option("--host", default=_LOOPBACK[0], show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8021, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option("--orders", default=2_000, show_default=True, type=click.IntRange(1), help="Orders to make up.")
@click.option("--from-database", is_flag=True, help="Serve the tables of FLEXT_WMS_URL, read once, not made-up rows.")
@click.option("--tenant", default="mock", show_default=True, help="First part of every path.")
@click.option("--latency", default=0.0, type=click.FloatRange(0), help="Seconds that every answer takes at least.")
@click.option(
    "--zone", default="", help="Show date-times in this zone with offset, as Europe/Lisbon; else UTC without."
)
@click.option("--certificate-for", default="", help="Serve TLS, with a fresh certificate for this name or address.")
@click.option("--certificate-folder", type=click.Path(path_type=Path), help="Where certificate and authority go.")
@click.option("--anywhere", is_flag=True, help="Allow another address than loopback.")
def mock_server(
    host: str,
    port: int,
    orders: int,
    from_database: bool,
    tenant: str,
    latency: float,
    zone: str,
    certificate_for: str,
    certificate_folder: Path | None,
    anywhere: bool,
) -> None:
    """Serve Oracle WMS Cloud's documented API over sample data, until interrupted.

    User and password are FLEXT_WMS_MOCK_USER and FLEXT_WMS_MOCK_PASSWORD, `mock` both unless they are set.
    What is changed through the API lasts as long as the server runs; the database is not written to.
    `POST /mock/faults` orders faults for later requests, and a request may ask for one by X-Mock-Fault.

    \b
    Examples:
      flext wms mock-server
      flext wms mock-server --orders 1000000 --latency 0.2
      curl -u mock:mock 'http://127.0.0.1:8021/mock/wms/lgfapi/v10/entity/item/?page_size=5'
    """
    from flext_pipelines.cli.session import settings
    from flext_pipelines.errors import UsageError
    from flext_pipelines.wms.mock_server.making import make_server
    from flext_pipelines.wms.mock_server.serving import serve

    if host not in _LOOPBACK and not anywhere:
        raise UsageError(
            f"{host} is not a loopback address, and the mock server has a password that everybody knows",
            "Add --anywhere if other machines must reach it, and set FLEXT_WMS_MOCK_PASSWORD",
        )
    mine = settings()
    server = make_server(
        orders=orders,
        database=mine.wms_database if from_database else None,
        user=mine.wms_mock_user,
        password=mine.wms_mock_password,
        tenant=tenant,
        latency_seconds=latency,
        zone=_zone(zone) if zone else None,
    )
    pair = None
    if certificate_for:
        from flext_pipelines.wms.mock_server.certificates import make_certificate

        pair = make_certificate(certificate_folder or mine.home / "wms-mock", certificate_for)

    def tell(url: str) -> None:
        click.echo(f"Serving {url} (user {mine.wms_mock_user}); interrupt to end.")

    serve(server, host=host, port=port, on_listening=tell, pair=pair)


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from flext_pipelines.errors import UsageError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise UsageError(f"{name!r} is no time zone", "Give an IANA name such as Europe/Lisbon") from None
