"""Facts about circles of groups."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.oud.migration.reading import target_of
from flext_pipelines.oud.migration.references import circles, without_dangling
from flext_pipelines.oud.schema.view import SchemaView

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


def test_a_value_that_an_entry_must_have_stays() -> None:
    """What a class demands is not dropped when it is all that is left; other values of the entry are."""
    gone = target_of(b"cn=gone,o=x")
    assert gone is not None
    change = without_dangling({gone}, frozenset({"aliasedobjectname", "seealso"}), SchemaView.standard())
    lines = [b"dn: cn=a,o=x", b"objectClass: alias", b"aliasedObjectName: cn=gone,o=x", b"seeAlso: CN=Gone, O=X"]

    changed = change(b"\n".join([*lines, b"seeAlso: cn=here,o=x"]))

    assert changed == b"\n".join([*lines[:3], b"seeAlso: cn=here,o=x"])
