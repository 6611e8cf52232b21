"""Where untouched rows come from: the generator, or the tables of a warehouse-management database."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flext_pipelines.wms.mock_server.entities import Row
    from flext_pipelines.wms.mock_server.generator import Generator


class Source(Protocol):
    """Untouched rows of every entity, by id."""

    @property
    def rises(self) -> bool:
        """Whether ``mod_ts`` never falls while ``id`` rises."""
        ...

    def ids(self, entity: str) -> Sequence[int]:
        """The ids of the rows, rising."""
        ...

    def row(self, entity: str, number: int) -> Row | None:
        """One row."""
        ...


class GeneratedSource:
    """Rows made on demand."""

    rises = True

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def ids(self, entity: str) -> Sequence[int]:
        """A range, however many there are."""
        return self._generator.ids(entity)

    def row(self, entity: str, number: int) -> Row | None:
        """The row as the generator makes it."""
        return self._generator.row(entity, number)


class HeldSource:
    """Rows held in memory, as they were read from a database."""

    rises = False

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        self._rows = {name: {int(row["id"]): row for row in given} for name, given in rows.items()}
        self._ids = {name: sorted(given) for name, given in self._rows.items()}

    def ids(self, entity: str) -> Sequence[int]:
        """Exactly the ids that are there."""
        return self._ids.get(entity, [])

    def row(self, entity: str, number: int) -> Row | None:
        """The row, if there is one."""
        return self._rows.get(entity, {}).get(number)


def narrowed(ids: Sequence[int], low: int | None, high: int | None) -> Sequence[int]:
    """The ids from ``low`` up to and without ``high``."""
    start = 0 if low is None else bisect_left(ids, low)
    end = len(ids) if high is None else bisect_left(ids, high)
    return ids[start : max(start, end)]
