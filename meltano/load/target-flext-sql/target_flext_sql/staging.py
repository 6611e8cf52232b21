"""Rows of one batch on their way into a table: staged where they are good, kept apart where they break the schema."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from target_flext_sql.columns import ColumnType
from target_flext_sql.conform import Chunk, Reject
from target_flext_sql.dialects.base import ROW_COLUMN, TableColumn
from target_flext_sql.rejects import RejectsTable
from target_flext_sql.warehouse import Warehouse

STAGE = "_flext_stage"


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of the rows of one batch."""

    received: int
    loaded: int
    rejected: int
    deduplicated: int

    @property
    def row(self) -> tuple[int, int, int, int]:
        """The counts in the order of the ledger's columns."""
        return self.received, self.loaded, self.rejected, self.deduplicated


@dataclass(frozen=True, slots=True)
class Staged:
    """What came of the rows of one batch before they are applied.

    Attributes:
        source: The staging table, as a query names it.
        received: Rows that came.
        rows: Rows in the staging table.
        rejected: Rows that went to the rejects table.
        sample: One of them.
    """

    source: str
    received: int
    rows: int
    rejected: int
    sample: Reject | None


def stage_rows(
    warehouse: Warehouse, columns: Sequence[TableColumn], rejects: RejectsTable, chunks: Iterable[Chunk], stamp: int
) -> Staged:
    """Put the good rows into the staging table, in their order, and the bad ones into the rejects table.

    Args:
        warehouse: Where both are; a transaction is open.
        columns: Columns of the rows.
        rejects: The stream's rejects table.
        chunks: The rows.
        stamp: The batch's number.
    """
    dialect = warehouse.dialect
    row = TableColumn(dialect.own(ROW_COLUMN), warehouse.storage(ColumnType("integer")))
    source = warehouse.stage(dialect.own(STAGE), [*columns, row])
    received = rejected = staged = 0
    sample: Reject | None = None
    for chunk in chunks:
        received += chunk.received
        if chunk.table.num_rows:
            data = chunk.table.rename_columns([*(column.name for column in columns), row.name])
            staged += warehouse.driver.ingest(None, dialect.own(STAGE), data, stage=True)
        if chunk.rejects:
            rejected += len(chunk.rejects)
            sample = chunk.rejects[0]
            rejects.write(chunk.rejects, stamp)
    return Staged(source, received, staged, rejected, sample)
