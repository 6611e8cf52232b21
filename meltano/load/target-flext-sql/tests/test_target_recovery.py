"""Which rows a new load removes, and when a stream is whole: the rules, without a database."""

from __future__ import annotations

import pytest

from target_flext_sql.completeness import Completeness
from target_flext_sql.ledger import BATCHES_PER_LOAD, PastBatch, bookmark_text
from target_flext_sql.recovery import rows_to_remove
from target_flext_sql.states import has_progress_markers

LOAD = 7
BASE = LOAD * BATCHES_PER_LOAD
WHOLE = (BASE, BASE + BATCHES_PER_LOAD)


def events(*bookmarks: str | None, start: str | None = "{}", finished: bool = False) -> dict[int, list[PastBatch]]:
    """Return one load with a batch for each bookmark."""
    found = [PastBatch(BASE, "started", None, start)]
    found += [PastBatch(BASE + n, "batch", None, text) for n, text in enumerate(bookmarks, 1)]
    if finished:
        found.append(PastBatch(BASE + 99, "finished", None, None))
    return {LOAD: found}


CASES = {
    "a finished load stays": (events("{}", finished=True), "{}", []),
    "no bookmark moved: everything comes again": (events("{}", None), None, [WHOLE]),
    "the tap starts where that load started": (events('{"page":1}'), "{}", [WHOLE]),
    "the tap starts behind batch 1": (events('{"page":1}', '{"page":2}'), '{"page":1}', [(BASE + 2, WHOLE[1])]),
    "the tap starts behind the last batch": (events('{"page":1}'), '{"page":1}', [(BASE + 2, WHOLE[1])]),
    "nobody says where the tap starts": (events('{"page":1}'), None, []),
    "the tap starts somewhere else": (events('{"page":1}'), '{"page":9}', []),
}


@pytest.mark.parametrize("name", CASES)
def test_rows_that_come_again_are_removed(name: str) -> None:
    """Only rows that are certain to be delivered again are removed; doubt keeps them."""
    loads, start, expected = CASES[name]

    found = [(low, high) for low, high, _ in rows_to_remove(loads, start, None, "s")]

    assert found == expected


def test_a_load_key_replaces_even_a_finished_load() -> None:
    """A partition that is loaded again replaces what it loaded before, and nothing else."""
    loads = events("{}", finished=True)
    loads[LOAD] = [PastBatch(e.batch_id, e.event, "2024-05", e.bookmark) for e in loads[LOAD]]

    assert [(low, high) for low, high, _ in rows_to_remove(loads, None, "2024-05", "s")] == [WHOLE]
    assert list(rows_to_remove(loads, None, "2024-06", "s")) == []


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, None),
        ({"bookmarks": {}}, "{}"),
        ({"bookmarks": {"s": {"b": 1, "a": 2}}}, '{"a": 2, "b": 1}'),
        ({"bookmarks": {"s": {"progress_markers": {"x": 1}, "starting_replication_value": 3}}}, "{}"),
        ({"s": 5}, "5"),
    ],
)
def test_bookmarks_are_compared_as_text(state: object, expected: str | None) -> None:
    """The order of keys and the notes of a run in progress do not matter."""
    assert bookmark_text(state, "s") == expected  # type: ignore[arg-type]  # any JSON


@pytest.mark.parametrize(
    ("bookmark", "expected"),
    [
        ({}, False),
        ({"progress_markers": {}}, True),
        ({"partitions": [{"context": {}, "progress_markers": {}}]}, True),
        ({"partitions": [{"context": {}}]}, False),
    ],
)
def test_progress_markers_are_found_in_partitions_too(bookmark: object, expected: bool) -> None:
    """A stream is unfinished while any of its partitions is."""
    assert has_progress_markers({"bookmarks": {"s": bookmark}}, "s") is expected
    assert has_progress_markers({"bookmarks": {"s": bookmark}}, "other") is None


def whole(*signs: str) -> tuple[bool, bool, bool]:
    """Feed signs to a stream; return (completed by a version, whole by its states, known to be empty)."""
    seen = Completeness()
    completed = False
    for sign in signs:
        if sign == "rows":
            seen.saw_rows(None)
        elif sign == "version":
            completed = seen.saw_version(1)
        else:
            seen.saw_state({"marked": True, "unmarked": False, "other": None}[sign])
    return completed, seen.whole_by_state, seen.known_empty


SIGNS = {
    "SDK tap, whole": (["version", "rows", "version"], (True, False, False)),
    "SDK tap, died before its first row": (["version"], (False, False, False)),
    "SDK tap, died behind a state": (["version", "rows", "unmarked"], (False, False, False)),
    "SDK tap, empty table": (["version", "version"], (True, False, False)),
    "tap-flext-sql, whole": (["rows", "marked", "rows", "marked", "version", "unmarked"], (True, True, False)),
    "tap-flext-sql, empty table": (["version", "unmarked"], (False, False, True)),
    "tap-flext-sql, died": (["rows", "marked", "rows"], (False, False, False)),
    "no signs at all": (["rows", "unmarked"], (False, False, False)),
    "states alone, whole": (["rows", "marked", "rows", "unmarked"], (False, True, False)),
    "states alone, rows behind": (["rows", "marked", "unmarked", "rows"], (False, False, False)),
    "a state that is about other streams": (["rows", "marked", "other"], (False, False, False)),
}


@pytest.mark.parametrize("case", SIGNS)
def test_a_stream_is_whole_only_by_a_sure_sign(case: str) -> None:
    """Each kind of tap, finished or dead: only a finished one publishes."""
    signs, expected = SIGNS[case]

    assert whole(*signs) == expected
