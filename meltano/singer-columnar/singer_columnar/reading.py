"""What a stream asks of its tap: what to read, one read of it, and how far that came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping
    from contextlib import AbstractContextManager

    import pyarrow as pa

    from singer_columnar.chunk import Chunk
    from singer_columnar.columns import Column

CatalogDict = dict[str, Any]
"""One entry of a Singer catalog: free-form JSON, hence ``Any``."""


@dataclass(frozen=True, kw_only=True)
class StreamPlan:
    """What a catalog entry asks for; a tap's own plan adds what to ask its source for.

    Attributes:
        name: The stream's name.
        columns: All columns of the entry's schema, by name, in order.
        key_properties: Key columns.
        replication_method: FULL_TABLE or INCREMENTAL.
        replication_key: The replication key of an incremental stream, or None.
    """

    name: str
    columns: Mapping[str, Column]
    key_properties: tuple[str, ...]
    replication_method: str
    replication_key: str | None

    @property
    def always_read(self) -> frozenset[str]:
        """Columns that are read and sent whatever is selected."""
        return frozenset({*self.key_properties, *([self.replication_key] if self.replication_key else [])})


class Progress(Protocol):
    """Takes note of rows that are out, and writes what is safe into the state."""

    def note(self, batch: pa.RecordBatch, *, in_order: bool) -> None:
        """Rows, at least one, are out."""
        ...

    def save(self, state: MutableMapping[str, Any], *, complete: bool) -> None:
        """Write into a stream's state where a later run may start."""
        ...

    def remark(self) -> str | None:
        """What a user should know at the end, or None."""
        ...


class Read(Protocol):
    """One read of one stream."""

    def begin(self, state: Mapping[str, Any]) -> Progress:
        """Find where the read starts.

        Args:
            state: The stream's state.

        Returns:
            Its progress, at its start.

        Raises:
            TapError: If it cannot start there.
        """
        ...

    def pump(self) -> AbstractContextManager[Iterable[Chunk]]:
        """The chunks, in the order in which they are to be sent; after ``begin``."""
        ...
