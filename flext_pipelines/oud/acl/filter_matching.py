"""Whether a search filter is true of an entry, as a directory server would judge it.

What belongs here: this judgement and the comparisons it rests on. What does not: reading and writing filters
(``filters``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.filters import And, Comparison, Extensible, Filter, Not, Or, Present, Substrings
from flext_pipelines.oud.acl.names import fold, parse_name


class Filtered(Protocol):
    """What a filter is evaluated against."""

    @property
    def dn(self) -> str:
        """The entry's name."""

    def values(self, attribute: str) -> tuple[str, ...]:
        """The values of an attribute, named in any case."""


def matches(found: Filter, entry: Filtered) -> bool | None:
    """Whether a filter is true of an entry; None where the server could not tell.

    Values are compared as case-ignoring rules do, names as names, digits as numbers. An extensible match is
    undefined unless its rule is one of plain equality.
    """
    match found:
        case And(parts) | Or(parts):
            wanted = isinstance(found, Or)
            answer: bool | None = not wanted
            for part in parts:
                truth = matches(part, entry)
                if truth is wanted:
                    return wanted
                if truth is None:
                    answer = None
            return answer
        case Not(part):
            truth = matches(part, entry)
            return None if truth is None else not truth
        case Present(attribute):
            return bool(entry.values(attribute))
        case Comparison(attribute, operator, value):
            compare = _COMPARE[operator]
            return any(compare(held, value) for held in entry.values(attribute))
        case Substrings(attribute, pieces):
            pattern = re.compile(".*".join(re.escape(fold(piece)) for piece in pieces), re.DOTALL)
            return any(pattern.fullmatch(fold(held)) for held in entry.values(attribute))
        case Extensible(attribute, rule, of_dn, value):
            if of_dn or not attribute or rule.lower() not in {"", "caseignorematch", "2.5.13.2"}:
                return None
            return any(equal(held, value) for held in entry.values(attribute))


def equal(held: str, value: str) -> bool:
    """Whether a value is the one asked for: as text without case, or as a name."""
    if fold(held) == fold(value):
        return True
    if "=" not in held or "=" not in value:
        return False
    try:
        return parse_name(held) == parse_name(value)
    except AciSyntaxError:
        return False


def _at_least(held: str, value: str) -> bool:
    if held.isdecimal() and value.isdecimal():
        return (len(held.lstrip("0")), held.lstrip("0")) >= (len(value.lstrip("0")), value.lstrip("0"))
    return fold(held) >= fold(value)


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "=": equal,
    "~=": equal,
    ">=": _at_least,
    "<=": lambda held, value: _at_least(value, held),
}
