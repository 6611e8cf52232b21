"""How one line of LDIF is written: base64 where RFC 2849 needs it, folding.

What belongs here: one name and one value. What does not: records and files (``writer``).
"""

from __future__ import annotations

import binascii
import re
from functools import partial

FOLD = 78
"""Columns of a line, the leading space of a continuation included: OID's own width. RFC 2849 asks for at most 76
where people read; 0 folds nothing."""

# A value that ends with a space is legal and is lost by editors and by other readers (go-ldap/ldif issue 23).
_NEEDS_BASE64 = re.compile(rb"\A[ :<]|[\0\n\r\x80-\xff]| \Z")


def needs_base64(value: bytes) -> bool:
    """Whether a value cannot stand as it is."""
    return _NEEDS_BASE64.search(value) is not None


def line_of(name: bytes, value: bytes, fold: int = FOLD) -> bytes:
    """``name: value`` or ``name:: base64``, folded, without a line end."""
    if not value:
        line = name + b":"
    elif _NEEDS_BASE64.search(value):
        line = name + b":: " + binascii.b2a_base64(value, newline=False)
    else:
        line = name + b": " + value
    return line if not fold or len(line) <= fold else folded(line, fold)


def folded(line: bytes, fold: int) -> bytes:
    """A line in pieces of ``fold`` columns, each but the first behind a space."""
    if not fold or len(line) <= fold:
        return line
    step = fold - 1
    return line[:fold] + b"".join([b"\n " + line[at : at + step] for at in range(fold, len(line), step)])


unfolded = partial(re.compile(rb"\n ").sub, b"")
"""Lines parted by LF with their continuations joined. As a pattern because that is twice as fast as bytes.replace."""

FOLD_MARK = b"\0"
"""Stands for a fold while lines are taken apart; no record holds it itself."""


def marked_lines(raw: bytes) -> list[bytes]:
    """The lines of a record, continuations joined with a mark where they were folded."""
    return (raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw).replace(b"\n ", FOLD_MARK).split(b"\n")


def with_folds(marked: bytes) -> bytes:
    """One or several marked lines as they stood in the file."""
    return marked.replace(FOLD_MARK, b"\n ")


def without_folds(marked: bytes) -> bytes:
    """A marked line as it is meant."""
    return marked.replace(FOLD_MARK, b"")
