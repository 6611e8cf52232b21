"""New ids, in blocks: a process fetches a thousand at a time, so that no transaction waits for another one's id.

An id is never given twice; what is left of a block when its process ends is never given.

What belongs here: blocks. What does not: numbers that people see (of shipments, of orders).
"""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from flext_pipelines.wms.again import NumbersMissingError
from flext_pipelines.wms.tables import wms_meta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Executable

_BLOCK = 1_000
_NEXT = wms_meta.c.name == sa.bindparam("counter")
ADVANCE = sa.update(wms_meta).where(_NEXT).values(number=wms_meta.c.number + sa.bindparam("size"))
READ = sa.select(wms_meta.c.number).where(_NEXT)


class Counting(Protocol):
    """What counting wants of a transaction."""

    def send(self, statement: Executable, **values: object) -> None:
        """Write."""
        ...

    def row(self, statement: Executable, **values: object) -> Sequence[Any] | None:
        """The first row that a statement selects."""
        ...


class Numbers:
    """The ids that this process may give; threads are safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = range(0)

    def take(self, count: int) -> Iterator[int]:
        """So many ids.

        Raises:
            NumbersMissingError: There are fewer.
        """
        with self._lock:
            if len(self._free) < count:
                raise NumbersMissingError(count)
            taken, self._free = self._free[:count], self._free[count:]
        return islice(taken, None)

    def fetch(self, transaction: Counting, count: int) -> range:
        """A new block, of a transaction of its own; it counts only when that is committed: then ``keep`` it."""
        size = max(_BLOCK, 2 * count)  # a transaction that wants many will want more
        transaction.send(ADVANCE, counter="next_id", size=size)
        row = transaction.row(READ, counter="next_id")
        assert row is not None
        return range(row[0] - size, row[0])

    def keep(self, block: range) -> None:
        """Give ids of that block from now on; what was left of the one before is dropped."""
        with self._lock:
            self._free = block
