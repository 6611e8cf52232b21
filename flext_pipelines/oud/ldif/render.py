"""Records as the bytes that are written.

What belongs here: the lines of each kind of record, and which raw lines may be written as they are. What does not:
files (``writer``), one line (``lines``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flext_pipelines.oud.ldif import grammar
from flext_pipelines.oud.ldif.lines import FOLD, folded, line_of, marked_lines, needs_base64, with_folds, without_folds
from flext_pipelines.oud.ldif.parse import Attribute, Control, Modification, Rename
from flext_pipelines.oud.ldif.record import Record

_SPACE = ord(" ")
_SPACE_AT_END = re.compile(rb" \n").search


def entry_bytes(dn: bytes, attributes: Iterable[Attribute], fold: int = FOLD) -> bytes:
    """A content record."""
    return b"\n".join([line_of(b"dn", dn, fold), *[line_of(name, value, fold) for name, value in attributes]])


def add_bytes(dn: bytes, attributes: Iterable[Attribute], controls: Iterable[Control] = (), fold: int = FOLD) -> bytes:
    """A change record that adds an entry."""
    lines = [line_of(name, value, fold) for name, value in attributes]
    return b"\n".join([*_change_head(dn, b"add", controls, fold), *lines])


def delete_bytes(dn: bytes, controls: Iterable[Control] = (), fold: int = FOLD) -> bytes:
    """A change record that deletes an entry."""
    return b"\n".join(_change_head(dn, b"delete", controls, fold))


def modify_bytes(dn: bytes, steps: Iterable[Modification], controls: Iterable[Control] = (), fold: int = FOLD) -> bytes:
    """A change record that modifies an entry."""
    lines = _change_head(dn, b"modify", controls, fold)
    for step in steps:
        lines.append(line_of(step.operation.encode(), step.name, fold))
        lines += [line_of(step.name, value, fold) for value in step.values]
        lines.append(b"-")
    return b"\n".join(lines)


def rename_bytes(
    dn: bytes, rename: Rename, controls: Iterable[Control] = (), fold: int = FOLD, *, kind: str = "modrdn"
) -> bytes:
    """A change record that renames or moves an entry."""
    lines = _change_head(dn, kind.encode(), controls, fold)
    lines.append(line_of(b"newrdn", rename.new_rdn, fold))
    lines.append(b"deleteoldrdn: 1" if rename.delete_old_rdn else b"deleteoldrdn: 0")
    if rename.new_superior is not None:
        lines.append(line_of(b"newsuperior", rename.new_superior, fold))
    return b"\n".join(lines)


def _change_head(dn: bytes, kind: bytes, controls: Iterable[Control], fold: int) -> list[bytes]:
    lines = [line_of(b"dn", dn, fold)]
    for control in controls:
        head = b"control: " + control.oid.encode() + (b" true" if control.critical else b" false")
        lines.append(folded(head if control.value is None else line_of(head, control.value, 0), fold))
    return [*lines, b"changetype: " + kind]


def rebuilt(record: Record, fold: int = FOLD) -> bytes:
    """A record made anew from what it says."""
    kind = record.changetype
    if kind is None:
        return entry_bytes(record.dn, record.attributes(), fold)
    if kind == "add":
        return add_bytes(record.dn, record.attributes(), record.controls, fold)
    if kind == "delete":
        return delete_bytes(record.dn, record.controls, fold)
    if kind == "modify":
        return modify_bytes(record.dn, record.changes, record.controls, fold)
    assert record.rename is not None
    return rename_bytes(record.dn, record.rename, record.controls, fold, kind=kind)


def record_bytes(record: Record, fold: int = FOLD) -> bytes:
    """A record as it is written, without a line end at its end: as it was read, as far as RFC 2849 allows."""
    raw = record.raw
    if not record.refers:
        if raw.isascii() and raw[-1] != _SPACE and (_SPACE_AT_END(raw) is None or _SPACE_AT_END(record.text) is None):
            return raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw
        if record.changetype is None:
            return b"\n".join([_permitted(line, fold) for line in marked_lines(raw)])
    return rebuilt(record, fold)


def _permitted(marked: bytes, fold: int) -> bytes:
    """A line of content as it stood, or made anew when it may not be written so."""
    line = without_folds(marked)
    if line.startswith(b"#"):
        return line.decode("utf-8", "backslashreplace").encode("ascii", "backslashreplace").rstrip(b" ")
    found = grammar.LINE.fullmatch(line)
    if found is not None and found.group(2) is None and needs_base64(found.group(4)):
        return line_of(found.group(1), found.group(4), fold)
    return with_folds(marked)
