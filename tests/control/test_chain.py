"""Facts about the hash chain alone: whatever is done to a list of rows is found."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from flext_pipelines.control.chain import FIELDS, FIRST_HASH, MOST_FINDINGS, Findings, check, row_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Row = tuple[object, ...]


def rows_of(count: int) -> Iterator[Row]:
    """A good chain."""
    previous = FIRST_HASH
    for number in range(1, count + 1):
        row: dict[str, object] = {
            **dict.fromkeys(FIELDS),
            "number": number,
            "at": 1_000_000 + number,
            "kind": "begun",
            "actor": "anna",
            "payload": f'{{"n":{number}}}',
            "seconds": number / 3,
            "previous_hash": previous,
        }
        previous = row_hash(row)
        yield (*row.values(), previous)


def check_rows(rows: Sequence[Row], head: tuple[int, str] | None) -> Findings:
    findings = Findings()
    check(rows, head, findings)
    return findings


def head_of(rows: Sequence[Row]) -> tuple[int, str]:
    return int(str(rows[-1][0])), str(rows[-1][-1])


def rehashed(row: Row) -> Row:
    """The row with a hash that fits it: what a careful forger writes."""
    return (*row[:-1], row_hash(dict(zip(FIELDS, row, strict=False))))


def test_a_good_chain_has_no_findings() -> None:
    """A chain as it was written is intact; so is an empty one."""
    rows = list(rows_of(50))

    assert check_rows(rows, head_of(rows)).count == 0
    assert check_rows([], (0, FIRST_HASH)).count == 0


@given(
    place=st.integers(0, 29),
    field=st.sampled_from([name for name in FIELDS if name != "number"]),
    value=st.one_of(st.text(max_size=5), st.integers(), st.floats(), st.none(), st.binary(max_size=3)),
    careful=st.booleans(),
)
@settings(deadline=None)
def test_any_changed_field_is_found(place: int, field: str, value: object, careful: bool) -> None:
    """Whichever field of whichever row is changed, even by somebody who hashes it anew, that place is named."""
    rows = list(rows_of(30))
    head = head_of(rows)
    changed = list(rows[place])
    changed[FIELDS.index(field)] = value
    if tuple(changed) == rows[place]:
        return
    plain = isinstance(value, (str, int, type(None)))  # only such a value can be hashed anew
    rows[place] = rehashed(tuple(changed)) if careful and plain else tuple(changed)

    findings = check_rows(rows, head)

    assert findings.count >= 1
    assert findings.kept[0].number in {place + 1, place + 2}


@given(first=st.integers(0, 29), second=st.integers(0, 29), numbers_too=st.booleans())
@settings(deadline=None)
def test_swapped_rows_are_found(first: int, second: int, numbers_too: bool) -> None:
    """Two rows that changed places are found, whether or not their numbers were swapped back."""
    rows = list(rows_of(30))
    head = head_of(rows)
    if first == second:
        return
    one, other = rows[first], rows[second]
    rows[first] = (one[0], *other[1:]) if numbers_too else other
    rows[second] = (other[0], *one[1:]) if numbers_too else one
    rows.sort(key=lambda row: int(str(row[0])))
    if not numbers_too:
        assert check_rows(rows, head).count == 0  # ordered by number, nothing was done to the trail
        return

    findings = check_rows(rows, head)

    assert {first + 1, second + 1} <= {finding.number for finding in findings.kept}


@given(place=st.integers(0, 28), count=st.integers(1, 5))
@settings(deadline=None)
def test_missing_rows_are_named(place: int, count: int) -> None:
    """Rows that are gone from the middle are named by their numbers."""
    rows = list(rows_of(40))
    head = head_of(rows)
    del rows[place : place + count]

    findings = check_rows(rows, head)

    assert [(finding.number, finding.kind) for finding in findings.kept] == [(place + 1, "missing")]


@given(kept=st.integers(0, 29))
@settings(deadline=None)
def test_a_cut_tail_is_named(kept: int) -> None:
    """Rows that are gone from the end are found by the head row."""
    rows = list(rows_of(30))

    findings = check_rows(rows[:kept], head_of(rows))

    assert [(finding.number, finding.kind) for finding in findings.kept] == [(kept + 1, "cut_tail")]


def test_inserted_rows_are_named() -> None:
    """A row after the head, and one before the first, were not written by the trail."""
    rows = list(rows_of(31))
    head = head_of(rows[:30])
    early = rehashed((0, *rows[0][1:]))

    findings = check_rows([early, *rows], head)

    assert [(finding.number, finding.kind) for finding in findings.kept] == [(0, "inserted"), (31, "inserted")]


def test_a_replaced_last_row_is_found() -> None:
    """A last row that was rewritten with a fitting hash does not fit the head."""
    rows = list(rows_of(10))
    head = head_of(rows)
    rows[-1] = rehashed((rows[-1][0], 5, *rows[-1][2:]))

    assert [(finding.number, finding.kind) for finding in check_rows(rows, head).kept] == [(10, "head")]


def test_a_missing_head_is_found() -> None:
    """Without the head row a cut-off tail could not be seen, so its absence is a finding."""
    assert [finding.kind for finding in check_rows(list(rows_of(3)), None).kept] == ["head"]


def test_a_rewritten_history_breaks_a_noted_hash() -> None:
    """Who rewrites every row and the head is found by a hash that was noted elsewhere."""
    honest = list(rows_of(20))
    forged = [rehashed((*row[:3], None, "berta", *row[5:])) for row in honest]
    for place in range(1, len(forged)):
        forged[place] = rehashed((*forged[place][:-2], forged[place - 1][-1], ""))
    findings = Findings()

    check(forged, head_of(forged), findings)
    assert findings.count == 0
    check(forged, head_of(forged), findings, known=(12, str(honest[11][-1])))

    assert [(finding.number, finding.kind) for finding in findings.kept] == [(12, "known_hash")]


def test_a_noted_row_that_is_gone_is_found() -> None:
    """A trail that ends before the noted row is not the one that was noted."""
    rows = list(rows_of(5))
    findings = Findings()

    check(rows, head_of(rows), findings, known=(9, "0" * 64))

    assert [(finding.number, finding.kind) for finding in findings.kept] == [(9, "known_hash")]


def test_memory_is_flat() -> None:
    """Checking holds one row at a time, and keeps no more than a hundred findings of a ruined trail."""
    ruined = ((*row[:4], "forged", *row[5:]) for row in rows_of(20_000))
    findings = Findings()
    tracemalloc.start()

    count = check(ruined, (20_000, ""), findings)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, len(findings.kept), findings.count) == (20_000, MOST_FINDINGS, 20_001)
    assert peak < 1_000_000
