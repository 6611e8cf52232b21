"""Data: extract into the landing zone, validate, transform, load; and what the landing zone holds.

The four make a chain: the ``reference`` in each answer is what the next one takes. What belongs here: these
messages and their handlers, and the one place where running a tap meets the landing zone. What does not: how any
of it is done (``flext_pipelines.data``, ``flext_pipelines.meltano``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from pydantic import Field, JsonValue, field_validator, model_validator

from flext_pipelines.commands.message import Command, Context, Message, Query
from flext_pipelines.data.conditions import Condition, Scalar, time_range
from flext_pipelines.data.contract import Contract
from flext_pipelines.data.dataset import LATEST, DataReference, Manifest, name_for
from flext_pipelines.data.extract import Extraction, extract
from flext_pipelines.data.extract_request import ExtractMode, ExtractRequest
from flext_pipelines.data.formats import OutputFormat
from flext_pipelines.data.landing import tidy
from flext_pipelines.data.load import load
from flext_pipelines.data.load_request import Load, LoadMode, LoadRequest
from flext_pipelines.data.retention import Keep
from flext_pipelines.data.rules import Rule
from flext_pipelines.data.summary import DatasetSummary, summaries
from flext_pipelines.data.transform import ErrorHandling, Transformation, TransformRequest, fingerprint, transform
from flext_pipelines.data.validate import MOST_FAILING_ROWS, ValidateRequest, ValidationReport, validate
from flext_pipelines.data.warehouse.connect import has_password
from flext_pipelines.data.warehouse.table_name import TableName
from flext_pipelines.values import Value

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.warehouse.connect import Warehouse


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


class ValidateDataCommand(Command[ValidationReport]):
    """Hold data against a contract. Failing rows are kept with their reasons, in dataset ``<name>.failing``.

    Broken beyond a threshold it is an error, ``contract_broken``, whose details carry the report.
    """

    performed_in_run: ClassVar[bool] = True

    dataset: DataReference = Field(description="What to check: dataset, files or warehouse table.")
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


class TransformDataCommand(Command[Transformation]):
    """Apply rules to data and keep the result as a new version of a dataset.

    Every row is accounted for: rows in = rows out + filtered + errors, rule by rule. The same input and rules give
    the same checksum, whatever the number of workers.
    """

    performed_in_run: ClassVar[bool] = True

    input_source: DataReference = Field(description="What to transform: dataset, files or warehouse table.")
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


class LoadDataCommand(Command[Load]):
    """Load data into a table of the warehouse: once, counts verified.

    A transaction for each batch, or one for all where the table is replaced or reconciled. A load that was broken off
    goes on where it stood; one that is done answers ``already_loaded``.
    """

    performed_in_run: ClassVar[bool] = True

    source_data: DataReference = Field(description="What to load: dataset, files or warehouse table.")
    target_table: str = Field(min_length=1, description="Table, with its schema if it has one.")
    target_connection: str = Field(
        default="warehouse", description="`warehouse`, or the URL of another database, without a password."
    )
    load_mode: LoadMode = Field(
        default="append",
        description="`append`; `overwrite` replaces all; `upsert` updates by key; `merge` updates changed rows only.",
    )
    merge_keys: tuple[str, ...] = Field(default=(), description="Columns that tell rows apart, for upsert and merge.")
    delete_missing: bool = Field(default=False, description="With merge: rows that the data do not have go.")
    batch_size: int = Field(default=100_000, ge=1, le=5_000_000, description="Rows for each transaction.")
    create_table: bool = Field(default=True, description="Create the table if there is none.")
    add_columns: bool = Field(default=True, description="Add columns that the table does not have.")
    truncate: bool = Field(default=False, description="Empty the table first, in the same transaction.")
    dedup_keys: tuple[str, ...] = Field(
        default=(), description="Of rows equal in these columns only one is loaded. Upsert and merge use merge_keys."
    )
    dedup_order_by: str | None = Field(
        default=None, description="Column whose largest value wins; by default the last row wins."
    )
    expected_record_count: int | None = Field(default=None, ge=0, description="Load nothing unless there are so many.")
    post_load_validation: bool = Field(default=True, description="Count the table's rows afterwards.")
    reload: bool = Field(default=False, description="Load again what was loaded already.")

    @field_validator("target_connection")
    @classmethod
    def _no_password(cls, value: str) -> str:
        """Refused before a run config can see it."""
        if has_password(value):
            message = "holds a password: use `warehouse` (FLEXT_WAREHOUSE_URL), or keep it in ~/.pgpass"
            raise ValueError(message)
        return value


class ListDatasetsQuery(Query[tuple[DatasetSummary, ...]]):
    """The datasets of the landing zone, each with its latest version."""


class GetDatasetQuery(Query[Manifest]):
    """The manifest of a version: its files, columns, counts, bookmark."""

    dataset: str = Field(min_length=1, description="The dataset.")
    version: str = Field(default=LATEST, description="The version.")
    verify: bool = Field(default=False, description="Compare every file with its checksum.")


class Removed(Value):
    """What went from the landing zone.

    Attributes:
        removed: Versions, or names of leftovers.
    """

    removed: tuple[str, ...]


class PruneDatasetCommand(Command[Removed]):
    """Remove old versions of a dataset. The newest and the newest with a bookmark always stay."""

    dataset: str = Field(min_length=1, description="The dataset.")
    keep: int = Field(ge=1, description="How many versions stay.")
    keep_snapshots: bool = Field(default=True, description="Snapshots neither count nor go.")


class SweepLandingCommand(Command[Removed]):
    """Remove what killed writers left behind; what is being written stays."""


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
        scope=fingerprint(repr(wanted)) if wanted else None,
        output_format=command.output_format,
        batch_size=command.batch_size,
        max_records=command.max_records,
        validate_schema=command.validate_schema,
        idempotency_key=command.idempotency_key,
        fingerprint=_fingerprint(command),
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
        fingerprint=_fingerprint(command),
    )
    report = validate(landing, warehouse, request)
    tidy(landing, context.on_progress, report.failing)
    return report


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
        fingerprint=_fingerprint(command),
    )
    transformation = transform(landing, warehouse, request)
    tidy(landing, context.on_progress, transformation.reference, transformation.quarantine)
    return transformation


def load_data(command: LoadDataCommand, *, landing: LandingZone, warehouse: Warehouse, context: Context) -> Load:
    """Load into the warehouse, or the database named."""
    request = LoadRequest(
        source=command.source_data,
        table=TableName.parse(command.target_table),
        mode=command.load_mode,
        merge_keys=command.merge_keys,
        delete_missing=command.delete_missing,
        batch_size=command.batch_size,
        create_table=command.create_table,
        add_columns=command.add_columns,
        truncate=command.truncate,
        dedup_keys=command.dedup_keys,
        dedup_order_by=command.dedup_order_by,
        expected_record_count=command.expected_record_count,
        post_load_validation=command.post_load_validation,
        reload=command.reload,
    )
    with landing.scratch() as scratch:
        target = warehouse.connect(command.target_connection)
        loaded = load(landing, warehouse, target, request, scratch, context.on_progress)
    tidy(landing, context.on_progress, loaded.reference)
    return loaded


def list_datasets(_: ListDatasetsQuery, *, landing: LandingZone) -> tuple[DatasetSummary, ...]:
    """From the manifests; one that is damaged is named, and the others are listed all the same."""
    return summaries(landing)


def get_dataset(query: GetDatasetQuery, *, landing: LandingZone) -> Manifest:
    """The manifest, its files compared with it if asked."""
    if query.verify:
        return landing.verify(query.dataset, query.version)
    return landing.read(query.dataset, query.version)


def prune_dataset(command: PruneDatasetCommand, *, landing: LandingZone) -> Removed:
    """Remove old versions."""
    return Removed(removed=landing.retain(command.dataset, Keep(command.keep), keep_snapshots=command.keep_snapshots))


def sweep_landing(_: SweepLandingCommand, *, landing: LandingZone) -> Removed:
    """Remove leftovers."""
    return Removed(removed=landing.sweep())


def _fingerprint(message: Message[object]) -> str:
    """What two calls with one key must agree on."""
    return fingerprint(message.model_dump_json(exclude={"idempotency_key"}))


HANDLERS: Mapping[type, Callable[..., object]] = {
    ExtractDataCommand: extract_data,
    ValidateDataCommand: validate_data,
    TransformDataCommand: transform_data,
    LoadDataCommand: load_data,
    ListDatasetsQuery: list_datasets,
    GetDatasetQuery: get_dataset,
    PruneDatasetCommand: prune_dataset,
    SweepLandingCommand: sweep_landing,
}
