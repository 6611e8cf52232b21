"""An entry's own name in the target, and the value that it gives to the naming attribute.

What belongs here: names of single entries under a known parent. What does not: parents and bases (``places``).
"""

from __future__ import annotations

from flext_pipelines.oud.entries.outcome import Note
from flext_pipelines.oud.entries.places import Named, Place
from flext_pipelines.oud.entries.repeated import text_key
from flext_pipelines.oud.entries.values import Findings, RefusedError, value_of
from flext_pipelines.oud.ldif.edit import edited
from flext_pipelines.oud.ldif.lines import line_of
from flext_pipelines.oud.ldif.record import Record


def under(place: Place, rdn: bytes) -> tuple[bytes, bytes | None, int]:
    """Key, new name and depth of an entry under a parent; no new name when it keeps its own."""
    key = rdn.lower()
    dn = place.dn
    if dn is not None:
        dn = rdn + b"," + dn if dn else rdn
    return (key + b"," + place.key if place.key else key), dn, place.depth + 1


def with_new_name(record: Record, named: Named) -> Record:
    """An entry whose RDN changes, with the new value in place of the old one, as a rename does it.

    An old value of another attribute stays: a class may demand it.
    """
    new = dict(named.pairs)
    replaced = {}
    for name, value in named.old:
        if name in new:
            wanted = text_key(value)
            left = [one for one in record.values(name) if text_key(one) != wanted]
            replaced[name] = [new[name], *left]
    return edited(record, replace=replaced) if replaced else record


def naming_line(name: bytes, value: bytes, stand: list[bytes], findings: Findings, *, adds: bool) -> tuple[bytes, ...]:
    """The line of a value that the RDN gives, when it is not there.

    Args:
        name: The naming attribute.
        value: Its value in the name.
        stand: Its lines in the entry.
        findings: Told of a value that is added.
        adds: The rules let it be added.

    Raises:
        RefusedError: The rules refuse the entry for it.
    """
    wanted = text_key(value)
    if any(text_key(value_of(line)) == wanted for lines in stand if lines for line in lines.split(b"\n")):
        return ()
    attribute = name.decode()
    if not adds:
        raise RefusedError("rdn-value", f"the entry has no {attribute} with the value that its name gives; add it, "
                           "or let names.missing_rdn_value do it")  # fmt: skip
    findings.notes.append(Note("rdn-value-added", attribute, f"the value of {attribute} that the name gives "
                                     "is added"))  # fmt: skip
    return (line_of(name, value),)
