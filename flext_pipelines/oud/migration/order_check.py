"""Whether names stand once, below what stands before them, and are there when somebody names them.

Only hashes are kept, in files that are mapped: 16 bytes an entry, and 8 for each reference.

What belongs here: the judge's arrays. What does not: reading files (``judge``).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.ldif.record import Record
from flext_pipelines.oud.migration.reading import target_of
from flext_pipelines.oud.migration.rows import Hashes
from flext_pipelines.oud.migration.spool import key_hash, parent_hash, parent_key

_MOST_NAMED = 20
_AT_ONCE = 500_000
_ENTRY = struct.Struct("<8s8sQ")
_ENTRY_TYPE = np.dtype([("key", "<u8"), ("parent", "<u8"), ("line", "<u8")])
_HOLDER = "aci values stand on entries"

Found = dict[str, tuple[int, list[str], int]]


class OrderCheck:
    """Takes entries in the order in which they stand.

    Args:
        base: Name of the base, which needs no parent.
        scratch: A folder for hashes.
    """

    def __init__(self, base: str, scratch: Path) -> None:
        self._base = normal_key(base.encode())
        self._scratch = scratch
        self._rows: BinaryIO = (scratch / "entries").open("wb", buffering=1 << 18)
        self._targets: BinaryIO = (scratch / "targets").open("wb", buffering=1 << 18)
        self._holders: list[tuple[int, str]] = []
        self._entries = 0

    def entry(self, record: Record, referring: tuple[bytes, ...]) -> None:
        """Take an entry.

        Raises:
            DnError: Its name is none.
        """
        key = normal_key(record.dn)
        above = parent_key(key) if key != self._base else b""
        self._rows.write(_ENTRY.pack(key_hash(key), parent_hash(above), record.line))
        self._entries += 1
        for name in referring:
            for value in record.values(name):
                if (target := target_of(value)) is not None:
                    self._targets.write(target.to_bytes(8, "little"))

    def holder(self, dn: bytes, where: str) -> None:
        """Take an entry that is changed."""
        try:
            self._holders.append((int.from_bytes(key_hash(normal_key(dn)), "little"), where))
        except DnError as error:
            self._holders.append((0, f"{where}: {error.reason}"))

    def finish(self) -> Found:
        """What is wrong: checked, the first faults, and how many, by check."""
        self._rows.close()
        self._targets.close()
        rows = np.fromfile(self._scratch / "entries", dtype=_ENTRY_TYPE)
        keys: Hashes = rows["key"]
        order = np.argsort(keys, kind="stable")
        sorted_keys = keys[order]
        twins = order[1:][sorted_keys[1:] == sorted_keys[:-1]]
        root = np.uint64(int.from_bytes(parent_hash(b""), "little"))
        base = np.uint64(int.from_bytes(key_hash(self._base), "little"))
        at = np.minimum(np.searchsorted(sorted_keys, rows["parent"]), max(len(keys) - 1, 0))
        there = (sorted_keys[at] == rows["parent"]) if len(keys) else np.empty(0, dtype=bool)
        before = there & (order[at] < np.arange(len(keys)))
        missing_base = not bool(np.any(keys == base))
        late = ~before & (rows["parent"] != root) & ~((rows["parent"] == base) & missing_base)
        return {
            "names stand once": (self._entries, _lines(rows, twins), len(twins)),
            "parents stand before their children": (
                self._entries, _lines(rows, np.flatnonzero(late)), int(np.count_nonzero(late))
            ),
            "references resolve": self._references(sorted_keys),
            _HOLDER: self._held(sorted_keys, base if missing_base else None),
        }  # fmt: skip

    def _references(self, keys: Hashes) -> tuple[int, list[str], int]:
        checked = failed = 0
        with (self._scratch / "targets").open("rb") as file:
            while len(targets := np.fromfile(file, dtype=np.uint64, count=_AT_ONCE)):
                checked += len(targets)
                failed += int(np.count_nonzero(~_are_in(keys, targets)))
        faults = ["side/dangling-references.csv lists them"] if failed else []
        return checked, faults, failed

    def _held(self, keys: Hashes, base: np.uint64 | None) -> tuple[int, list[str], int]:
        wanted = np.array([key for key, _ in self._holders], dtype=np.uint64)
        lost = ~_are_in(keys, wanted) if len(wanted) else np.empty(0, dtype=bool)
        if base is not None:
            lost &= wanted != base
        places = np.flatnonzero(lost)
        return len(wanted), [self._holders[place][1] for place in places[:_MOST_NAMED]], len(places)


def _are_in(keys: Hashes, wanted: Hashes) -> npt.NDArray[np.bool_]:
    if not len(keys):
        return np.zeros(len(wanted), dtype=bool)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    found: npt.NDArray[np.bool_] = keys[at] == wanted
    return found


def _lines(rows: npt.NDArray[np.void], places: npt.NDArray[np.int64]) -> list[str]:
    return [f"the entry on line {int(rows['line'][place])} of its file" for place in places[:_MOST_NAMED].tolist()]
