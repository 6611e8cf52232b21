"""Facts about circles of groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.oud.migration.references import circles

EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20)


def test_a_group_in_itself_is_a_circle() -> None:
    """The shortest circle has one entry."""
    assert circles(np.array([[1, 1], [2, 1]])) == [(1,)]


def test_a_long_chain_is_none() -> None:
    """Chains are walked without recursion, however long."""
    edges = np.stack([np.arange(50_000), np.arange(1, 50_001)], axis=1)

    assert circles(edges) == []
    assert len(circles(np.concatenate([edges, [[50_000, 0]]]))[0]) == 50_001


@given(edges=EDGES)
def test_circles_are_found_where_there_are_some(edges: list[tuple[int, int]]) -> None:
    """Every circle that is told is one, and one is told whenever there is one."""
    found = circles(np.array(edges, dtype=np.int64).reshape(-1, 2))

    for circle in found:
        steps = zip(circle, [*circle[1:], circle[0]], strict=True)
        assert all(step in edges for step in steps)
    reach = {(a, b) for a, b in edges}
    for _ in range(7):
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c}
    assert bool(found) is any(a == b for a, b in reach)
