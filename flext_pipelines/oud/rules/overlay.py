"""Laying one rules file over another.

What belongs here: how mappings and lists are merged, and what is wrong about a file that asks for it. What does not:
YAML (``reading``) and what the rules mean (``model``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

Path = tuple[str | int, ...]

OPEN: frozenset[Path] = frozenset({
    ("attributes", "drop"), ("attributes", "rename"), ("attributes", "fill"), ("classes", "drop"),
    ("classes", "rename"), ("classes", "structural", "fallback"), ("values",), ("trees",),
})  # fmt: skip
"""Mappings whose keys are names that a site chooses: null removes one. Elsewhere null is a value."""

NOTHING: Mapping[str, object] = {
    "version": 1,
    "attributes": {
        "drop": {}, "rename": {}, "unknown": "keep", "not_allowed": "keep", "empty": "keep", "duplicates": "keep",
        "several_values": "keep", "operational": "keep", "invalid": "keep", "not_utf8": "keep",
        "underscores": "keep", "fill": {},
    },
    "classes": {
        "drop": {}, "rename": {}, "unknown": "keep", "missing_attribute": "keep",
        "structural": {"prefer": [], "undecided": "first", "fallback": {}},
    },
    "values": {},
    "passwords": {"attributes": ["userpassword"], "keep": [], "other": "drop", "clear_text": "drop"},
    "guid": {"source": "orclguid", "keep": "nowhere", "attribute": "orclguid"},
    "trees": {},
    "categories": [],
    "names": {"missing_rdn_value": "add"},
    "references": {"not_a_name": "keep", "excluded": "keep"},
    "limits": {"entry_bytes": None, "value_bytes": None, "values": None, "large_bytes": None},
}  # fmt: skip
"""What ``extends: nothing`` begins with. Even then no password of an unknown scheme is passed on."""


class OverlayError(Exception):
    """A file cannot be laid over another.

    Attributes:
        path: Where, in the file that is laid over.
        reason: Why.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


def overlaid(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """The rules of one file with another's laid over them; neither is changed.

    Raises:
        OverlayError: The upper one asks for what cannot be done.
    """
    return _mappings(below, above, ())


def _mappings(below: Mapping[str, object], above: Mapping[str, object], path: Path) -> dict[str, object]:
    made = dict(below)
    names = {key.lower(): key for key in below}
    for key, value in above.items():
        known = names.get(str(key).lower(), key) if path in OPEN else key
        here = (*path, key)
        if value is None and path in OPEN:
            if known not in made:
                near = difflib.get_close_matches(str(key), [str(one) for one in made], 1)
                raise OverlayError(here, "null removes a key, and the rules below have none of this name"
                                   + (f"; did you mean {near[0]!r}?" if near else ""))  # fmt: skip
            del made[known]
        elif known in made:
            made[known] = _values(made[known], value, here)
        else:
            made[known] = _values([], value, here) if _is_edit(value) and path != ("values",) else value
    return made


def _values(below: object, above: object, path: Path) -> object:
    if isinstance(below, list) and _is_edit(above):
        assert isinstance(above, dict)
        return _edited(below, above, path)
    if isinstance(below, dict) and isinstance(above, dict) and not _replaced_whole(path):
        return _mappings(below, above, path)
    return above


def _replaced_whole(path: Path) -> bool:
    """A value rule's map is one thing: a half-merged one would convert values that its author never saw."""
    return len(path) == 3 and path[0] == "values" and path[2] == "map"


def _is_edit(value: object) -> bool:
    return isinstance(value, dict) and bool(value) and value.keys() <= {"add", "remove"}


def _edited(below: Sequence[object], edit: Mapping[str, object], path: Path) -> list[object]:
    for key, names in edit.items():
        if not isinstance(names, list):
            raise OverlayError((*path, key), "a list is expected")
    removed, added = edit.get("remove", []), edit.get("add", [])
    assert isinstance(removed, list)
    assert isinstance(added, list)
    known = {_compared(one) for one in below}
    for number, one in enumerate(removed):
        if _compared(one) not in known:
            near = difflib.get_close_matches(str(one), [str(name) for name in below], 1)
            raise OverlayError((*path, "remove", number), f"{one!r} is not in the list"
                               + (f"; did you mean {near[0]!r}?" if near else ""))  # fmt: skip
    gone = {_compared(one) for one in removed}
    kept = [one for one in below if _compared(one) not in gone]
    have = {_compared(one) for one in kept}
    return kept + [one for one in added if _compared(one) not in have]


def _compared(value: object) -> str:
    return value.lower() if isinstance(value, str) else repr(value)
