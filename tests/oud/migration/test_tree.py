"""Facts about names: hashes, parents, sorted parts, and the phase of an entry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flext_pipelines.oud.dn import normal_key, parse_dn
from flext_pipelines.oud.migration.rows import Stacks
from flext_pipelines.oud.migration.spool import Spool, parent_key
from flext_pipelines.oud.migration.tree import DUPLICATE, KEPT, ORPHAN, load_tree, make_tree

BASE = b"o=x"
VALUES = st.text(st.sampled_from('ab ,\\+="#;<>é'), min_size=1, max_size=4)


def spooled(folder: Path, names: list[tuple[str, bytes]]) -> Stacks:
    """Entries stacked in one part; the line of each is its place."""
    part = folder / "part"
    part.mkdir()
    spool = Spool(part)
    for line, (phase, name) in enumerate(names, 1):
        key = normal_key(name)
        spool.stack(phase, parse_dn(name).depth).add(b"dn: " + name + b"\no: x", key, line * 100, 50, line)
    spool.close()
    return Stacks([part])


@given(values=st.lists(VALUES, min_size=1, max_size=4))
def test_a_parent_s_key_is_the_key_of_the_parent(values: list[str]) -> None:
    """Cutting the first RDN from a key gives what the parsed parent's key is, whatever is escaped."""
    from flext_pipelines.oud.dn import Ava, Dn

    name = Dn(tuple((Ava("cn", value.encode()),) for value in values))
    above = name.parent()

    assert above is not None
    assert parent_key(name.key) == above.key


def test_entries_are_found_by_name(tmp_path: Path) -> None:
    """A kept entry is found, one that is not there is not, also when the tree was loaded again."""
    stacks = spooled(tmp_path, [("hierarchy", b"o=x"), ("users", b"cn=a,o=x"), ("users", b"cn=b,o=x")])
    make_tree(stacks, BASE, tmp_path)

    tree = load_tree(tmp_path)

    assert tree.find(b"cn=b,o=x") == 2
    assert tree.find(b"cn=c,o=x") is None
    assert tree.counts() == {"hierarchy": 1, "users": 2, "groups": 0}


@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_parts_that_are_sorted_apart_are_the_whole(tmp_path: Path, at_once: int) -> None:
    """However few keys are sorted at once, all are there, in order, and twins are found."""
    names = [("users", f"cn={number % 40},o=x".encode()) for number in range(50)]
    stacks = spooled(tmp_path, [("hierarchy", b"o=x"), *names])

    tree, first_lines = make_tree(stacks, BASE, tmp_path, at_once=at_once)

    assert len(tree.keys) == 41
    assert bool(np.all(tree.keys[1:] > tree.keys[:-1]))
    assert tree.fates() == {KEPT: 41, DUPLICATE: 10, ORPHAN: 0}
    assert sorted(first_lines.values()) == [*range(2, 12)]


def test_no_entries_are_a_tree_too(tmp_path: Path) -> None:
    """An export without entries has an empty tree."""
    (tmp_path / "part").mkdir()

    tree, _ = make_tree(Stacks([tmp_path / "part"]), BASE, tmp_path)

    assert tree.counts() == {"hierarchy": 0, "users": 0, "groups": 0}
    assert tree.find(BASE) is None


TREES = st.lists(
    st.tuples(st.sampled_from(["hierarchy", "users", "groups"]), st.lists(st.sampled_from("ab"), max_size=4)),
    max_size=25,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=TREES)
def test_the_tree_judges_as_a_walk_does(
    tmp_path_factory: pytest.TempPathFactory, found: list[tuple[str, list[str]]]
) -> None:
    """Twins, orphans and phases are those that a walk from the root finds with plain dictionaries."""
    folder = tmp_path_factory.mktemp("tree")
    names = [(phase, ",".join([*(f"cn={rdn}" for rdn in path), "o=x"]).encode()) for phase, path in found]
    order = ["hierarchy", "users", "groups"]
    first: dict[bytes, str] = {}
    for phase, name in names:
        first.setdefault(name, phase)
    phases: dict[bytes, int] = {}
    for name in sorted(first, key=lambda one: one.count(b",")):
        above, own = name.partition(b",")[2], order.index(first[name])
        if name == BASE or above in phases or (above == BASE and BASE not in first):
            phases[name] = max(own, phases.get(above, 0))

    tree, _ = make_tree(spooled(folder, names), BASE, folder)

    assert tree.fates()[DUPLICATE] == len(names) - len(first)
    assert tree.fates()[ORPHAN] == len(first) - len(phases)
    kept = {name: int(tree.phase[entry]) for name in first if (entry := tree.find(name)) is not None}
    assert kept == phases
