"""Where each entry of a result stands in the export.

What belongs here: that table. What does not: reading the export (``source``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from flext_pipelines.oud.migration.rows import Origin, Rows, Stacks

_TYPE = np.dtype([("offset", "<u8"), ("source", "<u4"), ("line", "<u8")])
_NAME = "origins.rows"


def write_origins(stacks: Stacks, folder: Path) -> None:
    """Write the table, one row for each id."""
    with (folder / _NAME).open("wb") as file:
        for stack in stacks:
            for _, rows in stack.chunks():
                kept = np.empty(len(rows), dtype=_TYPE)
                for name in ("offset", "source", "line"):
                    kept[name] = rows[name]
                kept.tofile(file)


class Origins:
    """The table, read where it is asked."""

    def __init__(self, folder: Path) -> None:
        path = folder / _NAME
        self._rows: Rows = np.memmap(path, dtype=_TYPE, mode="r") if path.stat().st_size else np.empty(0, _TYPE)

    def __getitem__(self, entry: int) -> Origin:
        row = self._rows[entry]
        return Origin(int(row["offset"]), int(row["source"]), int(row["line"]))

    def lines(self, entries: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
        """The lines of some entries."""
        found: npt.NDArray[np.uint64] = self._rows["line"][entries]
        return found
