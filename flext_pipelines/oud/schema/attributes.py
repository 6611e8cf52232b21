"""What an attribute type says: its syntax, its rules, and what may not stand together.

What belongs here: fixes that look at one attribute type and at what the target has. What does not: spelling
(``spelling``), and the attribute that it is a subtype of (``closure``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flext_pipelines.oud.schema.elements import AttributeType
from flext_pipelines.oud.schema.matching import CLAUSES, fix_matching
from flext_pipelines.oud.schema.scanner import NUMERIC_OID

if TYPE_CHECKING:
    from flext_pipelines.oud.schema.drafts import Book, Draft

_ARC = "1.3.6.1.4.1.1466.115.121.1."
DIRECTORY_STRING = f"{_ARC}15"
OCTET_STRING = f"{_ARC}40"

_REPLACED = {
    f"{_ARC}1": (DIRECTORY_STRING, "ACI Item"),
    f"{_ARC}13": (DIRECTORY_STRING, "Data Quality"),
    f"{_ARC}19": (DIRECTORY_STRING, "DSA Quality"),
    f"{_ARC}4": (OCTET_STRING, "Audio"),
}
"""Syntaxes that OID knows and OUD does not, as a migration in production replaced them."""

_NAMED = {
    "accessdirectivedescription": DIRECTORY_STRING,
    "directorystring": DIRECTORY_STRING,
    "ia5string": f"{_ARC}26",
    "dn": f"{_ARC}12",
    "distinguishedname": f"{_ARC}12",
    "integer": f"{_ARC}27",
    "boolean": f"{_ARC}7",
    "generalizedtime": f"{_ARC}24",
    "octetstring": OCTET_STRING,
    "telephonenumber": f"{_ARC}50",
    "numericstring": f"{_ARC}36",
    "printablestring": f"{_ARC}44",
    "binary": f"{_ARC}5",
}
"""Syntaxes by name, which OID writes for its own; RFC 4512 wants an OID."""

_TEXTS = frozenset(f"{_ARC}{number}" for number in (11, 15, 22, 26, 36, 38, 41, 44, 50, 52))
"""Syntaxes whose values are text, so that any rule for text compares them."""


def fix_attribute(draft: Draft, book: Book) -> None:
    """Let an attribute type say what the target takes."""
    fix_matching(draft, book)
    _fix_syntax(draft, book)
    _tell_misfits(draft, book)


def _fix_syntax(draft: Draft, book: Book) -> None:
    element = draft.element
    assert isinstance(element, AttributeType)
    written = element.syntax
    if written is None:
        if element.superior is None:
            _set_syntax(draft, book, "missing", "it has neither SYNTAX nor SUP")
        return
    if written.lower() in book.target.syntaxes:
        return
    if written in _REPLACED:
        new, name = _REPLACED[written]
        book.note("warning", draft, "syntax", f"SYNTAX {written} ({name}): OUD does not know it", f"SYNTAX {new}")
        draft.change(syntax=new)
    elif written.lower() in _NAMED:
        new = _NAMED[written.lower()]
        book.note("warning", draft, "syntax", f"SYNTAX {written} is a name, no OID", f"SYNTAX {new}")
        draft.change(syntax=new)
    else:
        what = "OUD does not know it" if NUMERIC_OID.fullmatch(written) else "is a name, no OID"
        _set_syntax(draft, book, "unknown", f"SYNTAX {written}: {what}")


def _set_syntax(draft: Draft, book: Book, how: str, reason: str) -> None:
    """The syntax that the equality rule compares, or Directory String."""
    element = draft.element
    assert isinstance(element, AttributeType)
    rule = book.target.rules.get(element.equality.lower()) if element.equality else None
    new = rule.syntax if rule else DIRECTORY_STRING
    because = f", which {rule.name} compares" if rule else ", for want of a rule that tells it"
    book.note("warning", draft, f"syntax-{how}", reason, f"SYNTAX {new}{because}; check the values")
    draft.change(syntax=new)


def fix_usage(draft: Draft, book: Book) -> None:
    """What goes with its usage, which may have become that of its superior."""
    element = draft.element
    assert isinstance(element, AttributeType)
    if element.no_user_modification and element.usage == "userApplications":
        book.note(
            "warning", draft, "no-user-modification",
            "NO-USER-MODIFICATION is for operational attributes, and this is none",
            "removed; whoever may write the attribute can change it",
        )  # fmt: skip
        draft.change(no_user_modification=False)
    if element.collective and (element.usage != "userApplications" or element.single_valued):
        what = "an operational" if element.usage != "userApplications" else "a single-valued"
        book.note("warning", draft, "collective", f"{what} attribute cannot be COLLECTIVE", "COLLECTIVE removed")
        draft.change(collective=False)


def _tell_misfits(draft: Draft, book: Book) -> None:
    """Rules that compare another syntax: what a server makes of them differs, and no fix is certain."""
    element = draft.element
    assert isinstance(element, AttributeType)
    if element.syntax is None:
        return
    for slot, written in (("equality", element.equality), ("ordering", element.ordering)):
        rule = book.target.rules.get(written.lower()) if written else None
        if rule is None or rule.syntax == element.syntax or {rule.syntax, element.syntax} <= _TEXTS:
            continue
        if rule.syntax == OCTET_STRING or rule.name.endswith("FirstComponentMatch"):
            continue
        book.note(
            "warning", draft, "misfit",
            f"{CLAUSES[slot]} {rule.name} compares {rule.syntax}, "  # type: ignore[index]  # one of the two above
            f"the attribute's syntax is {element.syntax}",
            "kept; some servers refuse it",
        )  # fmt: skip
