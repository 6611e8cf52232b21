"""What a target database must offer to a load: one connection, in one transaction at a time.

What belongs here: the protocol, and the error that every target has alike. What does not: any database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flext_pipelines.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from flext_pipelines.data.warehouse.dialect import Dialect
    from flext_pipelines.data.warehouse.table_name import TableName

_LISTED = 10


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


def no_such_table(target: Target, table: TableName, place: str) -> NotFoundError:
    """The error of a table that is not there, with the nearest there are.

    Args:
        target: A connection to where it was looked for.
        table: Its name.
        place: What the target is called.
    """
    from difflib import get_close_matches

    there = [str(name) for (name,) in target.fetch(target.dialect.tables())]
    namesakes = [name for name in there if name.rpartition(".")[2] == table.name]
    near = namesakes or get_close_matches(str(table), there, 3)
    if near:
        instruction = f"Did you mean {', '.join(near[:3])}?"
    elif there:
        listed = ", ".join(there[:_LISTED])
        instruction = f"Its tables are {listed}" + (f", and {len(there) - _LISTED} more" if there[_LISTED:] else "")
    else:
        instruction = "It has no tables yet: load something first"
    return NotFoundError(f"There is no table {table} in {place}", instruction, {"table": str(table), "near": near})
