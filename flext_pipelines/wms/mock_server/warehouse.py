"""The rows as they are now: those of the source, with what requests have changed, added and removed since."""

from __future__ import annotations

import datetime as dt
import threading
from bisect import bisect_left
from typing import TYPE_CHECKING

from flext_pipelines.wms.mock_server.entities import ENTITIES, Kind, Row
from flext_pipelines.wms.mock_server.source import Source, narrowed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


_MOST_KEYS = 200_000
"""Keys of untouched rows that are remembered: making a whole row for its key costs most of a page's time."""


class Warehouse:
    """All entities of one server.

    Attributes:
        lock: Held while an operation changes several rows, so that a reader sees all of it or nothing.
        version: Rises with every change.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._changed: dict[str, dict[int, Row]] = {name: {} for name in ENTITIES}
        self._removed: dict[str, set[int]] = {name: set() for name in ENTITIES}
        self._found: dict[tuple[str, str], dict[object, list[int]]] = {}
        self._keys: dict[tuple[str, int], str] = {}
        self._last_stamp = ""
        self.lock = threading.RLock()
        self.version = 0

    def now(self) -> str:
        """A time for ``mod_ts``: UTC without a zone, later than every one given before."""
        stamp = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        while stamp.isoformat(timespec="microseconds") <= self._last_stamp:
            stamp += dt.timedelta(microseconds=1)
        self._last_stamp = stamp.isoformat(timespec="microseconds")
        return self._last_stamp

    def get(self, entity: str, number: int) -> Row | None:
        """One row as it is now."""
        if number in self._changed[entity]:
            return self._changed[entity][number]
        return None if number in self._removed[entity] else self._source.row(entity, number)

    def find(self, entity: str, field: str, value: object) -> Row | None:
        """The first row whose field has that value."""
        numbers = self.find_ids(entity, field, value)
        return self.get(entity, numbers[0]) if numbers else None

    def find_ids(self, entity: str, field: str, value: object) -> list[int]:
        """The ids of all rows whose field has that value, by an index that is made on first use."""
        index = self._found.get((entity, field))
        if index is None:
            index = {}
            for number in self._source.ids(entity):
                row = self._source.row(entity, number)
                if row is not None:
                    index.setdefault(row[field], []).append(number)
            self._found[entity, field] = index
        changed, removed = self._changed[entity], self._removed[entity]
        kept = [number for number in index.get(value, ()) if number not in changed and number not in removed]
        return sorted([*kept, *(number for number, row in changed.items() if row.get(field) == value)])

    # Changing

    def change(self, entity: str, number: int, user: str, **fields: object) -> Row:
        """Change fields of a row; ``mod_ts`` follows."""
        with self.lock:
            before = self.get(entity, number)
            assert before is not None, f"{entity} {number} is not there"
            row = {**before, **fields, "mod_user": user, "mod_ts": self.now()}
            self._changed[entity][number] = row
            self.version += 1
            return row

    def add(self, entity: str, user: str, **fields: object) -> Row:
        """Add a row with the next id."""
        with self.lock:
            ids = self._source.ids(entity)
            number = max([ids[-1] if ids else 0, *self._changed[entity]], default=0) + 1
            stamp = self.now()
            row = dict.fromkeys(field.name for field in ENTITIES[entity].fields if field.kind is not Kind.SET)
            row |= {"id": number, "create_user": user, "create_ts": stamp, "mod_user": user, "mod_ts": stamp, **fields}
            self._changed[entity][number] = row
            self.version += 1
            return row

    def remove(self, entity: str, number: int) -> None:
        """Take a row out."""
        with self.lock:
            self._changed[entity].pop(number, None)
            self._removed[entity].add(number)
            self.version += 1

    def touch(self, entity: str, rows: int, user: str, *, remove: bool = False) -> list[int]:
        """Let life go on: change or remove the first rows of an entity that are there; gives their ids."""
        touched: list[int] = []
        for number in self.all_ids(entity):
            if len(touched) == rows:
                break
            if number not in self._changed[entity] and self.get(entity, number) is not None:
                touched.append(number)
        for number in touched:
            if remove:
                self.remove(entity, number)
            else:
                self.change(entity, number, user)
        return touched

    # Reading in order

    def all_ids(self, entity: str) -> Sequence[int]:
        """Every id, rising; those of removed rows too."""
        base, changed = self._source.ids(entity), self._changed[entity]
        fresh = [number for number in changed if self._source.row(entity, number) is None]
        return base if not fresh else [*base, *sorted(fresh)]

    def in_id_order(
        self, entity: str, low: int | None, high: int | None, keep: Callable[[Row], bool] | None
    ) -> Sequence[int]:
        """Ids of kept rows from ``low`` up to and without ``high``."""
        ids = narrowed(self.all_ids(entity), low, high)
        if keep is None:
            removed = self._removed[entity]
            return [number for number in ids if number not in removed] if removed else ids
        return [number for number in ids if self._is(entity, number, keep)]

    def in_time_order(
        self, entity: str, low: str | None, high: str | None, keep: Callable[[Row], bool] | None
    ) -> Sequence[int]:
        """Ids in the order of ``mod_ts`` and id, from the time ``low`` up to and without ``high``."""
        base, changed = self._source.ids(entity), self._changed[entity]
        untouched = self._by_time(entity, base, low, high) if self._source.rises else base

        def wanted(row: Row) -> bool:
            moment = row["mod_ts"]
            within = (low is None or moment >= low) and (high is None or moment < high)
            return within and (keep is None or keep(row))

        if self._source.rises and keep is None and not changed and not self._removed[entity]:
            return untouched
        if self._source.rises and keep is None:
            removed = self._removed[entity]
            still = [number for number in untouched if number not in changed and number not in removed]
            return still + sorted((n for n, row in changed.items() if wanted(row)), key=lambda n: changed[n]["mod_ts"])
        chosen = [n for n in untouched if n not in changed and self._is(entity, n, wanted)]
        chosen += [number for number, row in changed.items() if wanted(row)]
        chosen.sort(key=lambda number: (self._row(entity, number)["mod_ts"], number))
        return chosen

    def _by_time(self, entity: str, ids: Sequence[int], low: str | None, high: str | None) -> Sequence[int]:
        def moment(number: int) -> str:
            row = self._source.row(entity, number)
            return "" if row is None else str(row["mod_ts"])

        start = 0 if low is None else bisect_left(ids, low, key=moment)
        end = len(ids) if high is None else bisect_left(ids, high, key=moment)
        return ids[start : max(start, end)]

    def _is(self, entity: str, number: int, keep: Callable[[Row], bool]) -> bool:
        row = self.get(entity, number)
        return row is not None and keep(row)

    def _row(self, entity: str, number: int) -> Row:
        row = self.get(entity, number)
        assert row is not None
        return row

    def rows(self, entity: str, ids: Sequence[int]) -> Iterator[Row]:
        """The rows of ids, in their order; ids without a row are passed over."""
        for number in ids:
            row = self.get(entity, number)
            if row is not None:
                yield row

    def count_of(self, entity: str, field: str, value: int) -> int:
        """How many rows point to a row by a field."""
        return len(self.find_ids(entity, field, value))

    def key_of(self, entity: str, number: int) -> str:
        """What people call a row: its code or number."""
        if number in self._changed[entity] or number in self._removed[entity]:
            row = self.get(entity, number)
            return "" if row is None else str(row[ENTITIES[entity].key])
        known = self._keys.get((entity, number))
        if known is None:
            if len(self._keys) >= _MOST_KEYS:
                self._keys.clear()
            row = self._source.row(entity, number)
            known = self._keys[entity, number] = "" if row is None else str(row[ENTITIES[entity].key])
        return known
