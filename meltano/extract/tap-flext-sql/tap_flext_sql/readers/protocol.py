"""What a stream asks of a database connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from singer_columnar.chunk import Chunk
    from singer_columnar.columns import Column

    from tap_flext_sql.query import TableQuery
    from tap_flext_sql.table_ref import TableRef


class Reader(Protocol):
    """One connection. It is used by one thread at a time, except ``cancel``.

    Values of keys are Python values of the column's kind: int, Decimal, str, date, or datetime (aware for a timestamp
    with time zone, naive otherwise).
    """

    def chunks(self, query: TableQuery) -> Iterator[Chunk]:
        """Read rows in chunks of bounded size, in the order of ``query.key`` when it is set.

        Raises:
            TapError: If the database refuses or the connection breaks; it names the table.
        """
        ...

    def clock(self) -> dt.datetime:
        """The database's own time, as an aware datetime."""
        ...

    def count_null_keys(self, table: TableRef, key: Column) -> int:
        """How many rows have NULL in the replication key."""
        ...

    def key_range(self, query: TableQuery, key: Column) -> tuple[Any, Any]:
        """Smallest and largest value of a key within the query's bounds, both None when there is none."""
        ...

    def share_snapshot(self) -> str | None:
        """A name under which another connection can read the same state of the database; None when there is none."""
        ...

    def cancel(self) -> None:
        """Stop a running query from another thread, as soon as the driver can."""
        ...

    def close(self) -> None:
        """Give the connection back. Safe to call twice."""
        ...
