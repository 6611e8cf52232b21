"""Extraction: a tap alone, into the landing zone.

What belongs here: this message and its handler, the one place where running a tap meets the landing zone. What does
not: running it (``flext_pipelines.meltano``), and what is kept of what it sends (``flext_pipelines.data``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import Field, JsonValue, model_validator

from flext_pipelines.commands.message import Command, Context
from flext_pipelines.data.conditions import Condition, Scalar, scope_of, time_range
from flext_pipelines.data.dataset import name_for
from flext_pipelines.data.extract import Extraction, extract
from flext_pipelines.data.extract_request import ExtractMode, ExtractRequest
from flext_pipelines.data.formats import OutputFormat
from flext_pipelines.data.landing import tidy

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone


class TapRunner(Protocol):
    """What extraction needs of the port ``meltano``."""

    def extract(
        self,
        tap: str,
        stream: str,
        *,
        batches: Path,
        state: Mapping[str, JsonValue] | None = None,
        replication_key: str | None = None,
        full_table: bool = False,
        environment: str | None = None,
        echo: Callable[[str], object] | None = None,
    ) -> Generator[bytes, None, None]:
        """Run one stream of a tap, without a target, with a Singer state of its own.

        Args:
            tap: Name of the extractor in the project.
            stream: The stream to select; the others stay unselected.
            batches: Folder for BATCH files, if the tap writes them.
            state: Singer state to give it; None gives none.
            replication_key: Use this column instead of the one in its catalog.
            full_table: Read everything, whatever its catalog says.
            environment: Meltano environment instead of the set one.
            echo: Given every line of its log, secrets taken out, in another thread.

        Returns:
            The lines of its stdout. It raises when the tap fails, after the last line; closing it stops the tap.
        """
        ...


class ExtractDataCommand(Command[Extraction]):
    """Run a tap alone and keep what it sends as a new version of a dataset in the landing zone.

    ``full`` reads everything. ``incremental`` reads from the dataset's last bookmark; the row on the bookmark comes
    again. ``delta`` does the same and leaves out rows that the dataset holds already. ``snapshot`` reads everything
    and is kept when old versions are pruned. The bookmark moves when the version is whole, and only then.
    """

    performed_in_run: ClassVar[bool] = True

    source_name: str = Field(min_length=1, description="Tap of the Meltano project.")
    table_name: str = Field(min_length=1, description="Stream of the tap.")
    dataset: str | None = Field(default=None, description="Where it lands; by default <source_name>.<table_name>.")
    extract_mode: ExtractMode = Field(default="full", description="Everything, or what changed.")
    environment: str | None = Field(
        default=None, min_length=1, description="Meltano environment instead of the set one."
    )
    start: str | None = Field(default=None, description="Keep rows from here on (last_updated_column), ISO 8601.")
    end: str | None = Field(default=None, description="Keep rows before this; the bookmark does not pass it.")
    last_updated_column: str | None = Field(
        default=None, min_length=1, description="Replication key instead of the one in the tap's catalog."
    )
    watermark_value: str | None = Field(
        default=None, description="Read from this replication key value, whatever the last bookmark is."
    )
    where: tuple[Condition, ...] = Field(default=(), description="Conditions that every row kept must meet.")
    partitions: dict[str, tuple[Scalar, ...]] = Field(
        default_factory=dict, description="Keep rows whose column has one of these values, by column."
    )
    output_format: OutputFormat = Field(default="parquet", description="Parquet, or another format beside it.")
    batch_size: int = Field(default=10_000, ge=1, le=100_000, description="Rows that are converted at once.")
    max_records: int | None = Field(default=None, ge=1, description="Stop after so many rows.")
    validate_schema: bool = Field(
        default=True, description="Set rows apart that do not have the declared types; otherwise try to convert them."
    )

    @model_validator(mode="after")
    def _range_has_a_column(self) -> ExtractDataCommand:
        if (self.start or self.end) and self.last_updated_column is None:
            message = "start and end need last_updated_column"
            raise ValueError(message)
        if self.watermark_value is not None and self.extract_mode not in {"incremental", "delta"}:
            message = "watermark_value goes with extract_mode incremental or delta"
            raise ValueError(message)
        return self


def extract_data(
    command: ExtractDataCommand, *, landing: LandingZone, meltano: TapRunner, context: Context
) -> Extraction:
    """Join the tap's lines with the landing zone; within a Dagster run its log goes to standard output, as always."""
    partitions = tuple(
        Condition(column=column, operator="in", values=values) for column, values in command.partitions.items()
    )
    wanted = (*command.where, *partitions)
    request = ExtractRequest(
        dataset=command.dataset or name_for(command.source_name, command.table_name),
        tap=command.source_name,
        stream=command.table_name,
        mode=command.extract_mode,
        conditions=(*wanted, *time_range(command.last_updated_column, command.start, command.end)),
        replication_key=command.last_updated_column,
        watermark=command.watermark_value,
        end=command.end,
        scope=scope_of(wanted),
        output_format=command.output_format,
        batch_size=command.batch_size,
        max_records=command.max_records,
        validate_schema=command.validate_schema,
        idempotency_key=command.idempotency_key,
        fingerprint=command.fingerprint(),
    )

    def tap(*, state: Mapping[str, JsonValue] | None, batches: Path) -> Generator[bytes, None, None]:
        return meltano.extract(
            command.source_name,
            command.table_name,
            batches=batches,
            state=state,
            replication_key=command.last_updated_column,
            full_table=command.extract_mode == "snapshot",
            environment=command.environment,
            echo=sys.stdout.write if context.dagster_run_id else None,
        )

    extraction = extract(landing, request, tap, context.on_progress)
    tidy(landing, context.on_progress, extraction.reference)
    return extraction


HANDLERS: Mapping[type, Callable[..., object]] = {
    ExtractDataCommand: extract_data,
}
