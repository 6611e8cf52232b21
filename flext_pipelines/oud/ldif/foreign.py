"""What a file is that is handed over as LDIF and is not: named, with advice on how to get LDIF.

What belongs here: recognising the beginning of a file. What does not: faults inside a file that is LDIF (``parse``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEAD = 4096
"""Bytes of a file's beginning that are looked at."""

_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "is compressed with gzip", "Unpack it first: gunzip"),
    (b"BZh", "is compressed with bzip2", "Unpack it first: bunzip2"),
    (b"\xfd7zXZ", "is compressed with xz", "Unpack it first: unxz"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", "Unpack it first: unzstd"),
    (b"PK\x03\x04", "is a zip archive", "Unpack it first: unzip"),
    (b"\xff\xfe", "is text in UTF-16", "Convert it first: iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "is text in UTF-16", "Convert it first: iconv -f UTF-16 -t UTF-8"),
    (b"\x7fELF", "is a program", "Name the LDIF file"),
    (b"%PDF", "is a PDF document", "Name the LDIF file"),
    (b"<?xml", "is XML", "Export as LDIF; DSML is not read"),
)
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_DN_LIKE = re.compile(rb"[A-Za-z][A-Za-z0-9.-]* *= *[^,\n]+(?:,.*)?\r?")
_ASSIGNMENT = re.compile(rb"[A-Za-z][A-Za-z0-9_;.-]*=.*")


class Foreign(NamedTuple):
    """What a file is instead of LDIF.

    Attributes:
        reason: "is compressed with gzip".
        instruction: What to do to get LDIF.
    """

    reason: str
    instruction: str


def packed(head: bytes) -> Foreign | None:
    """What a file is whose first bytes are these; None when it may be text."""
    for magic, reason, instruction in _MAGIC:
        if head.startswith(magic):
            return Foreign(reason, instruction)
    return None


def listing(text: bytes) -> Foreign | None:
    """What a file is whose first record begins so; None when it may be LDIF.

    Args:
        text: From the first line that is neither empty nor a comment; at most ``HEAD`` bytes are looked at.
    """
    first = _EMPTY_LINE.split(text[:HEAD], maxsplit=1)[0]
    lines = [line for line in first.split(b"\n") if line.strip() and not line.startswith(b"#")]
    if lines and _is_oid_listing(lines):
        return Foreign(
            "is the listing that OID's ldapsearch prints without -L, not LDIF: a DN without `dn:`, then attr=value",
            "Export again with ldapsearch -L, or with ldifwrite",
        )
    return None


def _is_oid_listing(lines: list[bytes]) -> bool:
    """Whether the first line is a bare DN and the next, if there is one, ``attr=value``."""
    first, rest = lines[0], lines[1:2]
    if not _DN_LIKE.fullmatch(first) or b":" in first.partition(b"=")[0]:
        return False
    return all(_ASSIGNMENT.match(line) and b":" not in line.partition(b"=")[0] for line in rest)
