"""What a value that is no directive may have denied.

OID denies by words only: ``none``, and each permission with ``no`` in front. A value that has such a word in a list of
permissions is taken to deny everybody everything that its object is about, or every attribute, or all rights on
entries, or everything at all, as far as the object can be read: whatever it said, nobody is granted more. A value that
has none can have denied nothing by its text, but what is cut off from it can; the grants that it may have narrowed are
listed then, and a person decides.

What belongs here: supposing these denials. What does not: reading directives (``orclaci_parser``).
"""

from __future__ import annotations

import re

from flext_pipelines.errors import AciSyntaxError
from flext_pipelines.oud.acl.orclaci import PERMISSIONS, AttributeList, Clause, Entity, OrclAci
from flext_pipelines.oud.acl.orclaci_parser import parse_orclaci

_KNOWN = "|".join(["none", *(f"no{right}" for right in PERMISSIONS)])
_DENIAL = re.compile(rf"\b(?:{_KNOWN})\b|[(,]\s*no[a-z]+\s*(?=[,)]|$)", re.IGNORECASE)
"""A word that denies, anywhere; or one that looks so in a list."""
_QUOTED = re.compile(r'"[^"]*"')
_ABOUT = re.compile(r"\s*access\s+to\s+(entry|attr)\b", re.IGNORECASE)
_BY = re.compile(r"\bby\b", re.IGNORECASE)
_EVERYBODY = (Clause(Entity("*"), ("none",)),)


def supposed_denials(text: str) -> tuple[OrclAci, ...]:
    """The directives that deny all that an unreadable value may deny; none when it has no word of denial."""
    if _DENIAL.search(_QUOTED.sub('""', text)) is None:
        return ()
    by = _BY.search(_QUOTED.sub(lambda match: " " * len(match.group()), text))
    if by is not None:
        try:
            return (parse_orclaci(f"{text[: by.start()]} by * (none)"),)
        except AciSyntaxError:
            pass
    about = _ABOUT.match(text)
    both = {"entry": OrclAci(None, _EVERYBODY), "attr": OrclAci(AttributeList("all"), _EVERYBODY)}
    return (both[about.group(1).lower()],) if about is not None else tuple(both.values())
