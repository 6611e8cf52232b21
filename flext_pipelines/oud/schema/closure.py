"""What leans on what: superiors that exist, no circles, and an order in which each stands behind what it leans on.

What belongs here: SUP of attribute types and of classes, which each have one at most by now. What does not: MUST and
MAY (``classes``).

A definition whose superior is nowhere is left out, and with it whatever leans on it; an attribute type that has a
syntax of its own goes on without. The order is the same for the same definitions, in whatever order they came.
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from typing import TYPE_CHECKING

from flext_pipelines.oud.schema.elements import AttributeType, ObjectClass, several

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flext_pipelines.oud.schema.drafts import Book, Draft
    from flext_pipelines.oud.schema.elements import ElementKind


def oid_order(oid: str) -> tuple[int, list[tuple[int, str]], str]:
    """Numeric OIDs by their numbers, then all others; no number is too long for it."""
    parts = oid.split(".")
    numeric = all(part.isdigit() for part in parts)
    return (0 if numeric else 1, [(len(part), part) for part in parts] if numeric else [], oid.lower())


class Names:
    """Where a reference leads: to a definition that is carried, or to one of the target's.

    Args:
        kind: Of element that the references name.
        drafts: What is carried.
        book: What the target has, and what was renamed.
    """

    def __init__(self, kind: ElementKind, drafts: Iterable[Draft], book: Book) -> None:
        self._book = book
        self._kind: ElementKind = kind
        self.carried = {key: draft for draft in drafts for key in draft.element.keys}

    def resolve(self, reference: str) -> str | None:
        """The name to write for a reference; None when it leads nowhere."""
        name = reference.partition(";")[0]
        for candidate in (self._book.renames[self._kind].get(name.lower()), name, name.replace("_", "-")):
            if candidate is None:
                continue
            key = candidate.lower()
            if key in self.carried or key in self._book.owned(self._kind):
                return candidate
        return None

    def draft(self, name: str | None) -> Draft | None:
        """The carried definition of this name."""
        return self.carried.get(name.lower()) if name is not None else None

    def forget(self, draft: Draft) -> None:
        """It is not carried after all."""
        for key in draft.element.keys:
            self.carried.pop(key, None)

    def why_gone(self, reference: str) -> str:
        """Why a reference leads nowhere."""
        code = self._book.gone[self._kind].get(reference.partition(";")[0].lower())
        return "its definition was left out" if code else "nobody defines it"


def superior_of(draft: Draft) -> str | None:
    """The one that it leans on."""
    element = draft.element
    if isinstance(element, AttributeType):
        return element.superior
    return element.superiors[0] if element.superiors else None


def settle(drafts: Iterable[Draft], names: Names, book: Book) -> list[Draft]:
    """Those whose superiors exist, each behind its own; references are spelled as what they lead to.

    Fixes that come later may take a superior away; then ``ordered`` is due again.
    """
    left = sorted(drafts, key=lambda draft: oid_order(draft.element.oid))
    left = _with_superiors(left, names, book)
    for circle in _circles(left, names):
        _break_circle(circle, names, book)
    left = _with_superiors([draft for draft in left if _is_carried(draft, names)], names, book)
    return ordered(left, names)


def _is_carried(draft: Draft, names: Names) -> bool:
    return names.carried.get(draft.element.oid.lower()) is draft


def _with_superiors(drafts: list[Draft], names: Names, book: Book) -> list[Draft]:
    """Leave out what leans on nothing, and then what leaned on that."""
    leaning: dict[int, list[Draft]] = defaultdict(list)
    for draft in drafts:
        above = names.draft(names.resolve(superior_of(draft) or ""))
        if above is not None:
            leaning[id(above)].append(draft)
    waiting = deque(drafts)
    while waiting:
        draft = waiting.popleft()
        written = superior_of(draft)
        if written is None or not _is_carried(draft, names):
            continue
        found = names.resolve(written)
        if found is not None:
            _lean_on(draft, found)
        elif not _stands_alone(draft, book, f"SUP {written}: {names.why_gone(written)}", "warning"):
            names.forget(draft)
            waiting.extend(leaning[id(draft)])
    return [draft for draft in drafts if _is_carried(draft, names)]


def _lean_on(draft: Draft, name: str | None) -> None:
    if isinstance(draft.element, ObjectClass):
        draft.change(superiors=(name,) if name else ())
    else:
        draft.change(superior=name)


def _stands_alone(draft: Draft, book: Book, reason: str, severity: str) -> bool:
    """Let an attribute type with a syntax go on without its superior; anything else is left out."""
    element = draft.element
    if isinstance(element, AttributeType) and element.syntax is not None:
        fix = "SUP removed; what it inherited is not known, its own SYNTAX stays"
        book.note("error" if severity == "error" else "warning", draft, "superior", reason, fix)
        _lean_on(draft, None)
        return True
    book.drop("error", draft, "superior", reason, "left out, with whatever leans on it")
    return False


def _circles(drafts: list[Draft], names: Names) -> list[list[Draft]]:
    """Definitions that lean on themselves, by way of others or not."""
    circles = []
    seen: dict[int, int] = {}
    for number, start in enumerate(drafts):
        path: list[Draft] = []
        draft: Draft | None = start
        while draft is not None and id(draft) not in seen:
            seen[id(draft)] = number
            path.append(draft)
            draft = names.draft(superior_of(draft))
        if draft is not None and seen[id(draft)] == number:
            circles.append(path[next(at for at, one in enumerate(path) if one is draft) :])
    return circles


def _break_circle(circle: list[Draft], names: Names, book: Book) -> None:
    """Take the SUP of the first that can do without it; where none can, leave all out."""
    circle = sorted(circle, key=lambda draft: oid_order(draft.element.oid))
    reason = f"SUP goes round in a circle: {several([draft.element.name for draft in circle])}"
    able = [draft for draft in circle if isinstance(draft.element, AttributeType) and draft.element.syntax is not None]
    for draft in able[:1] or circle:
        if not _stands_alone(draft, book, reason, "error"):
            names.forget(draft)


def ordered(drafts: list[Draft], names: Names) -> list[Draft]:
    """Superiors first; among equals, by OID."""
    below: dict[int, list[Draft]] = defaultdict(list)
    ready: list[tuple[tuple[int, list[tuple[int, str]], str], int, Draft]] = []
    for number, draft in enumerate(drafts):
        above = names.draft(superior_of(draft))
        if above is None:
            heapq.heappush(ready, (oid_order(draft.element.oid), number, draft))
        else:
            below[id(above)].append(draft)
    order: list[Draft] = []
    number = len(drafts)
    while ready:
        draft = heapq.heappop(ready)[2]
        order.append(draft)
        for lower in below[id(draft)]:
            number += 1
            heapq.heappush(ready, (oid_order(lower.element.oid), number, lower))
    return order
