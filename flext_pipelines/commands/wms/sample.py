"""The sample database that the pipeline `wms` reads: the message that fills it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from flext_pipelines.commands.message import Command
from flext_pipelines.wms.sample import SeedReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Engine


class SeedSampleCommand(Command[SeedReport]):
    """Fill the warehouse-management database with sample data, or let time pass in it.

    A database that holds orders already is left as it is, unless ``advance`` asks for changes.
    """

    orders: int = Field(default=2_000, ge=1, le=20_000_000, description="Order headers to make in an empty database.")
    advance: int = Field(default=0, ge=0, le=1_000_000, description="Orders to change or add in a filled database.")


def seed_sample(command: SeedSampleCommand, *, wms: Engine) -> SeedReport:
    """Seed, then advance when asked."""
    from flext_pipelines.wms.sample import advance, seed

    report = seed(wms, orders=command.orders)
    return advance(wms, changes=command.advance) if command.advance and not report.created else report


HANDLERS: Mapping[type, Callable[..., object]] = {SeedSampleCommand: seed_sample}
