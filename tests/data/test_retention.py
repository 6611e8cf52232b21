"""Which versions may go, decided on manifests alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flext_pipelines.data.dataset import Manifest, Mode, version_name
from flext_pipelines.data.delta import versions_to_compare
from flext_pipelines.data.retention import Keep, leaving
from flext_pipelines.errors import ConfigError

NOW = datetime(2026, 1, 31, tzinfo=UTC)
NONE = timedelta(0)


def manifest(number: int, mode: Mode = "full", *, days: float = 10, **more: object) -> Manifest:
    """A version made so many days ago."""
    created = NOW - timedelta(days=days)
    fields: dict[str, object] = {"rows": 0, "bytes": 0, "columns": (), "parts": (), "checksum": "", "stream": "orders"}
    version = version_name(number, mode, created)
    return Manifest.model_validate(
        {**fields, "dataset": "orders", "version": version, "mode": mode, "created": created, **more}
    )


def gone(newest_first: list[Manifest], keep: Keep, *, snapshots: bool = True) -> list[int]:
    """Numbers of the versions that may go."""
    found = leaving(newest_first, keep, NOW, keep_snapshots=snapshots, settling=NONE)
    return [int(version.partition("-")[0]) for version in found]


@pytest.mark.parametrize(
    ("text", "keep"),
    [
        ("", None),
        ("10", Keep(10)),
        ("36h", Keep(None, timedelta(hours=36))),
        ("10, 30d", Keep(10, timedelta(days=30))),
        ("8w,1", Keep(1, timedelta(weeks=8))),
    ],
)
def test_the_setting_is_read(text: str, keep: Keep | None) -> None:
    """A number of versions, an age, or both; nothing keeps everything."""
    assert Keep.parse(text) == keep


@pytest.mark.parametrize("text", ["0", "-1", "ten", "10d30", "1,2", "3d,4w", "10,", "1.5d"])
def test_a_setting_that_says_nothing_is_refused(text: str) -> None:
    """With what it may say."""
    with pytest.raises(ConfigError, match="FLEXT_LANDING_KEEP") as caught:
        Keep.parse(text)

    assert "10,30d" in caught.value.instruction


def test_number_and_age_keep_each_for_itself() -> None:
    """A version goes when neither keeps it."""
    versions = [manifest(number, days=10 - number) for number in range(9, 0, -1)]

    assert gone(versions, Keep(3)) == [1, 2, 3, 4, 5, 6]
    assert gone(versions, Keep(None, timedelta(days=5))) == [1, 2, 3, 4, 5]
    assert gone(versions, Keep(3, timedelta(days=5))) == [1, 2, 3, 4, 5]
    assert gone(versions, Keep(7, timedelta(days=5))) == [1, 2]


def test_the_bookmark_of_every_stream_and_scope_stays() -> None:
    """An incremental extraction starts from the newest bookmark of its own stream and conditions."""
    mark = {"bookmarks": {"orders": {"replication_key_value": "1"}}}
    versions = [
        manifest(6),
        manifest(5, "incremental", bookmark_after=mark),
        manifest(4, "incremental", bookmark_after=mark),
        manifest(3, "incremental", bookmark_after=mark, scope="north"),
        manifest(2, "incremental", bookmark_after=mark, stream="items"),
        manifest(1),
    ]

    assert gone(versions, Keep(1)) == [1, 4]


def test_what_a_delta_is_compared_with_stays() -> None:
    """The last whole version and all after it; without them, everything would count as changed."""
    versions = [manifest(number, "delta" if number > 2 else "full") for number in range(5, 0, -1)]

    assert gone(versions, Keep(1)) == [1]
    assert gone([manifest(6), *versions], Keep(1)) == [1, 2, 3, 4, 5]


class _Landed:
    """A landing zone of some manifests."""

    def __init__(self, newest_first: list[Manifest]) -> None:
        self.kept = newest_first

    def manifests(self, _: str) -> list[Manifest]:
        return self.kept


MODES: list[Mode] = ["full", "incremental", "delta", "snapshot", "transform"]


@given(
    modes=st.lists(st.sampled_from(MODES), min_size=1, max_size=12),
    keep=st.integers(1, 5),
    bookmarks=st.sets(st.integers(0, 11)),
    snapshots=st.booleans(),
)
def test_no_later_command_misses_what_went(modes: list[Mode], keep: int, bookmarks: set[int], snapshots: bool) -> None:
    """Whatever the history: the newest version, the newest bookmark and the comparison of a delta are as before."""
    mark = {"bookmarks": {"orders": {"replication_key_value": "1"}}}
    every = [
        manifest(number + 1, mode, bookmark_after=mark if number in bookmarks else None)
        for number, mode in enumerate(modes)
    ][::-1]
    going = {*leaving(every, Keep(keep), NOW, keep_snapshots=snapshots, settling=NONE)}
    left = [one for one in every if one.version not in going]

    assert left[0] == every[0]
    assert [one for one in left if one.bookmark_after][:1] == [one for one in every if one.bookmark_after][:1]
    before = versions_to_compare(_Landed(every), "orders", "orders")  # type: ignore[arg-type]  # what it asks for
    after = versions_to_compare(_Landed(left), "orders", "orders")  # type: ignore[arg-type]  # what it asks for
    if any(one.mode == "delta" for one in before):
        assert after == before
