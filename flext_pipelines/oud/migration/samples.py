"""Entries below policy points, chosen while the spools are there.

What belongs here: which entries a proof asks about. What does not: asking (``probing``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from flext_pipelines.oud.migration.rows import Hashes, Stacks
from flext_pipelines.oud.migration.tree import KEPT, Tree

_SAMPLED_BELOW = 3

Places = npt.NDArray[np.int64]


def sample_below(stacks: Stacks, tree: Tree, holders: Mapping[int, int]) -> dict[int, list[int]]:
    """A few entries right below each policy point, of each phase, and one below each of those.

    Args:
        stacks: The entries.
        tree: Which are kept.
        holders: Ids of the policy points by the hashes of their names.

    Returns:
        Ids by policy point.
    """
    children = _first_below(stacks, tree, [*holders], _SAMPLED_BELOW)
    below = _first_below(stacks, tree, [key for found in children.values() for key, _ in found], 1)
    return {
        holders[parent_hash]: [
            entry for key, child in found for entry in (child, *(inner for _, inner in below.get(key, ())))
        ]
        for parent_hash, found in children.items()
    }


def _first_below(stacks: Stacks, tree: Tree, parents: Sequence[int], most: int) -> dict[int, list[tuple[int, int]]]:
    """The first entries of each phase below some parents, all given by hash: hash and id of each."""
    wanted = np.array(sorted(parents), dtype=np.uint64)
    found: dict[int, list[tuple[int, int]]] = {}
    for phase in range(3):
        counts: dict[int, int] = {}
        for stack in stacks:
            if stack.phase != phase or not len(wanted):
                continue
            for first, rows in stack.chunks():
                kept = tree.fate[first : first + len(rows)] == KEPT
                places = np.flatnonzero(np.isin(rows["parent"], wanted) & kept)
                for place in _first_of_each(rows["parent"], places, most).tolist():
                    above = int(rows["parent"][place])
                    if counts.get(above, 0) < most:
                        counts[above] = counts.get(above, 0) + 1
                        found.setdefault(above, []).append((int(rows["key"][place]), first + place))
    return found


def _first_of_each(parents: Hashes, places: Places, most: int) -> Places:
    """The first places of each parent."""
    chosen: list[Places] = []
    for _ in range(most):
        if not len(places):
            break
        _, at = np.unique(parents[places], return_index=True)
        chosen.append(places[at])
        places = np.delete(places, at)
    return np.sort(np.concatenate(chosen)) if chosen else places
