"""Cron expressions of schedules: five fields, as every scheduler reads them.

Meltano's own check accepts a list when one of its parts is right (``any`` in core/schedule.py, 4.4.1).

What belongs here: whether an expression can be understood. What does not: when it is due (Dagster).
"""

from __future__ import annotations

import re

_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART = re.compile(r"^(?:(?P<star>\*)|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?$")


def cron_problem(expression: str) -> str | None:
    """Why an expression cannot be understood, in a sentence; None when it can."""
    fields = expression.lower().split()
    if len(fields) != len(_FIELDS):
        return f"{expression!r} has {len(fields)} fields, a cron expression has five"
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            problem = _part_problem(part, low, high, words)
            if problem:
                return f"{part!r} as {name} {problem}"
    return None


def _part_problem(part: str, low: int, high: int, words: tuple[str, ...]) -> str | None:
    found = _PART.match(part)
    if found is None:
        return "is not understood"
    if found["step"] is not None and int(found["step"]) == 0:
        return "has a step of 0"
    ends = [_number(found[side], low, words) for side in ("low", "high") if found[side] is not None]
    for value in ends:
        if value is None:
            return "is not understood"
        if not low <= value <= high:
            return f"is not between {low} and {high}"
    return None


def _number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text.isdigit():
        return int(text)
    first = 1 if low else 0
    return words.index(text) + first if text in words else None
