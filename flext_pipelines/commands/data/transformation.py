"""Transformation: data through rules, into a dataset of their own.

What belongs here: this message and its handler. What does not: what a rule does (``flext_pipelines.data``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from flext_pipelines.commands.message import Command, Context
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import tidy
from flext_pipelines.data.rules import Rule
from flext_pipelines.data.transform import ErrorHandling, Transformation, TransformRequest, transform

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.warehouse.connect import Warehouse


class TransformDataCommand(Command[Transformation]):
    """Apply rules to data and keep the result as a new version of a dataset.

    Every row is accounted for: rows in = rows out + filtered + errors, rule by rule. The same input and rules give
    the same checksum, whatever the number of workers.
    """

    performed_in_run: ClassVar[bool] = True

    input_source: DataReference = Field(description="What to transform: a dataset, file:PATH or table:NAME.")
    output_destination: str = Field(min_length=1, max_length=180, description="Dataset that the result becomes.")
    rules: tuple[Rule, ...] = Field(description="What to do, in order.")
    error_handling: ErrorHandling = Field(
        default="fail",
        description="Rows with errors: `fail` stops, `skip` leaves them out, `quarantine` keeps them with reasons.",
    )
    max_error_percentage: float = Field(
        default=5.0, ge=0, le=100, description="With skip and quarantine: more rows with errors fail the transform."
    )
    chunk_size: int = Field(default=100_000, ge=1, le=10_000_000, description="Rows for each call of a Python step.")
    max_workers: int | None = Field(default=None, ge=1, le=16, description="Threads; by default one for each core.")
    memory_limit: str = Field(
        default="1GB", pattern=r"^\d+(\.\d+)?(MB|GB|MiB|GiB)$", description="Memory before work goes to files."
    )


def transform_data(
    command: TransformDataCommand, *, landing: LandingZone, warehouse: Warehouse, context: Context
) -> Transformation:
    """Apply the rules."""
    request = TransformRequest(
        source=command.input_source,
        output=command.output_destination,
        rules=command.rules,
        error_handling=command.error_handling,
        max_error_percentage=command.max_error_percentage,
        chunk_size=command.chunk_size,
        max_workers=command.max_workers,
        memory=command.memory_limit,
        idempotency_key=command.idempotency_key,
        fingerprint=command.fingerprint(),
    )
    transformation = transform(landing, warehouse, request)
    tidy(landing, context.on_progress, transformation.reference, transformation.quarantine)
    return transformation


HANDLERS: Mapping[type, Callable[..., object]] = {
    TransformDataCommand: transform_data,
}
