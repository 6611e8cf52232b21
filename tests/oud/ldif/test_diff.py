"""Comparing two files: the changes make the first the second, whatever the order."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flext_pipelines.errors import DnError, NotFoundError
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.ldif import LdifWriter, Modification
from flext_pipelines.oud.ldif.compare import Comparison
from flext_pipelines.oud.ldif.diff import Difference, LdifDiff, write_difference
from flext_pipelines.oud.ldif.index import place_of
from tests.oud import oid_sample
from tests.oud.ldif.reading import records, refusal

if TYPE_CHECKING:
    from pathlib import Path

Compare = Callable[..., list[Difference]]

OLD = b"""dn: dc=x
dc: x
objectclass: top

dn: cn=a,dc=x
cn: a
mail: 1@x
mail: 2@x
mail: 3@x
orclguid: 1

dn: ou=gone,dc=x
ou: gone

dn: cn=below,ou=gone,dc=x
cn: below
"""
NEW = b"""dn: cn=below,ou=come,dc=x
cn: below

dn: CN=A, DC=X
MAIL: 3@x
mail: 4@x
mail: 1@x
CN: a
orclguid: 2
sn: s

dn: ou=come,dc=x
ou: come
orclguid: 3

dn: dc=x
objectClass: TOP
dc: x
"""


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Compare two texts."""

    def call(
        old: bytes,
        new: bytes,
        comparison: Comparison | None = None,
        *,
        ignore_below: tuple[str, ...] = (),
        rows: int = 9,
    ) -> list[Difference]:
        (tmp_path / "old.ldif").write_bytes(old)
        (tmp_path / "new.ldif").write_bytes(new)
        diff = LdifDiff(
            tmp_path / "old.ldif", tmp_path / "new.ldif", comparison, ignore_below=ignore_below, most_rows=rows
        )
        return list(diff)

    return call


def test_differences_are_named_entry_by_entry(compare: Compare) -> None:
    """Parents are added first and deleted last; names, values and entries may stand in any order and spelling."""
    for rows in (1, 2, 100):
        found = compare(OLD, NEW, Comparison(ignore=["orclGUID"]), rows=rows)

        assert found == [
            Difference("modify", b"cn=a,dc=x", 5, steps=(
                Modification("delete", b"mail", (b"2@x",)), Modification("add", b"mail", (b"4@x",)),
                Modification("add", b"sn", (b"s",)),
            )),
            Difference("add", b"ou=come,dc=x", 12, attributes=((b"ou", b"come"),)),
            Difference("add", b"cn=below,ou=come,dc=x", 1, attributes=((b"cn", b"below"),)),
            Difference("delete", b"cn=below,ou=gone,dc=x", 15),
            Difference("delete", b"ou=gone,dc=x", 12),
        ]  # fmt: skip


def test_what_is_ignored_is_left_out(compare: Compare) -> None:
    """Attributes with every option, and whole branches."""
    old = b"dn: cn=a,dc=x\ncn: a\nx;y: 1\n\ndn: cn=log\ncn: log\n\ndn: cn=1,cn=LOG\ncn: 1\n\ndn: cn=logs\ncn: a\n"
    new = b"dn: cn=a,dc=x\nX: 2\ncn: a\n"

    assert compare(old, new, Comparison(ignore=["X"]), ignore_below=("cn=log",)) == [
        Difference("delete", b"cn=logs", 11)
    ]


def test_values_may_be_compared_as_what_they_are(compare: Compare) -> None:
    """Exactly, unless an attribute is said to hold DNs or words in any case."""
    old = b"dn: cn=a\nmember: CN=b, dc=x\nmail: A@x\nmember: not a dn\n"
    new = b"dn: cn=a\nmember: cn=B,dc=x\nmail: a@X\nmember: not a dn\n"

    assert [step.name for step in compare(old, new)[0].steps] == [b"member", b"member", b"mail"]
    assert compare(old, new, Comparison(any_case=["Mail"], names=["Member"])) == []


@pytest.mark.parametrize(
    ("old", "new", "steps"),
    [
        (b"a: 1\na: 2", b"a: 2\na: 1", []),
        (b"a: 1\na: 1", b"a: 1", []),
        (b"a;x;y: 1", b"A;y;X: 1", []),
        (b"a: 1", b"a:\n 1", []),
        (b"a: 1", b"b: 2\na: 1", [Modification("add", b"b", (b"2",))]),
        (b"a: 1\nb: 2", b"a: 1", [Modification("delete", b"b", ())]),
        (b"a: 1", b"a: 2\na: 3", [Modification("replace", b"a", (b"2", b"3"))]),
        (b"a: 1\na: 2", b"a: 1", [Modification("delete", b"a", (b"2",))]),
        (b"a: 1", b"a: 1\na: 2", [Modification("add", b"a", (b"2",))]),
        (b"a: 1", b"a;x: 1", [Modification("delete", b"a", ()), Modification("add", b"a;x", (b"1",))]),
        (b"a: 1", b"a:", [Modification("replace", b"a", (b"",))]),
    ],
)
def test_the_steps_of_an_entry(compare: Compare, old: bytes, new: bytes, steps: list[Modification]) -> None:
    """The smallest that say it: values one by one, a whole attribute where none stays."""
    found = compare(b"dn: cn=a\n" + old + b"\n", b"dn: cn=a\n" + new + b"\n")

    assert [list(difference.steps) for difference in found] == ([steps] if steps else [])


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"dn: cn=a\ncn: a\n\ndn: cn=b\ncn: b\n\ndn: CN=A\ncn: x\n", 7, "stands in the file twice, first on line 1"),
        (b"dn: cn=a\nchangetype: delete\n", 1, "holds changes"),
        (b"dn: cn=a\ncn: a\n\ndn: no name\ncn: a\n", 4, "'no name' is no DN"),
        (b"dn: cn=a\ncn a\n", 2, "no colon"),
    ],
)
@pytest.mark.parametrize("rows", [1, 100])
def test_what_cannot_be_compared_is_named(compare: Compare, data: bytes, line: int, reason: str, rows: int) -> None:
    """File, line and reason."""
    for pair in ((data, OLD), (OLD, data)):
        error = refusal(lambda pair=pair: compare(*pair, rows=rows))  # type: ignore[misc]  # bound early

        assert reason in error.reason
        assert error.details["line"] == line


def test_missing_files_and_wrong_branches(tmp_path: Path) -> None:
    """Named before anything is read."""
    path = tmp_path / "x.ldif"
    path.write_bytes(OLD)

    with pytest.raises(NotFoundError, match="There is no file"):
        list(LdifDiff(path, tmp_path / "none"))
    with pytest.raises(DnError):
        LdifDiff(path, path, ignore_below=("nonsense",))


def test_the_order_of_places_is_the_order_of_the_tree() -> None:
    """Whatever sorts before a comma, and whatever is escaped."""
    names = [b"", b"dc=x", b"cn=a,dc=x", b"cn=b,cn=a,dc=x", b"cn=a b,dc=x", rb"cn=a\,b,dc=x", b"cn=b,dc=x", b"dc=x y"]
    shuffled = random.Random(7).sample(names, len(names))

    found = sorted(shuffled, key=place_of)

    for name in names:
        parent = name.partition(b",")[2] if b"\\" not in name else b"dc=x"
        assert found.index(parent) <= found.index(name)


def test_a_file_differs_not_from_itself_in_another_order(tmp_path: Path) -> None:
    """The sample, shuffled, with other folds; no record is read a second time unless it must."""
    entries = [oid_sample.record(entry) for entry in oid_sample.entries(400)]
    (tmp_path / "a.ldif").write_bytes(b"\n\n".join(entries))
    random.Random(3).shuffle(entries)
    (tmp_path / "b.ldif").write_bytes(b"version: 1\n\n" + b"\n\n".join(entries).replace(b"\n", b"\r\n"))

    diff = LdifDiff(tmp_path / "a.ldif", tmp_path / "b.ldif", most_rows=70)

    assert list(diff) == []
    assert (diff.same, diff.ignored) == (400, 0)


NAMES = st.sampled_from([b"dc=x", b"cn=a,dc=x", b"cn=b,dc=x", b"cn=c,cn=b,dc=x", rb"cn=\,,dc=x", b"cn=d"])
CONTENT = st.lists(st.tuples(st.sampled_from([b"a", b"B", b"c;x"]), st.binary(max_size=3)), min_size=1, max_size=5)
FILES = st.dictionaries(NAMES, CONTENT, max_size=6)
Content = dict[bytes, list[tuple[bytes, bytes]]]


def state_of(content: Content) -> dict[bytes, dict[bytes, set[bytes]]]:
    found: dict[bytes, dict[bytes, set[bytes]]] = {}
    for dn, pairs in content.items():
        for name, value in pairs:
            found.setdefault(normal_key(dn), {}).setdefault(name.lower(), set()).add(value)
    return found


def apply(state: dict[bytes, dict[bytes, set[bytes]]], changes: bytes) -> None:
    """What a server does with change records, strictly."""
    for record in records(changes):
        key = normal_key(record.dn)
        if record.changetype == "add":
            assert key not in state
            state[key] = {name: set(values) for name, values in record.mapping().items()}
        elif record.changetype == "delete":
            assert not any(other.endswith(b"," + key) for other in state)
            del state[key]
        for step in record.changes:
            values = state[key].setdefault(step.name.lower(), set())
            if step.operation == "add":
                assert not values & set(step.values)
                values |= set(step.values)
            elif step.operation == "replace":
                state[key][step.name.lower()] = set(step.values)
            else:
                assert set(step.values) <= values
                values -= set(step.values) or set(values)
            if not state[key][step.name.lower()]:
                del state[key][step.name.lower()]


def closed(content: Content) -> Content:
    """The same with the parents that it lacks; a directory has no orphans."""
    found = dict(content)
    for dn in content:
        above = dn
        while b"," in above:
            above = rb"dc=x" if b"\\" in above else above.partition(b",")[2]
            found.setdefault(above, [(b"a", b"parent")])
    return found


@settings(max_examples=60)
@given(FILES.map(closed), FILES.map(closed))
def test_the_changes_make_the_first_the_second(
    tmp_path_factory: pytest.TempPathFactory, old: Content, new: Content
) -> None:
    """Applied in order, by a server that refuses what cannot be done."""
    folder = tmp_path_factory.getbasetemp() / "diff"
    folder.mkdir(exist_ok=True)
    for name, content in (("old", old), ("new", new)):
        with (folder / name).open("wb") as file:
            writer = LdifWriter(file)
            for dn, pairs in content.items():
                writer.write_entry(dn, pairs)
    changes = io.BytesIO()
    for difference in LdifDiff(folder / "old", folder / "new", most_rows=2):
        write_difference(LdifWriter(changes), difference)
    state = state_of(old)

    apply(state, changes.getvalue())

    assert state == state_of(new)
