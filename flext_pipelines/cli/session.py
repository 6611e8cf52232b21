"""What one call of ``flext`` needs: a bus on first use, a context, and the shared options."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

import click

from flext_pipelines.values import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from flext_pipelines.commands.bus import Bus
    from flext_pipelines.commands.message import Message
    from flext_pipelines.settings import Settings

R = TypeVar("R")
Function = TypeVar("Function", bound="Callable[..., object]")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@cache
def settings() -> Settings:
    """The effective settings.

    Raises:
        ConfigError: An environment variable has a wrong value; named, its value left out.
    """
    from pydantic import ValidationError

    from flext_pipelines.errors import ConfigError
    from flext_pipelines.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = f"FLEXT_{'_'.join(str(part) for part in first['loc'])}".upper()
        raise ConfigError(f"{name}: {first['msg']}", f"Correct or unset {name}", {"variable": name}) from None


@cache
def bus() -> Bus:
    """The bus of this process; closed when the command ends."""
    from flext_pipelines.bootstrap import build_bus

    made = build_bus(settings(), source="cli")
    context = click.get_current_context(silent=True)
    if context is not None:
        context.find_root().call_on_close(_close)
    return made


def _close() -> None:
    bus().close()
    bus.cache_clear()
    settings.cache_clear()


def send(message: Message[R], on_progress: Callable[[Progress], None] = ignore_progress) -> R:
    """Send a message in the name of whoever runs this command.

    Raises:
        FlextError: As the handler raised it.
    """
    from flext_pipelines.commands.message import Context

    context = Context(actor=settings().acting_user, source="cli", on_progress=on_progress)
    return bus().send(message, context).unwrap()


def prewarm() -> None:
    """Let a Meltano process begin to import what it needs while this one imports Dagster.

    Both take about half a second and there is more than one core; nothing is lost when it is not used.
    """
    from flext_pipelines.meltano.project import MeltanoProject
    from flext_pipelines.meltano.warm import prewarm as start

    start(MeltanoProject.from_settings(settings()))
