"""What an object class says: its kind, its superior, and the attributes it demands and allows.

What belongs here: fixes of classes, which need what the attributes became. What does not: attribute types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.oud.schema.elements import ClassKind, ObjectClass, several

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flext_pipelines.oud.schema.closure import Names
    from flext_pipelines.oud.schema.drafts import Book, Draft
    from flext_pipelines.oud.schema.findings import Severity

_BELOW: dict[ClassKind, frozenset[ClassKind]] = {
    "STRUCTURAL": frozenset({"STRUCTURAL"}),
    "AUXILIARY": frozenset({"AUXILIARY"}),
    "ABSTRACT": frozenset({"STRUCTURAL", "AUXILIARY", "ABSTRACT"}),
}
"""Which kinds may stand below one, by RFC 4512 section 2.4."""

ALIGNED_BELOW = frozenset({"orclpwdverifierprofile", "orclapplicationentity", "tombstone", "javanamingreference"})
"""Superiors whose kind their subclasses take over, as a migration in production found right."""


def fix_superiors(draft: Draft, names: Names, book: Book, kinds: Mapping[str, ClassKind]) -> None:
    """One superior, which OUD takes (OpenDS's reference: "at most one superior class"), and the site's kind.

    Of several superiors one stays: the first structural one, or else the first. The attributes of the others are taken
    over, so that entries stay as they are.
    """
    element = draft.element
    assert isinstance(element, ObjectClass)
    names_of_both = (*draft.original.names, *element.names)
    wanted = next((kinds[name.lower()] for name in names_of_both if name.lower() in kinds), None)
    if wanted is not None and wanted != element.kind:
        book.note("info", draft, "kind", f"the site's rules make it {wanted}, it was {element.kind}", wanted)
        draft.change(kind=wanted)
    written = tuple(dict.fromkeys(element.superiors))
    if written != element.superiors:
        draft.change(superiors=written)
    if not written:
        if element.oid != "2.5.6.0":
            book.note("info", draft, "no-superior", f"the {element.kind} class has no SUP", "SUP top")
            draft.change(superiors=("top",))
        return
    if len(written) > 1:
        _reduce(draft, written, names, book)


def _reduce(draft: Draft, written: tuple[str, ...], names: Names, book: Book) -> None:
    known = [name for name in written if names.resolve(name) is not None] or list(written)
    useful = [name for name in known if name.lower() not in {"top", "2.5.6.0"}] or known
    found = [(name, _class_of(names.resolve(name), names, book)) for name in useful]
    structural = [name for name, above in found if above is not None and above.kind == "STRUCTURAL"]
    kept = (structural or useful)[0]
    draft.change(superiors=(kept,))
    if useful == [kept] and len(known) == len(written):
        book.note(
            "info", draft, "superiors", f"SUP ( {several(written, between=' $ ')} ): top is above all", f"SUP {kept}"
        )
        return
    others = [name for name in useful if name != kept]
    for name in others:
        _take_over(draft, name, names, book)
    fix = f"SUP {kept}" + (f"; the attributes of {several(others)} are its own" if others else "")
    severity: Severity = "error" if others else "warning"
    book.note(severity, draft, "superiors", f"SUP ( {several(written, between=' $ ')} ): OUD takes one superior", fix)


def _class_of(name: str | None, names: Names, book: Book) -> ObjectClass | None:
    """The class that a name leads to."""
    if name is None:
        return None
    draft = names.draft(name)
    found = draft.element if draft is not None else book.target.classes.get(name.lower())
    return found if isinstance(found, ObjectClass) else None


def _take_over(draft: Draft, name: str, names: Names, book: Book) -> None:
    """Make what a class and those above it demand and allow the draft's own."""
    element = draft.element
    assert isinstance(element, ObjectClass)
    must, may = list(element.must), list(element.may)
    seen: set[int] = {id(element)}
    waiting = [name]
    while waiting:
        above = _class_of(names.resolve(waiting.pop(0)), names, book)
        if above is None or id(above) in seen or above.oid == "2.5.6.0":
            continue
        seen.add(id(above))
        must += above.must
        may += above.may
        waiting += above.superiors
    draft.change(must=tuple(must), may=tuple(may))


def fix_class(draft: Draft, names: Names, attributes: Names, book: Book) -> None:
    """Let a class say what the target takes; its superior is settled, and so are all attributes."""
    _fix_kind(draft, names, book)
    _fix_attributes(draft, attributes, book)


def _fix_kind(draft: Draft, names: Names, book: Book) -> None:
    element = draft.element
    assert isinstance(element, ObjectClass)
    if not element.superiors:
        return
    name = element.superiors[0]
    above = _class_of(name, names, book)
    if above is None or element.kind in _BELOW[above.kind]:
        return
    reason = f"{element.kind} below {name}, which is {above.kind}"
    if above.kind != "ABSTRACT" and name.lower() in ALIGNED_BELOW:
        book.note("warning", draft, "kind", reason, f"{above.kind}; entries of it must have no other structural class")
        draft.change(kind=above.kind)
        return
    _take_over(draft, name, names, book)
    draft.change(superiors=("top",))
    book.note("warning", draft, "kind", reason, f"SUP top; the attributes of {name} are its own")


def _fix_attributes(draft: Draft, attributes: Names, book: Book) -> None:
    """MUST and MAY name each attribute once, and only those that exist."""
    element = draft.element
    assert isinstance(element, ObjectClass)
    seen: set[str] = set()
    must = _existing(draft, "MUST", element.must, attributes, book, seen)
    may = _existing(draft, "MAY", element.may, attributes, book, seen)
    draft.change(must=must, may=may)


def _existing(
    draft: Draft, clause: str, written: tuple[str, ...], attributes: Names, book: Book, seen: set[str]
) -> tuple[str, ...]:
    kept: list[str] = []
    converted: list[str] = []
    nowhere: list[str] = []
    twice: list[str] = []
    for reference in written:
        found = attributes.resolve(reference)
        if found is None:
            gone = book.gone["attributeType"].get(reference.partition(";")[0].lower())
            (converted if gone == "converted" else nowhere).append(reference)
            continue
        above = attributes.draft(found)
        identity = (above.element if above is not None else book.target.attributes[found.lower()]).oid
        if identity in seen:
            twice.append(reference)
            continue
        seen.add(identity)
        kept.append(found)
    if converted:
        told = f"{clause} {several(converted)}: access control, whose values become aci"
        book.note("info", draft, "converted", told, "removed")
    for reference in nowhere:
        told = f"{clause} {reference}: {attributes.why_gone(reference)}"
        book.note("warning", draft, "reference", told, f"removed from {clause}")
    if twice:
        book.note("info", draft, "twice", f"{clause} {several(twice)}: named before", "removed")
    return tuple(kept)
