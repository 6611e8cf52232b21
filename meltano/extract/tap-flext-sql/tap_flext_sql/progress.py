"""How far a read came: that a bookmark never goes back or too far ahead, and that a full table is complete or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from singer_columnar.columns import Column, Kind

from tap_flext_sql.bookmarks import KeyValue, render_value

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    import pyarrow as pa

PROGRESS_MARKERS: Final = "progress_markers"


@dataclass
class FullProgress:
    """Progress of a full table, which counts at its end only.

    Attributes:
        rows: How many rows were sent.
    """

    rows: int = 0

    def note(self, batch: pa.RecordBatch, *, in_order: bool) -> None:
        """Rows were sent."""
        del in_order
        self.rows += batch.num_rows

    def save(self, state: MutableMapping[str, Any], *, complete: bool) -> None:
        """Until the end the state says that the table is not complete, and how far it came."""
        if complete:
            state.pop(PROGRESS_MARKERS, None)
        else:
            state[PROGRESS_MARKERS] = {"Note": "The full table is not complete.", "rows": self.rows}

    def remark(self) -> str | None:
        """There is nothing to say."""
        return None


@dataclass
class KeyProgress:
    """How far an incremental stream came.

    Attributes:
        column: The replication key.
        start: The bookmark of the run before, or None.
        limit: The signpost, or None.
        highest: The last key sent, in the database's order; None before the first.
        ordered: Whether all keys so far came in order, so that a bookmark is safe before the end.
        beyond: Rows whose key was above the signpost.
    """

    column: Column
    start: KeyValue | None = None
    limit: KeyValue | None = None
    highest: KeyValue | None = None
    ordered: bool = True
    beyond: bool = False

    def note(self, batch: pa.RecordBatch, *, in_order: bool) -> None:
        """Rows were sent."""
        from tap_flext_sql.keys import first_and_last

        self.ordered = self.ordered and in_order
        ends = first_and_last(batch.column(self.column.name), self.column, in_order=in_order)
        if ends is not None:
            self.note_keys(*ends)

    def note_keys(self, first: KeyValue, last: KeyValue) -> None:
        """Rows with these keys were sent.

        Args:
            first: The key of the first of them.
            last: The key of the last of them; the highest one where rows come without order.
        """
        if self.highest is None:
            self.highest = last
        elif self.column.kind is Kind.TEXT:
            # The database's collation decides what comes later, not Python.
            self.highest = last
        else:
            self.ordered = self.ordered and first >= self.highest
            self.highest = max(self.highest, last)
        if self.limit is not None and self.highest > self.limit:
            self.beyond = True

    def bookmark(self, *, complete: bool) -> KeyValue | None:
        """The bookmark that is safe to store now.

        Args:
            complete: Whether all rows were sent.

        Returns:
            The bookmark: never below the one of the run before, never above the signpost; None when there is none.
        """
        reached = self.highest if complete or self.ordered else None
        if reached is not None and self.limit is not None:
            reached = min(reached, self.limit)
        if self.start is None or reached is None:
            return reached if self.start is None else self.start
        if self.column.kind is Kind.TEXT:
            return reached
        return max(self.start, reached)

    def save(self, state: MutableMapping[str, Any], *, complete: bool) -> None:
        """Write the bookmark that is safe now into the state."""
        value = self.bookmark(complete=complete)
        if value is not None:
            state["replication_key"] = self.column.name
            state["replication_key_value"] = render_value(self.column, value)
        if complete or self.ordered:
            state.pop(PROGRESS_MARKERS, None)
        else:
            state[PROGRESS_MARKERS] = {"Note": "Keys are not in order: progress counts at the end only."}

    def remark(self) -> str | None:
        """Keys that are later than the database's clock."""
        if not self.beyond:
            return None
        return (
            f"keys of '{self.column.name}' are later than the database's clock ({self.limit}); the bookmark stays at "
            "the clock, and these rows come again until it has passed them"
        )
