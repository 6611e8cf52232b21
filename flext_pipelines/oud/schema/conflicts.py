"""Two definitions of one thing: in the source, and in the source and the target.

What belongs here: which of the two stands. The first of the source does, and the target's own always does; the other
is left out and told, with what the two say differently. What does not: references (``closure``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flext_pipelines.oud.schema.elements import AttributeType, ObjectClass, differences, several
from flext_pipelines.oud.schema.scanner import NUMERIC_OID
from flext_pipelines.oud.schema.target import SERVER_ARCS
from flext_pipelines.oud.schema.view import SchemaView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flext_pipelines.oud.schema.drafts import Book, Carried, Draft
    from flext_pipelines.oud.schema.findings import Severity

_MATTERS = ("syntax:", "single_valued:", "superiors:", "kind:", "usage:", "no_user_modification:")
"""Differences by which the target refuses data that the source took."""


_INHERITED = ("equality", "ordering", "substring", "syntax")


def leave_out_repeated(drafts: Iterable[Draft], book: Book) -> list[Draft]:
    """One definition for each OID and each name; those whose names were not changed come first."""
    first: dict[tuple[str, str], Draft] = {}
    oids: dict[str, Draft] = {}
    kept: list[Draft] = []
    for draft in sorted(drafts, key=lambda one: one.respelled):
        keys = [(draft.kind, key) for key in draft.element.keys]
        other = oids.get(draft.element.oid) or next((first[key] for key in keys if key in first), None)
        if other is None:
            kept.append(draft)
            oids[draft.element.oid] = draft
            first.update(dict.fromkeys(keys, draft))
        else:
            _tell_repeated(draft, other, book)
    return kept


def _tell_repeated(draft: Draft, other: Draft, book: Book) -> None:
    where = f"{other.kind} {other.element.name} of line {other.line}"
    if draft.kind != other.kind:
        book.drop("error", draft, "duplicate", f"its OID is that of the {where}")
        return
    differing = differences(other.element, draft.element)
    if not differing:
        book.note("info", draft, "repeated", f"the same as the {where}", "left out")
        return
    shared = "OID" if draft.element.oid == other.element.oid else "name"
    told = f"the {where} has the same {shared} and another definition ({'; '.join(differing)})"
    names = {name.lower() for name in other.element.names}
    book.note("error", draft, "duplicate", told, "left out, the first stands")
    for name in draft.element.names:
        if name.lower() not in names:
            book.gone[draft.kind].setdefault(name.lower(), "duplicate")
    for name in draft.original.names:
        if draft.respelled and book.renames[draft.kind].get(name.lower(), "").lower() in names:
            book.renames[draft.kind].pop(name.lower())
            book.gone[draft.kind][name.lower()] = "duplicate"


def leave_out_owned(drafts: Iterable[Draft], book: Book, renames: Mapping[str, str]) -> list[Draft]:
    """What the target does not have yet.

    Args:
        drafts: Of the source.
        book: Where remarks go.
        renames: New names that the site gave; one that leads to an attribute of the target is wanted so.
    """
    view = SchemaView(book.target.elements())
    kept = []
    for draft in drafts:
        owned = book.owned(draft.kind)
        by_oid = owned.get(draft.element.oid.lower())
        by_name = next((owned[name.lower()] for name in draft.element.names if name.lower() in owned), None)
        owner = by_oid or by_name
        other_kind = book.target.classes if draft.kind == "attributeType" else book.target.attributes
        if owner is not None:
            if by_oid is not None and by_name is not None and by_oid is not by_name:
                book.drop("error", draft, "owned", f"its OID is the target's {by_oid.name}, its name {by_name.name}")
            else:
                _tell_owned(draft, owner, book, view, wanted=any(n.lower() in renames for n in draft.original.names))
        elif draft.element.oid in other_kind:
            other = other_kind[draft.element.oid]
            book.drop(
                "error", draft, "owned", f"its OID is that of the target's {other.name}, which is no {draft.kind}"
            )
        elif draft.element.oid.startswith(SERVER_ARCS):
            book.drop("warning", draft, "owned-arc", f"{draft.element.oid} is in the arc of the server's own elements")
        else:
            kept.append(draft)
    return kept


def _tell_owned(draft: Draft, owner: Carried, book: Book, view: SchemaView, *, wanted: bool) -> None:
    source = book.target.source_of(owner)
    reason = f"the target has {owner.name}" + (f" ({source})" if source else "")
    differing: tuple[str, ...] = ()
    if NUMERIC_OID.fullmatch(owner.oid):
        attributes = book.target.attributes
        differing = differences(_effective(owner, attributes), _effective(draft.element, attributes))
    narrower, stricter = _narrower(owner, draft.element, view), _stricter(owner, draft.element, view)
    if differing:
        reason += f"; the target's and this definition differ in {'; '.join(differing)}"
    if narrower:
        reason += f"; entries of it may not have {several(narrower)} there"
    if stricter:
        reason += f"; entries of it must have {several(stricter)} there"
    matters = bool(narrower or stricter) or any(one.startswith(_MATTERS) for one in differing)
    severity: Severity = "warning" if matters and not wanted else "info"
    aliases = [name for name in draft.original.names if name.lower() not in owner.keys]
    fix = "left out, the target's stands"
    if aliases:
        fix += f"; data that use {several(aliases)} are renamed to {owner.name}"
    book.drop(severity, draft, "owned", reason, fix)
    for name in aliases:
        book.rename(draft, name, owner.name)


def _effective(element: Carried, attributes: Mapping[str, AttributeType]) -> Carried:
    """An attribute type with the syntax and rules that it inherits from those of the target; a class with its top."""
    if isinstance(element, ObjectClass):
        above = tuple(name for name in element.superiors if name.lower() not in {"top", "2.5.6.0"})
        return replace(element, superiors=above)
    found: dict[str, str | None] = {name: getattr(element, name) for name in _INHERITED}
    nearest = attributes.get((element.superior or "").lower())
    seen: set[int] = set()
    while nearest is not None and id(nearest) not in seen:
        seen.add(id(nearest))
        for name in _INHERITED:
            found[name] = found[name] or getattr(nearest, name)
        nearest = attributes.get((nearest.superior or "").lower())
    return replace(element, length=None, **found)  # type: ignore[arg-type]  # the fields of the same names


def _stricter(owner: Carried, element: Carried, view: SchemaView) -> list[str]:
    """Attributes that the target's class demands by itself, and the source's does not."""
    if not isinstance(element, ObjectClass) or not isinstance(owner, ObjectClass) or owner.oid == "2.5.6.0":
        return []
    demanded = {view.canonical(name) for name in element.must}.union(*(view.must(name) for name in element.superiors))
    return [name for name in owner.must if view.canonical(name) not in demanded]


def _narrower(owner: Carried, element: Carried, view: SchemaView) -> list[str]:
    """Attributes that the source's class allows by itself and the target's does not."""
    if not isinstance(element, ObjectClass) or not NUMERIC_OID.fullmatch(owner.oid):
        return []
    allowed = view.must(owner.name) | view.may(owner.name)
    if "1.3.6.1.4.1.1466.101.120.111" in owner.keys:
        return []
    own = (*element.must, *element.may)
    return [name for name in own if view.canonical(name) not in allowed]
