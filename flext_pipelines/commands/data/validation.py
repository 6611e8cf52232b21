"""Validation: data against a contract.

What belongs here: this message and its handler. What does not: contracts and checks (``flext_pipelines.data``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, model_validator

from flext_pipelines.commands.message import Command, Context
from flext_pipelines.data.contract import Contract
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import tidy
from flext_pipelines.data.validate import MOST_FAILING_ROWS, ValidateRequest, ValidationReport, validate

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.warehouse.connect import Warehouse


class ValidateDataCommand(Command[ValidationReport]):
    """Hold data against a contract. Failing rows are kept with their reasons, in dataset ``<name>.failing``.

    Broken beyond a threshold it is an error, ``contract_broken``, whose details carry the report.
    """

    performed_in_run: ClassVar[bool] = True

    dataset: DataReference = Field(description="What to check: a dataset, file:PATH or table:NAME.")
    contract_file: str | None = Field(default=None, min_length=1, description="YAML file with the contract.")
    contract: Contract | None = Field(default=None, description="The contract itself, instead of a file.")
    strict: bool = Field(default=False, description="Warnings break the contract, too.")
    max_failing_rows: int = Field(
        default=MOST_FAILING_ROWS, ge=0, le=1_000_000, description="Failing rows to keep; more are only counted."
    )
    as_of: datetime | None = Field(default=None, description="Moment for freshness checks; by default now.")
    max_workers: int | None = Field(default=None, ge=1, le=16, description="Threads; by default one for each core.")

    @model_validator(mode="after")
    def _one_contract(self) -> ValidateDataCommand:
        if (self.contract_file is None) == (self.contract is None):
            message = "give either contract_file or contract"
            raise ValueError(message)
        if self.as_of is not None and self.as_of.tzinfo is None:
            message = "as_of needs a time zone"
            raise ValueError(message)
        return self


def validate_data(
    command: ValidateDataCommand, *, landing: LandingZone, warehouse: Warehouse, context: Context
) -> ValidationReport:
    """Read the contract, then hold the data against it."""
    from flext_pipelines.data.contract_file import read_contract

    contract, name = command.contract, "inline"
    if command.contract_file is not None:
        path = Path(command.contract_file)
        contract, name = read_contract(path), path.name
    assert contract is not None
    request = ValidateRequest(
        source=command.dataset,
        contract=contract,
        contract_name=name,
        strict=command.strict,
        max_failing_rows=command.max_failing_rows,
        as_of=command.as_of,
        max_workers=command.max_workers,
        idempotency_key=command.idempotency_key,
        fingerprint=command.fingerprint(),
    )
    report = validate(landing, warehouse, request)
    tidy(landing, context.on_progress, report.failing)
    return report


HANDLERS: Mapping[type, Callable[..., object]] = {
    ValidateDataCommand: validate_data,
}
