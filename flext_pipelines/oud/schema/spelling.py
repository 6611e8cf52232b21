"""How definitions are spelled: what OID allows in names, OIDs and descriptions, and RFC 4512 does not.

What belongs here: fixes that look at one definition alone and at no meaning of it. What does not: syntaxes and
matching rules (``attributes``), classes (``classes``), and what other definitions say (``closure``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flext_pipelines.oud.schema.elements import several
from flext_pipelines.oud.schema.scanner import DESCR, NUMERIC_OID

if TYPE_CHECKING:
    from flext_pipelines.oud.schema.drafts import Book, Draft
    from flext_pipelines.oud.schema.findings import Severity
    from flext_pipelines.oud.schema.scanner import Oddity

_NAME_OID = re.compile(r"[A-Za-z][A-Za-z0-9-]*-oid", re.IGNORECASE)
_NO_DESCRIPTION = frozenset({"none", "null"})
_SERVER_EXTENSIONS = frozenset({"X-SCHEMA-FILE"})
"""The file that a server keeps a definition in: written by the server itself."""

_GUESSED = frozenset({"lone-quote", "list", "length", "twice", "latin-1"})
"""Oddities that could have meant something else."""


def fix_spelling(draft: Draft, oddities: tuple[Oddity, ...], book: Book, renames: Mapping[str, str]) -> bool:
    """Spell a definition as RFC 4512 does; False when it cannot be carried.

    Args:
        draft: It.
        oddities: What its reading met.
        book: Where remarks go.
        renames: New names that the site gives, by the old ones in lower case.
    """
    for odd in oddities:
        severity: Severity = "warning" if odd.code in _GUESSED else "info"
        book.note(severity, draft, odd.code, f"{odd.reason} (column {odd.column} of the definition)", odd.fix)
    _fix_description(draft, book)
    return _fix_oid(draft, book) and _fix_names(draft, book, renames)


def _fix_description(draft: Draft, book: Book) -> None:
    description = draft.element.description
    if description is not None and description.strip().lower() in _NO_DESCRIPTION:
        book.note("info", draft, "description", f"the description is {description!r}", "left out")
        draft.change(description=None)
    kept = tuple(one for one in draft.element.extensions if one[0] not in _SERVER_EXTENSIONS and one[1])
    if kept != draft.element.extensions:
        gone = [name for name, values in draft.element.extensions if (name, values) not in kept]
        book.note("info", draft, "extension", f"{several(gone)} belongs to another server or is empty", "left out")
        draft.change(extensions=kept)


def _fix_oid(draft: Draft, book: Book) -> bool:
    oid = draft.element.oid
    if NUMERIC_OID.fullmatch(oid):
        return True
    if _NAME_OID.fullmatch(oid):
        book.note(
            "warning", draft, "oid", f"the OID is {oid!r}: OUD and 389 take it, other servers and RFC 4512 do not",
            "kept; register an OID for it",
        )  # fmt: skip
        return True
    book.drop("error", draft, "oid", f"{oid!r} is no numeric OID; give it one in the source or in the file")
    return False


def _fix_names(draft: Draft, book: Book, renames: Mapping[str, str]) -> bool:
    """Names that a server takes. Data must follow each name that changes."""
    fixed: list[str] = []
    bad: list[str] = []
    seen: set[str] = set()
    for name in draft.element.names:
        wanted = _named(draft, name, book, renames)
        if not DESCR.fullmatch(wanted):
            bad.append(name)
        elif wanted.lower() not in seen:
            seen.add(wanted.lower())
            fixed.append(wanted)
    if bad and not fixed:
        book.drop("error", draft, "name", f"{_listed(bad)} is no name: a letter, then letters, digits and hyphens")
        return False
    if bad:
        book.note(
            "warning", draft, "name", f"{_listed(bad)} is no name: a letter, then letters, digits and hyphens",
            f"left out; data that use it are renamed to {fixed[0]}",
        )  # fmt: skip
        for name in bad:
            book.rename(draft, name, fixed[0])
    if not fixed:
        book.note("warning", draft, "nameless", "it has no name; only its OID can be used", "kept")
    draft.change(names=tuple(fixed))
    return True


def _named(draft: Draft, name: str, book: Book, renames: Mapping[str, str]) -> str:
    """One name as it will be written."""
    wanted, _, options = name.strip().partition(";")
    if options:
        book.note("info", draft, "name-option", f"the name {name} has an option", f"named {wanted}")
    if wanted.lower() in renames:
        new = renames[wanted.lower()]
        book.note("info", draft, "renamed", f"the site's rules rename {wanted}", f"named {new}")
        book.rename(draft, wanted, new)
        return new
    if "_" in wanted:
        new = wanted.replace("_", "-")
        if DESCR.fullmatch(new):
            book.note(
                "warning", draft, "underscore", f"the name {wanted} has an underscore, which OUD refuses",
                f"named {new}; data and access values that use it are renamed too",
            )  # fmt: skip
            book.rename(draft, wanted, new)
            return new
    return wanted


def _listed(names: list[str]) -> str:
    return several([repr(name) for name in names])
