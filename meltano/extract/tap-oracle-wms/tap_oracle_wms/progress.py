"""How far a stream came: the bookmark of an incremental one, the lowest id of one that is read in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tap_oracle_wms.dates import for_state, parse_date

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, MutableMapping

    import pyarrow as pa

PROGRESS_MARKERS: Final = "progress_markers"
_BELOW, _ABOVE = "resume_below_id", "resume_above_id"


@dataclass
class Bookmark:
    """Progress of an incremental stream, whose rows come in the order of its key.

    Attributes:
        key: The replication key.
        start: The bookmark of the run before, or None.
        limit: The server's clock when the run began: a row from a clock that ran ahead must not hide later ones.
        highest: The last key that is out.
    """

    key: str
    start: dt.datetime | None = None
    limit: dt.datetime | None = None
    highest: dt.datetime | None = None

    def note(self, batch: pa.RecordBatch, *, in_order: bool) -> None:
        """Rows are out: the last one has the highest key."""
        import pyarrow.compute as pc

        del in_order
        last = pc.max(batch.column(self.key)).as_py()
        if last is not None:
            self.highest = last if self.highest is None else max(self.highest, last)

    @property
    def is_beyond(self) -> bool:
        """Whether a row's key was later than the server's clock."""
        return self.limit is not None and self.highest is not None and self.highest > self.limit

    def save(self, state: MutableMapping[str, Any], *, complete: bool) -> None:
        """The bookmark: never below the one of the run before, never beyond the server's clock."""
        del complete
        reached = self.highest
        if reached is not None and self.limit is not None:
            reached = min(reached, self.limit)
        known = [moment for moment in (self.start, reached) if moment is not None]
        if known:
            state["replication_key"] = self.key
            state["replication_key_value"] = for_state(max(known))
        state.pop(PROGRESS_MARKERS, None)

    def remark(self) -> str | None:
        """Times that are later than the server's clock."""
        if not self.is_beyond:
            return None
        return (
            f"times of '{self.key}' are later than the server's clock ({self.limit}); the bookmark stays at the clock, "
            "and these rows come again until it has passed them"
        )


@dataclass
class FullRead:
    """Progress of a full read, whose rows come from the highest id to the lowest.

    Attributes:
        top: The highest id when the first of the runs that make up the read began.
        below: Ids from here up to ``top`` were sent by an earlier run; None when this one is the first.
        lowest: The lowest id that is out.
    """

    top: int
    below: int | None = None
    lowest: int | None = None

    @property
    def is_resumed(self) -> bool:
        """Whether an earlier run sent a part."""
        return self.below is not None

    def note(self, batch: pa.RecordBatch, *, in_order: bool) -> None:
        """Rows are out."""
        import pyarrow.compute as pc

        del in_order
        last = pc.min(batch.column("id")).as_py()
        if last is not None and last <= self.top:
            self.lowest = last if self.lowest is None else min(self.lowest, last)

    def save(self, state: MutableMapping[str, Any], *, complete: bool) -> None:
        """Until the end, where a rerun goes on."""
        state.pop(_BELOW, None)
        state.pop(_ABOVE, None)
        state.pop(PROGRESS_MARKERS, None)
        if complete:
            return
        reached = self.lowest if self.lowest is not None else self.below
        state[PROGRESS_MARKERS] = {"Note": "The full read is not complete."}
        if reached is not None:
            state[_BELOW], state[_ABOVE] = reached, self.top

    def remark(self) -> str | None:
        """There is nothing to say."""
        return None


def stored_bookmark(state: Mapping[str, Any], key: str, now: dt.datetime) -> dt.datetime | None:
    """The bookmark in a stream's state; None when there is none, or it belongs to another key.

    Raises:
        SettingsError: It is no time.
    """
    value = state.get("replication_key_value")
    if value is None or state.get("replication_key") != key:
        return None
    return parse_date(str(value), "The bookmark", "UTC", now)


def stored_resume(state: Mapping[str, Any]) -> tuple[int, int] | None:
    """Where an unfinished full read goes on: below the first id, and above the second for rows that came since."""
    below, above = state.get(_BELOW), state.get(_ABOVE)
    return (below, above) if isinstance(below, int) and isinstance(above, int) else None
