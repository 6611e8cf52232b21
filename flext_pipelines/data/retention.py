"""Which versions of a dataset may go: by number and age, and never one that something still needs.

Needed are the newest of all, the newest bookmark of each stream and scope (``extract.starting_bookmark`` reads it), and
what a delta is compared with (``delta.versions_to_compare``): the last whole version and all after it. A version that
somebody reads is locked meanwhile, and one that was just made is about to be handed to the next command.

What belongs here: these rules, and the setting that names them. What does not: removing (``landing``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from flext_pipelines.errors import ConfigError

if TYPE_CHECKING:
    from flext_pipelines.data.dataset import Manifest

SETTLING = timedelta(hours=1)
"""Younger versions stay where nobody asked for their removal: the next step of their run is about to read them."""

_WHOLE = {"full", "snapshot"}
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_RULE = re.compile(r"\s*(?:(\d{1,6})|(\d{1,5})([hdw]))\s*")


class Keep(NamedTuple):
    """What stays of a dataset.

    Attributes:
        versions: The newest so many stay; None when their number says nothing.
        younger: Those younger than that stay; None when their age says nothing.
    """

    versions: int | None = None
    younger: timedelta | None = None

    @classmethod
    def parse(cls, text: str) -> Keep | None:
        """The setting: ``10`` versions, ``30d`` (or hours ``h``, weeks ``w``), or ``10,30d`` for both; empty is all.

        A version goes when nothing that is said keeps it: of ``10,30d`` the eleventh, and it is older than 30 days.

        Raises:
            ConfigError: It is neither.
        """
        if not text.strip():
            return None
        versions, younger = None, None
        for part in text.split(","):
            match = _RULE.fullmatch(part)
            if match is None or (match[1] and versions is not None) or (match[2] and younger is not None):
                raise _no_rule(text)
            if match[1]:
                versions = int(match[1])
            else:
                younger = timedelta(**{_UNITS[match[3]]: int(match[2])})
        if versions == 0:
            raise _no_rule(text)
        return cls(versions, younger)


def _no_rule(text: str) -> ConfigError:
    return ConfigError(
        f"FLEXT_LANDING_KEEP={text!r} does not say what to keep",
        "Give a number of versions (10, at least 1), an age (36h, 30d, 8w), or both (10,30d)",
        {"setting": "FLEXT_LANDING_KEEP", "value": text},
    )


def leaving(
    newest_first: Sequence[Manifest], keep: Keep, now: datetime, *, keep_snapshots: bool, settling: timedelta
) -> list[str]:
    """The versions that may go, oldest first.

    Args:
        newest_first: Every whole version.
        keep: What stays by number or age.
        now: The time, in UTC.
        keep_snapshots: Snapshots neither count nor go.
        settling: Versions younger than that stay.
    """
    counted = [one for one in newest_first if not (keep_snapshots and one.mode == "snapshot")]
    stays = needed(newest_first)
    stays |= {one.version for one in counted[: keep.versions or 0]}
    youngest = max(settling, keep.younger or timedelta())
    stays |= {one.version for one in counted if now - one.created < youngest}
    return [one.version for one in reversed(counted) if one.version not in stays]


def needed(newest_first: Sequence[Manifest]) -> set[str]:
    """The versions that a later command reads whatever their age."""
    found = {one.version for one in newest_first[:1]}
    bookmarks: set[tuple[str | None, str | None]] = set()
    for one in newest_first:
        place = (one.stream, one.scope)
        if one.bookmark_after and place not in bookmarks:
            bookmarks.add(place)
            found.add(one.version)
    for stream in {one.stream for one in newest_first if one.mode == "delta"}:
        chain = chain_of(newest_first, stream)
        if any(one.mode == "delta" for one in chain):
            found |= {one.version for one in chain}
    return found


def chain_of(newest_first: Iterable[Manifest], stream: str | None) -> list[Manifest]:
    """The last version of a stream that holds everything, and those after it; newest first."""
    found: list[Manifest] = []
    for one in newest_first:
        if one.stream == stream:
            found.append(one)
            if one.mode in _WHOLE:
                break
    return found
