"""What a target database must offer to a load: one connection, in one transaction at a time.

What belongs here: the protocol. What does not: any database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from flext_pipelines.data.warehouse.dialect import Dialect
    from flext_pipelines.data.warehouse.table_name import TableName


class Target(Protocol):
    """One connection to a target. Every statement stands in a transaction until ``commit`` or ``rollback``.

    Statements take their values as parameters, marked as the dialect does. Foreign errors become ours:
    ``LoadFailedError``, ``UnavailableError``, ``StorageFullError``, ``ContractBrokenError`` (a value does not
    fit), ``ConfigError``.
    """

    dialect: Dialect

    def columns(self, table: TableName) -> dict[str, str]:
        """Database type by column, in order; empty when there is no such table."""
        ...

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement; the number of rows it changed, or -1 where that has no meaning."""
        ...

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Rows of a query."""
        ...

    def stage(self, rows: pa.Table, *, append: bool = False) -> str:
        """Put rows where the transaction's statements find them; the quoted name comes back.

        Args:
            rows: The rows; the next call replaces them.
            append: Add to what is staged already.
        """
        ...

    def lock(self, table: TableName) -> None:
        """Keep other loads of this table out until the transaction ends."""
        ...

    def rows(self, table: TableName) -> AbstractContextManager[pa.RecordBatchReader]:
        """The rows of a table, streamed.

        Raises:
            NotFoundError: There is no such table.
        """
        ...

    def commit(self) -> None:
        """Make the transaction's changes last."""
        ...

    def rollback(self) -> None:
        """Undo them."""
        ...

    def close(self) -> None:
        """Undo what is not committed, and leave."""
        ...
