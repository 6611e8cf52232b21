"""Loading: data into a table of the warehouse, or of another database.

What belongs here: this message and its handler. What does not: how each database takes rows
(``flext_pipelines.data.warehouse``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from flext_pipelines.commands.message import Command, Context
from flext_pipelines.data.dataset import DataReference
from flext_pipelines.data.landing import tidy
from flext_pipelines.data.load import load
from flext_pipelines.data.load_request import Load, LoadMode, LoadRequest
from flext_pipelines.data.warehouse.connect import has_password
from flext_pipelines.data.warehouse.table_name import TableName

if TYPE_CHECKING:
    from flext_pipelines.data.landing import LandingZone
    from flext_pipelines.data.warehouse.connect import Warehouse


class LoadDataCommand(Command[Load]):
    """Load data into a table of the warehouse: once, counts verified.

    A transaction for each batch, or one for all where the table is replaced or reconciled. A load that was broken off
    goes on where it stood; one that is done answers ``already_loaded``.
    """

    performed_in_run: ClassVar[bool] = True

    source_data: DataReference = Field(description="What to load: a dataset, file:PATH or table:NAME.")
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


HANDLERS: Mapping[type, Callable[..., object]] = {
    LoadDataCommand: load_data,
}
