"""One pattern for all entries of a kind, for kinds that are met often.

It finds out whether a record is of the kind and cuts it where something changes, in one go. Measured on records of a
kilobyte and 28 lines: finding the names and the plan, and cutting the record into its lines, takes 7 us, this takes 3.
A pattern costs milliseconds to make, so that kinds must be met some hundred times first, and only values that were met
in base64 by then are expected in base64.

What belongs here: from a plan to its pattern. What does not: choosing among patterns (``transform``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from dataclasses import replace
from itertools import chain

from flext_pipelines.oud.entries.plan import Plan

_B = rb"[A-Za-z0-9+/]"
_FOURS = rb"(?:" + _B + rb"{64})*+(?:" + _B + rb"{4})*+"
_FOLDED_FOUR = rb"(?:\0|" + _B + rb"\0" + _B + rb"{3}|" + _B + rb"{2}\0" + _B + rb"{2}|" + _B + rb"{3}\0" + _B + rb")"
_END = rb"(?:" + _B + rb"\0?" + _B + rb"\0?[A-Za-z0-9+/=]\0?=\0?)?+"
_BASE64 = rb"(?:" + _FOURS + _FOLDED_FOUR + rb")*+" + _FOURS + _END
"""As ``grammar.BASE64``, with marks where a line was folded."""

_PLAIN = rb": [^ :<\n\0].*+"
_EITHER = rb":(?: [^ :<\n\0].*+|: " + _BASE64 + rb")"
"""Of a line that is written as nearly all are: one space, no fold before the value. What it matches is
right by RFC 2849, so that a record that matches a pattern need not be judged again; others go the longer way."""


def with_pattern(plan: Plan, names: Sequence[bytes], base64: Set[bytes]) -> Plan:
    """The plan for lines as its pattern cuts them; lines that go are not among them, unless they are looked at.

    Args:
        plan: The plan of a kind, for single lines.
        names: The kind, as ``Planner.plan`` takes it.
        base64: Names whose values may stand in base64.
    """
    touched = _touched(plan)
    kept = frozenset(plan.kept)
    pieces, places, written = [rb"(dn: .*+)"], {0: 0}, [0]
    is_open = False
    for place, name in enumerate(names, 1):
        alone = place in touched
        if is_open and (alone or place not in kept):
            pieces.append(rb")")
            is_open = False
        pieces.append(rb"\n")
        if alone or (place in kept and not is_open):
            pieces.append(rb"(")
            places[place] = len(places)
            if place in kept:
                written.append(places[place])
            is_open = not alone
        pieces.append(_line(name, base64))
        if alone:
            pieces.append(rb")")
    if is_open:
        pieces.append(rb")")
    return _moved(plan, places, tuple(written), re.compile(b"".join(pieces)))


def _line(name: bytes, base64: Set[bytes]) -> bytes:
    if b":" not in name:
        return re.escape(name) + (_EITHER if name in base64 else _PLAIN)
    if name.rstrip(b" ").endswith(b":"):
        return re.escape(name.rstrip(b" ")) + rb" *+"
    return re.escape(name)


def _touched(plan: Plan) -> frozenset[int]:
    """Lines that must be had one by one."""
    single = (*(place for place, _ in plan.replaced), *(place for place, _ in plan.steps),
              *(place for place, _ in plan.access), *(place for _, place in plan.copied), *plan.passwords)  # fmt: skip
    several = chain.from_iterable(
        [*(one.places for one in plan.repeated), *(places for _, places in plan.demanded),
         *(places for _, places, _ in plan.naming.values())]
    )  # fmt: skip
    return frozenset((*single, *several, *(() if plan.guid is None else (plan.guid,))))


def _moved(plan: Plan, places: dict[int, int], written: tuple[int, ...], pattern: re.Pattern[bytes]) -> Plan:
    def several(stand: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(places[place] for place in stand)

    return replace(
        plan,
        kept=written,
        replaced=tuple((places[place], line) for place, line in plan.replaced),
        steps=tuple((places[place], step) for place, step in plan.steps),
        repeated=tuple(one._replace(places=several(one.places)) for one in plan.repeated),
        demanded=tuple((name, several(stand)) for name, stand in plan.demanded),
        passwords=several(plan.passwords),
        access=tuple((places[place], kind) for place, kind in plan.access),
        guid=None if plan.guid is None else places[plan.guid],
        naming={one: (name, several(stand), prefix) for one, (name, stand, prefix) in plan.naming.items()},
        copied=tuple((name, places[place]) for name, place in plan.copied),
        uses=0,
        pattern=None,
        cut=pattern.fullmatch,
    )
