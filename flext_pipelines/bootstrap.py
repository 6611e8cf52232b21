"""The composition root: the one place that joins messages, behaviours and gateways.

Every port can be replaced by keyword, which is how tests give fakes and how a site plugs in its own.
Building a bus opens nothing: a port is made when a handler first needs it.

What belongs here: which behaviours in which order, which port under which name. What does not: logic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flext_pipelines.commands import identity, middleware, registry
from flext_pipelines.commands.bus import Bus, Ports, port
from flext_pipelines.commands.message import Context, Source
from flext_pipelines.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr
    from sqlalchemy import Engine

    from flext_pipelines.commands.bus import Behaviour
    from flext_pipelines.control.audit import AuditTrail
    from flext_pipelines.control.engine import ControlDatabase
    from flext_pipelines.control.idempotency import IdempotencyKeys
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.warehouse.connect import Warehouse
    from flext_pipelines.meltano.plugins import ProjectPlugins
    from flext_pipelines.meltano.run import MeltanoRunner
    from flext_pipelines.runs.gateway import Runs
    from flext_pipelines.wms.backend import WmsBackend


class LocalOperator:
    """The policy until users exist: whoever runs the tool on this machine may do everything."""

    def allows(self, actor: str, message: str) -> bool:  # noqa: ARG002  the shape of Policy
        """True for every actor that has a name."""
        return bool(actor)


def behaviours(ports: Ports) -> tuple[Behaviour, ...]:
    """What happens around every handler, outermost first.

    Audit stands outside authorisation and idempotency, so that denied and replayed commands leave rows too.
    """
    return (
        middleware.correlation,
        middleware.audit(lambda: cast("middleware.Trail", ports.get("audit")), lambda message: message.for_audit()),
        middleware.authorisation(lambda: cast("middleware.Policy", ports.get("policy"))),
        middleware.idempotency(
            lambda: cast("middleware.KeyStore", ports.get("keys")),
            identity.payload_identity,
            registry.dump_result,
            registry.load_result,
            lambda name: cast("middleware.Keeper", ports.get(name)).keeps_outcomes,
        ),
        middleware.timing,
    )


def default_ports(settings: Settings, ports: Ports) -> dict[str, Callable[[], object]]:
    """Every gateway by the keyword that handlers use, made on first use; one may be made of another."""
    return {
        "settings": port(settings),
        "policy": LocalOperator,
        "control": lambda: _control_database(settings),
        "audit": lambda: _audit_trail(ports),
        "keys": lambda: _idempotency_keys(settings, ports),
        "wms": lambda: _wms_engine(settings),
        "wms_backend": lambda: _wms_backend(settings),
        "meltano": lambda: _meltano_runner(settings),
        "runs": lambda: _runs(settings),
        "plugins": lambda: _project_plugins(settings),
        "landing": lambda: _landing_zone(settings),
        "warehouse": lambda: _warehouse(settings),
    }


def _runs(settings: Settings) -> Runs:
    from flext_pipelines.runs.gateway import Runs

    return Runs(settings)


def _meltano_runner(settings: Settings) -> MeltanoRunner:
    from flext_pipelines.meltano.run import MeltanoRunner

    places = {"FLEXT_WMS_DATABASE_URL": settings.wms_database, "FLEXT_WAREHOUSE_URL": settings.warehouse}
    return MeltanoRunner.from_settings(settings, places)


def _project_plugins(settings: Settings) -> ProjectPlugins:
    from flext_pipelines.meltano.plugins import ProjectPlugins

    places: dict[str, str | SecretStr] = {
        "FLEXT_WMS_DATABASE_URL": settings.wms_database,
        "FLEXT_WAREHOUSE_URL": settings.warehouse,
        "FLEXT_BATCH_ROOT": str(settings.runs_folder),  # each run has its own; here it only needs to be known
    }
    return ProjectPlugins.from_settings(settings, places)


def _landing_zone(settings: Settings) -> LandingZone:
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.retention import Keep

    return LandingZone(settings.landing, keep=Keep.parse(settings.landing_keep))


def _warehouse(settings: Settings) -> Warehouse:
    from flext_pipelines.data.warehouse.connect import Warehouse

    return Warehouse(settings.warehouse)


def _wms_engine(settings: Settings) -> Engine:
    from flext_pipelines.wms.engine import engine_of

    return engine_of(settings)


def _wms_backend(settings: Settings) -> WmsBackend:
    if settings.wms_backend == "cloud":
        from flext_pipelines.wms.cloud.backend import open_cloud

        return open_cloud(settings)
    from flext_pipelines.wms.database import open_database

    return open_database(settings)


def _control_database(settings: Settings) -> ControlDatabase:
    from flext_pipelines.control.engine import ControlDatabase

    return ControlDatabase.from_settings(settings)


def _audit_trail(ports: Ports) -> AuditTrail:
    from flext_pipelines.control.audit import AuditTrail

    return AuditTrail(cast("ControlDatabase", ports.get("control")))


def _idempotency_keys(settings: Settings, ports: Ports) -> IdempotencyKeys:
    from flext_pipelines.control.idempotency import IdempotencyKeys

    return IdempotencyKeys.from_settings(cast("ControlDatabase", ports.get("control")), settings)


def build_bus(settings: Settings | None = None, *, source: Source = "python", **overrides: object) -> Bus:
    """The bus of a process.

    Args:
        settings: Effective settings; by default those of the environment.
        source: The door that builds it, for contexts that a caller does not give.
        **overrides: Ports by name that replace the default ones.

    Raises:
        TypeError: A message has no handler or two, or a handler asks for an unknown port.
    """
    effective = settings or Settings()
    ports = Ports()
    ports.provide(default_ports(effective, ports))
    ports.provide({name: port(value) for name, value in overrides.items()})
    return Bus(
        registry.all_specs(),
        behaviours=behaviours(ports),
        ports=ports,
        default_context=lambda: Context(actor=effective.acting_user, source=source),
    )
