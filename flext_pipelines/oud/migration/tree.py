"""Which entries stand where: duplicates, orphans, and the phase in which each can be written.

An entry is written after its parent. So what stands below a user is written with the users, whatever it is: the phase
of an entry is its own or its parent's, the later one; within a phase the depth decides.

Keys are hashes of 64 bits, sorted; more of them than fit into memory are sorted in parts that together are the whole.
Two entries of one hash are compared by their names, so that a chance of hashing never costs an entry.

What belongs here: these judgements, and finding an entry by its name. What does not: writing entries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flext_pipelines.oud.migration.plan import ENTRY_PHASES
from flext_pipelines.oud.migration.rows import Flags, Hashes, Ids, StackFile, Stacks
from flext_pipelines.oud.migration.spool import key_hash

KEPT, DUPLICATE, ORPHAN = range(3)

_SORTED_AT_ONCE = 2_000_000
"""Keys sorted in memory at once: about 60 MB with what the sorting needs."""


class Tree:
    """The entries of a migration by name.

    Attributes:
        keys: Hashes of the names, sorted; those of duplicates only once.
        ids: The entry of each.
        fate: By id: kept, duplicate or orphan.
        phase: By id: the phase in which the entry is written.
        places: By id: number of the written file of that phase in the upper 24 bits, offset within it in the lower 40.
    """

    def __init__(self, keys: Hashes, ids: Ids, fate: Flags, phase: Flags, places: Hashes) -> None:
        self.keys, self.ids, self.fate, self.phase, self.places = keys, ids, fate, phase, places

    def find(self, name: bytes) -> int | None:
        """The entry of a normal key; None if none is kept."""
        found = int(self.positions(np.frombuffer(key_hash(name), dtype="<u8"))[0])
        return found if found >= 0 else None

    def positions(self, wanted: Hashes) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The ids of kept entries by hash; -1 where there is none."""
        if not len(self.keys):
            return np.full(len(wanted), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        ids = self.ids[at].astype(np.int64)
        return np.where((self.keys[at] == wanted) & (self.fate[ids] == KEPT), ids, -1)

    def counts(self) -> dict[str, int]:
        """Kept entries by the phase in which they are written."""
        kept = np.bincount(self.phase[self.fate == KEPT], minlength=len(ENTRY_PHASES))
        return {name: int(kept[number]) for number, name in enumerate(ENTRY_PHASES)}

    def fates(self) -> Counter[int]:
        """How many of each fate."""
        return Counter({fate: int(count) for fate, count in enumerate(np.bincount(self.fate, minlength=3))})

    def save(self, folder: Path) -> None:
        """Write what is not on disk yet."""
        self.fate.tofile(folder / "fate.u8")
        self.phase.tofile(folder / "phase.u8")

    def save_places(self, folder: Path) -> None:
        """Write where the entries were written."""
        self.places.tofile(folder / "places.u64")


def load_tree(folder: Path) -> Tree:
    """A tree that was saved."""
    places = folder / "places.u64"
    fate = np.fromfile(folder / "fate.u8", dtype=np.uint8)
    return Tree(
        _mapped(folder / "keys.u64", np.uint64),
        _mapped(folder / "ids.u32", np.uint32),
        fate,
        np.fromfile(folder / "phase.u8", dtype=np.uint8),
        np.fromfile(places, dtype=np.uint64) if places.exists() else np.zeros(len(fate), dtype=np.uint64),
    )


def _mapped(path: Path, kind: type[np.generic]) -> np.ndarray:
    """A file as an array; numpy maps no empty one."""
    if not path.stat().st_size:
        return np.empty(0, dtype=kind)
    return np.memmap(path, dtype=kind, mode="r")


def make_tree(
    stacks: Stacks, base: bytes, folder: Path, *, at_once: int = _SORTED_AT_ONCE
) -> tuple[Tree, dict[int, int]]:
    """Judge every entry.

    Args:
        stacks: The entries.
        base: Normal key of the new base, whose entry needs no parent, and may be missing.
        folder: For the arrays.
        at_once: Keys that are sorted in memory.

    Returns:
        The tree, saved, and for each duplicate the line of the entry that is kept.
    """
    fate = np.zeros(stacks.count, dtype=np.uint8)
    phase = np.zeros(stacks.count, dtype=np.uint8)
    first_lines: dict[int, int] = {}
    with (folder / "keys.u64").open("wb") as keys_file, (folder / "ids.u32").open("wb") as ids_file:
        for keys, ids in _sorted(stacks, at_once):
            lost = dict(_twins(keys, ids, stacks))
            if lost:
                first_lines.update(lost)
                fate[np.fromiter(lost, dtype=np.int64, count=len(lost))] = DUPLICATE
                left = fate[ids] == KEPT
                keys, ids = keys[left], ids[left]
            keys.tofile(keys_file)
            ids.tofile(ids_file)
    tree = Tree(
        _mapped(folder / "keys.u64", np.uint64), _mapped(folder / "ids.u32", np.uint32), fate, phase,
        np.zeros(stacks.count, dtype=np.uint64),
    )  # fmt: skip
    _grow(tree, stacks, np.uint64(int.from_bytes(key_hash(base), "little")))
    tree.save(folder)
    return tree, first_lines


def _sorted(stacks: Stacks, at_once: int) -> Iterator[tuple[Hashes, Ids]]:
    """Every key with its id, in order, in parts; equal keys are in one part and in the order of ids."""
    parts = stacks.count // at_once + 1
    for part in range(parts):
        low, high = (part << 64) // parts, ((part + 1) << 64) // parts - 1
        keys, ids = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.uint32)]
        for stack in stacks:
            for first, rows in stack.chunks():
                found = rows["key"]
                numbers = np.arange(first, first + len(rows), dtype=np.uint32)
                if parts > 1:
                    inside = (found >= np.uint64(low)) & (found <= np.uint64(high))
                    found, numbers = found[inside], numbers[inside]
                keys.append(found)
                ids.append(numbers)
        joined = np.concatenate(keys)
        keys.clear()
        order = np.argsort(joined, kind="stable")
        yield joined[order], np.concatenate(ids)[order]


def _twins(keys: Hashes, ids: Ids, stacks: Stacks) -> Iterator[tuple[int, int]]:
    """Entries whose name another entry has that stands above them in the export, each with that one's line."""
    same = np.flatnonzero(keys[1:] == keys[:-1])
    at = 0
    while at < len(same):
        start = stop = int(same[at])
        while at < len(same) and same[at] == stop:
            stop += 1
            at += 1
        origins = sorted((stacks.origin(int(ids[place])), int(ids[place])) for place in range(start, stop + 1))
        seen: dict[bytes, int] = {}
        for origin, entry in origins:
            name = stacks.name(entry)
            if name in seen:
                yield entry, seen[name]
            else:
                seen[name] = origin.line


def _grow(tree: Tree, stacks: Stacks, base: np.uint64) -> None:
    """From the root down: who has no parent is an orphan, and so is everybody below."""
    for stack in stacks.by_depth():
        for first, rows in stack.chunks():
            _judge(tree, stack, first, rows["key"], rows["parent"], base)


def _judge(tree: Tree, stack: StackFile, first: int, keys: Hashes, parents: Hashes, base: np.uint64) -> None:
    here = slice(first, first + len(keys))
    above = tree.positions(parents)
    allowed = above >= 0
    inherited = np.where(allowed, tree.phase[np.maximum(above, 0)], 0).astype(np.uint8)
    tree.phase[here] = np.maximum(np.uint8(stack.phase), inherited)
    rooted = allowed | (keys == base) | ((parents == base) & (tree.positions(parents[:1] * 0 + base)[0] < 0))
    tree.fate[here] = np.where((tree.fate[here] == KEPT) & ~rooted, ORPHAN, tree.fate[here])
