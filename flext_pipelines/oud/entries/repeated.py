"""Values that stand twice, and several values where one may stand: OUD refuses both.

What belongs here: comparing the values of one attribute of one entry. What does not: single values (``values``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from flext_pipelines.errors import DnError
from flext_pipelines.oud.dn import normal_key
from flext_pipelines.oud.entries.outcome import Note
from flext_pipelines.oud.entries.values import GONE, Findings, RefusedError, value_of, without_uid

Matching = Literal["name", "text", "exact"]


class Repeated(NamedTuple):
    """An attribute of which an entry has several lines.

    Attributes:
        attribute: Its name in the target.
        places: Where its lines, or runs of lines, stand in the record.
        matching: How values are compared.
        alike: All lines have the same name.
        duplicates: What becomes of the same value a second time.
        several: What becomes of several values; None when it may have several.
    """

    attribute: str
    places: tuple[int, ...]
    matching: Matching
    alike: bool
    duplicates: Literal["drop", "reject", "keep"]
    several: Literal["reject", "first"] | None


def name_key(value: bytes) -> bytes | None:
    """The key of a name that a value holds, without a unique identifier behind it; None when it holds none."""
    try:
        return normal_key(without_uid(value)[0])
    except DnError:
        return None


def _name_key(value: bytes) -> bytes:
    name, uid = without_uid(value)
    return (name_key(name) or name) + uid


def text_key(value: bytes) -> bytes:
    """What a value as text is compared by: as caseIgnoreMatch does for ASCII, other letters by Python's lower case."""
    if value.isascii():
        return b" ".join(value.lower().split())
    return " ".join(value.decode("utf-8", "surrogateescape").lower().split()).encode("utf-8", "surrogateescape")


def _exact_key(value: bytes) -> bytes:
    return value


_RDN = rb"(?i:cn|ou|dc|uid|o|c|l|st)=[!$-*\-./0-9:?@A-Z\[\]^_`a-z{|}~]++(?: [!$-*\-./0-9:?@A-Z\[\]^_`a-z{|}~]++)*+"
_plain_names = re.compile(rb"(?:[^:\n]++:(?:[ ,]" + _RDN + rb")++(?:\n|\Z))++").fullmatch
"""Lines with names that need no second look; see ``flext_pipelines.oud.dn.normal_key``."""

_KEYS: dict[Matching, Callable[[bytes], bytes]] = {"name": _name_key, "text": text_key, "exact": _exact_key}


def judge(lines: list[bytes], one: Repeated, findings: Findings) -> None:
    """Take out of a record's lines what is there too often.

    Raises:
        RefusedError: The rules refuse the entry for it.
    """
    key = _KEYS[one.matching]
    joined = b"\n".join([lines[place] for place in one.places if lines[place]])
    if one.several is None and one.alike and one.matching == "name" and _names_differ(joined):
        return
    stand = joined.split(b"\n")
    if len(stand) < 2 or (one.several is None and _values_differ(stand, key)):
        return
    kept: dict[bytes, bytes] = {}
    gone: list[str] = []
    for line in stand:
        compared = key(value_of(line)) if one.duplicates != "keep" else b"%d" % len(kept)
        if compared in kept:
            gone.append("duplicate-value")
        elif kept and one.several is not None:
            gone.append("several-values")
        else:
            kept[compared] = line
    if gone:
        _refuse(one, gone)
        findings.drops += [(code, one.attribute) for code in gone]
        if "several-values" in gone:
            findings.notes.append(Note("several-values", one.attribute, f"{one.attribute} has one value; the first of "
                                       f"{len(stand)} is kept"))  # fmt: skip
        _put_back(lines, one.places, kept.values())


def _names_differ(lines: bytes) -> bool:
    """Whether all names are plain, so that lower case is the key of each, and none stands twice."""
    return _plain_names(lines) is not None and len(set(lines.lower().split(b"\n"))) == lines.count(b"\n") + 1


def _values_differ(stand: list[bytes], key: Callable[[bytes], bytes]) -> bool:
    """Whether no value stands twice, told without keeping a key for each of what may be millions."""
    return len(set(map(hash, map(key, map(value_of, stand))))) == len(stand)


def _refuse(one: Repeated, gone: list[str]) -> None:
    if "duplicate-value" in gone and one.duplicates == "reject":
        raise RefusedError("duplicate-value", f"{one.attribute} has the same value twice; see attributes.duplicates")
    if "several-values" in gone and one.several == "reject":
        raise RefusedError(
            "several-values",
            f"{one.attribute} has one value in the target, and {gone.count('several-values') + 1} here; correct the "
            "source, or keep the first by attributes.several_values",
        )


def _put_back(lines: list[bytes], places: tuple[int, ...], kept: Iterable[bytes]) -> None:
    """The lines that stay, at the places of the first; other places stay empty."""
    for place in places:
        lines[place] = GONE
    lines[places[0]] = b"\n".join(kept)
